"""Any form of data to examples: the same rows whatever they came in."""

import json

import pytest

from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.source import read_examples

TEXTS = ["one a", "two b", "three c", "four d"]
LABELS = [7, 10, 7, 10]


def forms(folder):
    import pandas
    import polars

    columns = {"text": TEXTS, "label": LABELS}
    polars.DataFrame(columns).write_csv(folder / "table.csv")
    polars.DataFrame(columns).write_parquet(folder / "table.parquet")
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    (folder / "table.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return {
        "csv": folder / "table.csv",
        "path as text": str(folder / "table.csv"),
        "parquet": folder / "table.parquet",
        "jsonl": folder / "table.jsonl",
        "polars": polars.DataFrame(columns),
        "pandas": pandas.DataFrame(columns, index=[9, 3, 5, 1]),
        "arrow": polars.DataFrame(columns).to_arrow(),
        "lists": columns,
        "rows": rows,
    }


@pytest.mark.parametrize(
    "form", ["csv", "path as text", "parquet", "jsonl", "polars", "pandas", "arrow", "lists", "rows"]
)
def test_every_form_gives_the_same_examples_with_labels_as_text(form, tmp_path):
    examples, _ = read_examples(forms(tmp_path)[form], text="text", label="label")
    assert list(examples.inputs) == TEXTS
    assert examples.classes == ("10", "7")
    assert examples.labels.tolist() == [1, 0, 1, 0]
    assert examples.ids.tolist() == [0, 1, 2, 3]


def test_a_guess_is_said_and_a_given_column_is_not():
    table = {"text": TEXTS, "label": ["x", "y", "x", "y"]}
    assert any("text" in note for note in read_examples(table)[1])
    assert read_examples(table, text="text", label="label")[1] == []


def test_examples_pass_as_they_are():
    examples = Examples.from_labels(TEXTS, LABELS)
    assert read_examples(examples)[0] is examples


def test_labels_index_the_given_classes_and_one_that_is_not_among_them_becomes_minus_one():
    table = {"text": TEXTS, "label": ["b", "a", "new", "b"]}
    from_table, _ = read_examples(table, text="text", label="label", classes=("a", "b"))
    from_examples, _ = read_examples(Examples.from_labels(TEXTS, table["label"]), classes=("a", "b"))
    for examples in (from_table, from_examples):
        assert examples.labels.tolist() == [1, 0, -1, 1]
        assert examples.classes == ("a", "b")


def test_examples_whose_classes_are_in_another_order_are_indexed_anew():
    examples = Examples.from_labels(TEXTS, ["x", "y", "x", "y"], classes=("y", "x"))
    moved, _ = read_examples(examples, classes=("x", "y"))
    assert examples.labels.tolist() == [1, 0, 1, 0]
    assert moved.labels.tolist() == [0, 1, 0, 1]
    assert moved.targets.dense().tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]


def test_an_unknown_column_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="label"):
        read_examples({"text": TEXTS, "label": LABELS}, text="text", label="lable")


def test_empty_cells_are_refused_unless_they_are_dropped():
    table = {"text": ["a b", "", "c d", "e f"], "label": ["x", "y", "x", "y"]}
    with pytest.raises(InputError, match="2"):
        read_examples(table, text="text", label="label")
    examples, notes = read_examples(table, text="text", label="label", bad_rows="drop")
    assert examples.ids.tolist() == [0, 2, 3]
    assert notes
