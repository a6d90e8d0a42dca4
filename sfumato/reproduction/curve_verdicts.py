"""Verdicts on what happens during training: the looks at dev of each run, and the label vectors that were learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.paired_tests import corrected_resampled_t
from sfumato.reproduction.contents import Content, Gain, Row, corrected, fits, named
from sfumato.reproduction.verdicts import NOT_SUPPORTED, NOTHING, SUPPORTED, Contents, Rule, Verdict, counted
from sfumato.significance import Difference, paired_t

PERMUTATIONS = 9_999
ALMOST = 0.95  # the share of the other method's best that "learns faster" waits for

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Beside:
    """What a curve is looked at beside.

    Attributes
    ----------
    best : the best that the other method reaches in the same repeat
    both : the looks that both curves have
    longest : the looks of the model's longest curve in the table
    """

    best: float
    both: int
    longest: int


Reduce = Callable[[Values, Beside], float]


def _epochs(values: Values, beside: Beside) -> float:
    """Return the looks until 95 % of the best that the other method reaches; one more than any curve has, if never.

    A curve that is stopped before it gets there must not be called faster than one that gets there later.
    """
    reached = np.flatnonzero(values >= ALMOST * beside.best)
    return float(reached[0] + 1 if len(reached) else beside.longest + 1)


def _early(values: Values) -> float:
    return float(values[: max(1, len(values) // 4)].mean())


def _of_both(reduce: Callable[[Values], float]) -> Reduce:
    """Look only at the looks that both curves have: one of them may be stopped before the other."""
    return lambda values, beside: reduce(values[: beside.both])


REDUCE: Mapping[str, Reduce] = {
    "first": lambda values, beside: float(values[0]),
    "early": _of_both(_early),
    "last": _of_both(lambda values: float(values[-1])),
    "best": lambda values, beside: float(values.max()),
    "drop": _of_both(lambda values: float(values.max() - values[-1])),  # lost since the best look
    "rise": _of_both(lambda values: float(values[-1] - values.min())),  # of a loss since its lowest
    "epochs": _epochs,
}
"""What becomes of a curve."""


def curve(rule: Rule, contents: Contents) -> Verdict:
    """Compare a measure with another method's, over the repeats of each cell (Student's paired t, Holm).

    Over random splits its variance is corrected for shared training rows; the rows that are looked at are dev's.
    """
    table = contents[rule["table"]]
    found = [
        gain
        for method in named(rule["method"])
        for gain in _gains(table, method, rule["against"], rule, 1.0 if rule["want"] == "more" else -1.0)
    ]
    return counted(corrected(found), rule["need"], f"({rule['measure']}, {rule['at']}; {rule['want']} is above zero)")


def _gains(table: Content, method: str, against: str, rule: Rule, sign: float) -> list[Gain]:
    curves = {
        (item["place"], item["model"], item["method"], item["repeat"]): item["history"]
        for item in table["curves"]
        if not item["control"]
    }
    places = {(row["place"], row["model"]): row for row in table["rows"] if fits(row, rule.get("where", {}))}
    found = []
    for cell, row in places.items():
        longest = max((len(history) for key, history in curves.items() if key[1] == row["model"]), default=0)
        repeats = sorted(key[3] for key in curves if key[:3] == (*cell, method) and (*cell, against, key[3]) in curves)
        pairs = [
            _reduced(curves[*cell, method, repeat], curves[*cell, against, repeat], rule, longest) for repeat in repeats
        ]
        if len(pairs) > 1:
            found.append(_gain(table, row, pairs, {"method": method, "against": against}, sign))
    return found


def _gain(
    table: Content,
    row: Row,
    pairs: Sequence[tuple[float, float]],
    methods: Mapping[str, Any],
    sign: float,
) -> Gain:
    compared = _compared(table, row, pairs)
    return Gain(
        **{name: row[name] for name in ("data", "setting", "place", "model")},
        **methods,
        table=table["name"],
        value=sign * compared.difference,
        error=compared.error,
        p=compared.p,
        level=table["level"],
        tested=False,
    )


def _compared(table: Content, row: Row, pairs: Sequence[tuple[float, float]]) -> Difference:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    if table["repeats"]["kind"] == "splits":
        return corrected_resampled_t(first, second, train_rows=row["n_train"], test_rows=row["n_dev"])
    return paired_t(first, second)


def _reduced(
    mine: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], rule: Rule, longest: int
) -> tuple[float, float]:
    measure, reduce = rule["measure"], REDUCE[rule["at"]]
    one, two = (np.array([look[measure] for look in looks]) for looks in (mine, other))
    beside = Beside(float(two.max()), min(len(one), len(two)), longest)
    return reduce(one, beside), reduce(two, beside)


def within_groups(rule: Rule, contents: Contents) -> Verdict:
    """Compare the mean cosine of label vectors within groups of names with that between them; a permutation test."""
    found = [item for item in contents[rule["table"]]["label_embeddings"] if fits(item, rule.get("where", {}))]
    if not found:
        return NOTHING
    if any(not item.get("classes") for item in found):
        return Verdict(NOTHING.word, "The results keep no names beside the vectors.")
    cells, clear = [], 0
    for item in found:
        groups = [name.split(".")[0].split(":")[0] for name in item["classes"]]
        gap, p = _grouped(np.array(item["vectors"]), groups)
        clear += gap > 0 and p < 0.05
        written = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
        cells.append(f"{item['place']}, {item['model']}, {item['method']} {gap:+.3f} ({written})")
    said = f"mean cosine within groups above that between them, by more than chance, in {clear} of {len(found)} maps"
    said += f" ({PERMUTATIONS:,} permutations of the groups)."
    return Verdict(SUPPORTED if clear == len(found) else NOT_SUPPORTED, said, tuple(cells))


def _grouped(vectors: Values, groups: Sequence[str]) -> tuple[float, float]:
    """Return mean cosine within groups minus that between them, and the share of permutations that reach it."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    one, two = np.triu_indices(len(unit), k=1)
    cosine = (unit @ unit.T)[one, two]  # (pairs,)
    ids = np.unique(groups, return_inverse=True)[1]

    def gaps(orders: NDArray[np.int64]) -> Values:
        same = orders[:, one] == orders[:, two]  # (orders, pairs), as many in each
        found: Values = (same @ cosine) / same[0].sum() - (~same @ cosine) / (~same[0]).sum()
        return found

    if not 1 < len(set(groups)) < len(groups):
        return 0.0, 1.0
    ours = float(gaps(ids[None])[0])
    shuffled = np.random.default_rng(0).permuted(np.tile(ids, (PERMUTATIONS, 1)), axis=1)
    return ours, (int((gaps(shuffled) >= ours - 1e-12).sum()) + 1) / (PERMUTATIONS + 1)
