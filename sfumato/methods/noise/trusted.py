"""Trusted rows: a few labels that are known to be right, and what they say of the others.

Where the written label y follows from the right one j alone, T is best learned from all rows (`sfumato.methods.noise`),
and trusted rows G only help to calibrate: a and b are fitted again, T as it is, to

    sum over i in G of log p_{i, g_i}  +  sum over the others of log sum_j p_ij T_{j, y_i}.          (1)

Where it depends on the text which label is wrong, the experts learn to make the same mistakes. The written labels then
agree with them, no wrong label is found, and p is too sure: it is the probability of the *written* label. Only right
labels can tell. With the mean and variance of log p_{i, g_i} that p itself expects, H_i and V_i,

    z = sum over G of (log p_{i, g_i} - H_i) / sqrt(sum over G of V_i),                            (2)
    H_i = sum_j p_ij log p_ij,    V_i = sum_j p_ij (log p_ij)^2 - H_i^2,

and with M the trusted rows whose likeliest label is not the right one, of which p expects E = sum over G of
1 - c_i, c_i = max_j p_ij, with the deviation s, the root of sum c_i (1 - c_i), the model without trusted rows is
contradicted if

    z < -2,    M > 1.5 E + s,    (M - E) / n > the share of wrong labels that it sees itself:                (3)

clearly, by much, and by more than it knows of. (A little too sure it often is: z alone, which sees the more the more
rows there are, would blame that too. Where it sees many wrong labels, they are those of classes, which T is for.)

T is then estimated as D. Hendrycks, M. Mazeika, D. Wilson, K. Gimpel, "Using Trusted Data to Train Deep Networks on
Labels Corrupted by Severe Noise", NeurIPS 2018,
https://arxiv.org/abs/1802.05300 (Gold Loss Correction, Section 3.2), do: with G_j the trusted rows of class j, and p'
the probability of the written label, whose a and b are fitted to the untrusted rows without a model of noise,

    T_jk = ( sum over i in G_j of p'_ik + kappa T0_jk ) / ( |G_j| + kappa ),                        (4)

where we draw T towards an even share of wrong labels, T0 = (1 - e) I + e / C, by kappa = 5 rows a class, since a class
may have no trusted row; 1 - e + e / C is the mean of p'_{i, g_i} over G, and the estimated share of labels that are
right. This T is right if y depends on the text alone, and too blurred if it depends on the right label; hence the test
above. Then a and b are fitted to the trusted rows alone.

A trusted row's own target is its label. Shapes: E experts, N texts, n trusted ones, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sfumato.methods.noise.judged_rows import Mask
from sfumato.methods.noise.model import Array, NoiseModel, fit_columns, fit_none, uniform_noise
from sfumato.targets import Integers

CLEAR = -2.0  # of z
MUCH = 1.5  # times the mistakes that p expects
KAPPA = 5.0  # rows of each class that T0 counts as
LEAST = 1e-12  # a probability that is taken for a smaller one


@dataclass(frozen=True, eq=False)
class Trusted:
    """Trusted rows, and, once they were asked, what they say of a model.

    Attributes
    ----------
    rows : (N,) which rows are trusted
    z : Eq. 2; None before they were asked
    gold : whether they contradict the model, so that T is theirs
    wrong : the share of the other rows' labels that is wrong, where they do
    """

    rows: Mask
    z: float | None = None
    gold: bool = False
    wrong: float = 0.0

    @property
    def index(self) -> Integers:
        """The positions of the trusted rows, (n,)."""
        return np.flatnonzero(self.rows)

    @property
    def wrong_of_all(self) -> float:
        """The share of wrong labels of all rows, the trusted ones among them."""
        return self.wrong * float(1 - self.rows.mean())

    def asked(self, model: NoiseModel, z: Array, labels: Integers, others: Integers, *, bias: bool = True) -> Trusted:
        """Return this with what the right labels say of the model that was fitted to the rows ``others``."""
        G = self.index
        p = model.right(z[:, G])
        by = surprise(p, labels[G])
        M, E, s = mistakes(p, labels[G])
        seen = 1 - model.posterior(z[:, others], labels[others])[np.arange(len(others)), labels[others]].mean()
        over, more = M - MUCH * E - s, (M - E) / len(G) - seen
        if not (by < CLEAR and over > 0 and more > 0):
            return replace(self, z=by)
        written = fit_none(z[:, others], labels[others], bias=bias).right(z[:, G])
        return replace(self, z=by, gold=True, wrong=1 - float(written[np.arange(len(G)), labels[G]].mean()))

    def fit(self, model: NoiseModel, z: Array, labels: Integers, others: Integers, *, bias: bool = True) -> NoiseModel:
        """Return the model with what the trusted rows add: Eq. 1, or Eq. 4 where they contradict it."""
        G = self.index
        g, C = labels[G], len(model.b)
        if self.gold:
            T = gold_matrix(fit_none(z[:, others], labels[others], bias=bias).right(z[:, G]), g)
            return fit_columns(replace(model, family="pairwise", T=T, kappa=KAPPA), z[:, G], np.eye(C)[g], bias=bias)
        both = np.concatenate([others, G])
        columns = np.concatenate([model.T.T[labels[others]], np.eye(C)[g]])
        return fit_columns(model, z[:, both], columns, bias=bias)


def surprise(p: Array, right: Integers) -> float:
    """Return how many standard errors the right labels are likelier than p (n, C) expects. Eq. 2."""
    log_p = np.log(np.maximum(p, LEAST))
    H = (p * log_p).sum(axis=1)
    V = (p * log_p**2).sum(axis=1) - H**2
    d = log_p[np.arange(len(right)), right] - H
    return float(d.sum() / np.sqrt(max(float(V.sum()), LEAST)))


def mistakes(p: Array, right: Integers) -> tuple[int, float, float]:
    """Return M, the rows with another likeliest label than the right one, and E and s that p (n, C) expects. Eq. 3."""
    c = p.max(axis=1)
    return int((p.argmax(axis=1) != right).sum()), float((1 - c).sum()), float(np.sqrt((c * (1 - c)).sum()))


def gold_matrix(written: Array, right: Integers, *, kappa: float = KAPPA) -> Array:
    """Return T, (C, C), from the probabilities of the written label of trusted rows, (n, C). Eq. 4."""
    n, C = written.shape
    kept = float(written[np.arange(n), right].mean())  # 1 - e + e / C
    T0 = uniform_noise(float(np.clip((1 - kept) * C / (C - 1), 0, 1)), C)
    ones = np.eye(C)[right]  # (n, C)
    return np.asarray((ones.T @ written + kappa * T0) / (ones.sum(axis=0)[:, None] + kappa))


def remark(trusted: Trusted) -> str:
    """Return what the trusted rows said, in a sentence."""
    n = int(trusted.rows.sum())
    if trusted.z is None:
        return f"{n} trusted rows keep their label"
    if trusted.gold:
        return (
            f"{n} trusted rows contradict the model of the other labels (z {trusted.z:+.1f}): it depends on the text "
            "which label is wrong, and the shares of wrong labels are taken from the trusted rows"
        )
    return f"{n} trusted rows do not contradict the model of the other labels (z {trusted.z:+.1f})"
