"""What the test rows say of a finished run: its metrics, its answers, and which labels it mistakes for which.

N rows, C classes. Rows of one label are answered by the most probable class, rows of several by all labels above the
model's thresholds, which are compared with calibrated probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato import multilabel_metrics
from sfumato.calibration import sigmoid, softmax
from sfumato.data import Examples
from sfumato.groups import partition, same_group
from sfumato.metrics import jensen_shannon, row_cross_entropy, scores

METRICS = ("accuracy", "macro_f1", "log_loss", "brier", "ece")
OF_VOTES = ("vote_cross_entropy", "vote_jensen_shannon")  # at the temperature that dev chose
MULTILABEL_METRICS = (
    *("micro_f1", "macro_f1", "micro_precision", "micro_recall", "macro_precision", "macro_recall"),
    *("subset_accuracy", "lrap", "log_loss", "brier", "ece"),
)
CALIBRATED = ("log_loss", "brier", "ece")
DIGITS = 4

Array = NDArray[Any]


def main_metric(multilabel: bool) -> str:
    """Return what runs are compared by, and dev chooses by."""
    return "micro_f1" if multilabel else "accuracy"


def uncalibrated(test: Examples, logits: Array) -> Array:
    """Return the probabilities of logits (N, C) at temperature 1."""
    return sigmoid(logits) if test.multilabel else softmax(logits)


def answers(test: Examples, logits: Array, model: Any) -> NDArray[np.bool_]:
    """Return which labels a model gives each row, (N, C)."""
    if test.multilabel:
        found: NDArray[np.bool_] = model.answers(sigmoid(logits, float(model.temperature)))
        return found
    return np.asarray(logits.argmax(axis=1)[:, None] == np.arange(logits.shape[1]))


def raw_metrics(test: Examples, logits: Array, model: Any) -> dict[str, float]:
    """Return the metrics of logits (N, C) at temperature 1."""
    if not test.multilabel:
        found = scores(test.labels, softmax(logits))
        return {name: found[name] for name in METRICS}
    predicted = answers(test, logits, model)
    found = multilabel_metrics.multilabel_scores(test.gold, sigmoid(logits), predicted, test.unseen)
    return {name: found[name] for name in MULTILABEL_METRICS}


def metrics(test: Examples, logits: Array, model: Any) -> dict[str, float]:
    """Return the metrics at temperature 1, and the calibrated ones as ``*_calibrated``."""
    temperature = float(model.temperature)
    if test.multilabel:
        predicted = answers(test, logits, model)
        p = sigmoid(logits, temperature)
        calibrated = multilabel_metrics.multilabel_scores(test.gold, p, predicted, test.unseen)
    else:
        p = softmax(logits, temperature)
        calibrated = scores(test.labels, p)
        if test.votes is not None:
            return raw_metrics(test, logits, model) | _calibrated(calibrated) | of_votes(test.votes, p)
    return raw_metrics(test, logits, model) | _calibrated(calibrated)


def _calibrated(found: Mapping[str, float]) -> dict[str, float]:
    return {f"{name}_calibrated": found[name] for name in CALIBRATED}


def of_votes(votes: Array, p: Array) -> dict[str, float]:
    """Return how far predictions p (N, C) are from the shares of the votes, in nats, over the texts that have votes."""
    voted = votes.sum(axis=1) > 0
    shares = votes[voted] / votes[voted].sum(axis=1, keepdims=True)
    found = (row_cross_entropy(shares, p[voted]), jensen_shannon(shares, p[voted]))
    return {name: float(rows.mean()) for name, rows in zip(OF_VOTES, found, strict=True)}


def said_thresholds(thresholds: Array | None) -> float | list[float] | None:
    """Return thresholds (C,) as a line holds them: one number where all classes have the same."""
    if thresholds is None:
        return None
    values = np.asarray(thresholds, dtype=np.float64)
    return float(values[0]) if (values == values[0]).all() else [float(value) for value in values]


def of_dev(raw: Mapping[str, float], *, multilabel: bool) -> dict[str, Any]:
    """Return what dev chose by, before calibration; nothing where there were no dev rows."""
    return {"dev": {name: raw[name] for name in (main_metric(multilabel), "log_loss")}} if raw else {}


def unusual_rows(test: Examples) -> dict[str, int]:
    """Count the rows with a label that training never saw, and those without a label where there may be some."""
    if not test.multilabel:
        return {"n_unseen": int((test.labels < 0).sum())}
    unseen = np.zeros(len(test)) if test.unseen is None else test.unseen
    none = ~test.gold.any(axis=1) & (unseen == 0)
    return {"n_unseen": int((unseen > 0).sum()), "n_unlabelled": int(none.sum())}


def without_leaked(test: Examples, leaked: Array, logits: Array, model: Any) -> dict[str, Any]:
    """Return the metrics of the test rows that training has not, where there are any of both."""
    if not len(leaked):
        return {}
    kept = np.setdiff1d(np.arange(len(test)), leaked)
    if not len(kept):
        return {"n_leaked": len(leaked)}
    return {"n_leaked": len(leaked), "metrics_without_leaked": raw_metrics(test.take(kept), logits[kept], model)}


def of_labels(test: Examples, predicted: Array) -> dict[str, list[Any]]:
    """Return ``label``, ``support``, ``recall`` and ``f1`` of each class of the test rows, to four digits.

    Of rows with one label, the recall of a class is the accuracy on its rows.
    """
    right, guessed, support, _ = multilabel_metrics.counts_of(test.gold, predicted)
    f1 = multilabel_metrics.share(2 * right, guessed + support)
    recall = multilabel_metrics.share(right, support)
    written = {"recall": recall, "f1": f1}
    return {
        "label": list(test.classes),
        "support": support.tolist(),
        **{name: [round(float(value), DIGITS) for value in values] for name, values in written.items()},
    }


def errors_in_group(test: Examples, predicted: Array, groups: Any) -> dict[str, float]:
    """Return how many labels are given wrongly, and how many of these share a group with a label of the row.

    ``by_chance`` is how many that would be if each wrong answer fell on any label that the row has not.
    """
    gold = test.gold
    near = (gold.astype(np.float32) @ same_group(partition("groups", groups, test.classes)).astype(np.float32)) > 0
    near &= ~gold
    wrong = predicted & ~gold
    expected = (wrong.sum(axis=1) * multilabel_metrics.share(near.sum(axis=1), (~gold).sum(axis=1))).sum()
    return {"errors": int(wrong.sum()), "in_group": int((wrong & near).sum()), "by_chance": round(float(expected), 2)}


def counted_labels(test: Examples, predicted: Array, measures: Sequence[str], groups: Any) -> dict[str, Any]:
    """Return what the measures of single labels and of their groups add to a line."""
    found: dict[str, Any] = {}
    if "per-label" in measures:
        found["per_label"] = of_labels(test, predicted)
    if "errors-in-group" in measures:
        found["errors_in_group"] = errors_in_group(test, predicted, groups)
    return found


def share_in_group(counted: Mapping[str, Any]) -> dict[str, float]:
    """Return the share of the wrong labels that are in a group of the row, as a metric; nothing without errors."""
    found = counted.get("errors_in_group", {})
    return {"errors_in_group": found["in_group"] / found["errors"]} if found.get("errors") else {}
