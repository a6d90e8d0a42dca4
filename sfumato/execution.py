"""From one run to one line of results and one file of predictions."""

from __future__ import annotations

import time
import traceback
import warnings
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.controls import kept_own_target
from sfumato.data import Examples
from sfumato.dataset import DataSet, OwnSet
from sfumato.environment import environment, peak_memory
from sfumato.errors import InputError
from sfumato.experiment import Line, Run, TrainFunction
from sfumato.measured_test import (
    answers,
    counted_labels,
    metrics,
    of_dev,
    raw_metrics,
    said_thresholds,
    share_in_group,
    uncalibrated,
    unusual_rows,
    without_leaked,
)
from sfumato.measures import label_embeddings, of_training, packed
from sfumato.method import Method
from sfumato.run_files import predictions_path, read_record, record_path, write_predictions, write_record
from sfumato.teacher_files import with_teacher


def execute(
    run: Run, data: DataSet | OwnSet, folder: Path, *, train: TrainFunction | None = None, source: Run | None = None
) -> Line:
    """Train, predict the test split, write the predictions below ``folder``, and return the result line.

    ``source`` is the finished run of the method itself, whose record a control of a learning method replays, or whose
    teacher a control hears too.
    """
    if not isinstance(data, DataSet):
        return data.execute(run, folder)
    started, stamp = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    rows, dev = data.of_seed(run.seed)
    if run.built.teacher is not None:
        rows, dev = with_teacher(run, run.built.teacher, rows, dev, folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trained = _trained(run, rows, dev, folder, train=train, source=source)
        logits = np.asarray(trained.model.predict_logits(list(data.test.inputs)), dtype=np.float64)
        asked_for = _asked_for(run, trained, data, dev)
    if not np.isfinite(logits).all():
        raise InputError(f"{run}: training diverged, the model's answers hold NaN or infinity; try a lower lr")
    if trained.record is not None and not run.control:
        write_record(record_path(folder, run.key), trained.record)
    predicted = answers(data.test, logits, trained.model)
    write_predictions(predictions_path(folder, run.key), data, uncalibrated(data.test, logits), predicted)
    sizes = {"n_train": len(rows), "n_dev": len(dev), "n_test": len(data.test)}
    return {
        "key": run.key,
        "status": "done",
        **run.label,
        **_scores(run, trained, data, logits, predicted),
        **_training_of(run, trained, rows),
        **asked_for,
        "seconds": round(float(trained.seconds), 3),
        "seconds_in_all": round(time.perf_counter() - started, 3),
        "peak_memory_mb": peak_memory(),
        **sizes,
        **unusual_rows(data.test),
        "warnings": sorted({str(w.message) for w in caught if issubclass(w.category, UserWarning)}),
        **(_hardware(run) if train is None else {"device": run.device or "automatic"}),
        "threads": 1,
        "started": stamp,
        "environment": around(),
        "settings": run.settings,
    }


def _trained(
    run: Run, rows: Examples, dev: Examples, folder: Path, *, train: TrainFunction | None, source: Run | None
) -> Any:
    """Return what training makes of the rows, on one thread, by the settings of the run."""
    from sfumato.run import train_model

    own: TrainFunction = train_model
    return (train or own)(
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
        **({"eval_every": run.training.eval_every} if run.training.eval_every != 1 else {}),
        **({"measures": asked} if (asked := of_training(run.measures)) else {}),
    )


def _scores(
    run: Run, trained: Any, data: DataSet, logits: NDArray[np.float64], predicted: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return what the answers to the test rows are worth, logits and predicted (N, C), and how dev calibrated them."""
    model, test = trained.model, data.test
    counted = counted_labels(test, predicted, run.measures, run.groups)
    return {
        "metrics": metrics(test, logits, model) | share_in_group(counted),
        **without_leaked(test, data.leaked, logits, model),
        **of_dev(trained.dev_raw, multilabel=test.multilabel),
        "temperature": float(model.temperature),
        **({"thresholds": said_thresholds(model.thresholds)} if test.multilabel else {}),
        **counted,
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
        "environment": around(),
        "settings": run.settings,
    }


@cache
def around() -> dict[str, Any]:
    """Return the environment of this process, asked once: the code that it loaded is that of its first run."""
    return environment()


def _training_of(run: Run, trained: Any, rows: Any) -> dict[str, Any]:
    """What dev chose, and what was masked. One batch has no epochs: dev is looked at every few steps, per strength."""
    sets = rows.labels if rows.multilabel else None
    kept = kept_own_target(trained.objective.criterion, sets) if run.control == "shuffled" else None
    control = {} if kept is None else {"kept_own_target": kept}
    masked = getattr(trained, "masked", None)
    if run.architecture.full_batch:
        chosen = {"looks": len(trained.history), "strength": trained.strength}
    else:
        chosen = {"best_epoch": trained.best_epoch, "epochs": len(trained.history)}
    copied = getattr(trained, "copied", None)
    told = {name: value for name, value in (("masked", masked), ("copies", copied)) if value}
    return {"steps": trained.steps, **chosen, **control, **told}


def _asked_for(run: Run, trained: Any, data: DataSet, dev: Examples) -> dict[str, Any]:
    """Return what the measures of a run add to its line; one that this run cannot have is left out with a warning."""
    found: dict[str, Any] = {}
    if "curves" in run.measures and not run.architecture.full_batch:
        found["history"] = trained.history
    if "last-epoch" in run.measures and not run.architecture.full_batch:
        logits = np.asarray(trained.last_logits(list(data.test.inputs)), dtype=np.float64)
        if np.isfinite(logits).all():
            found["metrics_last"] = raw_metrics(data.test, logits, trained.model)
        else:
            warnings.warn("after the last epoch the answers hold NaN or infinity: no metrics of it", stacklevel=2)
    if "dev-answers" in run.measures and not dev.multilabel and trained.dev_predicted is not None:
        found["dev_right"] = packed(np.asarray(trained.dev_predicted) == dev.labels)
    if "label-embeddings" in run.measures:
        found["label_embeddings"] = label_embeddings(trained.objective.criterion)
        if found["label_embeddings"] is None:
            warnings.warn(f"{run.built.name} learns no vectors of the labels: label-embeddings left out", stacklevel=2)
    return {name: value for name, value in found.items() if value is not None}


def _hardware(run: Run) -> dict[str, str]:
    """Return the device that the network was trained on, and in which precision."""
    import torch
    from accelerate import PartialState

    from sfumato.limits import precision

    if run.architecture.full_batch:  # sparse products run on the processor
        return {"device": "cpu", "precision": "float32"}
    device = PartialState().device if run.device is None else torch.device(run.device)
    return {"device": str(device), "precision": precision(device).replace("no", "float32")}


def _method(run: Run, folder: Path, source: Run | None) -> Method:
    if not run.control:
        return run.built
    from sfumato.controls import control

    path = record_path(folder, source.key) if source is not None else None
    record = read_record(path) if path is not None and path.exists() else None
    return control(run.built, run.control, record, seed=run.seed)
