"""Word vectors in text format, as word2vec, GloVe and fastText write them: read once, kept for known words only.

A line is a word and its numbers, with one blank or tab between; a first line of two whole numbers (how many words, how
many numbers) is a header. The file may be packed with gzip.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError, nearest
from sfumato.targets import Floats

PACKED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"\x28\xb5\x2f\xfd": "zstd"}
SAMPLE = 1 << 16  # bytes looked at to tell text from a binary file


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Vectors of a vocabulary of V words.

    Attributes
    ----------
    matrix : (V, D) float32; zero where the file has no vector
    found : (V,) bool, which words have one
    source : name of the file
    read : words in the file
    promised : words that the header names, None without a header
    """

    matrix: Floats
    found: NDArray[np.bool_]
    source: str
    read: int
    promised: int | None = None

    def coverage(self, counts: NDArray[np.int64]) -> float:
        """Return the share of all occurrences, ``counts`` (V,), that are of words with a vector."""
        return float(counts[self.found].sum() / max(1, counts.sum()))


@dataclass(frozen=True)
class Layout:
    """How a file is written: numbers a line, the mark between them, words that a header promises."""

    size: int
    mark: bytes
    promised: int | None


def vector_size(path: str | Path) -> int:
    """Return how many numbers a vector of the file has, from its first lines.

    Raises
    ------
    InputError
        if there is no such file, or it is not a text file of vectors.
    """
    file = checked_file(path)
    with opened(file) as lines:
        return layout_of(file, lines).size


def read_vectors(path: str | Path, words: Sequence[str]) -> WordVectors:
    """Read the vectors of ``words``, (V,), and forget the others.

    A word spelt as asked for wins over one with other capitals; of equal ones the first, as the commonest stands first.

    Raises
    ------
    InputError
        if the file is missing, packed or binary, if a line has another number of columns, if what should be a number
        is none, or if no word has a vector.
    """
    file = checked_file(path)
    rows = {word.encode(): row for row, word in enumerate(words)}
    exact = np.zeros(len(words), dtype=bool)
    found = np.zeros(len(words), dtype=bool)
    with opened(file) as lines:
        layout = layout_of(file, lines)
        matrix = np.zeros((len(words), layout.size), dtype=np.float32)
        read = 0
        for number, line in vector_lines(lines, layout):
            word, numbers = cut(line, layout, file, number)
            read += 1
            row, spelt = rows.get(word), True
            if row is None:
                row, spelt = rows.get(lowered(word)), False
            if row is None or exact[row] or (found[row] and not spelt):
                continue
            matrix[row] = as_numbers(numbers, layout.size, file, number)
            found[row], exact[row] = True, spelt
    if not found.any():
        raise InputError(
            f"{file}: none of its {read:,} words is among the {len(words):,} of the texts; give vectors of the texts' "
            "language, of words for words and of characters for characters"
        )
    return WordVectors(matrix, found, file.name, read, layout.promised)


def lowered(word: bytes) -> bytes:
    """Return the word in small letters."""
    return word.lower() if word.isascii() else word.decode("utf-8", "replace").lower().encode()


def vector_lines(lines: BinaryIO, layout: Layout) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that hold vectors with their numbers in the file; a blank last line is none."""
    lines.seek(0)
    blank = 0
    for number, line in enumerate(lines, start=1):
        if number == 1 and layout.promised is not None:
            continue
        if not line.strip():
            blank = blank or number
            continue
        if blank:
            yield blank, b""
        yield number, line


def cut(line: bytes, layout: Layout, file: Path, number: int) -> tuple[bytes, bytes]:
    """Return a line's word and the text of its numbers.

    A word may hold blanks (some of GloVe's do): then the last columns are the numbers.
    """
    line = line.rstrip()
    if line.count(layout.mark) == layout.size:
        word, _, numbers = line.partition(layout.mark)
        return word, numbers
    parts = line.split()
    spare = len(parts) - layout.size
    if spare < 1 or (spare > 1 and is_number(parts[spare - 1])):
        shown = line[:40].decode("utf-8", "replace")
        if number == 2 and layout.promised is not None:
            raise InputError(
                f"{file}: the header, line 1, promises {layout.size} numbers a word, line 2 has {len(parts) - 1}: "
                f"{shown!r}; correct the header or take it out"
            )
        raise InputError(
            f"{file}, line {number} has {len(parts)} columns, the first vector has {layout.size + 1} (a word and "
            f"{layout.size} numbers): {shown!r}; the file is damaged or mixes two tables"
        )
    return b" ".join(parts[:spare]), b" ".join(parts[spare:])


def is_number(text: bytes) -> bool:
    """Say whether ``text`` reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def as_numbers(text: bytes, size: int, file: Path, line: int) -> Floats:
    """Return the numbers of a line, (D,), each finite."""
    parts = text.split()
    try:
        numbers = np.fromiter(map(float, parts), dtype=np.float32, count=size)
    except ValueError as error:
        wrong = next((part for part in parts if not is_number(part)), text)
        shown = wrong[:40].decode("utf-8", "replace")
        raise InputError(
            f"{file}, line {line}: {shown!r} is not a number; a line must be a word and then its numbers"
        ) from error
    if not np.isfinite(numbers).all():
        raise InputError(f"{file}, line {line} holds a number that is not finite; take its line out")
    return numbers


def layout_of(file: Path, lines: BinaryIO) -> Layout:
    """Read the first lines and say how the file is written."""
    if b"\0" in lines.read(SAMPLE):
        raise InputError(
            f"{file} is binary, not text. Turn word2vec's binary format into text first, with gensim: "
            "KeyedVectors.load_word2vec_format(PATH, binary=True).save_word2vec_format('vectors.txt')"
        )
    lines.seek(0)
    first = lines.readline().rstrip()
    if not first:
        raise InputError(f"{file}: the first line is empty; it must be a word and its numbers, or a header")
    mark = b"\t" if b"\t" in first else b" "
    parts = first.split()
    if len(parts) == 2 and parts[0].isdigit() and parts[1].isdigit():
        second = lines.readline()
        size = int(parts[1])
        mark = b"\t" if b"\t" in second else b" "
        if not size or not second.strip():
            raise InputError(f"{file}: no vectors follow the header {first.decode()!r}; the file is cut off")
        cut(second, Layout(size, mark, int(parts[0])), file, 2)
        return Layout(size, mark, int(parts[0]))
    if len(parts) < 2:
        raise InputError(f"{file}, line 1 has one column; a line must be a word and then its numbers")
    as_numbers(b" ".join(parts[1:]), len(parts) - 1, file, 1)
    return Layout(len(parts) - 1, mark, None)


def checked_file(path: str | Path) -> Path:
    """Return the path of a file that exists and is packed with gzip or not at all."""
    file = Path(path).expanduser()
    if file.is_dir():
        raise InputError(f"{file} is a folder; give a file of word vectors")
    if not file.is_file():
        near = nearest(file.name, [each.name for each in file.parent.iterdir()]) if file.parent.is_dir() else ""
        raise InputError(f"no such file of word vectors: {file}{near}")
    with file.open("rb") as opening:
        start = opening.read(8)
    kind = next((kind for mark, kind in PACKED.items() if start.startswith(mark)), None)
    if kind:
        raise InputError(f"{file} is packed ({kind}); unpack it, or pack the text file with gzip")
    return file


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Open a text file of bytes, unpacking gzip on the way."""
    with file.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(file) if packed else file.open("rb") as lines:
            yield cast(BinaryIO, lines)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file} cannot be unpacked ({error}); it is cut off or damaged, fetch it again") from error
