"""Verdicts on the scores of tables; each has the counts it rests on, and the cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from sfumato.reproduction.contents import SIDE, Content, Gain, corrected, fits, gains, named, signed, unit

SUPPORTED, NOT_SUPPORTED, NOT_TESTABLE = "supported", "not supported", "not testable here"
NEEDS = ("all positive", "most positive", "all significant", "most significant", "any significant", "none significant")
QUANTITIES = ("gain", "mean", "fall")
SHOWN = 12  # cells that a verdict lists

Contents = Mapping[str, Content]
Rule = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """One of the three words, the sentence with the counts, and the cells it rests on."""

    word: str
    said: str
    cells: tuple[str, ...] = ()


def _verdict(supported: bool, said: str, cells: Sequence[str] = ()) -> Verdict:
    return Verdict(SUPPORTED if supported else NOT_SUPPORTED, said, tuple(cells))


NOTHING = Verdict(NOT_TESTABLE, "The table has none of these cells at this scale.")


def better(rule: Rule, contents: Contents) -> Verdict:
    """Count the cells in which methods gain over others."""
    asked = [
        gain
        for table in named(rule["table"])
        for method in named(rule["method"])
        for against in named(rule["against"])
        for gain in gains(contents[table], method, against, rule.get("where"))
    ]
    return counted(corrected(asked), rule["need"])


def counted(found: Sequence[Gain], need: str, what: str = "points") -> Verdict:
    """Judge by how many gains are above zero, and by more than chance."""
    if not found:
        return NOTHING
    n, above = len(found), sum(gain.value > 0 for gain in found)
    better, worse = sum(gain.better for gain in found), sum(gain.worse for gain in found)
    beyond = better > 0 and better > worse
    held = {
        "all positive": above == n and beyond,
        "most positive": 2 * above > n and beyond,
        "all significant": better == n,
        "most significant": 2 * better > n,
        "any significant": better > 0,
        "none significant": better == 0,
    }[need]
    said = (
        f"{above} of {n} cells above zero, {better} clearly better, {worse} clearly worse; mean {_mean(found)} {what}"
    )
    several = len({gain.against for gain in found}) > 1
    cells = [f"{gain} over {gain.against}" if several else str(gain) for gain in found]
    return _verdict(held, said + _own(found) + _paper(found) + ".", cells)


def _mean(found: Sequence[Gain]) -> str:
    return signed(sum(gain.value for gain in found) / len(found))


def _own(found: Sequence[Gain]) -> str:
    own = [gain for gain in found if gain.own_p is not None]
    if not own:
        return ""
    clear = sum(gain.value > 0 and gain.own_p is not None and gain.own_p < gain.level for gain in own)
    return f"; by the paper's own, uncorrected test {clear} of {len(own)} better"


def _paper(found: Sequence[Gain]) -> str:
    printed = [(gain.value, gain.published) for gain in found if gain.published is not None]
    if not printed:
        return ""
    same = sum(value * number > 0 for value, number in printed)
    mean = sum(number for _, number in printed) / len(printed)
    return f"; the paper prints {signed(mean)} on average of {len(printed)}, {same} with the same sign as ours"


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
    """A mean of one cell with its standard error, and the paper's, None where it prints none."""

    data: str
    model: str
    value: float
    error: float
    published: float | None


def _side(given: Mapping[str, Any], contents: Contents, quantity: str, where: Mapping[str, Any]) -> list[Level]:
    table, where = contents[given["table"]], {**where, **given.get("where", {})}
    if quantity == "gain":
        found = [gain for one in named(given["method"]) for gain in gains(table, one, table["baseline"], where)]
        return [Level(gain.data, gain.model, gain.value, gain.error, gain.published) for gain in found]
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
            abs(scale) * (row["sd"] or 0.0) / row["n"] ** 0.5,
            row["published"],
        )
        for row in table["rows"]
        if row["method"] in named(method) and not row["control"] and row["mean"] is not None and fits(row, where)
    ]


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
    """Compare a mean of two sides, as if these were independent; of two tables, the sets and models of both."""
    quantity, where = rule.get("quantity", "gain"), rule.get("where", {})
    levels = [_side(rule[side], contents, quantity, where) for side in ("first", "second")]
    if rule["first"]["table"] != rule["second"]["table"]:
        both = set.intersection(*({(one.data, one.model) for one in side} for side in levels))
        levels = [[one for one in side if (one.data, one.model) in both] for side in levels]
    first, second = map(_pooled, levels)
    if first is None or second is None:
        return NOTHING
    gap, error = first.value - second.value, math.hypot(first.error, second.error)
    said = f"mean {quantity} {first} against {second}: difference {signed(gap)} ± {error:.2f} points"
    if first.published is not None and second.published is not None:
        said += f"; the paper's is {signed(first.published - second.published)}"
    return _verdict(gap > SIDE * error, said + ".")


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
    return _verdict(2 * up > len(known) - 1 and gap > SIDE * error, said)


def steadier(rule: Rule, contents: Contents) -> Verdict:
    """Count the cells with a smaller deviation than the other method's; a sign test says whether that is chance."""
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
    smaller = sum(mine < other for _, mine, other in found)
    p = float(binomtest(smaller, len(found), alternative="greater").pvalue)
    cells = [f"{row['place']}, {row['model']} {mine:.2f} against {other:.2f}" for row, mine, other in found]
    return _verdict(
        p < 0.05, f"smaller deviation in {smaller} of {len(found)} cells (sign test, one-sided, p = {p:.3f}).", cells
    )


def level(rule: Rule, contents: Contents) -> Verdict:
    """Compare each mean with a bound, ``at_least`` or ``at_most``."""
    found = _levels(contents[rule["table"]], rule["method"], rule.get("where", {}))
    if not found:
        return NOTHING
    low, high = rule.get("at_least", -math.inf), rule.get("at_most", math.inf)
    inside = sum(low <= one.value <= high for one in found)
    bound = f"at most {high:g}" if "at_most" in rule else f"at least {low:g}"
    cells = [f"{one.data}, {one.model} {one.value:.2f}" for one in found]
    return _verdict(inside == len(found), f"{inside} of {len(found)} cells have {bound}.", cells)
