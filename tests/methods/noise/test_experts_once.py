"""Methods that are compared on the same rows share the linear expert."""

import numpy as np
import pytest

from sfumato.methods.noise import posterior
from sfumato.methods.noise.posterior import Experts, Settings

RANDOM = np.random.default_rng(0)
LABELS = np.arange(90) % 3
TEXTS = [" ".join(f"{'abc'[k]}{n}" for n in RANDOM.integers(0, 20, 6)) for k in LABELS]


@pytest.fixture
def fits(monkeypatch):
    """Count the fits, with nothing kept of earlier tests."""
    made, best_steps = [], posterior.best_steps
    monkeypatch.setattr(posterior, "best_steps", lambda *given: made.append(1) or best_steps(*given))
    monkeypatch.setattr(posterior, "HELD_OUT", type(posterior.HELD_OUT)(2**20))
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
