import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfumato.errors import InputError
from sfumato.split import fold_rows, shares_of, split_rows


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), min_size=4, max_size=60),
    share=st.floats(0.05, 0.6),
    seed=st.integers(0, 9),
)
def test_every_split_keeps_its_promises(rows, share, seed):
    labels = np.array([label for label, _ in rows])
    texts = [str(text) for _, text in rows]
    try:
        rest, cut = split_rows(labels, texts, share=share, seed=seed)
    except InputError:
        return  # nothing can be cut; another test holds when that is
    assert sorted([*rest, *cut]) == list(range(len(rows)))
    assert list(rest) == sorted(rest)
    assert list(cut) == sorted(cut)
    assert not {texts[i] for i in rest} & {texts[i] for i in cut}
    assert set(labels[rest]) == set(labels)
    assert len(cut) <= max(1, round(share * len(rows)))


def test_classes_share_the_cut_in_proportion_and_a_single_row_stays():
    labels = np.array([0] * 50 + [1] * 30 + [2] + [3] * 19)
    _, cut = split_rows(labels, [str(k) for k in range(100)], share=0.2, seed=0)
    assert Counter(labels[cut].tolist()) == {0: 10, 1: 6, 3: 4}  # 20 of 100; 3.8 and 0.2 round to 4 and 0


def test_the_largest_remainders_get_the_rows_left_over():
    # Exact shares of 7: 3.5, 2.1, 1.4. Whole: 3, 2, 1; the row left goes to the remainder .5.
    assert shares_of(7, Counter({0: 50, 1: 30, 2: 20})) == {0: 4, 1: 2, 2: 1}
    assert shares_of(97, Counter({0: 50, 1: 30, 2: 20})) == {0: 49, 1: 29, 2: 19}  # each keeps one


def test_the_size_is_met_and_the_seed_decides_which_rows():
    labels = np.arange(200) % 4
    texts = [str(k) for k in range(200)]
    first = split_rows(labels, texts, size=33, seed=1)
    again = split_rows(labels, texts, size=33, seed=1)
    other = split_rows(labels, texts, size=33, seed=2)
    assert len(first[1]) == 33
    np.testing.assert_array_equal(first[1], again[1])
    assert first[1].tolist() != other[1].tolist()


def test_repeats_go_to_one_side_and_the_size_is_met_within_a_group():
    rng = np.random.default_rng(0)
    texts = [f"text {k}" for k in rng.integers(0, 300, 1000)]
    labels = np.array([int(text.split()[1]) % 5 for text in texts])
    rest, cut = split_rows(labels, texts, share=0.25, seed=3)
    assert not {texts[i] for i in rest} & {texts[i] for i in cut}
    assert 250 - max(Counter(texts).values()) <= len(cut) <= 250


def test_a_class_whose_rows_share_one_text_stays_whole():
    labels = np.array([0] * 20 + [1] * 6)
    texts = [str(k) for k in range(20)] + ["same"] * 6
    for seed in range(5):
        _, cut = split_rows(labels, texts, share=0.5, seed=seed)
        assert set(labels[cut]) == {0}


def test_a_text_with_two_labels_never_takes_the_last_row_of_a_class():
    labels = np.array([0] * 10 + [0, 1])  # the only row of class 1 repeats a text of class 0
    texts = [str(k) for k in range(10)] + ["both", "both"]
    for seed in range(20):
        rest, _ = split_rows(labels, texts, share=0.5, seed=seed)
        assert 1 in labels[rest]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either share or size"),
        ({"share": 0.1, "size": 2}, "either share or size"),
        ({"share": 1.0}, "between 0 and 1, got 1.0"),
        ({"share": 0.0}, "between 0 and 1"),
        ({"size": 4}, "less than the 4 rows, got 4"),
        ({"size": 0}, "at least 1"),
    ],
)
def test_sizes_out_of_range_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        split_rows(np.array([0, 0, 1, 1]), list("abcd"), seed=0, **options)


def test_a_table_from_which_nothing_can_be_cut_says_so():
    with pytest.raises(InputError, match="every class needs a row that stays"):
        split_rows(np.array([0, 1, 2]), list("abc"), share=0.3, seed=0)


def test_six_texts_repeated_six_times_are_said_to_stay_together():
    labels, texts = np.arange(36) % 6 % 2, [str(k % 6) for k in range(36)]
    with pytest.raises(InputError, match=r"6 different texts.*duplicates stay together.*4 rows at most.*--dev 0"):
        split_rows(labels, texts, share=0.1, seed=0)
    assert len(split_rows(labels, texts, share=0.2, seed=0)[1]) == 6


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_split_in_seconds():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 1000, 100_000)
    texts = [f"text {k}" for k in rng.integers(0, 90_000, 100_000)]
    start = time.process_time()
    split_rows(labels, texts, share=0.1, seed=0)
    assert time.process_time() - start < 5  # about 1 s; a quadratic way takes minutes


def test_folds_are_stratified_of_equal_size_and_keep_equal_texts_together():
    labels = np.array([0] * 50 + [1] * 30 + [2] * 3)
    texts = [f"text {i // 2}" if i < 20 else f"text {i}" for i in range(83)]
    fold = fold_rows(labels, texts, folds=5, seed=0)
    sizes = np.bincount(fold, minlength=5)
    assert sizes.max() - sizes.min() <= 3
    for k in range(2):
        per_fold = np.bincount(fold[labels == k], minlength=5)
        assert per_fold.max() - per_fold.min() <= 3
    assert all(fold[i] == fold[i + 1] for i in range(0, 20, 2))
    assert (fold != fold_rows(labels, texts, folds=5, seed=1)).any()


def test_more_folds_than_texts_are_refused():
    with pytest.raises(InputError, match="at most the 2 different texts, got 3"):
        fold_rows(np.array([0, 1, 1]), ["a", "b", "b"], folds=3, seed=0)
