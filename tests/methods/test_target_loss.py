"""The option `loss` of the static methods: what it builds, beside the criteria themselves."""

import math
import subprocess
import sys

import pytest
import torch

from sfumato import losses
from sfumato.base import Output, Supervision
from sfumato.errors import InputError
from sfumato.method import Plan
from sfumato.methods import target_loss
from sfumato.methods.target_loss import target_criterion

PLAN = Plan(num_classes=3, num_features=3, steps_per_epoch=1, epochs=1)
P, Q, LABEL = (0.2, 0.5, 0.3), (0.1, 0.2, 0.7), 2


def loss_of(*args, **options):
    logits = torch.tensor([P]).log()
    criterion = target_criterion("mine", *args, **options)(PLAN)
    return float(criterion(Output(logits, logits), Supervision(torch.tensor([LABEL]), torch.tensor([Q]))))


def test_cross_entropy_needs_no_criterion_and_the_others_do():
    assert target_criterion("mine", "ce") is None
    assert isinstance(target_criterion("mine", "kl")(PLAN), losses.KLDivergence)
    assert isinstance(target_criterion("mine", "auxiliary")(PLAN), losses.Auxiliary)


def test_divergence_by_the_book():
    assert loss_of("kl") == pytest.approx(sum(q * math.log(q / p) for p, q in zip(P, Q, strict=True)), rel=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.5])
def test_auxiliary_by_the_book(alpha):
    hard, squared = -math.log(P[LABEL]), sum((p - q) ** 2 for p, q in zip(P, Q, strict=True))
    assert loss_of("auxiliary", alpha) == pytest.approx(hard + alpha * squared / 3, rel=1e-5)
    summed = loss_of("auxiliary", alpha, reduction="sum", scale="paper")
    assert summed == pytest.approx((hard + alpha * squared) / (2 * (1 + alpha) ** 2), rel=1e-5)
    cross = -sum(q * math.log(p) for p, q in zip(P, Q, strict=True))
    soft = loss_of("auxiliary", alpha, reduction="sum", soft_loss="ce")
    assert soft == pytest.approx(hard + alpha * cross, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "cee"}, "mine: loss must be one of 'ce', 'kl', 'auxiliary', got 'cee' .did you mean 'ce'"),
        ({"alpha": -1}, "mine: alpha must be at least 0, got -1"),
        ({"alpha": "much"}, "mine: alpha must be a number, got 'much'"),
        ({"soft_loss": "mae"}, "mine: soft_loss must be one of 'mse', 'ce', 'kl'"),
        ({"reduction": "max"}, "mine: reduction must be one of 'mean', 'sum'"),
        ({"scale": "papr"}, "did you mean 'paper'"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_built(options, message):
    with pytest.raises(InputError, match=message):
        target_criterion("mine", **options)


@pytest.mark.parametrize(
    "option", [{"alpha": 2.0}, {"soft_loss": "kl"}, {"reduction": "sum"}, {"scale": "paper"}, {"heads": "two"}], ids=str
)
@pytest.mark.parametrize("loss", ["ce", "kl"])
def test_an_option_of_the_auxiliary_loss_is_refused_beside_another_loss(option, loss):
    with pytest.raises(InputError, match=f"mine: {next(iter(option))}=.* needs loss='auxiliary': '{loss}' has no"):
        target_criterion("mine", loss, **option)
    assert target_criterion("mine", "auxiliary", **option)
    assert target_criterion("mine", "kl", alpha=1)  # the default says nothing


def test_what_is_checked_without_torch_is_what_the_criterion_takes():
    for name in ("SOFT_LOSSES", "REDUCTIONS", "SCALES"):
        assert getattr(target_loss, name) == getattr(losses, name)


@pytest.mark.slow
def test_choosing_a_loss_loads_no_torch_and_building_it_does():
    code = (
        "import sys; from sfumato.methods.target_loss import target_criterion as t; f = t('a', 'kl'); "
        "assert 'torch' not in sys.modules; f(None); assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
