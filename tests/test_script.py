import pytest

from sfumato.check import check_table
from sfumato.rows import Table
from sfumato.script import letters_of, second_scripts

WORDS = {
    "Latin": "Rechnung für año",
    "Cyrillic": "счёт за июль",
    "Greek": "τιμολόγιο",
    "Arabic": "الفاتورة",
    "Hebrew": "חשבונית",
    "Devanagari": "चालान",
    "Hangul": "송장",
    "Kana": "インボイスです",
    "Han": "发票错误",
    "Thai": "ใบแจ้งหนี้",
}


@pytest.mark.parametrize("name", WORDS)
def test_letters_are_counted_by_script_and_marks_and_digits_are_not(name):
    counts = letters_of(f"12, {WORDS[name]}! 3")
    assert list(counts) == [name]
    assert letters_of("12, 3!") == {}


def test_each_letter_is_counted_once_and_the_sums_are_plain():
    assert letters_of("ab счёт") == {"Latin": 2, "Cyrillic": 4}
    assert letters_of("請求書です") == {"Kana": 5}  # Japanese writes Han among its own
    assert letters_of("請求書") == {"Han": 3}


@pytest.mark.parametrize("name", [name for name in WORDS if name != "Latin"])
def test_a_second_script_is_found_with_its_rows(name):
    texts = [f"the invoice number {k} is wrong" for k in range(40)]
    found = second_scripts([*texts, WORDS[name], WORDS[name]], letters=0.05, rows=0.005)
    assert list(found) == [name]
    assert found[name][1] == [40, 41]
    assert second_scripts(texts, letters=0.05, rows=0.005) == {}


def test_a_script_spread_over_all_texts_counts_by_its_letters():
    few, many = (["发票错误的问题很多" * 3 + "x" * n for _ in range(20)] for n in (1, 3))
    assert second_scripts(few, letters=0.05, rows=0.005) == {}  # 1 of 28 letters
    found = second_scripts(many, letters=0.05, rows=0.005)
    assert found == {"Latin": (pytest.approx(3 / 30), list(range(20)))}


def test_check_names_the_script_and_the_rows():
    texts = [f"the invoice number {k} is wrong" for k in range(40)] + ["счёт за июль неверный"] * 2
    columns = {"text": texts, "label": ["a", "b"] * 21}
    findings = check_table(Table(columns, "t.csv", list(range(2, 44)), unit="line"))
    (finding,) = (each for each in findings if each.kind == "mixed-language")
    assert "Cyrillic" in finding.message
    assert finding.rows == [42, 43]
