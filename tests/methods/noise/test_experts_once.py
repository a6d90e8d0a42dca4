"""Methods that are compared on the same rows share the linear expert, and the model of wrong labels."""

import numpy as np
import pytest

from sfumato.methods.noise import expert_panel, family
from sfumato.methods.noise.expert_panel import Experts, Settings

RANDOM = np.random.default_rng(0)
LABELS = np.arange(90) % 3
TEXTS = [" ".join(f"{'abc'[k]}{n}" for n in RANDOM.integers(0, 20, 6)) for k in LABELS]


@pytest.fixture
def fits(monkeypatch):
    """Count the fits, with nothing kept of earlier tests."""
    made, best_steps = [], expert_panel.best_steps
    monkeypatch.setattr(expert_panel, "best_steps", lambda *given: made.append(1) or best_steps(*given))
    monkeypatch.setattr(expert_panel, "HELD_OUT", type(expert_panel.HELD_OUT)(2**20))
    return made


def logits(texts=TEXTS, labels=LABELS, **settings):
    return Experts(texts, labels, 3, Settings(experts="linear", **settings)).linear()


def test_the_expert_of_the_same_rows_is_fitted_once(fits):
    first = logits()
    assert logits(list(TEXTS), LABELS.copy(), rounds=1, family="uniform") is first
    assert len(fits) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"labels": np.roll(LABELS, 1)},
        {"texts": [*TEXTS[:-1], "b1 b2"]},
        {"seed": 1},
        {"folds": 3},
    ],
)
def test_other_rows_or_folds_are_fitted_anew(other, fits):
    first = logits()
    assert not np.array_equal(logits(**other), first)
    assert len(fits) == 2


@pytest.fixture
def choices(monkeypatch):
    """Count the choices of a shape, with nothing kept of earlier tests."""
    made, choose = [], family.choose
    monkeypatch.setattr(family, "choose", lambda *given, **how: made.append(1) or choose(*given, **how))
    monkeypatch.setattr(family, "FOUND", type(family.FOUND)(2**20))
    return made


def model_of(z, labels=LABELS, fold=LABELS % 2, **how):
    return family.fitted(z, labels, fold, **how)[1]


Z = RANDOM.normal(size=(2, 90, 3)) + 2 * np.eye(3)[LABELS]


def test_the_shape_for_the_same_scores_is_chosen_once(choices):
    first = model_of(Z)
    assert model_of(Z.copy(order="F")) is first
    assert len(choices) == 1
    alone = family.choose(Z, LABELS, LABELS % 2).shape.fit(Z, LABELS)
    assert np.array_equal(first.T, alone.T)
    assert np.array_equal(first.b, alone.b)


@pytest.mark.parametrize(
    "other",
    [
        {"z": Z + np.eye(3)[LABELS]},
        {"labels": np.roll(LABELS, 1)},
        {"fold": np.roll(LABELS % 2, 1)},
        {"bias": False},
        {"family": "pairwise"},
    ],
)
def test_other_scores_or_settings_are_judged_anew(other, choices):
    first = model_of(Z)
    assert model_of(**{"z": Z, **other}) is not first
    assert len(choices) == 2
