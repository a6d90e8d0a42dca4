"""Groups of labels from a coarse label beside them."""

import json

import pytest

from sfumato import fit
from sfumato.column_groups import groups_beside, with_column_groups
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.methods.maskloss import maskloss_label
from sfumato.table import read_table

FINE = ["speed", "date", "city", "state"]
COARSE = {"speed": "NUM", "date": "NUM", "city": "LOC", "state": "LOC"}


def questions(n=80):
    labels = [FINE[k % 4] for k in range(n)]
    texts = [f"tell the {label} of {k}" for k, label in enumerate(labels)]
    return {"text": texts, "label": labels, "coarse": [COARSE[label] for label in labels]}


def test_a_model_trained_with_the_column_is_that_of_the_mapping():
    data = {"text": "text", "label": "label", "method": "maskloss-label", "dev": 0.2}
    by_column = fit(questions(), groups="column:coarse", **data)
    mapped = fit(questions(), groups={"LOC": ["city", "state"], "NUM": ["date", "speed"]}, **data)
    assert by_column.info["method_options"] == mapped.info["method_options"]
    texts = questions()["text"]
    assert (by_column.predict_proba(texts) == mapped.predict_proba(texts)).all()
    other = fit(questions(), groups={"a": ["city", "speed"], "b": ["date", "state"]}, **data)
    assert (by_column.predict_proba(texts) != other.predict_proba(texts)).any()


def changed(**cells):
    data = questions()
    for name, (row, value) in cells.items():
        data[name][row] = value
    return read_table(data)


@pytest.mark.parametrize(
    ("table", "column", "said"),
    [
        (changed(coarse=(0, "LOC")), "coarse", "'speed' stands beside 'NUM' in 19 rows and beside 'LOC' in 1 of the"),
        (changed(coarse=(6, " ")), "coarse", "'coarse' is empty in row 7"),
        (changed(), "corse", "did you mean 'coarse'"),
        (changed(), "label", "holds the labels themselves"),
    ],
)
def test_a_column_that_makes_no_groups_is_refused_with_what_is_wrong(table, column, said):
    with pytest.raises(InputError, match=said):
        groups_beside(table, "label", column)


def test_rows_without_a_label_say_nothing_and_spaces_do_not_part_groups():
    table = changed(label=(0, ""), coarse=(4, "NUM "))
    assert groups_beside(table, "label", "coarse") == {"LOC": ["city", "state"], "NUM": ["date", "speed"]}


def test_data_without_columns_and_other_places_say_what_to_do():
    given = Examples.from_labels(questions()["text"], questions()["label"])
    with pytest.raises(InputError, match="the data have none; give a mapping"):
        fit(given, method="maskloss-label", groups="column:coarse")
    with pytest.raises(InputError, match="is read there alone; elsewhere give a mapping"):
        maskloss_label("column:coarse")
    flags = {"text": ["a", "b"] * 10, "x": [0, 1] * 10, "y": [1, 0] * 10, "coarse": ["n"] * 20}
    with pytest.raises(InputError, match="needs one label column, and there are several: x, y"):
        fit(flags, text="text", label=["x", "y"], method="maskloss-label", groups="column:coarse")


def test_rows_of_several_labels_are_refused_with_what_to_do():
    data = questions()
    lists = {**data, "label": [[label, "why"] for label in data["label"]]}
    joined = {**data, "label": [f"{label}|why" for label in data["label"]]}
    columns = {"text": "text", "label": "label", "method": "maskloss-label", "groups": "column:coarse"}
    with pytest.raises(InputError, match=r"'label' holds lists of labels; give the groups as a mapping"):
        fit(lists, **columns)
    with pytest.raises(InputError, match=r"'label' is cut at a label separator into several a row; give the groups"):
        fit(joined, label_separator="|", **columns)


def test_rows_that_are_left_out_need_no_coarse_label():
    data = {**questions(), "weight": [1.0] * 80}
    data["text"][0], data["coarse"][0] = " ", ""
    data["weight"][6], data["coarse"][6] = -1.0, "NUM"
    columns = {"text": "text", "label": "label", "weight": "weight"}
    given = {"groups": "column:coarse"}
    found, _ = with_column_groups(given, data, bad_rows="drop", **columns)
    assert found["groups"] == {"LOC": ["city", "state"], "NUM": ["date", "speed"]}
    with pytest.raises(InputError, match="'coarse' is empty in row 1"):
        with_column_groups(given, data, **columns)
    model = fit(data, method="maskloss-label", dev=0.2, bad_rows="drop", **given, **columns)
    assert model.info["method_options"]["groups"] == found["groups"]


def test_the_command_line_takes_the_column_too(tmp_path, capsys):
    from sfumato.cli.app import app

    path = tmp_path / "questions.jsonl"
    rows = [dict(zip(questions(), cells, strict=True)) for cells in zip(*questions().values(), strict=True)]
    path.write_text("\n".join(map(json.dumps, rows)))
    given = ["fit", str(path), "--method", "maskloss-label", "--text", "text", "--label", "label", "--dev", "0.2"]
    with pytest.raises(SystemExit) as ended:
        app([*given, "--set", "method.groups=column:coarse", "-o", str(tmp_path / "model")])
    assert not ended.value.code, capsys.readouterr().err
    said = json.loads((tmp_path / "model" / "sfumato.json").read_text())
    assert said["info"]["method_options"]["groups"]["LOC"] == ["city", "state"]
