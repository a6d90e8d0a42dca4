"""A table of our own and a small folder of data, for the tests of the engine."""

import numpy as np
import polars as pl

from sfumato.reproduction.table_file import parse_table

WORDS = {
    "Business": "market price share",
    "Sci/Tech": "chip code space",
    "Sports": "goal team win",
    "World": "war vote peace",
}

TOML = """
title = "Accuracy of two methods"
paper = "kwls"
place = "Table 0"
baseline = "hard"
own_test = "paired-t"
repeats = { kind = "folds", number = 3 }

[data]
"News" = { name = "ag_news" }

[settings]
"" = { x = 0 }
"noise" = { x = 20, damage = [{ kind = "symmetric-noise", rate = 0.2 }] }
"rare" = { each_class = true, damage = [{ kind = "imbalance", classes = "each", ratio = 10 }] }

[models]
"L" = { name = "linear" }
"CNN" = { name = "textcnn" }
"BERT" = { name = "transformer", encoder = "bert-base-uncased" }

[methods]
"hard" = { name = "baseline" }
"LS .1" = { name = "label-smoothing", smoothing = 0.1 }
"LS .3" = { name = "label-smoothing", smoothing = 0.3 }
"best LS" = { best_of = ["LS .1", "LS .3"] }
"KWLS" = { name = "kwls-paper" }

[[blocks]]
settings = ["", "noise"]

[[blocks]]
settings = ["rare"]
models = ["L"]
methods = ["hard", "KWLS"]

[published]
methods = ["hard", "KWLS"]

[published.cells."News"]
L = [88.0, [90.0, 0.5]]

[published.cells."News, noise"]
L = [80.0, 85.0]

[scale.small]
rows = 120
test_rows = 60
training = { epochs = 2, max_length = 16, L = { max_length = 8 } }
models = ["L", "BERT"]
"""


def table(text=TOML, name="own"):
    return parse_table(name, text)


def write_data(folder, rows=240, seed=0):
    rng = np.random.default_rng(seed)
    names, every = list(WORDS), " ".join(WORDS.values()).split()
    labels = [names[k] for k in rng.integers(4, size=rows)]
    texts = [" ".join([*rng.choice(WORDS[y].split(), 2), *rng.choice(every, 3), f"n{i}"]) for i, y in enumerate(labels)]
    texts[-1] = texts[0]  # one test row that training has too
    labels[-1] = labels[0]
    split = ["train"] * (rows * 3 // 4) + ["test"] * (rows - rows * 3 // 4)
    frame = pl.DataFrame({"id": range(rows), "text": texts, "label": labels, "split": split, "source": ["x"] * rows})
    (folder / "ag_news").mkdir(parents=True)
    frame.write_parquet(folder / "ag_news" / "ag_news.parquet")
    return folder
