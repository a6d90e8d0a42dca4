"""Labels that are wrong where the text misleads, and rows whose right label is given back."""

from dataclasses import replace

import numpy as np
import pytest

from sfumato.damage import damage, text_noise, trust
from sfumato.damage.text_noise import drawn_to
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.held_out_linear import held_out_logits
from sfumato.ngrams import NgramEncoder

WORDS = {
    "sport": "ball team goal coach match league",
    "money": "bank stock price loan tax profit",
    "art": "song drum oil",
}


@pytest.fixture
def topics():
    """Return texts of four words: of a clear one all are its own topic's, of an unclear one three are another's."""

    def build(rows=240, seed=0):
        generator, names = np.random.default_rng(seed), list(WORDS)
        labels = [names[i % 3] for i in range(rows)]
        texts = []
        for i, name in enumerate(labels):
            other = names[(i + 1) % 3] if i % 4 == 0 else name
            texts.append(
                " ".join([*generator.choice(WORDS[other].split(), 3), *generator.choice(WORDS[name].split(), 1)])
            )
        return Examples.from_labels(texts, labels, classes=names)

    return build


def test_the_strongest_other_label_and_its_lead_in_plain_loops():
    logits = np.array([[2.0, 1.0, 0.5], [0.0, 3.0, 2.9], [1.0, 5.0, 0.0]])
    new, ahead = drawn_to(logits, np.array([0, 2, 1]))
    for i, y in enumerate([0, 2, 1]):
        others = {k: logits[i][k] for k in range(3) if k != y}
        best = max(others, key=others.get)
        assert new[i] == best
        assert ahead[i] == pytest.approx(others[best] - logits[i][y])


@pytest.mark.parametrize("rate", [0, 0.1, 0.25, 1])
def test_the_rate_is_met_to_the_row_and_less_is_a_part_of_more(topics, rate):
    given = topics()
    damaged = text_noise(given, rate=rate, seed=0)
    assert len(damaged.touched) == round(rate * 240)
    assert np.array_equal(damaged.touched, np.flatnonzero(damaged.examples.labels != given.labels))
    assert damaged.said.startswith(f"text-noise: {round(rate * 240)} of 240 (")
    more = text_noise(given, rate=min(1, rate + 0.2), seed=0)
    assert np.array_equal(more.examples.labels[damaged.touched], damaged.examples.labels[damaged.touched])


def test_the_rows_that_look_like_another_class_get_its_label_and_clear_ones_stay(topics):
    given = topics()
    damaged = text_noise(given, rate=0.2, seed=0)
    assert (damaged.touched % 4 == 0).all()
    assert (damaged.examples.labels[damaged.touched] == (given.labels[damaged.touched] + 1) % 3).all()
    assert "in 48 of them a classifier prefers the new label" in damaged.said


def test_wrong_labels_can_be_predicted_from_the_text_and_even_ones_cannot(topics):
    given = topics(600)
    matrix, fold = NgramEncoder.fit(given.inputs).encode(given.inputs).matrix, np.arange(600) % 5
    share = []
    for labels in (text_noise(given, rate=0.2, seed=0).examples.labels, (given.labels + (np.arange(600) % 5 == 1)) % 3):
        moved = labels != given.labels
        share.append((held_out_logits(matrix, labels, 3, fold).argmax(axis=1) == labels)[moved].mean())
    assert share[0] > 0.8 > 0.4 > share[1]


def test_dev_is_judged_by_what_train_teaches_and_not_by_its_own_labels(topics):
    train, dev = topics(240), topics(60, seed=1)
    step = [{"kind": "text-noise", "rate": 0.25, "parts": ["dev"]}]
    same, spoilt, *_ = damage(train, dev, dev, step, seed=0)
    assert np.array_equal(same.labels, train.labels)
    assert (spoilt.labels != dev.labels).sum() == 15
    shifted = replace(train, labels=(train.labels + 1) % 3, targets=train.targets)
    other = text_noise(dev, rate=0.25, train=shifted, seed=0).examples
    assert not np.array_equal(other.labels, spoilt.labels)
    assert np.array_equal(text_noise(dev, rate=0.25, train=train, seed=9).examples.labels, spoilt.labels)


def test_what_text_noise_cannot_read_is_refused_in_words(topics):
    with pytest.raises(InputError, match="text-noise is for one label a row"):
        text_noise(Examples.from_label_sets(["a b", "c d"], [["x", "y"], []]), rate=0.1, seed=0)
    with pytest.raises(InputError, match="rate"):
        text_noise(topics(), rate=1.2, seed=0)
    with pytest.raises(InputError, match=r"row 1 is .*; join the tokens"):
        text_noise(Examples.from_labels([["a"], ["b"]], ["x", "y"]), rate=0.5, seed=0)
    with pytest.raises(InputError, match="these are images"):
        text_noise(Examples.from_labels(np.zeros((2, 4, 4), np.uint8), ["x", "y"]), rate=0.5, seed=0)
    with pytest.raises(InputError, match="all 2 texts are the same"):
        text_noise(Examples.from_labels(["a", "a"], ["x", "y"]), rate=0.5, seed=0)
    with pytest.raises(InputError, match="needs another class"):
        text_noise(Examples.from_labels(["a", "b"], ["x", "x"]), rate=0.5, seed=0)


def test_trusted_rows_get_back_the_label_of_before_the_first_step(topics):
    train, dev = topics(240), topics(60, seed=1)
    noise, marks = {"kind": "symmetric-noise", "rate": 0.5}, {"kind": "trust", "rows": 40, "parts": ["train"]}
    spoilt, *_ = damage(train, dev, dev, [noise], seed=0)
    mended, watched, _, touched, notes = damage(train, dev, dev, [noise, marks], seed=0)
    assert mended.trusted.sum() == 40
    assert watched.trusted is None
    assert np.array_equal(mended.labels[mended.trusted], train.labels[mended.trusted])
    assert np.array_equal(mended.labels[~mended.trusted], spoilt.labels[~mended.trusted])
    assert (spoilt.labels != train.labels)[mended.trusted].any()
    assert np.array_equal(mended.targets.dense(), np.eye(3)[mended.labels])
    assert np.array_equal(touched["train"], np.flatnonzero(mended.labels != train.labels))
    assert notes[-1].startswith("train: trust: 40 of 240 (16.67 %) rows are trusted, ")


def test_right_labels_are_found_again_after_rows_and_classes_were_left_out(topics):
    train, dev = topics(240), topics(60, seed=1)
    steps = [
        {"kind": "class-subset", "classes": ["art", "money"]},
        {"kind": "fraction", "share": 0.5},
        {"kind": "symmetric-noise", "rate": 1},
        {"kind": "trust", "rows": 10},
    ]
    mended, *_ = damage(train, dev, dev, steps, seed=0)
    for i in range(len(mended)):
        before = train.classes[train.labels[mended.ids[i]]]
        assert (mended.classes[mended.labels[i]] == before) == mended.trusted[i]


def test_a_row_whose_right_class_was_left_out_after_the_noise_cannot_be_put_right(topics):
    subset = {"kind": "class-subset", "classes": ["art", "money"]}
    noise, marks = {"kind": "symmetric-noise", "rate": 0.5}, {"kind": "trust", "rows": 60}
    train, dev = topics(240), topics(120, seed=1)
    said = r"trust: the right label of \d+ rows is a class that was left out; put class-subset"
    with pytest.raises(InputError, match=said):
        damage(train, dev, dev, [noise, subset, marks], seed=0)
    assert (damage(train, dev, dev, [subset, noise, marks], seed=0)[0].labels >= 0).all()


def test_fewer_trusted_rows_are_a_part_of_more_and_may_weigh_more(topics):
    few, many = (trust(topics(), rows=rows, seed=3).examples for rows in (10, 30))
    assert not (few.trusted & ~many.trusted).any()
    assert few.weights is None
    heavy = trust(topics(), rows=10, weight=5, seed=3).examples
    assert heavy.weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(heavy.weights[heavy.trusted], 5 * heavy.weights[~heavy.trusted][0])


def test_trust_comes_last_and_has_rows_to_draw_from(topics):
    marked = trust(topics(), rows=10, seed=0).examples
    with pytest.raises(InputError, match="the rows also have labels that are known to be right"):
        text_noise(marked, rate=0.1, seed=0)
    with pytest.raises(InputError, match="rows must be at most 240, the rows that there are, got 241"):
        trust(topics(), rows=241, seed=0)
    with pytest.raises(InputError, match="weight"):
        trust(topics(), rows=1, weight=0.5, seed=0)
    with pytest.raises(InputError, match="one label a row"):
        trust(Examples.from_label_sets(["a b", "c d"], [["x", "y"], []]), rows=1, seed=0)
