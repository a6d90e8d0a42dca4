"""The steps of `linear` beside the same ones by the book, on the weights themselves and with dense products."""

import copy
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sfumato import METHODS
from sfumato.balance import balanced
from sfumato.base import Objective, Output
from sfumato.data import Examples
from sfumato.full_batch import Descent, supervise
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan, class_shares
from sfumato.models.linear import LinearClassifier
from sfumato.ngrams import NgramEncoder
from sfumato.row_products import RowProducts

C = 3


def grown(loss, before):
    return loss - before > abs(before) / 2


def plain_descent(joined, examples, encoded, strength, bends, seed):
    """The same steps on the weights (V, C) themselves, all dense: the losses, and the weights after the last.

    ``bends`` is what the criterion bends by before the first step and after each; it grows where the loss has grown by
    more than half, and where the function of this step has, too, since the point of the step before.
    """
    x, given = torch.from_numpy(encoded.matrix.toarray()), supervise(examples)
    N = len(x)
    rows = x if given.weights is None else x * given.weights[:, None]
    largest = float(torch.linalg.eigvalsh(x.T.double() @ rows.double() / N).max())
    prior = given.targets.mean(dim=0)
    odds = (prior / (1 - prior)).log() if joined.criterion.terms(C) > 1 else (prior / prior.sum()).log()
    here = ahead = [torch.zeros(x.shape[1], C), odds]
    random, momentum, losses, before = torch.Generator().manual_seed(seed).get_state(), 1.0, [], math.inf
    passed = ahead

    def score(criterion, weight, bias, draws):
        torch.set_rng_state(draws)
        logits = x @ weight + bias
        terms = criterion.terms(logits.shape[1])
        return criterion(Output(logits, logits), given) * terms + strength / 2 * weight.square().sum()

    adam = torch.optim.Adam([*joined.criterion.parameters(), torch.zeros(1, requires_grad=True)], lr=1e-2)
    for step, (bend, after) in enumerate(itertools.pairwise(bends)):
        weight, bias = (part.clone().requires_grad_() for part in ahead)
        joined.criterion.at(step)
        with torch.random.fork_rng(devices=[]):
            loss = score(joined.criterion, weight, bias, random)
            random, draws = torch.get_rng_state(), random
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            too_long = grown(losses[-1], before) and grown(
                losses[-1], score(copy.deepcopy(joined.criterion), *passed, draws).item()
            )
        assert (after > bend) == too_long
        if too_long:
            ahead, momentum, before = here, 1.0, math.inf
            continue
        passed = ahead
        before, rates = losses[-1], [1 / (bend * largest + strength), 1 / (2 * bend)]
        slope = [weight.grad, bias.grad]
        moved = [point - rate * part for point, rate, part in zip(ahead, rates, slope, strict=True)]
        change = [new - old for new, old in zip(moved, here, strict=True)]
        if sum((part * way).sum() for part, way in zip(slope, change, strict=True)) > 0:
            momentum = 1.0
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = [new + (momentum - 1) / following * way for new, way in zip(moved, change, strict=True)]
        here, momentum = moved, following
    return losses, here


class Changing(SoftCrossEntropy):
    """Cross-entropy and ``shift``; from step 8 on ``loud`` times that, and ``bend`` times the squared logits."""

    def __init__(self, loud=1.0, bend=0.0, shift=0.0):
        super().__init__()
        self.loud, self.bend, self.shift = loud, bend, shift

    def forward(self, output, supervision):
        loss = super().forward(output, supervision) + self.shift
        return loss if self.step < 8 else loss * self.loud + self.bend * output.logits.square().sum(dim=1).mean()


def scored(**how):
    return replace(METHODS["baseline"](), criterion=lambda plan: Changing(**how))


GROUPS = {"all": ["billing", "login", "shipping"]}
BACKS_OFF = {"steeper"}
CASES = {
    "baseline": (METHODS["baseline"](), "none"),
    "label-smoothing": (METHODS["label-smoothing"](), "none"),
    "kwls": (METHODS["kwls"](), "none"),
    "lcm": (METHODS["lcm"](), "none"),
    "lcm for 7 steps": (METHODS["lcm"](stop=7), "none"),
    "class weights": (METHODS["baseline"](), "weights"),
    "maskloss": (METHODS["maskloss-label"](groups=GROUPS), "none"),
    "below zero": (scored(shift=-2.0), "none"),
    "louder": (scored(loud=3.0), "none"),
    "steeper": (scored(bend=2.0), "none"),
}


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_steps_among_the_rows_are_those_of_the_weights(name, table, tickets):
    method, balance = CASES[name]
    weights = np.linspace(0.5, 1.5, 80) if name == "label-smoothing" else None
    labels = np.array(tickets["label"][:80])
    labels[::5] = "billing"
    examples = balanced(method.prepare(Examples.from_labels(tickets["text"][:80], labels, weights=weights)), balance)[0]
    assert (examples.weights is None) == (weights is None and balance == "none")
    encoded = NgramEncoder.fit(examples.inputs).encode(examples.inputs)
    plan = Plan(C, C, steps_per_epoch=1, epochs=30, class_shares=class_shares(examples))
    criterion = SoftCrossEntropy() if method.criterion is None else method.criterion(plan)
    joined = Objective(LinearClassifier(encoded.matrix.shape[1], C), criterion)
    expected = copy.deepcopy(joined)
    given = supervise(examples)
    products = RowProducts(encoded.matrix, given.weights, classes=C, steps=10**9 if table else 0)
    assert (products.gram is not None) == table
    descent = Descent(joined, products, given, 1e-3, seed=3)
    losses, bends = [], [descent.bend]
    for _ in range(30):
        losses.append(descent.step())
        bends.append(descent.bend)
    assert (bends[-1] > bends[0]) == (name in BACKS_OFF)
    plain, (weight, bias) = plain_descent(expected, examples, encoded, 1e-3, bends, seed=3)
    assert losses == pytest.approx(plain, rel=1e-6, abs=1e-4)
    joined.load_state_dict(descent.keep()())
    torch.testing.assert_close(joined.model.output_layer.weight, weight.T, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(joined.model.output_layer.bias, bias, atol=1e-4, rtol=1e-4)
    for one, other in zip(joined.criterion.parameters(), expected.criterion.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert abs(losses[0] - losses[-1]) > 1e-2
