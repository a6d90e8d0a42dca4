"""Verdicts on means over cells of tables, and on the deviations beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

from sfumato.reproduction.contents import Content, Row, fits, gains, named, signed, unit
from sfumato.reproduction.metric_names import PERCENT
from sfumato.reproduction.verdicts import NOTHING, Contents, Rule, Verdict, judged
from sfumato.significance import Error

QUANTITIES = ("gain", "mean", "fall")
SIDE = 1.96  # errors are written in such units: so many lie between the middle of a 95 % interval and its end


@dataclass(frozen=True)
class Side:
    """A mean over cells, with its standard error, and the paper's where it prints all of them."""

    value: float
    error: float
    cells: int
    published: float | None

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.error:.2f} ({self.cells} cell{'s' * (self.cells > 1)})"


class Level(NamedTuple):
    """A mean of one cell with its standard error (see `_error`), and the paper's, None where it prints none."""

    data: str
    model: str
    value: float
    error: float
    published: float | None


def _side(given: Mapping[str, Any], contents: Contents, quantity: str, where: Mapping[str, Any]) -> list[Level]:
    table, where = contents[given["table"]], {**where, **given.get("where", {})}
    if quantity == "gain":
        found = [gain for one in named(given["method"]) for gain in gains(table, one, table["baseline"], where)]
        return [Level(gain.data, gain.model, gain.value, gain.half / SIDE, gain.published) for gain in found]
    levels = _levels(table, given["method"], where)
    if quantity == "fall":
        before = {(one.data, one.model): one for one in _levels(contents[given["from"]], given["method"], where)}
        levels = [_fall(before[one.data, one.model], one) for one in levels if (one.data, one.model) in before]
    return levels


def _fall(before: Level, after: Level) -> Level:
    """Return what a cell lost between two tables."""
    printed = None if before.published is None or after.published is None else before.published - after.published
    return Level(after.data, after.model, before.value - after.value, math.hypot(before.error, after.error), printed)


def _levels(table: Content, method: str | Sequence[str], where: Mapping[str, Any]) -> list[Level]:
    """Return the means of rows that are no controls."""
    scale = unit(table)
    return [
        Level(
            row["data"],
            row["model"],
            scale * row["mean"],
            abs(scale) * _error(table, row),
            row["published"],
        )
        for row in table["rows"]
        if row["method"] in named(method) and not row["control"] and row["mean"] is not None and fits(row, where)
    ]


def _error(table: Content, row: Row) -> float:
    """Return the half of the mean's 95 % interval in units of 1.96, so that few repeats have Student's wide one.

    Over random splits the variance is corrected for shared training rows, and the deviation has the luck of the test
    rows in it; where all repeats have the same test rows, a share has the binomial variance of these besides.
    """
    n, spread = row["n"], (row["sd"] or 0.0) ** 2
    if table["repeats"]["kind"] == "splits":
        repeats, rows = spread * (1 / n + row["n_test"] / (row["n_train"] + row["n_dev"])), 0.0
    else:
        share = row["mean"] if table["metric"] in PERCENT else 0.0
        repeats, rows = spread / n, share * (1 - share) / row["n_test"]
    if repeats + rows == 0:
        return 0.0
    error = Error((repeats + rows) ** 0.5, repeats / (repeats + rows), n - 1, row["n_test"] - 1)
    return error.critical(0.05) * error.se / SIDE


def _pooled(found: Sequence[Level]) -> Side | None:
    """Average cells: those of one set share their rows, so their errors do not shrink."""
    if not found:
        return None
    by_set: dict[str, list[float]] = {}
    for one in found:
        by_set.setdefault(one.data, []).append(one.error)
    error = math.sqrt(sum(sum(errors) ** 2 for errors in by_set.values())) / len(found)
    printed = [one.published for one in found if one.published is not None]
    mean = sum(printed) / len(printed) if len(printed) == len(found) else None
    return Side(sum(one.value for one in found) / len(found), error, len(found), mean)


def larger(rule: Rule, contents: Contents) -> Verdict:
    """Compare a mean of two sides, as if these were independent; of two tables, the sets and models of both.

    With ``match = "model"`` the models of both are enough: tables of two tasks have no set in common.
    """
    quantity, where = rule.get("quantity", "gain"), rule.get("where", {})
    levels = [_side(rule[side], contents, quantity, where) for side in ("first", "second")]
    if rule["first"]["table"] != rule["second"]["table"]:
        key = attrgetter("model") if rule.get("match") == "model" else attrgetter("data", "model")
        both = set.intersection(*({key(one) for one in side} for side in levels))
        levels = [[one for one in side if key(one) in both] for side in levels]
    first, second = map(_pooled, levels)
    if first is None or second is None:
        return NOTHING
    gap, error = first.value - second.value, math.hypot(first.error, second.error)
    of = "" if quantity == "mean" else f" {quantity}"
    said = f"mean{of} {first} against {second}: difference {signed(gap)} ± {error:.2f} points"
    if first.published is not None and second.published is not None:
        said += f"; the paper's is {signed(first.published - second.published)}"
    return judged(gap > SIDE * error, said + ".")


def grows(rule: Rule, contents: Contents) -> Verdict:
    """Follow the mean gain along settings: most steps up, and the last above the first by more than chance."""
    sides = []
    for setting in rule["settings"]:
        where = {**rule.get("where", {}), "setting": setting}
        sides.append(_pooled(_side({"table": rule["table"], "method": rule["method"]}, contents, "gain", where)))
    known = [side for side in sides if side is not None]
    if len(known) < len(sides):
        return NOTHING
    up = sum(after.value > before.value for before, after in pairwise(known))
    gap, error = known[-1].value - known[0].value, math.hypot(known[-1].error, known[0].error)
    path = ", ".join(f"{setting}: {signed(side.value)}" for setting, side in zip(rule["settings"], known, strict=True))
    said = (
        f"{up} of {len(known) - 1} steps up, last minus first {signed(gap)} ± {error:.2f} points (mean gains {path})."
    )
    return judged(2 * up > len(known) - 1 and gap > SIDE * error, said)


def steadier(rule: Rule, contents: Contents) -> Verdict:
    """Count the sets with a smaller deviation than the other method's; a sign test says whether that is chance.

    A set has one vote, for the side with more of its cells, since these share rows and splits; a tie is no vote.
    """
    from scipy.stats import binomtest

    found = []
    for table in named(rule["table"]):
        rows = [row for row in contents[table]["rows"] if not row["control"] and row["sd"] is not None]
        other = {(row["place"], row["model"]): row["sd"] for row in rows if row["method"] == rule["against"]}
        mine = [row for row in rows if row["method"] == rule["method"] and fits(row, rule.get("where", {}))]
        scale = abs(unit(contents[table]))
        found += [
            (row, scale * row["sd"], scale * other[row["place"], row["model"]])
            for row in mine
            if (row["place"], row["model"]) in other
        ]
    if not found:
        return NOTHING
    by_set: dict[str, int] = {}
    for row, mine, other in found:
        by_set[row["data"]] = by_set.get(row["data"], 0) + (mine < other) - (mine > other)
    voting = [votes for votes in by_set.values() if votes]
    smaller = sum(votes > 0 for votes in voting)
    p = float(binomtest(smaller, len(voting), alternative="greater").pvalue) if voting else 1.0
    cells_said = f"in {sum(mine < other for _, mine, other in found)} of {len(found)} cells"
    cells = [f"{row['place']}, {row['model']} {mine:.2f} against {other:.2f}" for row, mine, other in found]
    even = len(by_set) - len(voting)
    ties = f"; {even} {'sets have' if even > 1 else 'set has'} no vote, as many cells on either side" if even else ""
    test = f"sign test, one-sided, p = {p:.3f}{ties}"
    said = f"smaller deviation on {smaller} of {len(voting)} sets ({test}), {cells_said}."
    return judged(p < 0.05, said, cells)


def level(rule: Rule, contents: Contents) -> Verdict:
    """Compare each mean with a bound, ``at_least`` or ``at_most``."""
    table = contents[rule["table"]]
    found = _levels(table, rule["method"], rule.get("where", {}))
    if not found:
        return NOTHING
    if unit(table) < 0:  # less is better, and the bound is of the metric as it is
        found = [one._replace(value=-one.value) for one in found]
    low, high = rule.get("at_least", -math.inf), rule.get("at_most", math.inf)
    inside = sum(low <= one.value <= high for one in found)
    bound = f"at most {high:g}" if "at_most" in rule else f"at least {low:g}"
    cells = [f"{one.data}, {one.model} {one.value:.2f}" for one in found]
    return judged(inside == len(found), f"{inside} of {len(found)} cells have {bound}.", cells)
