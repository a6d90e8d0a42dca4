"""Draws by counter: the published generator, even, without neighbours that agree, and the same in any block."""

import random

import numpy as np
import pytest
from scipy import stats

from sfumato.augmentation.draws import Keys, below, outputs, subsets, uniform, within

ENOUGH = 1e-4  # p below which a fixed seed would be a fault and no accident


def test_the_first_outputs_are_those_of_splitmix64():
    # Seed 1234567, as listed for the C code of Vigna (prng.di.unimi.it/splitmix64.c) on Rosetta Code.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert outputs(np.array([1234567], dtype=np.uint64), np.arange(4)).tolist() == expected


def test_draws_are_uniform_over_rows_over_numbers_and_over_copies():
    by_row = uniform(Keys(0, np.arange(50_000)).states(), np.zeros(1, dtype=np.int64))
    by_number = uniform(Keys(0, np.arange(1)).states(), np.arange(50_000))
    by_copy = np.array([uniform(Keys(0, np.arange(1), k).states(), np.arange(1))[0] for k in range(500)])
    by_seed = np.array([uniform(Keys(k, np.arange(1)).states(), np.arange(1))[0] for k in range(500)])
    for draws in (by_row, by_number, by_copy, by_seed):
        assert stats.kstest(draws, "uniform").pvalue > ENOUGH
        assert 0 <= draws.min() <= draws.max() < 1


def test_neighbours_are_independent_in_every_direction():
    rows, numbers = 300, 300
    states = Keys(3, np.arange(rows)).states()
    draws = uniform(states[:, None], np.arange(numbers))
    other_copy = uniform(Keys(3, np.arange(rows), 1).states()[:, None], np.arange(numbers))
    other_try = uniform(Keys(3, np.arange(rows), 0, 1).states()[:, None], np.arange(numbers))
    other_seed = uniform(Keys(4, np.arange(rows)).states()[:, None], np.arange(numbers))
    pairs = [(draws[1:], draws[:-1]), (draws[:, 1:], draws[:, :-1])]
    pairs += [(draws, other) for other in (other_copy, other_try, other_seed)]
    for one, other in pairs:
        cells = np.histogram2d(one.ravel(), other.ravel(), bins=8, range=[[0, 1], [0, 1]])[0]
        assert stats.chisquare(cells.ravel()).pvalue > ENOUGH


def test_every_bit_is_set_half_of_the_time():
    bits = np.unpackbits(outputs(Keys(0, np.arange(20_000)).states(), np.zeros(1, dtype=np.int64)).view(np.uint8))
    ones = bits.reshape(-1, 64).sum(axis=0)
    assert np.abs(ones.astype(np.int64) - 10_000).max() < 5 * np.sqrt(20_000 / 4)


@pytest.mark.parametrize("limit", [1, 2, 6, 7])
def test_whole_numbers_below_a_limit_are_even(limit):
    drawn = below(limit, Keys(0, np.arange(20_000)).states(), np.zeros(1, dtype=np.int64))
    counts = np.bincount(drawn, minlength=limit)
    assert len(counts) == limit
    assert limit == 1 or stats.chisquare(counts).pvalue > ENOUGH


def test_every_subset_is_equally_likely():
    states, n = Keys(1, np.arange(30_000)).states(), np.full(30_000, 5)
    places = subsets(states, n, np.full(30_000, 2), within(n)).reshape(-1, 2)
    assert (places[:, 0] < places[:, 1]).all()
    counts = np.bincount(places[:, 0] * 5 + places[:, 1])
    assert (counts > 0).sum() == 10
    assert stats.chisquare(counts[counts > 0]).pvalue > ENOUGH


def test_subsets_of_several_sizes_are_those_of_each_row_alone():
    sizes, wanted = np.array([3, 0, 40, 1, 7]), np.array([2, 0, 12, 1, 7])
    states = Keys(2, np.arange(5)).states()
    together = np.split(subsets(states, sizes, wanted, within(sizes)), np.cumsum(wanted)[:-1])
    for i, places in enumerate(together):
        alone = subsets(states[i : i + 1], sizes[i : i + 1], wanted[i : i + 1], np.arange(sizes[i]))
        assert places.tolist() == alone.tolist()
        assert len(set(places.tolist())) == wanted[i]
    assert together[4].tolist() == list(range(7))


def test_a_row_draws_the_same_wherever_it_stands_and_nothing_global_is_touched():
    random.seed(5)
    np.random.seed(5)
    before = (random.getstate(), np.random.get_state()[1].tolist())
    rows = np.array([7, 3, 2**40, 11])
    states = Keys(9, rows, 2, 1).states()
    assert states.tolist() == [Keys(9, rows[i : i + 1], 2, 1).states()[0] for i in range(4)]
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert (
        len({*states, *Keys(9, rows, 1, 1).states(), *Keys(9, rows, 2, 0).states(), *Keys(8, rows, 2, 1).states()})
        == 16
    )
