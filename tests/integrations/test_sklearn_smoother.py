"""Smoothers beside `soften`, and what they say of unseen texts beside the sum written out."""

import math
import pickle
import re
import warnings
from collections import Counter

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import sfumato
from sfumato.corpus import make_corpus
from sfumato.methods import METHODS
from sfumato.methods.keyword_labels import KeywordWarning

SMOOTHERS = [
    (sfumato.KeywordSmoother, {"weight": 0.3}),
    (sfumato.KeywordSmoother, {"temperature": 0.5, "length_norm": "document", "multiplicity": "tokens"}),
    (sfumato.TfidfSmoother, {"weight": 0.3}),
    (sfumato.LabelSmoother, {"smoothing": 0.2, "mode": "exclusive"}),
    (sfumato.SimilaritySmoother, {"weight": 0.3}),
]


@pytest.fixture(scope="module")
def corpus():
    return make_corpus(150, seed=0, departments=3)


@pytest.mark.parametrize(("smoother", "options"), SMOOTHERS)
def test_fit_transform_gives_the_targets_of_soften(smoother, options, corpus):
    made = smoother(**options).fit_transform(corpus.texts, corpus.labels)
    soft = sfumato.soften(corpus.texts, corpus.labels, smoother.name, **options)
    assert np.array_equal(made, soft.targets)


@pytest.mark.parametrize(("smoother", "options"), SMOOTHERS)
def test_unseen_texts_get_distributions_that_depend_on_no_other_text(smoother, options, corpus):
    unseen = make_corpus(40, seed=1, departments=3).texts
    fitted = smoother(**options).fit(corpus.texts, corpus.labels)
    d = fitted.transform(unseen)
    assert d.shape == (40, 3)
    assert np.allclose(d.sum(axis=1), 1, atol=1e-6)
    assert np.allclose(d[7:8], fitted.transform(unseen[7:8]), atol=1e-7)


@pytest.mark.parametrize("length_norm", ["root", "corpus", "document"])
def test_what_the_words_of_an_unseen_text_say_is_the_sum_of_the_paper(length_norm):
    texts = ["red red fish", "blue fish swims", "green bird", "red bird flies far"]
    labels = ["a", "a", "b", "b"]
    k1, b, k2, T = 1.5, 0.6, 2.5, 1.7
    smoother = sfumato.KeywordSmoother(k1=k1, b=b, k2=k2, temperature=T, length_norm=length_norm).fit(texts, labels)
    for text in ("red fish fish unheard", "bird", "swims far far"):
        words = Counter(text.split())
        bags = {c: Counter(w for t, y in zip(texts, labels, strict=True) if y == c for w in t.split()) for c in "ab"}
        mean = sum(bag.total() for bag in bags.values()) / 2
        scores = []
        for bag in bags.values():
            K, score = k1 * (1 - b + b * bag.total() / mean), 0.0
            for word, f in words.items():
                holding = sum(word in other for other in bags.values())
                df = sum(word in t.split() for t in texts)
                if df:
                    wlr = bag[word] * k1 / (bag[word] + K) * (math.log(2 / holding) + 1)  # Eqs. 1-3
                    score += wlr * f * k2 / (f + k2) * (math.log(4 / df) + 1)  # Eqs. 4-7
            length = {"root": math.sqrt(words.total()), "corpus": 12 / 4, "document": words.total()}[length_norm]
            scores.append(score / length / T)
        expected = [math.exp(s) / sum(map(math.exp, scores)) for s in scores]  # Eq. 8
        assert smoother.transform([text])[0] == pytest.approx(expected, rel=1e-5)


def test_words_of_unseen_texts_find_the_department_and_no_words_leave_it_open(corpus):
    unseen = make_corpus(100, seed=1, departments=3)
    smoother = sfumato.KeywordSmoother().fit(corpus.texts, corpus.labels)
    found = smoother.classes_[smoother.transform(unseen.texts).argmax(axis=1)]
    assert (found == unseen.labels).mean() > 0.6
    assert smoother.transform(["...", ""]) == pytest.approx(np.full((2, 3), 1 / 3))


def test_words_that_say_nothing_give_the_shares_of_the_classes_and_one_warning():
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice(list("abcdef"), 4)) for _ in range(60)]
    labels = generator.choice(["x", "y"], 60, p=[0.7, 0.3]).tolist()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        smoother = sfumato.KeywordSmoother()
        made = smoother.fit_transform(texts, labels)
    assert [re.sub(r" \(.*", "", str(w.message)) for w in caught if w.category is KeywordWarning] == [
        "kwls: keywords do not predict the labels of held-out texts"
    ]
    assert np.isinf(smoother.temperature_)
    assert made == pytest.approx(sfumato.soften(texts, labels, "label-smoothing").targets)
    assert smoother.transform(["a b"])[0] == pytest.approx([labels.count("x") / 60, labels.count("y") / 60])


def test_without_words_to_read_an_unseen_text_gets_the_mean_target():
    smoother = sfumato.LabelSmoother(smoothing=0.2).fit(["p", "q", "r", "s"], ["a", "a", "a", "b"])
    assert smoother.transform(["t"])[0] == pytest.approx([0.75 * 0.9 + 0.25 * 0.1, 0.75 * 0.1 + 0.25 * 0.9])


@pytest.mark.parametrize("smoother", [smoother for smoother, _ in SMOOTHERS[1:]])
def test_the_parameters_are_the_options_of_the_method(smoother):
    schema = METHODS.schema(smoother.name)
    assert smoother().get_params() == {name: parameter.default for name, parameter in schema.items()}
    with pytest.raises(TypeError, match="unexpected keyword argument 'wieght'"):
        smoother(wieght=0.2)


def test_an_option_that_is_out_of_range_is_refused_by_fit_and_not_before(corpus):
    smoother = sfumato.KeywordSmoother(weight=2)
    with pytest.raises(sfumato.InputError, match="weight must be at least 0 and at most 1, got 2"):
        smoother.fit(corpus.texts, corpus.labels)


def test_before_fit_there_is_nothing_to_transform_with_and_one_class_is_refused():
    with pytest.raises(NotFittedError):
        sfumato.KeywordSmoother().transform(["a"])
    with pytest.raises(sfumato.InputError, match="only one class"):
        sfumato.LabelSmoother().fit(["a", "b"], [1, 1])


def test_clones_pickles_and_frames(corpus):
    smoother = sfumato.KeywordSmoother(weight=0.2).fit(corpus.texts, [int(name == "billing") for name in corpus.labels])
    assert clone(smoother).get_params() == smoother.get_params()
    d = smoother.transform(corpus.texts[:3])
    assert np.array_equal(pickle.loads(pickle.dumps(smoother)).transform(corpus.texts[:3]), d)
    framed = smoother.set_output(transform="pandas").transform(pandas.Series(corpus.texts[:3]))
    assert framed.columns.tolist() == ["kwls_0", "kwls_1"]
    assert np.array_equal(framed.to_numpy(), d)


def test_it_stands_in_a_pipeline_whose_parameters_are_searched(corpus):
    pipeline = make_pipeline(sfumato.KeywordSmoother(), LogisticRegression())
    search = GridSearchCV(pipeline, {"keywordsmoother__k1": [1.0, 2.0]}, cv=2).fit(corpus.texts, corpus.labels)
    assert search.best_estimator_.score(corpus.texts, corpus.labels) > 0.5


def test_it_is_a_method_for_the_classifier(tickets):
    options = {"weight": 0.3, "temperature": 3.0}
    fast = {"dev": 0, "model_options": {"steps": 5, "characters": 0}, "threads": 1}
    probabilities = [
        sfumato.SoftLabelClassifier(**given, **fast).fit(tickets["text"], tickets["label"]).predict_proba(["my parcel"])
        for given in ({"method": sfumato.KeywordSmoother(**options)}, {"method": "kwls", "method_options": options})
    ]
    assert np.array_equal(*probabilities)
