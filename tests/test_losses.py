import math

import pytest
import torch
from torch.nn import functional as F

from sfumato import InputError
from sfumato.base import Criterion, Objective, Output, Supervision, Switch, batch_mean
from sfumato.losses import SCALES, SOFT_LOSSES, Auxiliary, KLDivergence, SoftCrossEntropy, kl_divergence


def batch(rows=6, C=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, C, generator=generator).requires_grad_()
    labels = torch.randint(C, (rows,), generator=generator)
    targets = torch.rand(rows, C, generator=generator)
    return Output(logits, logits), Supervision(labels, targets / targets.sum(dim=1, keepdim=True))


def softmax_by_the_book(row):
    powers = [math.exp(x) for x in row]
    return [power / sum(powers) for power in powers]


def test_soft_cross_entropy_by_the_book():
    output, supervision = batch()
    total = 0.0
    for z, q in zip(output.logits.tolist(), supervision.targets.tolist(), strict=True):
        p = softmax_by_the_book(z)
        total -= sum(q[k] * math.log(p[k]) for k in range(3))
    assert SoftCrossEntropy()(output, supervision).item() == pytest.approx(total / 6, rel=1e-5)


def test_with_one_hot_targets_soft_cross_entropy_is_the_usual_one():
    output, supervision = batch()
    hard = supervision._replace(targets=F.one_hot(supervision.labels, 3).float())
    expected = F.cross_entropy(output.logits, supervision.labels)
    assert SoftCrossEntropy()(output, hard).item() == pytest.approx(expected.item(), rel=1e-6)


def test_divergence_and_cross_entropy_have_the_same_gradient_for_fixed_targets():
    output, supervision = batch()
    cross, divergence = SoftCrossEntropy()(output, supervision), KLDivergence()(output, supervision)
    entropy = -(supervision.targets * supervision.targets.log()).sum(dim=1).mean()
    assert divergence.item() == pytest.approx((cross - entropy).item(), rel=1e-5)
    one, other = (torch.autograd.grad(loss, output.logits)[0] for loss in (cross, divergence))
    assert torch.allclose(one, other, atol=1e-7)


def test_the_mean_is_over_rows_and_not_over_rows_and_classes():
    output, supervision = batch()
    expected = F.kl_div(output.logits.log_softmax(dim=1), supervision.targets, reduction="batchmean")
    assert KLDivergence()(output, supervision).item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_zero_share_contributes_nothing():
    one_hot = torch.tensor([[0.0, 1.0, 0.0]])
    logits = torch.tensor([[0.3, -0.2, 5.0]])
    assert kl_divergence(one_hot, logits).item() == pytest.approx(F.cross_entropy(logits, torch.tensor([1])).item())


@pytest.mark.parametrize("soft_loss", SOFT_LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("scale", "divisor"), [("none", 1), ("sum-weights", 3), ("paper-code", 9), ("paper", 18)])
def test_the_auxiliary_loss_by_the_book(soft_loss, reduction, scale, divisor):
    output, supervision = batch()
    total = 0.0
    for z, q, label in zip(output.logits.tolist(), supervision.targets.tolist(), supervision.labels, strict=True):
        p = softmax_by_the_book(z)
        soft = {
            "mse": sum((q[k] - p[k]) ** 2 for k in range(3)),
            "ce": -sum(q[k] * math.log(p[k]) for k in range(3)),
            "kl": sum(q[k] * math.log(q[k] / p[k]) for k in range(3)),
        }[soft_loss]
        total += -math.log(p[label]) + 2 * soft / (3 if reduction == "mean" else 1)
    loss = Auxiliary(2.0, soft_loss=soft_loss, reduction=reduction, scale=scale)(output, supervision)
    assert loss.item() == pytest.approx(total / 6 / divisor, rel=1e-5)


def test_each_soft_loss_pulls_the_prediction_to_the_target_and_not_past_it():
    target, label = torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([0])
    at_target = Output(target.log().requires_grad_(), target)
    for soft_loss in SOFT_LOSSES:
        criterion = Auxiliary(1.0, soft_loss=soft_loss, reduction="sum")
        misfit = criterion.misfit(at_target.logits, target).sum()
        gradient = torch.autograd.grad(misfit, at_target.logits)[0]
        assert gradient.abs().max() < 1e-6, soft_loss
        hard = criterion(at_target, Supervision(label, torch.eye(3)[label]))
        assert hard > F.cross_entropy(at_target.logits, label), soft_loss  # away from it, the term counts


def test_without_weight_the_auxiliary_error_is_cross_entropy():
    output, supervision = batch()
    expected = F.cross_entropy(output.logits, supervision.labels).item()
    for scale in SCALES[:3]:
        assert Auxiliary(0.0, scale=scale)(output, supervision).item() == pytest.approx(expected, rel=1e-6)


def test_an_unknown_scale_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'paper'"):
        Auxiliary(scale="papr")
    with pytest.raises(InputError, match="reduction must be one of 'mean', 'sum', got 'max'"):
        Auxiliary(reduction="max")
    with pytest.raises(InputError, match="soft_loss must be one of 'mse', 'ce', 'kl', got 'mae'"):
        Auxiliary(soft_loss="mae")


@pytest.mark.parametrize("criterion", [SoftCrossEntropy(), KLDivergence(), Auxiliary()])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_batch_of_eight_is_two_of_four(criterion, weighted):
    output, supervision = batch(rows=8)
    if weighted:
        supervision = supervision._replace(weights=torch.tensor([3.0, 2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]))
    halves = [slice(0, 4), slice(4, 8)]
    parts = [
        criterion(
            Output(output.logits[half], output.features[half]),
            Supervision(*(None if part is None else part[half] for part in supervision)),
        )
        for half in halves
    ]
    assert (sum(parts) / 2).item() == pytest.approx(criterion(output, supervision).item(), rel=1e-6)


def test_example_weights_do_not_change_the_divisor():
    assert batch_mean(torch.tensor([1.0, 3.0]), None).item() == 2
    assert batch_mean(torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.5])).item() == 1


class Constant(Criterion):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, output, supervision):
        return output.logits.sum() * 0 + self.value + self.step / 1000

    def soft_targets(self, output, supervision):
        return supervision.targets * self.value


def test_a_switch_changes_at_its_step_and_not_before():
    switch = Switch(Constant(1.0), Constant(2.0), at_step=3)
    values = []
    for step in range(5):
        switch.at(step)
        values.append(switch(*batch()).item())
    assert values == pytest.approx([1.0, 1.001, 1.002, 2.003, 2.004])  # and the inner criteria know the step


def test_a_switch_tells_the_targets_that_its_first_part_learned():
    output, supervision = batch()
    switch = Switch(Constant(5.0), SoftCrossEntropy(), at_step=0)
    assert torch.equal(switch.soft_targets(output, supervision), supervision.targets * 5)


class Fixed(torch.nn.Module):
    def forward(self, inputs):
        return Output(inputs, inputs)


def test_the_objective_makes_hard_targets_when_none_are_given():
    output, supervision = batch()
    objective = Objective(Fixed(), SoftCrossEntropy())
    logits = output.logits.detach()
    loss = objective(inputs=logits, labels=supervision.labels)["loss"]
    assert loss.item() == pytest.approx(F.cross_entropy(logits, supervision.labels).item(), rel=1e-6)
    soft = objective(inputs=logits, labels=supervision.labels, targets=supervision.targets)["loss"]
    assert soft.item() == pytest.approx(SoftCrossEntropy()(output, supervision).item(), rel=1e-6)
    assert set(objective(inputs=logits)) == {"logits"}


def test_the_objective_counts_steps_when_told_and_saves_the_count():
    objective = Objective(Fixed(), Switch(Constant(1.0), Constant(2.0), at_step=2))
    output, supervision = batch()
    losses = []
    for _ in range(3):
        losses.append(objective(inputs=output.logits, labels=supervision.labels)["loss"].item())
        objective(inputs=output.logits, labels=supervision.labels)  # a second micro-batch of the same step
        objective.advance()
    assert losses == pytest.approx([1.0, 1.001, 2.002])
    again = Objective(Fixed(), SoftCrossEntropy())
    again.load_state_dict(objective.state_dict())
    assert int(again.step) == 3


def test_a_criterion_without_forward_says_so():
    with pytest.raises(TypeError, match="Criterion does not define forward"):
        Criterion()(*batch())
