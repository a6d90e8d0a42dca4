"""By what dev chooses: accuracy, log-loss, and the log-loss that allows for wrong labels."""

import numpy as np
import pytest

from sfumato.architecture import Training
from sfumato.data import Examples
from sfumato.dev_choice import noise_aware_log_loss, rank
from sfumato.errors import InputError
from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.run import train_model


def drawn(*, wrong: float, sure: float, rows: int = 4000, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return logits whose softmax is the chance of each right label, and labels of which a share is drawn evenly."""
    random = np.random.default_rng(3)
    logits = sure * random.normal(size=(rows, classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([random.choice(classes, p=row) for row in p])
    even = random.random(rows) < wrong
    labels[even] = random.integers(0, classes, even.sum())
    return logits, labels


def by_the_book(logits: np.ndarray, labels: np.ndarray, temperature: float, e: float) -> float:
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        raised = [np.exp(each / temperature) for each in row]
        total -= np.log((1 - e) * raised[label] / sum(raised) + e / len(row))
    return total / len(labels)


def test_the_noise_aware_loss_is_the_lowest_of_a_grid_of_temperatures_and_shares():
    logits, labels = drawn(wrong=0.3, sure=2.0, rows=200)
    found = noise_aware_log_loss(logits, labels)
    assert found.loss == pytest.approx(by_the_book(logits, labels, found.temperature, found.e), abs=1e-9)
    grid = [by_the_book(logits, labels, t, e) for t in np.geomspace(0.25, 4, 15) for e in np.linspace(0, 0.6, 13)]
    assert found.loss <= min(grid) + 1e-6


def test_the_share_of_even_labels_and_the_temperature_are_found_again():
    logits, labels = drawn(wrong=0.3, sure=3.0)
    found = noise_aware_log_loss(2 * logits, labels)
    assert found.e == pytest.approx(0.3, abs=0.03)
    assert found.temperature == pytest.approx(2.0, rel=0.15)


def test_right_labels_have_no_even_share_and_their_calibrated_log_loss():
    logits, labels = drawn(wrong=0.0, sure=3.0)
    found = noise_aware_log_loss(logits, labels)
    assert found.e < 0.02
    assert found.loss == pytest.approx(by_the_book(logits, labels, 1.0, 0.0), abs=2e-3)


def test_a_label_that_training_never_saw_is_left_out_of_the_loss():
    logits, labels = drawn(wrong=0.1, sure=2.0, rows=100)
    more = np.vstack([logits, logits[:1]]), np.append(labels, -1)
    assert noise_aware_log_loss(*more) == noise_aware_log_loss(logits, labels)
    assert noise_aware_log_loss(logits[:1], np.array([-1])).loss == np.inf


def test_each_rule_ranks_the_looks_by_its_own_number():
    sure = {"dev_accuracy": 0.7, "dev_log_loss": 1.4, "dev_noise_aware": 1.0}
    flat = {"dev_accuracy": 0.6, "dev_log_loss": 1.1, "dev_noise_aware": 1.1}
    assert rank(sure, "accuracy") > rank(flat, "accuracy")
    assert rank(sure, "log-loss") < rank(flat, "log-loss")
    assert rank(sure, "noise-aware") > rank(flat, "noise-aware")


def texts_of_three_classes(rows: int, *, wrong: float, seed: int) -> Examples:
    """Return texts of eight words, three of which speak for their class, and labels of which a share is wrong."""
    random = np.random.default_rng(seed)
    gold = random.integers(0, 3, rows)
    own = [[f"{name}{n}" for n in range(20)] for name in "abc"]
    texts = [" ".join([*random.choice(own[k], 3), *random.choice([f"w{n}" for n in range(99)], 5)]) for k in gold]
    given = np.where(random.random(rows) < wrong, (gold + random.integers(1, 3, rows)) % 3, gold)
    return Examples.from_labels(texts, given.tolist(), classes=["0", "1", "2"])


@pytest.fixture
def noisy() -> tuple[Examples, Examples]:
    return texts_of_three_classes(300, wrong=0.3, seed=1), texts_of_three_classes(100, wrong=0.3, seed=2)


@pytest.mark.parametrize(
    ("model", "choose"),
    [("linear", "accuracy"), ("linear", "log-loss"), ("linear", "noise-aware"), ("bag", "noise-aware")],
)
def test_what_dev_chose_is_the_highest_of_the_history(noisy, model, choose):
    architecture = MODELS.build(model, {})
    training = Training(epochs=6, max_length=architecture.training.max_length, choose=choose)
    trained = train_model(
        *noisy, architecture=architecture, method=METHODS.build("baseline", {}), training=training, threads=1
    )
    best = max(trained.history, key=lambda look: rank(look, choose))
    place = "step" if model == "linear" else "epoch"
    assert (trained.steps if model == "linear" else trained.best_epoch) == best[place]


def test_a_method_that_allows_for_wrong_labels_has_dev_allow_for_them_too(noisy):
    architecture = MODELS.build("linear", {})
    looks = {
        name: train_model(*noisy, architecture=architecture, method=METHODS.build(name, {}), threads=1).history
        for name in ("baseline", "adaptive-fast")
    }
    assert all("dev_noise_aware" in look for look in looks["adaptive-fast"])
    assert not any("dev_noise_aware" in look for look in looks["baseline"])


def test_rows_of_several_labels_refuse_the_noise_aware_choice():
    rows = Examples.from_label_sets(["a b", "b c", "c d", "a d"], [["x"], ["y"], ["x", "y"], []])
    training = Training(choose="noise-aware")
    with pytest.raises(InputError, match="may have several"):
        train_model(
            rows,
            rows,
            architecture=MODELS.build("linear", {}),
            method=METHODS.build("baseline", {}),
            training=training,
        )
