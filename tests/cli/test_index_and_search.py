"""`sfumato index` and `sfumato search`: from a table to the sentence that answers, and what is refused."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

Command = Callable[..., Any]

ROWS = [
    ("a", "Rome lies on the Tiber.", "Rome lies on the Tiber. It has [many] hills."),
    ("b", "It has [many] hills.", "Rome lies on the Tiber. It has [many] hills."),
    ("c", "猫在沙发上睡觉。", "猫在沙发上睡觉。狗在叫。"),
    ("d", "Rome  lies on the Tiber.", "Again."),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sentences.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("key", "said", "whole"), *ROWS])
    return path


@pytest.fixture
def made(table: Path, sfumato: Command) -> Path:
    folder = table.with_name("index")
    ended = sfumato(
        "index", table, "-o", folder, "--sentence", "said", "--passage", "whole", "--id", "key", "--bad-rows", "drop"
    )
    assert ended.code == 0
    assert "3 sentences indexed by words (BM25)" in ended.err
    assert "1 sentence is the same as an earlier one" in ended.err
    return folder


def test_a_question_finds_its_sentence_with_passage_score_and_id(made: Path, sfumato: Command) -> None:
    ended = sfumato("search", made, "Where is the Tiber?", "-k", 1)
    assert ended.code == 0
    header, line = ended.out.splitlines()
    assert header.split() == ["rank", "score", "sentence", "passage", "id"]
    assert line.split()[0] == "1"
    assert "Rome lies on the Tiber." in line
    assert "It has [many] hills." in line
    assert line.endswith("a")
    found = json.loads(sfumato("search", made, "Where is the Tiber?", "--json").out)
    assert [hit["id"] for hit in found["hits"]] == ["a"]
    assert found["hits"][0]["rank"] == 1
    assert found["hits"][0]["passage"] == ROWS[0][2]
    assert f"{found['hits'][0]['score']:.4f}" in line


def test_wide_characters_stay_in_line(made: Path, sfumato: Command) -> None:
    from rich.cells import cell_len

    ended = sfumato("search", made, "沙发上的猫 hills")
    header, *lines = ended.out.splitlines()
    assert len(lines) == 2
    assert any("猫在沙发上睡觉。" in line for line in lines)
    ends = {cell_len(line.rstrip()[:-1]) for line in lines}
    assert ends == {header.index("id")}


def test_a_question_without_a_known_word_finds_nothing_and_says_so(made: Path, sfumato: Command) -> None:
    ended = sfumato("search", made, "zebra")
    assert ended.code == 0
    assert ended.out == ""
    assert "no sentence shares a word" in ended.err
    assert json.loads(sfumato("search", made, "zebra", "--json").out)["hits"] == []


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_questions_becomes_a_table_of_hits(ending: str, made: Path, sfumato: Command) -> None:
    questions, output = made.with_name("questions.csv"), made.with_name(f"hits.{ending}")
    questions.write_text("id,question\n1,the Tiber\n2,zebra\n3,猫 hills\n", encoding="utf-8")
    ended = sfumato("search", made, "--questions", questions, "-o", output, "-k", 2)
    assert ended.code == 0
    assert "3 sentences for 3 questions" in ended.err
    found = pl.read_parquet(output) if ending == "parquet" else pl.read_csv(output)
    assert found["question_row"].to_list() == [2, 4, 4]
    assert found["rank"].to_list() == [1, 1, 2]
    assert found["id"].to_list()[0] == "a"
    assert set(found["id"].to_list()[1:]) == {"b", "c"}
    again = sfumato("search", made, "--questions", questions, "-o", output)
    assert again.code == 2
    assert "exists" in again.err


def test_a_squad_file_is_cut_into_its_sentences(tmp_path: Path, sfumato: Command) -> None:
    file = tmp_path / "squad.json"
    paragraph = {"context": "Oslo lies on a fjord. Its mayor is elected.", "qas": []}
    file.write_text(json.dumps({"data": [{"title": "Oslo", "paragraphs": [paragraph]}]}))
    ended = sfumato("index", file, "-o", tmp_path / "index", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["sentences"] == 2
    hit = json.loads(sfumato("search", tmp_path / "index", "mayor", "--json").out)["hits"][0]
    assert hit["sentence"] == "Its mayor is elected."
    assert hit["passage"] == paragraph["context"]


def test_an_index_is_replaced_on_demand_only(made: Path, table: Path, sfumato: Command) -> None:
    before = (made / "sentences.parquet").read_bytes()
    ended = sfumato("index", table, "-o", made, "--sentence", "whole")
    assert ended.code == 2
    assert "--overwrite" in ended.err
    assert (made / "sentences.parquet").read_bytes() == before
    assert sfumato("index", table, "-o", made, "--sentence", "whole", "--overwrite").code == 0
    assert (made / "sentences.parquet").read_bytes() != before


def test_bad_input_is_one_sentence_and_leaves_nothing_behind(table: Path, made: Path, sfumato: Command) -> None:
    empty = table.with_name("empty.csv")
    empty.write_text("sentence,id\nOne.,1\n,2\n")
    new = table.with_name("new")
    calls = [
        (("index", empty, "-o", new), "line 3: column 'sentence' holds no sentence"),
        (("index", table, "-o", new, "--sentence", "sad"), "no column 'sad' (did you mean 'said'?)"),
        (("index", table.with_name("none.csv"), "-o", new), "there is no file"),
        (("index", table, "-o", new), "which column holds the sentences? Name it with --sentence"),
        (("index", table, "-o", new, "--sentence", "said", "--model", table.with_name("nowhere")), "no such folder"),
        (("search", made, "--questions", table), "which column holds the questions? Name it with --column"),
        (("search", new, "a"), "no such folder"),
        (("search", table.parent, "a"), "is no index"),
        (("search", made), "give one QUESTION"),
        (("search", made, "a", "--questions", table), "give one QUESTION"),
        (("search", made, " "), "question 1 is empty"),
        (("search", made, "a", "-o", new), "are for --questions"),
        (("search", made, "--questions", empty, "--column", "sentence"), "line 3 has no question"),
        (("search", made, "a", "--model", made), "searched by words (BM25) and needs no model"),
    ]
    for arguments, words in calls:
        ended = sfumato(*arguments)
        assert ended.code == 2, arguments
        assert words in ended.err, arguments
        assert "Traceback" not in ended.err
        assert not new.exists()


@pytest.mark.parametrize("kind", ["retriever", "index"])
def test_a_folder_of_another_kind_is_called_what_it_is(kind: str, table: Path, sfumato: Command) -> None:
    folder = table.with_name("folder")
    folder.mkdir()
    (folder / "sfumato.json").write_text(json.dumps({"kind": kind, "format": 1}))
    what = {"retriever": "a retriever", "index": "an index of sentences"}[kind]
    for command in ("predict", "evaluate"):
        ended = sfumato(command, folder, table)
        assert ended.code == 2
        assert f"folder is {what}, and no model for classes; give a folder from `sfumato fit -o`" in ended.err
    (folder / "sfumato.json").write_text("{}")
    assert f"is {what}" not in sfumato("predict", folder, table).err


def test_what_cannot_be_read_or_entered_is_bad_input(
    made: Path, table: Path, sfumato: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = made / "sfumato.json"
    facts.unlink()
    facts.mkdir()
    ended = sfumato("search", made, "Tiber")
    assert ended.code == 2
    assert "sfumato.json cannot be read: Is a directory" in ended.err

    def closed(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", closed)
    ended = sfumato("index", table, "-o", table.with_name("new"), "--sentence", "said")
    assert ended.code == 2
    assert "new cannot be written: Permission denied; choose another place" in ended.err


class Letters:
    """A stand-in for a retriever: how often each letter stands in a text."""

    name = "letters"

    def encode_sentences(self, texts: list[str]) -> np.ndarray:
        return np.array([[text.lower().count(chr(97 + k)) for k in range(26)] for text in texts], dtype=np.float32)

    encode_questions = encode_sentences

    def identity(self) -> dict[str, str]:
        return {"name": self.name, "sha256": self.name * 3}


def test_an_index_remembers_its_retriever_and_moves_with_it(
    table: Path, sfumato: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Letters()
    monkeypatch.setattr("sfumato.retrieval.retriever.Retriever.load", lambda folder: model)
    home = table.parent / "home"
    (home / "retriever").mkdir(parents=True)
    call = ("index", table, "-o", home / "index", "--sentence", "said", "--model", home / "retriever")
    assert sfumato(*call).code == 0
    moved = home.rename(table.parent / "moved")
    ended = sfumato("search", moved / "index", "Tiber", "-k", 2)
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 3
    model.name = "numbers"
    ended = sfumato("search", moved / "index", "Tiber")
    assert ended.code == 2
    assert "'letters'" in ended.err
    assert "'numbers'" in ended.err
    (moved / "retriever").rmdir()
    ended = sfumato("search", moved / "index", "Tiber")
    assert ended.code == 2
    assert "the retriever 'letters' (sha256 lettersl" in ended.err
    assert "no longer at" in ended.err


def test_a_truncated_index_is_named(made: Path, sfumato: Command) -> None:
    file = made / "bm25.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    ended = sfumato("search", made, "Tiber")
    assert ended.code == 2
    assert "bm25.safetensors" in ended.err


def test_json_and_a_table_do_not_go_to_one_place(sfumato, made, tmp_path):
    (tmp_path / "asked.csv").write_text("question\nWhere is the Tiber?\n", encoding="utf-8")
    for output in ((), ("-o", "-")):
        ended = sfumato("search", made, "--questions", tmp_path / "asked.csv", *output, "--json")
        assert (ended.code, ended.out) == (2, "")
        assert "the table would go to the same place" in ended.err
