"""What a model folder says of its training."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

from sfumato.data import Examples
from sfumato.method import Method
from sfumato.metrics import confused_pairs, majority_accuracy
from sfumato.multilabel_metrics import frequent_labels_f1, missed_pairs
from sfumato.trained import Trained


def describe(
    trained: Trained, train: Examples, dev: Examples | None, method: Method, *, seed: int, notes: list[str]
) -> dict[str, Any]:
    """Return what a model folder says of its training: plain values, ready for JSON.

    ``majority`` is the accuracy of always the commonest class, of multi-label rows the micro-F1 of always the
    commonest labels.
    """
    info: dict[str, Any] = {
        "method": str(method),
        "method_options": {name: plain(value) for name, value in method.options.items()},
        "seed": seed,
        "rows": {"train": len(train), "dev": 0 if dev is None else len(dev)},
        **({"copies": trained.copied} if trained.copied else {}),
        "refitted": trained.refitted,
        "history": trained.history,
        "best_epoch": trained.best_epoch,
        "steps": trained.steps,
        **({"strength": trained.strength} if trained.strength else {}),  # only linear chooses one
        "seconds": round(trained.seconds, 2),
        "temperature": trained.model.temperature,
        "dev": trained.dev,
        "dev_raw": trained.dev_raw,
        "notes": notes,
        "versions": dict(package_versions()),
    }
    if dev is not None:
        predicted = trained.dev_predicted
        if dev.multilabel:
            info["majority"] = frequent_labels_f1(dev.gold, train.gold)
            pairs = missed_pairs(dev.gold, predicted, dev.classes, n=3)
        else:
            info["majority"] = majority_accuracy(dev.labels, train.labels, train.num_classes)
            pairs = confused_pairs(dev.labels, predicted, dev.classes, n=3)
        info["notes"] += learned_nothing(info)
        info["confused_pairs"] = [pair._asdict() for pair in pairs]
    return info


def learned_nothing(info: dict[str, Any]) -> list[str]:
    """Return what to say where dev finds the model no better than the same answer to every text."""
    several = "micro_f1" in info["dev"]
    name, what = ("micro_f1", "the commonest labels") if several else ("accuracy", "the commonest class")
    found, same = info["dev"].get(name), info["majority"]
    if found is None or found > same:
        return []
    return [
        f"on the {info['rows']['dev']:,} dev rows the model is no better than always answering {what} "
        f"({name.replace('_', '-')} {found:.3f} and {same:.3f}): too few rows, too short a training, or texts that do "
        "not tell their labels"
    ]


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of what trained a model, by package."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in ("sfumato", "torch", "transformers", "tokenizers", "numpy"):
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def plain(value: Any) -> Any:
    """Return a value that JSON can hold; anything else as its text."""
    return value if isinstance(value, str | int | float | bool | None | list | dict) else str(value)
