from dataclasses import replace

import numpy as np
import pytest

from sfumato import METHODS, InputError, combine
from sfumato.controls import control, control_names, controls
from sfumato.data import Examples
from sfumato.groups import same_group
from sfumato.method import Method

CLASSES = tuple(f"{group}.{k}" for group, size in (("a", 3), ("b", 4), ("c", 1), ("d", 2)) for k in range(size))
quiet = pytest.mark.filterwarnings("ignore::sfumato.methods.maskloss.MaskWarning")


def single():
    return Examples.from_labels([f"text {i}" for i in range(40)], [CLASSES[i % 10] for i in range(40)])


def several():
    generator = np.random.default_rng(0)
    sets = [list(generator.choice(CLASSES, generator.integers(0, 4), replace=False)) for _ in range(40)]
    return Examples.from_label_sets([f"text {i}" for i in range(40)], sets, classes=CLASSES)


METHOD = METHODS["maskloss-label"]("prefix:.")
pytestmark = quiet


def test_a_method_that_masks_has_controls_of_its_mask():
    assert control_names(METHOD) == ("random-groups", "random-mask")
    assert control_names(METHODS["baseline-sigmoid"]()) == ()
    assert control_names(combine(METHODS["label-smoothing"](), METHOD)) == ("random-groups", "random-mask")
    assert list(controls(METHOD)) == ["random-groups", "random-mask"]


@pytest.mark.parametrize("seed", range(4))
def test_random_groups_have_the_same_sizes_and_other_members(seed):
    own, other = METHOD.transforms[0], control(METHOD, "random-groups", seed=seed).transforms[0]
    mine, theirs = own.partition(single()), other.partition(single())
    assert sorted(np.bincount(theirs)) == sorted(np.bincount(mine)) == [1, 2, 3, 4]
    assert not np.array_equal(same_group(mine), same_group(theirs))
    assert np.array_equal(theirs, control(METHOD, "random-groups", seed=seed).transforms[0].partition(single()))


@pytest.mark.parametrize("data", [single, several])
def test_a_random_mask_leaves_out_as_many_labels_of_each_row_and_never_a_given_one(data):
    own = METHOD.prepare(data())
    other = control(METHOD, "random-mask", seed=3).prepare(data())
    assert own.similar.any()
    assert np.array_equal(own.similar.sum(axis=1), other.similar.sum(axis=1))
    assert not (other.similar & other.gold).any()
    assert not np.array_equal(own.similar, other.similar)
    again = control(METHOD, "random-mask", seed=3).prepare(data())
    assert np.array_equal(other.similar, again.similar)
    assert not np.array_equal(other.similar, control(METHOD, "random-mask", seed=4).prepare(data()).similar)


def test_a_mask_control_keeps_the_criterion_and_is_named():
    made = control(METHOD, "random-mask")
    assert made.criterion is METHOD.criterion
    assert made.name == "maskloss-label/random-mask"


def test_random_groups_without_groups_are_refused():
    with pytest.raises(InputError, match="random-groups needs a transform"):
        control(Method("mine", has_targets=False, masks=True), "random-groups")
    with pytest.raises(InputError, match="have none"):
        control(replace(METHOD, transforms=()), "random-mask").prepare(single())
