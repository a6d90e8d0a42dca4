"""Contents of tables by hand, as ``table.json`` holds them, for the tests of pages and verdicts."""

from collections.abc import Iterable, Mapping
from typing import Any


def row(method: str, mean: float, *, control: str = "", **given: Any) -> dict[str, Any]:
    """Return a row of the AG News cell with model CNN, unless ``given`` says otherwise."""
    place = {"data": "AG News", "setting": "", "model": "CNN", **given}
    title = f"{place['data']}, {place['setting']}" if place["setting"] else place["data"]
    standard = {"place": title, "n": 4, "failed": 0, "settings": 1, "sd": 0.01, "published": None}
    standard |= {"published_sd": None, "minus_published": None, "without_leaked": None, "last": None}
    standard |= {"n_train": 100, "n_dev": 10, "n_test": 50, "n_leaked": None}
    return {**standard, "method": method, "mean": mean, "control": control, **place}


def gain(method: str, value: float, p: float, *, against: str = "hard", **given: Any) -> dict[str, Any]:
    """Return a comparison in shares, with an interval of ± .0196: a standard error of one point."""
    place = {"data": "AG News", "setting": "", "model": "CNN", **given}
    title = f"{place['data']}, {place['setting']}" if place["setting"] else place["data"]
    tested = {
        "low": value - 0.0196,
        "high": value + 0.0196,
        "p": p,
        "p_holm": p,
        "own_p": None,
        "effect": None,
        "how": "bootstrap",
        "error": {"se": 0.01, "seed_share": 0.0, "seed_degrees": 3, "row_degrees": 10**6},
    }
    names = {"method": method, "against": against, "place": title, "difference": value, "n": 4, "words": ""}
    return {**names, **tested, **place}


def content(
    rows: Iterable[Mapping[str, Any]], differences: Iterable[Mapping[str, Any]], **given: Any
) -> dict[str, Any]:
    """Return the content of a finished small table."""
    standard: dict[str, Any] = {
        "name": "table",
        "title": "A table",
        "paper": "kwls",
        "place": "Table 0",
        "metric": "accuracy",
        "baseline": "hard",
        "level": 0.05,
        "bold": "significant",
        "own_test": None,
        "explanation": "",
        "scale": "small",
        "scale_note": "",
        "sizes": {"rows": 100, "test_rows": 50},
        "repeats": {"kind": "folds", "number": 4},
        "figure": {},
        "settings": {},
        "data_notes": {},
        "cut": {},
        "needed": 8,
        "done": 8,
        "curves": [],
        "label_embeddings": [],
        "failed": [],
        "lacking": [],
        "notes": [],
    }
    standard["runs_of"] = given.get("name", standard["name"])
    return {**standard, "rows": list(rows), "differences": list(differences), **given}


def curve(method: str, repeat: int, **measures: list[float]) -> dict[str, Any]:
    """Return the looks at dev of a run, one value of each measure a look."""
    looks = [dict(zip(measures, values, strict=True)) for values in zip(*measures.values(), strict=True)]
    place = {"place": "AG News", "model": "CNN", "method": method, "control": "", "repeat": repeat}
    return {**place, "history": [{"epoch": float(k), **look} for k, look in enumerate(looks, 1)]}


def labels_of(method: str, **measures: list[list[float]]) -> dict[str, Any]:
    """Return single labels of a cell, (repeats, C) each: NUM:date, NUM:speed and, without test rows, HUM:ind."""
    place = {"data": "AG News", "setting": "", "place": "AG News", "model": "CNN", "method": method}
    known = {"label": ["NUM:date", "NUM:speed", "HUM:ind"], "support": [40, 4, 0]}
    return {**place, **known, "repeats": list(range(len(next(iter(measures.values()))))), **measures}
