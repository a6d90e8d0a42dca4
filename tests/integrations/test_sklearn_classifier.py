"""`SoftLabelClassifier` beside `sfumato.fit`, and in scikit-learn's pipelines, searches and cross-validation."""

import pickle

import numpy as np
import pandas
import polars
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sfumato
from sfumato.methods.kwls import kwls

FAST = {"model_options": {"steps": 8, "characters": 0}, "threads": 1}
KWLS = {"method": "kwls", "method_options": {"temperature": 3.0}}
CLASSIFIER = sfumato.SoftLabelClassifier(dev=0, **FAST)


@pytest.fixture(scope="module")
def fitted(tickets):
    return sfumato.SoftLabelClassifier(**KWLS, **FAST).fit(tickets["text"], tickets["label"])


def test_it_is_the_model_that_fit_trains(tickets, fitted):
    model = sfumato.fit(tickets, model="linear", text="text", label="label", **KWLS, **FAST)
    assert np.array_equal(fitted.predict_proba(tickets["text"]), model.predict_proba(tickets["text"]))
    assert fitted.predict(tickets["text"]).tolist() == model.predict(tickets["text"])
    assert fitted.model_.info["dev"] == model.info["dev"]


def test_texts_and_labels_may_be_lists_arrays_or_series(tickets, fitted):
    texts, labels = tickets["text"], tickets["label"]
    expected = fitted.predict_proba(texts[:5])
    for X, y in (
        (np.array(texts), np.array(labels)),
        (np.array(texts, dtype=object), pandas.Categorical(labels)),
        (pandas.Series(texts, index=range(90, 0, -1)), pandas.Series(labels, index=range(90, 0, -1))),
        (polars.Series(texts), polars.Series(labels)),
    ):
        again = clone(fitted).fit(X, y)
        assert np.array_equal(again.predict_proba(X[:5]), expected)


@pytest.mark.parametrize(
    "values", [[10, 9, 2], [True, False], np.array([3, 1], dtype=np.int8), ["b", "a"], [2.0, 1.0]], ids=str
)
def test_classes_keep_the_dtype_of_the_labels(values, tickets):
    y = np.array([values[i % len(values)] for i in range(90)])
    classifier = sfumato.SoftLabelClassifier(method="baseline", **FAST).fit(tickets["text"], y)
    assert classifier.classes_.tolist() == sorted(y[: len(values)].tolist())
    predicted = classifier.predict(tickets["text"])
    assert predicted.dtype == classifier.classes_.dtype == y.dtype
    columns = classifier.predict_proba(tickets["text"]).argmax(axis=1)
    assert np.array_equal(predicted, classifier.classes_[columns])


def test_numbers_as_classes_are_learned_as_well_as_their_names(tickets):
    number = {"billing": 10, "login": 9, "shipping": 2}
    classifier = sfumato.SoftLabelClassifier(**FAST).fit(tickets["text"], [number[name] for name in tickets["label"]])
    assert classifier.classes_.tolist() == [2, 9, 10]  # and not "10", "2", "9"
    assert classifier.score(tickets["text"], [number[name] for name in tickets["label"]]) > 0.9


def test_before_fit_there_is_nothing_to_predict_with_and_after_it_there_is(tickets):
    classifier = sfumato.SoftLabelClassifier(**FAST)
    for ask in (classifier.predict, classifier.predict_proba):
        with pytest.raises(NotFittedError):
            ask(["Where is my parcel?"])
    classifier.fit(tickets["text"], tickets["label"])
    assert classifier.predict_proba(["Where is my parcel?"]).shape == (1, 3)
    assert classifier.predict([]).shape == (0,)


def test_the_constructor_only_stores_and_fit_says_what_is_wrong(tickets):
    classifier = sfumato.SoftLabelClassifier(method="kwsl")
    assert classifier.get_params()["method"] == "kwsl"
    with pytest.raises(sfumato.InputError, match="did you mean 'kwls'"):
        classifier.fit(tickets["text"], tickets["label"])


def test_a_clone_has_the_parameters_and_not_the_model(fitted):
    other = clone(fitted)
    assert other.get_params() == fitted.get_params()
    assert not hasattr(other, "model_")
    assert clone(sfumato.SoftLabelClassifier(method=kwls(weight=0.3))).get_params()["method__weight"] == 0.3


def test_a_pickle_predicts_the_same(tickets, fitted):
    texts = tickets["text"][:9]
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(texts), fitted.predict_proba(texts))


def test_a_pipeline_a_grid_and_cross_validation_take_it(tickets):
    texts, labels = tickets["text"], tickets["label"]
    pipeline = make_pipeline(FunctionTransformer(lambda texts: [text.upper() for text in texts]), clone(CLASSIFIER))
    assert pipeline.fit(texts, labels).score(texts, labels) > 0.9
    assert cross_val_score(CLASSIFIER, texts, labels, cv=2).mean() > 0.6
    grid = [
        {"method": ["kwls"], "method__weight": [0.1, 0.3], "method__temperature": [3.0]},
        {"method": ["label-smoothing"], "method__smoothing": [0.2]},
    ]
    search = GridSearchCV(CLASSIFIER, grid, cv=2, error_score="raise").fit(texts, labels)
    assert len(search.cv_results_["params"]) == 3
    assert search.best_estimator_.method_options == {
        name.partition("__")[2]: value for name, value in search.best_params_.items() if "__" in name
    }


def test_soft_targets_and_weights_are_routed_through_cross_validation(tickets):
    texts, labels = tickets["text"], np.array(tickets["label"])
    names, index = np.unique(labels, return_inverse=True)
    turned = np.eye(3)[(index + 1) % 3]  # every row's target is another class: only they can teach that
    with sklearn.config_context(enable_metadata_routing=True):
        asking = clone(CLASSIFIER).set_params(method="baseline").set_fit_request(soft_targets=True, sample_weight=True)
        asking.set_score_request(sample_weight=False)
        given = {"soft_targets": turned, "sample_weight": np.ones(90)}
        done = cross_validate(asking, texts, labels, cv=2, params=given, return_estimator=True)
        predicted = done["estimator"][0].predict(texts)
        assert (predicted == names[(index + 1) % 3]).mean() > 0.9
        with pytest.raises(Exception, match="soft_targets"):
            cross_validate(clone(CLASSIFIER), texts, labels, cv=2, params={"soft_targets": turned})
    assert cross_val_score(clone(CLASSIFIER), texts, labels, cv=2).mean() > 0.6


def test_soft_targets_are_those_that_fit_takes(tickets):
    soft = sfumato.soften(tickets["text"], tickets["label"], "kwls", weight=0.4, temperature=3.0)
    model = sfumato.fit(tickets, text="text", label="label", method="baseline", soft_targets=soft, **FAST)
    classifier = sfumato.SoftLabelClassifier(method="baseline", **FAST)
    expected = model.predict_proba(tickets["text"])
    for given in (soft, soft.targets):
        again = clone(classifier).fit(tickets["text"], tickets["label"], soft_targets=given)
        assert np.array_equal(again.predict_proba(tickets["text"]), expected)


def test_votes_have_no_place_beside_labels_and_go_by_soft_targets(tickets):
    texts, labels = tickets["text"], tickets["label"]
    classifier = sfumato.SoftLabelClassifier(method="votes", **FAST)
    with pytest.raises(sfumato.InputError, match=r"soften\(X, y, 'votes', votes=...\).*fit\(X, y, soft_targets=soft\)"):
        classifier.fit(texts, labels)
    soft = sfumato.soften(texts, labels, "votes", votes=[[name, name] for name in labels])
    assert classifier.fit(texts, labels, soft_targets=soft).score(texts, labels) > 0.9


def test_columns_of_soft_targets_go_to_the_classes_of_their_names(tickets):
    numbers = [{"billing": 10, "login": 9, "shipping": 2}[name] for name in tickets["label"]]
    soft = sfumato.soften(tickets["text"], numbers, "label-smoothing")
    assert soft.classes == ("10", "2", "9")  # sorted as texts
    classifier = sfumato.SoftLabelClassifier(method="baseline", **FAST).fit(tickets["text"], numbers, soft)
    assert classifier.score(tickets["text"], numbers) > 0.9


def test_weights_decide_between_rows_that_contradict_each_other(tickets):
    texts = [*tickets["text"], *tickets["text"]]
    other = {"billing": "login", "login": "shipping", "shipping": "billing"}
    labels = [*tickets["label"], *(other[name] for name in tickets["label"])]
    for heavy in (0, 1):
        weight = np.repeat([1.0, 0.01] if heavy == 0 else [0.01, 1.0], 90)
        predicted = clone(CLASSIFIER).fit(texts, labels, sample_weight=weight).predict(tickets["text"])
        assert (predicted == np.array(labels[90 * heavy : 90 * heavy + 90])).mean() > 0.9


def test_the_html_shows_it_and_its_parameters(fitted):
    shown = fitted._repr_html_()
    assert "SoftLabelClassifier" in shown
    assert "method" in shown
    assert "kwls" in repr(fitted)
