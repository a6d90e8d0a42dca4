"""Files of synonyms: those of the data collection, and simple ones; what is none is refused in words."""

import json
from dataclasses import replace

import polars as pl
import pytest

from sfumato.augmentation.eda import eda
from sfumato.augmentation.lexicon import read_lexicon
from sfumato.errors import InputError

WANTED = {"film": ("movie", "motion picture"), "good": ("great",)}


def test_four_kinds_of_file_say_the_same(tmp_path):
    rows = [("Film", ["movie", "motion_picture", "film"]), ("good", ["great"]), ("film", ["movie"]), ("lone", [])]
    frame = pl.DataFrame({"word": [w for w, _ in rows], "synonyms": [s for _, s in rows]})
    frame.write_parquet(tmp_path / "a.parquet")
    lines = [f"{word},{'|'.join(synonyms)}" for word, synonyms in rows]
    (tmp_path / "a.csv").write_text("\n".join(["word,paraphrases", *lines]))
    (tmp_path / "a.tsv").write_text("\n".join(["word,synonyms", *lines]).replace(",", "\t"))
    objects = [json.dumps({"word": word, "synonyms": synonyms}) for word, synonyms in rows]
    (tmp_path / "a.jsonl").write_text("\n".join([*objects, "", '{"word": "good", "synonyms": "great"}']))
    for ending in ("parquet", "csv", "tsv", "jsonl"):
        assert read_lexicon(tmp_path / f"a.{ending}").synonyms == WANTED, ending


def test_marks_and_capitals_of_a_word_stay_and_stop_words_have_no_synonyms(tmp_path):
    (tmp_path / "a.csv").write_text("word,synonyms\nfilm,movie\nin,inch\n")
    lexicon = read_lexicon(tmp_path / "a.csv")
    assert lexicon.find('"Film,') == ("movie",)
    assert lexicon.find("in") == ()
    written = [lexicon.put(word, "movie") for word in ('"Film,', "FILM!", "film", "(film")]
    assert written == ['"Movie,', "MOVIE!", "movie", "(movie"]
    assert lexicon.find("?!") == lexicon.find("") == ()
    assert lexicon.find("a" + "-" * 1_000_000 + "b") == ()  # at once, where trying every split would take hours


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "word", "synonym"),
    [("wordnet", "movie", "film"), pytest.param("ppdb_xl", "reallocations", "diversions", marks=pytest.mark.slow)],
)
def test_the_lexicons_of_the_collection_are_read(data_folder, name, word, synonym):
    lexicon = read_lexicon(data_folder / f"lexicon_{name}")
    assert synonym in lexicon.find(word)
    assert len(lexicon) > 3000
    assert all(synonyms and word not in synonyms for word, synonyms in lexicon.synonyms.items())


def test_entries_that_are_not_utf8_are_left_out_and_counted(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(
        b'{"word": "film", "synonyms": ["movie"]}\n{"word": "caf\xe9", "synonyms": ["bar"]}\n'
    )
    lexicon = read_lexicon(tmp_path / "a.jsonl")
    assert (dict(lexicon.synonyms), lexicon.undecodable) == ({"film": ("movie",)}, 1)
    assert "left out, for their characters are not UTF-8: 1" in eda(lexicon=lexicon).notes[0]
    assert eda(lexicon=replace(lexicon, undecodable=0)).notes == ()


def test_json_lines_end_at_line_feeds_alone(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"word": "film", "synonyms": ["a\u2028b"]}\r\n\n', encoding="utf-8", newline="")
    assert read_lexicon(tmp_path / "a.jsonl").synonyms == {"film": ("a\u2028b",)}


def test_what_is_no_file_is_refused_in_words():
    with pytest.raises(InputError, match="lexicon must be a file of synonyms, got 5"):
        eda(lexicon=5)


BAD = {
    "a.csv": ("text,label\nhi,x\n", "is no lexicon: .*'word'.*it has: text, label"),
    "b.csv": ("word,synonyms\nfilm,\n", "has a synonym|cannot be used"),
    "c.jsonl": ("{not json}\n", "line 1 is no JSON"),
    "d.jsonl": ("[1, 2]\n", "line 1 is no object"),
    "e.jsonl": ('{"word": "a", "synonyms": [1]}\n', "line 1: .*list of text"),
    "f.jsonl": ('{"word": "a"}\n', "it has: word"),
    "g.parquet": ("no parquet", "no readable Parquet file"),
    "h.txt": ("word", "ends in one of"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_lexicon_is_refused_in_words(tmp_path, name):
    content, said = BAD[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        read_lexicon(tmp_path / name)


def test_numbers_in_place_of_words_and_missing_files_are_refused(tmp_path):
    pl.DataFrame({"word": [1], "synonyms": [["a"]]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="'word' must be text"):
        read_lexicon(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="there is no lexicon"):
        read_lexicon(tmp_path / "none.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="0 Parquet files"):
        read_lexicon(tmp_path / "empty")
