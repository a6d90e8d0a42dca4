"""`soften`: texts and hard labels in, one distribution over the classes a text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from sfumato.data import Examples, concatenate
from sfumato.errors import InputError, missing_torch, require_torch
from sfumato.images import Pixels, are_images, as_images
from sfumato.label_sets import are_label_sets, listed_labels
from sfumato.method import Method
from sfumato.methods import METHODS
from sfumato.model import check_texts
from sfumato.models import MODELS
from sfumato.registry import check_whole
from sfumato.resolve import assign_options, build_architecture, build_method, option_names
from sfumato.soft_targets import SoftTargets as SoftTargets
from sfumato.targets import Floats, check_label_probabilities, check_soft_targets
from sfumato.trusted_column import trusted_values
from sfumato.vote_arrays import read_votes


def soften(
    texts: Sequence[Any] | Pixels,
    labels: Sequence[object] | None,
    method: Any = "kwls",
    *,
    votes: Any = None,
    trusted: Any = None,
    model: Any = "linear",
    seed: int = 0,
    **method_options: Any,
) -> SoftTargets:
    """Turn hard labels into soft ones.

    Parameters
    ----------
    texts : N texts (or lists of tokens, for the methods that count words), or images, (N, H, W) or (N, H, W, 3) uint8
    labels : N labels; they become strings, and the classes are sorted by name. None takes the majority of the votes.
        N lists of labels, none or several, give multi-label targets
    method : a name, a function that builds one, or a `Method`
    votes : of several annotators: N lists of labels, or class to N counts, or (N, C) counts, see `sfumato.vote_arrays`
    trusted : N truth values, which labels are known to be right; `adaptive` learns from them, other methods do not
    model : what a method that learns its targets (LCM) is trained with; the others need no training
    seed : decides the training, where there is one
    **method_options : the options of the method (or, written ``model.NAME`` in a dict, of the model)

    Raises
    ------
    InputError
        if the method leaves the labels hard, or a text or label is not usable.
    """
    check_whole("soften", "seed", seed, 0)
    seed = int(seed)
    chosen, model_options = chosen_method(method, model, method_options)
    refuse_copies(chosen)
    if not chosen.has_targets:
        raise InputError(f"{chosen.name} leaves the labels as they are: it has no soft targets to return")
    examples = checked_examples(texts, labels, votes)
    if trusted is not None:
        examples = replace(examples, trusted=trusted_values(trusted, len(examples)))
    chosen.check_labels(examples)
    remarks: tuple[str, ...] = ()
    if chosen.needs_training or chosen.teacher is not None:
        architecture = build_architecture(model, model_options)
        make = learned_targets if chosen.needs_training else taught_targets
        targets = make(examples, chosen, architecture, seed=seed)
    else:
        prepared = chosen.prepare(examples)
        targets, remarks = prepared.targets.dense(), prepared.remarks
    check = check_label_probabilities if examples.multilabel else check_soft_targets
    targets = check(targets, len(examples), examples.num_classes)
    remarks = (*remarks, *chosen.ignored(examples))
    return SoftTargets(targets, examples.classes, examples.labels, str(chosen), examples.inputs, remarks)


def refuse_copies(method: Method) -> None:
    """Raise for a method that adds rows: there is one soft label for each row that is given, and none for more."""
    if not method.augments:
        return
    raise InputError(
        f"{method.name} adds copies of the rows, and soften gives one soft label to each row that is there; write the "
        "copies with `sfumato augment` (sfumato.augment), or train with them: `sfumato fit` and "
        f"`sfumato compare` take {method.name}" + ("; its soft labels are made there" if method.has_targets else "")
    )


def chosen_method(method: Any, model: Any, options: dict[str, Any]) -> tuple[Method, dict[str, Any]]:
    """Return the method, and the options that go to the model.

    The model is looked at only where one is trained or an option may be its own: reading it loads torch.
    """
    own = option_names(method, METHODS)
    if set(options) <= set(own):
        chosen = build_method(method, options)
        if not (chosen.needs_training or chosen.teacher):
            return chosen, {}
    unknown = set(options) - set(own)
    if unknown and missing_torch() and not any(name.startswith("model") for name in unknown):
        assign_options(options, {"method": own})  # a misspelt option is named before an install is asked for
    require_torch("training a model for soft targets, or giving it options,")
    given = assign_options(options, {"method": own, "model": option_names(model, MODELS)})
    chosen = build_method(method, given["method"])
    if given["model"] and not (chosen.needs_training or chosen.teacher):
        raise InputError(f"{chosen.name} trains no model, so the options {list(given['model'])} of one have no use")
    return chosen, given["model"]


def checked_examples(texts: Sequence[Any] | Pixels, labels: Sequence[object] | None, votes: Any = None) -> Examples:
    """Return the examples after checking lengths, types and that there are two classes."""
    if isinstance(labels, str):
        raise InputError(f"expected a list of labels, got one string: {labels[:60]!r}")
    rows = _checked_inputs(texts)
    counts, classes = None, None
    if votes is not None:
        counts, classes = read_votes(votes, labels, len(rows))
        labels = [classes[k] for k in counts.argmax(axis=1)] if labels is None else labels
    if labels is None:
        raise InputError("soften needs labels, or votes to take the majority of")
    labels = listed_labels(labels)
    if len(rows) != len(labels):
        raise InputError(f"there must be one label a text, got {len(rows)} texts and {len(labels)} labels")
    if labels and are_label_sets(labels, "soften"):
        if counts is not None:
            raise InputError("votes are for one label a row, and these rows have lists of labels; leave votes out")
        return with_two_classes(Examples.from_label_sets(rows, cast(Sequence[Sequence[object]], labels)))
    empty = [i for i, label in enumerate(labels, start=1) if label is None or str(label).strip() in {"", "nan"}]
    if empty:
        raise InputError(f"{len(empty)} labels are empty, the first in row {empty[0]}")
    return with_two_classes(replace(Examples.from_labels(rows, labels, classes=classes), votes=counts))


def with_two_classes(examples: Examples) -> Examples:
    """Return the examples unless there are less than two classes."""
    if examples.num_classes < 2:
        raise InputError(
            f"there is only one class ({', '.join(examples.classes) or 'none'}): nothing to spread mass over"
        )
    return examples


def _checked_inputs(texts: Sequence[Any] | Pixels) -> Sequence[Any]:
    """Return texts, lists of tokens, or images as one array."""
    if are_images(texts):
        return cast(Sequence[Any], as_images(texts))
    rows = check_texts(cast(Sequence[str], texts)) if isinstance(texts, str) else list(texts)
    return rows if rows and _tokens(rows[0]) else check_texts(rows)


def _tokens(first: Any) -> bool:
    """Whether the inputs are lists of tokens."""
    return isinstance(first, list | tuple)


def learned_targets(examples: Examples, method: Method, architecture: Any, *, seed: int) -> Floats:
    """Train, and return the targets that the criterion gives each row in evaluation mode, (N, C).

    A tenth of the rows chooses the length of the training; all rows get their targets from the same trained model.
    """
    from sfumato.dev_rows import cut_dev
    from sfumato.run import train_model

    train, dev, _ = cut_dev(examples, 0.1, seed=seed, text=None, label=None, bad_rows="refuse")
    trained = train_model(train, dev, architecture=architecture, method=method, seed=seed, calibrate=False, refit=False)
    return criterion_targets(trained, method.prepare(examples))


def taught_targets(examples: Examples, method: Method, architecture: Any, *, seed: int) -> Floats:
    """Train the method's teacher and return the targets it leads to, (N, C); a tenth of the rows chooses its length."""
    from sfumato.dev_rows import cut_dev
    from sfumato.run import hear_teacher

    if method.teacher is None:
        raise InputError(f"{method.name} has no teacher to train")
    train, dev, _ = cut_dev(examples, 0.1, seed=seed, text=None, label=None, bad_rows="refuse")
    train, dev = hear_teacher(train, dev, method.teacher, architecture=architecture, seed=seed)
    every = train if dev is None else concatenate(train, dev)
    place = {int(row): k for k, row in enumerate(every.ids)}
    return method.prepare(every.take([place[int(row)] for row in examples.ids])).targets.dense()


def criterion_targets(trained: Any, examples: Examples) -> Floats:
    """Return the targets of a trained criterion for all rows, (N, C), nothing dropped out."""
    import torch

    from sfumato.base import Output, Supervision
    from sfumato.inference import predict_outputs

    model, objective = trained.model, trained.objective
    device = next(objective.model.parameters()).device
    objective.to(device)  # a full-batch criterion has stayed on the CPU
    encoded = model.encoder.encode(examples.inputs, model.max_length)
    output = predict_outputs(objective.model, encoded, batch_size=128, device=device)
    fitted = torch.from_numpy(examples.targets.dense())
    supervision = Supervision(torch.from_numpy(examples.labels).to(device), fitted.to(device))
    objective.eval()
    with torch.no_grad():
        given = Output(output.logits.to(device), output.features.to(device))
        targets = objective.criterion.soft_targets(given, supervision)
    result: Floats = targets.float().cpu().numpy()
    return result
