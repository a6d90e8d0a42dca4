from dataclasses import replace

import numpy as np
import pytest

from sfumato.controls import control
from sfumato.data import Examples
from sfumato.method import Method
from sfumato.multilabel_controls import alone_share
from sfumato.targets import DenseTargets

SETS = [["a"], ["a", "b"], ["a", "b"], [], ["c"], ["a"], [], ["b", "c", "d"], ["a"]]


def drawn(examples):
    shares = np.random.default_rng(1).random((len(examples), 4)).astype(np.float32)
    return replace(examples, targets=DenseTargets(shares))


METHOD = Method("drawn", (drawn,), multilabel=True)


def rows():
    return Examples.from_label_sets([f"text {i}" for i in range(9)], SETS)


def controlled(name, seed=0):
    y = rows().gold
    return y, METHOD.prepare(rows()).targets.dense(), control(METHOD, name, seed=seed).prepare(rows()).targets.dense()


def mean(values):
    return sum(values) / len(values)


def test_uniform_keeps_the_mean_of_the_given_labels_and_that_of_the_others():
    y, t, found = controlled("uniform")
    high = mean([t[i, k] for i in range(9) for k in range(4) if y[i, k]])
    low = mean([t[i, k] for i in range(9) for k in range(4) if not y[i, k]])
    for i in range(9):
        for k in range(4):
            assert found[i, k] == pytest.approx(high if y[i, k] else low, rel=1e-5)


def test_class_mean_by_the_book():
    y, t, found = controlled("class-mean")
    for i in range(9):
        for k in range(4):
            if y[i, k]:
                expected = mean([t[n, k] for n in range(9) if y[n, k]])
            elif not y[i].any():
                expected = mean([t[n, k] for n in range(9) if not y[n, k]])
            else:
                of_labels = [mean([t[n, k] for n in range(9) if y[n, j] and not y[n, k]]) for j in range(4) if y[i, j]]
                expected = mean(of_labels)
            assert found[i, k] == pytest.approx(expected, rel=1e-5), (i, k)


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_takes_the_target_of_another_row_with_the_same_labels(seed):
    _, t, found = controlled("shuffled", seed)
    for i in range(9):
        giver = next(n for n in range(9) if np.array_equal(t[n], found[i]))
        assert SETS[giver] == SETS[i]
        assert (giver == i) == (SETS[i] in (["c"], ["b", "c", "d"]))  # alone with its set


def test_the_share_of_rows_that_keep_their_own_target_is_told():
    assert alone_share(rows().labels) == pytest.approx(2 / 9)
    assert alone_share(np.array([0, 1, 1, 2])) == pytest.approx(0.5)
    assert alone_share(np.array([], dtype=np.int64)) == 0
