"""What the papers claim, each claim with our verdict and the results it rests on: ``docs/claims.md``."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from sfumato.reproduction.contents import Content, named, one_a_table, page_name
from sfumato.reproduction.rules import judge, rule_tables
from sfumato.reproduction.verdicts import NOT_SUPPORTED, NOT_TESTABLE, NOTHING, SHOWN, SUPPORTED, Verdict

NOT_RUN = "not run yet"
WORDS = (SUPPORTED, NOT_SUPPORTED, NOT_TESTABLE, NOT_RUN)


@dataclass(frozen=True)
class Claim:
    """A claim of a paper with its place; ``rule`` judges it, or ``waits`` names a table to come, or ``why`` says no.

    Attributes
    ----------
    claim : in our words
    asks : what ``rule`` demands beyond the paper's own comparison, which ``own`` judges; both or neither
    """

    id: str
    paper: str
    place: str
    claim: str
    rule: Mapping[str, Any] | None = None
    waits: str = ""
    why: str = ""
    asks: str = ""
    own: Mapping[str, Any] | None = None


def read_claims() -> tuple[dict[str, str], list[Claim]]:
    """Return paper to title, and the claims, of the file that comes with the package."""
    given = tomllib.loads((files("sfumato.reproduction") / "claims.toml").read_text(encoding="utf-8"))
    return {name: paper["title"] for name, paper in given["papers"].items()}, [Claim(**one) for one in given["claims"]]


def verdict(claim: Claim, contents: Mapping[str, Content]) -> Verdict:
    """Judge a claim by the results that there are."""
    if claim.waits:
        return Verdict(NOT_TESTABLE, f"Not yet: {claim.waits} is not run.")
    if claim.rule is None:
        return Verdict(NOT_TESTABLE, f"{_whole(claim.why)}.")
    tables = rule_tables(claim.rule)
    missing = [name for name in tables if name not in contents]
    if missing:
        return Verdict(NOT_RUN, f"There are no results of {', '.join(missing)}.")
    found, asked = judge(claim.rule, contents), [contents[name] for name in tables]
    cut, left = _cut(claim.rule, asked), _left(asked)
    if found == NOTHING:
        return Verdict(NOT_RUN, f"These cells are still to come.{left}") if left and not cut else _said(found, cut)
    if claim.own is not None:
        found = _apart(claim, judge(claim.own, contents), found)
    return _said(found, cut + left)


def _apart(claim: Claim, own: Verdict, found: Verdict) -> Verdict:
    """Say what the paper's own comparison gives beside what we ask for besides: both must hold."""
    said = f"By the paper's own comparison *{own.word}*: {_whole(own.said)} We ask for {claim.asks}: "
    both = own.word if found.word == SUPPORTED else found.word
    return replace(found, word=both, said=f"{said}*{found.word}*: {_whole(found.said)}")


def _whole(said: str) -> str:
    """Write a sentence with a capital."""
    return said[:1].upper() + said[1:]


def _said(found: Verdict, further: str) -> Verdict:
    return Verdict(found.word, _whole(found.said) + further, found.cells)


def _cut(rule: Mapping[str, Any], contents: Sequence[Content]) -> str:
    """Say which data sets, settings and models, of those that the rule asks for, the scale leaves out."""
    asked: dict[str, set[str]] = {}
    for where in (rule.get("where", {}), *(rule.get(side, {}).get("where", {}) for side in ("first", "second"))):
        for key, titles in where.items():
            asked.setdefault(key, set()).update(named(titles))
    said = ""
    for content in contents:
        titles = [
            title
            for key, part in (("data", "data"), ("settings", "setting"), ("models", "model"))
            for title in content["cut"].get(key, ())
            if title in asked.get(part, {title})
        ]
        if titles:
            said += f" Without {', '.join(titles)} (cut from {page_name(content)} at scale {content['scale']})."
    return said


def _left(contents: Sequence[Content]) -> str:
    """Say which tables are not finished."""
    return "".join(
        f" So far {content['done']} of {content['needed']} runs of {page_name(content)} are done."
        for content in contents
        if content["done"] < content["needed"]
    )


def claims_on(name: str, contents: Sequence[Content]) -> str:
    """Return a line a claim that rests on a table: its number, words and verdict."""
    tables = one_a_table(contents)
    return "\n".join(
        f"* {claim.id}: {claim.claim} *{verdict(claim, tables).word}*"
        for claim in read_claims()[1]
        if claim.rule is not None and name in rule_tables(claim.rule)
    )


def claims_page(contents: Sequence[Content]) -> str:
    """Return ``docs/claims.md`` from the contents of all tables."""
    papers, claims = read_claims()
    tables = one_a_table(contents)
    judged = {claim.id: verdict(claim, tables) for claim in claims}
    parts = ["# What the papers claim, and what we found", READING, _summary(papers, claims, judged)]
    for paper, title in papers.items():
        parts.append(f"## {title}")
        parts += [_entry(claim, judged[claim.id], tables) for claim in claims if claim.paper == paper]
    return "\n\n".join(parts) + "\n"


def _summary(papers: Mapping[str, str], claims: Sequence[Claim], judged: Mapping[str, Verdict]) -> str:
    counts = {paper: Counter(judged[claim.id].word for claim in claims if claim.paper == paper) for paper in papers}
    words = [word for word in WORDS if word != NOT_RUN or any(count[NOT_RUN] for count in counts.values())]
    lines = ["| paper | claims | " + " | ".join(words) + " |", "|---|---:|" + "---:|" * len(words)]
    for paper, count in counts.items():
        lines.append(f"| {paper} | {count.total()} | " + " | ".join(str(count[word]) for word in words) + " |")
    return "\n".join(lines)


def _entry(claim: Claim, found: Verdict, contents: Mapping[str, Content]) -> str:
    lines = [f"**{claim.id}** ({claim.place}). {claim.claim}", f"\n*{found.word}.* {found.said}"]
    tables = [name for name in (rule_tables(claim.rule) if claim.rule else ()) if name in contents]
    if tables:
        links = ", ".join(f"[{page_name(contents[name])}](tables/{page_name(contents[name])}.md)" for name in tables)
        shown = "; ".join(found.cells[:SHOWN])
        rest = len(found.cells) - SHOWN
        cells = f": {shown}" + (f"; and {rest} more." if rest > 0 else ".") if shown else "."
        lines.append(f"Rests on {links}{cells}")
    return "\n".join(lines)


READING = """\
Generated from `results/` by `python benchmarks/table_pages.py`; no verdict is written by hand. The claims and
the rule that judges each are in `sfumato/reproduction/claims.toml`. Most tables are run at a smaller scale than
the papers' (each page says so): a verdict is about *our* runs, and "not supported" does not mean refuted.

How a claim is judged: "all positive" and "most positive" ask for every cell, or more than half of them, above
zero, *and* that at least one is clearly better and fewer are clearly worse; other claims say what they ask for.
"Gains nothing" is supported only where the intervals leave out the gain that the paper finds on average, for few
runs find nothing clear whatever there is. Where a paper says what its gain comes from, we ask for a gain over
controls besides, and say apart what its own comparison gives.
Clearly: p below the table's level after Holm over its comparisons, \\* in the lists. Between two methods of
which neither is the baseline, the error is that of two independent gains, which is rather too large. Means over
several sets take cells of one set as fully dependent. A cell is a data set (with its setting) and a model."""
