"""The results of tables, read from their ``table.json``, and the gains in them that pages and verdicts count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sfumato.errors import InputError
from sfumato.reproduction.metric_names import EVERY_CONTROL, PERCENT, SMALLER_IS_BETTER
from sfumato.significance import Error, holm

Content = Mapping[str, Any]
Row = Mapping[str, Any]
Where = Mapping[str, Any]
NO_ERROR = Error(0.0, 1.0, 0, 0)


@dataclass(frozen=True)
class Gain:
    """What a row gains over another one at the same place, with the same model; above zero is better.

    Attributes
    ----------
    value, error : the gain, in points for shares, and its standard error, with the degrees that it is known by
    p : after Holm over the comparisons of the table, or over those that were asked for together
    own_p : by the paper's own test, uncorrected; None where there is none
    published : the gain that the paper prints, None where it prints none
    tested : whether p is the table's; else it follows from two gains over the baseline
    """

    table: str
    data: str
    setting: str
    place: str
    model: str
    method: str
    against: str
    value: float
    error: Error
    p: float
    level: float
    own_p: float | None = None
    published: float | None = None
    tested: bool = True

    @property
    def half(self) -> float:
        """Half of the 95 % interval, as wide as Student's t asks for so few repeats."""
        return self.error.critical(0.05) * self.error.se if self.error.se else 0.0

    @property
    def better(self) -> bool:
        """Better by more than chance."""
        return self.value > 0 and self.p < self.level

    @property
    def worse(self) -> bool:
        """Worse by more than chance."""
        return self.value < 0 and self.p < self.level

    def __str__(self) -> str:
        star = "\\*" if self.p < self.level else ""
        return f"{self.place}, {self.model}, {self.method} {signed(self.value)}{star}"


def signed(value: float) -> str:
    """Write a gain with its sign; what rounds to nothing has a plus."""
    return f"{round(value, 2) + 0.0:+.2f}"


def read_contents(results: Path) -> list[dict[str, Any]]:
    """Return the contents of all tables with at least one number below a folder, by name and scale.

    Raises
    ------
    InputError
        for a ``table.json`` that an earlier sfumato wrote: which can be written again from its runs, and how.
    """
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*/table.json"))]
    for content in found:
        if "lacking" not in content:
            command = f"sfumato reproduce {content['name']} --scale {content['scale']} --render"
            raise InputError(f"the table.json of {content['name']} is of an earlier sfumato; write it again: {command}")
    kept = [content for content in found if any(row["mean"] is not None for row in content["rows"])]
    return sorted(kept, key=lambda content: (content["name"], content["scale"] == "full"))


def page_name(content: Content) -> str:
    """Return the name of a table's page, without ending."""
    return str(content["name"]) + ("" if content["scale"] == "small" else f"-{content['scale']}")


def one_a_table(contents: Iterable[Content]) -> dict[str, Content]:
    """Return name to content: the full scale where all of it is run, else the small one."""
    found: dict[str, Content] = {}
    for content in contents:
        if content["scale"] != "full" or content["done"] == content["needed"] or content["name"] not in found:
            found[content["name"]] = content
    return found


def named(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return one title or several as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value)


def fits(item: Row, where: Where) -> bool:
    """Return whether a row, comparison or curve is among the titles of ``where`` (data, setting, place, model)."""
    return all(item[key] in named(titles) for key, titles in where.items())


def unit(content: Content) -> float:
    """Return what a difference is multiplied by: shares become points, and less is better for a loss."""
    metric = content["metric"]
    return (100.0 if metric in PERCENT else 1.0) * (-1.0 if metric in SMALLER_IS_BETTER else 1.0)


def gains(content: Content, method: str, against: str, where: Where | None = None) -> list[Gain]:
    """Return the gains of a method over the table's baseline, one of its controls, or another method.

    The table tests the first two. Over another method the gain is the difference of the gains over the baseline, and
    its error that of independent ones (`apart`): they have baseline and test rows in common, so it is rather too large.
    A difference without an interval, of one repeat whose rows are not known, is no gain yet and left out.
    """
    if against == content["baseline"] or against in EVERY_CONTROL:
        return [
            _gain(content, found)
            for found in content["differences"]
            if (found["method"], found["against"]) == (method, against)
            and fits(found, where or {})
            and None not in (found["low"], found["high"])
        ]
    second = {(gain.place, gain.model): gain for gain in gains(content, against, content["baseline"], where)}
    if method == content["baseline"]:
        pairs = [(_nothing(gain, method), gain) for gain in second.values()]
    else:
        first = gains(content, method, content["baseline"], where)
        pairs = [(gain, second[gain.place, gain.model]) for gain in first if (gain.place, gain.model) in second]
    return [_between(one, other, against) for one, other in pairs]


def corrected(found: Sequence[Gain]) -> list[Gain]:
    """Return gains with p after Holm over those that the table itself does not test."""
    p = iter(holm([gain.p for gain in found if not gain.tested]))
    return [gain if gain.tested else replace(gain, p=next(p)) for gain in found]


def _gain(content: Content, found: Mapping[str, Any]) -> Gain:
    scale = unit(content)
    names = {name: found[name] for name in ("data", "setting", "place", "model", "method", "against")}
    return Gain(
        table=content["name"],
        **names,
        value=scale * found["difference"],
        error=_error(content, found, abs(scale)),
        p=found["p_holm"],
        level=content["level"],
        own_p=found["own_p"],
        published=_published(content, found),
    )


def _error(content: Content, found: Mapping[str, Any], scale: float) -> Error:
    error = Error(**found["error"])
    return error._replace(se=scale * error.se)


def _published(content: Content, found: Mapping[str, Any]) -> float | None:
    """Return the paper's gain: over the baseline only, for controls are ours."""
    if found["against"] != content["baseline"]:
        return None
    values = {
        row["method"]: row["published"]
        for row in content["rows"]
        if (row["place"], row["model"], row["control"]) == (found["place"], found["model"], "")
    }
    one, other = values.get(found["method"]), values.get(content["baseline"])
    if one is None or other is None:
        return None
    return float(one - other) * (-1.0 if content["metric"] in SMALLER_IS_BETTER else 1.0)


def _nothing(gain: Gain, method: str) -> Gain:
    """Return the gain of the baseline over itself."""
    return replace(
        gain, method=method, value=0.0, error=NO_ERROR, p=1.0, published=None if gain.published is None else 0.0
    )


def _between(one: Gain, other: Gain, against: str) -> Gain:
    """Return what one gains over another, with p still to be corrected."""
    value, error = one.value - other.value, apart(one.error, other.error)
    return replace(
        one,
        against=against,
        value=value,
        error=error,
        p=error.p_value(value),
        own_p=None,
        published=None if one.published is None or other.published is None else one.published - other.published,
        tested=False,
    )


def apart(one: Error, other: Error) -> Error:
    """Return the error of the difference of two independent gains.

    Their variances add up, and so do the parts that lie between repeats and between rows; each part is known by the
    fewer degrees of freedom of the two (W. G. Cochran and G. M. Cox, see `two_level_bootstrap`).
    """
    if not one.se or not other.se:
        return one if one.se else other
    first, second = one.se**2, other.se**2
    share = (first * one.seed_share + second * other.seed_share) / (first + second)
    degrees = min(one.seed_degrees, other.seed_degrees), min(one.row_degrees, other.row_degrees)
    return Error((first + second) ** 0.5, share, *degrees)
