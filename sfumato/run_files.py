"""The files of a run beside its line: its predictions, and the record of a method that learns its targets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.dataset import DataSet
from sfumato.multilabel_metrics import row_micro_f1

Array = NDArray[Any]


def predictions_path(folder: Path, key: str) -> Path:
    """Where the predictions of a run lie."""
    return folder / "predictions" / f"{key}.parquet"


def record_path(folder: Path, key: str) -> Path:
    """Where the record of a learning method's run lies."""
    return folder / "predictions" / f"{key}.record.safetensors"


def write_predictions(path: Path, data: DataSet, probabilities: Array, predicted: NDArray[np.bool_]) -> None:
    """Write, a row a test row: ``row``, ``label`` and ``predicted`` (indices), ``probabilities`` (uncalibrated).

    Where a row may have several labels, ``label`` and ``predicted`` are lists of indices, and ``unseen``, where there
    are any, counts those of the row that are no class. ``predicted`` (N, C) says which labels the model gives.
    """
    import polars as pl

    test = data.test
    columns: dict[str, Any] = {"row": test.ids}
    if test.multilabel:
        given = {"label": test.gold, "predicted": predicted}
        columns |= {name: pl.Series(_indices(each), dtype=pl.List(pl.Int32)) for name, each in given.items()}
        columns |= {} if test.unseen is None else {"unseen": test.unseen.astype(np.int32)}
    else:
        columns |= {"label": test.labels.astype(np.int32), "predicted": predicted.argmax(axis=1).astype(np.int32)}
    columns["probabilities"] = pl.Series(probabilities.astype(np.float32)).cast(pl.List(pl.Float32))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    pl.DataFrame(columns).write_parquet(part, metadata={"classes": json.dumps(data.train.classes)})
    part.replace(path)


def _indices(given: NDArray[np.bool_]) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in given]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a finished run answered: ``gold`` and ``predicted`` (N, C), ``rows`` (N,), ``unseen`` (N,) or None."""

    classes: tuple[str, ...]
    rows: NDArray[np.int64]
    gold: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    multilabel: bool
    unseen: NDArray[np.int64] | None = None


def read_answers(folder: Path, key: str) -> Answers:
    """Return the answers of a finished run to the test rows."""
    import polars as pl

    path = predictions_path(folder, key)
    classes = tuple(json.loads(pl.read_parquet_metadata(path)["classes"]))
    there = pl.read_parquet_schema(path)
    frame = pl.read_parquet(path, columns=[name for name in there if name != "probabilities"])
    unseen = frame["unseen"].to_numpy().astype(np.int64) if "unseen" in there else None
    gold, predicted = (_table(frame[name], len(classes)) for name in ("label", "predicted"))
    rows = frame["row"].to_numpy().astype(np.int64)
    return Answers(classes, rows, gold, predicted, isinstance(there["label"], pl.List), unseen)


def _table(column: Any, classes: int) -> NDArray[np.bool_]:
    """Return a column of indices, or of lists of them, as (N, C)."""
    import polars as pl

    found = np.zeros((len(column), classes), dtype=bool)
    if isinstance(column.dtype, pl.List):
        found[np.repeat(np.arange(len(column)), column.list.len().to_numpy()), column.explode().drop_nulls()] = True
    else:
        known = (column >= 0).to_numpy()
        found[np.flatnonzero(known), column.to_numpy()[known]] = True
    return found


def read_row_scores(folder: Path, key: str, metric: str = "") -> NDArray[np.float64]:
    """Return a value a test row of a finished run whose mean is its main metric, (N,).

    1 where the prediction is the label, else 0; where rows may have several labels, `row_micro_f1`; of retrieval, 1
    where the first right candidate is among the first k of the metric ``recall@k``, and of ``mrr@k`` 1 / its place.
    """
    import polars as pl

    path = predictions_path(folder, key)
    schema = pl.read_parquet_schema(path)
    if "rank" in schema:
        ranks = pl.read_parquet(path, columns=["rank"])["rank"].to_numpy()
        name, _, k = metric.partition("@")
        worth = 1 / ranks if name == "mrr" else np.ones(len(ranks))
        return np.asarray(np.where(ranks <= int(k), worth, 0.0), dtype=np.float64)
    if isinstance(schema["label"], pl.List):
        found = read_answers(folder, key)
        return row_micro_f1(found.gold, found.predicted, found.unseen)
    frame = pl.read_parquet(path, columns=["label", "predicted"])
    return np.asarray(frame["label"] == frame["predicted"], dtype=np.float64)


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
