"""Single texts of a table: what each method answers where the baseline's wrong answer is like the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError, nearest
from sfumato.groups import partition, same_group
from sfumato.reproduction.checking import known_keys, text, texts, whole
from sfumato.run_files import Answers, predictions_path, read_answers

MOST = 30
SHOWN = 90  # characters of a text
REPEAT = 0  # whose answers are shown

Texts = Mapping[str, Mapping[int, str]]
"""Place to the number of a row to its text."""


def check_cases(name: str, given: Any, titles: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    """Return ``cases`` of a table's file as it is given, or raise.

    ``model``: whose answers; ``methods``: those beside the baseline; ``most``: texts a place, 30 if left out.
    """
    known_keys(name, "cases", given, ("model", "methods", "most"))
    if not given:
        return {}
    named = [("models", text(name, "model of cases", given.get("model")))]
    named += [("methods", title) for title in texts(name, "methods of cases", given.get("methods"))]
    for key, title in named:
        if title not in titles[key]:
            raise InputError(
                f"table {name}: cases names {title!r}, which is not in [{key}]{nearest(title, titles[key])}"
            )
    whole(name, "most of cases", given.get("most", MOST), 1)
    return dict(given)


def table_cases(
    plan: Any, lines: Mapping[Any, Mapping[str, Any]], folder: Path, given: Texts, before: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """Return the cases of each place: those of now where all answers are there, else those of before.

    Parameters
    ----------
    plan, lines : a `TablePlan`, and the lines of its runs
    given : the texts, where the data were read
    before : what this returned earlier, which has the texts where no data are read, and all where answers are gone
    """
    asked, table = plan.table.cases, plan.table
    if not asked:
        return []
    earlier = {one["place"]: one for one in before}
    keys: dict[tuple[str, str], dict[str, str]] = {}
    for run, line in lines.items():
        if (run.model, run.control, run.repeat) == (asked["model"], "", REPEAT) and line["status"] == "done":
            keys.setdefault((run.data, run.place), {})[run.method] = line["key"]
    found = []
    for (data, place), by_method in keys.items():
        methods = [table.baseline, *asked["methods"]]
        if all(m in by_method and predictions_path(folder, by_method[m]).exists() for m in methods):
            answers = {method: read_answers(folder, by_method[method]) for method in methods}
            known = {one["row"]: one["text"] for one in earlier.get(place, {}).get("rows", ())}
            known.update(given.get(place, {}))
            said = _of_place(answers, table.data[data].groups, known, int(asked.get("most", MOST)))
            found.append({"place": place, "model": asked["model"], **said})
        elif place in earlier:
            found.append(earlier[place])
    return found


def in_group_errors(answers: Answers, groups: Any) -> NDArray[np.bool_]:
    """Return the rows with a wrong label that shares a group with a right one, (N,)."""
    same = same_group(partition("groups", groups, answers.classes))
    near = (answers.gold.astype(np.float32) @ same.astype(np.float32)) > 0
    return np.asarray((near & answers.predicted & ~answers.gold).any(axis=1), dtype=bool)


def _of_place(answers: Mapping[str, Answers], groups: Any, texts_of: Mapping[int, str], most: int) -> dict[str, Any]:
    """Count what each method makes of the baseline's errors inside groups, and list the first of them."""
    first, *others = answers
    basis = answers[first]
    errors = in_group_errors(basis, groups)
    right = {name: (one.gold == one.predicted).all(axis=1) for name, one in answers.items()}
    counts = {
        name: {
            "mended": int((errors & right[name]).sum()),
            "made": int((in_group_errors(answers[name], groups) & right[first]).sum()),
        }
        for name in others
    }
    rows = [
        {
            "row": int(basis.rows[row]),
            "text": _shortened(texts_of.get(int(basis.rows[row]), "")),
            "gold": _names(basis.classes, basis.gold[row]),
            "answers": {name: _names(one.classes, one.predicted[row]) for name, one in answers.items()},
        }
        for row in np.flatnonzero(errors)[:most]
    ]
    return {"errors": int(errors.sum()), "test_rows": len(errors), "counts": counts, "rows": rows}


def _names(classes: Sequence[str], row: NDArray[np.bool_]) -> list[str]:
    return [classes[k] for k in np.flatnonzero(row).tolist()]


def _shortened(given: str) -> str:
    flat = " ".join(given.split())
    return flat if len(flat) <= SHOWN else f"{flat[:SHOWN].rsplit(' ', 1)[0]} ..."


def cases_text(content: Mapping[str, Any], grid: Any) -> str:
    """Return the cases of a table as Markdown; right labels are bold. ``grid`` writes a table."""
    parts = []
    for one in content.get("cases", ()):
        methods = [content["baseline"], *one["counts"]]
        said = "; ".join(
            f"{name} mends {n['mended']} of them and makes {n['made']} where {content['baseline']} is right"
            for name, n in one["counts"].items()
        )
        parts.append(
            f"**{one['place']}, {one['model']}**, first repeat: in {one['errors']} of {one['test_rows']} test rows "
            f"{content['baseline']} gives a wrong label from the group of a right one; {said}."
        )
        body = [
            [str(row["row"]), row["text"] or "–", ", ".join(row["gold"]), *(_marked(row, name) for name in methods)]
            for row in one["rows"]
        ]
        if body:
            parts.append(grid(["row", "text", "gold", *methods], body))
        if one["errors"] > len(one["rows"]):
            parts.append(f"These are the first {len(one['rows'])}.")
    return "\n\n".join(parts)


def _marked(row: Mapping[str, Any], method: str) -> str:
    given = row["answers"][method]
    return ", ".join(f"**{label}**" if label in row["gold"] else label for label in given) or "none"
