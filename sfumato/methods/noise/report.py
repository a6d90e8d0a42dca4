"""What adaptive targets found in a table, in sentences: how many labels are wrong, how that is known, which pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sfumato.methods.noise.model import Array, NoiseModel

if TYPE_CHECKING:
    from sfumato.methods.noise.posterior import Posterior

MOST_PAIRS = 5
LEAST = 0.005  # share of a class: less rounds to nothing
BOUND = "a lower bound where it depends on the text which label is wrong: then the judges make the same mistakes"


def remarks(found: Posterior) -> tuple[str, ...]:
    """Return what was found, a sentence each."""
    sure = f"sure rows, with a label above .9: {100 * found.anchors:.1f} %"
    if found.guarded:
        why = "wrong labels cannot be told from ambiguous texts, so no model of wrong labels is used"
        tried = [f"not used: {family(found.model, found.z)}"] if found.z or found.model.family != "none" else []
        return (f"{found.unclear}; {why}", *tried)
    if found.unclear:
        return (f"{found.unclear}, so wrong labels are not looked for among them: all labels stay",)
    gold = found.trusted is not None and found.trusted.gold
    bound = "by the trusted rows" if gold else BOUND
    share = f"estimated share of wrong labels: {100 * found.wrong:.1f} % ({bound})"
    pairs = largest(found.model.T, found.classes) if found.model.family == "pairwise" else ()
    shape = "wrong labels: each pair of classes has a share of its own (from the trusted rows)"
    return (share, shape if gold else family(found.model, found.z), sure, *pairs)


def family(model: NoiseModel, z: Mapping[str, float]) -> str:
    """Return the shape of the wrong labels, and how clearly it was chosen."""
    C = len(model.T)
    e = C * (1 - float(np.trace(model.T)) / C) / max(C - 1, 1)
    said = {
        "none": "none found",
        "uniform": f"{100 * e:.1f} % of the labels drawn evenly",
        "pairwise": "each pair of classes has a share of its own",
    }[model.family]
    shown = f"{model.family} {model.kappa:g}" if model.kappa else model.family
    chosen = ", ".join(f"{name} {value:+.1f}" for name, value in z.items())
    return f"wrong labels: {said} (family {shown}{f'; z: {chosen}' if chosen else ', as asked for'})"


def largest(T: Array, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the largest shares off the diagonal of T, ``"12.3 % of the texts of a are labelled b"``."""
    off = T.copy()
    np.fill_diagonal(off, 0)
    names = classes or [str(k) for k in range(len(T))]
    order = np.argsort(-off, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = (divmod(int(k), len(T)) for k in order)
    return tuple(
        f"{100 * off[j, k]:.1f} % of the texts of {names[j]} are labelled {names[k]}"
        for j, k in pairs
        if off[j, k] >= LEAST
    )
