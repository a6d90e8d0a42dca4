"""`compare`: methods beside each other on the same rows and seeds, with what the differences can bear."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfumato.architecture import IMAGES, Architecture
from sfumato.comparison_plan import Plan, named_choices, seed_list
from sfumato.comparison_table import cells, differences, markdown, rows
from sfumato.dataset import DataSet, cut_data, named_data
from sfumato.errors import InputError, require_torch
from sfumato.experiment import Line, TrainFunction
from sfumato.json_text import json_text
from sfumato.method import Method
from sfumato.methods.votes import NO_VOTES
from sfumato.registry import check_range, check_whole
from sfumato.resolve import build_architecture, build_method
from sfumato.run_report import RunReport
from sfumato.runner import RESULTS, run_all
from sfumato.whole_folder import probe

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`.

    Attributes
    ----------
    rows : one dict a data set × model × method, controls after their method
    differences : one dict a comparison of a method with the baseline or with one of its controls
    lines : one dict a run, those that failed with their error
    notes : what was said while reading the data
    """

    rows: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    lines: list[Line]
    notes: tuple[str, ...] = ()

    @cached_property
    def table(self) -> pl.DataFrame:
        """One row a data set × model × method; a control is named in the column ``control``."""
        import polars as pl

        return pl.DataFrame(self.rows, infer_schema_length=None)

    @property
    def failed(self) -> list[Line]:
        """The lines of the runs that failed."""
        return [line for line in self.lines if line["status"] != "done"]

    def to_markdown(self) -> str:
        """Return the table, the differences and what the figures are, as Markdown."""
        return markdown(self.rows, self.differences) + self.remarks()

    def remarks(self) -> str:
        """Return the errors of failed runs and what was said while reading and training, a paragraph each."""
        text = ""
        for line in self.failed:
            method = f"{line['method']}/{line['control']}" if line["control"] else line["method"]
            text += f"\nFailed: {line['data']}, {line['model']}, {method}, seed {line['seed']}: {line['error']}\n"
        said = {warning for line in self.lines for warning in line.get("warnings", ())}
        return text + "".join(f"\nNote: {note}\n" for note in (*self.notes, *sorted(said)))

    def to_json(self) -> str:
        """Return rows, differences, notes and the errors of failed runs as one JSON document."""
        failed = [{name: value for name, value in line.items() if name != "settings"} for line in self.failed]
        whole: dict[str, Any] = {
            "rows": self.rows,
            "differences": self.differences,
            "failed": failed,
            "notes": list(self.notes),
        }
        return json_text(whole)

    def save(self, folder: str | Path) -> None:
        """Write ``comparison.md`` and ``comparison.json`` into ``folder``."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name, text in (("comparison.md", self.to_markdown()), ("comparison.json", self.to_json() + "\n")):
            part = target / f".{name}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(target / name)

    def __str__(self) -> str:
        return self.to_markdown()


def compare(
    data: Any,
    *,
    text: Sequence[str] | str | None = None,
    label: Sequence[str] | str | None = None,
    models: Any = ("linear",),
    methods: Any = ("baseline", "label-smoothing", "kwls", "lcm"),
    seeds: int | Sequence[int] = 5,
    test: Any = None,
    split_seed: int = 0,
    controls: bool = True,
    jobs: int = 2,
    dev: float = 0.1,
    test_size: float = 0.2,
    limit: int | None = None,
    shots: int | None = None,
    dev_shots: int | str | None = None,
    bad_rows: str = "refuse",
    votes: Any = None,
    count: str | None = None,
    label_separator: str | None = None,
    task: str = "auto",
    trusted: str | None = None,
    output: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    optimizer: str | None = None,
    momentum: float | None = None,
    max_length: int | None = None,
    device: str | None = None,
    echo: Callable[[str], None] | None = None,
    train: TrainFunction | None = None,
) -> Comparison:
    """Train every method with every model and seed on the same split, and say which differences are real.

    Parameters
    ----------
    data : what `sfumato.fit` takes, or a dict of several, name to data
    models, methods : names, ``(name, options)`` pairs, functions, or the things themselves; a dict gives them names
    seeds : 5 means 0 to 4
    test : a table of its own (a dict, name to table, for several data sets); None cuts the share ``test_size``, or
        takes the test images that idx files and ``"digits"`` bring with them
    split_seed : decides the rows of dev and test, the same for every run
    controls : also run each method with its information replaced, see `sfumato.controls`
    jobs : runs side by side, each in a process of one thread
    limit : at most so many rows to train on (dev included), and as many of test
    shots, dev_shots : so many rows of each class to train on, and to choose by (as many, unless given; "all" is the
        share ``dev``), another draw for each seed
    bad_rows : ``refuse`` or ``drop`` rows without a text or a label
    votes, count : where the votes of several annotators stand, as `sfumato.fit` takes them, the same for each data set
    label, label_separator, task : where the labels stand, and whether a row has several, as `sfumato.fit` takes them
    trusted : column that says which labels are known to be right, as `sfumato.fit` takes it
    output : folder of ``results.jsonl`` and predictions; a run that is in it is not done again. None keeps nothing
    epochs, batch_size, lr, optimizer, momentum, max_length : the training loop of every run; left out, each model's
        own. Of these only max_length means anything to linear, and to image-cnn all but it
    device : where to train; None lets PyTorch choose
    echo : takes each line of progress; None writes to standard error
    train : a stand-in for `sfumato.fitting.train_model`

    Returns
    -------
    Comparison
        with ``.table``, ``.differences``, ``.to_markdown()`` and ``.to_json()``.
    """
    _refuse_foreign(output)
    check_whole("compare", "jobs", jobs, 1, 1024)
    check_whole("compare", "split_seed", split_seed, 0)
    check_range("compare", "dev", dev, 0, 0.9, open_low=True)
    check_range("compare", "test_size", test_size, 0, 0.9, open_low=True)
    named_models = named_choices("model", models, build_architecture)
    named_methods = named_choices("method", methods, build_method)
    numbers = seed_list(seeds)
    settings: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "max_length": max_length}
    settings |= {"optimizer": optimizer, "momentum": momentum}
    training = {name: _training(model, settings) for name, (model, _) in named_models.items()}
    if train is None:
        require_torch("compare")
    cut = {"text": text, "label": label, "dev": dev, "test_size": test_size, "limit": limit, "bad_rows": bad_rows}
    cut |= {
        "shots": shots,
        "dev_shots": dev_shots,
        "votes": votes,
        "count": count,
        "label_separator": label_separator,
        "task": task,
        "trusted": trusted,
    }
    sets = _data_sets(data, test, split_seed, cut)
    if any(method.needs_votes for method, _ in named_methods.values()) and any(s.train.votes is None for s in sets):
        raise InputError(NO_VOTES)
    _refuse_other_inputs(sets, named_models, named_methods)
    plan = Plan(named_models, named_methods, training, numbers, split_seed, controls, _loop_version(train), device)
    with _folder(output) as folder:
        report = RunReport(echo)
        try:
            for said in _sizes(sets):
                report.say(said)
            lines = run_all(list(plan.jobs(sets)), folder, workers=int(jobs), train=train, report=report)
        finally:
            report.end()
        comparison = _judged(
            plan.in_order(lines), folder, plan.baseline, sets, [method for method, _ in named_methods.values()]
        )
        if output is not None:
            comparison.save(folder)
    return comparison


def _refuse_other_inputs(sets: Sequence[DataSet], models: Mapping[str, Any], methods: Mapping[str, Any]) -> None:
    """Raise before the first run if a model or a method is not made for what a data set holds."""
    for data in sets:
        for chosen, _ in (*models.values(), *methods.values()):
            chosen.check_inputs(data.train.inputs)
        for method, _ in methods.values():
            method.check_labels(data.train)


def _training(model: Architecture, settings: dict[str, Any]) -> Any:
    from sfumato.fitting import training_settings

    if model.full_batch:  # its epochs are steps of its solver; batches and a rate it has none
        settings = {name: value for name, value in settings.items() if name == "max_length"}
    if model.reads == IMAGES:  # they are read whole
        settings = {name: value for name, value in settings.items() if name != "max_length"}
    return training_settings(model, **settings)


def _loop_version(train: TrainFunction | None) -> int:
    if train is not None:
        return int(getattr(train, "version", 0))
    from sfumato.train import LOOP_VERSION

    return LOOP_VERSION


def _data_sets(data: Any, test: Any, seed: int, cut: dict[str, Any]) -> list[DataSet]:
    named = named_data(data)
    if len(named) == 1 and not (isinstance(test, Mapping) and set(test) == set(named)):
        tests = dict.fromkeys(named, test)
    else:
        tests = {} if test is None else named_data(test)
        for name in tests:
            if name not in named:
                raise InputError(f"test is given for {name!r}, but the data sets are: {', '.join(named)}")
    return [cut_data(name, table, test=tests.get(name), seed=seed, **cut) for name, table in named.items()]


def _refuse_foreign(output: str | Path | None) -> None:
    """Raise if the output cannot be written, or holds something and no results: then it is somebody's folder."""
    if output is None:
        return
    probe(Path(output) / RESULTS)
    if not Path(output).is_dir() or (Path(output) / RESULTS).exists():
        return
    if any(not entry.name.startswith(".") for entry in Path(output).iterdir()):
        raise InputError(
            f"{output} is not empty and holds no {RESULTS}, so it is not a folder of results; give another or an "
            "empty one"
        )


@contextmanager
def _folder(output: str | Path | None) -> Iterator[Path]:
    """The output folder, or one that is gone afterwards."""
    if output is not None:
        yield Path(output)
        return
    with tempfile.TemporaryDirectory(prefix="sfumato-") as folder:
        yield Path(folder)


def _judged(
    lines: list[Line], folder: Path, baseline: str, sets: Sequence[DataSet], methods: Sequence[Method]
) -> Comparison:
    grouped = cells(lines)
    compared = differences(grouped, folder, baseline=baseline)
    notes = tuple(f"{data.name}: {note}" if len(sets) > 1 else note for data in sets for note in data.notes)
    notes = (*notes, *dict.fromkeys(note for method in methods for note in method.notes), *_ignoring(sets, methods))
    return Comparison(rows(grouped, compared), compared, lines, (*_sizes(sets), *notes))


def _ignoring(sets: Sequence[DataSet], methods: Sequence[Method]) -> list[str]:
    """Say which methods make nothing of trusted rows, if there are any."""
    names = dict.fromkeys(method.name for method in methods for data in sets if method.ignored(data.train))
    rest = "trusted rows are rows as the others; adaptive and adaptive-fast learn more from them"
    return [f"{', '.join(names)}: {rest}"] if names else []


def _sizes(sets: Sequence[DataSet]) -> list[str]:
    """Say how many rows each split of each data set has."""
    return [f"{data.name}: {data.sizes}" for data in sets if data.sizes]
