"""Errors for people: the nearest right name, the whole list, and the command that installs what is missing."""

import importlib.util

import pytest

from sfumato.errors import InputError, MissingExtraError, nearest, require_torch, unknown


def test_the_nearest_name_is_proposed_whatever_its_case_and_nothing_far_away():
    assert nearest("TEXT", ["text", "label"]) == " (did you mean 'text'?)"
    assert nearest("lable", ["Text", "Label"]) == " (did you mean 'Label'?)"
    assert nearest("colour", ["text", "label"]) == ""
    assert nearest("x", []) == ""


def test_an_unknown_name_is_shown_with_all_that_there_are():
    error = unknown("model", "linaer", iter(["linear", "textcnn"]))
    assert isinstance(error, InputError)
    assert str(error) == "no model 'linaer' (did you mean 'linear'?); there are: linear, textcnn"


def test_input_errors_are_value_errors_and_a_missing_extra_is_an_import_error():
    assert issubclass(InputError, ValueError)
    assert issubclass(MissingExtraError, ImportError)


def test_a_missing_extra_names_what_is_missing_and_the_command(monkeypatch):
    require_torch("fit")  # all three are here
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "accelerate" else find(name))
    with pytest.raises(MissingExtraError, match=r"^fit needs accelerate: pip install 'sfumato\[torch\]'$"):
        require_torch("fit")
