"""Which differences of a table are more than luck: intervals first, then tests, each where it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.controls import CONTROLS
from sfumato.errors import InputError
from sfumato.paired_tests import corrected_resampled_t, effect_size, mcnemar, wilcoxon_over_sets
from sfumato.reproduction.plan import TablePlan
from sfumato.reproduction.results import Cell
from sfumato.reproduction.table_parts import TableFile
from sfumato.run_files import predictions_path, read_correct
from sfumato.significance import Difference, holm, paired_t, two_level_bootstrap, words

SMALLER_IS_BETTER = ("log_loss", "brier", "ece")
ENOUGH_FOR_T = 5  # repeats


def differences(plan: TablePlan, cells: Sequence[Cell], folder: Path) -> list[dict[str, Any]]:
    """Compare each method with the table's baseline and with its own controls, on the repeats that both have.

    Returns
    -------
    list of dict
        ``difference`` (method minus the other) with its interval (see `_judged`), ``p``, ``p_holm`` over all
        comparisons of the table, the tests of `_tests`, and ``words``.
    """
    by_key = {cell.key: cell for cell in cells}
    found: list[tuple[dict[str, Any], Difference]] = []
    for cell, other, against in _pairs(plan.table, cells, by_key):
        repeats = sorted(cell.runs.keys() & other.runs.keys())
        how = _how(plan, cell, other, repeats, folder)
        if how is not None:
            compared = _judged(how, plan.table, cell, other, repeats, folder)
            names = {name: getattr(cell, name) for name in ("data", "setting", "place", "model", "method")}
            names |= {"against": against, "n": len(repeats), "how": how}
            found.append(({**names, **_tests(plan, cell, other, repeats, folder)}, compared))
    corrected = holm([difference.p for _, difference in found])
    return [
        {
            **names,
            **{name: getattr(compared, name) for name in ("difference", "low", "high", "p")},
            "p_holm": p,
            "words": _words(plan.table, compared.difference, p),
        }
        for (names, compared), p in zip(found, corrected, strict=True)
    ]


def _words(table: TableFile, difference: float, p: float) -> str:
    sign = -1 if table.metric in SMALLER_IS_BETTER else 1
    return words(sign * difference, p, level=table.level)


def _pairs(
    table: TableFile, cells: Sequence[Cell], by_key: Mapping[tuple[str, str, str, str], Cell]
) -> Iterable[tuple[Cell, Cell, str]]:
    for cell in cells:
        if cell.control or not cell.runs:
            continue
        others = [(table.baseline, "", table.baseline)] if cell.method != table.baseline else []
        others += [(cell.method, control, control) for control in CONTROLS]
        for method, control, name in others:
            other = by_key.get((cell.place, cell.model, method, control))
            if other is not None and other.runs:
                yield cell, other, name


def _how(plan: TablePlan, cell: Cell, other: Cell, repeats: Sequence[int], folder: Path) -> str | None:
    """Return what the interval is made by; None where nothing says how much is luck."""
    if plan.table.repeats.kind == "splits" and len(repeats) > 1:
        return "corrected-t"
    if repeats and _may_bootstrap(plan, cell, other, repeats, folder):
        return "bootstrap"
    return "paired-t" if len(repeats) > 1 else None


def _judged(how: str, table: TableFile, cell: Cell, other: Cell, repeats: Sequence[int], folder: Path) -> Difference:
    """Return the difference with its interval.

    The same test rows in every repeat: the two-level bootstrap over repeats and rows. Random splits of one set:
    Student's t with the variance corrected for training rows in common. Other metrics than accuracy: Student's t.
    """
    if how == "bootstrap":
        return two_level_bootstrap(_right(cell, repeats, folder), _right(other, repeats, folder))
    first, second = ([c.scores(table.metric)[r] for r in repeats] for c in (cell, other))
    return paired_t(first, second) if how == "paired-t" else _corrected(cell, repeats, first, second)


def _may_bootstrap(plan: TablePlan, cell: Cell, other: Cell, repeats: Sequence[int], folder: Path) -> bool:
    """Whether both have their predictions, of the same test rows in each repeat, and rows have scores of their own."""
    lines = [line for each in (cell, other) for repeat in repeats for line in each.runs[repeat]]
    have = all(predictions_path(folder, line["key"]).exists() for line in lines)
    same_rows = plan.table.repeats.kind != "splits" or len(repeats) == 1
    return plan.table.metric == "accuracy" and have and same_rows


def _right(cell: Cell, repeats: Sequence[int], folder: Path) -> NDArray[np.float64]:
    """Return right or wrong, (repeats, N); the share of right answers where a repeat has several runs."""
    return np.stack(
        [np.mean([read_correct(folder, line["key"]) for line in cell.runs[repeat]], axis=0) for repeat in repeats]
    )


def _tests(plan: TablePlan, cell: Cell, other: Cell, repeats: Sequence[int], folder: Path) -> dict[str, Any]:
    """Return tests beside the interval, none of them corrected; each is None where it does not hold.

    ``own_p`` is the paper's own test; ``t_p`` Student's t from five repeats on (corrected where the splits are random);
    ``mcnemar_p`` of one repeat alone; ``effect`` the paired d over repeats.
    """
    table = plan.table
    found: dict[str, Any] = {"own_p": None, "t_p": None, "mcnemar_p": None, "effect": None}
    if len(repeats) < 2:
        if _may_bootstrap(plan, cell, other, repeats, folder) and len(cell.runs[repeats[0]]) == 1:
            found["mcnemar_p"] = mcnemar(
                _right(cell, repeats, folder)[0] > 0.5, _right(other, repeats, folder)[0] > 0.5
            )
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
