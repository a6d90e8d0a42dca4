"""The methods that make targets, where a row may have several labels: by the book, and what they refuse."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sfumato import METHODS, InputError
from sfumato.data import Examples
from sfumato.keywords import count_words
from sfumato.methods.keyword_sets import counts_of_sets, fitted_scale, left_out_relevance
from sfumato.methods.kwls import explain_row, keyword_weights, kwls

TEXTS = [
    "the printer jams and the printer smokes",
    "printer ink invoice",
    "invoice is wrong wrong wrong",
    "pay the invoice of the printer",
    "door is locked",
    "the key of the door",
]
SETS = [["it"], ["it", "money"], ["money"], ["money", "it"], ["house"], []]
CLASSES = ["house", "it", "money"]


def several():
    teacher = np.random.default_rng(0).random((6, 3)).astype(np.float32)
    return replace(Examples.from_label_sets(TEXTS, SETS, classes=CLASSES), teacher=teacher)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_label_smoothing_moves_each_answer_towards_one_half(smoothing):
    targets = METHODS["label-smoothing"](smoothing).prepare(several()).targets.dense()
    for i in range(6):
        for k in range(3):
            y = 1 if CLASSES[k] in SETS[i] else 0
            assert targets[i, k] == pytest.approx(y * (1 - smoothing) + smoothing / 2)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_self_distillation_mixes_each_answer_with_the_teachers(temperature):
    given = several()
    targets = METHODS["self-distillation"](0.3, temperature=temperature).prepare(given).targets.dense()
    for i in range(6):
        for k in range(3):
            p = float(given.teacher[i, k])
            softer = 1 / (1 + math.exp(-math.log(p / (1 - p)) / temperature))
            assert targets[i, k] == pytest.approx(0.7 * (CLASSES[k] in SETS[i]) + 0.3 * softer, rel=1e-5)


def relevance_by_the_book(leave_out, k1=2.0, b=0.75, k2=2.0):
    """Eqs. 1-7 with loops; text i is taken out of each of its labels, but not out of N, df and the mean sizes."""
    words = [text.split() for text in TEXTS]
    sizes = {m: sum(len(words[i]) for i in range(6) if m in SETS[i]) for m in CLASSES}
    average = sum(sizes.values()) / 3
    rows = []
    for i in range(6):
        known = [j for j in range(6) if not (leave_out and j == i)]
        F = {m: {w: sum(words[j].count(w) for j in known if m in SETS[j]) for w in words[i]} for m in CLASSES}
        S = {m: sum(len(words[j]) for j in known if m in SETS[j]) for m in CLASSES}
        row = []
        for m in CLASSES:
            K = k1 * (1 - b + b * S[m] / average)
            total = 0.0
            for w in set(words[i]):
                wlc = F[m][w] * k1 / (F[m][w] + K)
                wlw = math.log(3 / max(sum(F[c][w] > 0 for c in CLASSES), 1)) + 1
                f, df = words[i].count(w), sum(w in other for other in words)
                total += wlc * wlw * (f * k2 / (f + k2)) * (math.log(6 / df) + 1)
            row.append(total)
        rows.append(row)
    return np.array(rows)


def test_the_relevance_of_a_text_leaves_it_out_of_each_of_its_labels():
    counts, gold = count_words(TEXTS), several().gold
    found = left_out_relevance(counts, gold, counts_of_sets(counts, gold), keyword_weights(2.0, 0.75, 2.0))
    assert found == pytest.approx(relevance_by_the_book(leave_out=True), rel=1e-9)


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_kwls_by_the_book(leave_one_out):
    method = kwls(temperature=0.5, leave_one_out=leave_one_out, length_norm="none", weight=0.2)
    targets = method.prepare(several()).targets.dense()
    r = relevance_by_the_book(leave_one_out)
    r -= r.mean(axis=1, keepdims=True)
    gold = several().gold
    _, offsets = fitted_scale(r, gold, 0.5)
    for k in range(3):
        d = [1 / (1 + math.exp(-(r[i, k] / 0.5 + offsets[k]))) for i in range(6)]
        assert sum(d) == pytest.approx(gold[:, k].sum(), abs=1e-3)  # the offsets carry the shares of the labels
        assert targets[:, k] == pytest.approx([0.8 * gold[i, k] + 0.2 * d[i] for i in range(6)], abs=1e-5)


def test_the_temperature_is_that_of_the_least_log_loss():
    generator = np.random.default_rng(0)
    r = generator.normal(size=(400, 3))
    gold = generator.random((400, 3)) < 1 / (1 + np.exp(-(1.7 * r + [0.5, -1, 0])))
    scale, offsets = fitted_scale(r, gold, None)
    assert scale == pytest.approx(1.7, abs=0.3)
    assert offsets == pytest.approx([0.5, -1, 0], abs=0.4)
    assert fitted_scale(-r, gold, None)[0] == 0  # words that speak against their labels are not turned round


def test_words_that_predict_nothing_fall_back_to_label_smoothing():
    given = Examples.from_label_sets(["a b", "b a", "a b", "b a"], [["x"], ["y"], ["x", "y"], []])
    with pytest.warns(UserWarning, match="keywords do not predict the labels"):
        targets = kwls(fallback=0.2).prepare(given).targets.dense()
    assert targets == pytest.approx(np.where(given.gold, 0.9, 0.1))


def test_the_share_of_the_sum_is_another_way_for_one_label():
    given = Examples.from_labels(TEXTS, ["it", "it", "money", "money", "house", "house"])
    options = {"leave_one_out": False, "gold": "keep", "length_norm": "none"}
    method = kwls(normalize="l1", **options)
    _, evidence, _ = method.transforms[0].read(given)
    relevance = evidence.relevance(given.labels, 1.0)
    targets = method.prepare(given).targets.dense()
    assert targets == pytest.approx(relevance / relevance.sum(axis=1, keepdims=True), rel=1e-5)
    options["temperature"] = 4.0
    same = kwls(normalize="softmax", **options).prepare(given).targets.dense()
    assert np.array_equal(same, kwls(**options).prepare(given).targets.dense())


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("label-smoothing", {"mode": "exclusive"}, r"mode='exclusive' is for one label a row"),
        ("label-smoothing", {"loss": "kl"}, r"is defined for one label a row"),
        ("kwls", {"normalize": "softmax"}, r"normalize='softmax' is not for rows of several labels; give 'auto' or"),
        ("kwls", {"gold": "project"}, r"gold='project' is for one label a row"),
        ("kwls", {"gold_mass": 0.8}, r"gold_mass is for one label a row"),
        ("kwls", {"loss": "auxiliary"}, r"is defined for one label a row"),
        ("kwls-paper", {}, r"kwls-paper is defined for one label a row"),
        ("adaptive", {}, r"adaptive is defined for one label a row"),
        ("tfidf", {}, r"is defined for one label a row"),
        ("label-similarity", {}, r"is defined for one label a row"),
        ("self-distillation-paper", {}, r"is defined for one label a row"),
        ("votes", {}, r"is defined for one label a row"),
        ("logit-adjustment", {}, r"is defined for one label a row"),
    ],
)
def test_what_has_no_meaning_for_several_labels_is_refused(name, options, said):
    with pytest.raises(InputError, match=said):
        METHODS[name](**options).prepare(several())


def test_a_sigmoid_is_refused_for_one_label():
    given = Examples.from_labels(TEXTS, ["it", "it", "money", "money", "house", "house"])
    with pytest.raises(InputError, match=r"normalize='sigmoid' is not for one label a row"):
        kwls(normalize="sigmoid").prepare(given)


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_what_the_words_of_a_row_add_is_the_logit_of_its_soft_label_less_the_offset(leave_one_out):
    options = {"temperature": 0.5, "leave_one_out": leave_one_out}
    given = several()
    d = kwls(weight=1.0, **options).prepare(given).targets.dense().astype(np.float64)
    logits = np.log(d / (1 - d))
    offsets = []
    for i in (1, 3):
        words = explain_row(TEXTS, SETS, CLASSES, i, method="kwls", **options)
        assert sorted(word for word, _ in words) == sorted(set(TEXTS[i].split()))
        assert [np.ptp(adds) for _, adds in words] == sorted((np.ptp(adds) for _, adds in words), reverse=True)
        offsets.append(logits[i] - sum(adds for _, adds in words))
    assert offsets[0] == pytest.approx(offsets[1], abs=1e-4)
    with pytest.raises(InputError, match="defined for one label a row"):
        explain_row(TEXTS, SETS, CLASSES, 0, method="kwls-paper")


def test_nothing_is_explained_where_words_predict_nothing():
    with pytest.warns(UserWarning, match="keywords do not predict the labels"):
        assert explain_row(["a b", "b a", "a b", "b a"], [["x"], ["y"], ["x", "y"], []], None, 0) == []
