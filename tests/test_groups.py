import json

import numpy as np
import pytest

from sfumato import InputError
from sfumato.confusion_groups import confusion_groups, confusion_rates, modularity
from sfumato.groups import given_groups, groups_of_column, partition, printed_groups, same_group

CLASSES = ("ENTY:animal", "ENTY:food", "NUM:date", "NUM:speed", "other")
WANTED = {"ENTY": ["ENTY:animal", "ENTY:food"], "NUM": ["NUM:date", "NUM:speed"]}


def test_each_way_of_giving_groups_gives_the_same_partition(tmp_path):
    toml = "[groups]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in WANTED.items())
    (tmp_path / "a.toml").write_text(toml)
    (tmp_path / "a.json").write_text(json.dumps(WANTED))
    rows = [f"{label},{group}" for group, labels in WANTED.items() for label in labels]
    (tmp_path / "a.csv").write_text("label,group\n" + "\n".join(rows))
    by_label = {label: group for group, labels in WANTED.items() for label in labels}
    column = groups_of_column([*by_label, "ENTY:food"], [*by_label.values(), "ENTY"])
    ways = [WANTED, by_label, column, "prefix::", *(str(tmp_path / f"a.{kind}") for kind in ("toml", "json", "csv"))]
    for way in ways:
        assert partition("m", given_groups("m", way), CLASSES).tolist() == [0, 0, 1, 1, 2], way


def test_same_group_says_which_two_different_classes_share_one():
    same = same_group(np.array([0, 0, 1, 2, 1]))
    for j in range(5):
        for k in range(5):
            assert same[j, k] == (j != k and [0, 0, 1, 2, 1][j] == [0, 0, 1, 2, 1][k])


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"a": ["ENTY:animl"]}, r"the group 'a' names 'ENTY:animl', which is no class \(did you mean 'ENTY:animal'"),
        ({"a": ["NUM:date"], "b": ["NUM:date"]}, r"'NUM:date' is in 'a' and in 'b'; a label has one group"),
        ({"a": ["NUM:date", "NUM:date"]}, r"'NUM:date' is twice in 'a'"),
        ({"a": ["NUM:date"], "b": ["other"]}, r"cover nothing: no two classes share a group"),
        ("prefix:/", r"cover nothing: no two of the 5 classes share what is before '/'"),
        ("prefix:", r"needs what ends the prefix"),
        ({}, r"name no label"),
        ({"a": []}, r"name no label"),
        ({"a": {"b": ["c"]}}, r"'a' holds a table"),
        (["a"], r"must be a mapping of each group to its labels"),
        ("trec", r"no partition 'trec' \(did you mean 'trec-50'"),
        ("nowhere.toml", r"cannot read the groups in nowhere.toml"),
    ],
)
def test_groups_that_make_no_sense_are_refused_with_what_is_wrong(groups, said):
    with pytest.raises(InputError, match=said):
        partition("m", given_groups("m", groups), CLASSES)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", "", "is empty"),
        ("a.json", "{", "cannot read the groups"),
        ("a.csv", "label\nx\n", "'group' is missing"),
        ("a.csv", "label,group\nx\n", "line 2 needs a label and a group"),
        ("a.toml", "", "is empty; give each group its labels"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        given_groups("m", tmp_path / name)


def test_a_label_beside_two_coarse_labels_is_named_with_its_row():
    with pytest.raises(InputError, match=r"row 3 puts the label 'b' in 'Y', a row before in 'X'"):
        groups_of_column(["a", "b", "b"], ["X", "X", "Y"])


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("trec-50", [22, 4, 4, 5, 13, 2]),  # MaskLoss, Table 6
        ("sst5", [2, 1, 2]),
        ("aapd", [15, 4, 2, 1, 2, 2, 8, 1, 1]),  # cs: the 15 of 33 that are printed; q-bio: 2 printed, "1" said
        ("wos46985", [2, 4, 3, 4, 4, 3, 3]),  # those printed of 17, 53, 11, 16, 9, 9, 19
    ],
)
def test_the_printed_partitions_have_the_sizes_of_the_paper(name, sizes):
    assert [len(labels) for labels in printed_groups("m", name).values()] == sizes


def test_a_printed_partition_serves_a_sample_that_lacks_labels():
    assert partition("m", "trec-50", ("NUM:date", "NUM:speed", "LOC:city")).tolist() == [0, 0, 1]


def test_confusion_rates_by_the_book():
    labels = [0, 0, 0, 1, 1, 2]
    said = np.array([[0.2, 0.5, 0.3], [0.6, 0.4, 0], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0, 1, 0], [0, 0, 1]])
    rates = confusion_rates(np.eye(3, dtype=bool)[labels], said)
    for j in range(3):
        rows = [i for i in range(6) if labels[i] == j]
        for k in range(3):
            expected = 0 if j == k else sum(int(said[i].argmax() == k) for i in rows) / len(rows)
            assert rates[j, k] == pytest.approx(expected)


def test_the_confusions_of_several_labels_leave_out_what_the_row_has():
    gold = np.array([[True, True, False], [True, False, False]])
    rates = confusion_rates(gold, np.array([[0.9, 0.9, 0.6], [0.1, 0.8, 0.4]]), multilabel=True)
    assert rates.tolist() == [[0, 0.5, 0.5], [0, 0, 1], [0, 0, 0]]


def test_confused_classes_end_in_one_group_and_others_do_not():
    rates = np.full((6, 6), 0.01)
    for group in ([0, 3], [1, 2, 5]):
        rates[np.ix_(group, group)] = 0.2
    np.fill_diagonal(rates, 0)
    rates[4] = rates[:, 4] = 0
    groups = confusion_groups(rates)
    assert same_group(groups).tolist() == same_group(np.array([0, 1, 1, 0, 2, 1])).tolist()
    assert modularity(rates, groups) > modularity(rates, np.zeros(6, dtype=int)) == pytest.approx(0)


def test_without_a_confusion_every_class_is_alone():
    assert len(set(confusion_groups(np.zeros((4, 4))))) == 4
