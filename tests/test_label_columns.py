"""Several labels a row: from every form of table the same examples, and every wrong form refused in words."""

import json

import numpy as np
import pytest

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.source import read_beside, read_examples, read_source, with_classes
from sfumato.table import guess_columns, read_table

TEXTS = ["one a", "two b", "three c", "four d"]
SETS = [["tax", "bill"], ["bill"], [], ["ship", "tax"]]
GOLD = [[1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1]]  # bill, ship, tax
COLUMNS = ["tax", "bill", "ship"]


def one_hot(as_flag=int):
    return {name: [as_flag(name in labels) for labels in SETS] for name in COLUMNS}


def class_ids():
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "labels": datasets.List(datasets.ClassLabel(names=COLUMNS))}
    )
    ids = [[COLUMNS.index(label) for label in labels] for labels in SETS]
    return datasets.Dataset.from_dict({"text": TEXTS, "labels": ids}, features=features)


def forms(folder):
    """Return each form of the same rows: the data, and what is said of its columns."""
    import pandas
    import polars

    lists, flags = {"text": TEXTS, "labels": SETS}, {"text": TEXTS, **one_hot()}
    polars.DataFrame(lists).write_parquet(folder / "lists.parquet")
    rows = [{"text": text, "labels": labels} for text, labels in zip(TEXTS, SETS, strict=True)]
    (folder / "lists.jsonl").write_text("\n".join(map(json.dumps, rows)))
    written = polars.DataFrame({"text": TEXTS, "labels": [json.dumps(labels) for labels in SETS]})
    written.write_csv(folder / "lists.csv")
    pandas.DataFrame(lists).to_csv(folder / "printed.csv", index=False)
    polars.DataFrame(flags).write_csv(folder / "flags.csv")
    pandas.DataFrame({"text": TEXTS, **one_hot(bool)}).to_csv(folder / "bools.csv", index=False)
    pandas.DataFrame({"text": TEXTS, **one_hot(float)}).to_csv(folder / "floats.csv", index=False)
    joined = {"text": TEXTS, "labels": ["|".join(labels) for labels in SETS]}
    polars.DataFrame(joined).write_csv(folder / "joined.csv")
    arrays = pandas.DataFrame({"text": TEXTS, "labels": [np.array(labels, dtype=object) for labels in SETS]})
    named = {"label": "labels"}
    return {
        "parquet of lists": (folder / "lists.parquet", named),
        "jsonl of lists": (folder / "lists.jsonl", named),
        "csv of json": (folder / "lists.csv", named),
        "csv as python prints lists": (folder / "printed.csv", named),
        "polars of lists": (polars.DataFrame(lists), named),
        "arrow of lists": (polars.DataFrame(lists).to_arrow(), named),
        "pandas of lists": (pandas.DataFrame(lists, index=[3, 9, 5, 1]), named),
        "pandas of arrays": (arrays, named),
        "dict of lists": (lists, named),
        "dict of sets": ({"text": TEXTS, "labels": [set(labels) for labels in SETS]}, named),
        "data set of class ids": (class_ids(), named),
        "pairs": (list(zip(TEXTS, SETS, strict=True)), {"label": "label"}),
        "csv of 0 and 1": (folder / "flags.csv", {"label": COLUMNS}),
        "csv of True and False": (folder / "bools.csv", {"label": COLUMNS}),
        "csv of 0.0 and 1.0": (folder / "floats.csv", {"label": COLUMNS}),
        "polars of 0 and 1": (polars.DataFrame(flags), {"label": COLUMNS}),
        "separated": (folder / "joined.csv", {"label": "labels", "label_separator": "|"}),
    }


FORMS = [
    *("parquet of lists", "jsonl of lists", "csv of json", "csv as python prints lists", "polars of lists"),
    *(
        "arrow of lists",
        "pandas of lists",
        "pandas of arrays",
        "dict of lists",
        "dict of sets",
        "pairs",
        "csv of 0 and 1",
    ),
    "data set of class ids",
    *("csv of True and False", "csv of 0.0 and 1.0", "polars of 0 and 1", "separated"),
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_multi_label_examples(form, tmp_path):
    data, named = forms(tmp_path)[form]
    source = read_source(data, text="text", **named)
    examples = source.examples
    assert examples.multilabel
    assert examples.classes == ("bill", "ship", "tax")
    assert examples.labels.tolist() == GOLD
    assert np.array_equal(examples.targets.dense(), np.array(GOLD, dtype=np.float32))
    assert examples.ids.tolist() == [0, 1, 2, 3]
    assert examples.unseen is None
    said = "\n".join(source.notes)
    assert "multi-label" in said
    assert "1 of 4 rows have no label" in said
    assert source.label == named["label"]
    assert source.label_separator == named.get("label_separator")


def test_labels_of_one_a_row_stay_single_unless_the_task_says_otherwise():
    table = {"text": TEXTS, "label": ["a", "b", "", "a"]}
    with pytest.raises(InputError, match="the label \\(label\\) is empty"):
        read_examples(table)
    forced, notes = read_examples(table, task="multilabel")
    assert forced.multilabel
    assert forced.labels.tolist() == [[1, 0], [0, 1], [0, 0], [1, 0]]
    assert any("one label a row at most" in note for note in notes)
    assert not read_examples({"text": TEXTS, "label": ["a|b", "b", "a", "b"]})[0].multilabel  # never guessed
    assert read_examples({"text": TEXTS, "label": ["a|b", "b", "a", "b"]})[0].classes == ("a", "a|b", "b")


def test_columns_of_lists_and_of_flags_are_found_without_a_name_and_said():
    _, notes = read_examples({"text": TEXTS, "topics": SETS})
    assert "label column: 'topics' (guessed; name it with --label)" in notes
    text, label, said = guess_columns(read_table({"text": TEXTS, **one_hot()}), None, None)
    assert (text, label) == (["text"], COLUMNS)
    assert said[1] == "label columns: 'tax', 'bill', 'ship' (guessed; name each with --label)"
    assert guess_columns(read_table({"text": TEXTS, "label": list("abab"), **one_hot()}), None, None)[1] == "label"
    with pytest.raises(InputError, match="which column is the label"):
        guess_columns(read_table({"text": TEXTS, "kind": list("abab"), **one_hot()}), None, None)


def test_what_is_odd_in_a_row_is_counted_and_named():
    sets = [["tax", "bill", "tax"], [" bill"], [], ["ship"]]
    examples, notes = read_examples({"text": TEXTS, "labels": sets})
    assert examples.labels.tolist() == [[1, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert "a label that is there twice counts once: 1 rows, row 1" in notes
    assert "blanks before or after a label are left out: 1 rows, row 2" in notes
    written = {"text": TEXTS, "labels": ["tax; bill;", "bill;;tax", "", "ship"]}
    examples, notes = read_examples(written, label_separator=";")
    assert examples.labels.tolist() == [[1, 0, 1], [1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert any("empty labels" in note and "rows 1 and 2" in note for note in notes)
    assert any("is in no cell" in note for note in read_examples(written, label_separator="#")[1])


def test_numbers_in_lists_are_names_and_truth_values_too():
    assert read_examples({"text": TEXTS, "labels": [[1, 2], [2], [], [10]]})[0].classes == ("1", "10", "2")
    with pytest.raises(InputError, match=r"labels must differ by more than kind.*row 1.*row 2"):
        read_examples({"text": TEXTS, "labels": [[1, 2], ["1"], [], [10]]})


BAD = {
    "mixture": ({"labels": [["a"], "b", ["a", "b"], "a"]}, {}, "lists in 2 rows .*row 1.* plain text in 2 .*row 2"),
    "single": ({"labels": [["a"], ["b"], ["a", "b"], []]}, {"task": "single"}, "holds lists.*one label a row"),
    "nested": ({"labels": [["a"], [["b"]], ["a"], ["b"]]}, {}, "row 2: the labels .labels. hold a list, where"),
    "null inside": ({"labels": [["a"], ["b", None], ["a"], ["b"]]}, {}, "row 2: the labels .labels. hold null"),
    "objects": ({"labels": [["a"], [{"b": 1}], ["a"], ["b"]]}, {}, "hold an object, where each entry"),
    "empty name": ({"labels": [["a"], ["b", " "], ["a"], ["b"]]}, {}, "row 2: .*an empty label"),
    "all empty": ({"labels": [[], [], [], []]}, {}, "no row has a label in 'labels'"),
    "all blank": ({"labels": ["", "", "", ""]}, {"label_separator": "|"}, "no row has a label in 'labels'"),
    "one label": ({"labels": [["a"], ["a"], [], ["a"]]}, {}, "one class only, 'a'"),
    "letter": ({"labels": ["a", "b", "a", "b"]}, {"label_separator": "a"}, "no letter or digit; got 'a'"),
    "nothing": ({"labels": ["a", "b", "a", "b"]}, {"label_separator": ""}, "one sign or several"),
    "lists cut": ({"labels": [["a"], ["b"], [], []]}, {"label_separator": "|"}, "lists, which need no separator"),
    "single cut": ({"labels": ["a", "b", "a", "b"]}, {"label_separator": "|", "task": "single"}, "leave it out with"),
    "task": ({"labels": ["a", "b", "a", "b"]}, {"task": "multi"}, "task must be one of .*'multilabel'.*did you mean"),
    "votes": ({"labels": ["a", "b", "a", "b"]}, {"votes": "rows", "task": "multilabel"}, "votes are for one label"),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_lists_and_options_are_refused_with_their_row(case):
    columns, options, said = BAD[case]
    with pytest.raises(InputError, match=said):
        read_examples({"text": TEXTS, **columns}, text="text", label="labels", **options)


BAD_FLAGS = {
    "value": ({"a": [0, 1, 2, 1], "b": [1, 0, 0, 1]}, "row 3: the label column 'a' must be 0 or 1 .*got '2'"),
    "gap": ({"a": [0, 1, None, 1], "b": [1, 0, 0, 1]}, "row 3: the label column 'a' is empty"),
    "words": ({"a": list("xyxy"), "b": [1, 0, 0, 1]}, "the column 'a' holds 'x' in row 1, and several label columns"),
    "lists": ({"a": [["x"], [], [], []], "b": [1, 0, 0, 1]}, "the column 'a' holds lists"),
    "no 1": ({"a": [0, 0, 0, 0], "b": [1, 0, 0, 1]}, "no row has the label of the column 'a', which hold no 1"),
    "none": ({"a": [0, 0, 0, 0], "b": [0, 0, 0, 0]}, "no row has a label in 'a', 'b'"),
}


@pytest.mark.parametrize("case", BAD_FLAGS)
def test_wrong_columns_of_flags_are_refused_with_column_row_and_value(case):
    columns, said = BAD_FLAGS[case]
    with pytest.raises(InputError, match=said):
        read_examples({"text": TEXTS, **columns}, text="text", label=["a", "b"])


def test_several_columns_are_named_once_and_are_not_the_text():
    table = {"text": TEXTS, **one_hot()}
    for label, said in (
        (["tax", "tax"], "names the column 'tax' twice"),
        (["tax", "text"], "'text' cannot be both text and label"),
        (["tax", "bil"], "did you mean 'bill'"),
    ):
        with pytest.raises(InputError, match=said):
            read_examples(table, text="text", label=label)
    with pytest.raises(InputError, match="task='single' wants one"):
        read_examples(table, text="text", label=COLUMNS, task="single")
    with pytest.raises(InputError, match="need no label separator"):
        read_examples(table, text="text", label=COLUMNS, label_separator="|")


def test_brackets_in_names_are_names_where_the_task_is_single():
    table = {"text": TEXTS, "label": ["[1]", "b", "[1]", "b"]}
    with pytest.raises(InputError, match="if brackets are part of the names, give --task single"):
        read_examples(table)
    assert read_examples(table, task="single")[0].classes == ("[1]", "b")


def test_rows_with_wrong_labels_are_left_out_where_that_is_asked_for():
    table = {"text": TEXTS, "labels": [["a"], [None], ["b"], ["a", "b"]]}
    examples, notes = read_examples(table, bad_rows="drop")
    assert examples.ids.tolist() == [0, 2, 3]
    assert any("1 of 4 rows left out" in note and "null" in note for note in notes)


def test_labels_that_the_model_has_not_learned_are_counted_named_and_said():
    table = {"text": TEXTS, "labels": [["a", "new"], ["b"], ["odd", "new"], []]}
    examples, notes = read_examples(table, classes=("a", "b", "c"))
    assert examples.labels.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert examples.unseen.tolist() == [1, 0, 2, 0]
    said = next(note for note in notes if "has not learned" in note)
    assert "2 of the labels in 'labels': 'new', 'odd'; 3 times, rows 1 and 3" in said
    assert "counted as labels that are not found" in said
    flags = {"text": TEXTS, "a": [1, 0, 0, 0], "z": [0, 0, 0, 0]}
    assert read_examples(flags, label=["a", "z"], classes=("a", "b"))[0].unseen is None  # nothing to refuse in a test
    moved = with_classes(Examples.from_label_sets(TEXTS, table["labels"]), ("b", "a"))
    assert moved.labels.tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
    assert moved.unseen.tolist() == [1, 0, 2, 0]


def test_a_separator_inside_the_name_of_a_class_is_refused():
    with pytest.raises(InputError, match="separator ',' stands in 1 names of classes, as 'tax, old'"):
        read_examples({"text": TEXTS, "labels": list("abab")}, label_separator=",", classes=("a", "tax, old"))


def test_a_table_beside_multi_label_rows_is_multi_label_too():
    train, _ = read_examples({"text": TEXTS, "labels": SETS})
    beside, _ = read_beside({"text": TEXTS, "labels": ["tax", "bill", "", "ship"]}, train)
    assert beside.labels.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]
    single, _ = read_examples({"text": TEXTS, "label": list("abab")})
    with pytest.raises(InputError, match=r"holds lists.*because the training rows have one"):
        read_beside({"text": TEXTS, "label": SETS}, single)
    with pytest.raises(InputError, match="dev or test rows have several labels each"):
        read_beside(train, single)
    with pytest.raises(InputError, match="training rows have several labels each"):
        read_beside(single, train)


def test_weights_go_with_several_labels():
    examples, _ = read_examples({"text": TEXTS, "labels": SETS, "w": [1, 2, 3, 2]}, label="labels", weight="w")
    assert np.allclose(examples.weights, [0.5, 1, 1.5, 1])


@pytest.mark.data
def test_the_real_sets_are_read_from_their_files(data_folder):
    for name, rows, classes, mean in (("reuters21578_modapte90", 10789, 90, 1.235), ("goemotions", 54263, 28, 1.176)):
        examples, notes = read_examples(data_folder / name / f"{name}.parquet", text="text", label="labels")
        assert examples.labels.shape == (rows, classes)
        assert round(float(examples.labels.sum(axis=1).mean()), 3) == mean  # CARD-en.md of the data
        assert "multi-label: the column 'labels' holds lists" in notes
