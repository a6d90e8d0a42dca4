"""The binary cross-entropy of each class, by the book."""

import math

import pytest
import torch

from sfumato.base import Objective, Output, Supervision, Switch
from sfumato.losses import SoftCrossEntropy
from sfumato.sigmoid_losses import SigmoidCrossEntropy

LOGITS = torch.tensor([[0.5, -1.0, 2.0], [3.0, 0.0, -2.0]])
TARGETS = torch.tensor([[1.0, 0.0, 0.7], [0.2, 0.0, 1.0]])
WEIGHTS = torch.tensor([0.5, 1.5])


def by_the_book(weights):
    total = 0.0
    for row in range(2):
        for k in range(3):
            p = 1 / (1 + math.exp(-float(LOGITS[row, k])))
            q = float(TARGETS[row, k])
            total += weights[row] * -(q * math.log(p) + (1 - q) * math.log(1 - p)) / 3
    return total / 2


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_loss_is_the_mean_over_classes_and_rows(weights):
    loss = SigmoidCrossEntropy()(Output(LOGITS, LOGITS), Supervision(TARGETS > 0.5, TARGETS, None, weights))
    assert float(loss) == pytest.approx(by_the_book([1, 1] if weights is None else weights.tolist()), abs=1e-6)


def test_the_loss_says_how_many_terms_it_is_the_mean_of_also_through_a_switch():
    switch = Switch(SigmoidCrossEntropy(), SoftCrossEntropy(), at_step=2)
    assert SigmoidCrossEntropy().terms(7) == 7
    switch.at(1)
    assert switch.terms(7) == 7
    switch.at(2)
    assert switch.terms(7) == 1


def test_an_objective_without_targets_takes_labels_of_zero_and_one_as_they_are():
    class Echo(torch.nn.Module):
        def forward(self, x):
            return Output(x, x)

    labels = torch.tensor([[1, 0, 1], [0, 0, 1]])
    loss = Objective(Echo(), SigmoidCrossEntropy())(x=LOGITS, labels=labels)["loss"]
    expected = torch.nn.functional.binary_cross_entropy_with_logits(LOGITS, labels.float())
    assert float(loss) == pytest.approx(float(expected), abs=1e-6)
