"""The text side of LCDA: the form of the paper's Table 1, the chances of each step, what is never touched."""

import numpy as np
import pytest
from scipy import stats

from sfumato.augmentation.augment import augment
from sfumato.errors import InputError

FULL, ENDS = "。，！？；：", "。？！"
TITLE = "两天价网站背后重重迷雾：做个网站究竟要多少钱"
# Table 1 of the paper, with its marks as full-width ones and without the blanks of the page's layout. The fourth
# copy, in which a character of the title is missing, is left out.
TABLE_1 = [
    "两：天价网站背后重重迷雾，，做个网站究竟要多少钱。",
    "两！天价网站背后重！重迷雾：做个网站：究竟要多少钱？",
    "两天价网。站背后重重迷，雾，；做个网站究竟要多少。钱？",
]


def steps_of(copy):
    """Marks put in before each character, the mark in place of the title's one, and the marks at the end."""
    inside, before, at = [], "", 0
    characters = TITLE.replace("：", "")
    for letter in copy:
        if letter in FULL:
            before += letter
        else:
            assert letter == characters[at]
            inside.append(before)
            before, at = "", at + 1
    assert at == len(characters)
    return inside, before


def test_copies_have_the_form_of_table_1():
    ours = [steps_of(copy) for (copy,) in augment([TITLE] * 2000, "lcda-text")]
    colon = TITLE.index("：")
    forms = {(len(before[colon]), len(end), end in ENDS) for before, end in ours}
    for copy in TABLE_1:
        before, end = steps_of(copy)  # all its characters, in order
        assert (len(before[colon]), len(end), end in ENDS) in forms
        assert before[colon]  # the mark of the title stays or is replaced, and is never lost
    assert all(before[colon] and len(end) == 1 and end in ENDS for before, end in ours)
    sizes = [sum(map(len, before)) for before, _ in ours]
    table_sizes = [sum(map(len, steps_of(copy)[0])) for copy in TABLE_1]
    assert np.quantile(sizes, 0.01) <= min(table_sizes)
    assert max(table_sizes) <= np.quantile(sizes, 0.99)


def test_marks_are_put_and_replaced_with_their_chances():
    copies = [steps_of(copy) for (copy,) in augment([TITLE] * 2500, "lcda-text", insert_prob=0.3, replace_prob=0.6)]
    colon = TITLE.index("：")
    plain = [before[:colon] + before[colon + 1 :] for before, _ in copies]
    put = [mark for before in plain for mark in before]
    assert stats.binomtest(sum(map(bool, put)), len(put), 0.3).pvalue > 1e-3
    assert stats.chisquare([sum(mark == m for mark in put) for m in FULL]).pvalue > 1e-3
    first = [bool(before[0]) for before, _ in copies]
    assert stats.binomtest(sum(first), len(first), 0.3).pvalue > 1e-3
    stays = [steps_of(c)[0][colon] for (c,) in augment([TITLE] * 2500, "lcda-text", insert_prob=0, replace_prob=0.6)]
    assert stats.binomtest(sum(mark == "：" for mark in stays), 2500, 0.4 + 0.6 / 6).pvalue > 1e-3
    ends = [end for _, end in copies]
    assert stats.chisquare([sum(end == mark for end in ends) for mark in ENDS]).pvalue > 1e-3


def test_nothing_is_drawn_where_the_chances_are_none():
    made = augment([TITLE], "lcda-text", insert_prob=0, replace_prob=0, complete_end=False)
    assert made[0] == [TITLE]
    assert made.unchanged == 1
    assert augment([TITLE], "lcda-text", insert_prob=0, replace_prob=0, end_marks="。")[0] == [TITLE + "。"]
    assert augment(["天"], "lcda-text", insert_prob=1, replace_prob=0, marks="，", end_marks="。")[0] == ["，天。"]


@pytest.mark.parametrize("text", ["好。", "好？", "好！”", "好……", "好.", "好？」"])
def test_a_sentence_that_is_complete_gets_no_further_mark(text):
    assert augment([text], "lcda-text", insert_prob=0, replace_prob=0)[0] == [text]


def test_a_last_mark_is_replaced_by_one_that_ends_a_sentence_and_blanks_stay_behind_it():
    copies = {copy for (copy,) in augment(["好，好？"] * 300, "lcda-text", insert_prob=0, replace_prob=1)}
    assert {copy[-1] for copy in copies} == set(ENDS)
    assert {copy[1] for copy in copies} == set(FULL)
    assert augment(["你好 "], "lcda-text", insert_prob=0, end_marks="。")[0] == ["你好。 "]
    assert augment(["他说“好”"], "lcda-text", insert_prob=0, end_marks="。")[0] == ["他说“好”。"]


def test_ascii_tokens_are_never_opened_and_their_marks_never_replaced():
    tokens = ["3.5", "www.a.com/x?y=1", "iPhone-4S", "C++", "98%"]
    text = "价格3.5元，见www.a.com/x?y=1的iPhone-4S和C++，98%折"
    for (copy,) in augment([text] * 500, "lcda-text", insert_prob=0.5, replace_prob=1):
        assert all(token in copy for token in tokens)
    opened = augment([text] * 100, "lcda-text", insert_prob=0.9, replace_prob=1, protect="none")
    assert any("3.5" not in copy for (copy,) in opened)


def test_english_gets_its_own_marks_and_its_words_stay_whole():
    for (copy,) in augment(["Hello world, it is 3.5 km"] * 200, "lcda-text"):
        assert [w.strip(".,!?;:") for w in copy.split()] == ["Hello", "world", "it", "is", "3.5", "km"]
        assert copy[-1] in ".?!"


def test_it_says_that_it_is_a_reconstruction():
    assert "reconstruction" in augment([TITLE], "lcda-text").report()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"insert_prob": 1.5}, "insert_prob must be at least 0 and at most 1, got 1.5"),
        ({"replace_prob": -1}, "replace_prob must be"),
        ({"insert_prob": "x"}, "insert_prob must be a number"),
        ({"marks": ["。。"]}, "each of marks must be one character"),
        ({"protect": "("}, "protect must be 'ascii', 'none' or a regular expression"),
        ({"unit": "word"}, "no option 'unit'"),
    ],
)
def test_bad_options_are_named(options, said):
    with pytest.raises(InputError, match=said):
        augment([TITLE], "lcda-text", **options)
