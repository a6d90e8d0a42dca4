"""The values a run learns from: what they refuse, and that targets of every kind are the same rows."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from sfumato.data import Examples, concatenate, mean_one
from sfumato.errors import InputError
from sfumato.targets import DenseTargets, SparseTargets, TableTargets, check_soft_targets, one_hot

TEXTS = ["a", "b", "c", "d"]
LABELS = ["y", "x", "y", "z"]
TABLE = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.0, 0.3, 0.7]], dtype=np.float32)
INDICES = np.array([1, 0, 1, 2])


def examples(**changes):
    return replace(Examples.from_labels(TEXTS, LABELS), **changes)


def sparse_targets():
    matrix = sparse.csr_matrix(TABLE[INDICES] - np.float32(0.05) * (TABLE[INDICES] > 0))
    return SparseTargets(matrix, np.array([0.05, 0.0, 0.1, 0.2], dtype=np.float32))


# --- targets


def test_sparse_targets_are_the_stored_shares_plus_the_constant_of_their_row():
    targets = sparse_targets()
    stored = {(i, j): v for i, j, v in zip(*sparse.find(targets.matrix), strict=True)}
    expected = [[stored.get((i, j), 0.0) + float(targets.constant[i]) for j in range(3)] for i in range(4)]
    np.testing.assert_allclose(targets.dense(), expected, atol=1e-7)
    assert targets.dense().dtype == np.float32
    assert (len(targets), targets.num_classes) == (4, 3)
    assert (0, 2) in stored  # the test holds a row without zeros
    assert (3, 0) not in stored  # and one with: there the constant alone is the share


KINDS = {
    "dense": DenseTargets(TABLE[INDICES]),
    "table": TableTargets(TABLE, INDICES),
    "sparse": sparse_targets(),
    "one-hot": one_hot(INDICES, 3),
}


@pytest.mark.parametrize("targets", KINDS.values(), ids=KINDS)
def test_rows_and_taken_rows_are_those_of_the_whole_in_the_order_asked_for(targets):
    dense, index = targets.dense(), np.array([3, 0, 0])
    assert targets.rows(index).tolist() == dense[[3, 0, 0]].tolist()
    taken = targets.take(index)
    assert type(taken) is type(targets)
    assert (len(taken), taken.num_classes) == (3, 3)
    assert taken.dense().tolist() == dense[[3, 0, 0]].tolist()
    assert targets.dense().tolist() == dense.tolist()  # the whole is as it was


def test_table_and_dense_targets_give_the_same_rows():
    assert KINDS["table"].dense().tolist() == KINDS["dense"].dense().tolist()
    assert KINDS["one-hot"].dense().tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


# --- examples


def test_labels_become_strings_and_classes_are_sorted():
    built = Examples.from_labels(TEXTS, [7, 10, 7, 8])
    assert built.classes == ("10", "7", "8")
    assert built.labels.tolist() == [1, 0, 1, 2]
    assert built.ids.tolist() == [0, 1, 2, 3]
    assert built.weights is None


def test_given_classes_keep_their_order_and_may_be_more_than_occur():
    built = Examples.from_labels(TEXTS, LABELS, classes=["z", "y", "w", "x"])
    assert built.classes == ("z", "y", "w", "x")
    assert built.labels.tolist() == [1, 3, 1, 0]
    assert built.targets.dense().shape == (4, 4)
    assert Examples.from_labels(["a"], [1], classes=[0, 1]).classes == ("0", "1")


def test_a_label_that_is_no_class_is_named_with_its_row():
    message = "label 'shiping' of row 2 is no class (did you mean 'shipping'?); there are: login, shipping"
    with pytest.raises(InputError, match=re.escape(message)):
        Examples.from_labels(["a", "b"], ["login", "shiping"], classes=["login", "shipping"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": INDICES[:3]}, "labels must have one entry per input (4), got 3"),
        ({"targets": one_hot(INDICES[:3], 3)}, "targets must have one entry per input (4), got 3"),
        ({"weights": np.ones(5, np.float32)}, "weights must have one entry per input (4), got 5"),
        ({"targets": one_hot(INDICES, 4)}, "targets must have one column a class (3), got 4"),
        ({"targets": DenseTargets(TABLE[INDICES, :2])}, "targets must have one column a class (3), got 2"),
        ({"labels": np.array([0, 1, 3, 0])}, "labels must be 0 to 2, an index into classes, or -1; row 3 has 3"),
        ({"labels": np.array([0, -2, 1, 0])}, "row 2 has -2"),
        ({"similar": np.zeros((4, 2), bool)}, "similar must have shape (4, 3), got (4, 2)"),
        ({"classes": ("x", "y", "x")}, "classes must differ from each other, but 'x' is there twice"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "+".join(value),
)
def test_parts_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        examples(**changes)


def test_a_label_that_training_never_saw_is_accepted_and_so_is_a_split_without_rows():
    assert examples(labels=np.array([0, -1, 2, 1])).labels.tolist() == [0, -1, 2, 1]
    assert len(examples().take([])) == 0


def test_taken_rows_keep_everything_that_belongs_to_them():
    whole = examples(
        similar=np.eye(4, 3, dtype=bool), weights=np.array([0.5, 1, 1.5, 1], np.float32), ids=np.array([9, 8, 7, 6])
    )
    part = whole.take([2, 0])
    assert part.inputs == ["c", "a"]
    assert part.labels.tolist() == [1, 1]
    assert part.ids.tolist() == [7, 9]
    assert part.weights.tolist() == [1.5, 0.5]
    assert part.similar.tolist() == [[False, False, True], [True, False, False]]
    assert part.targets.dense().tolist() == [[0, 1, 0], [0, 1, 0]]
    assert whole.inputs == TEXTS


# --- two splits in one


def test_two_splits_of_one_table_of_targets_stay_a_table_and_others_become_dense():
    first = examples(targets=TableTargets(TABLE, INDICES))
    second = Examples.from_labels(["e"], ["z"], classes=first.classes)
    same = concatenate(first, replace(second, targets=TableTargets(TABLE, second.labels)))
    assert isinstance(same.targets, TableTargets)
    mixed = concatenate(first, second)
    assert isinstance(mixed.targets, DenseTargets)
    assert same.targets.dense().tolist() == TABLE[[1, 0, 1, 2, 2]].tolist()
    assert mixed.targets.dense().tolist() == [*TABLE[INDICES].tolist(), [0, 0, 1]]
    for joined in (same, mixed):
        assert joined.inputs == ["a", "b", "c", "d", "e"]
        assert joined.labels.tolist() == [1, 0, 1, 2, 2]
        assert joined.ids.tolist() == [0, 1, 2, 3, 0]
        assert joined.weights is None


def test_a_split_without_weights_counts_each_row_as_one():
    joined = concatenate(examples(weights=np.array([0.5, 1.5, 1, 1], np.float32)), examples())
    assert joined.weights.tolist() == [0.5, 1.5, 1, 1, 1, 1, 1, 1]


def test_splits_of_other_classes_are_refused():
    with pytest.raises(InputError, match="the two splits have different classes"):
        concatenate(examples(), Examples.from_labels(["e"], ["x"]))


def test_similar_labels_are_joined_and_never_dropped():
    marked = examples(similar=np.eye(4, 3, dtype=bool))
    assert concatenate(marked, marked).similar.tolist() == np.eye(4, 3, dtype=bool).tolist() * 2
    assert concatenate(examples(), examples()).similar is None
    for first, second, place in ((marked, examples(), "second"), (examples(), marked, "first")):
        with pytest.raises(InputError, match=f"similar labels; mark them in the {place} one"):
            concatenate(first, second)


# --- numbers of the user


def test_weights_get_a_mean_of_one():
    assert mean_one([1, 2, 3]).tolist() == [0.5, 1.0, 1.5]
    assert Examples.from_labels(TEXTS, LABELS, weights=[2, 2, 2, 2]).weights.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1, float("nan"), 1], "row 2 has nan"),
        ([1, float("inf")], "row 2 has inf"),
        ([1, -1], "row 2 has -1.0"),
        ([0, 0], "all 2 are 0"),
    ],
)
def test_weights_that_cannot_be_scaled_name_the_first_bad_row(weights, said):
    with pytest.raises(InputError, match=f"not negative and not all zero; {said}$"):
        mean_one(weights)


def test_soft_targets_that_are_distributions_pass_and_are_not_repaired():
    given = [[0.5, 0.4996], [1.0, 0.0]]
    assert check_soft_targets(given, 2, 2).tolist() == np.array(given, dtype=np.float32).tolist()


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([[1.0, 0.0]], r"must have shape \(2, 2\), one row a text, got \(1, 2\)"),
        ([[1.0, 0.0], [np.nan, 1.0]], "row 2 holds NaN or infinity"),
        ([[1.2, -0.2], [1.0, 0.0]], "row 1 holds a negative share"),
        ([[1.0, 0.0], [0.5, 0.4]], "row 2 does not sum to 1"),
    ],
)
def test_soft_targets_that_are_no_distributions_name_the_row(targets, said):
    with pytest.raises(InputError, match=said):
        check_soft_targets(targets, 2, 2)


def test_rows_of_several_labels_become_zeros_and_ones() -> None:
    examples = Examples.from_label_sets(["a", "b", "c"], [["x", "y"], [], [7, "y", "y"]])
    assert examples.classes == ("7", "x", "y")
    assert examples.multilabel
    assert examples.labels.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 1]]
    np.testing.assert_array_equal(examples.targets.dense(), examples.labels)
    np.testing.assert_array_equal(examples.take([2, 0]).gold, examples.labels[[2, 0]] == 1)


def test_the_gold_of_one_label_a_row_is_one_hot_and_an_unseen_label_is_nowhere() -> None:
    examples = Examples(["a", "b"], np.array([1, -1]), one_hot(np.array([1, 0]), 2), ("x", "y"))
    assert not examples.multilabel
    assert examples.gold.tolist() == [[False, True], [False, False]]


def test_a_label_of_a_set_that_is_no_class_is_named_with_its_row() -> None:
    with pytest.raises(InputError, match=r"label 'z' of row 2 is no class.*there are: x, y"):
        Examples.from_label_sets(["a", "b"], [["x"], ["y", "z"]], classes=["x", "y"])


def test_labels_that_are_not_zeros_and_ones_and_splits_of_two_kinds_are_refused() -> None:
    several = Examples.from_label_sets(["a"], [["x", "y"]])
    with pytest.raises(InputError, match="must be 0 or 1"):
        replace(several, labels=several.labels * 2)
    single = Examples.from_labels(["a"], ["x"], classes=["x", "y"])
    with pytest.raises(InputError, match="only the first of the two splits is multi-label"):
        concatenate(several, single)


def test_labels_that_are_no_class_are_counted_on_after_joining():
    several = Examples.from_label_sets(["a", "b"], [["x"], ["y"]])
    counted = replace(several, unseen=np.array([0, 2]))
    assert concatenate(several, several).unseen is None
    assert concatenate(counted, several).unseen.tolist() == [0, 2, 0, 0]
    assert concatenate(several, counted).unseen.tolist() == [0, 0, 0, 2]
