"""Vote shares: the plain sums, the limits of the prior, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from sfumato import METHODS
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.methods.votes import vote_shares

COUNTS = np.array([[3, 0, 0], [1, 1, 1], [0, 7, 2], [0, 0, 1], [5, 0, 5], [0, 1, 0]], dtype=np.float32)


def voted():
    examples = Examples.from_labels([f"text {k}" for k in range(6)], list("abbcab"))
    return replace(examples, votes=COUNTS)


@pytest.mark.parametrize("prior", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("spread", ["classes", "uniform"])
def test_targets_are_the_votes_and_the_prior_over_their_sum(prior, spread):
    targets = METHODS["votes"](prior=prior, spread=spread).prepare(voted()).targets.dense()
    votes = COUNTS.tolist()
    mean = [sum(row[c] / sum(row) for row in votes) / 6 for c in range(3)]
    for i, row in enumerate(votes):
        for c in range(3):
            p = mean[c] if spread == "classes" else 1 / 3
            assert targets[i, c] == pytest.approx((row[c] + prior * p) / (sum(row) + prior), rel=1e-6)


def test_more_votes_outweigh_the_prior_and_a_large_prior_outweighs_the_votes():
    few, many = vote_shares(np.float32([[1, 0], [100, 0]]), prior=2, spread="uniform")
    assert few == pytest.approx([2 / 3, 1 / 3])
    assert many[0] > 0.98
    assert vote_shares(COUNTS, prior=1e6, spread="uniform") == pytest.approx(np.full((6, 3), 1 / 3), abs=1e-4)


def test_unanimous_votes_are_the_labels():
    examples = Examples.from_labels(["a", "b", "c"], list("xyx"))
    voted = replace(examples, votes=np.float32([[4, 0], [0, 1], [2, 0]]))
    prepared = METHODS["votes"]().prepare(voted)
    assert np.array_equal(prepared.targets.dense(), examples.targets.dense())


def test_without_votes_the_method_refuses_and_says_how_to_give_them():
    with pytest.raises(InputError, match=r"needs the votes of several annotators.*votes=\['ann1', 'ann2'\]"):
        METHODS["votes"]().prepare(replace(voted(), votes=None))


@pytest.mark.parametrize("row", [[0, 0, 0], [1, -1, 3], [np.nan, 1, 1], [np.inf, 0, 0]])
def test_votes_that_are_no_counts_are_refused_by_row(row):
    counts = COUNTS.copy()
    counts[4] = row
    with pytest.raises(InputError, match="row 5 must have one vote or more"):
        vote_shares(counts)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prior": -1}, "prior must be at least 0"),
        ({"spread": "even"}, "spread must be one of 'classes', 'uniform'"),
        ({"loss": "mse"}, "loss must be one of"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        METHODS["votes"](**options)


def test_loss_is_a_choice_of_the_criterion():
    assert METHODS["votes"]().criterion is None
    assert METHODS["votes"](loss="kl").criterion is not None
