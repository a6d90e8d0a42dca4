"""Votes through the fronts: soften, fit, check, compare, and their commands."""

import numpy as np
import pytest

import sfumato
from sfumato.check import check_table
from sfumato.data import Examples
from sfumato.dataset import cut_data
from sfumato.errors import InputError
from sfumato.source import read_beside
from sfumato.table import read_table
from sfumato.vote_columns import read_option
from sfumato.votes import count_votes

ANNOTATORS = ["ann1", "ann2", "ann3"]
LISTS = [["x", "x", "y"], ["y"], ["z", "y", None], ["x", "x"]]
COUNTS = [[2, 1, 0], [0, 1, 0], [0, 1, 1], [2, 0, 0]]
TEXTS = ["one", "two", "three", "four"]
SHARES = [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 0.5, 0.5], [1, 0, 0]]


@pytest.fixture(scope="module")
def voted(tickets):
    """Return the tickets with three annotators, of whom the last errs in every fourth row and is absent in others."""
    classes = sorted(set(tickets["label"]))
    last = [classes[(classes.index(name) + 1) % 3] if k % 4 == 0 else name for k, name in enumerate(tickets["label"])]
    last = ["" if k % 5 == 1 else name for k, name in enumerate(last)]
    return {"text": tickets["text"], "ann1": tickets["label"], "ann2": tickets["label"], "ann3": last}


def test_soften_takes_lists_of_labels_counts_by_class_and_an_array_alike():
    lists = sfumato.soften(TEXTS, None, method="votes", votes=LISTS)
    by_class = sfumato.soften(
        TEXTS,
        None,
        method="votes",
        votes={name: [row[k] for row in COUNTS] for k, name in [(2, "z"), (0, "x"), (1, "y")]},
    )
    array = sfumato.soften(TEXTS, ["x", "y", "z", "x"], method="votes", votes=np.array(COUNTS))
    for soft in (lists, by_class, array):
        assert soft.classes == ("x", "y", "z")
        assert soft.targets == pytest.approx(np.array(SHARES))
    assert [lists.classes[k] for k in lists.labels] == ["x", "y", "y", "x"]
    assert [array.classes[k] for k in array.labels] == ["x", "y", "z", "x"]


def test_soften_without_votes_is_as_before_and_the_method_votes_refuses():
    assert sfumato.soften(TEXTS, ["x", "y", "x", "y"], method="label-smoothing").targets.shape == (4, 2)
    with pytest.raises(InputError, match="needs the votes of several annotators"):
        sfumato.soften(TEXTS, ["x", "y", "x", "y"], method="votes")
    with pytest.raises(InputError, match="needs labels, or votes"):
        sfumato.soften(TEXTS, None)


@pytest.mark.parametrize(
    ("votes", "labels", "said"),
    [
        (LISTS[:3], None, "must have 4 rows"),
        (np.array(COUNTS), None, "says no classes"),
        (np.array(COUNTS), ["x", "y", "y", "x"], "and 2 columns"),
        (np.array(COUNTS) - 1, ["x", "y", "z", "x"], "row 1 must be whole numbers of at least 0"),
        (np.array(COUNTS) / 2, ["x", "y", "z", "x"], "row 1 must be whole numbers"),
        (np.where(np.eye(4, 3) > 0, np.nan, COUNTS), ["x", "y", "z", "x"], "row 1 must be whole numbers"),
        ([*LISTS[:3], []], None, "row 4 add up to none"),
        ([*LISTS[:3], "x"], None, "row 4 must be a list of labels, got 'x'"),
        ([*LISTS[:3], [1, 0, 2]], None, "row 4 hold 1: in lists they are labels, all texts or all whole numbers"),
        ("ann1", None, "must be a list of labels for each text, or counts, got 'ann1'"),
        ({"x": [1, 2, 3, 4], "y": ["a", 0, 0, 0]}, None, "must be numbers"),
    ],
)
def test_votes_that_are_none_are_refused_in_words(votes, labels, said):
    with pytest.raises(InputError, match=said):
        sfumato.soften(TEXTS, labels, method="votes", votes=votes)


ALIKE = [
    ({1: [1, 0], "1": [0, 1]}, None, r"1 \(int\) of class 1 and '1' \(str\) of class 2"),
    ({"spam": [1, 0], "spam ": [0, 1]}, None, "'spam' .* of class 1 and 'spam '"),
    ([["a", "a "], ["b"]], None, r"'a' \(str\) of the votes of row 1 and 'a ' \(str\) of the votes of row 1"),
    ([["a", "a"], ["b"]], ["a ", "b"], r"'a' .* of the votes of row 1 and 'a ' \(str\) of the label of row 1"),
    ([[1, True], [0]], None, "1 .* and True"),
    ([[1, "1"], [2]], None, "row 1 hold 1"),
    ([[2, 0], [1, 1]], ["x", "y"], "row 1 hold 2: .* give counts as a numpy array"),
    ([[0.5], [1]], None, "row 1 hold 0.5"),
]


@pytest.mark.parametrize(("votes", "labels", "said"), ALIKE)
def test_votes_that_are_alike_but_not_the_same_are_refused_with_both(votes, labels, said):
    with pytest.raises(InputError, match=said):
        sfumato.soften(["one", "two"], labels, method="votes", votes=votes)


def test_truth_values_have_one_name_in_labels_and_in_votes_of_every_form():
    labels = [True, False]
    for votes in ([[True, True], [False, True]], np.array([[0, 2], [1, 1]]), {True: [2, 1], False: [0, 1]}):
        soft = sfumato.soften(["one", "two"], labels, method="votes", votes=votes)
        assert soft.classes == ("false", "true")
        assert soft.targets.tolist() == [[0, 1], [0.5, 0.5]]
        assert soft.labels.tolist() == [1, 0]


def test_whole_numbers_in_lists_are_labels_and_nan_is_an_absent_vote():
    plain = sfumato.soften(["one", "two"], [1, 2], method="votes", votes=[[1, 1], [2, 1]])
    assert plain.classes == ("1", "2")
    assert plain.targets.tolist() == [[1, 0], [0.5, 0.5]]
    gaps = sfumato.soften(["one", "two"], [1, 2], method="votes", votes=[[1.0, float("nan")], [2.0, 1.0]])
    assert gaps.classes == plain.classes
    assert gaps.targets.tolist() == plain.targets.tolist()


def test_fit_learns_the_shares_fits_the_temperature_to_them_and_says_so(voted):
    # Every fifth text has one vote more for the class after its own: the shares are softer than the labels.
    trained = sfumato.fit(voted, text="text", votes=ANNOTATORS, method="votes", dev=0.2)
    hard = sfumato.fit({"text": voted["text"], "label": voted["ann1"]}, method="baseline", dev=0.2)
    assert (
        trained.predict_proba(voted["text"]).max(axis=1).mean() < hard.predict_proba(voted["text"]).max(axis=1).mean()
    )
    assert trained.info["votes"]["votes"] == pytest.approx(2 + np.mean([bool(name) for name in voted["ann3"]]))
    assert any("fits the votes of the dev rows" in note for note in trained.info["notes"])
    assert "votes" not in hard.info


def test_fit_with_a_dev_table_that_has_only_labels_takes_each_as_one_vote(voted):
    dev = {"text": voted["text"][:12], "label": voted["ann1"][:12]}
    trained = sfumato.fit(voted, text="text", votes=ANNOTATORS, method="votes", dev=dev)
    assert trained.info["rows"] == {"train": 90, "dev": 12}
    train = sfumato.source.read_source(voted, text="text", votes=ANNOTATORS).examples
    read, _ = read_beside(dev, train, text="text", votes=ANNOTATORS)
    assert read.votes.tolist() == np.eye(3)[read.labels].tolist()
    same, _ = read_beside(voted, train, text="text", votes=ANNOTATORS)
    assert same.votes.tolist() == train.votes.tolist()
    assert read_beside(dev, Examples.from_labels(["a", "b", "c"], train.classes))[0].votes is None


def test_compare_passes_votes_to_every_split_and_tells_data_sets_apart_by_them(voted):
    data = cut_data("voted", voted, text="text", votes=ANNOTATORS)
    assert all(split.votes is not None for split in (data.train, data.dev, data.test))
    train, dev = data.of_seed(3)
    assert (train.votes.sum(axis=1) >= 2).all()
    assert (dev.votes.argmax(axis=1) == dev.labels).all()
    other = {**voted, "ann3": voted["ann2"]}
    assert cut_data("voted", other, text="text", votes=ANNOTATORS).fingerprint != data.fingerprint
    assert cut_data("voted", voted, text="text", votes=ANNOTATORS).fingerprint == data.fingerprint


def test_check_counts_the_votes_and_names_the_rows_that_disagree():
    table = read_table({"text": TEXTS, **{f"a{k}": [(row + [""] * 3)[k] or "" for row in LISTS] for k in range(3)}})
    counted = count_votes(table, ["a0", "a1", "a2"])
    found = check_table(counted.table, text="text", label=counted.label, votes=counted.counts)
    finding = next(finding for finding in found if finding.kind == "votes")
    assert finding.message == "2.0 votes a text (1 to 3); 50.0% of the texts have votes for two classes or more"
    assert finding.rows == [1, 3]
    assert all(f.kind != "votes" for f in check_table(counted.table, text="text", label=counted.label))


def test_the_option_of_the_command_line_means_what_python_takes():
    assert read_option(None) is None
    assert read_option(["rows"]) == "rows"
    assert read_option(["n_*"]) == "n_*"
    assert read_option(["a", "b"]) == ["a", "b"]
    assert read_option(["x=n x", "y=n_y"]) == {"x": "n x", "y": "n_y"}
    with pytest.raises(InputError, match="--votes b: write class=column for each class"):
        read_option(["x=a", "b"])


def test_compare_refuses_the_method_votes_before_the_first_run_where_there_are_none(tmp_path):
    table = {"text": [f"text number {i}" for i in range(40)], "label": ["a", "b"] * 20}
    with pytest.raises(InputError, match="the data have none: name their columns"):
        sfumato.compare(table, methods=["baseline", "votes"], models=["linear"], seeds=1, output=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
