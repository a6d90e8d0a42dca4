"""The contract: what holds for every name in METHODS, and for the controls of each."""

import copy
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from sfumato import METHODS, combine
from sfumato.base import Objective, Output, Supervision
from sfumato.controls import controls
from sfumato.data import Examples
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan

SIZE = 6
WORDS = {
    "billing": "invoice charge refund card amount month double paid",
    "delivery": "parcel courier late address door refund box lost",
    "login": "password reset email code locked account phone card",
}


def train_split(weights=None):
    generator = np.random.default_rng(0)
    texts, labels = [], []
    for row in range(60):
        label = list(WORDS)[row % 3]
        others = " ".join(WORDS.values()).split()
        words = [*generator.choice(WORDS[label].split(), 4), *generator.choice(others, 2)]
        texts.append(" ".join(words))
        labels.append(label)
    examples = Examples.from_labels(texts, labels, weights=weights)
    votes = np.eye(3)[examples.labels] * 2 + generator.multinomial(3, [1 / 3] * 3, size=60)
    teacher = generator.dirichlet([1, 1, 1], size=60)
    return replace(examples, votes=votes.astype(np.float32), teacher=teacher.astype(np.float32))


class Bag(nn.Module):
    """A small network: the mean of word vectors, a hidden layer, a linear layer."""

    def __init__(self, vocabulary=40, num_classes=3):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocabulary, SIZE)
        self.hidden = nn.Linear(SIZE, SIZE)
        self.classifier = nn.Linear(SIZE, num_classes)

    def forward(self, input_ids):
        features = self.hidden(self.embedding(input_ids)).tanh()
        return Output(self.classifier(features), features)


def input_ids(examples, index):
    words = sorted({word for text in examples.inputs[:60] for word in text.split()})  # of the rows, not of copies
    return torch.tensor([[words.index(word) for word in examples.inputs[i].split()] for i in index])


def objective_of(method, seed=0):
    torch.manual_seed(seed)
    network = Bag()
    plan = Plan(num_classes=3, num_features=SIZE, steps_per_epoch=4, epochs=3, seed=seed, class_shares=(0.5, 0.3, 0.2))
    return Objective(network, method.criterion(plan) if method.criterion else SoftCrossEntropy())


def batch_of(examples, index):
    similar = {} if examples.similar is None else {"similar": torch.from_numpy(examples.similar[index])}
    return {
        "input_ids": input_ids(examples, index),
        "labels": torch.from_numpy(examples.labels[index]),
        "targets": torch.from_numpy(examples.targets.rows(index)),
        **similar,
    }


def train(method, steps=3, seed=0):
    """Return the losses of a few steps, and the objective after them."""
    examples = method.prepare(train_split())
    objective = objective_of(method, seed)
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.01)
    losses = []
    for step in range(steps):
        loss = objective(**batch_of(examples, np.arange(20 * step, 20 * step + 20) % 60))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.advance()
        losses.append(loss.item())
    return losses, objective


def record_of_a_run():
    targets = [[0.8, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]]
    return [{"from_step": 0, "gold_mass": 0.8, "class_mean": targets}]


METHODS_AND_CONTROLS = [METHODS[name]() for name in METHODS]
METHODS_AND_CONTROLS += [c for m in list(METHODS_AND_CONTROLS) for c in controls(m, record_of_a_run()).values()]
METHODS_AND_CONTROLS.append(combine(METHODS["label-smoothing"](), METHODS["lcm"](stop=1)))
every_method = pytest.mark.parametrize("method", METHODS_AND_CONTROLS, ids=lambda method: method.name)


@every_method
def test_targets_are_distributions(method):
    prepared = method.prepare(train_split())
    assert len(prepared) == 60 * (1 + (method.options["copies"] if method.augments else 0))
    for rows, targets in ((len(prepared), prepared.targets.dense()), (60, learned_targets(method, prepared))):
        assert targets.dtype == np.float32
        assert targets.shape == (rows, 3)
        assert np.isfinite(targets).all()
        assert (targets >= 0).all()
        assert targets.sum(axis=1) == pytest.approx(1, abs=1e-5)


def learned_targets(method, prepared):
    _, objective = train(method)
    batch = batch_of(prepared, np.arange(60))
    with torch.no_grad():
        output = objective.model(batch["input_ids"])
        return objective.criterion.soft_targets(output, Supervision(batch["labels"], batch["targets"])).numpy()


@every_method
def test_the_given_split_is_unchanged(method):
    given = train_split(weights=[1.0, 2.0, 3.0] * 20)
    before = copy.deepcopy(given)
    for array in (given.labels, given.ids, given.weights, given.targets.table):
        array.flags.writeable = False  # an edit in place raises, even one that is undone
    method.prepare(given)
    assert given.inputs == before.inputs
    assert given.classes == before.classes
    assert given.similar is given.copy is None
    for name in ("labels", "ids", "weights"):
        assert np.array_equal(getattr(given, name), getattr(before, name)), name
    assert np.array_equal(given.targets.dense(), before.targets.dense())


@every_method
def test_the_loss_is_finite_and_every_parameter_gets_a_gradient(method):
    examples = method.prepare(train_split())
    objective = objective_of(method)
    loss = objective(**batch_of(examples, np.arange(60)))["loss"]
    assert loss.shape == ()
    assert loss.isfinite()
    loss.backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@every_method
def test_the_same_seed_gives_the_same_numbers(method):
    first, again = method.prepare(train_split()), method.prepare(train_split())
    assert first.inputs == again.inputs
    assert np.array_equal(first.targets.dense(), again.targets.dense())
    assert train(method, seed=0)[0] == train(method, seed=0)[0]
    assert train(method, seed=0)[0] != train(method, seed=1)[0]


class Operations(TorchDispatchMode):
    """Counts the operations that run, by name and shape."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.counts[str(func), getattr(result, "shape", None)] += 1
        return result


def prediction_cost(network, inputs):
    with torch.no_grad(), Operations() as operations:
        network(inputs)
    return operations.counts


@every_method
def test_the_saved_parameters_and_the_cost_of_prediction_are_those_of_the_bare_network(method):
    _, objective = train(method)
    bare = Bag()
    shapes = {name: tensor.shape for name, tensor in bare.state_dict().items()}
    assert {name: tensor.shape for name, tensor in objective.model.state_dict().items()} == shapes
    inputs = input_ids(train_split(), np.arange(60))
    expected = prediction_cost(bare.eval(), inputs)
    assert sum(expected.values()) >= 4
    assert prediction_cost(objective.model.eval(), inputs) == expected
    with torch.no_grad(), Operations() as operations:
        objective.eval()(input_ids=inputs)  # without labels the criterion does not run
    assert operations.counts == expected


@every_method
def test_the_criterion_never_counts_a_step_itself(method):
    examples = method.prepare(train_split())
    objective = objective_of(method)
    objective(**batch_of(examples, np.arange(60)))
    assert int(objective.step) == 0
    _, trained = train(method, steps=3)
    assert int(trained.step) == 3


@pytest.mark.parametrize("name", list(METHODS))
def test_the_options_of_a_record_build_the_method_again(name):
    method = METHODS[name]()
    assert method.name == name
    options = json.loads(json.dumps(dict(method.options)))
    assert set(options) == set(METHODS.schema(name))
    assert METHODS.build(name, options).options == method.options


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_has_its_card(name, pytestconfig):
    card = pytestconfig.rootpath / "docs" / "methods" / f"{name}.md"
    assert card.is_file(), f"docs/methods/{name}.md is missing"
