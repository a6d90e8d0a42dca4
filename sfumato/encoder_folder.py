"""What a folder of an encoder, a file of word vectors or a lexicon holds, wherever it lies."""

from __future__ import annotations

from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

OPTION = "encoder"
MODELS_OF_ENCODERS = ("transformer", "transformer-cnn")  # models that fine-tune one
FILE_OPTIONS = ("vectors", "lexicon")
PATTERNS = ("config.json", "tokenizer.json", "*.safetensors")


def identity(name: str, value: Any) -> Any:
    """Return what an option stands for in a key: a folder of an encoder its last name and a hash of its content.

    A file of word vectors, or a lexicon, stands for a hash of its content; everything else, a hub id too, for itself.
    """
    name = name.rpartition(".")[2]  # of methods that were combined
    if name in FILE_OPTIONS and isinstance(value, str | Path) and Path(value).expanduser().is_file():
        file = Path(value).expanduser().resolve()
        return {"sha256": _content((file, file.stat().st_size, file.stat().st_mtime_ns))}
    if name != OPTION or not isinstance(value, str | Path) or not (Path(value) / "config.json").is_file():
        return value
    folder = Path(value).resolve()
    files = sorted(path for pattern in PATTERNS for path in folder.glob(pattern))
    stamps = tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    return {"folder": folder.name, "sha256": _digest(stamps)}


@lru_cache(maxsize=16)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Hash names and contents; a file of the same size and time is not read again."""
    whole = sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            whole.update(path.name.encode() + b"\x1f" + file_digest(file, "sha256").digest())
    return whole.hexdigest()


@lru_cache(maxsize=16)
def _content(stamp: tuple[Path, int, int]) -> str:
    """Hash the content of one file; one of the same size and time is not read again."""
    with stamp[0].open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
