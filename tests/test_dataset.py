"""A data set cut for a comparison: each seed has its own dev rows, and test never changes."""

import numpy as np
import pytest

from sfumato import InputError
from sfumato.data import Examples
from sfumato.dataset import DataSet, cut_data


def tickets() -> dict[str, list[str]]:
    return {"text": [f"ticket number {i}" for i in range(200)], "label": ["a", "b"] * 100}


def test_each_seed_cuts_its_own_dev_rows_from_the_same_rows():
    data = cut_data("tickets", tickets(), text="text", label="label", seed=0)
    (first, dev_first), (second, dev_second) = data.of_seed(0), data.of_seed(1)
    every = sorted([*data.train.ids, *data.dev.ids])
    assert sorted([*first.ids, *dev_first.ids]) == sorted([*second.ids, *dev_second.ids]) == every
    assert len(dev_first) == len(dev_second) == len(data.dev)
    assert set(dev_first.ids) != set(dev_second.ids)
    assert not set(data.test.ids) & set(every)


def test_the_same_seed_cuts_the_same_dev_rows():
    data = cut_data("tickets", tickets(), text="text", label="label", seed=0)
    again = cut_data("tickets", tickets(), text="text", label="label", seed=0)
    assert np.array_equal(data.of_seed(3)[1].ids, again.of_seed(3)[1].ids)


def test_splits_of_other_classes_are_refused():
    both, one = (Examples.from_labels(["x", "y"], labels) for labels in (["a", "b"], ["a", "a"]))
    assert DataSet("d", both, both, both).sizes == ""
    for name, parts in (("dev", (both, one, both)), ("test", (both, both, one))):
        with pytest.raises(
            InputError, match=rf"d: {name} must have the classes of train.*\['a', 'b'\], {name} has \['a'\]"
        ):
            DataSet("d", *parts)
