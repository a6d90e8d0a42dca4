import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import sfumato
from sfumato import METHODS, InputError, combine
from sfumato.base import Objective, Output, Supervision
from sfumato.controls import control_names
from sfumato.data import Examples
from sfumato.full_batch import CURVATURE, Descent, supervise
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan, class_shares
from sfumato.models.linear import LinearClassifier
from sfumato.ngrams import NgramEncoder
from sfumato.row_products import RowProducts
from sfumato.run import balanced
from sfumato.targets import DenseTargets

SHARES = (0.7, 0.2, 0.1)
LABELS = torch.tensor([0, 1, 2, 0, 1, 1])


def criterion_of(method, shares=SHARES):
    return method.criterion(Plan(3, 4, 1, 1, class_shares=shares))


def six_texts():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3, generator=generator).requires_grad_()
    return Output(logits, torch.randn(6, 4, generator=generator)), Supervision(LABELS, torch.eye(3)[LABELS])


def unbalanced():
    """Return 46 texts of two classes that no model can tell apart for sure: each word is only more usual in one."""
    generator = np.random.default_rng(0)
    words = {"usual": ["gamma", "gamma", "delta"], "rare": ["gamma", "delta", "delta"]}
    labels = ["usual"] * 40 + ["rare"] * 6
    return ["alpha " + " ".join(generator.choice(words[label], 2)) for label in labels], labels


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_the_loss_is_the_sum_printed_in_the_paper(tau):
    output, supervision = six_texts()
    expected = 0.0
    for f, y in zip(output.logits.tolist(), LABELS.tolist(), strict=True):
        powers = [math.exp(f[c] + tau * math.log(SHARES[c])) for c in range(3)]
        expected -= math.log(powers[y] / sum(powers)) / 6
    found = criterion_of(METHODS["logit-adjustment"](tau=tau))(output, supervision)
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("tau", "shares"), [(0.0, SHARES), (1.0, (1 / 3, 1 / 3, 1 / 3))])
def test_without_strength_or_with_equal_shares_it_is_cross_entropy(tau, shares):
    output, supervision = six_texts()
    found = criterion_of(METHODS["logit-adjustment"](tau=tau), shares)(output, supervision)
    assert found.item() == pytest.approx(F.cross_entropy(output.logits, LABELS).item(), rel=1e-6)


def test_the_best_bare_logits_rank_the_classes_as_if_all_were_equally_common():
    # Without features the best adjusted logits are log shares, so the bare ones are equal.
    labels = torch.tensor([0] * 7 + [1] * 2 + [2])
    bias = torch.zeros(3, requires_grad=True)
    loss = criterion_of(METHODS["logit-adjustment"]())
    optimizer = torch.optim.LBFGS([bias], max_iter=50)

    def closure():
        optimizer.zero_grad()
        value = loss(Output(bias.expand(10, 3), bias.expand(10, 3)), Supervision(labels, torch.eye(3)[labels]))
        value.backward()
        return value

    optimizer.step(closure)
    assert (bias - bias.mean()).abs().max().item() == pytest.approx(0, abs=1e-4)


def test_targets_of_another_method_are_taken_as_they_are():
    joined = combine(METHODS["label-smoothing"](0.3), METHODS["logit-adjustment"]())
    train = Examples.from_labels(list("abcdef"), [str(k) for k in LABELS.tolist()])
    targets = torch.from_numpy(joined.prepare(train).targets.dense())
    output, _ = six_texts()
    found = criterion_of(joined)(output, Supervision(LABELS, targets)).item()
    log_p = (output.logits + torch.tensor(SHARES).log()).log_softmax(dim=1)
    assert found == pytest.approx(-(targets * log_p).sum(dim=1).mean().item(), rel=1e-5)
    assert joined.takes_targets
    assert control_names(METHODS["logit-adjustment"]()) == ()


def test_rows_count_by_their_weights():
    output, supervision = six_texts()
    criterion = criterion_of(METHODS["logit-adjustment"]())
    first = Output(output.logits[:1], output.features[:1]), Supervision(LABELS[:1], supervision.targets[:1])
    only = supervision._replace(weights=torch.tensor([6.0, 0, 0, 0, 0, 0]))
    assert criterion(output, only).item() == pytest.approx(criterion(*first).item(), rel=1e-6)


def test_the_shares_are_those_that_training_sees():
    train = Examples.from_labels(list("abcdefgh"), ["x"] * 6 + ["y"] * 2)
    assert class_shares(train) == pytest.approx((0.75, 0.25))
    weighed, _ = balanced(train, "weights")
    assert class_shares(weighed) == pytest.approx((0.5, 0.5))
    same, sampling = balanced(train, "sampler")
    assert class_shares(same, sampling) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("kind", ["table", "dense"])
def test_the_shares_of_soft_targets_are_their_mean(kind):
    weights = [1.0, 2.0, 1.0, 1.0, 3.0, 1.0, 1.0, 2.0]
    train = Examples.from_labels(list("abcdefgh"), ["x"] * 6 + ["y"] * 2, weights=weights)
    smooth = METHODS["label-smoothing"](0.2).prepare(train)
    smooth = smooth if kind == "table" else replace(smooth, targets=DenseTargets(smooth.targets.dense()))
    on_x = sum(weight * (0.9 if k < 6 else 0.1) for k, weight in enumerate(weights)) / sum(weights)
    assert class_shares(smooth) == pytest.approx((on_x, 1 - on_x))


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        (None, r"logit-adjustment needs the share of each class: Plan\(..., class_shares=class_shares\(train\)\)"),
        ((0.5, 0.0, 0.5), "needs rows of every class, but class 2 of 3 has none"),
    ],
)
def test_without_the_shares_there_is_no_loss(shares, said):
    with pytest.raises(InputError, match=said):
        criterion_of(METHODS["logit-adjustment"](), shares)


@pytest.mark.parametrize("tau", [-1, float("nan"), "one"])
def test_a_strength_out_of_range_is_refused(tau):
    with pytest.raises(InputError, match="logit-adjustment: tau must be"):
        METHODS["logit-adjustment"](tau=tau)


@pytest.mark.parametrize("model", ["linear", "textcnn"])
def test_a_trained_model_gives_a_rare_class_its_due(model):
    texts, labels = unbalanced()
    more = {} if model == "linear" else {"epochs": 20, "model_options": {"filters": 8, "dim": 8}, "lr": 1e-2}
    shares = {}
    for method in ("baseline", "logit-adjustment"):
        fitted = sfumato.fit({"text": texts, "label": labels}, model=model, method=method, dev=0, **more)
        shares[method] = fitted.predict_proba(texts)[:, fitted.classes.index("rare")].mean()
    assert shares["logit-adjustment"] > shares["baseline"] + 0.1


def descents():
    """Return the solver of the linear model for cross-entropy, and for the adjusted one, on the same rows."""
    texts, labels = unbalanced()
    train = Examples.from_labels(texts, labels)
    encoder = NgramEncoder.fit(train.inputs)
    matrix = encoder.encode(train.inputs, 1000).matrix
    adjusted = METHODS["logit-adjustment"]().criterion(Plan(2, 2, 1, 1, class_shares=class_shares(train)))
    network = LinearClassifier(matrix.shape[1], 2)
    for criterion in (SoftCrossEntropy(), adjusted):
        yield Descent(Objective(copy.deepcopy(network), criterion), RowProducts(matrix), supervise(train), 3e-6, 0)


def test_the_full_batch_steps_suit_it_as_they_suit_cross_entropy():
    plain, adjusted = descents()
    assert plain.bend == adjusted.bend == CURVATURE  # a constant in the logits bends nothing
    losses = [adjusted.step() for _ in range(60)]
    assert losses[-1] < losses[0]
    assert np.isfinite(losses).all()
