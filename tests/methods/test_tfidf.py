"""TF-IDF soft labels against plain loops, and what the options change."""

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from test_kwls import LABELS, TEXTS, examples, quiet

from sfumato.errors import InputError
from sfumato.methods.keyword_labels import KeywordWarning
from sfumato.methods.kwls import explain_row, kwls
from sfumato.methods.tfidf import tfidf

GOLD = ["house", "it", "money"]
DATA = os.environ.get("SFUMATO_DATA")


def by_the_book(row, *, tf, label_idf, leave_out):
    """What each label gets from one text by the table in the method's module, before length and temperature."""
    split = [text.split() for text in TEXTS]
    known = [(words, label) for i, (words, label) in enumerate(zip(split, LABELS, strict=True)) if i != row]
    known += [] if leave_out else [(split[row], LABELS[row])]
    count = {m: Counter(w for words, label in known if label == m for w in words) for m in GOLD}
    average = sum(len(words) for words in split) / len(GOLD)
    sums = []
    for m in GOLD:
        total = 0.0
        for w in set(split[row]):
            if count[m][w]:
                share = count[m][w] / (count[m].total() / average)
                among_labels = math.log(len(GOLD) / sum(count[c][w] > 0 for c in GOLD)) + (label_idf == "smooth")
                among_texts = math.log(len(split) / sum(w in words for words in split))
                total += (
                    (math.sqrt(share) if tf == "sqrt" else share) * among_labels * split[row].count(w) * among_texts
                )
        sums.append(total)
    return sums


def d_of(**options):
    plain = {"weight": 1.0, "temperature": 1.0, "unit": "paper", "length_norm": "none"}
    return tfidf(**plain | options).prepare(examples()).targets.dense()


@pytest.mark.parametrize("tf", ["sqrt", "linear"])
@pytest.mark.parametrize("label_idf", ["smooth", "plain"])
@pytest.mark.parametrize("leave_out", [False, True])
@quiet
def test_soft_labels_by_the_book(tf, label_idf, leave_out):
    got = d_of(tf=tf, label_idf=label_idf, leave_one_out=leave_out)
    for row in range(len(TEXTS)):
        powers = [math.exp(v) for v in by_the_book(row, tf=tf, label_idf=label_idf, leave_out=leave_out)]
        np.testing.assert_allclose(got[row], np.array(powers) / sum(powers), atol=1e-6)


@quiet
def test_every_option_changes_the_soft_labels():
    usual = d_of()
    for change in (
        {"tf": "linear"},
        {"label_idf": "plain"},
        {"temperature": 2.0},
        {"leave_one_out": False},
        {"length_norm": "root"},
        {"unit": "char"},
        {"weight": 0.5},
    ):
        assert not np.allclose(d_of(**change), usual, atol=1e-3), change
    assert np.array_equal(d_of(fallback=0.3), usual)  # which counts only where words say nothing


def test_a_word_of_all_labels_counts_only_where_idf_is_smooth():
    train = examples(["a x", "a x", "a y", "a y", "z"], ["p", "p", "q", "q", "q"])
    plain = {"weight": 1.0, "temperature": 1.0, "leave_one_out": False}
    for label_idf, moves in (("plain", False), ("smooth", True)):
        words = explain_row(
            train.inputs, ["p", "p", "q", "q", "q"], None, 0, method="tfidf", label_idf=label_idf, **plain
        )
        adds = dict(words)
        assert bool(np.abs(adds["a"]).max() > 0) is moves
        assert adds["x"][0] > 0 == adds["x"][1]


def test_the_loss_is_soft_cross_entropy_unless_another_is_asked_for():
    assert tfidf().criterion is None
    assert tfidf(loss="kl").criterion is not None
    assert tfidf(loss="auxiliary", alpha=2.0).criterion(None).alpha == 2.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tf": "squared"}, "tfidf: tf must be one of 'sqrt', 'linear', got 'squared'"),
        ({"label_idf": "smoth"}, "tfidf: label_idf must be one of .* .did you mean 'smooth'"),
        ({"weight": 2}, "tfidf: weight must be at least 0 and at most 1, got 2"),
        ({"loss": "mse"}, "tfidf: loss must be one of 'ce', 'kl', 'auxiliary', got 'mse'"),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        tfidf(**options)


def test_useless_words_fall_back_and_the_warning_names_the_method():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{rng.integers(50)}" for _ in range(8)) for _ in range(200)]
    train = examples(texts, [str(k) for k in rng.integers(0, 3, 200)])
    with pytest.warns(KeywordWarning, match="^tfidf: keywords do not predict the labels"):
        targets = tfidf(fallback=0.2).prepare(train).targets.dense()
    np.testing.assert_allclose(targets.max(axis=1), 0.8 + 0.2 / 3, rtol=1e-6)


@pytest.mark.data
def test_on_real_questions_its_words_predict_left_out_labels_better_than_those_of_kwls():
    path = Path(DATA or "") / "trec" / "trec.parquet"
    if not DATA or not path.exists():
        pytest.skip("SFUMATO_DATA does not point to a folder with trec")
    frame = pl.read_parquet(path).filter(pl.col("split") == "train").sample(2000, seed=0, shuffle=True)
    train = examples(frame["text"].to_list(), frame["label_coarse"].to_list())
    rows = np.arange(len(train))
    loss = {}
    for name, method in (("tfidf", tfidf(1.0)), ("kwls", kwls(weight=1.0)), ("textbook", tfidf(1.0, tf="linear"))):
        loss[name] = -np.log(method.prepare(train).targets.dense()[rows, train.labels]).mean()
    assert loss["tfidf"] < loss["kwls"] - 0.05  # docs/methods/tfidf.md
    assert loss["tfidf"] < loss["textbook"] - 0.2
