"""One linear layer on sparse rows, trained on the whole split at each step, with any criterion.

The steps are Nesterov's accelerated gradient (Y. Nesterov, Soviet Mathematics Doklady 27, 1983), restarted where the
momentum points uphill (B. O'Donoghue, E. Candès, "Adaptive Restart for Accelerated Gradient Schemes", Foundations of
Computational Mathematics 15, 2015, section 3.2, the gradient scheme). Nothing in it needs the loss to be the same
function at every step, so criteria that draw at random, switch, or learn parameters of their own are served too.
N rows, V features, C classes.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sfumato.base import Criterion, Objective, Output, Supervision
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.inference import dev_record

STRENGTHS = (3e-5, 3e-6)  # of the L2 penalty strength / 2 * |weight|^2, beside a mean loss
MAX_STEPS = 60
EVERY = 5  # steps between two looks at dev
CURVATURE = 0.5  # largest eigenvalue of the Hessian of the cross-entropy in the logits of a row
SIGMOID_CURVATURE = 0.25  # of a sum of binary cross-entropies
MARGIN = 1.2  # on a curvature that was measured and not derived
CRITERION_LR = 1e-2
WORSE = 1.5  # a loss that grows by this factor in one step means that the step is too long


@dataclass(frozen=True, eq=False)
class FullBatchFit:
    """What dev chose, and how it looked on the way.

    Attributes
    ----------
    strength, steps : of the L2 penalty, and the number of steps
    dev_accuracy, dev_log_loss : of the bare classifier at that point; of multi-label data the first is micro-F1
    history : a dict for each look at dev: strength, step, loss, dev_accuracy (dev_micro_f1), dev_log_loss
    state : the objective's state at that point, for `Objective.load_state_dict`
    """

    strength: float
    steps: int
    dev_accuracy: float
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
    report: Callable[[dict[str, float]], None] | None = None,
) -> FullBatchFit:
    """Let dev choose the strength and the number of steps by log-loss, then by accuracy, of the bare classifier.

    Accuracy on a few hundred rows moves by luck from look to look and then stops too early; log-loss finds the more
    accurate classifier (benchmarks/linear.md).

    ``encoded_train`` and ``encoded_dev`` have a scipy CSR ``matrix`` (N, V) float32. The objective is left as it
    was, its criterion too: `refit_full_batch` then trains it with what was chosen, on these rows (which gives
    ``state`` again) or on these and dev's.
    """
    if not strengths:
        raise InputError("linear needs at least one strength to choose from, got none")
    features, supervision = to_tensor(encoded_train.matrix), supervise(train)
    dev_features = to_tensor(encoded_dev.matrix)
    history: list[dict[str, float]] = []
    best: FullBatchFit | None = None
    for strength in strengths:
        attempt = copy.deepcopy(objective)
        descent = Descent(attempt, features, supervision, strength, seed)
        for step in range(1, max_steps + 1):
            loss = descent.step()
            if step % EVERY and step != max_steps:
                continue
            descent.store()
            record = look(attempt, dev_features, dev, thresholds)
            accuracy, log_loss = record.values()
            history.append({"strength": strength, "step": step, "loss": loss} | record)
            if report is not None:
                report(history[-1])
            if best is None or (-log_loss, accuracy) > (-best.dev_log_loss, best.dev_accuracy):
                state = {name: value.clone() for name, value in attempt.state_dict().items()}
                best = FullBatchFit(strength, step, accuracy, log_loss, history, state)
    if best is None:
        raise InputError(f"linear needs at least one step, got max_steps={max_steps}")
    return best


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
    descent = Descent(objective, to_tensor(encoded.matrix), supervise(examples), strength, seed)
    loss = float("nan")
    for _ in range(steps):
        loss = descent.step()
    descent.store()
    return loss


def transpose(features: Tensor) -> Tensor:
    """Return (V, N) from (N, V), both sparse CSR: a product with it is faster than with a transposed view."""
    from scipy.sparse import csr_matrix

    parts = (part.numpy() for part in (features.values(), features.col_indices(), features.crow_indices()))
    return to_tensor(csr_matrix(tuple(parts), shape=tuple(features.shape)).T.tocsr())


def to_tensor(matrix: Any) -> Tensor:
    """Return a scipy CSR matrix as a torch sparse CSR tensor."""
    parts = (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data)
    crow, columns, values = (torch.from_numpy(part) for part in parts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(crow, columns, values, size=matrix.shape, check_invariants=False)


def supervise(examples: Examples) -> Supervision:
    """Return all that a criterion may know of the split."""
    optional = (None if part is None else torch.from_numpy(part) for part in (examples.similar, examples.weights))
    return Supervision(torch.from_numpy(examples.labels), torch.from_numpy(examples.targets.dense()), *optional)


def look(objective: Objective, features: Tensor, dev: Examples, thresholds: str | float) -> dict[str, float]:
    """Return accuracy (multi-label: micro-F1), then log-loss of the bare classifier."""
    with torch.no_grad():
        logits = objective.model(features).logits
        if dev.multilabel:
            return dev_record(logits, dev, thresholds)
        labels = torch.from_numpy(dev.labels)
        accuracy = (logits.argmax(dim=1) == labels).double().mean()
        log_loss = F.cross_entropy(logits, labels, ignore_index=-1)  # -1: never seen in training
        return {"dev_accuracy": float(accuracy), "dev_log_loss": float(log_loss)}


def largest_eigenvalue(features: Tensor, transposed: Tensor, weights: Tensor | None, steps: int = 20) -> float:
    """Return the largest eigenvalue of ``X' diag(w) X / N`` by power iteration, (N, V) features."""
    vector = torch.ones(features.shape[1], 1) / features.shape[1] ** 0.5  # rows are not negative, so not orthogonal
    size = 0.0
    for _ in range(steps):
        seen = features @ vector
        vector = transposed @ (seen if weights is None else seen * weights[:, None])
        size = float(vector.norm())
        if not size:
            return 1.0  # no row holds a known n-gram; any step will do
        vector /= size
    return size / features.shape[0]


class Descent:
    """Accelerated gradient from zero weights; the network is written only when `store` is called.

    A loss that is the mean of several terms a row (`Criterion.terms`) counts as their sum, so that a strength of the
    penalty means the same for a softmax and for a sigmoid a class. The criterion sees the logits at the point ahead of
    the current one, where the gradient is taken; its own parameters take one step of Adam for each step of the weights.
    """

    def __init__(
        self, objective: Objective, features: Tensor, supervision: Supervision, strength: float, seed: int
    ) -> None:
        self.objective, self.supervision, self.strength = objective, supervision, strength
        self.features = features  # (N, V)
        self.transposed = transpose(features)  # (V, N)
        self.random = torch.Generator().manual_seed(seed).get_state()
        own = list(objective.criterion.parameters())
        self.adam = torch.optim.Adam(own, lr=CRITERION_LR) if own else None
        self.objective.criterion.at(0)
        prior = supervision.targets.mean(dim=0).clamp(1e-6, 1 - 1e-6)  # (C,)
        self.sigmoid = objective.criterion.terms(len(prior)) > 1  # a question a class: the bias is that class's odds
        bias = prior.logit() if self.sigmoid else (prior / prior.sum()).log()
        self.here = self.ahead = (torch.zeros(features.shape[1], len(prior)), bias)  # (V, C), (C,)
        self.largest = largest_eigenvalue(features, self.transposed, supervision.weights)
        self.pace(self.curvature())
        self.momentum, self.before = 1.0, float("inf")
        objective.step.zero_()
        objective.train()

    def step(self) -> float:
        """Take one step and return the loss where its gradient was taken."""
        loss, gradient = self.slope(*self.ahead)
        if loss <= self.before * WORSE:
            self.advance(gradient)
            self.before = loss
        else:  # the criterion bends more than it did: go back and take shorter steps
            self.pace(max(2 * self.bend, self.curvature()))
            self.ahead, self.momentum, self.before = self.here, 1.0, float("inf")
        self.objective.advance()
        return loss

    def pace(self, bend: float) -> None:
        """Set the lengths of the steps for a criterion that bends by at most ``bend`` in the logits of a row."""
        self.bend = bend
        self.rates = (1 / (bend * self.largest + self.strength), 1 / (2 * bend))

    def curvature(self, rounds: int = 6) -> float:
        """Return how much the criterion bends in the logits of a row near the prior, at least what cross-entropy can.

        Row-wise power iteration on differences of gradients, all with the same random draws, on a copy.
        """
        criterion = copy.deepcopy(self.objective.criterion)
        weights, rows = self.supervision.weights, len(self.supervision.labels)
        noise = torch.Generator().manual_seed(0)
        point = self.here[1] + torch.randn(rows, len(self.here[1]), generator=noise)  # (N, C)
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
        assert logits.grad is not None
        return loss.detach(), logits.grad

    def slope(self, weight: Tensor, bias: Tensor) -> tuple[float, tuple[Tensor, Tensor]]:
        """Return the loss at a point and its gradient; autograd runs through the criterion alone."""
        if self.adam is not None:
            self.adam.zero_grad()
        loss, gradient = self.score(self.objective.criterion, self.features @ weight + bias)
        self.random = self.drawn
        if self.adam is not None:
            self.adam.step()
        down = (self.transposed @ gradient).add_(weight, alpha=self.strength)  # (V, C)
        penalty = self.strength / 2 * float(weight.square().sum())
        return float(loss.detach()) + penalty, (down, gradient.sum(dim=0))

    def advance(self, gradient: tuple[Tensor, Tensor]) -> None:
        """Step along the gradient, then look ahead by the momentum, which starts again where it points uphill."""
        pairs = zip(self.ahead, gradient, self.rates, strict=True)
        moved = tuple(torch.sub(point, slope, alpha=rate) for point, slope, rate in pairs)
        change = tuple(new - old for new, old in zip(moved, self.here, strict=True))
        if sum(float((slope * part).sum()) for slope, part in zip(gradient, change, strict=True)) > 0:
            self.momentum = 1.0
        following = (1 + (1 + 4 * self.momentum**2) ** 0.5) / 2
        push = (self.momentum - 1) / following
        self.ahead = (moved[0].add(change[0], alpha=push), moved[1].add(change[1], alpha=push))
        self.here, self.momentum = (moved[0], moved[1]), following

    def store(self) -> None:
        """Write the current point into the network, ready to predict."""
        layer = self.objective.model.output_layer
        assert isinstance(layer, torch.nn.Linear)
        with torch.no_grad():
            layer.weight.copy_(self.here[0].T)
            layer.bias.copy_(self.here[1])
        self.objective.model.eval()
