"""How many votes that nobody cast are added, and what they say."""

from dataclasses import replace
from math import lgamma

import numpy as np
import pytest

from sfumato import METHODS
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.methods.vote_prior import best_prior, held_out_shares, log_likelihood


def drawn(m: float, *, rows: int = 600, n: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return n votes a text from shares that are drawn around p with concentration m, and p, (N, 3)."""
    random = np.random.default_rng(5)
    p = random.dirichlet(np.ones(3), rows) * 0.94 + 0.02
    shares = np.stack([random.dirichlet(m * each) for each in p])
    return np.stack([random.multinomial(n, each) for each in shares]).astype(float), p


def test_the_likelihood_is_that_of_plain_loops():
    votes, p = drawn(3.0, rows=20)
    total = 0.0
    for row, chance in zip(votes, p, strict=True):
        total += lgamma(3.0) - lgamma(row.sum() + 3.0)
        for count, share in zip(row, chance, strict=True):
            total += lgamma(count + 3.0 * share) - lgamma(3.0 * share)
    assert log_likelihood(votes, p, 3.0) == pytest.approx(total)


@pytest.mark.parametrize("m", [0.5, 3.0, 20.0])
def test_the_number_of_added_votes_is_found_again(m):
    assert best_prior(*drawn(m)) == pytest.approx(m, rel=0.35)


def test_one_vote_a_text_says_nothing_and_adds_one():
    votes, p = drawn(3.0, n=1)
    assert best_prior(votes, p) == 1.0
    both = np.vstack([votes, drawn(20.0)[0]]), np.vstack([p, drawn(20.0)[1]])
    assert best_prior(*both) == pytest.approx(best_prior(*drawn(20.0)))


def voted_texts(rows: int = 240) -> Examples:
    """Return texts whose words tell how likely "no" is, with three votes each."""
    random = np.random.default_rng(2)
    sure = random.choice([0.1, 0.5, 0.9], rows)
    words = {0.1: "calm", 0.5: "mixed", 0.9: "angry"}
    texts = [f"{words[s]} text {random.integers(50)}" for s in sure]
    votes = np.array([[3 - k, k] for k in random.binomial(3, sure)], dtype=np.float32)
    examples = Examples.from_labels(texts, ["no" if a >= b else "yes" for a, b in votes], classes=["no", "yes"])
    return replace(examples, votes=votes)


def test_what_the_other_texts_say_is_near_the_chance_that_votes_were_drawn_by():
    examples = voted_texts()
    shares = examples.votes / examples.votes.sum(axis=1, keepdims=True)
    p = held_out_shares(examples.inputs, shares, seed=0)
    for word, chance in (("calm", 0.1), ("mixed", 0.5), ("angry", 0.9)):
        rows = [text.startswith(word) for text in examples.inputs]
        assert p[rows, 1].mean() == pytest.approx(chance, abs=0.1)


def test_targets_with_the_text_are_nearer_to_the_chance_than_the_bare_shares():
    examples = voted_texts()
    chance = np.array([{"c": 0.1, "m": 0.5, "a": 0.9}[text[0]] for text in examples.inputs])
    error = {
        spread: np.abs(METHODS["votes"](prior, spread).prepare(examples).targets.dense()[:, 1] - chance).mean()
        for prior, spread in ((0, "classes"), ("auto", "classes"), ("auto", "text"))
    }
    assert error["text"] < 0.6 * error["classes"]


def test_the_vote_of_a_text_does_not_tell_what_is_added_to_it():
    examples = voted_texts()
    shares = examples.votes / examples.votes.sum(axis=1, keepdims=True)
    turned = shares.copy()
    turned[7] = turned[7, ::-1] * 0.2 + shares[7] * 0.8  # the larger share stays larger: the folds stay too
    before, after = (held_out_shares(examples.inputs, each, seed=0) for each in (shares, turned))
    assert after[7] == pytest.approx(before[7], abs=2e-2)


@pytest.mark.parametrize("options", [{"prior": "many"}, {"prior": -1}, {"spread": "words"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InputError, match="votes"):
        METHODS["votes"](**options)
