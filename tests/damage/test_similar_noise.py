"""Labels exchanged for those of similar classes, and the oracle that leaves wrong rows out."""

import numpy as np
import pytest

from sfumato.damage import damage, drop_wrong, similar_noise, text_noise
from sfumato.damage.similar_noise import mistaken_for
from sfumato.data import Examples
from sfumato.errors import InputError

WORDS = {"cats": "paw purr whisker pet fur", "dogs": "bark leash bone pet fur", "cars": "wheel engine brake road tyre"}


@pytest.fixture
def animals():
    """Return texts of four words: cats and dogs share some, cars none."""

    def build(rows=240, seed=0):
        generator, names = np.random.default_rng(seed), list(WORDS)
        labels = [names[i % 3] for i in range(rows)]
        texts = [" ".join(generator.choice(WORDS[name].split(), 4)) for name in labels]
        return Examples.from_labels(texts, labels, classes=names)

    return build


def test_chances_are_the_largest_mean_probabilities_of_plain_loops():
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(40, 4)), generator.integers(0, 3, 40)  # class 3 has no rows
    found = mistaken_for(logits, labels, others=2)
    for j in range(3):
        mean = [0.0] * 4
        for row, label in zip(logits, labels, strict=True):
            if label == j:
                for k in range(4):
                    mean[k] += np.exp(row[k]) / sum(np.exp(row)) / (labels == j).sum()
        best = sorted((k for k in range(4) if k != j), key=lambda k: -mean[k])[:2]
        for k in range(4):
            expected = mean[k] / sum(mean[b] for b in best) if k in best else 0
            assert found[j, k] == pytest.approx(expected)
    assert found[3].sum() == pytest.approx(1)


@pytest.mark.parametrize("rate", [0, 0.1, 0.3])
def test_the_rate_is_met_and_wrong_labels_are_those_of_the_similar_class(animals, rate):
    given = animals()
    damaged = similar_noise(given, rate=rate, others=1, seed=3)
    assert len(damaged.touched) == round(rate * 240)
    assert np.array_equal(damaged.touched, np.flatnonzero(damaged.examples.labels != given.labels))
    cats, dogs = 0, 1
    of_cats = damaged.touched[given.labels[damaged.touched] == cats]
    assert (damaged.examples.labels[of_cats] == dogs).all()


def test_a_lower_rate_touches_a_part_of_the_rows_in_the_same_way(animals):
    little, much = (similar_noise(animals(), rate=rate, seed=1) for rate in (0.1, 0.4))
    assert set(little.touched) <= set(much.touched)
    assert np.array_equal(little.examples.labels[little.touched], much.examples.labels[little.touched])


def test_dev_is_mistaken_as_train_is_and_train_alone_says_how(animals):
    train, dev = animals(), animals(rows=60, seed=9)
    turned = Examples.from_labels(dev.inputs, [dev.classes[(k + 2) % 3] for k in dev.labels], classes=dev.classes)
    wrong = similar_noise(turned, rate=1, others=1, train=train, seed=0).examples.labels
    alone = similar_noise(train, rate=1, others=1, seed=0).examples.labels
    pairs = {(int(a), int(b)) for a, b in zip(train.labels, alone, strict=True)}
    assert {(int(a), int(b)) for a, b in zip(turned.labels, wrong, strict=True)} == pairs


def test_the_oracle_leaves_out_the_wrong_rows_and_no_other(animals):
    train, dev, test = animals(), animals(rows=60, seed=1), animals(rows=30, seed=2)
    noise, dropped = {"kind": "symmetric-noise", "rate": 0.25}, {"kind": "drop-wrong"}
    kept, watched, same, touched, notes = damage(train, dev, test, [noise, dropped], seed=0)
    assert len(kept) == 180
    assert len(watched) == 45
    assert len(same) == 30
    right = dict(zip(train.ids.tolist(), train.labels.tolist(), strict=True))
    assert all(right[i] == label for i, label in zip(kept.ids.tolist(), kept.labels.tolist(), strict=True))
    assert len(touched["train"]) == 60
    assert notes[-2].startswith("train: drop-wrong: 60 of 240 (25.00 %) rows left out")


def test_without_an_earlier_step_nothing_is_wrong(animals):
    assert len(drop_wrong(animals()).examples) == 240


@pytest.mark.parametrize("options", [{"rate": 2}, {"rate": 0.1, "others": 0}, {"rate": 0.1, "seed": -1}])
def test_options_out_of_range_are_refused(animals, options):
    with pytest.raises(InputError, match="similar-noise"):
        similar_noise(animals(), **{"seed": 0, **options})


def test_a_dev_split_of_one_row_is_mistaken_by_what_train_says(animals):
    one = animals(rows=1)
    assert similar_noise(one, rate=1, train=animals(), seed=0).examples.labels[0] != one.labels[0]
    assert text_noise(one, rate=1, train=animals(), seed=0).examples.labels[0] != one.labels[0]
    with pytest.raises(InputError, match="judges each text by others"):
        similar_noise(one, rate=1, seed=0)
