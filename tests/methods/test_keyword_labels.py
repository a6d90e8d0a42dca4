"""Soft labels from words: their temperature, their mix with the given label, their warnings and reasons."""

import math
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from sfumato.calibration import best_temperature, softmax
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.keywords import LabelCounts, count_words
from sfumato.methods.keyword_labels import KeywordWarning
from sfumato.methods.kwls import explain_row, held_out_evidence, kwls, kwls_paper
from sfumato.metrics import log_loss

TEXTS = [
    "the printer jams and the printer smokes",
    "printer ink invoice",
    "invoice is wrong wrong wrong",
    "pay the invoice",
    "door is locked",
    "the key of the door",
]
LABELS = ["it", "it", "money", "money", "house", "house"]
quiet = pytest.mark.filterwarnings("ignore::sfumato.methods.keyword_labels.KeywordWarning")


def examples(texts=TEXTS, labels=LABELS, classes=None):
    return Examples.from_labels(texts, labels, classes=classes)


def fixed(k1=2.0, b=0.75, k2=2.0, **options):
    return kwls(k1, b, k2, **{"weight": 1.0, "temperature": 1.0, "unit": "paper", "length_norm": "corpus"} | options)


def test_small_k1_makes_the_soft_labels_even():
    with pytest.warns(KeywordWarning, match="nearly even"):
        d = kwls_paper(k1=1e-9).prepare(examples()).targets.dense()
    np.testing.assert_allclose(d, 1 / 3, atol=1e-6)


def test_an_empty_text_is_even_and_named():
    train = examples(["ab cd", "", "ef gh", "ab", "ef"], ["x", "x", "y", "x", "y"])
    with pytest.warns(KeywordWarning, match="1 texts hold no word.*text 2"):
        d = kwls_paper(unit="word").prepare(train).targets.dense()
    assert d[1].tolist() == [0.5, 0.5]
    assert d[0, 0] > 0.5


def test_a_corpus_without_words_is_refused():
    with pytest.raises(InputError, match="none of the 2 texts holds a word"):
        kwls().prepare(examples(["", "?"], ["x", "y"]))


@quiet
def test_nearly_one_hot_soft_labels_warn_and_the_usual_ones_do_not():
    texts, labels = corpus(wrong=0.0, signal=1.0)
    with pytest.warns(KeywordWarning, match="kwls-paper: .*nearly one-hot.*what helps: a lower k1"):
        kwls_paper(k1=200.0).prepare(examples(texts, labels))
    for k1 in (2.0, 0.2):  # "auto" undoes what k1 does to the size, so that k1 is no advice
        with pytest.warns(KeywordWarning, match="kwls: .*nearly one-hot.*what helps: a larger number for temperature"):
            kwls(k1).prepare(examples(texts, labels))
    softer = kwls(temperature=1e3).prepare(examples(texts, labels)).targets.dense()
    assert softer.max() < 0.99
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kwls().prepare(examples(*corpus()))


@quiet
def test_weight_mixes_the_given_label_in():
    train = examples()
    d = fixed().prepare(train).targets.dense()
    gold = np.eye(3, dtype=np.float32)[train.labels]
    for weight in (0.0, 0.3):
        mixed = fixed(weight=weight).prepare(train).targets.dense()
        np.testing.assert_allclose(mixed, (1 - weight) * gold + weight * d, atol=1e-6)


def test_document_length_makes_a_text_said_twice_as_sharp_as_once():
    texts = [*TEXTS, TEXTS[4] + " " + TEXTS[4] + " " + TEXTS[4]]
    train = examples(texts, [*LABELS, "house"])
    short, long = 4, 6
    corpus = fixed(leave_one_out=False).prepare(train).targets.dense()
    own = fixed(leave_one_out=False, length_norm="document").prepare(train).targets.dense()
    assert corpus[long].max() > corpus[short].max()
    root = fixed(leave_one_out=False, length_norm="root").prepare(train).targets.dense()
    assert (
        own[long].max() < own[short].max()
    )  # counts saturate: three times the text, less than three times the evidence
    assert root[long].max() > root[short].max()


def corpus(rows=400, seed=0, *, signal=0.6, wrong=0.3):
    """Texts of 8 words on 3 subjects: ``signal`` of the words are the subject's, ``wrong`` of the labels are not."""
    rng = np.random.default_rng(seed)
    subjects = rng.integers(0, 3, rows)
    texts = [
        " ".join(f"own{y}x{rng.integers(30)}" if rng.random() < signal else f"all{rng.integers(50)}" for _ in range(8))
        for y in subjects
    ]
    labels = np.where(rng.random(rows) < wrong, rng.integers(0, 3, rows), subjects)
    return texts, [str(y) for y in labels]


def left_out_relevance(train):
    counts = count_words(train.inputs)
    stats = LabelCounts.of(counts, train.labels, train.num_classes)
    evidence = held_out_evidence(counts, train.labels, stats, k1=2.0, b=0.75, k2=2.0)
    return evidence.relevance(train.labels, float(counts.lengths.mean()))


def test_the_temperature_is_the_one_of_least_left_out_log_loss():
    train = examples(*corpus())
    relevance = left_out_relevance(train)
    T = best_temperature(relevance, train.labels)
    reference = minimize_scalar(
        lambda beta: log_loss(train.labels, softmax(beta * relevance)), bounds=(1e-3, 100), method="bounded"
    )
    assert pytest.approx(1 / reference.x, rel=1e-3) == T
    got = kwls(weight=1.0).prepare(train).targets.dense()
    np.testing.assert_allclose(got, softmax(relevance / T), atol=1e-6)
    for other in (T / 1.3, T * 1.3):
        assert log_loss(train.labels, softmax(relevance / other)) > log_loss(train.labels, got.astype(float))


def test_the_temperature_does_not_depend_on_the_scale_of_the_relevance():
    train = examples(*corpus())
    relevance = left_out_relevance(train)
    assert best_temperature(1e3 * relevance, train.labels) == pytest.approx(
        1e3 * best_temperature(relevance, train.labels)
    )


def test_labels_that_are_all_predicted_right_give_a_finite_temperature():
    scores = np.array([[3.0, 1.0], [0.0, 2.0]])
    T = best_temperature(scores, np.array([0, 1]))
    assert 0 < T < 0.1
    assert best_temperature(scores, np.array([1, 0])) == math.inf
    assert best_temperature(np.zeros((2, 2)), np.array([1, 0])) == math.inf


def test_useless_words_fall_back_to_label_smoothing_and_useful_ones_do_not():
    texts, labels = corpus(signal=0.0)
    with pytest.warns(KeywordWarning, match=r"do not predict .* label smoothing 0\.1 is used"):
        targets = kwls().prepare(examples(texts, labels)).targets.dense()
    np.testing.assert_allclose(targets.max(axis=1), 0.9 + 0.1 / 3, rtol=1e-6)
    assert len(np.unique(targets.round(6))) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        targets = kwls().prepare(examples(*corpus())).targets.dense()
    assert len(np.unique(targets.round(6))) > 100


def test_explained_words_sum_to_the_logits_of_the_soft_label():
    texts, labels = corpus()
    train = examples(texts, labels)
    for method, options in (("kwls", {"weight": 1.0}), ("kwls-paper", {})):
        build = kwls if method == "kwls" else kwls_paper
        d = build(**options).prepare(train).targets.dense()
        words = explain_row(texts, labels, train.classes, 5, method=method, **options)
        np.testing.assert_allclose(softmax(sum(share for _, share in words)[None])[0], d[5], atol=1e-5)
        assert sorted(word for word, _ in words) == sorted(set(texts[5].split()))
        spread = [np.ptp(share) for _, share in words]
        assert spread == sorted(spread, reverse=True)


def test_explain_is_empty_after_the_fall_back_and_refuses_a_wrong_row():
    texts, labels = corpus(signal=0.0)
    with pytest.warns(KeywordWarning):
        assert explain_row(texts, labels, None, 0) == []
    with pytest.raises(InputError, match="row must be 0 to 5, got 6"):
        explain_row(TEXTS, LABELS, None, 6)
    with pytest.raises(InputError, match="no method that reads words 'lcm'"):
        explain_row(TEXTS, LABELS, None, 0, method="lcm")


@pytest.mark.parametrize("rows", [1000, 20_000])
def test_many_rows_get_the_temperature_that_a_plain_search_finds(rows):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(rows, 3))
    labels = (softmax(1.7 * scores).cumsum(axis=1)[:, :2] < rng.random((rows, 1))).sum(axis=1)  # drawn from the softmax
    reference = minimize_scalar(
        lambda beta: log_loss(labels, softmax(beta * scores)),
        bounds=(0.1, 10),
        method="bounded",
        options={"xatol": 1e-9},
    )
    T = best_temperature(scores, labels)
    assert pytest.approx(1 / reference.x, rel=1e-6) == T
    assert best_temperature(scores, np.eye(3)[labels]) == pytest.approx(T, rel=1e-9)  # shares say the same
