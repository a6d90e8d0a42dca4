"""Soft targets of the user with a method that learns its own: the given rows take the place of the one-hot labels."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import sfumato
from sfumato import METHODS, combine
from sfumato.base import Output, Supervision
from sfumato.data import Examples
from sfumato.given_targets import on_given_targets
from sfumato.method import Method, Plan
from sfumato.targets import DenseTargets

TEXTS = ["invoice charge refund card", "parcel courier late door", "password reset email code"] * 8
SMALL = {"model": "textcnn", "model_options": {"kernels": (2,), "filters": 8, "dim": 8}, "batch_size": 32, "lr": 1e-2}


def six_rows():
    """Return six rows that are no one-hot labels, and the output of a network for them."""
    generator = torch.Generator().manual_seed(0)
    given = torch.rand(6, 3, generator=generator) + 0.1
    given /= given.sum(dim=1, keepdim=True)
    output = Output(torch.randn(6, 3, generator=generator), torch.randn(6, 4, generator=generator))
    return given, output


def softmax(row):
    powers = [math.exp(x) for x in row]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("weight", [None, 0.3], ids=["softmax", "mix"])
def test_lcm_puts_given_rows_where_the_equations_have_the_one_hot_label(weight):
    options = {} if weight is None else {"mixing": "mix", "mix_weight": weight}
    criterion = METHODS["lcm-paper"](alpha=2.0, **options).criterion(Plan(3, 4, 1, 1))
    with torch.no_grad():
        for parameter in criterion.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    given, output = six_rows()
    labels = torch.tensor([0, 1, 2, 0, 1, 1])  # the loss does not look at them
    loss = criterion(output, Supervision(labels, given)).item()
    part = {name: p.detach().double().tolist() for name, p in criterion.named_parameters()}
    L, W, b = part["label_embeddings"], part["confusion.W"], part["confusion.b"]
    W_l, b_l = part["label_encoder.W_l"], part["label_encoder.b_l"]
    V = [[math.tanh(sum(x[i] * W_l[i][j] for i in range(4)) + b_l[j]) for j in range(4)] for x in L]
    expected = 0.0
    for y, v, z in zip(given.tolist(), output.features.tolist(), output.logits.tolist(), strict=True):
        similarity = [sum(V[c][j] * v[j] for j in range(4)) for c in range(3)]
        y_c = softmax([sum(similarity[k] * W[k][c] for k in range(3)) + b[c] for c in range(3)])
        y_s = softmax([2.0 * y[c] + y_c[c] for c in range(3)])
        if weight is not None:
            y_s = [(1 - weight) * y[c] + weight * y_c[c] for c in range(3)]
        expected += sum(s * math.log(s / p) for s, p in zip(y_s, softmax(z), strict=True)) / 6
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "options"), [("label-smoothing", {}), ("votes", {}), ("kwls", {"temperature": 20.0, "weight": 0.5})]
)
def test_a_method_before_lcm_gives_it_the_rows_to_start_from(name, options):
    generator = np.random.default_rng(0)
    train = Examples.from_labels(TEXTS, ["billing", "delivery", "login"] * 8)
    votes = 3 * np.eye(3)[train.labels] + generator.multinomial(2, [1 / 3] * 3, size=24)
    train = replace(train, votes=votes.astype(np.float32))
    before = METHODS[name](**options)
    joined = combine(before, METHODS["lcm"]())
    rows = joined.prepare(train).targets.dense()
    assert joined.takes_targets
    assert np.array_equal(rows, before.prepare(train).targets.dense())
    assert not np.array_equal(rows, train.targets.dense())
    labels, (_, output) = torch.from_numpy(train.labels[:6]), six_rows()
    criterion = joined.criterion(Plan(3, 4, 1, 1))
    given = (torch.from_numpy(rows[:6]), torch.eye(3)[labels])
    soft, hard = (criterion.soft_targets(output, Supervision(labels, y)) for y in given)
    assert (soft - hard).abs().max() > 1e-3


def test_given_soft_targets_reach_the_criterion_of_lcm(monkeypatch):
    import sfumato.fitting as fitting

    seen = {}

    def keep(train, dev, **options):
        seen.update(train=train, method=options["method"])
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "train_model", keep)
    given = np.random.default_rng(0).dirichlet([1, 1, 1], size=24).astype(np.float32)
    table = {"text": [f"{text} {k}" for k, text in enumerate(TEXTS)], "label": ["billing", "delivery", "login"] * 8}
    with pytest.raises(KeyboardInterrupt):
        sfumato.fit(table, **SMALL, method=combine(METHODS["label-smoothing"](), METHODS["lcm"]()), soft_targets=given)
    assert isinstance(seen["train"].targets, DenseTargets)
    prepared = seen["method"].prepare(seen["train"])
    assert np.array_equal(prepared.targets.dense(), given[seen["train"].ids])  # not smoothed on top
    assert seen["method"].needs_training
    assert seen["method"].criterion is not None


def test_lcm_learns_what_the_given_rows_say_and_not_what_the_labels_say():
    names = ["billing", "delivery", "login"]
    table = {"text": [f"{text} number {k}" for k, text in enumerate(TEXTS)], "label": names * 8}
    wrong = np.tile(np.roll(np.eye(3), 1, axis=1), (8, 1)).astype(np.float32)
    fitted = sfumato.fit(table, model="linear", method="lcm", soft_targets=wrong, dev=0)
    plain = sfumato.fit(table, model="linear", method="lcm", dev=0)
    shifted = ["delivery", "login", "billing"] * 8
    assert np.mean([a == b for a, b in zip(fitted.predict(table["text"]), shifted, strict=True)]) > 0.9
    assert np.mean([a == b for a, b in zip(plain.predict(table["text"]), table["label"], strict=True)]) > 0.9
    assert fitted.info["method"] == "soft targets + lcm"


def test_a_method_says_itself_whether_its_loss_takes_given_targets():
    assert METHODS["lcm"]().takes_targets
    assert not METHODS["kwls-paper"]().takes_targets
    assert not combine(METHODS["class-weights"](), METHODS["votes"]()).takes_targets  # no loss of its own to say so
    taught = replace(METHODS["lcm"](), transforms=(lambda examples: examples,), teacher=object())
    left = on_given_targets(taught)
    assert left.transforms == ()
    assert left.teacher is None
    assert on_given_targets(Method("mine")).name == "soft-targets"
