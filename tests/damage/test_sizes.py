"""Rows that are left out: exact sizes by hand, what is kept of every other class, and what is refused."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sfumato.damage import class_subset, fraction, imbalance, long_tail, shots
from sfumato.data import Examples
from sfumato.errors import InputError

SIZES = {"business": 300, "tech": 250, "sports": 120, "world": 100}


def kept_sizes(given, damaged):
    """Check that what is left is the rest of what was touched, in its order, and return the rows of each class."""
    left = [row for row in range(len(given)) if row not in set(damaged.touched.tolist())]
    after = damaged.examples
    assert list(after.inputs) == [given.inputs[row] for row in left]
    assert [after.classes[k] for k in after.labels] == [given.classes[given.labels[row]] for row in left]
    assert after.ids.tolist() == [given.ids[row] for row in left]
    assert after.targets.dense().argmax(axis=1).tolist() == after.labels.tolist()
    return dict(Counter(after.classes[k] for k in after.labels.tolist()))


def test_the_named_classes_keep_a_share_and_at_least_one_row(split_of):
    given = split_of(SIZES)
    damaged = imbalance(given, classes=["tech", "world"], ratio=100, seed=0)
    assert kept_sizes(given, damaged) == {"business": 300, "sports": 120, "tech": 2, "world": 1}  # 2.5 rounds to even
    assert damaged.said == "imbalance: 423 of 770 (54.94 %) rows kept, a class has 300 (business) to 1 (world)"
    assert kept_sizes(given, imbalance(given, classes="tech", ratio=1e9, seed=0))["tech"] == 1
    assert kept_sizes(given, imbalance(given, classes=["tech"], ratio=10, seed=0))["tech"] == 25
    assert kept_sizes(given, imbalance(given, classes=["tech"], ratio=1, seed=0)) == SIZES


def test_counts_are_exact_and_the_other_classes_keep_all(split_of):
    given = split_of(SIZES)
    damaged = imbalance(given, counts={"tech": 28, "world": 100}, seed=0)
    assert kept_sizes(given, damaged) == {**SIZES, "tech": 28}
    with pytest.raises(InputError, match="'world' is to have 101 rows, but there are only 100"):
        imbalance(given, counts={"tech": 28, "world": 101}, seed=0)


@pytest.mark.parametrize("m", [28, 19, 9, 5, 1])
def test_all_classes_but_one_have_the_rows_of_table_5(split_of, m):
    given = split_of(SIZES)
    sizes = kept_sizes(given, imbalance(given, others=m, keep=["business"], seed=0))
    assert sizes == {"business": 300, "tech": m, "sports": m, "world": m}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "got none"),
        ({"classes": ["tech"], "others": 3, "keep": ["world"]}, "got classes and others"),
        ({"others": 3}, "others and keep go together"),
        ({"counts": {"tech": 3}, "keep": ["world"]}, "others and keep go together"),
        ({"counts": {"tech": 3}, "ratio": 10}, "ratio goes with classes, not with counts"),
        ({"counts": {"tech": 0}}, "counts of 'tech' must be at least 1"),
        ({"counts": {"tech": 2.5}}, "must be a whole number"),
        ({"counts": ["tech"]}, "names of classes to numbers of rows"),
        ({"classes": ["tec"]}, r"no class 'tec' \(did you mean 'tech'\?\)"),
        ({"classes": ["tech", "tech"]}, "named twice"),
        ({"classes": ["tech"], "ratio": 0.5}, "ratio must be at least 1"),
        ({"others": 0, "keep": ["tech"]}, "others must be at least 1"),
    ],
)
def test_imbalance_that_cannot_be_meant_is_refused(split_of, options, said):
    with pytest.raises(InputError, match=said):
        imbalance(split_of(SIZES), seed=0, **options)


def test_a_long_tail_falls_by_the_same_factor_from_first_to_last(split_of):
    given = split_of({"small": 1000, "head": 1000, "middle": 1000, "tail": 1000})
    sizes = kept_sizes(given, long_tail(given, ratio=1000, seed=0))
    assert sizes == {"small": 1000, "head": 100, "middle": 10, "tail": 1}  # equal classes fall in their order


def test_a_long_tail_begins_with_the_largest_class_and_is_as_long_as_the_rows_allow(split_of):
    # Ranked business, tech, sports, world; the factor is 8 ** (1/3) = 2: tech allows a head of 500, sports 480,
    # world 800, business 300, which is the least.
    given = split_of(SIZES)
    assert kept_sizes(given, long_tail(given, ratio=8, seed=0)) == {
        "business": 300,
        "tech": 150,
        "sports": 75,
        "world": 38,
    }
    # Factor 1.1: business allows 300, tech 275, sports 145.2, world 133.1.
    got = kept_sizes(given, long_tail(given, ratio=1.331, seed=0))
    assert got == {"business": 133, "tech": 121, "sports": 110, "world": 100}
    assert set(kept_sizes(given, long_tail(given, ratio=1, seed=0)).values()) == {100}


def test_the_order_of_the_classes_does_not_decide_who_is_rare(split_of):
    given = split_of({"world": 100, "business": 300, "sports": 120, "tech": 250})
    sizes = kept_sizes(given, long_tail(given, ratio=8, seed=0))
    assert sizes == {"business": 300, "tech": 150, "sports": 75, "world": 38}


def test_a_class_without_rows_is_no_part_of_the_tail(split_of):
    given = split_of({"a": 40, "b": 40}, ("a", "nothing", "b"))
    assert kept_sizes(given, long_tail(given, ratio=4, seed=0)) == {"a": 40, "b": 10}
    with pytest.raises(InputError, match="two classes with rows, got 4 and 1"):
        long_tail(split_of({"a": 4}, ("a", "b")), ratio=4, seed=0)


def test_shots_are_as_many_rows_a_class_and_what_has_fewer_is_said(split_of):
    given = split_of(SIZES)
    assert set(kept_sizes(given, shots(given, per_class=10, seed=0)).values()) == {10}
    few = shots(given, per_class=110, seed=0)
    assert kept_sizes(given, few) == {"business": 110, "tech": 110, "sports": 110, "world": 100}
    assert few.said.endswith("; fewer than 110: world 100")
    assert "fewer" not in shots(given, per_class=100, seed=0).said


def test_a_fraction_is_stratified_and_every_class_keeps_a_row(split_of):
    given = split_of({"a": 500, "b": 300, "c": 200, "d": 4})
    damaged = fraction(given, share=0.1, seed=0)  # 100 rows: 49.8, 29.9, 19.9, .4
    sizes = kept_sizes(given, damaged)
    assert sum(sizes.values()) == 100
    assert abs(sizes["a"] - 50) <= 1
    assert abs(sizes["b"] - 30) <= 1
    assert abs(sizes["c"] - 20) <= 1
    assert sizes["d"] == 1
    assert kept_sizes(given, fraction(given, share=1, seed=0)) == {"a": 500, "b": 300, "c": 200, "d": 4}
    with pytest.raises(InputError, match="share must be more than 0 and at most 1, got 0"):
        fraction(given, share=0, seed=0)


def test_a_subset_has_these_classes_alone_in_the_order_they_had(split_of):
    given = split_of(SIZES)
    damaged = class_subset(given, classes=["world", "business"])
    assert damaged.examples.classes == ("business", "world")
    assert kept_sizes(given, damaged) == {"business": 300, "world": 100}
    assert damaged.examples.targets.dense().shape == (400, 2)
    assert damaged.said == "class-subset: 400 of 770 (51.95 %) rows kept, 2 of 4 classes"
    with pytest.raises(InputError, match="two classes or more"):
        class_subset(given, classes=["world"])
    with pytest.raises(InputError, match=r"no class 'wrld' \(did you mean 'world'\?\)"):
        class_subset(given, classes=["wrld", "business"])


def test_classes_named_by_numbers_are_found():
    given = Examples.from_labels(["a", "b", "c"], [0, 1, 2])
    assert class_subset(given, classes=[0, 2]).examples.classes == ("0", "2")


def test_a_subset_leaves_out_rows_whose_label_training_never_saw(split_of):
    given = split_of({"a": 2, "b": 2, "c": 2})
    labels = np.array([0, 1, -1, 2, -1, 0])
    targets = replace(
        given.targets, table=np.vstack([np.eye(3, dtype=np.float32), np.zeros((1, 3), np.float32)]), labels=labels
    )
    damaged = class_subset(replace(given, labels=labels, targets=targets), classes=["a", "c"])
    assert damaged.touched.tolist() == [1, 2, 4]
    assert damaged.examples.labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("function", "less", "more"),
    [
        (shots, {"per_class": 5}, {"per_class": 30}),
        (fraction, {"share": 0.1}, {"share": 0.5}),
        (imbalance, {"classes": ["tech"], "ratio": 100}, {"classes": ["tech"], "ratio": 10}),
    ],
)
def test_fewer_rows_are_a_part_of_more_rows_and_the_seed_decides_which(split_of, function, less, more):
    given = split_of(SIZES)
    one, other = function(given, seed=0, **less), function(given, seed=0, **more)
    assert set(one.examples.inputs) < set(other.examples.inputs)
    assert one.touched.tolist() == function(given, seed=0, **less).touched.tolist()
    assert one.touched.tolist() != function(given, seed=1, **less).touched.tolist()


def test_weights_votes_and_targets_go_with_their_rows(split_of):
    given = split_of({"a": 4, "b": 4})
    votes = np.arange(16, dtype=np.float32).reshape(8, 2)
    given = replace(given, weights=np.arange(8, dtype=np.float32), votes=votes)
    kept = shots(given, per_class=2, seed=0).examples
    assert kept.weights.tolist() == kept.ids.tolist()
    assert np.array_equal(kept.votes, votes[kept.ids])
    with pytest.raises(InputError, match="votes of annotators"):
        class_subset(given, classes=["a", "b"])
