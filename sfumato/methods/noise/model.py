"""A model of wrong labels: what a text is, by the experts, and what label is then written down.

    p_ij = softmax_j( sum_e a_e z_e,ij + b_j )          the right label j of text i             (1)
    P(k | x_i) = sum_j p_ij T_jk                        the label that is written down          (2)

with weights a_e > 0 of the experts' scores z_e, a bias b_j of each class, and T_jk, the share of labels k among the
texts of class j. Without b, T is abused to mend the experts' leaning towards large classes. T has one of three shapes:

* ``none``      T = I: every label is right;
* ``uniform``   T = (1 - e) I + e / C: a share e of the labels is drawn evenly;
* ``pairwise``  every T_jk is free, drawn towards the uniform one by ``kappa`` rows a class.

Fitting is by the likelihood of the given labels, (2), less ||b||² / 2 and .001 (log a)², which only keep it finite.
The posterior of the right label is then

    q_ij  proportional to  p_ij T_{j, y_i}.                                                     (3)

Shapes: E experts, N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from sfumato.targets import Integers

Array = NDArray[np.float64]

STARTS = (0.05, 0.27)  # of e
PENALTY_B, PENALTY_A = 0.5, 1e-3
EM_STEPS, REFITS = 30, (5, 12, 20)  # steps of EM, and those after which a and b are fitted again
LEAST_OFF = 0.15  # share of T off the diagonal that EM starts from; from less it never leaves T = I
SHARPENED = 0.3  # added to log a at that start
LIMIT = 12.0  # of log a and b
FITTING = {"maxiter": 60, "ftol": 1e-7}  # of a fit: the numbers are few, and EM comes back to them


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Equations 1 and 2 with their numbers.

    Attributes
    ----------
    family : "none", "uniform", or "pairwise"
    a, b : (E,) and (C,)
    T : (C, C), rows sum to 1
    kappa : of "pairwise", rows a class; else 0
    """

    family: str
    a: Array
    b: Array
    T: Array
    kappa: float = 0.0

    def right(self, z: Array) -> Array:
        """Return p, the probability that each label is right, (N, C), from scores (E, N, C). Eq. 1."""
        return softmax(mixed(self.a, z) + self.b)

    def written(self, z: Array, labels: Integers) -> Array:
        """Return the probability of the label that was written down, (N,). Eq. 2."""
        return np.asarray((self.right(z) * self.T.T[labels]).sum(axis=1))

    def posterior(self, z: Array, labels: Integers) -> Array:
        """Return q, (N, C), Eq. 3; the given label where p has nothing left of any that T allows."""
        return weighed(self.right(z), self.T, labels)

    def log_likelihood(self, z: Array, labels: Integers) -> Array:
        """Return the logarithm of (2) for each row, (N,)."""
        return np.log(np.maximum(self.written(z, labels), 1e-300))


def weighed(p: Array, T: Array, labels: Integers) -> Array:
    """Return q of p (N, C) and T. Eq. 3."""
    joint = np.take(T.T, labels, axis=0)
    joint *= p
    total = joint.sum(axis=1)
    none = total < 1e-300
    joint[none, labels[none]] = total[none] = 1.0
    joint /= total[:, None]
    return joint


def softmax(scores: Array) -> Array:
    """Return the softmax of each row of (N, C)."""
    raised = scores - scores.max(axis=1, keepdims=True)
    np.exp(raised, out=raised)
    raised /= raised.sum(axis=1, keepdims=True)
    return np.asarray(raised)


def mixed(a: Array, z: Array) -> Array:
    """Return the sum of the scores (E, N, C), each times its weight (E,), (N, C)."""
    total: Array = a[0] * z[0]
    for weight, scores in zip(a[1:], z[1:], strict=True):
        total += weight * scores
    return total


def uniform_noise(e: float, C: int) -> Array:
    """Return T of the uniform family, (C, C)."""
    return (1 - e) * np.eye(C) + e / C


def fit_none(z: Array, labels: Integers, *, bias: bool = True) -> NoiseModel:
    """Fit a and b where every label is right; ``bias=False`` leaves b at 0, here and below."""
    E, _, C = z.shape
    start = NoiseModel("none", np.ones(E), np.zeros(C), np.eye(C))
    return fit_scores(start, z, labels, bias=bias)


def fit_uniform(z: Array, labels: Integers, *, bias: bool = True) -> NoiseModel:
    """Fit a, b and e together, from two starts of e; the likelier end is kept."""
    found = [_fit_uniform_from(e, z, labels, bias) for e in STARTS]
    return max(found, key=lambda model: objective(model, z, labels))


def _fit_uniform_from(e: float, z: Array, labels: Integers, bias: bool) -> NoiseModel:
    E, N, C = z.shape
    rows = np.arange(N)

    def loss(x: Array) -> tuple[float, Array]:
        a, b, e = np.exp(x[:E]), x[E:-1], 1 / (1 + np.exp(-x[-1]))
        p = softmax(mixed(a, z) + b)
        given = p[rows, labels]
        written = (1 - e) * given + e / C
        # d log(written) / d scores = q - p, where q is the posterior
        q = p * (e / C / written)[:, None]
        q[rows, labels] += (1 - e) * given / written
        down = p - q
        slope_e = -((1 / C - given) / written).sum() * e * (1 - e)
        return _penalised(-float(np.log(written).sum()), np.append(_slopes(down, z, a), slope_e), x[:E], b)

    start = np.concatenate([np.zeros(E + C), [np.log(e / (1 - e))]])
    x = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[*bounds(E, C, bias), (-LIMIT, LIMIT)], options=FITTING
    ).x
    e = float(1 / (1 + np.exp(-x[-1])))
    return NoiseModel("uniform", np.exp(x[:E]), x[E:-1], uniform_noise(e, C))


def fit_pairwise(z: Array, labels: Integers, *, kappa: float, uniform: NoiseModel, bias: bool = True) -> NoiseModel:
    """Fit T by EM, drawn towards the fitted ``uniform`` model by ``kappa`` rows a class.

    E: q by (3). M: T_jk = (sum of q_ij over the rows with label k + kappa T0_jk) / its row's sum.
    """
    C = z.shape[2]
    off = max(LEAST_OFF, 1 - float(np.trace(uniform.T)) / C)
    T = (1 - off) * np.eye(C) + off * (1 - np.eye(C)) / max(C - 1, 1)
    model = NoiseModel("pairwise", uniform.a * np.exp(SHARPENED), uniform.b, T, kappa)
    p = model.right(z)  # as long as a and b stay
    for step in range(1, EM_STEPS + 1):
        model = em_step(model, p, labels, prior=kappa * uniform.T)
        if step in REFITS:
            model = fit_scores(model, z, labels, bias=bias)
            p = model.right(z)
    return model


def em_step(model: NoiseModel, p: Array, labels: Integers, *, prior: Array) -> NoiseModel:
    """Return the model with the T of one step of EM; ``prior`` (C, C) are rows that are counted beside the given."""
    counts = label_counts(weighed(p, model.T, labels), labels) + prior
    return replace(model, T=counts / counts.sum(axis=1, keepdims=True))


def label_counts(q: Array, labels: Integers) -> Array:
    """Return how much of each class j was written down as k, (C, C): the sum of q_ij over the rows with label k."""
    N, C = q.shape
    ones = sparse.csr_matrix((np.ones(N), labels, np.arange(N + 1)), shape=(N, C))
    return np.asarray((ones.T @ q).T)


def fit_scores(model: NoiseModel, z: Array, labels: Integers, *, bias: bool = True) -> NoiseModel:
    """Fit a and b again, T as it is, from where they are."""
    return fit_columns(model, z, model.T.T[labels], bias=bias)


def fit_columns(model: NoiseModel, z: Array, column: Array, *, bias: bool = True) -> NoiseModel:
    """Fit a and b to the sum of log sum_j p_ij column_ij; ``column`` (N, C) is T_{j, y_i}, or one-hot a right label."""
    E = len(z)

    def loss(x: Array) -> tuple[float, Array]:
        a, b = np.exp(x[:E]), x[E:]
        p = softmax(mixed(a, z) + b)
        joint = p * column
        written = np.maximum(joint.sum(axis=1), 1e-300)
        down = p - joint / written[:, None]
        return _penalised(-float(np.log(written).sum()), _slopes(down, z, a), x[:E], b)

    start = np.clip(np.concatenate([np.log(model.a), model.b]), -LIMIT, LIMIT)
    x = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds(E, len(model.b), bias), options=FITTING).x
    return replace(model, a=np.exp(x[:E]), b=x[E:])


def bounds(E: int, C: int, bias: bool) -> list[tuple[float, float]]:
    """Return the bounds of log a and b."""
    return [(-LIMIT, LIMIT)] * E + [(-LIMIT, LIMIT) if bias else (0.0, 0.0)] * C


def _slopes(down: Array, z: Array, a: Array) -> Array:
    """Return the gradient in log a and b from that in the scores, ``down`` (N, C)."""
    by_score = [np.einsum("nc,nc->", scores, down) for scores in z]  # no copy is made of rows taken from more
    return np.concatenate([a * by_score, down.sum(axis=0)])


def _penalised(loss: float, slope: Array, log_a: Array, b: Array) -> tuple[float, Array]:
    """Add the penalties to a loss and to its slope, of which log a and b come first."""
    E = len(log_a)
    loss += PENALTY_B * float(b @ b) + PENALTY_A * float(log_a @ log_a)
    slope[:E] += 2 * PENALTY_A * log_a
    slope[E : E + len(b)] += 2 * PENALTY_B * b
    return loss, slope


def objective(model: NoiseModel, z: Array, labels: Integers) -> float:
    """Return what fitting makes large: the log-likelihood less the penalties."""
    log_a = np.log(model.a)
    return float(model.log_likelihood(z, labels).sum() - PENALTY_B * model.b @ model.b - PENALTY_A * log_a @ log_a)


def standardised(scores: Sequence[Array]) -> Array:
    """Return the scores of the experts, (E, N, C): the mean of each row taken off, and deviation 1 over all."""
    centred = [each - each.mean(axis=1, keepdims=True) for each in scores]
    return np.stack([each / max(float(each.std()), 1e-12) for each in centred])
