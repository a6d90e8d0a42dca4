"""Collects candidates and questions one by one; what is alike becomes one, and all of it is counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from sfumato.errors import InputError
from sfumato.retrieval.sentences import Span, composed, on_one_line, sentence_spans
from sfumato.retrieval.task import Corpus, Questions, Task

WORD = re.compile(r"\w+")


class Assembly:
    """A task that grows.

    Sentences that are the same but for runs of blanks, or for how accents are written, are one candidate, so that no
    positive is ever a negative; questions of the same text are one question with all their positives.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sentence_rows: dict[str, int] = {}
        self.sentences: list[str] = []
        self.sentence_ids: list[str] = []
        self.sentence_passage: list[int] = []
        self.passages: dict[str, int] = {}
        self.titles: list[str] = []
        self.questions: dict[str, int] = {}
        self.texts: list[str] = []
        self.question_ids: list[str] = []
        self.positives: list[set[int]] = []
        self.group: list[int] = []

    def passage(self, text: str, title: str = "") -> int:
        """Return the number of a passage, new or not."""
        if text not in self.passages:
            self.passages[text] = len(self.passages)
            self.titles.append(title)
        return self.passages[text]

    def sentence(self, text: str, passage: int, name: str) -> int:
        """Return the row of a sentence, new or not."""
        text = on_one_line(text)
        self.counts["sentences_found"] += 1
        known = composed(text)
        if known not in self.sentence_rows:
            self.sentence_rows[known] = len(self.sentence_rows)
            self.sentences.append(text)
            self.sentence_ids.append(name)
            self.sentence_passage.append(passage)
        return self.sentence_rows[known]

    def cut(self, passage: str, title: str, language: str) -> tuple[int, list[Span], list[int]]:
        """Add a passage and its sentences; return its number, and the place and the row of each sentence."""
        number = self.passage(passage, title)
        spans = sentence_spans(passage, language)
        rows = [self.sentence(passage[a:b], number, f"{number}:{k}") for k, (a, b) in enumerate(spans)]
        return number, spans, rows

    def question(self, text: str, name: str, positives: Iterable[int], group: int) -> None:
        """Add a question, or the positives to those of the same question."""
        text = on_one_line(text)
        self.counts["questions_found"] += 1
        known = composed(text)
        if known not in self.questions:
            self.questions[known] = len(self.questions)
            self.texts.append(text)
            self.question_ids.append(name)
            self.positives.append(set())
            self.group.append(group)
        self.positives[self.questions[known]].update(positives)

    def corpus(self) -> Corpus:
        """Return the candidates.

        Raises
        ------
        InputError
            if there is none
        """
        if not self.sentence_rows:
            raise InputError("there is no sentence to search in; give passages or sentences with text")
        names = [str(k) for k in range(len(self.passages))]
        passage = np.array(self.sentence_passage, dtype=np.int64)
        titles = self.titles if any(self.titles) else []
        return Corpus(self.sentences, self.sentence_ids, list(self.passages), names, passage, titles)

    def task(self, notes: Iterable[str] = ()) -> Task:
        """Return all of it, counted, and in ``notes`` said."""
        corpus = self.corpus()
        if not self.questions:
            raise InputError("no question is left: every row was left out or has no answer that is a sentence")
        positives = [np.array(sorted(rows), dtype=np.int64) for rows in self.positives]
        questions = Questions(self.texts, self.question_ids, positives, np.array(self.group, dtype=np.int64))
        alike = {" ".join(WORD.findall(composed(text).casefold())) for text in corpus.sentences}
        self.counts.update(
            passages=len(corpus.passages),
            sentences=len(corpus),
            duplicate_sentences=self.counts["sentences_found"] - len(corpus),
            near_duplicate_sentences=len(corpus) - len(alike),
            questions=len(questions),
            duplicate_questions=self.counts["questions_found"] - len(questions),
            several_positives=sum(len(rows) > 1 for rows in positives),
        )
        counts = {name: int(self.counts[name]) for name in sorted(self.counts)}
        return Task(corpus, questions, (*notes, *said(counts)), counts)


def first_titles(passages: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return each passage once, in order, with the title that it has first."""
    found: dict[str, str] = {}
    for passage, title in passages:
        found.setdefault(passage, title)
    return found


SENTENCES = (
    ("unanswerable", "{n} question{s} without an answer {are} left out"),
    ("left_out", "{n} row{s} that cannot be used {are} left out"),
    ("repeated_rows", "{n} row{s} {are} the same as an earlier one"),
    ("empty_candidates", "{n} empty candidate{s} {are} left out"),
    ("crossing_answers", "{n} answer{s} {are} in more than one sentence"),
    ("lost_questions", "{n} question{s} with answers that cross sentences only {are} left out"),
    ("duplicate_sentences", "{n} sentence{s} {are} the same as an earlier one and {are} no candidate again"),
    ("near_duplicate_sentences", "{n} candidate{s} {are} the same as an earlier one but for case or punctuation"),
    ("duplicate_questions", "{n} question{s} {are} the same as an earlier one, with the positives of both"),
)


def said(counts: dict[str, int]) -> list[str]:
    """Return a sentence for each count that is not 0, after one with the sizes."""
    first = f"{counts['questions']:,} questions, {counts['sentences']:,} candidate sentences"
    if counts["passages"] != counts["sentences"]:
        first += f" of {counts['passages']:,} passages"
    return [first, *(counted(words, counts[name]) for name, words in SENTENCES if counts.get(name))]


def counted(words: str, number: int) -> str:
    """Fill a number into words, in the singular for 1."""
    return words.format(n=f"{number:,}", s="" if number == 1 else "s", are="is" if number == 1 else "are")
