"""One linear layer on sparse rows, trained on the whole split at each step, with any criterion.

The steps are Nesterov's accelerated gradient (Y. Nesterov, Soviet Mathematics Doklady 27, 1983), restarted where the
momentum points uphill (B. O'Donoghue, E. Candès, "Adaptive Restart for Accelerated Gradient Schemes", Foundations of
Computational Mathematics 15, 2015, section 3.2, the gradient scheme). Nothing in it needs the loss to be the same
function at every step, so criteria that draw at random, switch, or learn parameters of their own are served too.
From zero, gradient steps stay among the combinations of the rows, ``W = X' A``, so a step keeps A (N, C) and its
image ``X X' A`` and never touches W (V, C), which is written at the looks at dev and at the end. N rows, V features, C
classes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from sfumato.base import Criterion, Objective, Output, Supervision
from sfumato.data import Examples
from sfumato.dev_choice import LOG_LOSS, rank
from sfumato.errors import InputError
from sfumato.inference import dev_record
from sfumato.row_products import RowProducts, SparseRows

STRENGTHS = (3e-5, 3e-6)  # of the L2 penalty strength / 2 * |weight|^2, beside a mean loss
MAX_STEPS = 60
EVERY = 5  # steps between two looks at dev
CURVATURE = 0.5  # largest eigenvalue of the Hessian of the cross-entropy in the logits of a row
SIGMOID_CURVATURE = 0.25  # of a sum of binary cross-entropies
MARGIN = 1.2  # on a curvature that was measured and not derived
CRITERION_LR = 1e-2
WORSE = 0.5  # a loss that grows by this share of its size in one step means that the step is too long


@dataclass(frozen=True, eq=False)
class FullBatchFit:
    """What dev chose, and how it looked on the way.

    Attributes
    ----------
    strength, steps : of the L2 penalty, and the number of steps
    dev_score, dev_log_loss : of the bare classifier at that point; the score is accuracy, of multi-label data micro-F1
    history : a dict for each look at dev: strength, step, loss, dev_accuracy (dev_micro_f1), dev_log_loss
    state : the objective's state at that point, for `Objective.load_state_dict`
    """

    strength: float
    steps: int
    dev_score: float
    dev_log_loss: float
    history: list[dict[str, float]] = field(default_factory=list)
    state: dict[str, Tensor] = field(default_factory=dict)


def fit_full_batch(
    objective: Objective,
    train: Examples,
    encoded_train: Any,
    dev: Examples,
    encoded_dev: Any,
    *,
    strengths: tuple[float, ...] = STRENGTHS,
    max_steps: int = MAX_STEPS,
    seed: int = 0,
    thresholds: str | float = "global",
    choose: str = LOG_LOSS,
    report: Callable[[dict[str, float]], None] | None = None,
) -> FullBatchFit:
    """Let dev choose the penalty and the number of steps of the bare classifier, by ``choose`` of `sfumato.dev_choice`.

    Accuracy on a few hundred rows moves by luck from look to look and then stops too early; log-loss finds the more
    accurate classifier (benchmarks/linear.md).

    ``encoded_train`` and ``encoded_dev`` have a scipy CSR ``matrix`` (N, V) float32. The objective is left as it
    was, its criterion too: `refit_full_batch` then trains it with what was chosen, on these rows (which gives
    ``state`` again, to rounding) or on these and dev's.
    """
    if not strengths:
        raise InputError("linear needs at least one strength to choose from, got none")
    supervision = supervise(train)
    products = products_of(encoded_train, supervision, len(strengths) * max_steps)
    dev_rows = SparseRows(encoded_dev.matrix)
    history: list[dict[str, float]] = []
    best: FullBatchFit | None = None
    highest: tuple[float, ...] = ()
    scores = ("dev_micro_f1" if dev.multilabel else "dev_accuracy", "dev_log_loss")
    for strength in strengths:
        descent = Descent(copy.deepcopy(objective), products, supervision, strength, seed)
        for step in range(1, max_steps + 1):
            loss = descent.step()
            if step % EVERY and step != max_steps:
                continue
            record = dev_record(descent.logits(dev_rows), dev, thresholds, choose)
            history.append({"strength": strength, "step": step, "loss": loss} | record)
            if report is not None:
                report(history[-1])
            found = rank(record, choose)
            if best is None or found > highest:
                score, log_loss = (record[name] for name in scores)
                best, kept = FullBatchFit(strength, step, score, log_loss, history), descent.keep()
                highest = found
    if best is None:
        raise InputError(f"linear needs at least one step, got max_steps={max_steps}")
    return replace(best, state=kept())


def refit_full_batch(
    objective: Objective,
    examples: Examples,
    encoded: Any,
    *,
    strength: float = STRENGTHS[-1],
    steps: int = MAX_STEPS // 2,
    seed: int = 0,
) -> float:
    """Train the objective from the start with a chosen strength and number of steps; return the last loss."""
    supervision = supervise(examples)
    descent = Descent(objective, products_of(encoded, supervision, steps), supervision, strength, seed)
    loss = float("nan")
    for _ in range(steps):
        loss = descent.step()
    objective.load_state_dict(descent.keep()())
    objective.model.eval()
    return loss


def products_of(encoded: Any, supervision: Supervision, steps: int) -> RowProducts:
    """Return the rows as so many steps need them."""
    classes = supervision.targets.shape[1]
    return RowProducts(encoded.matrix, supervision.weights, classes=classes, steps=steps)


def supervise(examples: Examples) -> Supervision:
    """Return all that a criterion may know of the split."""
    parts = (examples.similar, examples.weights, examples.copy)
    optional = (None if part is None else torch.from_numpy(part) for part in parts)
    return Supervision(torch.from_numpy(examples.labels), torch.from_numpy(examples.targets.dense()), *optional)


class Point(NamedTuple):
    """Weights ``X' A`` and their logits of the rows, both in ``pair`` (2, N, C), A and ``X X' A``; ``bias`` (C,)."""

    pair: Tensor
    bias: Tensor


def worse(loss: float, before: float) -> bool:
    """Return whether a loss has grown by more than a step of the right length can make it; it may be below zero."""
    return loss > before + WORSE * abs(before)


class Descent:
    """Accelerated gradient from zero weights; the network is left alone, `keep` returns what it would be.

    A loss that is the mean of several terms a row (`Criterion.terms`) counts as their sum, so that a strength of the
    penalty means the same for a softmax and for a sigmoid a class. The criterion sees the logits at the point ahead of
    the current one, where the gradient is taken; its own parameters take one step of Adam for each step of the weights.
    """

    def __init__(
        self, objective: Objective, products: RowProducts, supervision: Supervision, strength: float, seed: int
    ) -> None:
        objective.step.zero_()
        objective.train()
        self.objective, self.supervision, self.strength = objective, supervision, strength
        self.products = products
        self.random = torch.Generator().manual_seed(seed).get_state()
        own = list(objective.criterion.parameters())
        self.adam = torch.optim.Adam(own, lr=CRITERION_LR) if own else None
        self.objective.criterion.at(0)
        prior = supervision.targets.mean(dim=0).clamp(1e-6, 1 - 1e-6)  # (C,)
        self.sigmoid = objective.criterion.terms(len(prior)) > 1  # a question a class: the bias is that class's odds
        bias = prior.logit() if self.sigmoid else (prior / prior.sum()).log()
        self.here = self.ahead = Point(torch.zeros(2, len(products), len(prior)), bias)
        self.pace(self.curvature())
        self.passed, self.before, self.momentum = self.ahead, float("inf"), 1.0

    def step(self) -> float:
        """Take one step and return the loss where its gradient was taken."""
        draws = self.random
        loss, gradient = self.slope(self.ahead)
        if worse(loss, self.before) and worse(loss, self.anew(self.passed, draws)):
            self.pace(max(2 * self.bend, self.curvature()))  # it bends more than it did: go back, take shorter steps
            self.ahead, self.before, self.momentum = self.here, float("inf"), 1.0
        else:
            self.passed, self.before = self.ahead, loss
            self.advance(gradient)
        self.objective.advance()
        return loss

    def anew(self, point: Point, draws: Tensor) -> float:
        """Return the loss at a point with the random draws of this step.

        A criterion that draws at random, switches or follows a record is another function at each step: where its loss
        has grown, only its own loss at the point before tells whether the step was too long.
        """
        kept, self.random = self.random, draws
        loss, _ = self.score(copy.deepcopy(self.objective.criterion), point.pair[1] + point.bias)
        self.random = kept
        return float(loss) + self.penalty(point)

    def penalty(self, point: Point) -> float:
        """Return strength / 2 * |X' A|^2, where |X' A|^2 = <A, X X' A>."""
        return self.strength / 2 * float((point.pair[0] * point.pair[1]).sum())

    def pace(self, bend: float) -> None:
        """Set the lengths of the steps for a criterion that bends by at most ``bend`` in the logits of a row."""
        self.bend = bend
        self.rates = (1 / (bend * self.products.largest + self.strength), 1 / (2 * bend))

    def curvature(self, rounds: int = 6) -> float:
        """Return how much the criterion bends in the logits of a row near the prior, at least what cross-entropy can.

        Row-wise power iteration on differences of gradients, all with the same random draws, on a copy.
        """
        criterion = copy.deepcopy(self.objective.criterion)
        weights, rows = self.supervision.weights, len(self.supervision.labels)
        noise = torch.Generator().manual_seed(0)
        point = self.here.bias + torch.randn(rows, len(self.here.bias), generator=noise)  # (N, C)
        direction = torch.randn(point.shape, generator=noise)
        start, sizes = self.score(criterion, point)[1], torch.zeros(rows, 1)
        for _ in range(rounds):
            direction = 0.01 * F.normalize(direction, dim=1)
            change = self.score(criterion, point + direction)[1] - start
            direction = change * (100 * rows)
            sizes = direction.norm(dim=1) if weights is None else direction.norm(dim=1) / weights.clamp(min=1e-6)
        found = float(sizes.max())
        least = SIGMOID_CURVATURE if self.sigmoid else CURVATURE
        return least if found <= least else MARGIN * found

    def score(self, criterion: Criterion, point: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss at logits (N, C) and its gradient in them, with the random draws of this step."""
        logits = point.detach().requires_grad_()
        criterion.at(int(self.objective.step))
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.random)
            loss = criterion(Output(logits, logits), self.supervision) * criterion.terms(logits.shape[1])
            self.drawn = torch.get_rng_state()
        loss.backward()
        return loss.detach(), cast(Tensor, logits.grad)

    def slope(self, point: Point) -> tuple[float, Point]:
        """Return the loss at a point and its gradient; autograd runs through the criterion alone."""
        if self.adam is not None:
            self.adam.zero_grad()
        loss, gradient = self.score(self.objective.criterion, point.pair[1] + point.bias)
        self.random = self.drawn
        if self.adam is not None:
            self.adam.step()
        down = torch.stack([gradient, self.products.through(gradient)]).add_(point.pair, alpha=self.strength)
        return float(loss) + self.penalty(point), Point(down, gradient.sum(dim=0))

    def advance(self, gradient: Point) -> None:
        """Step along the gradient, then look ahead by the momentum, which starts again where it points uphill."""
        steps = zip(self.ahead, gradient, self.rates, strict=True)
        moved = Point(*(torch.sub(point, slope, alpha=rate) for point, slope, rate in steps))
        change = Point(*(new - old for new, old in zip(moved, self.here, strict=True)))
        if float((gradient.pair[0] * change.pair[1]).sum() + (gradient.bias * change.bias).sum()) > 0:
            self.momentum = 1.0
        following = (1 + (1 + 4 * self.momentum**2) ** 0.5) / 2
        push = (self.momentum - 1) / following
        self.ahead = Point(*(new.add(part, alpha=push) for new, part in zip(moved, change, strict=True)))
        self.here, self.momentum = moved, following

    def logits(self, rows: SparseRows) -> Tensor:
        """Return the logits of other rows (M, V) at the current point, (M, C)."""
        return rows @ self.products.to_weights(self.here.pair[0]) + self.here.bias

    def keep(self) -> Callable[[], dict[str, Tensor]]:
        """Return how to make the objective's state at the current point, whatever steps are taken meanwhile.

        The weights are V x C numbers, so they are made of the combination when they are asked for.
        """
        layer = cast(torch.nn.Linear, self.objective.model.output_layer)
        names = {id(parameter): name for name, parameter in self.objective.named_parameters()}
        weight, bias = names[id(layer.weight)], names[id(layer.bias)]
        now = {name: value.clone() for name, value in self.objective.state_dict().items() if name != weight}
        here = self.here
        return lambda: {**now, weight: self.products.to_weights(here.pair[0]).T.contiguous(), bias: here.bias.clone()}
