"""One run of one method with one model and one seed: everything that decides its result, and the key of its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from sfumato.architecture import Architecture, Training
from sfumato.dataset import CUT_VERSION
from sfumato.encoder_folder import identity
from sfumato.errors import InputError
from sfumato.measures import checked_measures
from sfumato.method import Method
from sfumato.methods import METHODS
from sfumato.metrics import METRIC_VERSION
from sfumato.models import MODELS
from sfumato.multilabel_metrics import MULTILABEL_METRIC_VERSION
from sfumato.output_bias import OUTPUT_BIAS_VERSION
from sfumato.plain_options import not_default, plain

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
                "options": {
                    name: identity(name, value)
                    for name, value in not_default(METHODS, self.built.name, self.built.options).items()
                },
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
            settings["versions"]["output_bias"] = OUTPUT_BIAS_VERSION
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
