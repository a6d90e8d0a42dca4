"""Adaptive targets on real texts: ratings in five degrees are left alone, clean titles too, wrong titles are seen."""

import os
from pathlib import Path

import numpy as np
import pytest

from sfumato.calibration import softmax
from sfumato.damage import similar_noise, symmetric_noise
from sfumato.datasets import load
from sfumato.methods.adaptive import AmbiguityWarning, adaptive
from sfumato.methods.noise.posterior import posterior
from sfumato.metrics import scores
from sfumato.models import MODELS
from sfumato.run import train_model

DATA = os.environ.get("SFUMATO_DATA")
CLEAN_SETS = ["thucnews-titles", "toutiao", "ag_news", "stackoverflow20"]


def real(name, rows):
    if not DATA or not (Path(DATA) / name).exists():
        pytest.skip(f"SFUMATO_DATA does not point to a folder with {name}")
    train = load(name).splits["train"]
    return train.take(np.sort(np.random.default_rng(0).permutation(len(train))[:rows]))


def found_in(examples):
    return posterior(list(examples.inputs), examples.labels, examples.num_classes)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0, 0.3])
def test_the_guard_leaves_ratings_in_five_degrees_alone(wrong):
    given = symmetric_noise(real("sst5", 2400), rate=wrong, seed=0).examples if wrong else real("sst5", 2400)
    with pytest.warns(AmbiguityWarning, match="cannot be told from ambiguous texts"):
        made = adaptive().prepare(given)
    assert np.array_equal(made.targets.dense(), np.eye(5)[given.labels])


@pytest.mark.slow
@pytest.mark.parametrize("name", CLEAN_SETS)
def test_next_to_nothing_is_found_in_labels_as_they_were_published(name):
    assert found_in(real(name, 2400)).wrong < 0.04  # ag_news has the most: business beside technology


@pytest.mark.slow
def test_wrong_titles_are_counted_within_four_points_and_their_pairs_named():
    right = real("thucnews-titles", 2400)
    for damaged in (symmetric_noise(right, rate=0.3, seed=0), similar_noise(right, rate=0.3, seed=0)):
        wrong = damaged.examples.labels != right.labels
        found = found_in(damaged.examples)
        assert abs(found.wrong - wrong.mean()) < 0.04
        assert (found.q.argmax(axis=1) == right.labels).mean() > 0.8  # .7 of the given labels are right
    C = right.num_classes
    T = np.zeros((C, C))
    np.add.at(T, (right.labels, damaged.examples.labels), 1)
    T /= T.sum(axis=1, keepdims=True)
    assert np.abs(found.model.T - T).mean() < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("noise", [symmetric_noise, similar_noise])
def test_a_model_of_wrong_labels_is_calibrated_for_the_right_ones(noise):
    rows = real("thucnews-titles", 6000)
    every = noise(rows.take(np.arange(3000)), rate=0.3, seed=0).examples
    train, dev, test = every.take(np.arange(2400)), every.take(np.arange(2400, 3000)), rows.take(np.arange(3000, 6000))
    model = train_model(train, dev, architecture=MODELS.build("linear", {}), method=adaptive()).model
    logits = model.predict_logits(test.inputs)
    now, bare = (scores(test.labels, softmax(logits, t))["ece"] for t in (model.temperature, 1.0))
    assert now < 0.06  # the plain temperature of these dev labels has .15 and more
    assert now < bare + 0.01
