"""Multi-label models on a few rows of real data, beside scikit-learn's one classifier a label on the same counts."""

import numpy as np
import polars as pl
import pytest

from sfumato.data import Examples
from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.multilabel_metrics import frequent_labels_f1, micro_f1
from sfumato.run import train_model
from sfumato.thresholds import best_threshold

pytestmark = [pytest.mark.data, pytest.mark.slow]
ROWS = {"train": 1200, "dev": 400, "test": 600}


def splits(data_folder, name):
    path = data_folder / name / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"{name} is not there")
    table = pl.read_parquet(path)
    classes = sorted({label for labels in table["labels"] for label in labels})
    order = np.random.default_rng(0).permutation(len(table)).tolist()
    found, start = [], 0
    for size in ROWS.values():
        rows = table[order[start : start + size]]
        found.append(Examples.from_label_sets(rows["text"].to_list(), rows["labels"].to_list(), classes=classes))
        start += size
    return found


@pytest.mark.parametrize("name", ["goemotions", "reuters21578_modapte90"])
@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
def test_linear_is_as_good_as_one_logistic_regression_a_label(data_folder, name):
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    train, dev, test = splits(data_folder, name)
    run = train_model(train, dev, architecture=MODELS["linear"](), method=METHODS["baseline"](), threads=1, refit=False)
    model = run.model
    ours = micro_f1(test.gold, model.answers(model.predict_proba(test.inputs)))
    counts = [model.encoder.encode(part.inputs, model.max_length).matrix for part in (train, dev, test)]
    theirs = OneVsRestClassifier(LogisticRegression(C=10, solver="liblinear")).fit(counts[0], train.labels)
    threshold = best_threshold(dev.gold, theirs.predict_proba(counts[1]))
    peer = micro_f1(test.gold, theirs.predict_proba(counts[2]) > threshold)
    assert ours > frequent_labels_f1(test.gold, train.gold) + 0.05
    assert ours > peer - 0.02
    assert run.dev["log_loss"] <= run.dev_raw["log_loss"] + 1e-12
