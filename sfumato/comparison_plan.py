"""Which runs a comparison consists of: every data set × model × method × seed, and the controls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeVar

from sfumato.architecture import Architecture, Training
from sfumato.comparison_table import BASELINE
from sfumato.controls import CONTROLS, VERSION, control_names
from sfumato.copy_controls import COPY_CONTROLS
from sfumato.dataset import DataSet
from sfumato.errors import InputError
from sfumato.experiment import Line, Run
from sfumato.mask_controls import MASK_CONTROLS
from sfumato.method import Method
from sfumato.registry import check_whole
from sfumato.side_by_side import Job

T = TypeVar("T", Method, Architecture)


@dataclass(frozen=True, eq=False)
class Plan:
    """Which runs a comparison consists of; choices are a name to the thing and its title."""

    models: Mapping[str, tuple[Architecture, str]]
    methods: Mapping[str, tuple[Method, str]]
    training: Mapping[str, Training]
    seeds: Sequence[int]
    split_seed: int
    controls: bool
    loop_version: int
    device: str | None = None

    @property
    def baseline(self) -> str:
        """What the table calls the plain method that the others are compared with."""
        return next((name for name, (method, _) in self.methods.items() if method.name == BASELINE), BASELINE)

    def jobs(self, sets: Sequence[DataSet]) -> Iterator[Job]:
        """Yield the runs seed by seed, models in turn, so that the first few tell how long each model takes."""
        for seed in self.seeds:
            for data in sets:
                sources = {
                    (method, model): self.run(data, model, method, seed)
                    for method in self.methods
                    for model in self.models
                }
                yield from (Job(run, data) for run in sources.values())
                for (method, model), source in sources.items():
                    for control in control_names(source.built) if self.controls else ():
                        waits = source.built.needs_training or source.built.teacher is not None
                        yield Job(self.run(data, model, method, seed, control), data, source if waits else None)

    def run(self, data: DataSet, model: str, method: str, seed: int, control: str = "") -> Run:
        """Return one run."""
        built, title = self.methods[method]
        return Run(
            data=data.name,
            data_hash=data.fingerprint,
            model=model,
            architecture=self.models[model][0],
            method=method,
            built=built,
            seed=seed,
            training=self.training[model],
            title=title,
            control=control,
            control_version=VERSION if control else 0,
            split_seed=self.split_seed,
            loop_version=self.loop_version,
            device=self.device,
            multilabel=data.train.multilabel,
        )

    def in_order(self, lines: Iterable[Line]) -> list[Line]:
        """Sort the lines as the caller named things: data, model, method, its controls, seed."""
        lines = list(lines)
        controls = ["", *CONTROLS, *MASK_CONTROLS, *COPY_CONTROLS]
        models, methods = list(self.models), list(self.methods)
        data = list(dict.fromkeys(line["data"] for line in lines))

        def place(line: Line) -> tuple[Any, ...]:
            order = (data.index(line["data"]), models.index(line["model"]), methods.index(line["method"]))
            return (*order, controls.index(line["control"]), line["seed"])

        return sorted(lines, key=place)


def named_choices(kind: str, items: Any, build: Callable[..., T]) -> dict[str, tuple[T, str]]:
    """Return name to the built thing and its title, from a list of names, ``(name, options)`` pairs or things.

    Raises
    ------
    InputError
        for an unknown name or option, an empty list, or two that would have the same name in the table.
    """
    given = items.items() if isinstance(items, Mapping) else [(None, item) for item in _as_list(items)]
    chosen: dict[str, tuple[T, str]] = {}
    for wanted, item in given:
        thing, options = _item(kind, item)
        built = build(thing, dict(options))
        listed = ", ".join(f"{name}={value}" for name, value in options.items())
        name = wanted or (f"{built.name} {listed}" if listed else built.name)
        if name in chosen:
            raise InputError(f"two {kind}s are called {name!r}; name them: {kind}s={{'first': ..., 'second': ...}}")
        title = wanted or (f"{built}, {listed}" if listed else str(built))
        chosen[str(name)] = (built, str(title))
    if not chosen:
        raise InputError(f"compare needs at least one {kind}")
    return chosen


def _as_list(items: Any) -> list[Any]:
    pair = isinstance(items, tuple) and len(items) == 2 and isinstance(items[1], Mapping)
    return list(items) if isinstance(items, Sequence) and not isinstance(items, str) and not pair else [items]


def _item(kind: str, item: Any) -> tuple[Any, Mapping[str, Any]]:
    if isinstance(item, Mapping):
        if "name" not in item:
            raise InputError(f"a {kind} written as a dict needs 'name', got {dict(item)!r}")
        return item["name"], {name: value for name, value in item.items() if name != "name"}
    if isinstance(item, tuple):
        if len(item) != 2 or not isinstance(item[1], Mapping):
            raise InputError(f"a {kind} written as a pair is (name, options), got {item!r}")
        return item
    return item, {}


def seed_list(seeds: int | Iterable[int]) -> list[int]:
    """Return the seeds: 5 means 0 to 4; a list or an array is taken as it is, without repeats."""
    if _is_whole(seeds):
        check_whole("compare", "seeds", seeds, 1, 10_000)
        return list(range(int(seeds)))  # type: ignore[arg-type]
    given: list[Any] = list(seeds) if isinstance(seeds, Iterable) and not isinstance(seeds, str | bytes) else []
    if not given or not all(_is_whole(n) and n >= 0 for n in given) or len(set(given)) < len(given):
        raise InputError(f"seeds must be a number of seeds, or a list of different whole numbers, got {seeds!r}")
    return [int(n) for n in given]


def _is_whole(value: Any) -> bool:
    """NumPy's whole numbers are some too."""
    return isinstance(value, Integral) and not isinstance(value, bool)
