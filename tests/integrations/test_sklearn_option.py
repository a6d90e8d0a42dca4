"""Nested parameters: options of a method or model given by name, built, as a function, or as a smoother."""

import pytest

import sfumato
from sfumato import KeywordSmoother, SoftLabelClassifier
from sfumato.methods.class_weights import class_weights
from sfumato.methods.kwls import kwls
from sfumato.methods.label_smoothing import label_smoothing


def test_a_name_has_the_options_of_its_signature():
    params = SoftLabelClassifier(method="kwls", method_options={"weight": 0.3}).get_params()
    assert (params["method__weight"], params["method__k1"], params["model__steps"]) == (0.3, 2.0, 60)
    assert "method__smoothing" not in params
    assert "method__weight" not in SoftLabelClassifier(method="kwls").get_params(deep=False)


def test_a_method_and_its_option_are_set_together_in_any_order():
    for params in ({"method": "kwls", "method__weight": 0.2}, {"method__weight": 0.2, "method": "kwls"}):
        classifier = SoftLabelClassifier().set_params(**params)
        assert (classifier.method, classifier.method_options) == ("kwls", {"weight": 0.2})


def test_another_method_drops_the_options_of_the_one_before_and_the_same_keeps_them():
    classifier = SoftLabelClassifier(method="kwls", method_options={"weight": 0.2}, model_options={"steps": 9})
    assert classifier.set_params(method="kwls").method_options == {"weight": 0.2}
    assert classifier.set_params(method="label-smoothing").method_options is None
    assert classifier.model_options == {"steps": 9}
    given = {"method": "kwls", "method_options": {"k1": 1.0}, "method__weight": 0.1}
    assert classifier.set_params(**given).method_options == {"k1": 1.0, "weight": 0.1}


def test_options_that_were_given_are_not_edited():
    given = {"weight": 0.2}
    classifier = SoftLabelClassifier(method="kwls", method_options=given).set_params(method__weight=0.5)
    assert given == {"weight": 0.2}
    assert classifier.method_options == {"weight": 0.5}


def test_a_built_method_is_built_again_with_the_option():
    classifier = SoftLabelClassifier(method=kwls(k1=3.0, weight=0.1))
    assert classifier.get_params()["method__k1"] == 3.0
    classifier.set_params(method__weight=0.4)
    assert (classifier.method.options["k1"], classifier.method.options["weight"]) == (3.0, 0.4)
    assert classifier.method_options is None


def test_a_function_keeps_the_option_beside_it():
    classifier = SoftLabelClassifier(method=label_smoothing).set_params(method__smoothing=0.4)
    assert (classifier.method, classifier.method_options) == (label_smoothing, {"smoothing": 0.4})


def test_a_smoother_has_its_own_parameters():
    classifier = SoftLabelClassifier(method=KeywordSmoother(k1=3.0)).set_params(method__weight=0.4)
    assert classifier.method.weight == classifier.get_params()["method__weight"] == 0.4
    assert classifier.method.as_method().options["k1"] == 3.0


def test_what_cannot_be_set_is_refused_in_words():
    with pytest.raises(sfumato.InputError, match=r"method kwls has no option 'wieght' \(did you mean 'weight'\?\)"):
        SoftLabelClassifier(method="kwls").set_params(method__wieght=0.2)
    with pytest.raises(sfumato.InputError, match=r"model linear has no option 'filters'"):
        SoftLabelClassifier().set_params(model__filters=3)
    joined = sfumato.combine(kwls(), class_weights())
    with pytest.raises(sfumato.InputError, match=r"kwls\+class-weights is already built"):
        SoftLabelClassifier(method=joined).set_params(method__weight=0.2)
    for wrong in ("mehtod", "mehtod__weight", "seed__weight"):
        with pytest.raises((ValueError, AttributeError), match=r"mehtod|'int' object"):
            SoftLabelClassifier().set_params(**{wrong: 0.2})


def test_a_name_that_does_not_exist_has_no_options_but_those_given():
    params = SoftLabelClassifier(method="kwsl", method_options={"weight": 1}).get_params()
    assert {name for name in params if name.startswith("method__")} == {"method__weight"}
