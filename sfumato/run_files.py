"""The files of a run beside its line: its predictions, and the record of a method that learns its targets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.dataset import DataSet


def predictions_path(folder: Path, key: str) -> Path:
    """Where the predictions of a run lie."""
    return folder / "predictions" / f"{key}.parquet"


def record_path(folder: Path, key: str) -> Path:
    """Where the record of a learning method's run lies."""
    return folder / "predictions" / f"{key}.record.safetensors"


def write_predictions(path: Path, data: DataSet, probabilities: NDArray[Any]) -> None:
    """Write, a row a test row: ``row``, ``label`` and ``predicted`` (indices), ``probabilities`` (uncalibrated)."""
    import polars as pl

    frame = pl.DataFrame(
        {
            "row": data.test.ids,
            "label": data.test.labels.astype(np.int32),
            "predicted": probabilities.argmax(axis=1).astype(np.int32),
            "probabilities": pl.Series(probabilities.astype(np.float32)).cast(pl.List(pl.Float32)),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(part := path.with_suffix(".part"), metadata={"classes": json.dumps(data.train.classes)})
    part.replace(path)


def read_correct(folder: Path, key: str) -> NDArray[np.float64]:
    """Return 1 where the prediction of a finished run is the label, else 0, ``(N,)``."""
    import polars as pl

    frame = pl.read_parquet(predictions_path(folder, key), columns=["label", "predicted"])
    correct: NDArray[np.float64] = (frame["label"] == frame["predicted"]).to_numpy().astype(np.float64)
    return correct


def write_record(path: Path, record: list[Mapping[str, Any]]) -> None:
    """Write what a learning method fitted: each entry's numbers stacked, one tensor a name."""
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    names = record[0].keys() if record else ()
    stacked = {name: np.ascontiguousarray(np.stack([np.asarray(entry[name]) for entry in record])) for name in names}
    save_file(stacked, part := path.with_suffix(".part"))
    part.replace(path)


def read_record(path: Path) -> list[dict[str, Any]]:
    """Return what `write_record` wrote, an entry a dict."""
    from safetensors.numpy import load_file

    stacked = load_file(path)
    length = len(next(iter(stacked.values()))) if stacked else 0
    return [{name: values[i] for name, values in stacked.items()} for i in range(length)]
