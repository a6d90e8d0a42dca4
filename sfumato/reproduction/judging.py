"""Which differences of a table are more than luck: intervals first, then tests, each where it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.paired_tests import corrected_resampled_t, effect_size, mcnemar, wilcoxon_over_sets
from sfumato.reproduction.metric_names import EVERY_CONTROL, OF_ROWS, SMALLER_IS_BETTER
from sfumato.reproduction.plan import TablePlan
from sfumato.reproduction.results import Cell
from sfumato.reproduction.table_parts import TableFile
from sfumato.run_files import predictions_path, read_row_scores
from sfumato.significance import INFINITY, Difference, Error, holm, paired_t, two_level_bootstrap, words

ENOUGH_FOR_T = 5  # repeats
TESTS = ("own_p", "t_p", "mcnemar_p", "effect")
SAME = 1e-9  # means of the same scores, added up in another order


def differences(
    plan: TablePlan, cells: Sequence[Cell], folder: Path, *, before: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Compare each method with the table's baseline and with its own controls, on the repeats that both have.

    Parameters
    ----------
    before : what this returned earlier; where the predictions that an interval needs are gone, what is there of the
        same runs is kept. A comparison that has neither is left out, see `lacking`

    Returns
    -------
    list of dict
        ``difference`` (method minus the other) with its interval and ``error`` (see `_judged`), ``p``, ``p_holm``
        over all comparisons of the table, the tests of `_tests`, and ``words``.
    """
    earlier = {_names_of(one): one for one in before}
    found: list[tuple[dict[str, Any], Difference]] = []
    for cell, other, against in _pairs(plan.table, cells):
        repeats = shared(cell, other)
        how = _how(plan, cell, other, repeats)
        if how is None:
            continue
        names = {name: getattr(cell, name) for name in ("data", "setting", "place", "model", "method")}
        names |= {"against": against, "n": len(repeats), "how": how}
        if how == "bootstrap" and not _have_predictions(cell, other, repeats, folder):
            kept = earlier.get(_names_of(names))
            if kept is not None and _same(kept, names, _mean_gap(plan.table, cell, other, repeats)):
                found.append(({**names, **{name: kept[name] for name in TESTS}}, _read(kept)))
            continue
        compared = _judged(how, plan.table, cell, other, repeats, folder)
        found.append(({**names, **_tests(plan, how, cell, other, repeats, folder)}, compared))
    corrected = holm([difference.p for _, difference in found])
    return [
        {
            **names,
            **{name: getattr(compared, name) for name in ("difference", "low", "high", "p")},
            "error": compared.error._asdict(),
            "p_holm": p,
            "words": _words(plan.table, compared.difference, p),
        }
        for (names, compared), p in zip(found, corrected, strict=True)
    ]


def lacking(plan: TablePlan, cells: Sequence[Cell], compared: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the comparisons that have no interval, because the predictions of their runs are not there."""
    have = {_names_of(one) for one in compared}
    return [
        f"{cell.place}, {cell.model}, {cell.method} against {against}"
        for cell, other, against in _pairs(plan.table, cells)
        if _how(plan, cell, other, shared(cell, other)) is not None
        and (cell.place, cell.model, cell.method, against) not in have
    ]


def shared(cell: Cell, other: Cell) -> list[int]:
    """Return the repeats that two cells both have."""
    return sorted(cell.runs.keys() & other.runs.keys())


def _names_of(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return one["place"], one["model"], one["method"], one["against"]


def _same(kept: Mapping[str, Any], names: Mapping[str, Any], gap: float) -> bool:
    """Whether an earlier comparison is of the same runs: the same test, as many repeats and the same difference."""
    return (kept["how"], kept["n"]) == (names["how"], names["n"]) and abs(kept["difference"] - gap) < SAME


def _mean_gap(table: TableFile, cell: Cell, other: Cell, repeats: Sequence[int]) -> float:
    first, second = (c.scores(table.metric) for c in (cell, other))
    return float(np.mean([first[r] - second[r] for r in repeats]))


def _read(kept: Mapping[str, Any]) -> Difference:
    """Return a comparison as it was written; JSON has no infinity."""
    low, high = (-INFINITY if kept["low"] is None else kept["low"], INFINITY if kept["high"] is None else kept["high"])
    return Difference(kept["difference"], low, high, kept["p"], Error(**kept["error"]))


def _words(table: TableFile, difference: float, p: float) -> str:
    sign = -1 if table.metric in SMALLER_IS_BETTER else 1
    return words(sign * difference, p, level=table.level)


def _pairs(table: TableFile, cells: Sequence[Cell]) -> Iterable[tuple[Cell, Cell, str]]:
    by_key = {cell.key: cell for cell in cells}
    for cell in cells:
        if cell.control or not cell.runs:
            continue
        others = [(table.baseline, "", table.baseline)] if cell.method != table.baseline else []
        others += [(cell.method, control, control) for control in EVERY_CONTROL]
        for method, control, name in others:
            other = by_key.get((cell.place, cell.model, method, control))
            if other is not None and other.runs:
                yield cell, other, name


def _how(plan: TablePlan, cell: Cell, other: Cell, repeats: Sequence[int]) -> str | None:
    """Return what the interval is made by; None where nothing says how much is luck."""
    if plan.table.repeats.kind == "splits" and len(repeats) > 1:
        return "corrected-t"
    if repeats and plan.table.metric in OF_ROWS:  # rows have scores of their own
        return "bootstrap"
    return "paired-t" if len(repeats) > 1 else None


def _judged(how: str, table: TableFile, cell: Cell, other: Cell, repeats: Sequence[int], folder: Path) -> Difference:
    """Return the difference with its interval.

    The same test rows in every repeat: the two-level bootstrap over repeats and rows. Random splits of one set:
    Student's t with the variance corrected for training rows in common. Other metrics than accuracy and micro-F1:
    Student's t.
    """
    if how == "bootstrap":
        metric = table.metric
        return two_level_bootstrap(*(_row_scores(each, repeats, folder, metric) for each in (cell, other)))
    first, second = ([c.scores(table.metric)[r] for r in repeats] for c in (cell, other))
    return paired_t(first, second) if how == "paired-t" else _corrected(cell, repeats, first, second)


def _have_predictions(cell: Cell, other: Cell, repeats: Sequence[int], folder: Path) -> bool:
    lines = [line for each in (cell, other) for repeat in repeats for line in each.runs[repeat]]
    return all(predictions_path(folder, line["key"]).exists() for line in lines)


def _row_scores(cell: Cell, repeats: Sequence[int], folder: Path, metric: str = "") -> NDArray[np.float64]:
    """Return a score a row, (repeats, N), see `read_row_scores`; their mean where a repeat has several runs."""
    return np.stack(
        [
            np.mean([read_row_scores(folder, line["key"], metric) for line in cell.runs[repeat]], axis=0)
            for repeat in repeats
        ]
    )


def _tests(plan: TablePlan, how: str, cell: Cell, other: Cell, repeats: Sequence[int], folder: Path) -> dict[str, Any]:
    """Return tests beside the interval, none of them corrected; each is None where it does not hold.

    ``own_p`` is the paper's own test; ``t_p`` Student's t from five repeats on (corrected where the splits are random);
    ``mcnemar_p`` of one repeat alone; ``effect`` the paired d over repeats.
    """
    table = plan.table
    found: dict[str, Any] = dict.fromkeys(TESTS)
    if len(repeats) < 2:
        if how == "bootstrap" and table.metric == "accuracy" and len(cell.runs[repeats[0]]) == 1:
            first, second = (_row_scores(each, repeats, folder)[0] > 0.5 for each in (cell, other))
            found["mcnemar_p"] = mcnemar(first, second)
        return found
    first, second = ([c.scores(table.metric)[r] for r in repeats] for c in (cell, other))
    effect = effect_size(first, second)
    own = {"paired-t": paired_t(first, second).p, "corrected-t": _corrected(cell, repeats, first, second).p}
    found["own_p"] = None if table.own_test is None else own[table.own_test]
    found["effect"] = effect if np.isfinite(effect) else None
    if len(repeats) >= ENOUGH_FOR_T:
        found["t_p"] = own["corrected-t" if table.repeats.kind == "splits" else "paired-t"]
    return found


def _corrected(cell: Cell, repeats: Sequence[int], first: Sequence[float], second: Sequence[float]) -> Difference:
    line = cell.runs[repeats[0]][0]
    return corrected_resampled_t(first, second, train_rows=line["n_train"] + line["n_dev"], test_rows=line["n_test"])


def over_sets(
    compared: Sequence[Mapping[str, Any]], table: TableFile, families: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Test each method over data sets (Wilcoxon), where at least six of them are independent.

    The value of a set is the mean difference over its settings and models; sets of one family count as one.

    Parameters
    ----------
    families : title of a data set to the family that it shares with sets that are not independent of it
    """
    found = []
    for method, against in dict.fromkeys((d["method"], d["against"]) for d in compared):
        by_set: dict[str, list[float]] = {}
        for one in compared:
            if (one["method"], one["against"]) == (method, against):
                by_set.setdefault(one["data"], []).append(one["difference"])
        means = {name: float(np.mean(values)) for name, values in by_set.items()}
        try:
            tested = wilcoxon_over_sets(means, {name: families[name] for name in means})
        except InputError:  # fewer than six that are independent
            continue
        mean = float(np.mean(list(means.values())))
        found.append({"method": method, "against": against, "sets": tested.families, "mean": mean, "p": tested.p})
    corrected = holm([one["p"] for one in found])
    return [{**one, "p_holm": p} for one, p in zip(found, corrected, strict=True)]
