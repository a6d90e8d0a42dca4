import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.vote_noise import redrawn, split_half

VOTES = np.array([[3, 0, 0], [1, 1, 1], [0, 6, 2], [2, 2, 2]])


@pytest.mark.parametrize("seed", range(5))
def test_the_halves_are_the_votes_again_and_differ_in_number_by_one_at_most(seed):
    first, second = split_half(VOTES, seed=seed)
    assert (first + second).tolist() == VOTES.tolist()
    assert (first >= 0).all()
    assert first.sum(axis=1).tolist() == [1, 1, 4, 3]
    assert split_half(VOTES, seed=seed)[0].tolist() == first.tolist()


def test_each_vote_is_as_likely_in_either_half():
    mean = np.mean([split_half(VOTES, seed=seed)[0] for seed in range(2000)], axis=0)
    expected = [[k * (sum(row) // 2) / sum(row) for k in row] for row in VOTES.tolist()]
    assert mean == pytest.approx(np.array(expected), abs=0.06)


def test_new_votes_are_as_many_and_have_the_shares_on_average():
    draws = np.array([redrawn(VOTES, seed=seed) for seed in range(2000)])
    assert (draws.sum(axis=2) == VOTES.sum(axis=1)).all()
    assert draws.mean(axis=0) == pytest.approx(VOTES, abs=0.12)
    assert draws[:, 0].tolist() == [[3, 0, 0]] * 2000


def test_a_row_of_one_vote_cannot_be_halved():
    with pytest.raises(InputError, match=r"row 2 needs two votes or more to be halved, all whole, got \[0, 1, 0\]"):
        split_half(np.array([[2, 0, 0], [0, 1, 0]]), seed=0)
    with pytest.raises(InputError, match="row 1"):
        split_half(np.array([[1.5, 1.5]]), seed=0)
