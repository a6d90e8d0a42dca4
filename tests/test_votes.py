"""Reading votes: the same votes in every form, what is refused, and what is said."""

import numpy as np
import polars
import pytest

from sfumato.data import Examples, concatenate
from sfumato.errors import InputError
from sfumato.source import read_examples, read_source, with_classes

TEXTS = ["the invoice is wrong", "where is my parcel", "refund and parcel"]
VOTES = [["bill", "bill", ""], ["ship", "tax", "tax"], ["ship", "bill", "ship"]]  # "" did not vote
COUNTED = [[2, 0, 0], [0, 1, 2], [1, 2, 0]]  # bill, ship, tax


def annotator_columns():
    return {"text": TEXTS, **{f"ann{k}": [row[k] for row in VOTES] for k in range(3)}}, {
        "votes": ["ann0", "ann1", "ann2"]
    }


def repeated_rows():
    pairs = [(text, name) for k in (2, 0, 1) for text, row in zip(TEXTS, VOTES, strict=True) if (name := row[k])]
    return {"text": [text for text, _ in pairs], "label": [name for _, name in pairs]}, {"votes": "rows"}


def counted_rows():
    rows = [
        (text, name, n) for text, row in zip(TEXTS, COUNTED, strict=True) for name, n in zip(NAMES, row, strict=True)
    ]
    return {"text": [r[0] for r in rows], "label": [r[1] for r in rows], "n": [r[2] for r in rows]}, {"count": "n"}


NAMES = ["bill", "ship", "tax"]


def count_columns():
    table = {"text": TEXTS, **{f"n_{name}": [row[k] for row in COUNTED] for k, name in enumerate(NAMES)}}
    return table, {"votes": {name: f"n_{name}" for name in reversed(NAMES)}}


def prefixed_columns():
    return count_columns()[0], {"votes": "n_*"}


FORMS = [annotator_columns, repeated_rows, counted_rows, count_columns, prefixed_columns]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_the_same_votes_in_every_form_are_the_same_votes_labels_and_targets(form):
    from sfumato.methods import METHODS

    table, given = form()
    examples, _ = read_examples(table, text="text", **given)
    order = [list(examples.inputs).index(text) for text in TEXTS]
    examples = examples.take(order)
    assert examples.classes == ("bill", "ship", "tax")
    assert examples.votes.tolist() == COUNTED
    assert examples.labels.tolist() == [0, 2, 1]
    targets = METHODS["votes"]().prepare(examples).targets.dense()
    assert targets == pytest.approx(np.array([[1, 0, 0], [0, 1 / 3, 2 / 3], [1 / 3, 2 / 3, 0]]))


def test_without_votes_asked_for_a_table_has_none():
    table, _ = repeated_rows()
    assert read_examples(table)[0].votes is None
    assert len(read_examples(table)[0]) == 8


def test_ids_are_the_first_rows_of_the_texts_and_merged_rows_are_counted():
    table = {"text": ["a a", "b b", "a a", "c c"], "label": ["x", "y", "y", "y"]}
    source = read_source(table, votes="rows")
    assert source.examples.ids.tolist() == [0, 1, 3]
    assert (source.rows, source.merged) == (4, 1)
    assert source.label == "label"


def test_a_tie_goes_to_the_first_class_by_name_and_is_counted():
    table = {"text": ["one", "two"], "a": ["y", "y"], "b": ["x", "y"]}
    examples, notes = read_examples(table, text="text", votes=["a", "b"])
    assert [examples.classes[k] for k in examples.labels] == ["x", "y"]
    assert "1 of 2 texts have as many votes for two classes or more" in " ".join(notes)
    clear = {**table, "b": ["y", "x"], "c": ["y", "x"]}
    assert "as many votes" not in " ".join(read_examples(clear, text="text", votes=["a", "b", "c"])[1])


def test_a_label_that_is_named_beside_the_votes_is_the_hard_label_and_may_be_a_class_without_votes():
    table, given = annotator_columns()
    table["gold"] = ["bill", "ship", "other"]
    examples, notes = read_examples(table, text="text", label="gold", **given)
    assert examples.classes == ("bill", "other", "ship", "tax")
    assert [examples.classes[k] for k in examples.labels] == ["bill", "ship", "other"]
    assert examples.votes.tolist() == [[2, 0, 0, 0], [0, 0, 1, 2], [1, 0, 2, 0]]
    assert "the label in 'gold' is not the majority of the votes in 2 of 3 rows" in notes


def test_a_dev_table_has_the_votes_of_the_classes_that_training_has():
    table, given = annotator_columns()
    examples, notes = read_examples(table, text="text", classes=("ship", "bill"), **given)
    assert examples.votes.tolist() == [[0, 2], [1, 0], [2, 1]]
    assert examples.labels.tolist() == [1, -1, 0]
    assert any("(tax): 1 rows counted as errors" in note for note in notes)
    one = Examples.from_labels(["a", "b"], ["x", "y"])
    assert with_classes(one, ("y", "x")).votes is None


def test_votes_go_with_their_rows_into_splits_and_back():
    table, given = annotator_columns()
    examples, _ = read_examples(table, text="text", **given)
    back = concatenate(examples.take([2]), examples.take([0, 1]))
    assert back.votes.tolist() == [COUNTED[2], COUNTED[0], COUNTED[1]]


@pytest.mark.parametrize("cell", ["-1", "1.5", "many", "nan", "", "inf"])
@pytest.mark.parametrize("form", [counted_rows, count_columns], ids=["rows", "columns"])
def test_a_count_that_is_no_whole_number_is_refused_with_its_row(form, cell):
    table, given = form()
    column = "n" if "n" in table else "n_ship"
    table[column] = [table[column][0], cell, *table[column][2:]]
    with pytest.raises(InputError, match=rf"row 2: the count \({column}\) is not a whole number of at least 0"):
        read_examples(table, text="text", **given)


def test_texts_without_any_vote_are_refused_by_row_or_dropped_and_said():
    table = {"text": ["one", "two", "three", "four"], "a": ["x", "", "y", " "], "b": ["x", "", "", ""]}
    with pytest.raises(InputError, match="2 rows cannot be used") as refused:
        read_examples(table, text="text", votes=["a", "b"])
    assert "row 2: has no vote in a, b" in str(refused.value)
    assert "row 4: has no vote in a, b" in str(refused.value)
    examples, notes = read_examples(table, text="text", votes=["a", "b"], bad_rows="drop")
    assert examples.ids.tolist() == [0, 2]
    assert examples.votes.tolist() == [[2, 0], [0, 1]]
    assert any("2 of 4 rows left out" in note for note in notes)


def test_counts_of_zero_add_up_to_no_vote():
    table = {"text": ["one", "two", "three"], "label": ["x", "y", "x"], "n": [0, 3, 1]}
    with pytest.raises(InputError, match="row 1: has no vote"):
        read_examples(table, count="n")


def test_dropped_texts_leave_the_votes_with_their_own_rows():
    table = {"text": ["one", " ", "three"], "n_a": [1, 5, 0], "n_b": [0, 5, 4]}
    examples, _ = read_examples(table, text="text", votes="n_*", bad_rows="drop")
    assert examples.ids.tolist() == [0, 2]
    assert examples.votes.tolist() == [[1, 0], [0, 4]]


LONG = [f"a sentence that nobody wrote twice, number {k}" for k in range(30)]
WRONG = {
    "an unknown column": ({"votes": ["ann0", "an1"]}, r"no column 'an1' \(did you mean 'ann1'\?\)"),
    "an unknown count": ({"count": "m"}, "no column 'm'"),
    "one column": ({"votes": ["ann0"]}, "at least two columns of annotators"),
    "a column twice": ({"votes": ["ann0", "ann0"]}, "names a column twice"),
    "no such prefix": ({"votes": "vote_*"}, "no column is named vote_"),
    "the text": ({"votes": ["ann0", "text"]}, "'text' cannot be both text and votes"),
    "one class": ({"votes": {"x": "ann0"}}, "two classes or more"),
    "a column of ids": ({"votes": ["ann0", "note"]}, "'note' holds 30 different values"),
    "a count without rows": ({"votes": ["ann0", "ann1"], "count": "n"}, "goes with votes='rows' only"),
}


@pytest.mark.parametrize("case", WRONG)
def test_votes_that_cannot_be_read_are_refused_in_words(case):
    given, said = WRONG[case]
    table = {"text": LONG, "ann0": ["x", "y"] * 15, "ann1": ["y", "y"] * 15, "note": [f"id{k}" for k in range(30)]}
    with pytest.raises(InputError, match=said):
        read_examples(table, text="text", **given)


def test_votes_for_one_class_only_weights_of_repeated_rows_and_examples_with_columns_are_refused():
    with pytest.raises(InputError, match="one class only"):
        read_examples({"text": ["one", "two"], "a": ["x", "x"], "b": ["x", ""]}, text="text", votes=["a", "b"])
    rows = {"text": ["one", "one", "two"], "label": ["x", "y", "y"], "w": [1, 2, 3]}
    with pytest.raises(InputError, match="no single weight"):
        read_examples(rows, text="text", votes="rows", weight="w")
    with pytest.raises(InputError, match="bring their own votes"):
        read_examples(Examples.from_labels(["a", "b"], ["x", "y"]), votes=["a", "b"])


TWO = {"text": ["one", "two"], "c1": [1, 2], "c2": [3, 0]}
LOST = {
    "kind": ({1: "c1", "1": "c2"}, r"for 1 \('c1'\) and for '1' \('c2'\), which are one class, '1'"),
    "blank": ({"spam": "c1", "spam ": "c2"}, "for 'spam' .* and for 'spam ' .* one class"),
    "column": ({"spam": "c1", "ham": "c1"}, "the column 'c1' for two classes, 'spam' and 'ham'"),
}


@pytest.mark.parametrize("case", LOST)
def test_two_columns_for_one_class_and_one_for_two_are_refused(case):
    with pytest.raises(InputError, match=LOST[case][1]):
        read_examples(TWO, text="text", votes=LOST[case][0])
    assert read_examples(TWO, text="text", votes={1: "c1", 2: "c2"})[0].votes.tolist() == [[1, 3], [2, 0]]


def test_columns_of_a_prefix_that_differ_by_a_blank_are_refused():
    table = {"text": ["one", "two"], "c_x": [1, 2], "c_x ": [1, 1], "c_y": [0, 3]}
    with pytest.raises(InputError, match=r"'c_x'.*'c_x '.* which are one class, 'x'"):
        read_examples(table, text="text", votes="c_*")
    del table["c_x "]
    assert read_examples(table, text="text", votes="c_*")[0].classes == ("x", "y")


MIXED = [
    ([1, "1"], ["1", "2"], r"1 \(int\) of row 1 and '1' \(str\) of row 2"),
    ([1, 2], ["1", "2"], "1 is a number in column 'a' and a text in column 'b'"),
    ([1, 2], [1.0, 2.0], "1.0 in column 'b' is 1 in column 'a'"),
    ([True, False], [0, 1], "0 in column 'b' is false in column 'a'"),
    ([True, False], ["true", "false"], "false is a number in column 'a'"),
]


@pytest.mark.parametrize(("one", "other", "said"), MIXED)
def test_votes_of_annotators_that_differ_by_kind_alone_are_refused_in_lists_and_frames(one, other, said):
    table = {"text": ["one", "two"], "a": one, "b": other}
    with pytest.raises(InputError, match=said):
        read_examples(table, text="text", votes=["a", "b"])
    if len({*map(type, one)}) == 1:
        with pytest.raises(InputError, match=said):
            read_examples(polars.DataFrame(table), text="text", votes=["a", "b"])


def test_votes_in_rows_that_differ_by_kind_alone_are_refused_and_numbers_with_a_gap_are_not():
    rows = {"text": ["one", "one", "two"], "label": [1, "1", 2]}
    with pytest.raises(InputError, match=r"1 \(int\) of row 1 and '1' \(str\) of row 2"):
        read_examples(rows, text="text", label="label", votes="rows")
    gaps = {"text": ["one", "two"], "a": [1.0, float("nan")], "b": [1, 2]}
    assert read_examples(gaps, text="text", votes=["a", "b"])[0].classes == ("1", "2")


def test_annotators_without_a_class_in_common_are_refused_or_said():
    table = {"text": [f"text {k}" for k in range(40)], "a": ["x", "y"] * 20, "b": ["31", "45"] * 20}
    with pytest.raises(InputError, match="column 'a' holds no class that 'b' holds, but 'x', 'y'"):
        read_examples(table, text="text", votes=["a", "b"])
    few = {**table, "b": ["x", "31", *["45"] * 38]}
    assert any(
        "only 1 of 40 votes in column 'b'" in note for note in read_examples(few, text="text", votes=["a", "b"])[1]
    )
    same = {**table, "b": ["x"] * 40}
    assert not any("votes in column" in note for note in read_examples(same, text="text", votes=["a", "b"])[1])


@pytest.mark.data
def test_counts_of_real_sets_have_the_published_label_as_majority_but_for_ties(data_folder):
    for name, n in (("chaosnli", 100), ("hate_offensive_davidson", 3)):
        path = data_folder / name / f"{name}.parquet"
        examples, notes = read_examples(path, text="text", votes="votes_*")
        assert (examples.votes.sum(axis=1) >= n).all()
        labels, _ = read_examples(path, text="text", label="label")
        ties = (examples.votes == examples.votes.max(axis=1, keepdims=True)).sum(axis=1) > 1
        same = [examples.classes[a] == labels.classes[b] for a, b in zip(examples.labels, labels.labels, strict=True)]
        assert all(same[k] or ties[k] for k in range(len(same)))
        assert any(f"{ties.sum()} of {len(same)} texts have as many votes" in note for note in notes) == ties.any()
