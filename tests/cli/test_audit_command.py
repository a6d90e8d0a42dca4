"""`sfumato audit`: what it prints, what it writes, what it refuses."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Tickets = dict[str, list[str]]

WRONG = (4, 40)


@pytest.fixture
def table(tmp_path: Path, tickets: Tickets) -> Path:
    """Write 90 tickets; the rows WRONG, counted from 0, have the label of the next row."""
    path = tmp_path / "tickets.csv"
    labels = list(tickets["label"])
    for row in WRONG:
        labels[row] = labels[row + 1]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "body", "category"])
        writer.writerows((k, *pair) for k, pair in enumerate(zip(tickets["text"], labels, strict=True)))
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_audit_prints_the_doubtful_rows_by_line_and_writes_its_folder(
    table: Path, tmp_path: Path, sfumato: Command
) -> None:
    ended = sfumato("audit", table, "-o", tmp_path / "audit")
    assert ended.code == 0, ended.err
    assert "90 rows, 3 labels" in ended.out
    assert "confused labels" in ended.out
    assert "probably labelled wrong, 2 of 2 rows (row: line of tickets.csv)" in ended.out
    assert "speak" in ended.out
    assert f"written: {tmp_path / 'audit'}: rows.csv, pairs.csv, audit.json, audit.html" in ended.err
    assert "\x1b" not in ended.out
    rows = read_csv(tmp_path / "audit" / "rows.csv")
    assert {int(row["row"]) for row in rows[:2]} == {row + 2 for row in WRONG}  # lines of the file, after the header
    assert [row["flagged"] for row in rows[:3]] == ["true", "true", "false"]
    assert len(rows) == 90
    page = (tmp_path / "audit" / "audit.html").read_text(encoding="utf-8")
    assert "<h1>Labels of tickets.csv</h1>" in page
    assert "<svg" in page


def test_the_rows_that_are_written_have_the_tables_other_columns(table: Path, tmp_path: Path, sfumato: Command) -> None:
    table.write_text(table.read_text(encoding="utf-8").replace("id,", "score,", 1), encoding="utf-8")
    columns = ("--text", "body", "--label", "category")
    assert sfumato("audit", table, *columns, "-o", tmp_path / "audit", "--show", 0).code == 0
    rows = read_csv(tmp_path / "audit" / "rows.csv")
    ours = ["row", "text", "given", "suggested", "score", "flagged", "reason"]
    assert list(rows[0]) == [*ours, "table.score"]
    assert [int(row["table.score"]) + 2 for row in rows] == [int(row["row"]) for row in rows]
    document = json.loads(sfumato("audit", table, *columns, "--json").out)
    assert "table.score" not in document["flagged_rows"][0]


def test_without_an_output_nothing_is_written_and_that_is_said(table: Path, tmp_path: Path, sfumato: Command) -> None:
    ended = sfumato("audit", table)
    assert ended.code == 0
    assert "nothing written" in ended.err
    assert [file.name for file in tmp_path.iterdir()] == ["tickets.csv"]


def test_json_has_the_numbers_the_pairs_and_the_flagged_rows(table: Path, tmp_path: Path, sfumato: Command) -> None:
    ended = sfumato("audit", table, "--json", "--folds", 3, "--seed", 1, "-o", tmp_path / "audit")
    document = json.loads(ended.out)
    assert document["folds"] == 3
    assert document["seed"] == 1
    assert document["flagged"] == len(document["flagged_rows"]) >= 1
    assert {row["row"] for row in document["flagged_rows"]} <= {row + 2 for row in WRONG}
    assert document["path"] == str(tmp_path / "audit")
    assert document["pairs"][0]["rows"] >= 1
    assert document["classes"] == ["billing", "login", "shipping"]


def test_show_sets_how_much_is_printed(table: Path, sfumato: Command) -> None:
    none, one = (sfumato("audit", table, "--show", number).out for number in (0, 1))
    assert [line.split(":")[0] for line in none.splitlines()[1:]] == [
        "probably labelled wrong",
        "no share of wrong labels is clear in the table",
    ]
    assert "1 of 2 rows" in one


def test_a_folder_that_exists_is_refused_before_the_work_and_replaced_when_asked_for(
    table: Path, tmp_path: Path, sfumato: Command
) -> None:
    folder = tmp_path / "audit"
    assert sfumato("audit", table, "-o", folder).code == 0
    (folder / "rows.csv").write_text("old")
    again = sfumato("audit", table, "-o", folder)
    assert again.code == 2
    assert "--overwrite" in again.err
    assert again.out == ""
    assert (folder / "rows.csv").read_text() == "old"
    assert sfumato("audit", table, "-o", folder, "--overwrite").code == 0
    assert (folder / "rows.csv").read_text() != "old"
    assert sfumato("audit", table, "-o", tmp_path / "no" / "audit").code == 2


def test_columns_are_named_as_in_the_other_commands(table: Path, sfumato: Command) -> None:
    assert "guessed" in sfumato("audit", table, "--show", 0).err
    assert "guessed" not in sfumato("audit", table, "--show", 0, "--text", "body", "--label", "category").err
    missing = sfumato("audit", table, "--text", "bodi")
    assert missing.code == 2
    assert "'body'" in missing.err


def test_rows_without_text_are_refused_or_left_out(table: Path, sfumato: Command) -> None:
    with table.open("a") as file:
        file.write("90,,billing\n")
    refused = sfumato("audit", table)
    assert refused.code == 2
    assert "line 92" in refused.err
    dropped = sfumato("audit", table, "--bad-rows", "drop")
    assert dropped.code == 0
    assert "90 rows" in dropped.out


BAD = {
    "one class only": "text,label\n" + "".join(f"text number {k},a\n" for k in range(20)),
    "look like ids": "text,label\n" + "".join(f"text number {k},id-{k}\n" for k in range(60)),
    "5 folds need as many different texts": "text,label\none word,a\ntwo words,b\none word,a\n",
}


@pytest.mark.parametrize("words", BAD)
def test_a_table_that_cannot_be_audited_is_refused_in_one_sentence(
    words: str, tmp_path: Path, sfumato: Command
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(BAD[words])
    ended = sfumato("audit", path, "--text", "text", "--label", "label", "-o", tmp_path / "audit")
    assert ended.code == 2
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "audit").exists()


def test_chinese_texts_and_labels_stand_in_columns(tmp_path: Path, sfumato: Command) -> None:
    from rich.cells import cell_len

    pairs = [
        ("发票金额有误请退款", "财务"),
        ("退款还没有到账", "财务"),
        ("包裹还没有送到", "物流"),
        ("快递员送错地址", "物流"),
    ]
    lines = [f"{text}第{k}号,{label}" for k in range(12) for text, label in pairs]
    lines[5] = lines[5].replace("财务", "物流")
    lines[10] = lines[10].replace("物流", "财务")
    (tmp_path / "工单.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    printed = sfumato("audit", tmp_path / "工单.csv").out.splitlines()
    start = next(k for k, line in enumerate(printed) if line.startswith("probably labelled wrong,"))
    header, *rows = printed[start + 1 :]
    assert len(rows) == 2
    for row in rows:
        given, suggested = sorted((row.index(label), label) for label in ("财务", "物流"))
        assert cell_len(row[: given[0]]) == header.index("given")
        assert cell_len(row[: suggested[0]]) == header.index("suggested")
        assert cell_len(row[: row.index("号") + 1]) > header.index("text")
