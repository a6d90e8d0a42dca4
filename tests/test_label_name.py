"""Labels of any kind become names; what would merge or split classes by that alone is refused in words."""

import numpy as np
import polars
import pytest

import sfumato
from sfumato.data import Examples
from sfumato.label_name import label_name, name_labels
from sfumato.source import read_examples

CLASHES = [
    ([1, 2, "1"], r"1 \(int\) of row 1 and '1' \(str\) of row 3"),
    ([True, False, "True"], r"True \(bool\) of row 1 and 'True' \(str\) of row 3"),
    ([True, False, "false"], r"False \(bool\) of row 2 and 'false' \(str\) of row 3"),
    ([0, True, 1], r"True \(bool\) of row 2 and 1 \(int\) of row 3"),
    ([1.0, 2.0, "1.0"], r"1.0 \(float\) of row 1 and '1.0' \(str\) of row 3"),
]


@pytest.mark.parametrize(("labels", "words"), CLASHES)
def test_labels_that_differ_by_kind_alone_are_refused_with_both_rows(labels, words):
    with pytest.raises(sfumato.InputError, match=words):
        name_labels(labels)
    with pytest.raises(sfumato.InputError, match=words):
        sfumato.soften(["a", "b", "c"], labels, "label-smoothing")
    with pytest.raises(sfumato.InputError, match="column 'label': .*" + words):
        read_examples({"text": ["a", "b", "c"], "label": labels})
    with pytest.raises(sfumato.InputError, match=words):
        read_examples(list(zip(["a", "b", "c"], labels, strict=True)))


def test_blanks_at_the_ends_are_refused_in_lists_and_left_out_of_tables_with_a_note():
    with pytest.raises(sfumato.InputError, match=r"'a ' \(str\) of row 1 and 'a' \(str\) of row 2"):
        Examples.from_labels(["x", "y", "z"], ["a ", "a", "b"])
    examples, notes = read_examples({"text": ["x x", "y y", "z z"], "label": ["a ", "a", "b"]}, text="text")
    assert examples.classes == ("a", "b")
    assert any("blanks before or after the label" in note for note in notes)


def test_the_same_label_in_two_types_is_one_class():
    assert name_labels([np.int64(1), 1, np.int8(2)]) == ["1", "1", "2"]
    assert name_labels([np.str_("a"), "a"]) == ["a", "a"]
    assert name_labels(np.array([True, False])) == ["true", "false"]


def test_equal_numbers_written_differently_are_refused_where_they_would_be_two_classes():
    with pytest.raises(sfumato.InputError, match=r"1 \(int\) of row 1 and 1.0 \(float\) of row 3"):
        name_labels([1, 2, 1.0])
    table = {"text": ["first one", "second one", "third one"], "label": [1, 2, 1.0]}
    assert read_examples(table)[0].classes == ("1", "2")  # a column of a table writes them the same way


def test_labels_that_differ_in_case_inside_one_kind_stay_apart():
    assert name_labels(["True", "true"]) == ["True", "true"]


def test_an_absent_value_beside_labels_is_no_clash():
    assert name_labels([None, "None", float("nan"), "nan"]) == ["None", "None", "nan", "nan"]


def test_a_column_of_mixed_values_is_refused_as_a_label_only():
    rows = {"text": ["first one", "second one", "third one"], "id": [1, "1", 2], "label": ["a", "b", "a"]}
    assert read_examples(rows)[0].classes == ("a", "b")
    with pytest.raises(sfumato.InputError, match="column 'id'"):
        read_examples(rows, label="id")


def test_a_truth_value_has_one_name_in_soften_and_in_a_table():
    labels = [True, False, True]
    soft = sfumato.soften(["a", "b", "c"], labels, "label-smoothing")
    table = read_examples(polars.DataFrame({"text": ["a", "b", "c"], "label": labels}))[0]
    assert soft.classes == table.classes == tuple(label_name(label) for label in (False, True))
