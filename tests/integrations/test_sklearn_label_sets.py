"""`SoftLabelClassifier` where a row may have several labels: a matrix of 0 and 1, or lists, in and out."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict
from sklearn.utils import get_tags

from sfumato import KeywordSmoother, SoftLabelClassifier, SoftTargetClassifier
from sfumato.errors import InputError

WORDS = {"bill": ["invoice", "refund", "charge"], "login": ["password", "code", "locked"], "ship": ["parcel", "late"]}
NAMES = list(WORDS)


@pytest.fixture(scope="module")
def tickets():
    rng = np.random.default_rng(0)
    gold = rng.random((120, 3)) < 0.4
    texts = [
        " ".join(["please", "help", *(rng.choice(WORDS[NAMES[k]]) for k in np.flatnonzero(row) for _ in "ab")])
        for row in gold
    ]
    return texts, gold.astype(np.int64)


def test_a_matrix_in_is_a_matrix_out(tickets):
    texts, y = tickets
    classifier = SoftLabelClassifier(method="baseline").fit(texts, y)
    predicted = classifier.predict(texts)
    assert classifier.multilabel_
    assert predicted.shape == y.shape
    assert predicted.dtype == np.int64
    assert f1_score(y, predicted, average="micro") > 0.95
    assert classifier.classes_.tolist() == [0, 1, 2]
    probabilities = classifier.predict_proba(texts)
    assert (np.abs(probabilities.sum(axis=1) - 1) > 0.1).any()  # each a probability of its own
    sparse = SoftLabelClassifier(method="baseline").fit(texts, csr_matrix(y)).predict_proba(texts)
    assert np.array_equal(sparse, probabilities)
    assert classifier.score(texts, y) == (predicted == y).all(axis=1).mean()
    assert get_tags(classifier).classifier_tags.multi_label


def test_lists_in_are_lists_out_and_say_the_same_as_the_matrix(tickets):
    texts, y = tickets
    sets = [[NAMES[k] for k in np.flatnonzero(row)] for row in y]
    by_list = SoftLabelClassifier(method="baseline").fit(texts, sets)
    by_matrix = SoftLabelClassifier(method="baseline").fit(texts, y)
    assert by_list.classes_.tolist() == NAMES
    assert np.array_equal(by_list.predict_proba(texts), by_matrix.predict_proba(texts))
    as_sets = [[NAMES[k] for k in np.flatnonzero(row)] for row in by_matrix.predict(texts)]
    assert by_list.predict(texts) == as_sets


def test_more_than_ten_columns_keep_their_order():
    rng = np.random.default_rng(1)
    y = np.array([[k == (row % 12) for k in range(12)] for row in range(72)]).astype(int)
    texts = [f"w{row % 12} w{row % 12} {rng.integers(9)}" for row in range(72)]
    assert (
        SoftLabelClassifier(method="baseline").fit(texts, y).predict_proba(texts).argmax(axis=1) == y.argmax(1)
    ).all()


def test_scikit_learns_own_tools_take_it(tickets):
    texts, y = tickets
    predicted = cross_val_predict(SoftLabelClassifier(method="baseline"), texts, y, cv=2)
    assert predicted.shape == y.shape


def test_wrong_rows_are_refused_and_one_label_a_row_is_as_before(tickets):
    texts, y = tickets
    with pytest.raises(InputError, match="row 1, column 2 holds 3"):
        SoftLabelClassifier().fit(texts, np.where(np.arange(360).reshape(120, 3) == 1, 3, y))
    with pytest.raises(InputError, match="one row of labels a text, got 120 rows in X and 119 in y"):
        SoftLabelClassifier().fit(texts, y[:-1])
    with pytest.raises(InputError, match="give every row a list"):
        SoftLabelClassifier().fit(texts, [["bill"], "bill"] * 60)
    single = SoftLabelClassifier(method="baseline").fit(texts, y[:, 0])
    assert not single.multilabel_
    assert single.predict(texts).shape == (120,)


def test_lists_are_scored_too(tickets):
    texts, y = tickets
    sets = [[NAMES[k] for k in np.flatnonzero(row)] for row in y]
    by_list = SoftLabelClassifier(method="baseline").fit(texts, sets)
    by_matrix = SoftLabelClassifier(method="baseline").fit(texts, y)
    assert by_list.score(texts, sets) == by_matrix.score(texts, y) == by_matrix.score(texts, y.tolist())
    strange = [[*labels, "unknown"] for labels in sets]
    assert by_list.score(texts, strange) == 0


def test_thresholds_weights_and_targets_are_taken(tickets):
    texts, y = tickets
    strict = SoftLabelClassifier(method="baseline", thresholds=0.9999).fit(texts, y)
    assert np.array_equal(strict.predict(texts), strict.predict_proba(texts) > 0.9999)
    assert strict.predict(texts).sum() < SoftLabelClassifier(method="baseline").fit(texts, y).predict(texts).sum()
    heavy = np.where(y[:, 0] == 1, 5.0, 1.0)
    weighted = SoftLabelClassifier(method="baseline", dev=0).fit(texts, y, sample_weight=heavy)
    plain = SoftLabelClassifier(method="baseline", dev=0).fit(texts, y)
    assert weighted.predict_proba(texts)[:, 0].mean() > plain.predict_proba(texts)[:, 0].mean()
    half = SoftLabelClassifier(dev=0).fit(texts, y, soft_targets=np.full(y.shape, 0.5, dtype=np.float32))
    assert half.predict_proba(texts) == pytest.approx(0.5, abs=1e-3)


BAD_SETS = {
    "mixed kinds": ([[1], [2.5], ["z"]], "one kind"),
    "nan": ([["a"], [float("nan")], ["b"]], "row 2"),
    "blank": ([["a"], [" "], ["b"]], "row 2"),
}


@pytest.mark.parametrize("case", BAD_SETS)
def test_a_list_that_holds_no_label_is_refused(case):
    sets, said = BAD_SETS[case]
    with pytest.raises(InputError, match=said):
        SoftLabelClassifier(method="baseline", dev=0).fit(["one", "two", "three"], sets)


@pytest.mark.parametrize("form", ["lists", "matrix"])
def test_what_takes_one_label_a_row_says_who_takes_several(form):
    texts, sets = ["a b", "b c", "c a"], [["x"], ["x", "y"], []]
    y = sets if form == "lists" else np.array([[1, 0], [1, 1], [0, 0]])
    with pytest.raises(InputError, match="KeywordSmoother takes one label a row, and y gives several; SoftLabelCl"):
        KeywordSmoother().fit(texts, y)
    said = "SoftTargetClassifier takes one label a row" if form == "lists" else "row 2 does not sum to 1"
    with pytest.raises(InputError, match=said):
        SoftTargetClassifier(LogisticRegression()).fit(np.eye(3), y)
