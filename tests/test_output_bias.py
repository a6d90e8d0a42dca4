"""Networks whose classes are questions of their own start at the log odds of the classes' shares."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_training import texts_and_labels

from sfumato.data import Examples
from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.output_bias import log_odds, start_at_shares
from sfumato.run import train_model
from sfumato.run_settings import run_settings

SMALL = {
    "bag": {"dim": 8, "ngrams": 1},
    "textcnn": {"dim": 8, "filters": 4},
    "lstm": {"dim": 8, "hidden": 4},
    "textrnn": {"dim": 8, "hidden": 4},
}


def first_bias(examples, method, model="bag"):
    """Return the bias after training at a rate that moves nothing."""
    architecture = MODELS.build(model, SMALL[model])
    training = replace(architecture.training, epochs=1, lr=1e-12, weight_decay=0.0)
    built = METHODS.build(method, {})
    trained = train_model(examples, None, architecture=architecture, method=built, training=training)
    return trained.model.network.output_layer.bias.detach().double().numpy()


def expected(counts, rows):
    """The log odds in plain sums, with one row more of each class and one more without it."""
    return [math.log((n + 1) / (rows + 2) / (1 - (n + 1) / (rows + 2))) for n in counts]


@pytest.mark.parametrize("model", SMALL)
def test_rows_of_several_labels_start_at_the_log_odds_of_each(model):
    sets = [["a", "b"] if k < 6 else ["a"] if k < 20 else [] for k in range(30)] + [["c"]]
    examples = Examples.from_label_sets([f"word{k % 3} more" for k in range(31)], sets)
    np.testing.assert_allclose(first_bias(examples, "baseline", model), expected([20, 6, 1], 31), rtol=1e-5)


@pytest.mark.parametrize(("method", "through_a_sigmoid"), [("baseline-sigmoid", True), ("baseline", False)])
def test_one_label_a_row_starts_there_through_a_sigmoid_and_not_through_a_softmax(method, through_a_sigmoid):
    texts, labels = texts_and_labels(40)
    examples = Examples.from_labels(texts, labels)
    counts = np.bincount(examples.labels).tolist()
    assert np.allclose(first_bias(examples, method), expected(counts, 40), rtol=1e-5) == through_a_sigmoid


def test_weights_of_rows_count_and_no_share_is_certain():
    assert log_odds(np.array([0.0, 0.5, 1.0]), 8).tolist() == pytest.approx([math.log(1 / 9), 0, math.log(9)])
    examples = Examples.from_labels(["a one", "b two", "a three", "b four"], ["x", "y", "x", "y"])
    weighted = replace(examples, weights=np.array([3.0, 1.0, 3.0, 1.0]))
    assert first_bias(weighted, "baseline-sigmoid").tolist() == pytest.approx(expected([3, 1], 4))


def test_a_checkpoint_of_several_labels_from_before_is_of_another_run():
    several = Examples.from_label_sets(["a one", "b two"], [["x"], ["x", "y"]])
    one = Examples.from_labels(["a one", "b two"], ["x", "y"])
    given = MODELS.build("bag", SMALL["bag"]), METHODS.build("baseline", {}), "none"
    assert [run_settings(rows, None, *given)["versions"].get("output_bias") for rows in (several, one)] == [1, None]


def test_the_head_of_an_encoder_starts_there_too(tiny_bert):
    examples = Examples.from_label_sets(["the parcel", "the late parcel", "late"], [["a"], ["a", "b"], []])
    built = MODELS.build("transformer", {"encoder": str(tiny_bert)})
    training = replace(built.training, epochs=1, lr=1e-12, weight_decay=0.0, max_length=16)
    method = METHODS.build("baseline", {})
    trained = train_model(examples, None, architecture=built, method=method, training=training)
    assert trained.model.network.output_layer.bias.tolist() == pytest.approx(expected([2, 1], 3), rel=1e-5)


def test_rows_that_the_sampler_draws_more_often_count_more():
    texts, labels = texts_and_labels(40)
    examples = Examples.from_labels(texts, labels).take(list(range(3, 40)))
    architecture = MODELS.build("bag", SMALL["bag"])
    training = replace(architecture.training, epochs=1, lr=1e-12, weight_decay=0.0)
    method = METHODS.build("baseline-sigmoid", {})
    kinds = {"architecture": architecture, "method": method, "training": training}
    biases = [
        train_model(examples, None, balance=balance, **kinds).model.network.output_layer.bias.tolist()
        for balance in ("sampler", "none")
    ]
    counts = np.bincount(examples.labels, minlength=examples.num_classes)
    assert biases[0] == pytest.approx(expected([37 / len(counts)] * len(counts), 37), rel=1e-4)
    assert biases[1] == pytest.approx(expected(counts.tolist(), 37), rel=1e-4)


def test_a_network_without_such_a_layer_stays_as_it_is():
    network = torch.nn.Sequential(torch.nn.Linear(2, 3))
    before = network[0].bias.clone()
    start_at_shares(network, np.array([0.1, 0.2, 0.3]), 10)
    assert torch.equal(network[0].bias, before)
