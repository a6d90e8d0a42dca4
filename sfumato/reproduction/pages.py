"""A page for each table that has results, an index of them, and the README's summary, all made from the results."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sfumato.controls import CONTROLS
from sfumato.errors import InputError
from sfumato.reproduction.agreement import agreement, mean, tally
from sfumato.reproduction.cases import cases_text
from sfumato.reproduction.claims import claims_on, claims_page
from sfumato.reproduction.contents import Content, Gain, gains, one_a_table, page_name, read_contents, signed
from sfumato.reproduction.metric_names import EVERY_CONTROL, PERCENT
from sfumato.reproduction.render import (
    control_table,
    grid,
    heading,
    legend,
    main_table,
    remarks,
    said_once,
    sets_table,
)
from sfumato.reproduction.table_file import read_table_file, table_names
from sfumato.reproduction.table_parts import TableFile

INDEX = ("<!-- index:begin -->", "<!-- index:end -->")
SUMMARY = ("<!-- tables:begin -->", "<!-- tables:end -->")
FIGURE = "figure.svg"
HARD = ("baseline", "baseline-sigmoid")  # methods that fit hard labels


def page(content: Content, *, drawn: bool = False, claims: str = "") -> str:
    """Return the page of a table; ``drawn``: its figure lies beside it; ``claims``: those that rest on it."""
    parts = [f"# {heading(content)}", _source(content), *remarks(content)]
    parts += [grid(*main_table(content, star="\\*", strong="**{}**"))]
    if any(row["control"] for row in content["rows"]):
        parts += ["Gain over each control:", grid(*control_table(content, star="\\*"))]
    if content.get("over_sets"):
        parts += ["Over the data sets, those of a family as one:", sets_table(content)]
    parts += [legend(content), *([f"![{content['title']}]({page_name(content)}.svg)"] if drawn else [])]
    if content.get("cases"):
        parts += ["## Cases", cases_text(content, grid)]
    parts += ["## What agrees, what does not", agreement(content)]
    parts += [CLAIMS, claims] if claims else []
    if why := _explanation(content):
        parts += ["## Why", why]
    parts += _remarks("Failed", [f"{item['run']}: {item['error']}" for item in content["failed"]])
    parts += _remarks("Notes", said_once(content["notes"]))
    return "\n\n".join(parts) + "\n"


def _source(content: Content) -> str:
    whose = "Ours" if content["paper"] == "sfumato" else f"Paper: {content['paper']}, {content['place']}"
    runs = f"{content['done']} of {content['needed']} runs are done"
    if content["runs_of"] != content["name"]:
        runs += f", which are those of {content['runs_of']}"
    return f"{whose}. `sfumato reproduce {content['name']} --scale {content['scale']}`: {runs}."


def _remarks(title: str, said: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(f"* {one}" for one in said)] if said else []


def _own_file(content: Content) -> TableFile | None:
    return read_table_file(content["name"]) if content["name"] in table_names() else None


def _explanation(content: Content) -> str:
    """Return the explanation in the table's file, which may be newer than the results."""
    table = _own_file(content)
    return str(content["explanation"] if table is None else table.explanation)


def index(contents: Sequence[Content]) -> str:
    """Return a line a page: table, paper, place, scale, runs."""
    body = [
        [
            f"[{content['name']}]({page_name(content)}.md)",
            content["paper"],
            content["place"],
            content["scale"],
            f"{content['done']} of {content['needed']}",
        ]
        for content in contents
    ]
    return grid(["table", "paper", "place", "scale", "runs"], body) if body else "No table has results yet."


def summary(contents: Iterable[Content]) -> str:
    """Return the README's table: what each method gains over hard labels, and over its controls, in all tables."""
    tables = one_a_table(contents)
    over, beyond = _collected(tables.values())
    if not over:
        return "No table has results yet."
    own = [name for name in table_names() if read_table_file(name).runs_of == name]  # not another view of their runs
    done = sum(name in tables for name in own)
    run = f"**{done} of {len(own)} tables are run so far**, beside further views of their runs."
    heads = ["method", "sets with a clear gain", "and over its controls", "clear loss", "over hard labels"]
    names = [name for name in EVERY_CONTROL if name in CONTROLS or any(beyond.get((one, name)) for one in over)]
    heads += [f"over `{name}`" for name in names]
    body = []
    for method, found in sorted(over.items()):
        sets = {gain.data for gain in found}
        better, worse = ({g.data for g in found if getattr(g, side)} for side in ("better", "worse"))
        controls = {name: beyond.get((method, name), []) for name in names}
        row = [f"`{method}`", f"{len(better)} of {len(sets)}", _also_over_controls(found, controls.values())]
        row += [f"{len(worse)} of {len(sets)}", _over_sets(found)]
        body.append([*row, *map(_over_sets, controls.values())])
    return "\n\n".join([f"{run} {READING}", grid(heads, body), _said(beyond), MORE])


def _also_over_controls(found: Sequence[Gain], controls: Iterable[Sequence[Gain]]) -> str:
    """Write on how many of the sets with a control a cell is clearly better than hard labels and than each control."""

    def cell(gain: Gain) -> tuple[str, ...]:
        return gain.table, gain.place, gain.model, gain.method

    over: dict[tuple[str, ...], list[bool]] = {}
    for one in controls:
        for gain in one:
            over.setdefault(cell(gain), []).append(gain.better)
    beside = [gain for gain in found if cell(gain) in over]
    clear = {gain.data for gain in beside if gain.better and all(over[cell(gain)])}
    return f"{len(clear)} of {len({gain.data for gain in beside})}" if beside else "–"


def _over_sets(found: Sequence[Gain]) -> str:
    """Write the mean over sets of the mean gain of each, and the counts over cells."""
    if not found:
        return "–"
    by_set: dict[str, list[float]] = {}
    for gain in found:
        by_set.setdefault(gain.data, []).append(gain.value)
    counts = tally(found).partition(" ")[2]
    return f"{signed(mean([mean(values) for values in by_set.values()]))} {counts}"


def _collected(
    contents: Iterable[Content],
) -> tuple[dict[str, list[Gain]], dict[tuple[str, str], list[Gain]]]:
    """Return method to gains over hard labels, and method and control to gains over it.

    Methods go by their names in sfumato, with all settings of the tables together. Left out: rows that are chosen from
    others or join half-way, other views of the same runs, tables about a loss, which is not in points, and tables of
    the user's own.
    """
    over: dict[str, list[Gain]] = {}
    beyond: dict[tuple[str, str], list[Gain]] = {}
    for content in contents:
        table = _own_file(content)
        if table is None or table.runs_of != table.name or content["metric"] not in PERCENT:
            continue
        for title, choice in table.methods.items():
            if choice.best_of or choice.join_share or choice.beside or choice.name in HARD:
                continue
            if table.methods[table.baseline].name in HARD:
                over.setdefault(choice.name, []).extend(_by_set(table, gains(content, title, table.baseline)))
            for control in EVERY_CONTROL:
                beyond.setdefault((choice.name, control), []).extend(_by_set(table, gains(content, title, control)))
    return {method: found for method, found in over.items() if found}, beyond


def _by_set(table: TableFile, found: Sequence[Gain]) -> list[Gain]:
    """Name the sets as the catalogue does, so that two tables mean the same one."""
    from dataclasses import replace

    return [replace(gain, data=table.data[gain.data].name) for gain in found]


def _said(beyond: Mapping[tuple[str, str], Sequence[Gain]]) -> str:
    """Say in one sentence what the controls say."""
    found = [gain for gains_ in beyond.values() for gain in gains_]
    if not found:
        return "No controls are run yet."
    better, worse = sum(gain.better for gain in found), sum(gain.worse for gain in found)
    average = signed(mean([gain.value for gain in found]))
    return (
        f"**What it says:** of {len(found)} comparisons of a method with one of its controls, {better} "
        f"{'is' if better == 1 else 'are'} clearly better and {worse} clearly worse; the mean is {average} points."
    )


def between(text: str, marks: tuple[str, str], inside: str) -> str:
    """Return a text with what stands between two marks replaced.

    Raises
    ------
    InputError
        where the marks are not there.
    """
    begin, end = marks
    if begin not in text or end not in text:
        raise InputError(f"there is no {begin} ... {end} to write between")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{inside}\n{end}{rest.partition(end)[2]}"


def documents(results: Path, root: Path) -> dict[Path, str]:
    """Return path to text of every generated document below ``root``: pages, index, claims, README."""
    contents = read_contents(results)
    folder = root / "docs" / "tables"
    found = {folder / f"{page_name(content)}.md": _one_page(results, content, contents) for content in contents}
    found[root / "docs" / "claims.md"] = claims_page(contents)
    for path, marks, inside in (
        (folder / "README.md", INDEX, index(contents)),
        (root / "README.md", SUMMARY, summary(contents)),
    ):
        found[path] = between(path.read_text(encoding="utf-8"), marks, inside)
    return found


def _one_page(results: Path, content: Content, contents: Sequence[Content]) -> str:
    chosen = one_a_table(contents)[content["name"]] is content  # a verdict is about one scale
    claims = claims_on(content["name"], contents) if chosen else ""
    return page(content, drawn=_figure(results, content).exists(), claims=claims)


def write_pages(results: Path, root: Path) -> list[Path]:
    """Write every generated document, and copy the figures beside their pages; return what was written."""
    written = documents(results, root)
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    for content in read_contents(results):
        drawn = _figure(results, content)
        if drawn.exists():
            copy = root / "docs" / "tables" / f"{page_name(content)}.svg"
            shutil.copyfile(drawn, copy)
            written[copy] = ""
    return list(written)


def _figure(results: Path, content: Content) -> Path:
    return results / page_name(content) / FIGURE


READING = """\
Over these [tables](docs/tables/README.md): the mean gain in points (accuracy, F1 or recall), over sets, and
in how many cells (set, setting, model) it is better or worse by more than chance (p below its table's level, .05 or .1,
after Holm over the table). The settings of a method in all tables are taken together. Most runs are smaller than the
papers': see each page. "And over its controls": a cell of the set is clearly better than hard labels, and clearly
better than every control run there, of the sets that have one."""
CLAIMS = "Claims that rest on this table, with our verdict ([how they are judged](../claims.md)):"
MORE = "Claim by claim: [docs/claims.md](docs/claims.md)."
