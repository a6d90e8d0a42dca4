"""What the references for unbalanced data do: ag_news with class sizes 1 : 1/4 : 1/16 : 1/40, test rows evenly.

    export OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 SFUMATO_DATA=folder
    python benchmarks/unbalanced.py [MODEL]

Which class is common changes with the seed. A tenth of the training rows is dev.
"""

import os
import sys
from pathlib import Path

import numpy as np
import polars as pl

import sfumato
from sfumato import METHODS, combine

SIZES = (800, 200, 50, 20)
TEST = 1000  # rows a class
SEEDS = 5
METHODS_TO_TRY = {
    "baseline": METHODS["baseline"](),
    "class-weights": METHODS["class-weights"](),
    "class-weights, power=0.5": METHODS["class-weights"](power=0.5),
    "logit-adjustment": METHODS["logit-adjustment"](),
    "label-smoothing": METHODS["label-smoothing"](),
    "label-smoothing + logit-adjustment": combine(METHODS["label-smoothing"](), METHODS["logit-adjustment"]()),
}
SETTINGS = {"linear": {}, "textcnn": {"epochs": 12, "max_length": 64}}


def cut(frame, seed):
    """Return unbalanced training rows, and as many test rows of each class."""
    names = sorted(frame["label"].unique().to_list())
    generator = np.random.default_rng(seed)
    train, test = [], []
    for name, size in zip(generator.permutation(names), SIZES, strict=True):
        rows = generator.permutation(frame.filter(pl.col("label") == name)["text"].to_list())
        train += [(text, name) for text in rows[:size]]
        test += [(text, name) for text in rows[size : size + TEST]]
    return train, test


def accuracies(model, rows):
    """Return the mean of the accuracies of the classes, and the accuracy on the rarest one."""
    texts, labels = zip(*rows, strict=True)
    right = np.array(model.predict(list(texts))) == np.array(labels)
    each = right.reshape(len(SIZES), TEST).mean(axis=1)
    return 100 * each.mean(), 100 * each[-1]


def main(model):
    frame = pl.read_parquet(Path(os.environ["SFUMATO_DATA"]) / "ag_news" / "ag_news.parquet").unique(
        "text", maintain_order=True
    )
    print(f"| {model} | mean of the classes' accuracies | of the rarest class |\n|---|---|---|")
    for title, method in METHODS_TO_TRY.items():
        found = []
        for seed in range(SEEDS):
            train, test = cut(frame, seed)
            table = {"text": [text for text, _ in train], "label": [str(label) for _, label in train]}
            fitted = sfumato.fit(table, model=model, method=method, seed=seed, threads=1, **SETTINGS[model])
            found.append(accuracies(fitted, test))
        means, spreads = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
        print(f"| {title} | {means[0]:.1f} ± {spreads[0]:.1f} | {means[1]:.1f} ± {spreads[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "linear")
