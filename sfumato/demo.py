"""`sfumato demo`: the main job on tickets made here, whose right soft labels are known.

The distance between soft labels q and the true distributions π is the root of the mean squared distance of a row,
√(mean ‖q - π‖²). Of all functions of the text the generator's posterior E[π | text] has the smallest one, and of all
functions of text and given label E[π | text, label]; so the two are the distances that a method can hope for.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sfumato.corpus import Corpus, make_corpus
from sfumato.data import Examples
from sfumato.demo_text import ending, introduction, reading, table_text
from sfumato.errors import InputError, require_torch
from sfumato.models import MODELS
from sfumato.picture import heat_map
from sfumato.registry import check_range

if TYPE_CHECKING:
    from sfumato.architecture import Architecture
    from sfumato.comparison import Comparison
    from sfumato.model import Model

TEXTCNN = {"kernels": (2, 3), "filters": 48, "dim": 64, "min_count": 2}  # small: eight runs in half a minute
METHODS = ("baseline", "label-smoothing", "kwls", "lcm")
DRAWN = ("label-smoothing", "kwls", "lcm")
SAVED = ("linear", "kwls")  # the quickest to train; nothing was chosen by its test score
NEW = 3  # tickets that the saved model is shown
OWN = ("demo.txt", "tickets.csv", "demo.svg", "model", "runs")
MARK = "sfumato demo\n"  # first line of demo.txt: only a folder that has it is overwritten

Doubles = NDArray[np.float64]
Echo = Callable[[str], None]
Read = Callable[[Path, Mapping[str, Any]], Doubles]


@dataclass(frozen=True, eq=False)
class Tickets:
    """The corpus of the demo: one part to train on and one that no run sees."""

    train: Corpus
    test: Corpus


def run_demo(
    output: str | Path,
    *,
    rows: int = 1500,
    seeds: int = 2,
    seed: int = 0,
    overwrite: bool = False,
    echo: Echo = print,
) -> dict[str, Any]:
    """Compare the methods on a corpus whose π is known, draw the soft labels, save a model and use it.

    Parameters
    ----------
    output : folder of ``demo.txt`` (what was said), ``tickets.csv``, ``runs/``, ``demo.svg`` and ``model/``
    rows : tickets to train on (a tenth of them is dev); half as many are tested on
    seeds : runs of each method and model
    seed : decides the tickets
    overwrite : replace what an earlier demo left in ``output``; a folder that holds other things is refused
    echo : prints a line

    Returns
    -------
    dict
        ``rows`` (one a model × method, with distances), ``bayes``, ``predictions``, ``files`` and ``seconds``.
    """
    from sfumato.write import check_output

    check_range("demo", "rows", rows, 200, 100_000)
    require_torch("sfumato demo")
    folder = check_output(output, overwrite)
    started = time.perf_counter()
    tickets = make_tickets(rows, seed=seed)
    prepare_folder(folder, tickets.train)
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        echo(text)

    tell(introduction(tickets.train, len(tickets.test), folder / "tickets.csv"))
    result = compared_and_drawn(tickets, folder, seeds=seeds, seed=seed, tell=tell, echo=echo)
    result["predictions"] = save_and_predict(tickets, folder / "model", seed=seed)
    result["seconds"] = round(time.perf_counter() - started, 1)
    tell("\n" + ending(result["predictions"], folder, " with ".join(SAVED), result["seconds"]))
    (folder / "demo.txt").write_text(MARK + "\n" + "\n".join(said) + "\n", encoding="utf-8")
    return result | {"files": {name: str(folder / name) for name in OWN}}


def compared_and_drawn(
    tickets: Tickets, folder: Path, *, seeds: int, seed: int, tell: Echo, echo: Echo
) -> dict[str, Any]:
    """Run the comparison, tell its table, draw the soft labels; return the ``rows`` and the ``bayes`` numbers."""
    compared = run_comparison(tickets, folder, seeds=seeds, echo=echo)
    soft = soft_labels(tickets.train, seed=seed)
    pi = tickets.train.pi, tickets.test.pi
    results = result_rows(compared, pi, soft, folder, metric="accuracy", read=read_probabilities)
    bayes = bayes_numbers(tickets)
    tell("\n" + table_text(results, bayes) + "\n\n" + reading(len(tickets.train), len(tickets.test)))
    draw(tickets.train, soft, folder / "demo.svg")
    return {"rows": results, "bayes": bayes}


def make_tickets(rows: int, *, seed: int) -> Tickets:
    """Draw the two parts; their seeds differ, and so do their tickets."""
    train_seed, test_seed = np.random.SeedSequence(seed).generate_state(2)
    return Tickets(make_corpus(rows, seed=int(train_seed)), make_corpus(rows // 2, seed=int(test_seed)))


def examples_of(corpus: Corpus) -> Examples:
    """Return a corpus as examples; every part has the same classes, whichever labels occur in it."""
    return Examples.from_labels(corpus.texts, corpus.labels, classes=corpus.classes)


def prepare_folder(folder: Path, corpus: Corpus) -> None:
    """Remove what an earlier demo left, and write the training tickets as a table to play with."""
    clear_folder(folder, {"text": corpus.texts, "label": corpus.labels})


def clear_folder(folder: Path, tickets: Mapping[str, list[str]]) -> None:
    """Remove what an earlier demo left, and write the columns of the tickets.

    Raises
    ------
    InputError
        if the folder holds files but no demo: its ``runs`` or ``tickets.csv`` may be somebody's own.
    """
    from sfumato.write import write_table

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; the demo needs a folder")
    folder.mkdir(exist_ok=True)
    said = folder / "demo.txt"
    if any(folder.iterdir()) and not (said.is_file() and said.read_bytes().startswith(MARK.encode())):
        raise InputError(f"{folder} holds other files than those of a demo; give a new or an empty folder")
    said.write_text(MARK, encoding="utf-8")
    shutil.rmtree(folder / "runs", ignore_errors=True)
    write_table(folder / "tickets.csv", dict(tickets), overwrite=True)


def run_comparison(tickets: Tickets, folder: Path, *, seeds: int, echo: Echo) -> Comparison:
    """Train every method with every model."""
    from sfumato.comparison import compare

    return compare(
        {"tickets": examples_of(tickets.train)},
        test={"tickets": examples_of(tickets.test)},
        models={"linear": "linear", "textcnn": small_textcnn()},
        methods=METHODS,
        seeds=seeds,
        controls=False,
        output=folder / "runs",
        echo=echo,
    )


def small_textcnn() -> Architecture:
    """Return the textcnn of the demo: smaller and trained for a shorter time than the default."""
    built = MODELS.build("textcnn", TEXTCNN)
    return replace(built, training=replace(built.training, epochs=8, lr=2e-3))


def soft_labels(corpus: Corpus, *, seed: int) -> dict[str, Doubles]:
    """Return what each method asks the network to fit, ``(N, C)``; LCM learns it with the linear model."""
    from sfumato.softening import soften

    given = [corpus.classes.index(label) for label in corpus.labels]
    soft: dict[str, Doubles] = {"baseline": np.eye(len(corpus.classes))[given]}
    for method in METHODS[1:]:
        soft[method] = soften(corpus.texts, corpus.labels, method, seed=seed).targets.astype(np.float64)
    return soft


def distance(first: ArrayLike, second: ArrayLike) -> float:
    """Root of the mean squared distance of a row, for two arrays ``(N, C)``."""
    gap = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return float(np.sqrt((gap**2).sum(axis=1).mean()))


def bayes_numbers(tickets: Tickets) -> dict[str, float]:
    """Return what the generator itself could reach: the bounds of the table's columns."""
    train, test = tickets.train, tickets.test
    return {
        "accuracy": float(test.posterior.max(axis=1).mean()),
        "log_loss": float(-(test.posterior * np.log(test.posterior)).sum(axis=1).mean()),
        "soft_labels": distance(train.posterior_with_label, train.pi),
        "soft_labels_from_text": distance(train.posterior, train.pi),
        "predictions": distance(test.posterior, test.pi),
    }


def result_rows(
    compared: Comparison,
    pi: tuple[Doubles, Doubles],
    soft: Mapping[str, Doubles],
    folder: Path,
    *,
    metric: str,
    read: Read,
) -> list[dict[str, Any]]:
    """Return one row a model × method: the metric, log-loss, and the distances of soft labels and predictions to π.

    ``pi`` are those of the training and of the test tickets, (N, C); ``read`` gets the calibrated probabilities of a
    run from the folder of the runs and its line.
    """
    words = {(c["model"], c["method"]): c["words"] for c in compared.differences}
    rows = []
    for row in compared.rows:
        place = (row["model"], row["method"])
        lines = [line for line in compared.lines if (line["model"], line["method"]) == place and "metrics" in line]
        gaps = [distance(read(folder / "runs", line), pi[1]) for line in lines]
        shown = {name: row[name] for name in ("model", "method", "title", "seeds", f"{metric}_mean", f"{metric}_sd")}
        rows.append(
            {
                **shown,
                "log_loss_mean": row["log_loss_calibrated_mean"],
                "soft_labels": distance(soft[row["method"]], pi[0]),
                "predictions": float(np.mean(gaps)) if gaps else None,
                "against_baseline": words.get(place, ""),
            }
        )
    return rows


def read_probabilities(folder: Path, line: Mapping[str, Any]) -> Doubles:
    """Return the calibrated probabilities that a run predicted, ``(N, C)``, in the order of the test tickets."""
    from sfumato.calibration import temper

    return temper(raw_probabilities(folder, line["key"]), line["temperature"])


def raw_probabilities(folder: Path, key: str) -> Doubles:
    """Return the probabilities of a run before calibration, ``(N, C)``, in the order of the test tickets."""
    import polars as pl

    from sfumato.run_files import predictions_path

    frame = pl.read_parquet(predictions_path(folder, key), columns=["row", "probabilities"]).sort("row")
    return np.array(frame["probabilities"].to_list(), dtype=np.float64)


def draw(corpus: Corpus, soft: dict[str, Doubles], path: Path) -> None:
    """Draw, for each pair of given label and department, the mean mass of π and of each method's soft labels."""
    from sfumato.methods import METHODS as registered

    given = np.array([corpus.classes.index(label) for label in corpus.labels])

    def mean(mass: Doubles) -> Doubles:
        rows = [
            mass[given == k].mean(axis=0) if (given == k).any() else mass[0] * 0 for k in range(len(corpus.classes))
        ]
        return np.stack(rows)

    heat_map(
        [("true π", mean(corpus.pi)), *((str(registered[method]()), mean(soft[method])) for method in DRAWN)],
        corpus.classes,
        title="Where the soft labels put their mass",
        note="Row: tickets with that label. Column: mean share of that department.",
        path=path,
    )


def save_and_predict(tickets: Tickets, folder: Path, *, seed: int) -> list[dict[str, Any]]:
    """Train one model on the training tickets, save it, load it again and let it read three tickets it never saw."""
    from sfumato.fitting import fit
    from sfumato.model import load

    fitted: Model = fit(examples_of(tickets.train), model=SAVED[0], method=SAVED[1], seed=seed)
    fitted.save(folder, overwrite=True)
    model = load(folder)
    test = tickets.test
    texts = test.texts[:NEW]
    found = []
    for i, (text, chances) in enumerate(zip(texts, model.predict_proba(texts), strict=True)):
        best = int(chances.argmax())
        true = {test.classes[k]: round(float(test.pi[i, k]), 2) for k in np.argsort(-test.pi[i])[:2]}
        found.append({"text": text, "predicted": model.classes[best], "confidence": float(chances[best]), "true": true})
    return found
