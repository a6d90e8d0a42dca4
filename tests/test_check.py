import os

import pytest

from sfumato.check import check_table
from sfumato.errors import InputError
from sfumato.table import Table, read_table, to_examples

DATA = os.environ.get("SFUMATO_DATA")


def table(texts: list[str], labels: list[str]) -> Table:
    return Table({"text": texts, "label": labels}, "t.csv", list(range(2, 2 + len(texts))), unit="line")


def clean(n: int = 40) -> tuple[list[str], list[str]]:
    """Texts in which nothing is wrong; the first is line 2."""
    return [f"ticket number {k} about the printer" for k in range(n)], [("paper", "ink")[k % 2] for k in range(n)]


def kinds(texts: list[str], labels: list[str], **options: object) -> dict[str, list[int]]:
    return {finding.kind: finding.rows for finding in check_table(table(texts, labels), **options)}


def test_nothing_is_found_in_a_clean_table():
    assert kinds(*clean()) == {}


@pytest.mark.parametrize(
    ("text", "label", "kind"),
    [
        ("", "ink", "empty-text"),
        ("no label", " ", "empty-label"),
        ("only one", "rare", "one-row-class"),
        ("case", "Ink", "label-variants"),
        ("<p>Hello</p> there", "ink", "html"),
        ("salt &amp; pepper", "ink", "html-entity"),
        ("caf\ufffd", "ink", "broken-characters"),
        ("bell \x07 rings", "ink", "control-characters"),
        ("Ticket  number 0 about the PRINTER", "paper", "duplicates"),
        ("ticket number 0 about the printer", "ink", "conflicting-duplicates"),
        ("word " * 300, "ink", "truncation"),
        ("x" * 50_001, "ink", "very-long-text"),
        ("打印机没有墨水了", "ink", "mixed-language"),
    ],
)
def test_one_bad_row_is_found_by_its_number(text, label, kind):
    texts, labels = clean()
    found = kinds([*texts, text], [*labels, label])
    assert kind in found
    assert 42 in found[kind]  # the line after the header and forty rows
    assert kind not in kinds(texts, labels)


def test_conflicting_duplicates_name_all_their_rows():
    texts, labels = clean()
    found = kinds([*texts, texts[3]], [*labels, "paper"])
    assert found["conflicting-duplicates"] == [5, 42]
    assert found["duplicates"] == [42]


def test_labels_that_cannot_be_learned_are_errors():
    texts, _ = clean()
    by_kind = {f.kind: f for f in check_table(table(texts, [f"id{k}" for k in range(40)]))}
    assert by_kind["ids-as-labels"].severity == "error"
    assert "one-class" in kinds(texts, ["x"] * 40)
    assert "lists-as-labels" in kinds(texts, ["['a' 'b']", "['b' 'c']"] * 20)  # as numpy prints them


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("ids-as-labels", [f"id{k}" for k in range(40)]),
        ("one-class", ["x"] * 40),
        ("lists-as-labels", ["[a]", "[b]"] * 20),
    ],
)
def test_labels_that_check_calls_an_error_are_refused_in_training_in_the_same_words(kind, labels):
    texts, usable = clean()
    (finding,) = (each for each in check_table(table(texts, labels)) if each.kind == kind)
    with pytest.raises(InputError) as refused:
        to_examples(table(texts, labels), text="text", label="label")
    assert str(refused.value) == f"t.csv: {finding.message}; {finding.advice}"
    to_examples(table(texts, usable), text="text", label="label")


def test_few_rows_and_imbalance_are_counted():
    texts, _ = clean(100)
    found = kinds(texts, ["big"] * 97 + ["small"] * 3)
    assert found["near-empty-class"] == [99, 100, 101]
    assert "imbalance" in found
    assert "near-empty-class" not in kinds(texts, ["big"] * 95 + ["small"] * 5)


def test_a_constant_text_and_a_label_inside_the_text_are_found():
    _, labels = clean()
    assert len(kinds(["see attachment"] * 40, labels)["constant-text"]) == 40
    told = kinds([f"{label} case {k}" for k, label in enumerate(labels)], labels)
    assert len(told["label-in-text"]) == 40


def test_numbers_as_labels_are_said():
    texts, _ = clean()
    assert "numeric-labels" in kinds(texts, ["0", "1"] * 20)
    assert "numeric-labels" not in kinds(texts, ["0", "one"] * 20)


def test_blanks_around_labels_are_found_and_said_in_training():
    texts, labels = clean()
    odd = ["ink ", " ink", "\tpaper", "ink"]
    found = kinds([*texts, "one", "two", "three", "four"], [*labels, *odd])
    assert found["label-blanks"] == [42, 43, 44]
    read = table([*texts, "one", "two", "three", "four"], [*labels, *odd])
    examples, notes = to_examples(read, text="text", label="label")
    assert examples.classes == ("ink", "paper")
    assert notes == ["blanks before or after the label are left out in lines 42, 43 and 44"]
    assert to_examples(table(texts, labels), text="text", label="label")[1] == []


@pytest.mark.parametrize(
    ("kind", "labels", "rows"),
    [
        ("one-class", ["x"] * 40, [2]),
        ("ids-as-labels", [f"id{k}" for k in range(40)], list(range(2, 42))),
        ("lists-as-labels", ["[a]", "[b]"] * 20, [2, 3]),
        ("numeric-labels", ["0", "1"] * 20, [2, 3]),
        ("imbalance", ["big"] * 19 + ["small"] + ["big"] * 20, [21]),
    ],
)
def test_findings_about_classes_name_the_first_rows_of_those_meant(kind, labels, rows):
    assert kinds(clean()[0], labels)[kind] == rows


def test_test_rows_in_training_and_new_test_labels_name_rows_of_the_test_table():
    texts, labels = clean()
    test = table(["fresh", texts[7].upper(), "new one"], ["ink", "ink", "toner"])
    found = kinds(texts, labels, test=test)
    assert found["test-in-train"] == [3]
    assert found["new-test-label"] == [4]
    assert "test-in-train" not in kinds(texts, labels, test=table(["fresh"], ["ink"]))


def test_tokens_are_counted_as_words_marks_and_chinese_characters():
    texts, labels = clean()
    chinese = ["字" * 11, "字" * 10]
    found = kinds([*texts, *chinese], [*labels, "ink", "ink"], max_length=10)
    assert found["truncation"] == [42]


def test_the_gravest_come_first_and_rows_left_out_are_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"text {k},{k % 2}\n" for k in range(20)) + "broken\n")
    found = check_table(read_table(path, bad_rows="drop"))
    assert [finding.kind for finding in found] == ["bad-rows", "numeric-labels"]
    assert found[0].rows == [22]


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="did you mean 'label'"):
        check_table(table(*clean()), label="lable")


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SFUMATO_DATA does not point to the real data")
def test_known_defects_of_real_sets_are_found():
    read = read_table(f"{DATA}/trec/trec.parquet")
    splits = read.column("split")
    train, test = (read.take([k for k, s in enumerate(splits) if s == name]) for name in ("train", "test"))
    found = {finding.kind: finding.rows for finding in check_table(train, test=test)}
    assert len(found["test-in-train"]) in (10, 11)  # the card counts 10 exact ones; we ignore case and blanks
    assert found["conflicting-duplicates"]
