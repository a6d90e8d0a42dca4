"""Single texts of a table with a wrong label, such as one that is like the right one, and what each method answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError, nearest
from sfumato.groups import partition, same_group
from sfumato.reproduction.checking import known_keys, one_of, text, texts, whole
from sfumato.run_files import Answers, predictions_path, read_answers

MOST = 30
ERRORS = ("group", "each")
SHOWN = 90  # characters of a text
REPEAT = 0  # whose answers are shown

Texts = Mapping[str, Mapping[int, str]]
"""Place to the number of a row to its text."""


def check_cases(name: str, given: Any, titles: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    """Return ``cases`` of a table's file as it is given, or raise.

    ``model``: whose answers; ``methods``: those beside the baseline; ``most``: texts a place, 30 if left out;
    ``errors``: the baseline's inside the ``group`` of the right label, or all of ``each`` method.
    """
    known_keys(name, "cases", given, ("model", "methods", "most", "errors"))
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
    one_of(name, "errors of cases", given.get("errors", ERRORS[0]), ERRORS)
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
    earlier: dict[str, list[dict[str, Any]]] = {}
    for one in before:
        earlier.setdefault(one["place"], []).append(one)
    keys: dict[tuple[str, str], dict[str, str]] = {}
    for run, line in lines.items():
        if (run.model, run.control, run.repeat) == (asked["model"], "", REPEAT) and line["status"] == "done":
            keys.setdefault((run.data, run.place), {})[run.method] = line["key"]
    found = []
    for (data, place), by_method in keys.items():
        methods = [table.baseline, *asked["methods"]]
        if all(m in by_method and predictions_path(folder, by_method[m]).exists() for m in methods):
            answers = {method: read_answers(folder, by_method[method]) for method in methods}
            known = {row["row"]: row["text"] for one in earlier.get(place, ()) for row in one["rows"]}
            known.update(given.get(place, {}))
            where, most = {"place": place, "model": asked["model"]}, int(asked.get("most", MOST))
            if asked.get("errors") == "each":
                found += [{**where, **_of_method(answers, one, known, most)} for one in answers]
            else:
                found.append({**where, **_of_place(answers, table.data[data].groups, known, most)})
        else:
            found += earlier.get(place, [])
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
    return {**_listed(answers, errors, texts_of, np.flatnonzero(errors)[:most]), "counts": counts}


def _of_method(answers: Mapping[str, Answers], method: str, texts_of: Mapping[int, str], most: int) -> dict[str, Any]:
    """List errors of one method, evenly over the rows, as these may be sorted; with what each method answers there."""
    wrong = (answers[method].gold != answers[method].predicted).any(axis=1)
    every = np.flatnonzero(wrong)
    shown = every[np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(np.int64)]
    return {"method": method, **_listed(answers, wrong, texts_of, shown)}


def _listed(
    answers: Mapping[str, Answers], errors: NDArray[np.bool_], texts_of: Mapping[int, str], shown: NDArray[np.int64]
) -> dict[str, Any]:
    """Count the rows that are marked, and give those to be shown; gold labels are the same in all answers."""
    basis = next(iter(answers.values()))
    rows = [
        {
            "row": int(basis.rows[row]),
            "text": _shortened(texts_of.get(int(basis.rows[row]), "")),
            "gold": _names(basis.classes, basis.gold[row]),
            "answers": {name: _names(one.classes, one.predicted[row]) for name, one in answers.items()},
        }
        for row in shown.tolist()
    ]
    return {"errors": int(errors.sum()), "test_rows": len(errors), "rows": rows}


def _names(classes: Sequence[str], row: NDArray[np.bool_]) -> list[str]:
    return [classes[k] for k in np.flatnonzero(row).tolist()]


def _shortened(given: str) -> str:
    flat = " ".join(given.split())
    return flat if len(flat) <= SHOWN else f"{flat[:SHOWN].rsplit(' ', 1)[0]} ..."


def cases_text(content: Mapping[str, Any], grid: Any) -> str:
    """Return the cases of a table as Markdown; right labels are bold. ``grid`` writes a table."""
    parts = []
    for one in content.get("cases", ()):
        methods = [content["baseline"], *one["counts"]] if "counts" in one else list(_answering(one))
        parts.append(_introduced(content, one))
        body = [
            [str(row["row"]), row["text"] or "–", ", ".join(row["gold"]), *(_marked(row, name) for name in methods)]
            for row in one["rows"]
        ]
        if body:
            parts.append(grid(["row", "text", "gold", *methods], body))
        if one["errors"] > len(one["rows"]):
            few = len(one["rows"])
            parts.append(
                f"These are the first {few}." if "counts" in one else f"These are {few}, evenly spread over them."
            )
    return "\n\n".join(parts)


def _answering(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answers of the first case, by method: its own first; none where there is no case."""
    answers: Mapping[str, Any] = one["rows"][0]["answers"] if one["rows"] else {}
    return {one["method"]: answers.get(one["method"]), **answers}


def _introduced(content: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """Say in how many rows there is what the cases are examples of."""
    start = f"**{one['place']}, {one['model']}**, first repeat: in {one['errors']} of {one['test_rows']} test rows "
    if "counts" not in one:
        return f"{start}the label of “{one['method']}” is wrong."
    said = "; ".join(
        f"{name} mends {n['mended']} of them and makes {n['made']} where {content['baseline']} is right"
        for name, n in one["counts"].items()
    )
    return f"{start}{content['baseline']} gives a wrong label from the group of a right one; {said}."


def _marked(row: Mapping[str, Any], method: str) -> str:
    given = row["answers"][method]
    return ", ".join(f"**{label}**" if label in row["gold"] else label for label in given) or "none"
