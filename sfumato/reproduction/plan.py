"""Which runs a table needs at a scale: known without the data, and turned into jobs with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sfumato.architecture import Architecture, Training
from sfumato.auditing.scores import SCORES, UNTRAINED, untrained
from sfumato.controls import VERSION, control_names
from sfumato.dataset import DataSet, OwnSet
from sfumato.encoder_folder import MODELS_OF_ENCODERS
from sfumato.errors import InputError, nearest
from sfumato.experiment import Run
from sfumato.joining import joined
from sfumato.measures import OF_ANSWERS
from sfumato.method import Method, combine
from sfumato.methods import METHODS
from sfumato.reproduction.table_parts import (
    Block,
    DataChoice,
    MethodChoice,
    ModelChoice,
    Scale,
    Setting,
    TableFile,
    place_title,
)
from sfumato.resolve import build_architecture
from sfumato.retrieval.lexical_names import LEXICAL, lexical
from sfumato.side_by_side import Job

FULL_BATCH_TRAINING = ("max_length", "thresholds", "choose")
"""All that a model fitted in one batch takes of a table's training settings."""


@dataclass(frozen=True)
class Wanted:
    """One run that a table needs, by the titles of the table.

    ``data`` is the title of the data set, ``variant`` the number of the class whose turn it is, or None.
    """

    data: str
    setting: str
    variant: int | None
    model: str
    method: str
    control: str
    repeat: int

    @property
    def place(self) -> str:
        """Data and setting, as a table names them."""
        return place_title(self.data, self.setting)


@dataclass(frozen=True, eq=False)
class TablePlan:
    """A table at a scale, narrowed by ``only`` (data, setting, model, method, control or repeat to titles)."""

    table: TableFile
    scale_name: str
    only: Mapping[str, Sequence[str]]
    num_classes: Callable[[str], int]
    several: Callable[[str], bool]
    encoder: str | None = None
    loop_version: int = 0
    device: str | None = None
    folder: Path | None = None

    @cached_property
    def scale(self) -> Scale:
        """The sizes and the parts of the scale."""
        return self.table.scale(self.scale_name)

    @cached_property
    def repeats(self) -> int:
        """How many repeats the scale has."""
        return self.scale.repeats or self.table.repeats.number

    @cached_property
    def methods(self) -> dict[str, Method]:
        """The methods of the table by title, built; those that are the best of others are not runs."""
        return {title: _built(choice) for title, choice in self.table.methods.items() if not choice.best_of}

    def method(self, title: str, data: str) -> Method:
        """Return a method as a data set has it: with its groups and options, where the row has none of its own."""
        choice, found = self.table.methods[title], self.table.data[data]
        own = dict(found.options.get(choice.name, {}))
        if found.groups is not None and "groups" in METHODS.schema(choice.name):
            own.setdefault("groups", found.groups)
        return _built(replace(choice, options={**own, **choice.options})) if own else self.methods[title]

    @cached_property
    def models(self) -> dict[str, Architecture]:
        """The models of the table by title, built."""
        return {
            title: self._model(choice) for title, choice in self.table.models.items() if title in self.kept("models")
        }

    def _model(self, choice: ModelChoice) -> Architecture:
        if choice.name in LEXICAL:
            return lexical(choice.name)
        if choice.name == UNTRAINED:
            return untrained()
        options = dict(choice.options)
        if choice.name in MODELS_OF_ENCODERS and self.encoder is not None:
            options["encoder"] = self.encoder
        if "vectors" in options:
            options["vectors"] = self._vectors(options["vectors"])
        return build_architecture(choice.name, options)

    def vectors_are_there(self) -> bool:
        """Whether every file of word vectors that the models name can be read; without, they cannot be built."""
        named = [choice.options.get("vectors") for choice in self.table.models.values()]
        return all(Path(self._vectors(file)).is_file() for file in named if file is not None)

    def _vectors(self, file: str) -> str:
        """Return where a file of word vectors is; an absolute path stays."""
        return file if self.folder is None else str(self.folder / file)

    def architecture(self, model: str, data: str) -> Architecture:
        """Return a model as a data set has it: with the vectors or the encoder of its language."""
        choice, found = self.table.models[model], self.table.data[data]
        options = dict(choice.options)
        if found.vectors is not None and "vectors" in options:
            options["vectors"] = self._vectors(found.vectors)
        if found.encoder is not None and "encoder" in options and self.encoder is None:
            options["encoder"] = found.encoder
        return self.models[model] if options == choice.options else build_architecture(choice.name, options)

    def kept(self, key: str) -> tuple[str, ...]:
        """Return the titles of ``data``, ``settings``, ``models`` or ``methods`` that this scale runs."""
        titles = tuple(getattr(self.table, key))
        kept = self.scale.keep.get(key, titles)
        if self.scale.blocks:
            kept = tuple(title for title in kept if any(title in getattr(block, key) for block in self.scale.blocks))
        if key == "models":
            kept = tuple(title for title in kept if self.table.models[title].name)
        if key == "models" and self.encoder is None and self.scale_name != "full":
            kept = tuple(title for title in kept if self.table.models[title].name not in MODELS_OF_ENCODERS)
        if self.scale_name == "smoke":
            kept = kept if key == "methods" else kept[:1]
        return kept

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What is crossed with what: the scale's blocks, or else the table's."""
        return self.scale.blocks or self.table.blocks

    def cut(self) -> dict[str, list[str]]:
        """Return what of the table this scale does not run."""
        every = {key: [t for t in getattr(self.table, key) if t not in self.kept(key)] for key in _KEYS}
        every["models"] = [title for title in every["models"] if self.table.models[title].name]
        return {key: titles for key, titles in every.items() if titles}

    def training(self, model: str) -> Training:
        """Return the training settings of a model at this scale: its own, the table's, then the scale's."""
        architecture, settings = self.models[model], self.training_settings(model)
        if architecture.full_batch:
            settings = {name: value for name, value in settings.items() if name in FULL_BATCH_TRAINING}
        return _training(self.table.name, architecture.training, settings)

    def training_settings(self, model: str) -> dict[str, Any]:
        """Return what the table says of the training of a model: in general, then at this scale."""
        choice = self.table.models[model]
        settings = {**choice.training, **self.scale.training, **self.scale.training.get(model, {})}
        return {name: value for name, value in settings.items() if not isinstance(value, Mapping)}

    @cached_property
    def wanted(self) -> list[Wanted]:
        """Every run, repeat by repeat; blocks that overlap share runs."""
        found = {
            run: None for repeat in range(self.repeats) for block in self.blocks for run in self._block(block, repeat)
        }
        return [run for run in found if self._asked(run)]

    def _block(self, block: Block, repeat: int) -> Iterator[Wanted]:
        chosen = {key: [t for t in getattr(block, key) if t in self.kept(key)] for key in _KEYS}
        for data in chosen["data"]:
            for setting in chosen["settings"]:
                for variant in self._variants(data, self.table.settings[setting]):
                    for model in chosen["models"]:
                        for method in chosen["methods"]:
                            if method in self.methods:
                                for control in ("", *self.controls(method)):
                                    yield Wanted(data, setting, variant, model, method, control, repeat)

    def controls(self, method: str) -> tuple[str, ...]:
        """Return the controls that are run beside a method."""
        asked = self.table.controls
        if not (asked and self.scale.controls):
            return ()
        names = control_names(self.methods[method])
        return tuple(name for name in names if name in asked) if isinstance(asked, tuple) else names

    def _variants(self, data: str, setting: Setting) -> Sequence[int | None]:
        if not setting.each_class:
            return [None]
        classes = self.num_classes(data)
        return range(1 if self.scale_name == "smoke" else classes)

    def _asked(self, run: Wanted) -> bool:
        most = self.table.models[run.model].repeats
        if most is not None and run.repeat >= most:
            return False
        return all(str(getattr(run, key)) in [str(v) for v in values] for key, values in self.only.items())

    def measures(self, model: str, data: str) -> tuple[str, ...]:
        """Return what is measured: of a model fitted in one batch what its answers tell, of groups where there are."""
        full_batch, groups = self.models[model].full_batch, self.table.data[data].groups
        asked = [one for one in self.table.measures if groups is not None or one != "errors-in-group"]
        return tuple(one for one in asked if not full_batch or one in OF_ANSWERS)

    @property
    def data(self) -> list[DataChoice]:
        """The data sets of the runs, in the table's order."""
        return [self.table.data[title] for title in dict.fromkeys(run.data for run in self.wanted)]

    def job(self, wanted: Wanted, data: DataSet | OwnSet) -> Job:
        """Return the run with its data; a control of a method that learns or is taught waits for the method's run."""
        run = self.run(wanted, data.fingerprint)
        method = run.built
        if not wanted.control or not (method.needs_training or method.teacher is not None):
            return Job(run, data)
        return Job(run, data, self.run(replace(wanted, control=""), data.fingerprint))

    def run(self, wanted: Wanted, data_hash: str) -> Run:
        """Return a run on data of this hash."""
        return Run(
            data=wanted.data,
            data_hash=data_hash,
            model=wanted.model,
            architecture=self.architecture(wanted.model, wanted.data),
            method=wanted.method,
            built=self.method(wanted.method, wanted.data),
            seed=wanted.repeat,
            training=self.training(wanted.model),
            title=wanted.method,
            control=wanted.control,
            control_version=VERSION if wanted.control else 0,
            split_seed=0,
            loop_version=self.loop_version,
            device=self.device,
            measures=self.measures(wanted.model, wanted.data),
            multilabel=self.several(wanted.data),
            groups=self.table.data[wanted.data].groups,
            marks={"setting": wanted.setting, "variant": wanted.variant},
        )


_KEYS = ("data", "settings", "models", "methods")


def _built(choice: MethodChoice) -> Method:
    registry = SCORES if choice.name in SCORES else METHODS
    method = registry.build(choice.name, dict(choice.options))
    if choice.beside:
        method = combine(method, METHODS.build(choice.beside, {}))
    return method if choice.join_share is None else joined(method, share=choice.join_share)


def _training(name: str, own: Training, settings: Mapping[str, Any]) -> Training:
    known = {field.name for field in fields(Training)}
    for key in settings:
        if key not in known:
            raise InputError(f"table {name}: training has no setting {key!r}{nearest(key, known)}")
    return replace(own, **settings)
