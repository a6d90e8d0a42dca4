"""A method as a value: transforms in order, at most one loss of its own, and what `combine` makes of two."""

from dataclasses import replace

import numpy as np
import pytest

from sfumato import METHODS, combine
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.targets import DenseTargets


def examples():
    return Examples.from_labels(["a b", "b c", "c d", "d e"], ["x", "y", "x", "y"])


def halved(split):
    dense = split.targets.dense()
    return replace(split, targets=DenseTargets(dense / 2 + np.float32(0.25)))


def swapped(split):
    return replace(split, targets=DenseTargets(split.targets.dense()[:, ::-1] ** 2))


def test_transforms_run_in_the_order_given_and_leave_the_split_as_it_was():
    given = examples()
    before = given.targets.dense().tolist()
    one_way = Method("own", (halved, swapped)).prepare(given)
    other_way = Method("own", (swapped, halved)).prepare(given)
    assert one_way.targets.dense()[0].tolist() == [0.25**2, 0.75**2]
    assert other_way.targets.dense()[0].tolist() == [0.25, 0.75]
    assert given.targets.dense().tolist() == before


def test_a_method_is_printed_by_its_title_or_else_by_its_name():
    assert str(METHODS["kwls"]()) == "kwls (sfumato)"
    assert str(METHODS["lcm-paper"]()) == "lcm-paper"


def test_combine_applies_one_after_the_other_and_keeps_the_only_loss():
    lcm = METHODS["lcm"]()
    first, second = Method("halved", (halved,)), Method("swapped", (swapped,))
    joined = combine(first, second, lcm)
    in_turn = second.prepare(first.prepare(examples()))
    assert joined.prepare(examples()).targets.dense().tolist() == in_turn.targets.dense().tolist()
    assert joined.criterion is lcm.criterion
    assert combine(first, second).criterion is None


def test_combine_names_records_and_versions_both():
    smoothing, lcm = METHODS["label-smoothing"](0.2), METHODS["lcm"]()
    joined = combine(smoothing, lcm)
    assert joined.name == "label-smoothing+lcm"
    assert str(combine(METHODS["kwls"](), lcm)) == "kwls (sfumato) + lcm"
    assert joined.version == smoothing.version + lcm.version
    assert joined.options["label-smoothing.smoothing"] == 0.2
    assert {key for key in joined.options if key.startswith("lcm.")} == {f"lcm.{key}" for key in lcm.options}


def test_combine_needs_training_if_one_does_and_is_of_the_label_alone_only_if_all_are():
    baseline, smoothing = METHODS["baseline"](), METHODS["label-smoothing"]()
    kwls, lcm = METHODS["kwls"](), METHODS["lcm"]()
    assert combine(smoothing, lcm).needs_training
    assert not combine(baseline, kwls).needs_training
    assert combine(baseline, smoothing).has_targets
    assert not combine(baseline, baseline).has_targets
    assert combine(baseline, smoothing).label_only
    assert not combine(baseline, kwls).label_only
    assert not combine(Method("halved", (halved,)), smoothing).label_only


@pytest.mark.parametrize("pair", [("kwls-paper", "lcm"), ("lcm", "lcm-paper")])
def test_combine_refuses_two_losses_and_names_both(pair):
    with pytest.raises(InputError, match=f"{pair[0]} and {pair[1]} both bring a loss of their own"):
        combine(METHODS["label-smoothing"](), *(METHODS[name]() for name in pair))


@pytest.mark.filterwarnings("ignore:.*keywords do not predict the labels", "ignore:.*nothing is masked")  # four texts
@pytest.mark.filterwarnings("ignore:.*cannot be told from ambiguous texts")
@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_replaces_targets_says_so(name):
    p = np.full((4, 2), 0.5, dtype=np.float32)
    given = replace(examples(), teacher=p, votes=p)
    other = replace(given, targets=DenseTargets(np.tile(np.float32([0.3, 0.7]), (4, 1))))
    method = METHODS[name]()
    same = method.prepare(given).targets.dense().tolist() == method.prepare(other).targets.dense().tolist()
    assert method.replaces_targets == same


@pytest.mark.parametrize("pair", [("votes", "kwls"), ("votes", "label-smoothing"), ("kwls", "self-distillation")])
def test_combine_refuses_two_methods_of_which_one_would_drop_the_other(pair):
    first, second = (METHODS[name]() for name in pair)
    with pytest.raises(InputError, match=f"{pair[0]} and {pair[1]} both make .* nothing of the first would be left"):
        combine(first, METHODS["class-weights"](), second)
    for name in ("lcm", "class-weights", "logit-adjustment"):
        assert combine(first, METHODS[name]()).replaces_targets
    assert not combine(METHODS["class-weights"](), METHODS["lcm"]()).replaces_targets


def test_combine_needs_a_method():
    with pytest.raises(InputError, match="at least one method"):
        combine()


def test_targets_that_distrust_rare_classes_and_a_loss_that_favours_them_are_joined_with_a_warning():
    joined = combine(METHODS["adaptive"](), METHODS["logit-adjustment"]())
    assert any("compare with each of them alone" in note for note in joined.notes)
    assert joined.noise_aware
    assert joined.helps_rare
    assert not combine(METHODS["label-smoothing"](), METHODS["logit-adjustment"]()).notes
