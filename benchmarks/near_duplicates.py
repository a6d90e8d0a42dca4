"""What soft targets give to near-duplicates of the right sentence, which hard labels punish as wrong.

    export SFUMATO_DATA=folder
    python benchmarks/near_duplicates.py

Pairs of sentences of squadshifts_new_wiki that share 70 % of their words or more (Jaccard), stand in different passages
and are both asked about. For each question about one of them a batch is made of its sentence, the other one, and the
sentences of 62 other questions; the target of the near-duplicate stands beside the mean target of the other wrong ones.
"""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np

from sfumato.methods import METHODS
from sfumato.retrieval import Task, build
from sfumato.retrieval.batches import Pairs
from sfumato.retrieval.in_batch_targets import in_batch_targets

SHARED, OTHERS, DRAWS = 0.7, 62, 5
NAMES = ("baseline", "label-smoothing", "tfidf", "kwls")
Words = frozenset[str]


def near_pairs(task: Task) -> list[tuple[int, int]]:
    """Return the pairs of sentences, by rows, that are near-duplicates of different passages and both asked about."""
    asked = sorted({int(row) for rows in task.questions.positives for row in rows})
    words = {row: frozenset(re.findall(r"\w+", task.corpus.sentences[row].casefold())) for row in asked}
    holding: dict[str, list[int]] = {}
    for row, own in words.items():
        for word in own:
            holding.setdefault(word, []).append(row)
    rare = [rows for rows in holding.values() if len(rows) <= 50]  # two that share so much share a rare word
    tried = {pair for rows in rare for pair in combinations(rows, 2)}
    passage = task.corpus.passage
    return sorted(
        (a, b)
        for a, b in tried
        if passage[a] != passage[b] and len(words[a] & words[b]) >= SHARED * len(words[a] | words[b])
    )


def main() -> None:
    task = build("squadshifts_new_wiki")
    pairs, known = near_pairs(task), Pairs.of(task.questions)
    answering: dict[int, list[int]] = {}
    for question, rows in enumerate(task.questions.positives):
        for row in rows.tolist():
            answering.setdefault(row, []).append(question)
    print(f"{len(pairs)} pairs of near-duplicates")
    for name in NAMES:
        targets = in_batch_targets(METHODS[name](), task.corpus, task.questions, seed=0)
        near, rest = [], []
        for draw in range(DRAWS):
            generator = np.random.default_rng(draw)
            for first, second in [*pairs, *((b, a) for a, b in pairs)]:
                others = generator.choice(len(task.questions), OTHERS, replace=False)
                index = np.array([answering[first][0], answering[second][0], *others])
                drawn = np.array([first, second, *(task.questions.positives[q][0] for q in others)])
                batch = known.of_drawn(index, drawn)
                row, wrong = targets(batch)[0], ~batch.positive[0]
                place = int(np.searchsorted(batch.candidates, second))
                if wrong[place]:
                    near.append(row[place])
                    wrong[place] = False
                    rest.append(row[wrong].mean())
        print(f"{name:16} near-duplicate {np.mean(near):.4f}, other wrong candidates {np.mean(rest):.4f}")


if __name__ == "__main__":
    main()
