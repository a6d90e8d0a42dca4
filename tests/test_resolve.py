"""Loose options go to their owner, and a name that nobody has comes back with the nearest."""

import pytest

from sfumato import METHODS, MODELS, Method
from sfumato.architecture import Architecture
from sfumato.errors import InputError
from sfumato.resolve import assign_options, build_architecture, build_method, option_names

OWNERS = {"method": ["alpha", "smoothing", "dim"], "model": ["filters", "dim", "min_count"]}


def test_a_loose_option_goes_to_its_only_owner():
    given = assign_options({"alpha": 2, "filters": 5, "min-count": 3}, OWNERS)
    assert given == {"method": {"alpha": 2}, "model": {"filters": 5, "min_count": 3}}


def test_an_ambiguous_option_is_refused_with_its_owners_and_taken_when_written_in_full():
    with pytest.raises(InputError, match=r"taken by method and model: write method\.dim or model\.dim"):
        assign_options({"dim": 5}, OWNERS)
    assert assign_options({"model.dim": 5, "method.dim": 6}, OWNERS) == {"method": {"dim": 6}, "model": {"dim": 5}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smothing", "did you mean 'smoothing'"),
        ("model.filter", "did you mean 'filters'"),
        ("modle.filters", "did you mean 'model'"),
        ("method.filters", "method takes alpha, smoothing, dim"),
        ("zzz", "no option 'zzz'; method takes"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest_and_the_lists(name, said):
    with pytest.raises(InputError, match=said):
        assign_options({name: 1}, OWNERS)


def test_a_method_may_be_a_name_a_function_or_the_thing_itself():
    built = METHODS["label-smoothing"](smoothing=0.3)
    assert build_method("label_smoothing", {"smoothing": 0.3}).options == built.options
    assert build_method(METHODS["label-smoothing"], {"smoothing": 0.3}).options == built.options
    assert build_method(built, {}) is built


def test_a_model_may_be_a_name_a_function_or_the_thing_itself():
    built = MODELS["textcnn"](filters=7)
    assert build_architecture("textcnn", {"filters": 7}).options == built.options
    assert build_architecture(MODELS["textcnn"], {"filters": 7}).options == built.options
    assert build_architecture(built, {}) is built
    assert isinstance(built, Architecture)


def test_options_for_a_thing_that_is_already_built_are_refused():
    with pytest.raises(InputError, match="already built; give \\['smoothing'\\]"):
        build_method(METHODS["label-smoothing"](), {"smoothing": 0.2})
    with pytest.raises(InputError, match="already built"):
        build_architecture(MODELS["textcnn"](), {"filters": 2})


def test_a_function_that_returns_something_else_is_refused():
    with pytest.raises(InputError, match=r"must return a sfumato\.Method, it returned int"):
        build_method(lambda: 3, {})
    with pytest.raises(InputError, match="it returned Method"):
        build_architecture(lambda: Method("own"), {})


@pytest.mark.parametrize(
    ("build", "name", "said"),
    [
        (build_method, "kwl", "no method 'kwl' \\(did you mean 'kwls'\\?\\); there are: "),
        (build_architecture, "textcn", "no model 'textcn' \\(did you mean 'textcnn'\\?\\); there are: "),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_and_the_list(build, name, said):
    with pytest.raises(InputError, match=said):
        build(name, {})


def test_option_names_are_the_signature():
    def own(strength=1.0): ...

    assert option_names("label-smoothing", METHODS) == ["smoothing", "mode", "loss", "alpha", "scale"]
    assert option_names(own, METHODS) == ["strength"]
    assert option_names(METHODS["baseline"](), METHODS) == []
