import itertools
import re
import subprocess
import sys

import numpy as np
import pytest

from sfumato.corpus import EVERYWHERE, LENGTHS, SHARES, Story, make_corpus, make_story, profile_posterior, wordings
from sfumato.errors import InputError

PLAIN = {"noise": 0.0, "noise_kind": "uniform", "imbalance": 1.0, "similarity": 0.5, "departments": 8}


def squared(q, pi):
    return float(((q - pi) ** 2).sum(axis=1).mean())


def one_hot(corpus, labels):
    return np.eye(len(corpus.classes))[[corpus.classes.index(label) for label in labels]]


def pattern_of(template: str) -> re.Pattern[str]:
    """What a template can look like in a text, whatever its slots, wording and case."""
    pieces = []
    for piece in re.split(r"(\{\w+\}|\[[^]]*\])", template.rstrip(".")):
        if piece.startswith("{"):
            pieces.append(r"[\w$.]+(?: \w+)?")
        elif piece.startswith("["):
            pieces.append("(?:" + "|".join(map(re.escape, piece[1:-1].split("|"))) + ")")
        else:
            pieces.append(re.escape(piece))
    return re.compile("".join(pieces), re.IGNORECASE)


def chance_of_ticket_by_hand(story: Story, profile: int, ticket: tuple[int, ...]) -> float:
    """P(ticket | profile) with plain loops: the product over the chance that all phrases differ."""
    M = story.emission.shape[1]
    q = [sum(story.profiles[profile][k] * story.emission[k][m] for k in range(len(story.classes))) for m in range(M)]
    all_different = 0.0
    for other in itertools.permutations(range(M), len(ticket)):
        chance = 1.0
        for m in other:
            chance *= q[m]
        all_different += chance
    chance = 1.0
    for m in ticket:
        chance *= q[m]
    return chance / all_different


def test_posterior_agrees_with_bayes_rule_by_plain_loops():
    story = make_story(**PLAIN | {"departments": 2})
    tickets = [(0, 11, 14), (3, 4, 5), (12, 13, 26)]  # everywhere, shared and own phrases
    computed = profile_posterior(story, tickets)
    for ticket, row in zip(tickets, computed, strict=True):
        joint = [story.prior[p] * chance_of_ticket_by_hand(story, p, ticket) for p in range(len(story.prior))]
        np.testing.assert_allclose(row, np.array(joint) / sum(joint), rtol=1e-10)


def test_posterior_leaves_no_error_that_it_could_explain_itself():
    corpus = make_corpus(6000, seed=3, noise=0.2)
    for guess in (corpus.posterior, corpus.posterior_with_label):
        product = (corpus.pi - guess) * guess  # E[(π - E[π|x]) f(x)] = 0 for every f
        z = product.mean(axis=0) / (product.std(axis=0) / np.sqrt(len(product)))
        assert np.abs(z).max() < 4
    product = (corpus.pi - corpus.posterior) * one_hot(corpus, corpus.labels)
    z = product.mean(axis=0) / (product.std(axis=0) / np.sqrt(len(product)))
    assert z.min() > 4  # the text alone does not know what the label adds


def test_bayes_distances_are_ordered_by_what_is_known():
    corpus = make_corpus(3000, seed=1)
    prior = np.broadcast_to(corpus.pi.mean(axis=0), corpus.pi.shape)
    with_label, text_only = squared(corpus.posterior_with_label, corpus.pi), squared(corpus.posterior, corpus.pi)
    assert 0 < with_label < text_only < squared(one_hot(corpus, corpus.labels), corpus.pi)
    assert text_only < squared(prior, corpus.pi)


def test_the_given_label_says_nothing_when_every_label_is_replaced_by_noise_of_two_departments():
    half = make_corpus(500, seed=0, departments=2, noise=0.5)
    np.testing.assert_allclose(half.posterior_with_label, half.posterior, atol=1e-12)
    clean = make_corpus(500, seed=0, departments=2, noise=0.0)
    assert np.abs(clean.posterior_with_label - clean.posterior).max() > 0.05


def test_distributions_sum_to_one_and_fit_their_classes():
    corpus = make_corpus(300, seed=2)
    assert len(corpus) == len(corpus.texts) == len(corpus.labels) == len(corpus.true_labels) == 300
    assert list(corpus.classes) == sorted(corpus.classes)
    assert len(corpus.classes) == 8
    for array in (corpus.pi, corpus.posterior, corpus.posterior_with_label):
        assert array.shape == (300, 8)
        assert array.min() > 0
        np.testing.assert_allclose(array.sum(axis=1), 1, atol=1e-12)


def test_labels_are_drawn_from_pi():
    corpus = make_corpus(5000, seed=5)
    difference = (one_hot(corpus, corpus.labels) - corpus.pi) * corpus.pi
    z = difference.mean(axis=0) / (difference.std(axis=0) / np.sqrt(len(difference)))
    assert np.abs(z).max() < 4
    assert corpus.labels == corpus.true_labels


def test_the_same_seed_gives_the_same_corpus_and_another_seed_does_not():
    first, again, other = make_corpus(50, seed=7), make_corpus(50, seed=7), make_corpus(50, seed=8)
    assert first.texts == again.texts
    assert first.labels == again.labels
    np.testing.assert_array_equal(first.posterior, again.posterior)
    assert first.texts != other.texts


def test_the_same_seed_gives_the_same_texts_in_another_process():
    code = "from sfumato.corpus import make_corpus; print(make_corpus(5, seed=7).texts)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(make_corpus(5, seed=7).texts)


@pytest.mark.parametrize("kind", ["uniform", "similar"])
def test_noise_replaces_the_wanted_share_of_labels(kind):
    corpus = make_corpus(3000, seed=0, noise=0.3, noise_kind=kind)
    wrong = [(a, b) for a, b in zip(corpus.true_labels, corpus.labels, strict=True) if a != b]
    assert abs(len(wrong) / 3000 - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 3000)
    assert len(set(wrong)) == {"uniform": 8 * 7, "similar": 8 * 2}[kind]


def test_imbalance_one_is_even_and_ten_makes_the_last_department_rare():
    even = np.unique(make_corpus(4000, seed=0).true_labels, return_counts=True)[1]
    assert even.max() / even.min() < 1.3
    corpus = make_corpus(3000, seed=0, imbalance=10)
    names, counts = np.unique(corpus.true_labels, return_counts=True)
    share = dict(zip(names, counts, strict=True))
    assert max(share, key=share.get) == "billing"
    assert share["billing"] > 3 * min(counts)


def test_similarity_makes_tickets_mixed_and_neighbours_alike():
    apart, close = make_corpus(2000, seed=0, similarity=0), make_corpus(2000, seed=0, similarity=1)
    assert apart.pi.max(axis=1).min() > 0.9
    assert close.pi.max(axis=1).mean() < 0.8
    assert squared(apart.posterior, apart.pi) < squared(close.posterior, close.pi) / 3
    bare, shared = make_story(**PLAIN | {"similarity": 0.0}), make_story(**PLAIN | {"similarity": 1.0})
    common = len(wordings()["everywhere"])
    assert np.count_nonzero((bare.emission[:, common:] > 0).sum(axis=0) > 1) == 0
    assert np.count_nonzero((shared.emission[:, common:] > 0).sum(axis=0) == 2) == 24


def test_every_department_speaks_a_distribution_and_shares_with_two_neighbours():
    story = make_story(**PLAIN)
    np.testing.assert_allclose(story.emission.sum(axis=1), 1)
    np.testing.assert_allclose(story.emission[:, : len(wordings()["everywhere"])].sum(axis=1), EVERYWHERE)
    alike = (story.emission > 0).astype(int) @ (story.emission > 0).T.astype(int) - len(wordings()["everywhere"])
    assert (np.count_nonzero(alike, axis=1) - 1 == 2).all()


def test_profiles_are_distinct_and_their_prior_sums_to_one():
    story = make_story(**PLAIN | {"imbalance": 4.0})
    assert story.profiles.shape == (8 * 7 * len(SHARES), 8)
    assert len(np.unique(story.profiles.round(9), axis=0)) == len(story.profiles)
    assert story.prior.sum() == pytest.approx(1)


def test_a_text_holds_its_phrases_and_no_others():
    corpus, story = make_corpus(400, seed=4), make_story(**PLAIN)
    patterns = [pattern_of(phrase) for phrase in story.phrases]
    for text, phrases in zip(corpus.texts, corpus.phrases, strict=True):
        assert {m for m, pattern in enumerate(patterns) if pattern.search(text)} == set(phrases), text
        assert len(set(phrases)) == len(phrases)
        assert len(phrases) in LENGTHS


def test_texts_have_no_leftover_slot_and_come_in_several_cases():
    texts = make_corpus(500, seed=0).texts
    assert not [text for text in texts if re.search(r"[{}\[\]|]|  ", text)]
    assert any(text == text.lower() for text in texts)
    assert any("!!" in text for text in texts)
    assert any(text != text.lower() for text in texts)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": 0}, "rows must be at least 1"),
        ({"noise": 1.5}, "noise must be at least 0 and at most 1, got 1.5"),
        ({"similarity": float("nan")}, "similarity"),
        ({"imbalance": 0.5}, "imbalance must be at least 1"),
        ({"departments": 9}, "at most 8, got 9"),
        ({"departments": 2.5}, "departments must be a whole number, got 2.5"),
        ({"noise_kind": "similiar"}, "did you mean 'similar'"),
    ],
)
def test_an_option_out_of_range_is_named(options, words):
    with pytest.raises(InputError, match=re.escape(words)):
        make_corpus(**options)


@pytest.mark.parametrize("departments", range(2, 9))
def test_any_number_of_departments_works(departments):
    corpus = make_corpus(200, seed=0, departments=departments)
    assert corpus.posterior.shape == (200, departments)
    assert np.isfinite(corpus.posterior).all()
