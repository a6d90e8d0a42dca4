"""KWLS on real news, questions and newsgroups against plain loops that read the same texts."""

import math
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from test_kwls import LABELS, TEXTS, by_the_book, examples, fixed

from sfumato.methods.kwls import kwls_paper

DATA = os.environ.get("SFUMATO_DATA")


def real(name, label="label", split="test"):
    if not DATA or not (Path(DATA) / name).exists():
        pytest.skip(f"SFUMATO_DATA does not point to a folder with {name}")
    frame = pl.read_parquet(Path(DATA) / name / f"{name}.parquet").filter(pl.col("split") == split)
    return examples(frame["text"].to_list(), frame[label].to_list())


def by_loops(train, split, rows, *, held_out):
    """Soft labels of some rows by the same loops as `by_the_book`, fast enough for real data.

    The corpus is counted once; a left-out text is subtracted from what its own label knows.
    """
    k1, b, k2, p, N = 2.0, 0.75, 2.0, train.num_classes, len(train)
    texts, labels = [Counter(split(text)) for text in train.inputs], train.labels.tolist()
    count, df, size = {}, Counter(), [0] * p
    for words, m in zip(texts, labels, strict=True):
        size[m] += words.total()
        for w, f in words.items():
            count.setdefault(w, [0] * p)[m] += f
            df[w] += 1
    x_avg, average_size = sum(size) / N, sum(size) / p
    soft = []
    for i in rows:
        ilr, own = [0.0] * p, texts[i].total() if held_out else 0
        for w, f_i in texts[i].items():
            known = list(count[w])
            known[labels[i]] -= f_i if held_out else 0
            wir = f_i * k2 / (f_i + k2) * (math.log(N / df[w]) + 1)
            holding = sum(f > 0 for f in known)
            for m, f in enumerate(known):
                if f > 0:
                    K = k1 * (1 - b + b * (size[m] - (own if m == labels[i] else 0)) / average_size)
                    ilr[m] += f * k1 / (f + K) * (math.log(p / holding) + 1) * wir
        e = [math.exp(v / x_avg) for v in ilr]
        soft.append([v / sum(e) for v in e])
    return np.array(soft)


def lower_case_runs(text):
    return re.findall(r"\w+", text.lower())


def test_the_loops_for_real_data_are_those_of_the_equations():
    train = examples()
    for held_out in (False, True):
        got = by_loops(train, lambda text: text.split(" "), range(6), held_out=held_out)
        for i in range(6):
            left_out = i if held_out else None
            expected = by_the_book(TEXTS, LABELS, train.classes, 2.0, 0.75, 2.0, leave_out=left_out)[i]
            np.testing.assert_allclose(got[i], expected, atol=1e-12)


def agreement(d, labels):
    return (d.argmax(axis=1) == labels).mean()


# The last number of a row is in the table of docs/methods/kwls-paper.md: how often d is largest at the given label.
@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "unit", "held_out", "same"),
    [
        ("ag_news", "paper", False, 0.993),
        ("ag_news", "paper", True, 0.876),
        ("ag_news", "word", False, None),
        ("ag_news", "word", True, None),
        ("trec", "paper", False, 0.979),
        ("trec", "paper", True, 0.667),
    ],
)
def test_real_news_and_questions_get_the_soft_labels_of_plain_loops(name, unit, held_out, same):
    train = real(name, *(("label_coarse", "train") if name == "trec" else ()))
    got = fixed(unit=unit, leave_one_out=held_out).prepare(train).targets.dense()
    rows = np.arange(0, len(train), 5)
    split = (lambda text: text.split(" ")) if unit == "paper" else lower_case_runs
    expected = by_loops(train, split, rows.tolist(), held_out=held_out)
    np.testing.assert_allclose(got[rows], expected, atol=2e-6)
    if same is not None:
        assert agreement(got, train.labels) == pytest.approx(same, abs=5e-4)
        assert agreement(expected, train.labels[rows]) == pytest.approx(same, abs=0.03)  # a fifth of the rows


@pytest.mark.data
@pytest.mark.slow
def test_newsgroups_agree_with_their_own_label_in_sample():
    train = real("20newsgroups", split="train")
    got = kwls_paper(unit="word").prepare(train).targets.dense()
    rows = np.arange(0, len(train), 40)
    expected = by_loops(train, lower_case_runs, rows.tolist(), held_out=False)
    np.testing.assert_allclose(got[rows], expected, atol=5e-6)
    assert agreement(got, train.labels) == pytest.approx(0.996, abs=5e-4)  # docs/methods/kwls-paper.md
