"""What `sfumato demo` says: the table, what it means and what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfumato.corpus import Corpus


def introduction(corpus: Corpus, test: int, path: Path) -> str:
    """Say what is about to happen."""
    return (
        f"{len(corpus)} support tickets of {len(corpus.classes)} departments to learn from, {test} to test on,\n"
        f"written by the package itself ({path}). The first one, labelled "
        f"{corpus.labels[0]!r}:\n\n  {corpus.texts[0]}\n"
    )


def table_text(rows: Sequence[Mapping[str, Any]], bayes: Mapping[str, float]) -> str:
    """Write the table, and under it what the generator itself could reach."""
    known = [number(bayes[name]) for name in ("log_loss", "soft_labels", "predictions")]
    ends = ("(Bayes)", "the generator", percent(bayes["accuracy"], None), *known, "")
    return result_table(rows, ends, metric="accuracy", said="accuracy")


def result_table(rows: Sequence[Mapping[str, Any]], ends: Sequence[str], *, metric: str, said: str) -> str:
    """Write a line a row of `sfumato.demo.result_rows`, and ``ends`` below them; the metric is called ``said``."""
    heads = ("model", "method", said, "log-loss", "soft labels to π", "predictions to π", "against baseline")
    body = [
        (
            row["model"],
            row["title"],
            percent(row[f"{metric}_mean"], row[f"{metric}_sd"]),
            number(row["log_loss_mean"]),
            number(row["soft_labels"]),
            number(row["predictions"]),
            row["against_baseline"],
        )
        for row in rows
    ]
    return text_table([heads, *body, ends])


def text_table(table: Sequence[Sequence[str]]) -> str:
    """Write lines of equally many cells below each other, with a rule below the first."""
    heads = table[0]
    widths = [max(len(line[k]) for line in table) for k in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def percent(mean: float | None, deviation: float | None) -> str:
    """Write a share in percent with its deviation over seeds."""
    if mean is None:
        return "failed"
    return f"{100 * mean:.1f} %" if deviation is None else f"{100 * mean:.1f} ± {100 * deviation:.1f} %"


def number(value: float | None) -> str:
    """Write a number with three digits."""
    return "–" if value is None else f"{value:.3f}"


def reading(train: int, test: int) -> str:
    """Say what the columns mean and how little such a corpus proves."""
    return (
        "Distances are root mean squared distances between rows and the true distribution π: of the soft labels on\n"
        f"the {train} training tickets (LCM's are learned with linear), of predictions on the {test} test tickets.\n"
        "No method that sees the text and its given label can be closer on average than the Bayes row in the first\n"
        "column, none that sees the text alone in the second. Accuracy is limited, too: the labels are drawn from π.\n"
        "The textcnn is a small one, to be quick; log-loss and predictions are those after calibration on dev.\n"
        "Tickets made of stock phrases suit methods that count keywords. They show that the parts work, not which\n"
        "method is good: for that see the table on real texts in the README and in results/."
    )


def ending(predictions: Sequence[Mapping[str, Any]], folder: Path, saved: str, seconds: float) -> str:
    """Show the predictions, the files and the next command."""
    lines = [f"{saved}, saved and loaded again, reads {len(predictions)} new tickets:"]
    for found in predictions:
        true = ", ".join(f"{name} {share:.2f}" for name, share in found["true"].items())
        lines += ["", f"  {found['text']}", f"  -> {found['predicted']} ({found['confidence']:.2f}); true π: {true}"]
    lines += [
        "",
        f"{seconds:.0f} seconds. In {folder}: demo.txt (this), tickets.csv, demo.svg (the soft labels), model/, runs/.",
        f"Next: sfumato fit {folder / 'tickets.csv'} --text text --label label --method lcm -o my-model",
    ]
    return "\n".join(lines)
