"""Synonyms of words, read from a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato.errors import InputError

LISTS = ("synonyms", "paraphrases")  # the column beside "word", the first that is there
ENDINGS = (".parquet", ".csv", ".tsv", ".jsonl")
SHOULD = "a lexicon has a column 'word' and a column 'synonyms' (or 'paraphrases')"
MARKS = re.compile(r"\W*")


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Words and their synonyms.

    Attributes
    ----------
    synonyms : word in lower case -> other words, in the order of the file
    source : the file, for messages
    undecodable : entries that were left out, for their characters are not UTF-8
    """

    synonyms: Mapping[str, tuple[str, ...]]
    source: str
    undecodable: int = 0

    def __len__(self) -> int:
        return len(self.synonyms)

    def find(self, word: str) -> tuple[str, ...]:
        """Return the synonyms of a word as it stands in a text, with its marks and capitals; none for stop words."""
        core = bare(word)
        return () if core in STOP_WORDS else self.synonyms.get(core, ())

    def put(self, word: str, synonym: str) -> str:
        """Return ``word`` with its marks and capitals, and the synonym in its place."""
        before, _, after = _core(word)
        inside = word[len(before) : len(word) - len(after)]
        if inside[:1].isupper():
            synonym = synonym.upper() if inside.isupper() and len(inside) > 1 else synonym[:1].upper() + synonym[1:]
        return before + synonym + after


def bare(word: str) -> str:
    """Return a word as it stands in a text in lower case and without the marks around it."""
    return _core(word)[1]


def _core(word: str) -> tuple[str, str, str]:
    """Return the marks before a word, the word in lower case, and the marks after it."""
    start, after = _marks_first(word), _marks_first(word[::-1])
    stop = max(len(word) - after, start)  # a word of marks alone has no core
    return word[:start], word[start:stop].lower(), word[stop:]


def _marks_first(word: str) -> int:
    """Return how many marks a word begins with."""
    found = MARKS.match(word)
    return found.end() if found else 0


def read_lexicon(path: str | Path) -> Lexicon:
    """Read Parquet (lists of synonyms), CSV or TSV (synonyms with | between them) or JSON lines.

    A word may have several rows. A folder stands for the only Parquet file in it.

    Raises
    ------
    InputError
        if there is no such file, or if it is no lexicon: what it has instead is said.
    """
    file = _file(Path(path))
    found: dict[str, dict[str, None]] = {}
    undecodable = 0
    for word, synonyms in _rows(file):
        if any("\ufffd" in each for each in (word, *synonyms)):
            undecodable += 1  # it would put a replacement character into texts
            continue
        own = found.setdefault(word.strip().lower(), {})
        own.update(dict.fromkeys(each.replace("_", " ").strip() for each in synonyms))
    kept = {word: tuple(s for s in own if s and s.lower() != word) for word, own in found.items()}
    kept = {word: synonyms for word, synonyms in kept.items() if word and synonyms}
    if not kept:
        raise InputError(f"{file} is no lexicon: no word in it has a synonym")
    return Lexicon(kept, str(file), undecodable)


def _file(path: Path) -> Path:
    if path.is_dir():
        inside = sorted(path.glob("*.parquet"))
        if len(inside) != 1:
            raise InputError(f"{path} is a folder with {len(inside)} Parquet files; name the lexicon itself")
        path = inside[0]
    if not path.is_file():
        raise InputError(f"there is no lexicon {path}")
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: a lexicon ends in one of {', '.join(ENDINGS)}")
    return path


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each word with its synonyms as the file has them."""
    if path.suffix.lower() == ".jsonl":
        yield from _json_rows(path)
    elif path.suffix.lower() == ".parquet":
        yield from _parquet_rows(path)
    else:
        from sfumato.table import read_table

        table = read_table(path)
        name = _column(path, table.columns)
        for word, cell in zip(table.column("word"), table.column(name), strict=True):
            yield word, cell.split("|")


def _parquet_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is no readable Parquet file: {error}") from error
    name = _column(path, frame.columns)
    if frame.schema["word"] != pl.String or frame.schema[name] not in (pl.String, pl.List(pl.String)):
        got = f"{frame.schema['word']} and {frame.schema[name]}"
        raise InputError(f"{path} is no lexicon: 'word' must be text and {name!r} text or lists of text, got {got}")
    if frame.schema[name] == pl.String:
        frame = frame.with_columns(pl.col(name).str.split("|"))
    for word, synonyms in frame.select("word", name).drop_nulls().iter_rows():
        yield word, [each for each in synonyms if each]


def _json_rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"{path} is no lexicon: line {number} is no object; {SHOULD}")
        yield _json_row(row, path, number)


def _json_row(row: Mapping[str, Any], path: Path, number: int) -> tuple[str, list[str]]:
    word, synonyms = row.get("word"), row[_column(path, row)]
    synonyms = synonyms.split("|") if isinstance(synonyms, str) else synonyms
    if not isinstance(word, str) or not isinstance(synonyms, list) or not all(isinstance(s, str) for s in synonyms):
        raise InputError(f"{path}: line {number}: 'word' must be text and its synonyms a list of text, got {row!r:.80}")
    return word, synonyms


def _column(path: Path, names: Iterable[str]) -> str:
    """Return the column of the synonyms."""
    there = list(names)
    name = next((each for each in LISTS if each in there), None)
    if name is None or "word" not in there:
        raise InputError(f"{path} is no lexicon: {SHOULD}; it has: {', '.join(there) or 'none'}")
    return name


# English words without a meaning of their own; their entries in a lexicon are mostly of other words ("in": inch).
_STOP = """
    a an the this that these those i me my mine we us our ours you your yours he him his she her hers it its they them
    their theirs who whom whose which what when where why how there here all any both each few more most other some such
    no nor not only own same so than too very and but if or because as until while of at by for with about against
    between into through during before after above below to from up down in out on off over under again further then
    once am is are was were be been being have has had having do does did doing will would shall should can could may
    might must also just now one
"""
STOP_WORDS = frozenset(_STOP.split())
