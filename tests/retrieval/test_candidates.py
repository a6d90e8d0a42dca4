"""The sentences of a table or of passages, each once, with their own ids where there are some."""

import json
from pathlib import Path

import pytest

from sfumato.errors import InputError
from sfumato.retrieval.candidates import read_corpus


def test_columns_of_sentences_passages_and_ids_are_read() -> None:
    table = {"s": ["One.", "Two.", "One."], "p": ["One. Two.", "One. Two.", "Again: One."], "n": ["x", "y", "x"]}
    corpus, notes = read_corpus(table, sentence="s", passage="p", id="n")
    assert corpus.sentences == ["One.", "Two."]
    assert corpus.ids == ["x", "y"]
    assert [corpus.passages[k] for k in corpus.passage] == ["One. Two."] * 2
    assert notes == ["1 sentence is the same as an earlier one"]


def test_without_names_the_column_and_the_ids_are_found() -> None:
    corpus, _ = read_corpus({"id": ["7", "8"], "sentence": ["One.", "Two."]})
    assert corpus.ids == ["7", "8"]
    assert corpus.passages == corpus.sentences == ["One.", "Two."]
    corpus, notes = read_corpus({"id": ["7", "7"], "text": ["One.", "Two."]})
    assert corpus.ids == ["1", "2"]
    assert any("values twice" in note for note in notes)
    assert "sentences are read from the column 'text'" in notes


def test_passages_are_cut_into_sentences(tmp_path: Path) -> None:
    passage = "Oslo lies on a fjord. Its mayor is elected."
    (tmp_path / "a.json").write_text(
        json.dumps({"data": [{"title": "Oslo", "paragraphs": [{"context": passage, "qas": []}]}]})
    )
    for source in (tmp_path / "a.json", {"context": [passage, passage], "title": ["Oslo", "Rome"]}):
        corpus, _ = read_corpus(source)
        assert corpus.sentences == ["Oslo lies on a fjord.", "Its mayor is elected."]
        assert corpus.passages == [passage]
        assert corpus.titles == ["Oslo"]


def test_rows_without_a_sentence_are_refused_or_left_out_and_said() -> None:
    table = {"sentence": ["One.", " "]}
    with pytest.raises(InputError, match="row 2: column 'sentence' holds no sentence"):
        read_corpus(table)
    corpus, notes = read_corpus(table, bad_rows="drop")
    assert corpus.sentences == ["One."]
    assert notes == ["column 'sentence' holds no sentence: row 2 left out"]
    with pytest.raises(InputError, match="no row is left; the passage is empty in every one"):
        read_corpus({"context": [" "]}, bad_rows="drop")


def test_what_would_not_be_read_is_refused(tmp_path: Path) -> None:
    passages = {"context": ["One. Two."], "n": ["7"]}
    assert read_corpus(passages)[0].sentences == ["One.", "Two."]
    with pytest.raises(InputError, match=r"cut into sentences; leave id='n' \(--id\) out"):
        read_corpus(passages, id="n")
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "One. Two.", "qas": []}]}]}))
    with pytest.raises(
        InputError,
        match=r"squad\.json holds passages.*leave sentence='s' \(--sentence\) and passage='p' \(--passage\) out",
    ):
        read_corpus(path, sentence="s", passage="p")
    with pytest.raises(InputError, match=r"language must be a code.*got '\?\?'"):
        read_corpus(path, language="??")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1, 2]", "must hold objects, one a row with its columns; entry 1 is '1'"),
        ("[]", "an empty list"),
        ("[" * 100_000, "nested too deeply"),
        ('{"data": ' + "9" * 5000 + "}", "a number that cannot be read"),
    ],
)
def test_json_that_is_no_table_is_refused_with_its_name(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"rows\.json.*{words}"):
        read_corpus(path)
    path.write_text('[{"sentence": "One."}]')
    assert read_corpus(path)[0].sentences == ["One."]


def test_one_id_for_two_sentences_is_refused() -> None:
    with pytest.raises(InputError, match="row 2 has the id '7', which is that of another sentence"):
        read_corpus({"s": ["One.", "Two."], "n": ["7", "7"]}, sentence="s", id="n")
