"""Which words speak for a suggested label and against the given one: of one row, and of a pair of labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from sfumato.auditing.judge import Judgement
from sfumato.auditing.judges import Keywords
from sfumato.data import Examples
from sfumato.targets import Integers

IN_A_ROW = 4
IN_A_PAIR = 6
LEAST = 0.25  # a word is named if it says at least this much of what the strongest word says

Pair = tuple[int, int]  # given label, suggested label


class Speaking:
    """The words that pull rows from their given label to the suggested one."""

    def __init__(self, examples: Examples, found: Judgement) -> None:
        self.of_row: dict[int, list[str]] = {}
        self._pulls: dict[Pair, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._vocabulary: Sequence[str] = found.keywords.vocabulary if found.keywords else ()
        if found.keywords:
            for row in np.flatnonzero(found.suggested != examples.labels).tolist():
                self._read(found.keywords, row, int(examples.labels[row]), int(found.suggested[row]))

    def _read(self, keywords: Keywords, row: int, given: int, suggested: int) -> None:
        columns, pull = keywords.pull(row, given, suggested)
        least = max(LEAST * pull.max(initial=0.0), 1e-9)
        order = [k for k in np.argsort(-pull, kind="stable")[:IN_A_ROW] if pull[k] > least]
        self.of_row[row] = [self._vocabulary[columns[k]] for k in order]
        pulls = self._pulls[given, suggested]
        for k in np.flatnonzero(pull > 0).tolist():
            pulls[int(columns[k])].append(float(pull[k]))

    def of_pair(self, given: int, suggested: int) -> list[str]:
        """Return the words that pulled most over all rows of the pair, those of several rows first."""
        pulls = self._pulls[given, suggested]
        order = sorted(pulls, key=lambda word: (len(pulls[word]) < 2, -sum(pulls[word]), self._vocabulary[word]))
        return [self._vocabulary[word] for word in order[:IN_A_PAIR]]


def reasons(examples: Examples, found: Judgement, speaking: Speaking, place: Callable[[int], str]) -> list[str]:
    """Return why each row is doubted, in words; empty where the given label stands. ``place`` names a row."""
    labels, names = examples.labels, examples.classes
    same = rows_by_text(examples.inputs)
    texts = np.bincount([int(labels[k]) for rows in same.values() for k in first_of_each(rows, labels)])
    said = []
    for row, text in enumerate(examples.inputs):
        given, suggested = int(labels[row]), int(found.suggested[row])
        parts = []
        if not found.judged[row]:
            parts.append(why_not_judged(text, names[given], int(texts[given])))
        elif suggested != given:
            parts.append(speaking_for(speaking.of_row.get(row, []), names[suggested]))
        other = next((k for k in same[text] if labels[k] != given), None)
        if other is not None:
            parts.append(f"the same text is labelled {names[labels[other]]} in {place(other)}")
        said.append("; ".join(parts))
    return said


def rows_by_text(texts: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of each text."""
    found: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        found[text].append(row)
    return found


def first_of_each(rows: Sequence[int], labels: Integers) -> list[int]:
    """Return the first of the rows with each label."""
    return list({int(labels[row]): row for row in reversed(rows)}.values())


def speaking_for(words: Sequence[str], name: str) -> str:
    """Return "'a' and 'b' speak for x"."""
    if not words:
        return f"no single word speaks for {name}, all of them together do"
    *others, last = [f"'{word}'" for word in words]
    return f"{', '.join(others)} and {last} speak for {name}" if others else f"{last} speaks for {name}"


def why_not_judged(text: str, name: str, texts: int) -> str:
    """Return what is lacking to judge a row whose label has so many different texts."""
    if not text.strip():
        return "not judged: the text is empty"
    if texts < 2:
        return f"not judged: no other text has the label {name}"
    return "not judged: no other text shares a word with it, or its label has too few texts"
