"""Verdicts on single labels: what methods gain on those whose names begin in a given way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sfumato.reproduction.contents import Content, Gain, corrected, fits, named
from sfumato.reproduction.verdicts import Contents, Rule, Verdict, counted
from sfumato.significance import paired_t


def labels(rule: Rule, contents: Contents) -> Verdict:
    """Compare the mean recall or F1 of some labels with another method's, over repeats (Student's paired t, Holm)."""
    table = contents[rule["table"]]
    every = {(one["place"], one["model"], one["method"]): one for one in table.get("per_label", ())}
    found = []
    for method in named(rule["method"]):
        for (place, model, title), one in every.items():
            other = every.get((place, model, rule["against"]))
            if title == method and other is not None and fits(one, rule.get("where", {})):
                found += _gain(table, one, other, rule)
    starts = ", ".join(rule["labels"])
    return counted(corrected(found), rule["need"], f"points of mean {rule['measure']} of {starts}")


def _gain(table: Content, one: Mapping[str, Any], other: Mapping[str, Any], rule: Rule) -> list[Gain]:
    """Return the gain in one cell; none with fewer than two repeats, or without such labels in the test rows."""
    starts = tuple(rule["labels"])
    chosen = [k for k, name in enumerate(one["label"]) if name.startswith(starts) and one["support"][k]]
    repeats = sorted(set(one["repeats"]) & set(other["repeats"]))
    if not chosen or len(repeats) < 2:
        return []
    first, second = (_means(each, rule["measure"], chosen, repeats) for each in (one, other))
    compared = paired_t(first, second)
    return [
        Gain(
            **{name: one[name] for name in ("data", "setting", "place", "model", "method")},
            table=table["name"],
            against=rule["against"],
            value=compared.difference,
            error=compared.error,
            p=compared.p,
            level=table["level"],
            tested=False,
        )
    ]


def _means(cell: Mapping[str, Any], measure: str, chosen: Sequence[int], repeats: Sequence[int]) -> list[float]:
    """Return the mean over labels in each repeat, in points."""
    by_repeat = dict(zip(cell["repeats"], cell[measure], strict=True))
    return [100 * sum(by_repeat[repeat][k] for k in chosen) / len(chosen) for repeat in repeats]
