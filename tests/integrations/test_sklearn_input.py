"""X and y that cannot be used are refused in words, before any training."""

import numpy as np
import pandas
import polars
import pytest
from scipy import sparse

import sfumato

TEXTS, LABELS = ["a refund", "a parcel", "a code"], ["billing", "shipping", "login"]


def refusal(X, y, **given):
    with pytest.raises((sfumato.InputError, ValueError)) as caught:
        sfumato.SoftLabelClassifier(method="baseline").fit(X, y, **given)
    return str(caught.value)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (pandas.DataFrame({"text": TEXTS}), r"got DataFrame of shape (3, 1); choose one column"),
        (polars.DataFrame({"text": TEXTS}), "choose one column"),
        (np.array(TEXTS)[:, None], "got ndarray of shape (3, 1)"),
        (sparse.csr_matrix(np.eye(3)), "got csr_matrix of shape (3, 3)"),
        (np.array([1.0, 2.0, 3.0]), "text 1 is not a string"),
        (["a", None, "b"], "text 2 is not a string: None"),
        (["a", float("nan"), "b"], "text 2 is not a string: nan"),
        ("one text", "got one text: 'one text'"),
        ({"text": TEXTS}, "got dict"),
        (None, "got NoneType"),
        (iter(TEXTS), "got list_iterator"),
        ([], "X holds no text"),
    ],
    ids=lambda given: type(given).__name__ if not isinstance(given, str) else "",
)
def test_texts_that_are_no_list_of_texts(X, words):
    assert words in refusal(X, LABELS)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (["a", "b"], "3 rows in X and 2 labels in y"),
        ("abc", "got one string: 'abc'"),
        (["a", None, "b"], "y holds NaN or None in 1 rows, the first in row 2"),
        ([1.0, float("nan"), 2.0], "the first in row 2"),
        (pandas.Series(["a", None, "b"]), "the first in row 2"),
        ([0.5, 1.5, 2.5], "Unknown label type"),
        (np.eye(3) / 2, "y of two dimensions must hold 0 and 1, a column a label; row 1, column 1 holds 0.5"),
        (["a", "a", "a"], "one class only"),
        ([1, "1", 2], "got 1 (int) of row 1 and '1' (str) of row 2"),
        ([True, "True", "no"], "got True (bool) of row 1 and 'True' (str) of row 2"),
        (["a", "a ", "b"], "got 'a' (str) of row 1 and 'a ' (str) of row 2"),
        (np.array(["b", 1, "a"], dtype=object), "all texts or all numbers"),
    ],
    ids=str,
)
def test_labels_that_are_no_classes(y, words):
    assert words in refusal(TEXTS, y)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sample_weight": [1.0, 2.0]}, "sample_weight must have shape (3,)"),
        ({"sample_weight": [1.0, -2.0, 1.0]}, "row 2 has -2.0"),
        ({"sample_weight": [0.0, 0.0, 0.0]}, "not all zero"),
        ({"soft_targets": np.eye(3)[:, :2]}, "must have shape (3, 3)"),
        ({"soft_targets": np.full((3, 3), 0.5)}, "row 1 does not sum to 1"),
    ],
)
def test_weights_and_soft_targets_that_do_not_fit(given, words):
    assert words in refusal(TEXTS, LABELS, **given)


def test_soft_targets_beside_a_method_with_a_loss_of_its_own():
    with pytest.raises(sfumato.InputError, match="kwls-paper has a loss of its own"):
        sfumato.SoftLabelClassifier(method="kwls-paper").fit(TEXTS, LABELS, soft_targets=np.eye(3))


def test_equally_long_lists_of_zeros_and_ones_are_a_matrix_and_other_lists_are_labels():
    from sfumato.integrations.sklearn.text_and_label import as_indicator

    assert as_indicator([[0, 1], [1, 1]]).tolist() == [[0, 1], [1, 1]]
    for labels in ([["0", "1"], ["1", "0"]], [[0, 1], [1]], [[0, 2], [1, 0]], ["ab", "cd"], [[0], [1]]):
        assert as_indicator(labels) is labels
