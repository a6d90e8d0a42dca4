"""Rows that cleanlab flags are left out."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from sfumato import METHODS
from sfumato.data import Examples
from sfumato.errors import InputError, MissingExtraError
from sfumato.methods.confident_learning import flagged

pytest.importorskip("cleanlab")


def texts_of_three_classes(rows: int, *, wrong: float) -> tuple[Examples, np.ndarray]:
    """Return texts that tell their class, with labels of which a share is wrong, and which rows have a wrong one."""
    random = np.random.default_rng(0)
    gold = random.integers(0, 3, rows)
    texts = [" ".join(f"{'abc'[k]}{n}" for n in random.integers(0, 20, 6)) for k in gold]
    given = np.where(random.random(rows) < wrong, (gold + 1) % 3, gold)
    return Examples.from_labels(texts, given.tolist(), classes=["0", "1", "2"]), given != gold


@pytest.mark.parametrize("probabilities", ["raw", "calibrated"])
def test_wrong_rows_get_weight_0_and_right_rows_stay(probabilities):
    examples, wrong = texts_of_three_classes(300, wrong=0.2)
    weights = METHODS["confident-learning"](probabilities).prepare(examples).weights
    out = weights == 0
    assert out[wrong].mean() > 0.9
    assert out[~wrong].mean() < 0.05
    assert weights.mean() == pytest.approx(1)


def test_weights_of_the_user_are_kept_on_the_rows_that_stay():
    examples, _ = texts_of_three_classes(300, wrong=0.2)
    own = np.random.default_rng(1).uniform(0.5, 1.5, 300)
    weights = METHODS["confident-learning"]().prepare(replace(examples, weights=own.astype(np.float32))).weights
    kept = weights > 0
    assert 0.5 < kept.mean() < 1
    assert weights[kept] / own[kept] == pytest.approx(weights[kept][0] / own[kept][0])


def test_the_likeliest_row_of_each_class_stays_and_a_class_without_rows_is_no_error():
    p = np.array([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.9, 0.06, 0.04], [0.95, 0.03, 0.02]])
    out = flagged(p, np.array([0, 0, 1, 1]))
    assert not out[[0, 2]].any()


def test_labels_without_a_fault_leave_the_rows_as_they_are():
    examples, _ = texts_of_three_classes(300, wrong=0.0)
    weights = METHODS["confident-learning"]().prepare(examples).weights
    assert weights is None or (weights > 0).mean() > 0.97


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sfumato\[cleanlab\]'"):
        METHODS["confident-learning"]().prepare(texts_of_three_classes(60, wrong=0.1)[0])


@pytest.mark.parametrize("options", [{"probabilities": "sharp"}, {"folds": 1}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError, match="confident-learning"):
        METHODS["confident-learning"](**options)
