"""Labels that are replaced: how many, by what, and which stay; recomputed with plain loops."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sfumato.damage import group_noise, symmetric_noise, transition_noise
from sfumato.errors import InputError
from sfumato.targets import DenseTargets

GROUPS = {
    "rec.autos": 200,
    "rec.sport.hockey": 150,
    "rec.motorcycles": 50,
    "sci.med": 100,
    "sci.space": 60,
    "alone": 40,
}


def by_hand(given, damaged):
    """Check what every noise promises, row by row, and return the pairs (label before, label after) that differ."""
    after = damaged.examples
    assert list(after.inputs) == list(given.inputs)
    assert after.classes == given.classes
    assert after.ids.tolist() == given.ids.tolist()
    dense = after.targets.dense()
    changed = []
    for row in range(len(given)):
        before, now = int(given.labels[row]), int(after.labels[row])
        assert dense[row].tolist() == [float(k == now) for k in range(given.num_classes)]
        assert (row in damaged.touched) == (before != now)
        if before != now:
            changed.append((given.classes[before], given.classes[now]))
    assert damaged.touched.tolist() == sorted(damaged.touched.tolist())
    assert damaged.touched.dtype == np.int64
    return changed


@pytest.mark.parametrize("rate", [0, 0.06, 0.3, 0.5, 1])
def test_symmetric_noise_changes_exactly_the_rate(split_of, rate):
    given = split_of({"a": 300, "b": 200, "c": 100, "d": 3})
    damaged = symmetric_noise(given, rate=rate, seed=0)
    assert len(by_hand(given, damaged)) == round(rate * 603)
    assert damaged.said.startswith(f"symmetric-noise: {round(rate * 603)} of 603 (")


def test_symmetric_noise_gives_each_other_class_as_often(split_of):
    given = split_of({"a": 3000, "b": 3000, "c": 3000, "d": 3000})
    pairs = Counter(by_hand(given, symmetric_noise(given, rate=0.5, seed=0)))
    assert len(pairs) == 12
    assert all(abs(number - 500) < 5 * 500**0.5 for number in pairs.values())  # 6000 rows, 12 pairs


def test_group_noise_stays_in_the_group_and_its_rate_is_of_all_rows(split_of):
    given = split_of(GROUPS)
    damaged = group_noise(given, rate=0.3, seed=0)
    pairs = by_hand(given, damaged)
    assert len(pairs) == 180  # .3 of 600, though 40 rows cannot change
    assert all(old.split(".")[0] == new.split(".")[0] for old, new in pairs)
    assert {old for old, _ in pairs} == set(GROUPS) - {"alone"}
    assert {new for _, new in pairs} == set(GROUPS) - {"alone"}
    assert damaged.said == (
        "group-noise: 180 of 600 (30.00 %) labels replaced; 40 rows stay, their class is alone in its group: alone"
    )


def test_all_rows_that_have_a_neighbour_can_change_and_not_one_more(split_of):
    given = split_of(GROUPS)
    assert len(by_hand(given, group_noise(given, rate=560 / 600, seed=1))) == 560
    with pytest.raises(InputError, match=r"rate must be at most 0\.9333 here, got 0\.95: 560 of 600 \(93\.33 %\) rows"):
        group_noise(given, rate=0.95, seed=1)
    assert len(by_hand(given, group_noise(given, rate=0.9333, seed=1))) == 560


def test_groups_end_at_a_colon_too_and_may_be_named(split_of):
    given = split_of({"ENTY:animal": 50, "ENTY:body": 50, "LOC:city": 50, "LOC:state": 50})
    by_name = by_hand(given, group_noise(given, rate=0.5, seed=0))
    assert all(old[:3] == new[:3] for old, new in by_name)
    named = by_hand(given, group_noise(given, rate=0.25, groups=[["ENTY:body", "LOC:city"]], seed=0))
    assert {frozenset(pair) for pair in named} == {frozenset({"ENTY:body", "LOC:city"})}
    assert len(named) == 50


def test_one_group_of_all_classes_is_symmetric_noise(split_of):
    given = split_of(GROUPS)
    one = group_noise(given, rate=0.4, groups=[list(GROUPS)], seed=3)
    assert one.examples.labels.tolist() == symmetric_noise(given, rate=0.4, seed=3).examples.labels.tolist()


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([["sci.med", "sci.spce"]], r"no class 'sci\.spce' \(did you mean 'sci\.space'\?\)"),
        ([["sci.med", "alone"], ["alone", "rec.autos"]], "'alone' is in two groups"),
        ([["sci.med", "sci.med"]], "'sci.med' is named twice"),
        (["sci.med", "sci.space"], "list of lists of names"),
        (3, "list of lists of names"),
        ([3], "list of names, got 3"),
    ],
)
def test_groups_that_are_none_are_refused(split_of, groups, said):
    with pytest.raises(InputError, match=said):
        group_noise(split_of(GROUPS), rate=0.1, groups=groups, seed=0)


def test_classes_without_groups_leave_nothing_to_exchange(split_of):
    given = split_of({"a": 10, "b": 10})
    with pytest.raises(InputError, match="rate must be at most 0 here"):
        group_noise(given, rate=0.1, seed=0)
    assert len(group_noise(given, rate=0, seed=0).touched) == 0


def test_a_transition_matrix_is_met_class_by_class(split_of):
    given = split_of({"a": 20_000, "b": 20_000, "c": 20_000})
    matrix = [[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]
    damaged = transition_noise(given, matrix=matrix, seed=0)
    counts = np.zeros((3, 3))
    for before, now in zip(given.labels.tolist(), damaged.examples.labels.tolist(), strict=True):
        counts[before, now] += 1
    np.testing.assert_allclose(counts / 20_000, matrix, atol=0.015)  # 4 deviations of a share of 20,000
    assert counts[0, 2] == counts[1, 0] == counts[1, 2] == 0
    assert np.array_equal(damaged.touched, np.flatnonzero(given.labels != damaged.examples.labels))


def test_the_unit_matrix_changes_nothing_and_a_permutation_everything(split_of):
    given = split_of({"a": 20, "b": 20, "c": 20})
    assert len(transition_noise(given, matrix=np.eye(3), seed=0).touched) == 0
    turned = transition_noise(given, matrix=np.roll(np.eye(3), 1, axis=1), seed=0)
    assert by_hand(given, turned) == [("a", "b"), ("b", "c"), ("c", "a")] * 20


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ([[1, 0], [0, 1]], r"shape \(3, 3\), a row and a column a class in this order: a, b, c; got \(2, 2\)"),
        ([[1, 0, 0], [0.5, 0.4, 0], [0, 0, 1]], r"row 2 of matrix \(of b\) does not sum to 1"),
        ([[1, 0, 0], [0, 1, 0], [-0.5, 0.5, 1]], r"row 3 of matrix \(of c\) holds a negative share"),
        ([[1, 0, 0], [0, 1], [0, 0, 1]], "3 lists of 3 numbers"),
        ("a", "3 lists of 3 numbers"),
    ],
)
def test_matrices_that_are_none_are_refused(split_of, matrix, said):
    with pytest.raises(InputError, match=said):
        transition_noise(split_of({"a": 2, "b": 2, "c": 2}), matrix=matrix, seed=0)


def test_less_noise_is_a_part_of_more_noise(split_of):
    given = split_of(GROUPS)
    less, more = (group_noise(given, rate=rate, seed=5) for rate in (0.06, 0.3))
    assert set(less.touched) < set(more.touched)
    assert less.examples.labels[less.touched].tolist() == more.examples.labels[less.touched].tolist()


def test_the_seed_decides_the_rows_also_in_another_process(split_of):
    given = split_of(GROUPS)
    first, again, other = (symmetric_noise(given, rate=0.2, seed=seed).examples.labels.tolist() for seed in (1, 1, 2))
    assert first == again != other
    program = (
        "from sfumato.damage import symmetric_noise; from sfumato.data import Examples; import sys;"
        f"given = Examples.from_labels({list(given.inputs)!r}, {[given.classes[k] for k in given.labels]!r},"
        f" classes={given.classes!r});"
        "print(symmetric_noise(given, rate=0.2, seed=1).examples.labels.tolist());"
        "assert 'torch' not in sys.modules"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(first)


def test_the_split_that_is_given_is_not_edited(split_of):
    given = split_of(GROUPS)
    labels, targets = given.labels.copy(), given.targets.dense().copy()
    symmetric_noise(given, rate=1, seed=0)
    assert given.labels.tolist() == labels.tolist()
    assert np.array_equal(given.targets.dense(), targets)


@pytest.mark.parametrize("name", ["votes", "teacher", "similar"])
def test_what_speaks_of_the_labels_of_before_is_refused(split_of, name):
    given = split_of({"a": 2, "b": 2})
    part = np.ones((4, 2), dtype=bool if name == "similar" else np.float32)
    what = {"votes": "votes of annotators", "teacher": "probabilities of a teacher", "similar": "labels to be masked"}
    with pytest.raises(InputError, match=f"the rows also have {what[name]}"):
        symmetric_noise(replace(given, **{name: part}), rate=0.5, seed=0)


def test_soft_targets_are_refused_and_one_hot_ones_of_any_kind_are_not(split_of):
    given = split_of({"a": 2, "b": 2})
    symmetric_noise(replace(given, targets=DenseTargets(given.targets.dense())), rate=0.5, seed=0)
    soft = replace(given, targets=DenseTargets(np.full((4, 2), 0.5, np.float32)))
    for noise in (symmetric_noise, group_noise):
        options = {"groups": [["a", "b"]]} if noise is group_noise else {}
        with pytest.raises(InputError, match="soft targets"):
            noise(soft, rate=0.5, seed=0, **options)
    with pytest.raises(InputError, match="soft targets"):
        transition_noise(soft, matrix=np.eye(2), seed=0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate": 1.1, "seed": 0}, "rate must be at least 0 and at most 1, got 1.1"),
        ({"rate": "a", "seed": 0}, "rate must be a number"),
        ({"rate": 0.1, "seed": -1}, "seed must be at least 0"),
    ],
)
def test_options_out_of_range_are_refused(split_of, options, said):
    with pytest.raises(InputError, match=f"symmetric-noise: {said}"):
        symmetric_noise(split_of({"a": 2, "b": 2}), **options)


def test_a_row_without_a_known_class_is_refused(split_of):
    given = split_of({"a": 2, "b": 2})
    unseen = replace(given, labels=np.array([0, 1, -1, 1]))
    with pytest.raises(InputError, match=r"row 3 has one that training never saw \(1 of 4 rows\)"):
        symmetric_noise(unseen, rate=0.5, seed=0)
