"""K rows a class to train on, as few to choose by, another draw for each seed."""

from collections import Counter

import fake_training as fake
import numpy as np
import pytest

from sfumato import InputError, compare, fit
from sfumato.data import Examples
from sfumato.dataset import cut_data
from sfumato.dev_rows import cut_few
from sfumato.shots import few_rows_and_dev

COLUMNS = {"text": None, "label": None, "bad_rows": "refuse"}


def table(rows=300):
    texts, labels = fake.texts_and_labels(rows)
    return {"text": texts, "label": labels}


def examples(rows=300):
    return Examples.from_labels(*fake.texts_and_labels(rows))


def sizes(split):
    return set(Counter(split.labels.tolist()).values())


def test_each_class_has_so_many_rows_in_train_and_in_dev_and_no_text_is_in_both():
    given = examples()
    twice = given.take([*range(300), *range(0, 300, 3)])  # a hundred texts are there twice
    train, dev, said = few_rows_and_dev(twice, 20, 5, seed=1)
    assert sizes(train) == {20}
    assert sizes(dev) == {5}
    assert not set(train.inputs) & set(dev.inputs)
    assert "a class has 20" in said
    assert "a class has 5" in said


def test_the_seed_draws_the_rows():
    one, same, other = (few_rows_and_dev(examples(), 10, 10, seed=seed)[0].ids.tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_class_with_fewer_rows_has_all_of_them_and_dev_says_what_it_lacks():
    given = examples(30)
    few = given.take(np.flatnonzero((given.labels != 2) | (np.arange(30) == np.flatnonzero(given.labels == 2)[0])))
    train, dev, said = few_rows_and_dev(few, 3, 3, seed=0)
    assert (train.labels == 2).sum() == 1
    assert (dev.labels == 2).sum() == 0
    assert f"in dev no row of {given.classes[2]}" in said
    assert f"fewer than 3: {given.classes[2]} 1" in said


def test_shots_that_leave_nothing_to_choose_by_are_refused():
    with pytest.raises(InputError, match="40 rows a class are all 30 rows that there are"):
        few_rows_and_dev(examples(30), 40, 40, seed=0)


@pytest.mark.parametrize(
    ("options", "train", "dev"),
    [
        ({"dev": 0.1, "shots": 10, "dev_shots": None}, {10}, {10}),
        ({"dev": 0.1, "shots": 10, "dev_shots": 4}, {10}, {4}),
        ({"dev": 0.1, "shots": 10, "dev_shots": "all"}, {10}, 30),
        ({"dev": 60, "shots": 10, "dev_shots": None}, {10}, 60),
        ({"dev": 0, "shots": 10, "dev_shots": None}, {10}, None),
        ({"dev": 0.1, "shots": None, "dev_shots": None}, 270, 30),
        ({"dev": table(90), "shots": 10, "dev_shots": None}, {10}, {10}),
        ({"dev": table(90), "shots": 10, "dev_shots": "all"}, {10}, 90),
        ({"dev": table(90), "shots": 10, "dev_shots": 7}, {10}, {7}),
    ],
)
def test_dev_is_as_small_as_train_unless_it_is_given_otherwise(options, train, dev):
    made, kept, said = cut_few(examples(), seed=0, **options, **COLUMNS)
    assert (sizes(made) if isinstance(train, set) else len(made)) == train
    if dev is None:
        assert kept is None
    else:
        assert (sizes(kept) if isinstance(dev, set) else len(kept)) == dev
    assert any("shots: " in note for note in said) == (options["shots"] is not None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shots": 0}, "fit: shots must be at least 1, got 0"),
        ({"shots": 2.5}, "fit: shots must be a whole number, got 2.5"),
        ({"shots": "many"}, "fit: shots must be a number, got 'many'"),
        ({"dev_shots": 5}, "give shots too"),
        ({"shots": 5, "dev_shots": "some"}, "a number of rows a class, or 'all'.* got 'some'"),
        ({"shots": 5, "dev_shots": 0}, "fit: dev_shots must be at least 1, got 0"),
        ({"shots": 5, "dev_shots": 5, "dev": 0.2}, "dev=0.2 and dev_shots=5 both say how large dev is"),
        ({"shots": 5, "dev_shots": 5, "dev": 0}, "dev=0 and dev_shots=5 both say how large dev is"),
    ],
)
def test_a_bad_number_is_refused_before_training(options, said):
    with pytest.raises(InputError, match=said):
        fit(table(60), method="baseline", **options)


def test_a_model_says_what_was_drawn():
    info = fit(table(), method="baseline", shots=10).info
    assert info["rows"] == {"train": 30, "dev": 30}
    assert any("a class has 10" in note for note in info["notes"])


def test_each_seed_of_a_comparison_draws_rows_of_its_own_and_the_settings_are_in_its_key():
    plain, few, more = (cut_data("d", table(), seed=3, **each) for each in ({}, {"shots": 10}, {"shots": 20}))
    draws = [few.of_seed(seed) for seed in (0, 0, 1)]
    assert draws[0][0].ids.tolist() == draws[1][0].ids.tolist()
    assert draws[0][0].ids.tolist() != draws[2][0].ids.tolist()
    for train, dev in draws:
        assert sizes(train) == sizes(dev) == {10}
        assert not set(train.ids.tolist()) & set(dev.ids.tolist())
        assert not {*train.ids.tolist(), *dev.ids.tolist()} & set(few.test.ids.tolist())
    assert few.test.inputs == plain.test.inputs
    assert len({each.fingerprint for each in (plain, few, more)}) == 3
    large = cut_data("d", table(), seed=3, shots=10, dev_shots="all")
    assert [len(part) for part in large.of_seed(0)] == [30, len(plain.dev)]
    assert large.fingerprint != few.fingerprint


def test_a_comparison_says_before_training_what_it_trains_on():
    said = []
    quiet = {"train": fake.train, "echo": said.append, "models": [fake.architecture()], "seeds": 2, "jobs": 1}
    found = compare(table(), methods=["baseline"], shots=10, **quiet)
    assert "30 to train (10 a class), 30 dev rows (10 a class), another draw of 240 rows for each seed" in said[0]
    assert [line["n_train"] for line in found.lines] == [30, 30]
    assert found.rows[0]["n_dev"] == 30
    with pytest.raises(InputError, match="compare: shots must be at least 1, got 0"):
        compare(table(), methods=["baseline"], shots=0, **quiet)


def test_a_comparison_says_which_classes_are_short_of_rows_and_which_have_none_to_choose_by():
    given = table()
    two = [k for k, label in enumerate(given["label"]) if label == given["label"][0]][2:]
    few = {name: [value for k, value in enumerate(column) if k not in two] for name, column in given.items()}
    options = {"test": table(30), "shots": 10, "seed": 3}
    assert cut_data("d", given, **options).sizes.startswith(
        "30 to train (10 a class), 30 dev rows (10 a class), another"
    )
    assert cut_data("d", few, **options).sizes.startswith(
        "22 to train (10 a class, all of a class with fewer), 20 dev rows (10 a class, all of a class with fewer; in "
        f"dev no row of {given['label'][0]}), another draw"
    )
