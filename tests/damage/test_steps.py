"""A list of damages on train, dev and test: who is touched, with what seed, and what a table file may say."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sfumato.damage import DAMAGES, TEST_TOO, check_steps, damage, group_noise
from sfumato.damage.steps import GIVEN
from sfumato.errors import InputError

SIZES = {"rec.autos": 200, "rec.hockey": 200, "sci.med": 100, "sci.space": 100}


@pytest.fixture
def splits(split_of):
    """Return train, dev (a tenth of it) and test (half of it)."""
    return tuple(split_of({name: n // part for name, n in SIZES.items()}) for part in (1, 10, 2))


def sizes(split):
    return dict(Counter(split.classes[k] for k in split.labels.tolist()))


def test_noise_touches_train_and_dev_and_never_test(splits):
    train, dev, test, touched, notes = damage(*splits, [{"kind": "group-noise", "rate": 0.3}], seed=0)
    assert test is splits[2]
    assert {part: len(rows) for part, rows in touched.items()} == {"train": 180, "dev": 18, "test": 0}
    for given, after, part in ((splits[0], train, "train"), (splits[1], dev, "dev")):
        assert np.flatnonzero(given.labels != after.labels).tolist() == touched[part].tolist()
    assert notes == [
        "train: group-noise: 180 of 600 (30.00 %) labels replaced",
        "dev: group-noise: 18 of 60 (30.00 %) labels replaced",
    ]


def test_parts_narrow_a_step_to_one_split(splits):
    for part, other in (("train", "dev"), ("dev", "train")):
        *_, touched, notes = damage(*splits, [{"kind": "symmetric-noise", "rate": 0.5, "parts": [part]}], seed=0)
        assert len(touched[part])
        assert not len(touched[other])
        assert len(notes) == 1


def test_every_split_and_every_step_has_a_seed_of_its_own(splits):
    train = splits[0]
    noise = {"kind": "symmetric-noise", "rate": 0.2}
    *_, touched, _ = damage(train, train, train, [noise], seed=0)
    assert touched["train"].tolist() != touched["dev"].tolist()
    once, again, other = (damage(*splits, [noise], seed=seed)[0].labels.tolist() for seed in (0, 0, 1))
    assert once == again != other
    two = damage(*splits, [noise, noise], seed=0)[3]["train"]
    assert len(two) > len(touched["train"])  # the second step draws other rows


def test_options_are_written_with_hyphens_too(splits):
    steps = [{"kind": "shots", "per-class": 5}]
    assert sizes(damage(*splits, steps, seed=0)[0]) == dict.fromkeys(SIZES, 5)
    assert damage(*splits, [{"kind": "group_noise", "rate": 0.3}], seed=0)[4][0].startswith("train: group-noise")


def test_a_subset_of_classes_is_taken_of_all_three(splits):
    step = {"kind": "class-subset", "classes": ["sci.med", "rec.autos"]}
    *after, touched, notes = damage(*splits, [step], seed=0)
    for given, split, part in zip(splits, after, ("train", "dev", "test"), strict=True):
        assert split.classes == ("rec.autos", "sci.med")
        assert touched[part].tolist() == [
            i for i, k in enumerate(given.labels) if given.classes[k] not in split.classes
        ]
    assert len(notes) == 3


def test_positions_are_those_of_the_split_that_was_given_after_several_steps(splits):
    steps = [
        {"kind": "class-subset", "classes": ["rec.autos", "rec.hockey"]},
        {"kind": "shots", "per_class": 50},
        {"kind": "group-noise", "rate": 0.4},
    ]
    train, _, test, touched, _ = damage(*splits, steps, seed=0)
    given = splits[0]
    before = {text: given.classes[k] for text, k in zip(given.inputs, given.labels.tolist(), strict=True)}
    after = {text: train.classes[k] for text, k in zip(train.inputs, train.labels.tolist(), strict=True)}
    assert len(after) == 100
    assert sum(before[text] != name for text, name in after.items()) == 40
    wanted = [row for row, text in enumerate(given.inputs) if before[text] != after.get(text)]
    assert touched["train"].tolist() == wanted
    assert len(test) == 200


def test_a_label_that_comes_back_is_not_touched(splits):
    turn = {"kind": "transition-noise", "matrix": np.eye(4)[[1, 0, 3, 2]].tolist()}
    assert len(damage(*splits, [turn], seed=0)[3]["train"]) == 600
    assert len(damage(*splits, [turn, turn], seed=0)[3]["train"]) == 0


@pytest.mark.parametrize(
    ("step", "train", "dev"),
    [
        ({"kind": "imbalance", "others": 20, "keep": ["rec.autos"]}, (200, 20, 20, 20), (20, 2, 2, 2)),
        ({"kind": "imbalance", "counts": {"sci.med": 1}}, (200, 200, 1, 100), (20, 20, 1, 10)),
        ({"kind": "imbalance", "classes": ["rec.autos"]}, (2, 200, 100, 100), (1, 20, 10, 10)),
        ({"kind": "long-tail", "ratio": 8}, (200, 100, 50, 25), (20, 10, 5, 2)),
        ({"kind": "shots", "per_class": 15}, (15, 15, 15, 15), (15, 15, 10, 10)),
        ({"kind": "fraction", "share": 0.5}, (100, 100, 50, 50), (10, 10, 5, 5)),
    ],
)
def test_dev_is_cut_as_train_is(splits, step, train, dev):
    got = damage(*splits, [step], seed=0)
    assert tuple(sizes(got[0])[name] for name in SIZES) == train
    assert tuple(sizes(got[1])[name] for name in SIZES) == dev
    assert all(note.partition(": ")[2].startswith(step["kind"]) for note in got[4])


def test_counts_of_dev_alone_are_exact(splits):
    step = {"kind": "imbalance", "counts": {"sci.med": 7}, "parts": ["dev"]}
    train, dev, *_ = damage(*splits, [step], seed=0)
    assert sizes(dev)["sci.med"] == 7
    assert train is splits[0]


def test_a_split_without_rows_is_passed_over(splits):
    nothing = splits[1].take([])
    step = {"kind": "long-tail", "ratio": 8}
    train, dev, *_, notes = damage(splits[0], nothing, splits[2], [step], seed=0)
    assert (len(train), len(dev), len(notes)) == (375, 0, 1)
    subset = {"kind": "class-subset", "classes": ["sci.med", "sci.space"]}
    assert damage(splits[0], nothing, splits[2], [subset], seed=0)[1].classes == ("sci.med", "sci.space")


def test_no_steps_change_nothing(splits):
    *after, touched, notes = damage(*splits, [], seed=0)
    assert all(one is other for one, other in zip(after, splits, strict=True))
    assert not any(len(rows) for rows in touched.values())
    assert notes == []


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"rate": 0.1}, "step 1 has no kind; there are: symmetric-noise, group-noise"),
        ({"kind": "group-nose", "rate": 0.1}, r"no damage 'group-nose' \(did you mean 'group-noise'\?\)"),
        ({"kind": "group-noise", "rat": 0.1}, r"has no option 'rat' \(did you mean 'rate'\?\); it takes: rate, groups"),
        ({"kind": "group-noise"}, "group-noise needs rate; it takes: rate, groups"),
        ({"kind": "group-noise", "rate": 1.2}, "rate must be at least 0 and at most 1"),
        ({"kind": "group-noise", "rate": 0.1, "seed": 3}, "has no option 'seed'"),
        ({"kind": "group-noise", "rate": 0.1, "examples": 3}, "has no option 'examples'"),
        ({"kind": "group-noise", "rate": 0.1, "parts": ["test"]}, "test is never damaged"),
        ({"kind": "group-noise", "rate": 0.1, "parts": "train"}, "must be a list"),
        ({"kind": "group-noise", "rate": 0.1, "parts": 3}, "must be a list"),
        ({"kind": "class-subset", "classes": ["a", "b"], "parts": ["train"]}, "leave parts out"),
        ({"kind": "shots", "per_class": 2.5}, "per_class must be a whole number"),
        ({"kind": "long-tail", "ratio": 0.1}, "ratio must be at least 1"),
        ({"kind": "imbalance"}, "give one of classes"),
        ("shots", "list of tables"),
    ],
)
def test_a_step_is_checked_before_there_is_data(splits, step, said):
    for check in (check_steps, lambda steps: damage(*splits, steps, seed=0)):
        with pytest.raises(InputError, match=said):
            check([step])


def test_a_table_in_place_of_the_list_and_a_seed_that_is_none_are_refused(splits):
    with pytest.raises(InputError, match="list of tables"):
        check_steps({"kind": "shots", "per_class": 2})
    with pytest.raises(InputError, match="damage: seed must be at least 0"):
        damage(*splits, [], seed=-1)


def test_a_later_step_that_cannot_be_is_refused_before_the_first_is_done(splits):
    with pytest.raises(InputError, match="rate must be"):
        check_steps([{"kind": "shots", "per_class": 2}, {"kind": "group-noise", "rate": 2}])


def test_the_registry_holds_every_damage_by_name():
    assert list(DAMAGES) == [
        "symmetric-noise", "group-noise", "transition-noise", "text-noise", "similar-noise", "trust", "drop-wrong",
        "imbalance", "long-tail", "shots", "fraction", "class-subset",
    ]  # fmt: skip
    assert DAMAGES["group_noise"] is group_noise
    assert set(DAMAGES) >= TEST_TOO
    assert all(next(iter(DAMAGES.schema(name))) == "examples" for name in DAMAGES)


def test_the_page_names_every_damage_with_its_options_and_its_example_holds():
    page = (Path(__file__).parents[2] / "docs" / "damage.md").read_text(encoding="utf-8")
    check_steps(tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])["damage"])
    said: dict[str, set[str]] = {}
    for line in page.splitlines():
        if line.startswith("| ") and not line.startswith("| kind"):
            kind, options = (re.findall("`([^`]+)`", cell) for cell in line.split("|")[1:3])
            name = kind[0] if kind else list(said)[-1]
            said[name] = said.get(name, set()) | set(options)
    assert said == {name: set(DAMAGES.schema(name)) - {"examples", *GIVEN} for name in DAMAGES}
