"""Texts to units and back: words as the reference has them, characters that stay whole, and what is no text."""

import importlib.util
import re

import numpy as np
import pytest

from sfumato.augmentation.augment import augment
from sfumato.augmentation.units import mostly_cjk, split_texts
from sfumato.errors import InputError, MissingExtraError

FAMILY, THUMB, FLAGS = "👨\u200d👩\u200d👧", "👍🏽", ["🇩🇪", "🇫🇷"]


def units_of(text, unit, **options):
    ((_, block),) = split_texts([text], unit, **options)
    (units,) = block.units()
    return units


@pytest.mark.parametrize(
    "text", ["one two", "a  b", " a", "a ", "tab\tinside a\nline", "x", "é à", "no-break\u00a0blank it"]
)
def test_words_are_those_between_single_blanks(text):
    assert units_of(text, "word") == text.split(" ")


@pytest.mark.parametrize("text", ["", " ", "   ", "\t\n", "\u3000"])
@pytest.mark.parametrize("unit", ["word", "character", "auto", list])
def test_a_text_of_blanks_has_no_units(text, unit):
    assert units_of(text, unit) == []


def test_characters_stand_alone_and_tokens_of_other_scripts_stay_whole():
    text = "我的iPhone价格3.5元，见www.a.com/x?y=1！C++ 98%折"
    expected = [*"我的", "iPhone", *"价格", "3.5", *"元，见", "www.a.com/x?y=1", "！", "C++", " 98%", "折"]
    assert units_of(text, "auto") == expected
    assert units_of("价格3.5元", "character", protect="none") == [*"价格", "3", ".", *"5元"]
    assert units_of("价格3.5元", "character", protect="格3") == ["价", "格3", ".", *"5元"]
    assert units_of("счёт-фактура２０号café", "character") == ["счёт", "-", "фактура２０", "号", "café"]


def test_what_combines_stays_together():
    assert units_of(f"cafe\u0301好{FAMILY}{THUMB}{''.join(FLAGS)}1\ufe0f\u20e3", "character") == [
        "cafe\u0301", "好", FAMILY, THUMB, *FLAGS, "1\ufe0f\u20e3"
    ]  # fmt: skip
    assert units_of("ﾎﾟｹ", "character") == ["ﾎﾟ", "ｹ"]
    assert units_of("\ud83d\ude00好\ud83d", "character") == ["\ud83d\ude00", "好", "\ud83d"]
    assert units_of("हिन्दी में", "character") == ["हिन्दी", " में"]


def test_a_blank_goes_with_the_unit_after_it_and_the_last_ones_with_the_last():
    assert units_of("原因 不  错 ", "auto") == ["原", "因", " 不", "  错 "]


def test_neighbouring_texts_do_not_run_into_each_other():
    texts = ["我 a", "b是", "🇩🇪好的", "", "\u0301我们", "3.", "5我们"]
    found = {}
    for index, block in split_texts(texts, "character"):
        found |= dict(zip(index.tolist(), block.units(), strict=True))
    assert [found[i] for i in range(len(texts))] == [units_of(text, "character") for text in texts]


def test_auto_takes_characters_where_more_than_three_tenths_of_the_letters_are_han_or_kana():
    texts = ["abcdefg天天天", "abcdef天天天天", "12345678天", "한국어 天", "楽しい", "English", ""]
    assert mostly_cjk(texts).tolist() == [False, True, True, False, True, False, False]
    assert units_of("한국어 좋아요", "auto") == ["한국어", "좋아요"]
    assert units_of("한국어", "character") == [*"한국어"]
    assert units_of("hi 天天天天", "word") == ["hi", "天天天天"]


def test_a_function_of_the_user_is_joined_as_it_fits():
    assert units_of("a b  c", str.split) == ["a", "b", "c"]
    assert units_of("abc", list) == ["a", "b", "c"]
    (copy,) = augment(["a b  c"], unit=str.split)[0]
    assert [word for word in copy.split(" ") if word.isalpha()] == ["a", "b", "c"]
    mixed = ["abc", "a b"]  # one text is joined without blanks, the other with
    both = augment(mixed, unit=lambda text: text.split() if " " in text else list(text), copies=3)
    assert both[0] == augment(mixed[:1], unit=list, copies=3)[0]
    assert both[1] == augment(mixed[1:], unit=str.split, copies=3, rows=[1])[0]


@pytest.mark.parametrize("method", ["aeda", "eda"])
def test_a_function_of_the_user_may_drop_marks_and_find_no_unit(method):
    texts = ["?!", "", "so, it is", "Oh!", "not, at all", " "]
    made = augment(texts, method, unit=lambda text: re.findall(r"\w+", text), copies=5)
    assert [made[k] for k in (0, 1, 5)] == [[texts[k]] * 5 for k in (0, 1, 5)]  # nothing to change
    for k, words in ((2, {"so", "it", "is"}), (3, {"Oh"}), (4, {"not", "at", "all"})):
        assert all(set(re.findall(r"\w+", copy)) <= words for copy in made[k])


def test_a_function_that_returns_no_strings_is_refused():
    for wrong in (lambda text: [1, 2], lambda text: "abc"):
        with pytest.raises(InputError, match="must return a list of strings"):
            augment(["abc"], unit=wrong)


def test_an_unknown_unit_is_named_with_the_nearest_one():
    with pytest.raises(InputError, match=r"no unit 'jieba' \(did you mean 'rjieba'"):
        augment(["a"], unit="jieba")


def test_words_found_by_rjieba_or_the_command_that_installs_it():
    if importlib.util.find_spec("rjieba") is None:
        with pytest.raises(MissingExtraError, match=r"pip install 'sfumato\[zh\]'"):
            augment(["我们"], unit="rjieba")
        return
    units = units_of("两天价网站背后 重重迷雾 ", "rjieba")
    assert "".join(units) == "两天价网站背后 重重迷雾 "
    assert "网站" in units
    assert units_of("plain English", "rjieba") == ["plain", "English"]


def test_units_joined_are_the_text_on_hard_cases():
    generator = np.random.default_rng(0)
    letters = [
        *"ab 3.，。我们 \n\t!-",
        "\u0301",
        "\u200d",
        "👍",
        "🏽",
        "🇩",
        "한",
        "ﾟ",
        "\ud83d",
        "\ude00",
        "é",
        "\ufe0f",
    ]
    texts = ["".join(generator.choice(letters, size=generator.integers(0, 30))) for _ in range(500)]
    for unit in ("auto", "word", "character"):
        seen = 0
        for index, block in split_texts(texts, unit):
            for i, units, size in zip(index.tolist(), block.units(), block.sizes.tolist(), strict=True):
                assert len(units) == size
                assert (" " if block.spaced else "").join(units) == (texts[i] if texts[i].strip() else "")
                seen += 1
        assert seen == 500
