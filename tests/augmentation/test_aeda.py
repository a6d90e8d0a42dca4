"""AEDA, beside plain loops written from its description."""

import random
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from sfumato.augmentation.aeda import most_marks
from sfumato.augmentation.augment import augment
from sfumato.errors import InputError

MARKS = ".,!?;:"


def by_the_book(text, generator):
    """One copy, word by word."""
    words = text.split(" ")
    q = generator.randint(1, int(0.3 * len(words)) + 1)
    chosen = generator.sample(range(len(words)), q)
    written = []
    for place, word in enumerate(words):
        if place in chosen:
            written.append(generator.choice(MARKS))
        written.append(word)
    return " ".join(written)


def marks_of(copy, count):
    """The word before which each mark stands, and the marks, of a copy of "w0 w1 ..."."""
    places, marks, word = [], [], 0
    for token in copy.split(" "):
        if token in MARKS:
            places.append(word)
            marks.append(token)
        else:
            assert token == f"w{word}"
            word += 1
    assert word == count
    return tuple(places), tuple(marks)


def alike(one, other):
    """p of the hypothesis that two samples come from one distribution; values seen less than 20 times are joined."""
    counts, others = Counter(one), Counter(other)
    rare = {value for value in counts | others if counts[value] + others[value] < 20}
    table = [[c[v] for v in counts | others if v not in rare] + [sum(c[v] for v in rare)] for c in (counts, others)]
    kept = np.array(table)[:, np.sum(table, axis=0) > 0]
    return stats.chi2_contingency(kept).pvalue


@pytest.mark.parametrize("count", [1, 4, 7])
def test_places_and_marks_are_distributed_as_by_the_book(count):
    text, generator = " ".join(f"w{k}" for k in range(count)), random.Random(0)
    ours = [marks_of(copy, count) for (copy,) in augment([text] * 6_000)]
    theirs = [marks_of(by_the_book(text, generator), count) for _ in range(6_000)]
    assert alike([p for p, _ in ours], [p for p, _ in theirs]) > 1e-3
    assert alike(ours, theirs) > 1e-3
    assert alike([m for _, m in ours], [m for _, m in theirs]) > 1e-3
    if count == 7:  # the test sees a distribution that is not the same
        assert alike([p for p, _ in ours], [p for p, _ in theirs if p != (0,)]) < 1e-3


def test_a_text_of_33_words_gets_1_to_10_marks_equally_often():
    text = " ".join(f"w{k}" for k in range(33))
    places = [marks_of(copy, 33)[0] for (copy,) in augment([text] * 4_000)]
    sizes = np.bincount([len(p) for p in places])
    assert sizes[0] == 0
    assert len(sizes) == 11
    assert stats.chisquare(sizes[1:]).pvalue > 1e-3
    assert stats.chisquare(np.bincount([place for p in places for place in p], minlength=33)).pvalue > 1e-3


# By hand: floor(0.3 n) + 1, as in the authors' code, and floor(n / 3), as in the paper.
LENGTHS = [1, 2, 3, 4, 7, 10, 33, 100]
MOST = {"reference": [1, 1, 1, 2, 3, 4, 10, 31], "paper": [0, 0, 1, 1, 2, 3, 11, 33]}


@pytest.mark.parametrize("preset", MOST)
def test_the_largest_number_of_marks_by_length(preset):
    ratio = {"reference": 0.3, "paper": 1 / 3}[preset]
    assert most_marks(np.array(LENGTHS), ratio=ratio, preset=preset).tolist() == MOST[preset]
    for count, most in zip(LENGTHS, MOST[preset], strict=True):
        copies = augment([" ".join(f"w{k}" for k in range(count))] * 400, preset=preset)
        assert max(len(marks_of(copy, count)[0]) for (copy,) in copies) == most
        assert copies.unchanged == (400 if most == 0 else 0)


def test_the_words_stay_in_order_and_no_two_marks_touch_unless_places_are_replaced():
    text = " ".join(f"w{k}" for k in range(6))
    plain = [marks_of(copy, 6)[0] for (copy,) in augment([text] * 2000)]
    assert all(len(set(p)) == len(p) and max(p) < 6 for p in plain)
    ends = [marks_of(copy, 6)[0] for (copy,) in augment([text] * 2000, allow_end=True)]
    assert any(max(p) == 6 for p in ends)
    assert all(len(set(p)) == len(p) for p in ends)
    again = [marks_of(copy, 6)[0] for (copy,) in augment([text] * 2000, replacement=True)]
    assert any(len(set(p)) < len(p) for p in again)
    assert all(list(p) == sorted(p) for p in again)
    assert all(max(p) < 6 for p in again)


def test_options_of_marks_and_ratio():
    copies = augment(["a b c d e f g h i j"] * 200, marks=["--", "…"], ratio=1.0)
    assert {token for (copy,) in copies for token in copy.split() if not token.isalpha()} == {"--", "…"}
    assert max(len(copy.split()) for (copy,) in copies) == 20
    assert all(len(copy.split()) == 11 for (copy,) in augment(["a b c d e f g h i j"] * 200, ratio=0.01))


def test_chinese_gets_full_width_marks_without_blanks():
    text = "两天价网站背后重重迷雾"
    for (copy,) in augment([text] * 300):
        assert "".join(c for c in copy if c not in "。，！？；：") == text
        assert 1 <= len(copy) - len(text) <= 4
        assert copy[-1] == "雾"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ratio": 0}, "ratio must be more than 0"),
        ({"ratio": 1.5}, "at most 1"),
        ({"preset": "papr"}, "did you mean 'paper'"),
        ({"marks": ""}, "marks must be a string of marks"),
        ({"marks": [".", " "]}, "marks must be"),
        ({"marks": 5}, "marks must be"),
        ({"rato": 0.1}, "did you mean 'ratio'"),
    ],
)
def test_bad_options_are_named(options, said):
    with pytest.raises(InputError, match=said):
        augment(["a b"], **options)
