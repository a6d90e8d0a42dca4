"""One run, of one method with one model and one seed, to one line of results and one file of predictions."""

from __future__ import annotations

import json
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.architecture import Architecture, Training
from sfumato.calibration import softmax
from sfumato.dataset import CUT_VERSION, DataSet
from sfumato.environment import peak_memory
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.metrics import METRIC_VERSION, scores

Line = dict[str, Any]
TrainFunction = Callable[..., Any]
"""``sfumato.fitting.train_model``, or a stand-in with the same arguments."""


@dataclass(frozen=True, eq=False)
class Run:
    """Everything that decides a result.

    Attributes
    ----------
    data, data_hash : the name in the table, and `DataSet.fingerprint`
    model, method : what the table calls them, which is their name unless the caller chose another
    title : what a table prints for the method
    control : "" for the method itself, or the name of one of its controls
    seed : of the weights, the order of the batches and the criterion; the split has a seed of its own
    loop_version : ``LOOP_VERSION`` of the training loop
    device : where to train, None for the best there is; not in the key
    """

    data: str
    data_hash: str
    model: str
    architecture: Architecture
    method: str
    built: Method
    seed: int
    training: Training
    title: str = ""
    control: str = ""
    control_version: int = 0
    split_seed: int = 0
    loop_version: int = 0
    device: str | None = None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What the key is made of, in JSON's own types."""
        settings = {
            "data_hash": self.data_hash,
            "model": {
                "name": self.architecture.name,
                "options": dict(self.architecture.options),
                "version": self.architecture.version,
            },
            "method": {"name": self.built.name, "options": dict(self.built.options), "version": self.built.version},
            "control": {"name": self.control, "version": self.control_version},
            "seed": self.seed,
            "split_seed": self.split_seed,
            "training": asdict(self.training),
            "versions": {"metric": METRIC_VERSION, "loop": self.loop_version, "cut": CUT_VERSION},
        }
        plain: dict[str, Any] = json.loads(json.dumps(settings, default=_plain))
        return plain

    @cached_property
    def key(self) -> str:
        """A hash of the settings: the same settings, data and code versions have the same key on every machine."""
        return sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def label(self) -> dict[str, Any]:
        """How a table and a person name this run."""
        names = {"data": self.data, "model": self.model, "method": self.method, "control": self.control}
        return {**names, "title": self.title or str(self.built), "seed": self.seed}

    def __str__(self) -> str:
        method = f"{self.method}/{self.control}" if self.control else self.method
        return f"{self.data}  {self.model}  {method}  seed {self.seed}"


def _plain(value: Any) -> Any:
    """Write an option so that it reads the same in every process."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    raise InputError(f"an option of a compared method or model must be text, a number or a list, got {value!r}")


def execute(
    run: Run, data: DataSet, folder: Path, *, train: TrainFunction | None = None, source: Run | None = None
) -> dict[str, Any]:
    """Train, predict the test split, write the predictions below ``folder``, and return the result line.

    ``source`` is the finished run of the method itself, whose record a control of a learning method replays.
    """
    started, stamp = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    rows, dev = data.of_seed(run.seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trained = (train or _train_model())(
            rows,
            dev,
            architecture=run.architecture,
            method=_method(run, folder, source),
            training=run.training,
            seed=run.seed,
            device=run.device,
            threads=1,
            calibrate=True,
            refit=True,
        )
        logits = np.asarray(trained.model.predict_logits(list(data.test.inputs)), dtype=np.float64)
    if not np.isfinite(logits).all():
        raise InputError(f"{run}: training diverged, the model's answers hold NaN or infinity; try a lower lr")
    if trained.record is not None and not run.control:
        write_record(record_path(folder, run.key), trained.record)
    temperature = float(trained.model.temperature)
    write_predictions(predictions_path(folder, run.key), data, softmax(logits))
    return {
        "key": run.key,
        "status": "done",
        **run.label,
        "metrics": measured(data.test.labels, logits, temperature),
        "temperature": temperature,
        "best_epoch": trained.best_epoch,
        "epochs": len(trained.history),
        "seconds": round(float(trained.seconds), 3),
        "seconds_in_all": round(time.perf_counter() - started, 3),
        "peak_memory_mb": peak_memory(),
        "n_train": len(rows),
        "n_dev": len(dev),
        "n_test": len(data.test),
        "n_unseen": int((data.test.labels < 0).sum()),
        "warnings": sorted({str(w.message) for w in caught if issubclass(w.category, UserWarning)}),
        "device": run.device or "automatic",
        "threads": 1,
        "started": stamp,
        "settings": run.settings,
    }


def failed(run: Run, error: BaseException) -> dict[str, Any]:
    """Return the line of a run that ended with ``error``."""
    said = "".join(traceback.format_exception(error))
    message = f"{type(error).__name__}: {error}".strip()
    return {
        "key": run.key,
        "status": "failed",
        **run.label,
        "error": message,
        "traceback": said,
        "settings": run.settings,
    }


def measured(labels: NDArray[np.int64], logits: NDArray[Any], temperature: float) -> dict[str, float]:
    """Return the metrics of logits ``(N, C)`` at temperature 1, and the calibrated ones as ``*_calibrated``."""
    raw = scores(labels, softmax(logits))
    calibrated = scores(labels, softmax(logits, temperature))
    shown = ("accuracy", "macro_f1", "log_loss", "brier", "ece")
    numbers = {name: raw[name] for name in shown}
    return {**numbers, **{f"{name}_calibrated": calibrated[name] for name in ("log_loss", "brier", "ece")}}


def _train_model() -> TrainFunction:
    from sfumato.run import train_model

    return train_model


def _method(run: Run, folder: Path, source: Run | None) -> Method:
    if not run.control:
        return run.built
    from sfumato.controls import control

    path = record_path(folder, source.key) if source is not None else None
    record = read_record(path) if path is not None and path.exists() else None
    return control(run.built, run.control, record, seed=run.seed)


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
