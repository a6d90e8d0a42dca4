"""The page that tells how to add a method is run as it stands."""

import re
import sys
import types

import numpy as np
import pytest

from sfumato import InputError, Method
from sfumato.controls import controls
from sfumato.data import Examples
from sfumato.registry import Registry


@pytest.fixture
def blocks(pytestconfig):
    page = (pytestconfig.rootpath / "docs" / "add-a-method.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n# (\S+)\n(.*?)```", page, flags=re.DOTALL)
    assert [path for path, _ in found] == ["sfumato/methods/ordinal.py", "tests/methods/test_ordinal.py"]
    line = re.search(r'^ +"ordinal": "(.*)",$', page, flags=re.MULTILINE)
    return dict(found), line.group(1)


@pytest.fixture
def registry(blocks, monkeypatch):
    sources, where = blocks
    module = types.ModuleType("sfumato.methods.ordinal")
    exec(compile(sources["sfumato/methods/ordinal.py"], "ordinal.py", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "sfumato.methods.ordinal", module)
    return Registry[Method]("method", {"ordinal": where})


def test_the_method_of_the_page_is_built_by_name_and_checks_its_options(registry):
    train = Examples.from_labels(["a", "b", "c"], ["1", "2", "3"])
    targets = registry.build("ordinal", {"width": 2.0}).prepare(train).targets.dense()
    assert targets.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(targets.argmax(axis=1), train.labels)
    assert list(controls(registry.build("ordinal", {}))) == ["uniform"]  # the other two would be itself
    with pytest.raises(InputError, match="width must be more than 0, got 0"):
        registry.build("ordinal", {"width": 0})


def test_the_tests_of_the_page_pass(blocks, registry):
    scope = {}
    exec(compile(blocks[0]["tests/methods/test_ordinal.py"], "test_ordinal.py", "exec"), scope)
    by_the_book = scope["test_targets_are_the_softmax_printed_in_the_paper"]
    (widths,) = [mark.args[1] for mark in by_the_book.pytestmark]
    for width in widths:
        by_the_book(width)
    scope["test_a_narrow_width_leaves_the_labels_hard"]()
