"""A small folder of data sets, made like the real one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the real data; a test of it asks for `data_folder`, which is read before this."""
    monkeypatch.delenv("SFUMATO_DATA", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the columns of a set to ``FOLDER/NAME/NAME.parquet`` and return FOLDER."""

    def written(name: str, file: str | None = None, **columns: list[Any]) -> Path:
        path = tmp_path / "sets" / (file or f"{name}/{name}.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(columns).write_parquet(path)
        return tmp_path / "sets"

    return written


@pytest.fixture
def questions(write: Write) -> Path:
    """Return a folder with a trec of six rows; the first test question is in train too."""
    return write(
        "trec",
        text=["Who wrote it ?", "Where is it ?", "How many ?", "Who wrote it ?", "Why ?", "Where was it ?"],
        label=["HUM:ind", "LOC:other", "NUM:count", "HUM:ind", "DESC:reason", "LOC:other"],
        label_coarse=["HUM", "LOC", "NUM", "HUM", "DESC", "LOC"],
        split=["train", "train", "train", "test", "train", "test"],
    )
