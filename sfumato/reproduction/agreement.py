"""What of a table's results agrees with the paper and what does not, counted and written in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sfumato.reproduction.contents import Content, Gain, gains, signed
from sfumato.reproduction.metric_names import EVERY_CONTROL, PERCENT
from sfumato.reproduction.render import grid


@dataclass(frozen=True)
class Summary:
    """A method over all cells of a table: its gains over the baseline, and over each of its controls."""

    method: str
    gains: tuple[Gain, ...]
    controls: dict[str, tuple[Gain, ...]]

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """Our gain and the paper's, where both are known."""
        return [(gain.value, gain.published) for gain in self.gains if gain.published is not None]

    @property
    def same_sign(self) -> int:
        """In how many cells our gain has the sign of the paper's."""
        return sum(ours * theirs > 0 for ours, theirs in self.pairs)


def summaries(content: Content) -> list[Summary]:
    """Return a summary of each method that is compared with the baseline, in the table's order."""
    methods = dict.fromkeys(row["method"] for row in content["rows"] if row["method"] != content["baseline"])
    found = []
    for method in methods:
        own = tuple(gains(content, method, content["baseline"]))
        controls = {name: tuple(gains(content, method, name)) for name in EVERY_CONTROL}
        if own:
            found.append(Summary(method, own, controls))
    return found


def mean(values: Sequence[float]) -> float:
    """Return the mean of at least one value."""
    return sum(values) / len(values)


def tally(found: Sequence[Gain]) -> str:
    """Write a mean gain and how many are clear: "+0.40 (3 better, 1 worse of 8)"."""
    if not found:
        return "–"
    better, worse = sum(gain.better for gain in found), sum(gain.worse for gain in found)
    return f"{signed(mean([gain.value for gain in found]))} ({better} better, {worse} worse of {len(found)})"


def agreement(content: Content) -> str:
    """Return the section of a page: a line a method, then what agrees and what does not."""
    found = summaries(content)
    lines = [_baselines(content)]
    if not found:
        return "\n\n".join([*filter(None, lines), "The table compares no methods."])
    names = [name for name in EVERY_CONTROL if any(one.controls[name] for one in found)]
    heads = ["method", f"over {content['baseline']}", "published", "same sign", *(f"over {name}" for name in names)]
    body = []
    for one in found:
        published = signed(mean([theirs for _, theirs in one.pairs])) if one.pairs else "–"
        same = f"{one.same_sign} of {len(one.pairs)}" if one.pairs else "–"
        body.append([one.method, tally(one.gains), published, same, *(tally(one.controls[name]) for name in names)])
    points = "points" if content["metric"] in PERCENT else content["metric"]
    lines = [f"Mean gains over all cells ({points}; better and worse: by more than chance).", grid(heads, body), *lines]
    return "\n\n".join([*filter(None, lines), "\n".join(f"* {one}" for one in _sentences(content, found))])


def _sentences(content: Content, found: Sequence[Summary]) -> list[str]:
    return [
        *_against_paper(found),
        _chance(content, found),
        *_beyond_controls(found),
    ]


def _against_paper(found: Sequence[Summary]) -> list[str]:
    """Say for each method with published numbers whether ours go the same way."""
    agree: list[str] = []
    differ: list[str] = []
    for one in found:
        if one.pairs:
            ours, theirs = mean([pair[0] for pair in one.pairs]), mean([pair[1] for pair in one.pairs])
            signs = f"same sign in {one.same_sign} of {len(one.pairs)}"
            said = f"{one.method} ({signed(ours)}, published {signed(theirs)}, {signs})"
            same = ours * theirs > 0 and 2 * one.same_sign > len(one.pairs)
            (agree if same else differ).append(said)
    return [
        *([f"Goes the paper's way: {'; '.join(agree)}."] if agree else []),
        *([f"Does not: {'; '.join(differ)}."] if differ else []),
    ]


def _chance(content: Content, found: Sequence[Summary]) -> str:
    clear = [(one.method, sum(gain.better for gain in one.gains), len(one.gains)) for one in found]
    said = "; ".join(f"{method} in {better} of {n}" for method, better, n in clear if better)
    worse = "; ".join(
        f"{one.method} in {count} of {len(one.gains)}" for one in found if (count := sum(g.worse for g in one.gains))
    )
    text = f"By more than chance better than {content['baseline']}: {said or 'none, in any cell'}."
    return text + (f" Worse: {worse}." if worse else "")


def _beyond_controls(found: Sequence[Summary]) -> list[str]:
    """Say whether what the methods know gains anything beyond their strength."""
    lines = []
    for name in EVERY_CONTROL:
        have = [one for one in found if one.controls[name]]
        if have:
            said = "; ".join(f"{one.method} {tally(one.controls[name])}" for one in have)
            lines.append(f"Beyond its control `{name}`: {said}.")
    return lines


def _baselines(content: Content) -> str:
    """Say how far our baseline rows are from the published ones."""
    far = [
        row["minus_published"]
        for row in content["rows"]
        if row["method"] == content["baseline"] and not row["control"] and row["minus_published"] is not None
    ]
    if not far:
        return ""
    scale = "at the paper's scale" if content["scale"] == "full" else "at a smaller scale than the paper's"
    spread = f", from {signed(min(far))} to {signed(max(far))}" if len(far) > 1 else ""
    return f"Our {content['baseline']} rows lie {signed(mean(far))} from the published ones{spread} ({scale})."
