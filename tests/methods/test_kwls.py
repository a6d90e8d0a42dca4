"""KWLS against plain loops over the printed equations, its limits, and what leaving a text out means."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest

from sfumato.calibration import softmax
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.keywords import LabelCounts, count_words
from sfumato.methods.keyword_labels import KeywordWarning
from sfumato.methods.kwls import (
    in_sample_evidence,
    kwls,
    kwls_paper,
    saturation,
    word_instance_correlation,
    word_label_correlation,
    word_label_weight,
)

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
SETTINGS = [(2.0, 0.75, 2.0), (1.2, 0.0, 0.5), (20.0, 1.0, 3.0)]


def examples(texts=TEXTS, labels=LABELS, classes=None):
    return Examples.from_labels(texts, labels, classes=classes)


def by_the_book(texts, labels, classes, k1, b, k2, *, leave_out=None, temperature=1.0):
    """Soft labels by loops over Eqs. 1-8; ``leave_out`` takes one text out of what is known of labels."""
    split = [text.split(" ") for text in texts]
    known = [i for i in range(len(texts)) if i != leave_out]
    p, N = len(classes), len(texts)
    count = {m: {} for m in classes}
    for i in known:
        for w in split[i]:
            count[labels[i]][w] = count[labels[i]].get(w, 0) + 1
    size = {m: sum(count[m].values()) for m in classes}
    average_size = sum(len(words) for words in split) / p  # of the corpus, also where a text is left out
    df = {}
    for words in split:
        for w in set(words):
            df[w] = df.get(w, 0) + 1
    x_avg = sum(len(words) for words in split) / N
    soft = []
    for words in split:
        ilr = []
        for m in classes:
            total = 0.0
            for w in set(words):
                f = count[m].get(w, 0)
                if f == 0:
                    continue
                K = k1 * (1 - b + b * size[m] / average_size)
                wlc = f * k1 / (f + K)
                wlw = math.log(p / sum(count[c].get(w, 0) >= 1 for c in classes)) + 1
                f_i = words.count(w)
                wic = f_i * k2 / (f_i + k2)
                wiw = math.log(N / df[w]) + 1
                total += wlc * wlw * wiw * wic
            ilr.append(total / x_avg / temperature)
        e = [math.exp(v) for v in ilr]
        soft.append([v / sum(e) for v in e])
    return np.array(soft)


def fixed(k1=2.0, b=0.75, k2=2.0, **options):
    return kwls(k1, b, k2, **{"weight": 1.0, "temperature": 1.0, "unit": "paper", "length_norm": "corpus"} | options)


@pytest.mark.parametrize(("k1", "b", "k2"), SETTINGS)
def test_paper_equals_the_equations_in_plain_loops(k1, b, k2):
    train = examples()
    expected = by_the_book(TEXTS, LABELS, train.classes, k1, b, k2)
    got = kwls_paper(k1, b, k2).prepare(train).targets.dense()
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-6)
    in_sample = fixed(k1, b, k2, leave_one_out=False).prepare(train).targets.dense()
    np.testing.assert_array_equal(in_sample, got)


@pytest.mark.parametrize(("k1", "b", "k2"), SETTINGS)
@quiet
def test_left_out_equals_counting_again_without_the_text(k1, b, k2):
    train = examples()
    got = fixed(k1, b, k2).prepare(train).targets.dense()
    for i in range(len(TEXTS)):
        expected = by_the_book(TEXTS, LABELS, train.classes, k1, b, k2, leave_out=i)[i]
        np.testing.assert_allclose(got[i], expected, atol=1e-6)
        assert not np.allclose(got[i], by_the_book(TEXTS, LABELS, train.classes, k1, b, k2)[i], atol=1e-3)


def test_shared_keyword_moves_mass_to_the_other_label():
    d = kwls_paper().prepare(examples()).targets.dense()
    it, money, house = (examples().classes.index(c) for c in ("it", "money", "house"))
    assert d[1, it] > d[1, money] > d[1, house]  # "invoice" is money's word
    assert d[0, money] < d[1, money]


@quiet
def test_repeats_count_once_in_the_sum_over_words():
    one = kwls_paper(k2=1e-9).prepare(examples(["a b", "a a b", "c"], ["x", "x", "y"])).targets.dense()
    np.testing.assert_allclose(one[0], one[1], atol=1e-6)  # k2 near 0: how often a word occurs is ignored


def test_correlation_saturates_at_k1_and_vanishes_with_it():
    F, K = np.array([[0.0, 1.0, 1e9]]), np.array([[2.0]])
    assert word_label_correlation(F, K, k1=2.0)[0] == pytest.approx([0, 2 / 3, 2])
    assert word_label_correlation(F, np.array([[1e-9]]), k1=1e-9)[0] == pytest.approx([0, 0, 0], abs=1e-8)
    assert word_instance_correlation(np.array([1.0, 1e9]), k2=2.0) == pytest.approx([2 / 3, 2])


def test_large_k1_gives_the_count_itself_only_where_sizes_are_equal():
    F, k1 = np.array([[3.0], [3.0]]), 1e9
    equal = saturation(np.array([10.0, 10.0]), 10.0, k1=k1, b=0.75)
    assert word_label_correlation(F, equal[:, None], k1=k1) == pytest.approx(3)
    ignored = saturation(np.array([5.0, 15.0]), 10.0, k1=k1, b=0.0)
    assert word_label_correlation(F, ignored[:, None], k1=k1) == pytest.approx(3)
    other = saturation(np.array([5.0, 15.0]), 10.0, k1=k1, b=0.75)  # the paper says "equal to f" here too
    expected = [3 / (0.25 + 0.75 * 0.5), 3 / (0.25 + 0.75 * 1.5)]
    assert word_label_correlation(F, other[:, None], k1=k1)[:, 0] == pytest.approx(expected)


def test_b_zero_ignores_the_size_of_a_label_and_b_one_does_not():
    sizes = np.array([5.0, 50.0])
    assert saturation(sizes, 27.5, k1=2.0, b=0.0).tolist() == [2, 2]
    assert saturation(sizes, 27.5, k1=2.0, b=1.0).tolist() == pytest.approx([2 * 5 / 27.5, 2 * 50 / 27.5])


def test_a_word_of_all_labels_keeps_weight_one():
    assert word_label_weight(np.array([1, 2, 4]), 4) == pytest.approx([math.log(4) + 1, math.log(2) + 1, 1])


def test_a_word_of_one_text_says_nothing_once_that_text_is_left_out():
    train = examples(["unique", "x a", "x b", "y c", "y d"], ["p", "p", "p", "q", "q"])
    d = fixed().prepare(train).targets.dense()
    np.testing.assert_allclose(d[0], 0.5)
    assert fixed(leave_one_out=False).prepare(train).targets.dense()[0, 0] > 0.6


def test_overflow_is_impossible_where_the_sum_passes_710():
    texts, labels = [" ".join(f"w{i}x{j}" for j in range(60)) for i in range(4)] * 50, list("abcd") * 50
    train = examples([*texts, *["w0x0"] * 800], labels + ["a"] * 800)
    counts = count_words(train.inputs)
    stats = LabelCounts.of(counts, train.labels, 4)
    evidence = in_sample_evidence(counts, train.labels, stats, k1=2000.0, b=0.75, k2=2000.0)
    assert evidence.relevance(train.labels, float(counts.lengths.mean())).max() > 710
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KeywordWarning)
        d = kwls_paper(k1=2000.0, k2=2000.0).prepare(train).targets.dense()
    assert np.isfinite(d).all()
    np.testing.assert_allclose(d.sum(axis=1), 1, atol=1e-6)
    extreme = softmax(np.array([[2000.0, 0.0], [-2000.0, 0.0]]))
    np.testing.assert_array_equal(extreme, [[1, 0], [0, 1]])


@pytest.mark.parametrize("b", [0.75, 1.0])
def test_a_class_without_texts_gets_the_least_mass(b):
    train = examples(classes=["house", "it", "money", "none"])
    for method in (kwls_paper(b=b), fixed(b=b)):
        d = method.prepare(train).targets.dense()
        assert d.shape == (6, 4)
        assert np.isfinite(d).all()
        assert (d[:, 3] <= d.min(axis=1) + 1e-7).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k1": 0}, "k1 must be more than 0, got 0"),
        ({"b": 1.5}, "b must be at least 0 and at most 1, got 1.5"),
        ({"k2": -1}, "k2 must be more than 0"),
        ({"weight": 2}, "weight must be at least 0 and at most 1, got 2"),
        ({"temperature": "warm"}, "temperature must be one of 'auto', got 'warm'"),
        ({"temperature": 0}, "temperature must be more than 0"),
        ({"leave_one_out": False}, "needs leave_one_out=True"),
        ({"length_norm": "text"}, "length_norm must be one of"),
    ],
)
def test_an_option_out_of_range_is_named(options, message):
    with pytest.raises(InputError, match=message):
        kwls(**options)


def test_the_two_methods_cannot_be_mistaken_for_each_other():
    assert str(kwls()) == "kwls (sfumato)"
    assert str(kwls_paper()) == "kwls-paper"
    assert kwls().criterion is None
    assert kwls_paper().criterion is not None


def test_eq_9_as_printed_has_a_two_and_the_square():
    torch = pytest.importorskip("torch")
    from sfumato.base import Output, Supervision

    criterion = kwls_paper(alpha=0.5).criterion(None)
    logits, d = torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([[0.5, 0.3, 0.2]])
    o = [math.exp(v) / sum(math.exp(u) for u in (1, 0, -1)) for v in (1, 0, -1)]
    total = sum(y * math.log(p) - 0.5 / 3 * (t - p) ** 2 for y, p, t in zip((0, 1, 0), o, (0.5, 0.3, 0.2), strict=True))
    loss = criterion(Output(logits, logits), Supervision(torch.tensor([1]), d))
    assert float(loss) == pytest.approx(-total / (2 * 1.5**2), rel=1e-6)


def test_memory_stays_far_below_one_number_per_text_and_word():
    rng = np.random.default_rng(0)
    N, V = 4000, 20_000
    texts = [" ".join(f"w{w}" for w in rng.integers(0, V, 12)) for _ in range(N)]
    train = examples(texts, [str(i % 4) for i in range(N)])
    tracemalloc.start()
    kwls_paper(unit="word").prepare(train)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < N * V / 2  # half a byte for each of N x V; float32 would need four
