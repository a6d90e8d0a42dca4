"""The rules that claims are judged by; ``claims.toml`` names one for each claim.

A rule is judged only where all its tables have results. What counts as support is the same for all: the majority that
the claim needs, *and* more than chance.

``better``        a method gains over a baseline, a control or another method, in as many cells as ``need`` says;
                  with ``each = "model"`` for each model by itself
``larger``        a mean gain (or level, or fall between two tables) is larger on one side than on another;
                  of two tables on the sets and models of both, with ``match = "model"`` on the models of both
``largest``       the gain of one cell is larger than that of each other cell
``grows``         the mean gain grows along settings
``steadier``      the deviation over repeats is smaller on more sets
``level``         every mean lies above or below a bound
``curve``         a measure of the looks at dev is more, or less, than another method's
``labels``        the mean recall (or F1) of some labels is higher than another method's
``within-groups`` label vectors of one group are more alike than those of different groups
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sfumato.reproduction.contents import named
from sfumato.reproduction.curve_verdicts import curve, within_groups
from sfumato.reproduction.label_verdicts import labels
from sfumato.reproduction.mean_verdicts import grows, larger, level, steadier
from sfumato.reproduction.verdicts import Contents, Rule, Verdict, better, largest

RULES: Mapping[str, Callable[[Rule, Contents], Verdict]] = {
    "better": better,
    "larger": larger,
    "largest": largest,
    "grows": grows,
    "steadier": steadier,
    "level": level,
    "curve": curve,
    "labels": labels,
    "within-groups": within_groups,
}
SIDES = ("first", "second")


def judge(rule: Rule, contents: Contents) -> Verdict:
    """Return the verdict of a rule on the results that it names, all of which must be there."""
    return RULES[rule["kind"]](rule, contents)


def rule_tables(rule: Rule) -> tuple[str, ...]:
    """Return the tables that a rule looks at."""
    found = [*named(rule.get("table", ()))]
    for side in SIDES:
        found += [rule[side][key] for key in ("table", "from") if key in rule.get(side, {})]
    return tuple(dict.fromkeys(found))
