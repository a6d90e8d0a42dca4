"""Names to functions: both ways of writing them, the schema, the options, and values as the command line has them."""

import inspect
import math

import numpy as np
import pytest

from sfumato import METHODS
from sfumato.errors import InputError
from sfumato.registry import Registry, check_choice, check_range, check_whole, read_value

NAMES = tuple(METHODS)


def test_hyphens_and_underscores_name_the_same_thing():
    assert METHODS["label_smoothing"] is METHODS["label-smoothing"]
    assert "label_smoothing" in METHODS
    assert "label-smoothing" in METHODS
    assert "label smoothing" not in METHODS
    assert len(METHODS) == len(set(NAMES)) == len(NAMES)
    assert repr(METHODS).startswith(f"<{len(NAMES)} methods: baseline, label-smoothing, kwls")


def test_an_unknown_name_is_refused_with_the_nearest_and_the_whole_list():
    with pytest.raises(InputError) as error:
        METHODS["kwsl"]
    assert str(error.value) == f"no method 'kwsl' (did you mean 'kwls'?); there are: {', '.join(NAMES)}"
    with pytest.raises(InputError, match=r"^no method 'zzz'; there are: baseline"):
        METHODS["zzz"]


def test_nothing_is_imported_before_it_is_used():
    registry = Registry("thing", {"far-away": "sfumato.no_such_module:thing"})
    assert "far_away" in registry
    assert list(registry) == ["far-away"]
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        registry["far-away"]


def test_the_schema_is_the_signature():
    schema = METHODS.schema("label_smoothing")
    assert schema == dict(inspect.signature(METHODS["label-smoothing"]).parameters)
    defaults = {name: parameter.default for name, parameter in schema.items()}
    assert defaults == {"smoothing": 0.1, "mode": "uniform", "loss": "ce", "alpha": 1.0, "scale": "none"}
    assert METHODS.schema("baseline") == {}


def test_build_passes_the_options_on_in_both_spellings():
    built = METHODS.build("kwls", {"leave-one-out": False, "temperature": 2.0})
    assert (built.options["leave_one_out"], built.options["temperature"]) == (False, 2.0)
    assert METHODS.build("kwls", {"leave_one_out": True}).options == METHODS["kwls"]().options


def test_build_names_an_option_that_there_is_not():
    with pytest.raises(InputError) as error:
        METHODS.build("label-smoothing", {"smothing": 0.1})
    options = "smoothing, mode, loss, alpha, scale"
    said = f"label-smoothing has no option 'smothing' (did you mean 'smoothing'?); it takes: {options}"
    assert str(error.value) == said
    with pytest.raises(InputError, match="baseline has no option 'alpha'; it takes: no options"):
        METHODS.build("baseline", {"alpha": 1})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("inf", math.inf),
        ("true", True),
        ("False", False),
        (" none ", None),
        ("auto", "auto"),
        ("3,10,25", (3, 10, 25)),
        ("(2, 3)", (2, 3)),
        ("[.5,a]", (0.5, "a")),
        ("4,", (4,)),
        ("per-class", "per-class"),
        ("", ""),
    ],
)
def test_a_value_is_read_as_it_is_written(text, value):
    read = read_value(text)
    assert read == value
    assert type(read) is type(value)


def test_a_range_holds_its_ends_unless_it_is_open_below():
    for value in (0, 0.5, 1):
        check_range("m", "share", value, 0, 1)
    check_range("m", "k", 1e-9, 0, math.inf, open_low=True)
    with pytest.raises(InputError, match=r"^m: k must be more than 0, got 0$"):
        check_range("m", "k", 0, 0, math.inf, open_low=True)
    with pytest.raises(InputError, match=r"^m: share must be at least 0 and at most 1, got 1\.01$"):
        check_range("m", "share", 1.01, 0, 1)


@pytest.mark.parametrize("value", [math.nan, "0.5", None, True, (1,)], ids=str)
def test_what_is_not_a_number_is_out_of_every_range(value):
    with pytest.raises(InputError, match="m: share must be"):
        check_range("m", "share", value, 0, 1)


def test_a_whole_number_may_be_written_as_a_float_but_has_no_fraction():
    check_whole("m", "steps", 3, 1, 10)
    check_whole("m", "steps", 3.0, 1, 10)
    with pytest.raises(InputError, match=r"m: steps must be a whole number, got 2\.5"):
        check_whole("m", "steps", 2.5, 1, 10)
    with pytest.raises(InputError, match="at least 1 and at most 10, got 11"):
        check_whole("m", "steps", 11, 1, 10)


def test_a_choice_outside_the_list_is_refused_with_the_nearest():
    check_choice("m", "mode", "uniform", ("uniform", "exclusive"))
    said = r"^m: mode must be one of 'uniform', 'exclusive', got 'unifrom' \(did you mean 'uniform'\?\)$"
    with pytest.raises(InputError, match=said):
        check_choice("m", "mode", "unifrom", ("uniform", "exclusive"))


def test_a_number_of_numpy_is_a_number_and_a_truth_value_is_not():
    check_range("m", "alpha", np.float32(0.5), 0, 1)
    check_whole("m", "steps", np.int64(3), 1)
    with pytest.raises(InputError, match="steps must be a whole number"):
        check_whole("m", "steps", np.float64(1.5), 1)
    for wrong in (True, np.bool_(True), "1", None):
        with pytest.raises(InputError, match="alpha must be a number"):
            check_range("m", "alpha", wrong, 0, 1)
