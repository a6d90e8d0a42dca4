"""Votes: the target of a text is the share of its annotators who chose each class.

J. C. Peterson, R. M. Battleday, T. L. Griffiths, O. Russakovsky, "Human Uncertainty Makes Classification More
Robust", ICCV 2019, https://arxiv.org/abs/1908.07086: the network fits the relative frequencies of human labels with
cross-entropy. A. Uma, T. Fornaciari, D. Hovy, S. Paun, B. Plank, M. Poesio, "Learning from Disagreement: A Survey",
JAIR 72, 2021, https://doi.org/10.1613/jair.1.12752, compares this "soft loss" with other ways for language.

Where annotators disagree, the majority throws away that they did. Of few votes the shares are a rough estimate:
``prior`` adds as many votes that nobody cast, which is the mean of a Dirichlet distribution after the votes were seen.
Our n is the number of votes of a text, m that of the added ones, p how those are spread: as the votes of all texts,
evenly, or as a classifier that has not seen the votes of a text says of it (`sfumato.methods.vote_prior`, which also
finds m).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.methods.target_loss import target_criterion
from sfumato.methods.vote_prior import best_prior, held_out_shares
from sfumato.registry import check_choice, check_range, check_whole
from sfumato.targets import DenseTargets, Floats

SPREADS = ("classes", "uniform", "text")
NO_VOTES = (
    "the method votes needs the votes of several annotators for each text, and the data have none: name their columns, "
    "votes=['ann1', 'ann2'] (--votes ann1 --votes ann2), or votes='rows' if a text stands in a row for each vote"
)


def vote_shares(
    votes: Floats,
    *,
    prior: float | str = 0.0,
    spread: str = "classes",
    texts: Sequence[str] = (),
    seed: int = 0,
) -> Floats:
    """Return ``(votes + m p) / (n + m)``, ``(N, C)`` float32, of votes ``(N, C)``.

    Parameters
    ----------
    prior : m, votes added to each text; 0 leaves the shares as they are; "auto" makes the votes likeliest
    spread : p, the mean share of each class over the texts (``classes``), 1 / C each (``uniform``), or what the other
        texts say of this one (``text``)
    texts : N of them, for ``spread="text"``
    seed : of its folds

    Raises
    ------
    InputError
        names the first row without a vote, or with one that is no number of at least 0.
    """
    counts = np.asarray(votes, dtype=np.float64)
    n = counts.sum(axis=1, keepdims=True)  # (N, 1)
    wrong = np.flatnonzero(~np.isfinite(counts).all(axis=1) | (counts < 0).any(axis=1) | ~(n[:, 0] > 0))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"votes: row {row + 1} must have one vote or more and none below 0, got {counts[row].tolist()}"
        )
    shares = counts / n
    if prior == 0:
        return np.asarray(shares, dtype=np.float32)
    p = _spread(spread, shares, texts, seed)  # (N, C)
    m = best_prior(counts, p) if isinstance(prior, str) else prior
    blended: Floats = ((counts + m * p) / (n + m)).astype(np.float32)
    return blended


def _spread(spread: str, shares: NDArray[np.float64], texts: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Return how the votes that nobody cast are spread, (N, C)."""
    if spread == "text":
        return held_out_shares(texts, shares, seed=seed)
    p = shares.mean(axis=0) if spread == "classes" else np.full(shares.shape[1], 1 / shares.shape[1])
    return np.tile(p, (len(shares), 1))


def votes(
    prior: float | str = 0.0, spread: str = "classes", *, loss: str = "ce", alpha: float = 1.0, seed: int = 0
) -> Method:
    """Fit the shares of the annotators' votes, `Examples.votes`.

    Parameters
    ----------
    prior : votes added to each text, at least 0, or "auto": the number that makes the votes likeliest
    spread : how the added votes are spread: ``classes`` (as the votes of all training texts), ``uniform``, or ``text``
        (as a linear classifier that has not seen this text's votes says of it)
    loss, alpha : ``ce``, ``kl``, or ``auxiliary`` with weight ``alpha``, see `sfumato.methods.target_loss`
    seed : of the folds of ``spread="text"``
    """
    if isinstance(prior, str):
        if prior != "auto":
            raise InputError(f"votes: prior must be a number of votes or 'auto', got {prior!r}")
    else:
        check_range("votes", "prior", prior, 0, 1e6)
    check_choice("votes", "spread", spread, SPREADS)
    check_whole("votes", "seed", seed, 0)

    def count(examples: Examples) -> Examples:
        if examples.votes is None:
            raise InputError(NO_VOTES)
        texts = list(examples.inputs) if spread == "text" else ()
        shares = vote_shares(examples.votes, prior=prior, spread=spread, texts=texts, seed=seed)
        return replace(examples, targets=DenseTargets(shares))

    options = {"prior": prior, "spread": spread, "loss": loss, "alpha": alpha, "seed": seed}
    return Method(
        "votes",
        (count,),
        target_criterion("votes", loss, alpha),
        options=options,
        needs_votes=True,
        needs_texts=spread == "text",
        replaces_targets=True,
    )
