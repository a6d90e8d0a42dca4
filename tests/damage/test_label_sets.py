"""Damage to rows of several labels: what is defined keeps its promise, what is not is refused in words."""

import numpy as np
import pytest

from sfumato.damage import DAMAGES, class_subset, damage, fraction, symmetric_noise
from sfumato.data import Examples
from sfumato.errors import InputError


def rows(n=200, classes=6, seed=0):
    rng = np.random.default_rng(seed)
    gold = rng.random((n, classes)) < 0.3
    names = [f"c{k}" for k in range(classes)]
    sets = [[names[k] for k in np.flatnonzero(row)] for row in gold]
    return Examples.from_label_sets([f"t{k}" for k in range(n)], sets, classes=names)


def test_noise_replaces_the_share_of_labels_and_keeps_their_number_in_each_row():
    given = rows()
    before = given.labels.copy()
    total = int(given.labels.sum())
    some = symmetric_noise(given, rate=0.2, seed=3)
    more = symmetric_noise(given, rate=0.4, seed=3)
    for done, rate in ((some, 0.2), (more, 0.4)):
        labels = done.examples.labels
        assert (labels.sum(axis=1) == given.labels.sum(axis=1)).all()
        assert int((given.labels & ~labels).sum()) == round(rate * total)
        assert np.array_equal(done.examples.targets.dense(), labels)
        assert done.touched.tolist() == np.flatnonzero((labels != given.labels).any(axis=1)).tolist()
        assert f"{round(rate * total)} of {total}" in done.said
    assert set(some.touched) < set(more.touched)
    assert np.array_equal(given.labels, before)
    assert np.array_equal(symmetric_noise(given, rate=0.2, seed=3).examples.labels, some.examples.labels)
    assert not np.array_equal(symmetric_noise(given, rate=0.2, seed=4).examples.labels, some.examples.labels)
    full = Examples.from_label_sets(["a", "b"], [["x", "y"], ["x"]])
    with pytest.raises(InputError, match=r"rate must be at most 0\.3333 here"):
        symmetric_noise(full, rate=0.9, seed=0)


def test_a_fraction_keeps_rows_of_every_label():
    given = rows(classes=5)
    done = fraction(given, share=0.1, seed=0)
    assert len(done.examples) == 20
    assert done.examples.labels.sum(axis=0).min() >= 1
    assert sorted([*done.touched, *done.examples.ids]) == list(range(200))
    assert len(fraction(given, share=1, seed=0).examples) == 200


def test_a_subset_of_classes_drops_other_labels_and_rows_without_one():
    given = Examples.from_label_sets(list("abcd"), [["x", "y"], ["z"], ["y", "z"], []])
    done = class_subset(given, classes=["z", "y"])
    assert done.examples.classes == ("y", "z")
    assert done.examples.labels.tolist() == [[1, 0], [0, 1], [1, 1]]
    assert done.touched.tolist() == [3]
    train, _, _, touched, notes = damage(given, given, given, [{"kind": "class-subset", "classes": ["y", "z"]}], seed=0)
    assert (len(train), touched["train"].tolist()) == (3, [3])
    assert notes[0] == "train: class-subset: 3 of 4 (75.00 %) rows kept, 2 of 3 classes"


WANTED = {
    "group-noise": {"rate": 0.1},
    "transition-noise": {"matrix": np.eye(6)},
    "text-noise": {"rate": 0.1},
    "similar-noise": {"rate": 0.1},
    "trust": {"rows": 2},
    "drop-wrong": {},
    "imbalance": {"classes": ["c0"]},
    "long-tail": {"ratio": 10},
    "shots": {"per_class": 2},
}


@pytest.mark.parametrize("kind", WANTED)
def test_what_is_for_one_label_a_row_is_refused(kind):
    seeded = {"seed": 0} if "seed" in DAMAGES.schema(kind) else {}
    with pytest.raises(InputError, match=f"{kind} is for one label a row, and these rows may have several: .*fraction"):
        DAMAGES.build(kind, {"examples": rows(), **seeded, **WANTED[kind]})
    assert set(DAMAGES) == {*WANTED, "symmetric-noise", "fraction", "class-subset"}
