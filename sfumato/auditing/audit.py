"""`audit`: texts and labels in; the labels that are confused, and the rows that are probably labelled wrong, out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_type_hints

import numpy as np
from numpy.typing import NDArray

from sfumato.columns import label_faults
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.label_name import ABSENT
from sfumato.label_sets import are_label_sets, listed_labels
from sfumato.registry import check_whole

if TYPE_CHECKING:
    import polars as pl

    from sfumato.auditing.judge import Judgement
    from sfumato.methods.noise.posterior import Posterior

SHOWN = 10
LIKELIEST = "the likeliest label is the given one"


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes
    ----------
    pairs : frame of the confused pairs of labels, the most rows first; its columns are those of
        `sfumato.auditing.pairs.ConfusedLabels`
    rows : frame of every row, the most doubtful first: row, text, given, suggested (the likeliest label, often the
        given one), score (how probably the given label is wrong, or, where no wrong labels are seen, how far another
        is likelier, see `sfumato.auditing.judge`; null where a row is not judged), flagged (probably wrong), reason
    classes : the C labels, sorted
    confusion : (C, C) share of the rows given each label (down) that have each likeliest label (across)
    settings : folds, seed, ``agreement``, the accuracy of the likeliest label by evidence that leaves the row's own
        out, before further rounds (None if no row is judged), and ``wrong_labels``, what was found of them: share,
        family, z, sure, guarded, used
    wrong_labels : the model of wrong labels, with its matrix, report and picture; None where a row may have several

    Where a row may have several labels, ``settings["multilabel"]`` is true, ``given`` and ``suggested`` are lists, and
    what score, flags and pairs are stands in `sfumato.auditing.label_sets`.
    """

    pairs: pl.DataFrame
    rows: pl.DataFrame
    classes: tuple[str, ...]
    confusion: NDArray[np.float64]
    settings: dict[str, Any] = field(default_factory=dict)
    wrong_labels: Posterior | None = None

    @property
    def flagged(self) -> pl.DataFrame:
        """The rows that are probably labelled wrong, the most doubtful first."""
        return self.rows.filter(self.rows["flagged"])

    @property
    def unjudged(self) -> int:
        """Number of rows of which nothing can be said."""
        return int(self.rows["score"].null_count())

    @property
    def of_wrong_labels(self) -> list[str]:
        """What there is to say of the model of wrong labels, a sentence each; its numbers are in ``settings``."""
        found = self.wrong_labels
        if found is None or self.settings["wrong_labels"]["used"] or found.guarded:
            return [] if found is None else found.report().splitlines()
        return ["no share of wrong labels is clear in the table: rows stand by how unlikely their own label is"]

    def report(self) -> str:
        """Return what was found, in words and numbers."""
        unjudged = f"; {self.unjudged:,} not judged" if self.unjudged else ""
        judged = "no row could be judged"
        if self.unjudged < len(self.rows):
            share = f"{100 * self.settings['agreement']:.1f} %{unjudged}"
            several = self.settings.get("multilabel")
            judged = f"held out, {'the likely labels are the given ones' if several else LIKELIEST} in {share}"
        lines = [
            f"{len(self.rows):,} rows, {len(self.classes)} labels; {judged}",
            f"probably labelled wrong: {len(self.flagged):,} rows",
        ]
        lines += self.of_wrong_labels
        for pair in self.pairs.head(SHOWN).iter_rows(named=True):
            numbers = f"{pair['rows']:,} rows, {pair['back_rows']:,} back"
            lines.append(f"  {pair['label']} -> {pair['other']}: {numbers}; {pair['advice']}")
        return "\n".join(lines)

    def page(self, *, title: str = "Audit of labels") -> str:
        """Return everything as one HTML page that needs no other file."""
        from sfumato.auditing.page import page

        return page(self, title=title)

    def save(self, folder: str | Path, *, overwrite: bool = False, title: str = "Audit of labels") -> Path:
        """Write ``rows.csv``, ``pairs.csv``, ``audit.json`` and ``audit.html`` into a folder, whole or not at all."""
        from sfumato.auditing.folder import save_audit

        return save_audit(self, Path(folder), overwrite=overwrite, title=title)


def audit(
    texts: Sequence[str],
    labels: Sequence[object],
    *,
    seed: int = 0,
    folds: int = 5,
    rows: Sequence[int] | None = None,
    unit: str = "row",
) -> Audit:
    """Find the labels that are confused with each other and the rows that are probably labelled wrong.

    Each row is judged by evidence that leaves it out; how, and when a row is flagged: `sfumato.auditing.judge`.

    Parameters
    ----------
    texts : N texts; an empty one is not judged
    labels : N labels; they become strings, and two that would be one class by that alone, as 1 and "1", are refused.
        N lists of labels, none or several, are audited as `sfumato.auditing.label_sets` says
    seed : of the folds
    folds : 2 to 100; more of them take longer and judge better where rows are few
    rows : what to call each row; 0, 1, 2, ... if not given
    unit : what ``rows`` counts, "row" or "line"

    Raises
    ------
    InputError
        if texts and labels are not equally many, a label is empty, there is one class only, the labels look like
        ids, or there are fewer different texts than folds.
    """
    check_whole("audit", "folds", folds, 2, 100)
    check_whole("audit", "seed", seed, 0)
    examples = checked_examples(texts, labels)
    different = len(set(examples.inputs))
    if different < folds:
        raise InputError(
            f"audit: {folds} folds need as many different texts, got {different}; give fewer folds or more texts"
        )
    numbers = range(len(examples)) if rows is None else checked_rows(rows, len(examples))
    folds, seed = int(folds), int(seed)
    settings = {"folds": folds, "seed": seed}
    if examples.multilabel:
        whole = audited_sets(examples, numbers, **settings)
        return replace(whole, settings={**settings, **whole.settings})
    from sfumato.auditing.judge import judge

    found = judge(examples, folds=folds, seed=seed)
    whole = described(examples, found, lambda k: f"{unit} {numbers[k]}", numbers)
    return replace(whole, settings={**settings, **whole.settings})


def audited_sets(examples: Examples, numbers: Sequence[int], *, folds: int, seed: int) -> Audit:
    """Audit rows of several labels."""
    from sfumato.auditing import label_sets

    found = label_sets.judge_label_sets(examples, folds=folds, seed=seed)
    return Audit(
        pairs_frame(label_sets.confused_in_sets(examples, found), together=True),
        label_sets.label_rows_frame(examples, found, numbers),
        examples.classes,
        label_sets.confusion_of(examples, found),
        {"multilabel": True, **label_sets.agreement_of(examples, found)},
    )


def checked_rows(rows: object, texts: int) -> list[int]:
    """Return the numbers of so many rows."""
    if isinstance(rows, str) or not isinstance(rows, Iterable):
        raise InputError(f"audit: rows must be a list of one whole number a text, got {rows!r:.60}")
    numbers = list(rows)
    if len(numbers) != texts:
        raise InputError(f"audit: rows must have one number a text ({texts}), got {len(numbers)}")
    for place, number in enumerate(numbers, start=1):
        if isinstance(number, bool) or not isinstance(number, Integral):
            raise InputError(f"audit: rows must be whole numbers, got {number!r:.60} for text {place}")
    return [int(number) for number in numbers]


def checked_examples(texts: Sequence[str], labels: Sequence[object]) -> Examples:
    """Return the examples after checking lengths, types and the labels."""
    for name, given in (("texts", texts), ("labels", labels)):
        if isinstance(given, str):
            raise InputError(f"audit: expected a list of {name}, got one string: {given[:60]!r}")
    inputs, labels = list(texts), listed_labels(labels)
    if len(inputs) != len(labels):
        raise InputError(f"audit: there must be one label a text, got {len(inputs)} texts and {len(labels)} labels")
    wrong = next((i for i, text in enumerate(inputs) if not isinstance(text, str)), None)
    if wrong is not None:
        raise InputError(f"audit: text {wrong + 1} must be a string, got {inputs[wrong]!r:.60}")
    if labels and are_label_sets(labels, "audit"):
        return with_faults_refused(Examples.from_label_sets(inputs, cast(Sequence[Sequence[object]], labels)))
    empty = [i for i, label in enumerate(labels, 1) if label is None or str(label).strip() in {"", *ABSENT}]
    if empty:
        raise InputError(
            f"audit: {len(empty)} labels are empty, the first in row {empty[0]}; fill them, or leave them out"
        )
    if not labels:
        raise InputError("audit: there is no row; give texts and labels")
    return with_faults_refused(Examples.from_labels(inputs, labels))


def with_faults_refused(examples: Examples) -> Examples:
    """Return the examples unless their labels cannot be learned."""
    if not examples.num_classes:
        raise InputError("audit: no row has a label; give labels")
    counts = Counter(dict(zip(examples.classes, examples.gold.sum(axis=0).tolist(), strict=True)))
    for fault in label_faults(counts)[:1]:
        raise InputError(f"audit: the labels are {fault.problem}; {fault.advice}")
    return examples


def described(examples: Examples, found: Judgement, place: Callable[[int], str], numbers: Sequence[int]) -> Audit:
    """Put what was judged into two frames."""
    from sfumato.auditing.pairs import confused_labels, counted
    from sfumato.auditing.words import Speaking, reasons

    labels, names = examples.labels, examples.classes
    speaking = Speaking(examples, found)
    matrix = counted(labels, found.suggested, len(names)).astype(np.float64)
    held_out = found.likeliest == labels
    agreement = float(held_out[found.judged].mean()) if found.judged.any() else None
    return Audit(
        pairs_frame([pair._asdict() for pair in confused_labels(examples, found, speaking)]),
        rows_frame(examples, found, reasons(examples, found, speaking, place), numbers),
        names,
        matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1),
        {"agreement": agreement, "wrong_labels": numbers_of(found.wrong_labels)},
        found.wrong_labels,
    )


def numbers_of(found: Posterior | None) -> dict[str, Any] | None:
    """Return what was found of wrong labels as plain values."""
    from sfumato.auditing.judge import used

    if found is None:
        return None
    share = None if found.guarded else found.wrong
    told = {"share": share, "family": found.model.family, "z": found.z, "sure": found.anchors}
    return {**told, "guarded": found.guarded, "used": used(found)}


def rows_frame(examples: Examples, found: Judgement, why: Sequence[str], numbers: Sequence[int]) -> pl.DataFrame:
    """Return every row, the most doubtful first and those that are not judged last."""
    import polars as pl

    names, order = examples.classes, np.argsort(-found.lead, kind="stable")
    return pl.DataFrame(
        {
            "row": pl.Series([numbers[k] for k in order], dtype=pl.Int64),
            "text": [examples.inputs[k] for k in order],
            "given": [names[k] for k in examples.labels[order]],
            "suggested": [names[k] for k in found.suggested[order]],
            "score": pl.Series(found.score[order]).fill_nan(None),
            "flagged": found.flagged[order],
            "reason": [why[k] for k in order],
        }
    )


def pairs_frame(pairs: Sequence[Mapping[str, Any]], *, together: bool = False) -> pl.DataFrame:
    """Return one row a pair; a frame without a pair has the same columns."""
    import polars as pl

    from sfumato.auditing.pairs import ConfusedLabels

    kinds = {str: pl.String, int: pl.Int64, float: pl.Float64}
    schema = {name: kinds[kind] for name, kind in get_type_hints(ConfusedLabels).items()}
    schema |= {"together": pl.Int64, "together_share": pl.Float64} if together else {}
    return pl.DataFrame(list(pairs), schema=schema)
