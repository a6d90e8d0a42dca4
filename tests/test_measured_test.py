"""What is measured on test rows with votes."""

import math

import numpy as np
import pytest

from sfumato.measured_test import of_votes


def test_the_distances_from_votes_are_those_of_plain_loops_over_the_texts_that_have_some():
    votes = np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 2.0]])
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    entropy = divergence = 0.0
    for i in (0, 2):
        for k in range(3):
            share, middle = votes[i, k] / votes[i].sum(), (votes[i, k] / votes[i].sum() + p[i, k]) / 2
            entropy -= share * math.log(p[i, k]) / 2
            divergence += (share * math.log(share / middle) if share else 0) / 4
            divergence += p[i, k] * math.log(p[i, k] / middle) / 4
    found = of_votes(votes, p)
    assert found == {
        "vote_cross_entropy": pytest.approx(entropy),
        "vote_jensen_shannon": pytest.approx(divergence),
    }
