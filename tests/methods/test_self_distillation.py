"""By the book: the target of self-distillation, written with plain loops."""

from dataclasses import replace

import numpy as np
import pytest

from sfumato import METHODS
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.losses import Auxiliary
from sfumato.method import Plan

P = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5], [0.2, 0.2, 0.6]], dtype=np.float32)


def judged_rows():
    return replace(Examples.from_labels(["one", "two", "three"], ["a", "a", "c"], classes=["a", "b", "c"]), teacher=P)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_targets_mix_the_label_with_the_softened_judgement(weight, temperature):
    made = METHODS["self-distillation"](weight, temperature=temperature).prepare(judged_rows()).targets.dense()
    for row, label in enumerate([0, 0, 2]):
        powered = [max(float(p), 1e-12) ** (1 / temperature) for p in P[row]]
        for k in range(3):
            expected = weight * powered[k] / sum(powered) + (1 - weight) * (k == label)
            assert made[row, k] == pytest.approx(expected, abs=1e-6)


def test_weight_0_is_the_hard_label_and_weight_1_the_teacher():
    method = METHODS["self-distillation"]
    assert method(0).prepare(judged_rows()).targets.dense() == pytest.approx(np.eye(3)[[0, 0, 2]])
    assert method(1).prepare(judged_rows()).targets.dense() == pytest.approx(P, abs=1e-6)


def test_the_papers_form_fits_the_label_beside_the_teacher():
    method = METHODS["self-distillation-paper"](alpha=2.0)
    assert method.prepare(judged_rows()).targets.dense() == pytest.approx(P, abs=1e-6)
    criterion = method.criterion(Plan(3, 4, 1, 1))
    assert isinstance(criterion, Auxiliary)
    assert (method.teacher.folds, method.teacher.calibrate) == (0, False)
    assert (METHODS["self-distillation"]().teacher.folds, METHODS["self-distillation"]().teacher.calibrate) == (5, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight": 1.5}, "weight must be at least 0 and at most 1, got 1.5"),
        ({"temperature": 0}, "temperature must be more than 0"),
        ({"folds": 1}, "folds must be at least 2"),
        ({"teacher": 3}, "teacher must be the name of a model"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        METHODS["self-distillation"](**options)
