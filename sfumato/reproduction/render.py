"""A table's content as Markdown, LaTeX and CSV; every figure comes from the content, none is made here."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sfumato.controls import CONTROLS
from sfumato.copy_controls import COPY_CONTROLS
from sfumato.mask_controls import MASK_CONTROLS
from sfumato.reproduction.cases import cases_text
from sfumato.reproduction.metric_names import OF_GROUPS, PERCENT, larger_is_better, said_metric

Content = Mapping[str, Any]
Row = Mapping[str, Any]
HOW = {
    "bootstrap": "a two-level bootstrap over repeats and test rows",
    "corrected-t": "Student's t with the variance corrected for shared training rows (Nadeau and Bengio, 2003)",
    "paired-t": "Student's paired t over repeats",
}


def markdown(content: Content) -> str:
    """Return heading, table, controls and legend."""
    parts = [f"## {heading(content)}", *remarks(content), grid(*main_table(content, star="\\*", strong="**{}**"))]
    if any(row["control"] for row in content["rows"]):
        parts.append(grid(*control_table(content, star="\\*")))
    if content.get("over_sets"):
        parts.append("Over the data sets, independent ones only:\n\n" + sets_table(content))
    parts.append(legend(content))
    if content.get("cases"):
        parts.append(cases_text(content, grid))
    parts += [f"Failed: {item['run']}: {item['error']}" for item in content["failed"]]
    parts += [f"Note: {note}" for note in said_once(content["notes"])]
    return "\n\n".join(parts) + "\n"


def said_once(notes: Sequence[str]) -> list[str]:
    """Return the notes; of those that differ by their numbers alone the first, and how many more there are."""
    alike: dict[str, list[str]] = {}
    for note in notes:
        alike.setdefault(re.sub(r"\d[\d,.]*", "0", note), []).append(note)
    others = [f" ({len(same) - 1} more, with other numbers)" if len(same) > 1 else "" for same in alike.values()]
    return [same[0] + more for same, more in zip(alike.values(), others, strict=True)]


def heading(content: Content) -> str:
    """Return the title with the scale, which is said wherever it is smaller than the paper's."""
    sizes = content["sizes"]
    if content["scale"] == "full":
        return f"{content['title']}"
    limits = [(sizes["rows"], "to train on"), (sizes["test_rows"], "to test")]
    said = ", ".join(f"{number:,} {what}" for number, what in limits if number is not None)
    rows = f"at most {said.replace(' ', ' rows ', 1)}" if said else "cut"
    return f"{content['title']} (scale {content['scale']}, smaller than the paper's: {rows})"


def remarks(content: Content) -> list[str]:
    """Say what is cut, what is partial, and how far the runs are."""
    said = []
    if content["scale"] == "smoke":
        said.append("**A smoke test: it shows that the parts work; its numbers mean nothing, and nothing is kept.**")
    elif content["scale_note"]:
        said.append(content["scale_note"])
    if content["cut"]:
        names = {"data": "data sets", "settings": "settings", "models": "models", "methods": "methods"}
        said.append(
            "Cut: " + "; ".join(f"{names[key]}: {', '.join(titles)}" for key, titles in content["cut"].items()) + "."
        )
    cut = content["cut"].get("data", ())
    said += [f"{title}: {note}" for title, note in content["data_notes"].items() if title not in cut]
    if content["done"] < content["needed"]:
        said.append(f"**{content['done']} of {content['needed']} runs are done.**")
    if content["lacking"]:
        number = len(content["lacking"]) + len(content["differences"])
        said.append(f"{len(content['lacking'])} of {number} differences have no interval: their predictions are gone.")
    return said


def main_table(content: Content, *, star: str, strong: str) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows: ours, published, the distance, and the difference from the baseline."""
    own = content["own_test"] is not None
    leaked = any(row["n_leaked"] for row in content["rows"])
    last = any(row["last"] is not None for row in content["rows"])
    chosen = any(row["settings"] > 1 for row in content["rows"])
    grouped = content["metric"] != OF_GROUPS and any(row.get("in_group") is not None for row in content["rows"])
    heads = ["data", "model", "method", "ours", "n", "published", "ours − published"]
    heads += [f"against {content['baseline']}", "95 % interval", "p (Holm)", *(["p, the paper's test"] if own else [])]
    heads += [
        *(["without leaked rows"] if leaked else []),
        *(["last epoch"] if last else []),
        *(["settings"] if chosen else []),
        *(["errors in group (by chance)"] if grouped else []),
    ]
    best = best_means(content)
    body = []
    for row in content["rows"]:
        if row["control"]:
            continue
        found = difference(content, row, content["baseline"])
        line = [row["place"], row["model"], row["method"], _bold(content, row, found, best, strong), str(row["n"])]
        line += [published(row), signed(content, row["minus_published"], shown=True)]
        line += [_gain(content, found, star), _interval(content, found), _p(found, "p_holm")]
        line += [_p(found, "own_p")] if own else []
        line += [figure(content, row["without_leaked"], None)] if leaked else []
        line += [figure(content, row["last"], None)] if last else []
        line += [str(row["settings"])] if chosen else []
        line += [_in_group(row)] if grouped else []
        body.append(line)
    return heads, body


def _in_group(row: Row) -> str:
    """Write which part of the errors is inside the group of the right label, in percent, and what chance would give."""
    if row.get("in_group") is None:
        return "–"
    return f"{100 * row['in_group']:.1f} ({100 * row['by_chance']:.1f})"


def control_table(content: Content, *, star: str) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows: each method with controls, its gain over each of them."""
    names = controls_of(content)
    heads = ["data", "model", "method", "ours", *(f"against {name}" for name in names)]
    body = []
    for row in content["rows"]:
        found = [difference(content, row, name) for name in names]
        if row["control"] or not any(found):
            continue
        gains = [_gain(content, one, star) for one in found]
        body.append([row["place"], row["model"], row["method"], figure(content, row["mean"], row["sd"]), *gains])
    return heads, body


def controls_of(content: Content) -> tuple[str, ...]:
    """Return the controls of a table: the usual three, unless it has only others, then the others that it has."""
    have = {row["control"] for row in content["rows"]}
    others = tuple(name for name in (*MASK_CONTROLS, *COPY_CONTROLS) if name in have)
    return (*(CONTROLS if have & set(CONTROLS) or not others else ()), *others)


def sets_table(content: Content) -> str:
    """Return the tests over data sets as a Markdown table."""
    heads = ["method", "against", "test", "sets", "mean difference", "p", "p (Holm)"]
    body = []
    for one in content["over_sets"]:
        p_values = [_p(one, name) for name in ("p", "p_holm")]
        names = [one["method"], one["against"], "Wilcoxon"]
        body.append([*names, str(one["sets"]), signed(content, one["mean"]), *p_values])
    return grid(heads, body)


def difference(content: Content, row: Row, against: str) -> Mapping[str, Any] | None:
    """Return the comparison of a row with another, None if there is none."""
    place = tuple(row[name] for name in ("place", "model", "method"))
    for found in content["differences"]:
        if (found["place"], found["model"], found["method"]) == place and found["against"] == against:
            result: Mapping[str, Any] = found
            return result
    return None


def best_means(content: Content) -> dict[tuple[str, str], float]:
    """Return the best mean of each place and model."""
    best: dict[tuple[str, str], float] = {}
    choose: Callable[[float, float], float] = max if larger_is_better(content["metric"]) else min
    for row in content["rows"]:
        if row["mean"] is not None and not row["control"]:
            key = (row["place"], row["model"])
            best[key] = choose(best.get(key, row["mean"]), row["mean"])
    return best


def _bold(content: Content, row: Row, found: Any, best: Mapping[tuple[str, str], float], strong: str) -> str:
    """Write our mean, bold by the table's own rule."""
    text = figure(content, row["mean"], row["sd"])
    if content["bold"] == "best":
        bold = row["mean"] is not None and row["mean"] == best[row["place"], row["model"]]
    else:
        p = None if found is None else found["own_p"] if content["own_test"] else found["p_holm"]
        better = found is not None and (found["difference"] > 0) == larger_is_better(content["metric"])
        bold = p is not None and p < content["level"] and better and content["scale"] != "smoke"
    return strong.format(text) if bold else text


def figure(content: Content, mean: float | None, sd: float | None) -> str:
    """Write a mean with its deviation, shares in percent."""
    if mean is None:
        return "–"
    scale, digits = (100, 2) if content["metric"] in PERCENT else (1, 4)
    return f"{mean * scale:.{digits}f}" + ("" if sd is None else f" ± {sd * scale:.{digits}f}")


def published(row: Row) -> str:
    """Write the published value as the paper does."""
    if row["published"] is None:
        return "–"
    return f"{row['published']:g}" + ("" if row["published_sd"] is None else f" ± {row['published_sd']:g}")


def signed(content: Content, value: float | None, *, shown: bool = False) -> str:
    """Write a difference with its sign; ``shown``: it is in percent already."""
    if value is None:
        return "–"
    scale, digits = (100, 2) if content["metric"] in PERCENT else (1, 4)
    return f"{value * (1 if shown else scale):+.{digits}f}"


def _gain(content: Content, found: Mapping[str, Any] | None, star: str) -> str:
    if found is None:
        return "–"
    clear = found["p_holm"] < content["level"] and content["scale"] != "smoke"
    return signed(content, found["difference"]) + (star if clear else "")


def _interval(content: Content, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "–"
    return f"[{signed(content, found['low'])}, {signed(content, found['high'])}]"


def _p(found: Mapping[str, Any] | None, name: str) -> str:
    value = None if found is None else found[name]
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def grid(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first three columns are words."""
    rule = ["---"] * 3 + ["---:"] * (len(heads) - 3)
    lines = [heads, rule, *([cell.replace("|", "\\|") for cell in line] for line in body)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def legend(content: Content) -> str:
    """Say what the figures are."""
    repeats = content["repeats"]
    kinds = {
        "seeds": "seeds on the published split",
        "folds": "folds of the training rows into train and dev; the test rows are the same",
        "splits": "random splits of all rows",
    }
    unit = "percent" if content["metric"] in PERCENT else "as it is"
    metric = said_metric(content["metric"])
    said = f"Ours: mean ± standard deviation of test {metric} ({unit}) over n {kinds[repeats['kind']]}. "
    if content["differences"]:
        how = " or ".join(HOW[name] for name in dict.fromkeys(one["how"] for one in content["differences"]))
        said += f"Interval and p: {how}; Holm over the {len(content['differences'])} comparisons of this table; "
        said += f"\\* p < {content['level']:g}. "
    if repeats["kind"] == "folds":
        said += "Folds share training rows, so their spread is somewhat too small for a new sample of rows. "
    if content["own_test"]:
        said += f"The paper's test, as we read it: {content['own_test']} at {content['level']:g}, not corrected. "
    if content["bold"] == "best":
        return said + "Bold: the best mean of its data and model."
    if not content["differences"]:
        return said.rstrip()
    return said + ("Bold: better by the paper's test." if content["own_test"] else "Bold: better after Holm.")


def csv_text(content: Content) -> str:
    """Return every row, controls too, with what it is compared with, as CSV."""
    others = [content["baseline"], *controls_of(content)]
    names = ["data", "setting", "model", "method", "control", "n", "failed", "settings", "mean", "sd"]
    names += [
        "published",
        "published_sd",
        "minus_published",
        "without_leaked",
        "last",
        "n_train",
        "n_dev",
        "n_test",
        "n_leaked",
    ]
    kept = ("difference", "low", "high", "p", "p_holm", "own_p", "t_p", "mcnemar_p", "effect")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*names, *(f"{part} against {other}" for other in others for part in kept)])
    for row in content["rows"]:
        found = [None if row["control"] else difference(content, row, other) for other in others]
        writer.writerow([*(row[name] for name in names), *((one or {}).get(part) for one in found for part in kept)])
    return out.getvalue()
