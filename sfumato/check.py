"""What a table of texts and labels holds, and what would go wrong in training on it: each finding with its rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sfumato.columns import case_variants, describe_labels, label_faults
from sfumato.finding import Finding as Finding
from sfumato.finding import Severity, View, count, several, some, view_of
from sfumato.multilabel_check import inseparable_labels, joined_labels, label_sets
from sfumato.rows import Table
from sfumato.script import language_note, second_scripts
from sfumato.table import guess_columns
from sfumato.targets import Floats
from sfumato.votes import disagreement

FEW = 5  # rows of a class below which it can hardly be learned or measured
IMBALANCE = 20  # largest class over smallest
LONG = 50_000  # characters
LANGUAGE_ADVICE = "nothing to do: models and methods read characters; docs/chinese.md says what else there is"
SECOND_SCRIPT = 0.05  # share of all letters
SECOND_ROWS = 0.005  # share of the texts

HTML = re.compile(r"</?(?:p|br|div|span|a|b|i|em|strong|ul|ol|li|table|tr|td|h[1-6]|img|font|script)\b[^<>]*>", re.I)
ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|amp|lt|gt|quot|nbsp|apos);", re.I)
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
TOKEN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|\\w+|[^\\w\\s]")


def check_table(
    table: Table,
    *,
    text: Sequence[str] | str | None = None,
    label: Sequence[str] | str | None = None,
    test: Table | None = None,
    max_length: int = 256,
    votes: Floats | None = None,
    label_separator: str | None = None,
    task: str = "auto",
) -> list[Finding]:
    """Return what was found, the gravest first; an empty list says that nothing was.

    Parameters
    ----------
    text, label : columns; guessed as `guess_columns` does if None
    test : a test table with the same columns, looked for among the training rows
    max_length : tokens a model will read; here a word, a mark or a CJK character is one token
    label_separator, task : how several labels a row are written, see `sfumato.label_columns`
    votes : (N, C) counts, those of a table that `sfumato.votes.count_votes` has added up

    Raises
    ------
    InputError
        if a column is absent or cannot be guessed
    """
    texts, columns, _ = guess_columns(table, text, label)
    view = view_of(table, texts, columns, max_length, separator=label_separator, task=task)
    if test is not None:
        task = "multilabel" if view.multilabel else "single"
        other = view_of(test, texts, columns, max_length, separator=label_separator, task=task)
        view = replace(view, test=other)
    found: list[Finding] = []
    if table.dropped:
        rows = [row.row for row in table.dropped]
        found.append(
            Finding("bad-rows", "error", f"{count(rows)} that cannot be read", rows, "mend them, or drop them")
        )
    if votes is not None:
        found.append(disagreeing_votes(view, votes))
    for look in CHECKS:
        found.extend(look(view))
    rank = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda finding: rank[finding.severity])


def disagreeing_votes(view: View, votes: Floats) -> Finding:
    """Say how many votes a text has, and how many texts the annotators disagree about, with their rows."""
    found, n = disagreement(votes), votes.sum(axis=1)
    rows = [row for row, several in zip(view.rows, (votes > 0).sum(axis=1) > 1, strict=True) if several]
    message = (
        f"{found['votes']:.1f} votes a text ({n.min():.0f} to {n.max():.0f}); {found['disagree']:.1%} of the texts "
        "have votes for two classes or more"
    )
    return Finding("votes", "note", message, rows, "train on the shares with --method votes" if rows else "")


def empty_cells(view: View) -> Iterator[Finding]:
    """Find rows without text or label."""
    rows = [row for row, key in zip(view.rows, view.keys, strict=True) if not key]
    if rows:
        yield Finding("empty-text", "error", f"{count(rows)} without text", rows, "fill them, or --bad-rows drop")
    rows = [row for row, labels in zip(view.rows, view.labels, strict=True) if not labels]
    if rows and not view.multilabel:
        yield Finding("empty-label", "error", f"{count(rows)} without a label", rows, "fill them, or --bad-rows drop")


def unusable_labels(view: View) -> Iterator[Finding]:
    """Find labels that cannot be learned: one class, ids, lists."""
    for fault in label_faults(view.counts):
        message = f"the column {view.label!r} holds {fault.problem}"
        yield Finding(fault.kind, "error", message, view.first_of(view.counts), fault.advice)


def small_classes(view: View) -> Iterator[Finding]:
    """Find classes of few rows and strong imbalance."""
    if len(view.counts) > 0.5 * view.counts.total():
        return
    single = sorted(name for name, number in view.counts.items() if number == 1)
    few = sorted(name for name, number in view.counts.items() if 1 < number < FEW)
    if single:
        message = f"{several(len(single), 'class', 'classes')} of one row: {some(single)}"
        advice = "add rows or merge the class; it stays in training and is never measured"
        yield Finding("one-row-class", "warning", message, view.of_class(single), advice)
    if few:
        message = f"{several(len(few), 'class', 'classes')} of fewer than {FEW} rows: {some(few)}"
        yield Finding("near-empty-class", "warning", message, view.of_class(few), "add rows, or merge the class")
    largest, smallest = max(view.counts.values(), default=0), min(view.counts.values(), default=0)
    if smallest and largest >= IMBALANCE * smallest:
        name, rare = view.counts.most_common(1)[0][0], [n for n, number in view.counts.items() if number == smallest]
        message = f"the largest class, {name!r}, has {largest / smallest:.0f} times the rows of the smallest"
        one_label = "accuracy; where the labels are right, try --method logit-adjustment, else --balance weights"
        advice = f"read macro-F1 beside {'micro-F1' if view.multilabel else one_label}"
        yield Finding("imbalance", "note", message, view.of_class(rare), advice)


def label_spelling(view: View) -> Iterator[Finding]:
    """Find labels that differ in case or blanks only or have blanks at an end, and say that numbers are names."""
    if view.stripped:
        message = f"{count(view.stripped)} with blanks before or after the label, which are left out"
        yield Finding("label-blanks", "note", message, view.stripped, "nothing to do, unless the blanks mean something")
    for names in case_variants(view.counts):
        rare = sorted(names, key=lambda name: view.counts[name])[:-1]
        message = f"labels that differ in case or blanks only: {some(names)}"
        yield Finding(
            "label-variants", "warning", message, view.of_class(rare), "spell them alike if they mean the same"
        )
    for sentence in describe_labels(view.counts, view.label):
        if "are numbers" in sentence:
            advice = "write the names if there are any"
            yield Finding("numeric-labels", "note", sentence, view.first_of(view.counts), advice)


def repeated_texts(view: View) -> Iterator[Finding]:
    """Find equal texts, with equal and with different labels, and a text that most rows share."""
    groups: dict[str, list[int]] = defaultdict(list)
    for k, key in enumerate(view.keys):
        if key:
            groups[key].append(k)
    repeated = [group for group in groups.values() if len(group) > 1]
    torn = [group for group in repeated if len({frozenset(view.labels[k]) for k in group}) > 1]
    largest = max(repeated, key=len, default=[])
    if len(largest) > 0.1 * len(view.keys) and len(largest) > 2:
        rows = [view.rows[k] for k in largest]
        message = f"{count(rows)} with the same text, {view.texts[largest[0]][:60]!r}"
        yield Finding("constant-text", "error" if len(groups) == 1 else "warning", message, rows, "is this the text?")
    if torn:
        rows = sorted(view.rows[k] for group in torn for k in group)
        labels = sorted({" + ".join(sorted(view.labels[k])) or "none" for k in torn[0]})
        times = several(len(torn), "text", "texts")
        message = f"different labels for the same text: {times}, {count(rows)}, such as {some(labels)}"
        yield Finding("conflicting-duplicates", "warning", message, rows, "decide on one label, or keep the doubt")
    rows = sorted(view.rows[k] for group in repeated for k in group[1:])
    if rows:
        message = f"{count(rows)} with the text of an earlier one (but for case and blanks)"
        yield Finding("duplicates", "note", message, rows, "exact repeats stay on one side of a split")


def overlap_with_test(view: View) -> Iterator[Finding]:
    """Find test rows that are in training, and test labels that training never shows; the rows are the test's."""
    if view.test is None:
        return
    known = set(filter(None, view.keys))
    rows = [row for row, key in zip(view.test.rows, view.test.keys, strict=True) if key in known]
    if rows:
        message = f"{count(rows)} of the test table found in the training table too"
        yield Finding("test-in-train", "warning", message, rows, "take them out of one; the score would be too good")
    new = sorted(view.test.counts.keys() - view.counts.keys())
    if new:
        message = f"{several(len(new), 'label', 'labels')} of the test table, never seen in training: {some(new)}"
        yield Finding("new-test-label", "warning", message, view.test.of_class(new), "they count as errors")


def markup(view: View) -> Iterator[Finding]:
    """Find HTML, broken characters and control characters."""
    rows = view.where(lambda text: "<" in text and HTML.search(text))
    if rows:
        yield Finding(
            "html", "warning", f"{count(rows)} with HTML tags", rows, "strip the tags, unless they mean something"
        )
    rows = view.where(lambda text: "&" in text and ENTITY.search(text))
    if rows:
        yield Finding("html-entity", "note", f"{count(rows)} with HTML entities such as &amp;", rows, "unescape them")
    rows = view.where(lambda text: "\ufffd" in text)
    if rows:
        message = f"{count(rows)} with the replacement character (U+FFFD): the text was decoded wrongly before"
        yield Finding("broken-characters", "warning", message, rows, "read the source again in its own encoding")
    rows = view.where(lambda text: not text.isprintable() and CONTROL.search(text))
    if rows:
        yield Finding("control-characters", "warning", f"{count(rows)} with control characters", rows, "take them out")


def lengths(view: View) -> Iterator[Finding]:
    """Find texts that a model will cut, and texts of extreme length."""
    # A text of at most max_length characters cannot have more tokens: most texts need no counting.
    cut = view.where(lambda text: len(text) > view.max_length and len(TOKEN.findall(text)) > view.max_length)
    if cut:
        message = (
            f"{len(cut) / len(view.texts):.1%} of the texts ({count(cut)}) are longer than {view.max_length} tokens"
        )
        severity: Severity = "warning" if len(cut) > 0.1 * len(view.texts) else "note"
        yield Finding("truncation", severity, message, cut, "raise --max-length, or put what matters first")
    rows = view.where(lambda text: len(text) > LONG)
    if rows:
        message = f"{count(rows)} of more than {LONG:,} characters"
        yield Finding("very-long-text", "note", message, rows, "is each a single document?")


def languages(view: View) -> Iterator[Finding]:
    """Say what the texts are written in, if not in Latin letters, and find a second script beside it."""
    if said := language_note(view.texts):
        yield Finding("language", "note", said, [], LANGUAGE_ADVICE if "characters" in said else "")
    for name, (share, at) in second_scripts(view.texts, letters=SECOND_SCRIPT, rows=SECOND_ROWS).items():
        message = f"{share:.1%} of the letters are {name}, in {count(at)}, beside another script"
        rows = [view.rows[k] for k in at]
        yield Finding("mixed-language", "warning", message, rows, "train one model a language, or a multilingual one")


def label_in_text(view: View) -> Iterator[Finding]:
    """Find classes most of whose texts hold the label itself: a leak, unless it is what the text is about."""
    leaks, rows = [], []
    for name, group in rows_by_label(view).items():
        key = " ".join(name.split()).casefold()
        if len(key) < 3 or len(group) < FEW:
            continue
        word = re.compile(rf"(?<!\w){re.escape(key)}(?!\w)")
        held = [k for k in group if key in view.keys[k] and word.search(view.keys[k])]
        if len(held) > 0.5 * len(group):
            leaks.append(name)
            rows += [view.rows[k] for k in held]
    if leaks:
        message = (
            f"most texts hold the label itself in {several(len(leaks), 'class', 'classes')}: {some(sorted(leaks))}"
        )
        yield Finding("label-in-text", "note", message, sorted(rows), "will the texts to predict hold it too?")


def rows_by_label(view: View) -> dict[str, list[int]]:
    """Return the positions of the rows of each label."""
    groups: dict[str, list[int]] = defaultdict(list)
    for k, labels in enumerate(view.labels):
        for name in labels:
            groups[name].append(k)
    return groups


CHECKS: tuple[Callable[[View], Iterator[Finding]], ...] = (
    empty_cells,
    label_sets,
    joined_labels,
    inseparable_labels,
    unusable_labels,
    small_classes,
    label_spelling,
    repeated_texts,
    overlap_with_test,
    markup,
    lengths,
    languages,
    label_in_text,
)
