"""What votes that nobody cast should say, and how many of them: from the texts and the votes of the other texts.

The votes v_i (n_i of them) of a text are taken for draws from its own shares s_i, and these for a draw from a Dirichlet
distribution around what a classifier says of the text, p_i, that has not seen its votes:

    s_i ~ Dirichlet(m p_i),    v_i | s_i ~ Multinomial(n_i, s_i),    E[s_i | v_i] = (v_i + m p_i) / (n_i + m).   (1)

The larger m, the more p_i says of a text beside its own votes. It is chosen by the likelihood of the votes,

    log P(v_i) = const + lnG(m) - lnG(n_i + m) + sum_k ( lnG(v_ik + m p_ik) - lnG(m p_ik) ),                       (2)

with lnG the logarithm of the gamma function (J. E. Mosimann, "On the Compound Multinomial Distribution, the
Multivariate Beta-Distribution, and Correlations Among Proportions", Biometrika 49, 1962). As p_i has not seen v_i,
each training row is a dev row of its own. A text with one vote says nothing of m; where no text has two, m stays 1.

Shapes: N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import best_temperature, softmax
from sfumato.held_out_linear import held_out_path
from sfumato.ngrams import NgramEncoder
from sfumato.split import fold_rows

Array = NDArray[np.float64]

STEPS = (8, 15, 30, 60)  # of the linear classifier
LOWEST, HIGHEST = 0.01, 1000.0  # of m
UNKNOWN = 1.0  # m where no text has two votes
SMALLEST = 1e-6  # of a p_ik
FOLDS = 5


def held_out_shares(texts: Sequence[str], shares: Array, *, seed: int) -> Array:
    """Return p, (N, C): what linear classifiers of n-grams, fitted to the shares of the other folds, say of each text.

    The length of the fit and a temperature are those with the least cross-entropy with the shares (N, C).
    """
    folds = min(FOLDS, len(set(texts)))
    if folds < 2:  # one text: nothing to learn from
        return np.tile(shares.mean(axis=0), (len(shares), 1))
    fold = fold_rows(shares.argmax(axis=1), texts, folds=folds, seed=seed)
    matrix = NgramEncoder.fit(texts).encode(texts).matrix
    path = held_out_path(matrix, shares.astype(np.float32), shares.shape[1], fold, steps=STEPS, soft=True)
    said = [softmax(logits, best_temperature(logits.astype(np.float64), shares)) for logits in path]
    return min(said, key=lambda p: float(-(shares * np.log(np.maximum(p, SMALLEST))).sum()))


def best_prior(votes: Array, p: Array) -> float:
    """Return the m between .01 and 1,000 that makes the votes (N, C) likeliest around p (N, C). Eq. 2."""
    from scipy.optimize import minimize_scalar

    several = votes.sum(axis=1) > 1
    if not several.any():
        return UNKNOWN
    votes, p = votes[several], np.maximum(p[several], SMALLEST)
    found = minimize_scalar(
        lambda log_m: -log_likelihood(votes, p, float(np.exp(log_m))),
        bounds=(np.log(LOWEST), np.log(HIGHEST)),
        method="bounded",
    )
    return float(np.exp(found.x))


def log_likelihood(votes: Array, p: Array, m: float) -> float:
    """Return (2), without its constant, summed over the texts; p is above 0."""
    from scipy.special import gammaln

    n = votes.sum(axis=1)
    of_rows = gammaln(m) - gammaln(n + m)
    return float(of_rows.sum() + (gammaln(votes + m * p) - gammaln(m * p)).sum())
