"""Soft labels for a table: look at them, find the words that moved the mass, and write them beside the texts.

Run: python examples/soften_a_table.py [FOLDER]
"""

import sys
from pathlib import Path

import polars

import sfumato
from sfumato.corpus import make_corpus
from sfumato.methods.kwls import explain_row

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
corpus = make_corpus(400, seed=0, departments=4)  # or texts and labels of your own

soft = sfumato.soften(corpus.texts, corpus.labels, method="kwls")
print(soft.report())

row = int(soft.gold_mass.argmin())
print(f"\nthe row that keeps least: {corpus.labels[row]!r}, {corpus.texts[row]!r}")
for name, share in zip(soft.classes, soft.targets[row], strict=True):
    print(f"  {name}: {share:.3f}")
other = soft.targets[row].argsort()[-2]  # the class that got most of what the label lost
words = explain_row(corpus.texts, corpus.labels, soft.classes, row, method="kwls")
words = sorted(words, key=lambda pair: -pair[1][other])
print(f"  words that moved it to {soft.classes[other]!r}:", ", ".join(word for word, _ in words[:5]))

table = polars.DataFrame({"text": corpus.texts, "label": corpus.labels, "soft_labels": soft.targets.tolist()})
table.write_parquet(folder / "soft.parquet")
print(f"\nwritten: {folder / 'soft.parquet'}")
