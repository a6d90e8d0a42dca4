"""Rows of several labels are cut so that each label has its share on both sides, and none is lost."""

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.multilabel_split import check_cut, group_counts
from sfumato.split import fold_rows, split_rows


def made(rows, classes, seed, *, rate=0.2, distinct=None):
    """Return labels (N, C), rarer from class to class, and texts of which some are equal."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((rows, classes)) < rate / (1 + np.arange(classes))).astype(np.int64)
    return labels, [f"text {k}" for k in rng.integers(distinct or 10**9, size=rows)]


@pytest.mark.parametrize("seed", range(12))
def test_both_sides_hold_whole_texts_the_wanted_rows_and_every_label_stays(seed):
    labels, texts = made(200, 9, seed, distinct=150)
    labels[:, 8] = 0
    labels[seed, 8] = 1  # one row has it
    rest, cut = split_rows(labels, texts, share=0.25, seed=seed)
    assert sorted([*rest, *cut]) == list(range(200))
    assert rest.tolist() == sorted(rest)
    assert cut.tolist() == sorted(cut)
    assert not {texts[k] for k in rest} & {texts[k] for k in cut}
    assert len(cut) == 50
    there = labels.sum(axis=0) > 0
    assert (labels[rest].sum(axis=0)[there] >= 1).all()
    assert seed in rest


def test_each_label_has_its_share_far_closer_than_by_chance():
    labels, texts = made(3000, 20, 0)
    off, chance = [], []
    for seed in range(3):
        _, cut = split_rows(labels, texts, share=0.1, seed=seed)
        drawn = np.random.default_rng(seed).permutation(3000)[:300]
        total = labels.sum(axis=0)
        off.append(np.abs(labels[cut].sum(axis=0) - 0.1 * total).max())
        chance.append(np.abs(labels[drawn].sum(axis=0) - 0.1 * total).max())
    assert max(off) <= 3
    assert min(chance) > 5


def test_rows_without_a_label_are_cut_in_proportion():
    labels = np.zeros((100, 2), dtype=np.int64)
    labels[:20, 0] = 1
    labels[10:40, 1] = 1
    for seed in range(5):
        _, cut = split_rows(labels, [str(k) for k in range(100)], share=0.2, seed=seed)
        assert len(cut) == 20
        assert abs(int((labels[cut].sum(axis=1) == 0).sum()) - 12) <= 1


def test_the_same_seed_cuts_the_same_rows_and_another_one_others():
    labels, texts = made(300, 6, 1)
    first, again, other = (split_rows(labels, texts, size=40, seed=seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again != other
    rng = np.random.default_rng(5)
    before = rng.bit_generator.state
    state = np.random.get_state()[1].tolist()
    split_rows(labels, texts, size=40, seed=1)
    assert np.random.get_state()[1].tolist() == state  # nothing global is seeded or drawn from
    assert rng.bit_generator.state == before


def test_a_label_that_would_be_cut_off_whole_is_moved_back():
    """A label of one text with many rows, and one of two rows with the same text, stay."""
    labels = np.zeros((40, 3), dtype=np.int64)
    labels[:30, 0] = 1
    labels[30:32, 1] = 1
    labels[39, 2] = 1
    texts = [f"t{k}" for k in range(30)] + ["same", "same"] + [f"u{k}" for k in range(8)]
    for seed in range(20):
        rest, cut = split_rows(labels, texts, share=0.5, seed=seed)
        assert len(cut) == 20
        assert {30, 31, 39} <= set(rest.tolist())


def test_a_cut_that_cannot_be_is_refused_and_one_that_can_is_not():
    labels = np.eye(3, dtype=np.int64)
    with pytest.raises(InputError, match=r"no row of 3 .3 different texts. can be cut"):
        split_rows(labels, list("abc"), share=0.3, seed=0)
    assert len(split_rows(np.vstack([labels, labels]), list("abcdef"), share=0.3, seed=0)[1]) == 2


def test_the_promise_is_checked_whatever_the_dealer_did():
    counts, sizes = np.array([[1, 0], [1, 1]]), np.array([1, 1])
    check_cut(counts, np.array([True, False]), sizes, 1)
    with pytest.raises(InputError, match="lost 1 labels"):
        check_cut(counts, np.array([False, True]), sizes, 1)


def test_counts_of_groups_are_those_of_a_plain_loop():
    labels, texts = made(60, 4, 3, rate=0.8, distinct=20)
    groups = [[k for k in range(60) if texts[k] == text] for text in dict.fromkeys(texts)]
    by_hand = [[sum(int(labels[k, c]) for k in group) for c in range(4)] for group in groups]
    assert group_counts(labels, groups).tolist() == by_hand


def test_folds_share_the_labels_and_keep_equal_texts_together():
    labels, texts = made(500, 8, 4, distinct=400)
    fold = fold_rows(labels, texts, folds=5, seed=0)
    assert len({(text, k) for text, k in zip(texts, fold.tolist(), strict=True)}) == len(set(texts))
    assert np.bincount(fold).min() > 80
    per_fold = np.array([labels[fold == k].sum(axis=0) for k in range(5)])
    assert (np.abs(per_fold - labels.sum(axis=0) / 5).max(axis=0) <= 4).all()
    assert (fold == fold_rows(labels, texts, folds=5, seed=0)).all()
    assert (fold != fold_rows(labels, texts, folds=5, seed=1)).any()


@pytest.mark.data
def test_the_rare_labels_of_reuters_are_on_the_side_that_stays(data_folder):
    from sfumato.source import read_examples

    examples, _ = read_examples(
        data_folder / "reuters21578_modapte90" / "reuters21578_modapte90.parquet", text="text", label="labels"
    )
    rest, cut = split_rows(examples.labels, examples.inputs, share=0.1, seed=0)
    total, here = examples.labels.sum(axis=0), examples.labels[cut].sum(axis=0)
    assert len(cut) == 1079
    assert examples.labels[rest].sum(axis=0).min() >= 1
    often = total >= 100
    assert np.abs(here / (0.1 * total) - 1)[often].max() < 0.1  # by chance: 0.6
