"""One run, of one method with one model and one seed, to one line of results and one file of predictions."""

from __future__ import annotations

import json
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.architecture import Architecture, Training
from sfumato.controls import kept_own_target
from sfumato.dataset import CUT_VERSION, DataSet
from sfumato.encoder_folder import identity
from sfumato.environment import environment, peak_memory
from sfumato.errors import InputError
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
from sfumato.measures import checked_measures, label_embeddings, of_training
from sfumato.method import Method
from sfumato.methods import METHODS
from sfumato.metrics import METRIC_VERSION
from sfumato.models import MODELS
from sfumato.multilabel_metrics import MULTILABEL_METRIC_VERSION
from sfumato.plain_options import not_default, plain
from sfumato.run_files import predictions_path, read_record, record_path, write_predictions, write_record
from sfumato.teacher_files import with_teacher

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
    measures : what the line tells beside the result, see `sfumato.measures`; in the key if there are any
    multilabel : whether a row may have several labels; the version of their metrics is in the key of such runs only
    groups : of the measure ``errors-in-group``: a mapping, or what `sfumato.groups.partition` takes; with it in the key
    marks : what else the line is found by, such as the setting of a table; not in the key
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
    measures: tuple[str, ...] = ()
    multilabel: bool = False
    groups: Any = None
    marks: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", checked_measures("run", self.measures))
        if "errors-in-group" in self.measures and self.groups is None:
            raise InputError(
                "the measure 'errors-in-group' needs groups, as 'prefix::' or a mapping of group to labels"
            )

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What the key is made of, in JSON's own types.

        A method or model stands for itself by name, options and version: whoever builds one by hand and changes what
        it does must change one of these. Options that have their default are left out, so that a new option, or a
        default that is new together with a new version, leaves the keys of finished runs alone. A function as an
        option stands by the name it can be imported by, a folder of an encoder by its content, which is the same on
        every machine.
        """
        settings: dict[str, Any] = {
            "data_hash": self.data_hash,
            "model": {
                "name": self.architecture.name,
                "options": {
                    name: identity(name, value)
                    for name, value in not_default(MODELS, self.architecture.name, self.architecture.options).items()
                },
                "version": self.architecture.version,
            },
            "method": {
                "name": self.built.name,
                "options": not_default(METHODS, self.built.name, self.built.options),
                "version": self.built.version,
            },
            "control": {"name": self.control, "version": self.control_version},
            "seed": self.seed,
            "split_seed": self.split_seed,
            "training": self.training.settings(),
            "versions": {"metric": METRIC_VERSION, "loop": self.loop_version, "cut": CUT_VERSION},
        }
        if self.multilabel:
            settings["versions"]["multilabel_metric"] = MULTILABEL_METRIC_VERSION
        if self.measures:
            settings["measures"] = sorted(set(self.measures))
        if "errors-in-group" in self.measures:
            settings["groups"] = self.groups
        written: dict[str, Any] = json.loads(json.dumps(settings, default=plain))
        return written

    @cached_property
    def key(self) -> str:
        """A hash of the settings: the same settings, data and code versions have the same key on every machine."""
        return sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def label(self) -> dict[str, Any]:
        """How a table and a person name this run."""
        names = {"data": self.data, "model": self.model, "method": self.method, "control": self.control}
        return {**names, "title": self.title or str(self.built), "seed": self.seed, **self.marks}

    def __str__(self) -> str:
        method = f"{self.method}/{self.control}" if self.control else self.method
        return f"{self.data}  {self.model}  {method}  seed {self.seed}"


def execute(
    run: Run, data: DataSet, folder: Path, *, train: TrainFunction | None = None, source: Run | None = None
) -> dict[str, Any]:
    """Train, predict the test split, write the predictions below ``folder``, and return the result line.

    ``source`` is the finished run of the method itself, whose record a control of a learning method replays, or whose
    teacher a control hears too.
    """
    started, stamp = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    rows, dev = data.of_seed(run.seed)
    if run.built.teacher is not None:
        rows, dev = with_teacher(run, run.built.teacher, rows, dev, folder)
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
            **({"eval_every": run.training.eval_every} if run.training.eval_every != 1 else {}),
            **({"measures": asked} if (asked := of_training(run.measures)) else {}),
        )
        logits = np.asarray(trained.model.predict_logits(list(data.test.inputs)), dtype=np.float64)
        asked_for = _asked_for(run, trained, data)
    if not np.isfinite(logits).all():
        raise InputError(f"{run}: training diverged, the model's answers hold NaN or infinity; try a lower lr")
    if trained.record is not None and not run.control:
        write_record(record_path(folder, run.key), trained.record)
    model, test = trained.model, data.test
    predicted = answers(test, logits, model)
    counted = counted_labels(test, predicted, run.measures, run.groups)
    write_predictions(predictions_path(folder, run.key), data, uncalibrated(test, logits), predicted)
    return {
        "key": run.key,
        "status": "done",
        **run.label,
        "metrics": metrics(test, logits, model) | share_in_group(counted),
        **without_leaked(test, data.leaked, logits, model),
        **of_dev(trained.dev_raw, multilabel=test.multilabel),
        "temperature": float(model.temperature),
        **({"thresholds": said_thresholds(model.thresholds)} if test.multilabel else {}),
        **_training_of(run, trained, rows),
        **asked_for,
        **counted,
        "seconds": round(float(trained.seconds), 3),
        "seconds_in_all": round(time.perf_counter() - started, 3),
        "peak_memory_mb": peak_memory(),
        **({"copies": copied} if (copied := getattr(trained, "copied", None)) else {}),
        "n_train": len(rows),
        "n_dev": len(dev),
        "n_test": len(test),
        **unusual_rows(test),
        "warnings": sorted({str(w.message) for w in caught if issubclass(w.category, UserWarning)}),
        **(_hardware(run) if train is None else {"device": run.device or "automatic"}),
        "threads": 1,
        "started": stamp,
        "environment": around(),
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
    return {"steps": trained.steps, **chosen, **control, **({"masked": masked} if masked else {})}


def _asked_for(run: Run, trained: Any, data: DataSet) -> dict[str, Any]:
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
