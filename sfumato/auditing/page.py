"""An audit as one HTML page: no script, no other file, nothing loaded; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.methods.noise.noise_picture import noise_svg
from sfumato.picture import heat_map, most_confused, shown

if TYPE_CHECKING:
    from sfumato.auditing.audit import Audit

MOST_CLASSES = 30  # in the picture: more would not be readable
MOST_PAIRS = 30
MOST_ROWS = 300
LONGEST = 600  # characters of a text

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif; color: #22262b;
       background: #fcfcfa; max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p { max-width: 46rem; } .faint, caption { color: #6b7178; } caption { text-align: left; padding-bottom: .4rem; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #22262b; padding: .3rem .5rem; }
td { border-bottom: 1px solid #e2e4e0; padding: .35rem .5rem; vertical-align: top; overflow-wrap: break-word; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.label { font-weight: 600; max-width: 11rem; } .words { overflow-wrap: anywhere; min-width: 9rem; }
.text { overflow-wrap: anywhere; white-space: pre-line; min-width: 14rem; }
@media print { body { margin: 0; max-width: none; } tr { break-inside: avoid; } }
"""


def page(audit: Audit, *, title: str) -> str:
    """Return the page: what was found, the picture, the pairs, and the most doubtful rows."""
    parts = [
        f"<h1>{shown(title)}</h1>",
        f"<p class='faint'>{shown(summary(audit))}</p>",
        "<h2>Which labels are confused</h2>",
        picture(audit),
        pairs_table(audit),
        *wrong_labels(audit),
        "<h2>Which rows are probably labelled wrong</h2>",
        rows_table(audit),
    ]
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{shown(title)}</title>"
    body = "\n".join(parts)
    return (
        f"<!doctype html>\n<html lang='en'><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def summary(audit: Audit) -> str:
    """Return the first lines of the report as one sentence each."""
    rows, likelier = len(audit.rows), int((audit.rows["score"] > 0.5).sum())
    if audit.unjudged == rows:
        return f"{rows:,} rows, {len(audit.classes)} labels. No row could be judged."
    if audit.settings.get("multilabel"):
        return (
            f"{rows:,} rows, {len(audit.classes)} labels, none or several a row. Each row was judged by evidence that "
            f"leaves it out: its likely labels are the given ones in {100 * audit.settings['agreement']:.1f} % of the "
            f"rows (micro-F1 {audit.settings['micro_f1']:.3f}). A label is doubted in {likelier:,} rows; "
            f"{len(audit.flagged):,} of them are sure enough to be flagged."
        )
    doubt = (
        f"Another one is likelier in {likelier:,} rows; {len(audit.flagged):,} of them are sure enough to be flagged."
    )
    if audit.settings["wrong_labels"]["used"]:
        doubt = (
            f"With how labels go wrong here, the given one is more probably wrong than right in {likelier:,} rows; "
            f"another is likelier in {len(audit.flagged):,}, which are flagged."
        )
    said = (
        f"{rows:,} rows, {len(audit.classes)} labels. Each row was judged by evidence that leaves it out: the label "
        f"that it was given is the likeliest in {100 * audit.settings['agreement']:.1f} % of the rows. {doubt}"
    )
    return said + (f" {audit.unjudged:,} rows could not be judged." if audit.unjudged else "")


def picture(audit: Audit) -> str:
    """Draw the confusion of the labels, of those that are confused most where there are many."""
    kept = most_confused(audit.confusion, MOST_CLASSES)
    names = [audit.classes[k] for k in kept]
    several = audit.settings.get("multilabel")
    found = "is likely" if several else "is the likeliest"
    note = f"share of the rows given each label (down) for which each label {found} (across)"
    if len(kept) < len(audit.classes):
        note += f"; the {len(kept)} of {len(audit.classes)} labels that are confused most"
    return heat_map(
        [("", audit.confusion[np.ix_(kept, kept)])],
        names,
        title="Given and likely labels" if several else "Given and likeliest label",
        note=note,
    )


def table(caption: str, header: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table; the header is the name and the kind (a CSS class) of each column."""
    head = "".join(f"<th class='{kind}'>{shown(name)}</th>" for name, kind in header)
    lines = [
        "".join(
            f"<td class='{kind}' dir='auto'>{shown(cell)}</td>" for cell, (_, kind) in zip(row, header, strict=True)
        )
        for row in rows
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><caption>{shown(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def wrong_labels(audit: Audit) -> list[str]:
    """Say what was found of wrong labels, and draw their matrix if rows are judged by it."""
    found = audit.wrong_labels
    if found is None:
        return []
    told = "".join(f"<li>{shown(sentence)}</li>" for sentence in audit.of_wrong_labels)
    drawn = [noise_svg(found.model.T, audit.classes)] if audit.settings["wrong_labels"]["used"] else []
    return ["<h2>How labels go wrong</h2>", *drawn, f"<ul>{told}</ul>"]


def pairs_table(audit: Audit) -> str:
    """Write the pairs, the most rows first."""
    if not len(audit.pairs):
        return "<p>No label is likelier than the given one in any row.</p>"
    first = audit.pairs.head(MOST_PAIRS)
    caption = (
        f"{len(first):,} of {len(audit.pairs):,} pairs. rows: given the first label, likelier the second; back: the "
        "reverse. error: how badly the two are told apart, 0.5 is guessing. merge: the texts hardly tell them apart. "
        "redefine: write down what separates them. mask: told apart; hide the other label in the loss."
    )
    if audit.settings.get("multilabel"):
        caption += " rows: given the first label, the second is missing but likely. add: they mostly stand together."
    header = [("label", "label"), ("other", "label"), *[(name, "number") for name in ("rows", "back", "error")]]
    header += [("advice", ""), ("words for the other", "words"), ("words for the label", "words")]
    columns = ("label", "other", "rows", "back_rows", "error", "advice", "words", "back_words")
    rows = [[written(cell) for cell in row] for row in first[columns].rows()]
    return table(caption, header, rows)


def rows_table(audit: Audit) -> str:
    """Write the rows for which another label is likelier, the most doubtful first."""
    doubtful = audit.rows.filter(audit.rows["score"] > 0.5)
    if not len(doubtful):
        return "<p>None: no other label is likelier in any row that could be judged.</p>"
    first = doubtful.head(MOST_ROWS)
    several = audit.settings.get("multilabel")
    meant = "how probably a label is wrong, or missing" if several else "how probably the given label is wrong"
    if not several and not audit.settings["wrong_labels"]["used"]:
        meant = "the share of the suggested label against the given one"
    caption = (
        f"The {len(first):,} most doubtful of {len(doubtful):,} rows; rows.csv has all. score: {meant}. ●: flagged."
    )
    header = [("row", "number"), ("score", "number"), ("", ""), ("given", "label"), ("suggested", "label")]
    rows = []
    for row in first.iter_rows(named=True):
        mark = "●" if row["flagged"] else ""
        labels = (names(row["given"]), names(row["suggested"]))
        rows.append((row["row"], score(row["score"]), mark, *labels, cut(row["text"]), row["reason"]))
    return table(caption, [*header, ("text", "text"), ("why", "words")], rows)


def written(cell: Any) -> Any:
    """Return a number with two digits, nothing for one that there is not, and text as it is."""
    return "" if cell is None else f"{cell:.2f}" if isinstance(cell, float) else cell


def names(labels: str | Sequence[str]) -> str:
    """Return a label, or those of a row of several."""
    return labels if isinstance(labels, str) else ", ".join(labels)


def score(value: float) -> str:
    """Return a score with three digits; what is not quite 1 does not round to 1."""
    return f"{min(value, 0.999):.3f}"


def cut(text: str) -> str:
    """Return a text without outer blanks, cut where it is very long."""
    text = text.strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
