"""scikit-learn's own checks, by name with the reason where one cannot hold for texts.

`check_estimator` gives numbers, so a row of numbers is written as a text, one word a column, and nothing else is done
for it. The lists are exact: a check that fails and is not in one, or that is in one and passes, fails the test.
"""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from sfumato import KeywordSmoother, SoftLabelClassifier, SoftTargetClassifier

NO_FEATURES = "a text has no fixed number of features"
NO_NUMBERS = "it is about numbers that cannot be used, and the words that are made of them can"
OUR_WORDS = "texts that are no strings are refused in other words, see test_sklearn_input.py"
CANNOT_HOLD = {
    "check_n_features_in_after_fitting": NO_FEATURES,
    "check_n_features_in": NO_FEATURES,
    "check_fit1d": NO_FEATURES + "; one dimension is what texts have",
    "check_fit2d_predict1d": NO_FEATURES + "; one dimension is what texts have",
    "check_complex_data": NO_NUMBERS,
    "check_estimators_nan_inf": NO_NUMBERS,
    "check_dtype_object": OUR_WORDS,
    "check_estimators_empty_data_messages": NO_FEATURES + ", so there are no texts of 0 features",
    "check_estimator_sparse_tag": OUR_WORDS,
    "check_estimator_sparse_array": OUR_WORDS,
    "check_estimator_sparse_matrix": OUR_WORDS,
}
OF_CLASSIFIERS = {
    "check_classifiers_train": NO_FEATURES + "; all that it asserts before that holds",
    "check_sample_weight_equivalence_on_dense_data": "n-grams are counted by text and not by weight",
}
OF_TRANSFORMERS = {"check_transformer_general": NO_FEATURES + "; all that it asserts before that holds"}


def as_texts(X):
    return [" ".join(f"w{k}_{int(np.floor(2 * value))}" for k, value in enumerate(row)) for row in np.asarray(X)]


def numeric_tags(tags):
    tags.input_tags.string = tags.input_tags.one_d_array = False
    tags.input_tags.two_d_array = True
    return tags


class ClassifierOfNumbers(SoftLabelClassifier):
    def fit(self, X, y, soft_targets=None, sample_weight=None):
        return super().fit(as_texts(X), y, soft_targets, sample_weight)

    def predict_proba(self, X):
        check_is_fitted(self)
        return super().predict_proba(as_texts(X))

    def __sklearn_tags__(self):
        return numeric_tags(super().__sklearn_tags__())


class SmootherOfNumbers(KeywordSmoother):
    def fit(self, X, y):
        return super().fit(as_texts(X), y)

    def fit_transform(self, X, y):
        return super().fit_transform(as_texts(X), y)

    def transform(self, X):
        check_is_fitted(self)
        return super().transform(as_texts(X))

    def __sklearn_tags__(self):
        return numeric_tags(super().__sklearn_tags__())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("estimator", "reasons"),
    [
        (
            ClassifierOfNumbers(dev=0, model_options={"steps": 5, "characters": 0}, threads=1),
            CANNOT_HOLD | OF_CLASSIFIERS,
        ),
        (SmootherOfNumbers(temperature=1.0), CANNOT_HOLD | OF_TRANSFORMERS),
        (SoftTargetClassifier(LogisticRegression()), {}),
    ],
    ids=lambda given: type(given).__name__,
)
@pytest.mark.slow
def test_every_check_holds_but_those_that_cannot_for_texts(estimator, reasons):
    done = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = {result["check_name"]: str(result["exception"]) for result in done if result["status"] == "failed"}
    assert failed.keys() == reasons.keys(), failed
    passed = [result for result in done if result["status"] == "passed"]
    assert len(passed) > 30


def test_scikit_learn_is_told_that_texts_are_wanted():
    with pytest.warns(SkipTestWarning, match="requires input"):
        check_estimator(SoftLabelClassifier())
    with warnings.catch_warnings(record=True):
        assert SoftLabelClassifier().__sklearn_tags__().input_tags.string
