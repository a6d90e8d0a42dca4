"""What a verdict is, and the verdicts on gains in tables; each has the counts it rests on, and the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sfumato.reproduction.contents import Content, Gain, apart, corrected, fits, gains, named, signed

SUPPORTED, NOT_SUPPORTED, NOT_TESTABLE = "supported", "not supported", "not testable here"
NEEDS = ("all positive", "most positive", "all significant", "most significant", "any significant", "none significant")
SHOWN = 12  # cells that a verdict lists
USUAL = "the mean gain that the paper prints in this table"

Contents = Mapping[str, Content]
Rule = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """One of the three words, the sentence with the counts, and the cells it rests on."""

    word: str
    said: str
    cells: tuple[str, ...] = ()


def judged(supported: bool, said: str, cells: Sequence[str] = ()) -> Verdict:
    """Return the verdict of a claim that can be tested."""
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
    found, need = corrected(asked), rule["need"]
    if rule.get("each") == "model":
        return _each_model(found, rule)
    verdict = counted(found, need)
    return _no_gain(verdict, found, rule, contents) if need == "none significant" else verdict


def _each_model(found: Sequence[Gain], rule: Rule) -> Verdict:
    """Judge each model by itself: a claim about all of them holds where it holds for each that is there."""
    if not found:
        return NOTHING
    models = dict.fromkeys([*named(rule["where"]["model"]), *(gain.model for gain in found)])
    by_model = {model: counted([gain for gain in found if gain.model == model], rule["need"]) for model in models}
    there = [one for one in by_model.values() if one != NOTHING]
    said = " ".join(
        f"{model}: " + ("no results." if one == NOTHING else f"*{one.word}*, {one.said}")
        for model, one in by_model.items()
    )
    held = all(one.word == SUPPORTED for one in there)
    return judged(held, f"judged model by model. {said}", [cell for one in there for cell in one.cells])


def _no_gain(verdict: Verdict, found: Sequence[Gain], rule: Rule, contents: Contents) -> Verdict:
    """Take "gains nothing" for shown only where the intervals leave out the gain that the paper prints on average.

    Few runs find nothing clear whether there is something or not.
    """
    if verdict.word != SUPPORTED:
        return verdict
    every = (
        gain
        for table in named(rule["table"])
        for method in named(rule["method"])
        for gain in gains(contents[table], method, contents[table]["baseline"])
    )
    printed = [gain.published for gain in every if gain.published is not None]
    usual, end = sum(printed) / len(printed) if printed else 0.0, max(gain.value + gain.half for gain in found)
    if end < usual:
        return Verdict(verdict.word, f"{verdict.said} No interval reaches {signed(usual)}, {USUAL}.", verdict.cells)
    said = f"too few runs to tell: the intervals reach up to {signed(end)}"
    said += f", beyond {signed(usual)}, {USUAL}" if usual > 0 else ", and there is no gain of the paper's to leave out"
    return Verdict(NOT_TESTABLE, f"{said}; {verdict.said}", verdict.cells)


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
    return judged(held, said + _own(found) + _paper(found) + ".", cells)


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


def largest(rule: Rule, contents: Contents) -> Verdict:
    """Compare the gain in one cell with that in each other cell of the table, as if they were independent."""
    table = contents[rule["table"]]
    every = gains(table, rule["method"], table["baseline"])
    first = next((gain for gain in every if fits(vars(gain), rule["cell"])), None)
    found = [_further(first, gain) for gain in every if first is not None and gain != first]
    verdict = counted(corrected(found), "all positive", "points more than there")
    return verdict if verdict == NOTHING else replace(verdict, said=f"{first}; of the others, {verdict.said}")


def _further(one: Gain, other: Gain) -> Gain:
    """Return by how much a gain is larger than that of another cell, under the name of the other."""
    value, error = one.value - other.value, apart(one.error, other.error)
    known = one.published is not None and other.published is not None
    printed = one.published - other.published if known else None  # type: ignore[operator]
    return replace(other, value=value, error=error, p=error.p_value(value), own_p=None, published=printed, tested=False)
