"""Tickets of one to three topics: what the generator says of them is true of them."""

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.topic_corpus import FAR, HELD, NEAR, make_topic_corpus


def test_every_ticket_tells_of_one_to_three_topics_and_labels_follow_pi():
    corpus = make_topic_corpus(2000, seed=1)
    number = corpus.topics.sum(axis=1)
    assert set(number.tolist()) == {1, 2, 3}
    assert np.allclose([(number == k).mean() for k in (1, 2, 3)], [0.5, 0.35, 0.15], atol=0.05)
    gold = np.array([[name in labels for name in corpus.classes] for labels in corpus.label_sets])
    assert corpus.classes == tuple(sorted(corpus.classes))
    for value in (HELD, NEAR, FAR):
        cells = corpus.pi == value
        error = np.sqrt(value * (1 - value) / cells.sum())
        assert abs(gold[cells].mean() - value) < 4 * error
    assert (corpus.pi == HELD).tolist() == corpus.topics.tolist()
    assert (gold.sum(axis=1) == 0).any()
    assert (gold.sum(axis=1) > 1).any()


def test_the_same_seed_writes_the_same_tickets():
    first, again, other = (make_topic_corpus(50, seed=seed) for seed in (3, 3, 4))
    assert first.texts == again.texts
    assert first.label_sets == again.label_sets
    assert first.texts != other.texts
    assert make_topic_corpus(50, seed=3, similarity=0).texts != first.texts


def test_the_words_tell_the_topics():
    from sfumato.auditing.audit import audit

    corpus = make_topic_corpus(300, seed=0, similarity=0)
    mixed = [corpus.label_sets[k] for k in np.random.default_rng(0).permutation(300)]
    assert audit(corpus.texts, corpus.label_sets).settings["micro_f1"] > 0.6
    assert audit(corpus.texts, mixed).settings["micro_f1"] < 0.3


@pytest.mark.parametrize(
    ("options", "said"), [({"rows": 0}, "rows must be"), ({"similarity": 2}, "similarity must be")]
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        make_topic_corpus(**options)
