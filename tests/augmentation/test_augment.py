"""`sfumato.augment`: what its output depends on and what not, what it counts, and what it refuses."""

import pickle
import random

import numpy as np
import polars
import pytest

import sfumato
from sfumato.augmentation import augment as module
from sfumato.augmentation.augment import Augmented, augment
from sfumato.corpus import make_corpus
from sfumato.errors import InputError

METHODS = ["aeda", "eda", "lcda-text"]
TEXTS = [
    *make_corpus(60).texts,
    "两天价网站背后重重迷雾：做个网站究竟要多少钱",
    "我爱iPhone 3.5寸屏",
    "한국어 좋아요",
    "שלום עולם",
]


@pytest.mark.parametrize("method", METHODS)
def test_a_copy_depends_on_nothing_but_text_seed_row_and_number(method, monkeypatch):
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    whole = augment(TEXTS, method, copies=3, seed=4)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    order = np.random.default_rng(0).permutation(len(TEXTS))
    shuffled = augment([TEXTS[i] for i in order], method, copies=3, seed=4, rows=order)
    assert [shuffled[k] for k in np.argsort(order)] == whole
    assert [own[:2] for own in whole] == augment(TEXTS, method, copies=2, seed=4)
    assert augment(TEXTS[7:8], method, copies=3, seed=4, rows=[7])[0] == whole[7]
    monkeypatch.setattr(module, "BLOCK", 500)
    assert augment(TEXTS, method, copies=3, seed=4) == whole
    assert augment(TEXTS, method, copies=3, seed=5) != whole


@pytest.mark.parametrize("method", METHODS)
def test_any_number_of_processes_writes_the_same(method, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3000)
    alone = augment(TEXTS, method, copies=2)
    together = augment(TEXTS, method, copies=2, jobs=2)
    assert together == alone
    assert vars(together) == vars(alone)


def test_equal_texts_in_different_rows_get_different_copies():
    (one,), (other,) = augment([TEXTS[0]] * 2)
    assert one != other
    (one,), (other,) = augment([TEXTS[0]] * 2, rows=[5, 5])
    assert one == other


@pytest.mark.parametrize("method", METHODS)
def test_copies_differ_from_the_text_and_from_each_other_where_that_is_possible(method):
    texts = TEXTS[:62]  # the last two have two words, which are soon all swapped and deleted
    made = augment(texts, method, copies=4)
    assert made.unchanged == made.repeated == 0
    assert all(len({text, *own}) == 5 for text, own in zip(texts, made, strict=True))


def test_a_word_alone_has_six_copies_and_the_others_are_counted():
    made = augment(["Hi"], copies=10)
    assert len(set(made[0])) == 6  # one mark before the word
    assert made.repeated == 4
    assert made.unchanged == 0
    assert made.redrawn >= 4 * 8
    assert "4 repeat an earlier copy" in made.report()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000"])
def test_a_text_without_a_word_stays_as_it_is_and_is_counted(method, text):
    made = augment([text, "two words"], method, copies=2)
    assert made[0] == [text, text]
    assert made.unchanged == 2
    assert "2 of them are the text itself" in made.report()
    assert augment([], method) == []


HARD = {
    "punctuation only": "?!...",
    "one character": "我",
    "emoji": "👨\u200d👩\u200d👧 👍🏽🇩🇪❤\ufe0f",
    "combining marks": "cafe\u0301 e\u0302\u0301",
    "right to left": "שלום, עולם! مرحبا",
    "lone surrogate": "a \ud83d b",
    "a null": "a\x00b c",
}


def test_a_table_in_place_of_texts_is_refused_in_words():
    with pytest.raises(InputError, match="got a table; give one column of it"):
        augment(polars.DataFrame({"text": ["a b"]}))
    assert len(augment(polars.Series(["a b"]))) == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", HARD)
def test_hard_texts_keep_every_character_in_its_place(method, name):
    text = HARD[name]
    marks = set(" .,!?;:。，！？；：")
    for own in augment([text] * 20, method, copies=3):
        for copy in own:
            left = [c for c in copy if c not in marks]
            there = [c for c in text if c not in marks]
            if method == "eda":
                assert set(left) <= set(there)
            else:
                assert left == there
    if name == "emoji" and method != "eda":
        assert all(
            "👨\u200d👩\u200d👧" in copy and "🇩🇪" in copy for (copy,) in augment([text] * 50, method, **unit(method))
        )


def unit(method):
    return {"unit": "character"} if method == "aeda" else {}


@pytest.mark.parametrize("words", [200_000, pytest.param(2_000_000, marks=pytest.mark.slow)])
def test_a_text_of_ten_megabytes_is_one_row_like_others(words):
    long = "word " * words
    (copy,) = augment([long])[0]
    added = (len(copy) - len(long)) // 2
    assert 1 <= added <= 0.3 * words + 1
    assert copy.split(" ")[-1] == ""
    assert sum(copy.count(mark) for mark in ".,!?;:") == added


BAD = [
    ({"copies": 0}, "copies must be at least 1, got 0"),
    ({"copies": 10**6}, r"at most 1000, got 1000000: that would be 2,000,000 texts, about 0\.006 GB"),
    ({"copies": 1.5}, "copies must be a whole number, got 1.5"),
    ({"copies": True}, "whole number, got True"),
    ({"method": "adea"}, "no way of augmenting 'adea' .did you mean 'aeda'"),
    ({"seed": -1}, "seed must be at least 0"),
    ({"jobs": 0}, "jobs must be at least 1"),
    ({"rows": [1]}, "rows must be one whole number a text"),
    ({"rows": [0.5, 1]}, "rows must be one whole number a text"),
]


@pytest.mark.parametrize(("options", "said"), BAD)
def test_bad_input_is_refused_in_words(options, said):
    with pytest.raises(InputError, match=said):
        augment(["abc", "def"], **options)


def test_texts_that_are_none_are_named():
    with pytest.raises(InputError, match="text 2 must be a string, got None"):
        augment(["a", None])
    with pytest.raises(InputError, match="takes a list of texts, got one string"):
        augment("abc")


def test_the_public_name_and_the_result_are_plain():
    assert sfumato.augment is augment
    made = sfumato.augment(np.array(["a b", "c d"]), copies=2)
    assert isinstance(made, list)
    assert isinstance(made, Augmented)
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert again.report() == made.report() == "4 copies of 2 texts by aeda"
    assert [[type(copy) for copy in own] for own in made] == [[str, str]] * 2


@pytest.mark.data
def test_on_real_titles_and_news_nothing_is_lost(data_folder):
    import polars as pl

    for name, method in (("thucnews-titles", "lcda-text"), ("ag_news", "aeda")):
        texts = pl.read_parquet(data_folder / name / f"{name}.parquet")["text"].head(1000).to_list()
        made = augment(texts, method)
        assert made.repeated == 0
        marks = set(" .,!?;:。，！？；：、")
        for text, (copy,) in zip(texts, made, strict=True):
            assert [c for c in text if c not in marks] == [c for c in copy if c not in marks]
