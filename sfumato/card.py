"""The model card: the README.md of a model folder, written from measured numbers only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sfumato.architecture import IMAGES
from sfumato.thresholds import HALF

if TYPE_CHECKING:
    from sfumato.model import Model

SCORES = {
    "accuracy": "accuracy",
    "micro_f1": "micro-F1",
    "macro_f1": "macro-F1",
    "micro_precision": "micro-precision",
    "micro_recall": "micro-recall",
    "macro_precision": "macro-precision",
    "macro_recall": "macro-recall",
    "subset_accuracy": "rows wholly right (subset accuracy)",
    "lrap": "label-ranking average precision",
    "log_loss": "log-loss (nats)",
    "brier": "Brier score",
    "ece": "calibration error (ECE, 15 bins)",
}


def score_table(info: Mapping[str, Any]) -> list[str]:
    """Return the dev scores before and after calibration as a Markdown table, or nothing without dev rows."""
    raw, calibrated = info.get("dev_raw", {}), info.get("dev", {})
    if not calibrated:
        return ["No dev rows were kept, so nothing was measured."]
    lines = ["| on the dev rows | before calibration | after |", "|---|---|---|"]
    for key, title in SCORES.items():
        if key in calibrated:
            lines.append(f"| {title} | {raw.get(key, calibrated[key]):.4f} | {calibrated[key]:.4f} |")
    if "majority" in info:
        lines.append(f"| {majority_title(calibrated)} | {info['majority']:.4f} | {info['majority']:.4f} |")
    return lines


def majority_title(scores: Mapping[str, float]) -> str:
    """Return what the score of the commonest answer is called beside ``scores``."""
    several = "micro_f1" in scores
    return "micro-F1 of always the commonest labels" if several else "accuracy of the commonest class"


def reads_without_us(model: Model) -> bool:
    """Say whether the folder is an ordinary one of transformers: the network is one of its own, head included."""
    return model.architecture == "transformer" and hasattr(model.network, "model")


def sorting(model: Model) -> str:
    """Say what the model tells of its inputs."""
    names = ", ".join(model.classes[:30]) + (" and more." if len(model.classes) > 30 else ".")
    if model.multilabel:
        return f"Gives {model.reads} any of {len(model.classes)} labels, several or none: {names}"
    return f"Sorts {model.reads} into {len(model.classes)} classes: {names}"


def deciding(model: Model) -> list[str]:
    """Say from which probability on a multi-label model gives a label; nothing of another model."""
    if not model.multilabel:
        return []
    thresholds = [HALF] if model.thresholds is None else sorted(set(model.thresholds.tolist()))
    said = f"higher than {thresholds[0]:.4g}"
    if len(thresholds) > 1:
        said = f"higher than its threshold, {thresholds[0]:.4g} to {thresholds[-1]:.4g}: `thresholds` in `sfumato.json`"
    return ["", f"Each label has a probability of its own (sigmoid), and is given where that is {said}."]


def made_by(model: Model) -> list[str]:
    """Return how the model was made, in a few words each."""
    info = model.info
    rows = info.get("rows", {})
    return [
        f"model `{model.architecture}`",
        f"method `{info.get('method', 'unknown')}`",
        f"seed {info.get('seed', 'unknown')}",
        f"{rows.get('train', 'unknown')} training rows",
        f"{rows.get('dev', 0)} dev rows",
    ]


def what_dev_chose(model: Model) -> str:
    """Return how far the scores on the dev rows can be trusted, in words."""
    again = " After that the model was trained again on training and dev rows." if model.info.get("refitted") else ""
    return (
        f"The dev rows chose the length of training{', the thresholds' * model.multilabel} and the temperature, so "
        f"these scores are a little optimistic; measure on rows of your own with `sfumato evaluate`.{again}"
    )


def model_card(model: Model, temperature: float) -> str:
    """Return the card's Markdown: what it is, its scores, how it was made, how to use it."""
    info = model.info
    thing, example, reading = "text", '["a text"]', f"Texts are cut to {model.max_length} tokens."
    if model.reads == IMAGES:
        encoder: Any = model.encoder
        thing, example = "image", "images"
        reading = f"Images have {encoder.height} × {encoder.width} {encoder.kind} pixels, uint8."
    lines = [
        "---",
        "library_name: " + ("transformers" if reads_without_us(model) else "sfumato"),
        f"pipeline_tag: {thing}-classification",
        "---",
        "",
        f"# {thing.capitalize()} classifier",
        "",
        sorting(model),
        "",
        f"Made with sfumato {info.get('versions', {}).get('sfumato', '')}: {', '.join(made_by(model))}.",
        "",
        *score_table(info),
        "",
        what_dev_chose(model),
        "",
        f"The temperature {temperature:.4g} is folded into the last layer. {reading}",
        *deciding(model),
        "",
        "```python",
        "import sfumato",
        "",
        'model = sfumato.load("path/to/this/folder")',
        f"model.predict({example})",
        "```",
        "",
    ]
    return "\n".join(lines)
