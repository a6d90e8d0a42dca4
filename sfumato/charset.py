"""The encoding of a text file, and its lines; nothing is decoded by guess without saying so.

UTF-8 and the marked UTF-16 and UTF-32 are taken as they are. Anything else is read as GB 18030 only if the result
looks like running Chinese; every other file is refused with the byte that stopped us, because a wrong one-byte
encoding never fails and silently spoils the text.
"""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from sfumato.errors import InputError

HEAD = 1 << 16  # bytes looked at to tell format, separator and header
BLOCK = 1 << 20

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NOT_TEXT = (
    (b"PAR1", "Parquet", "name it .parquet"),
    (b"\x89PNG", "a PNG picture", "give a table"),
    (b"\xff\xd8\xff", "a JPEG picture", "give a table"),
    (b"GIF8", "a GIF picture", "give a table"),
    (b"%PDF", "a PDF document", "give a table"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV (UTF-8)"),
    (b"\x1f\x8b", "gzip", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstandard", "unpack it first"),
    (b"BZh", "bzip2", "unpack it first"),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
)
COMMON_HANZI = frozenset("的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自新日月")


class _Rejoined(io.RawIOBase):
    """A stream that cannot seek, with its first bytes put back."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)]
        self._head = self._head[len(data) :]
        if not data:
            data = self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def refuse_not_text(name: str, head: bytes) -> None:
    """Raise if the first bytes are those of a known format that is not text, or if there are none."""
    if not head.strip():
        raise InputError(f"{name} is empty")
    for magic, what, advice in NOT_TEXT:
        if head.startswith(magic):
            raise InputError(f"{name} is not a text table but {what}; {advice}")


def read_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the file from its start in blocks of 1 MiB, and b"" as the last."""
    file.seek(0)
    while block := file.read(BLOCK):
        yield block
    yield b""


def first_bad_byte(file: IO[bytes], encoding: str) -> tuple[int, int, int] | None:
    """Return (offset, line, byte) of the first byte that ``encoding`` cannot decode, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = lines = 0
    for block in read_blocks(file):
        held = decoder.getstate()[0]  # the bytes of a character that the last block cut
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            whole = held + block
            return done - len(held) + error.start, lines + whole[: error.start].count(b"\n") + 1, whole[error.start]
        done += len(block)
        lines += block.count(b"\n")
    return None


def looks_chinese(text: str) -> bool:
    """Whether text decoded as GB 18030 reads like Chinese and not like another encoding taken for it.

    Latin-1, Cyrillic and Korean bytes often decode, but to rare characters: so most must be of GB 2312's first,
    common level, and a few per cent of the commonest ones.
    """
    wide = [character for character in text if ord(character) > 127]
    hanzi = [character for character in wide if "\u4e00" <= character <= "\u9fff"]
    if len(hanzi) < 0.5 * len(wide) or not hanzi:
        return False
    level_one = sum(b"\xb0" <= c.encode("gb18030")[:1] <= b"\xd7" and c.encode("gb18030")[1] > 160 for c in hanzi)
    common = sum(character in COMMON_HANZI for character in hanzi)
    return level_one > 0.85 * len(hanzi) and (len(hanzi) < 100 or common > 0.02 * len(hanzi))


def find_encoding(file: IO[bytes], name: str, given: str | None) -> tuple[str, str]:
    """Return the encoding of a seekable file, and the sentence that says it ("" for plain UTF-8).

    Raises
    ------
    InputError
        names the first byte that cannot be decoded, its offset and its line.
    """
    file.seek(0)
    head = file.read(HEAD)
    encoding = given or next((name for mark, name in MARKS if head.startswith(mark)), "utf-8")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise InputError(f"there is no encoding {encoding!r}; common ones: utf-8, gb18030, latin-1, cp1252") from None
    bad = first_bad_byte(file, encoding)
    if bad is None:
        said = given or encoding not in ("utf-8", "utf-8-sig")
        return encoding, f"{name} is read as {encoding.upper()}" if said else ""
    chinese = encoding == "utf-8" and given is None and first_bad_byte(file, "gb18030") is None
    if chinese and looks_chinese(head.decode("gb18030", errors="ignore")):
        return "gb18030", f"{name} is not UTF-8; it is read as GB18030, in which it reads like Chinese"
    offset, line, byte = bad
    refused = InputError(
        f"{name}: byte 0x{byte:02x} at offset {offset} (line {line}) is not {encoding.upper()}; save the file as "
        "UTF-8 (in a spreadsheet: Save as, CSV UTF-8)"
    )
    refused.add_note("or name its encoding: read_table(path, encoding='cp1252')")  # which the command line cannot
    raise refused


def decoded_lines(open_stream: Callable[[], IO[str]], name: str, encoding: str) -> Iterator[str]:
    """Yield the lines with their ends; a NUL or a byte that cannot be decoded is refused with its line."""
    number = 0
    with open_stream() as stream:
        try:
            for number, line in enumerate(stream, 1):
                if "\0" in line:
                    raise _nul(name, number, line)
                yield line
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            said = f"{name}: byte 0x{byte:02x} after line {number} is not {encoding.upper()}; send UTF-8"
            raise InputError(said) from None


def _nul(name: str, number: int, line: str) -> InputError:
    hint = "it may be UTF-16 without its mark" if line.count("\0") > len(line) / 4 else "the file may be damaged"
    return InputError(f"{name}: line {number} holds a NUL character; {hint}: save it as UTF-8")


@dataclass(frozen=True)
class Lines:
    """A text file: its name for messages, its beginning (64 KiB, whole lines), all its lines, how it is decoded."""

    name: str
    beginning: str
    lines: Iterator[str]
    note: str = ""


def open_lines(path: str, encoding: str | None = None) -> Lines:
    """Open a text file, or standard input for "-"; the file is held open only while its lines are read."""
    if path == "-":
        return _open_standard_input(encoding or "utf-8")
    with Path(path).open("rb") as file:
        head = file.read(HEAD)
        refuse_not_text(path, head)
        found, note = find_encoding(file, path, encoding)
    lines = decoded_lines(partial(Path(path).open, encoding=found, newline=""), path, found)
    return Lines(path, whole_lines(head, found), lines, note)


def _open_standard_input(encoding: str) -> Lines:
    name = "standard input"
    head = sys.stdin.buffer.read(HEAD)
    refuse_not_text(name, head)
    found = next((marked for mark, marked in MARKS if head.startswith(mark)), encoding)
    stream = io.TextIOWrapper(io.BufferedReader(_Rejoined(head, sys.stdin.buffer)), encoding=found, newline="")
    return Lines(name, whole_lines(head, found), decoded_lines(lambda: stream, name, found))


def whole_lines(head: bytes, encoding: str) -> str:
    """Decode the beginning of a file; if it was cut, leave the broken last line out."""
    text = head.decode(encoding, errors="ignore")
    return text if len(head) < HEAD or "\n" not in text else text[: text.rindex("\n") + 1]
