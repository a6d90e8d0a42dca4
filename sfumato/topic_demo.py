"""`sfumato demo --task multilabel`: the main job on tickets of one to three topics, whose true probabilities are known.

As in `sfumato.demo`, distances are √(mean ‖q - π‖²) of a row; here each entry of π is the probability of one label, and
what the generator knows, π itself, is more than any reader of the text can know.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sfumato.calibration import sigmoid
from sfumato.data import Examples
from sfumato.demo import (
    MARK,
    NEW,
    OWN,
    SAVED,
    Doubles,
    Echo,
    clear_folder,
    raw_probabilities,
    result_rows,
    small_textcnn,
)
from sfumato.demo_text import number, percent, result_table
from sfumato.errors import require_torch
from sfumato.picture import heat_map
from sfumato.registry import check_range
from sfumato.thresholds import HALF, micro_f1_at
from sfumato.topic_corpus import TopicCorpus, make_topic_corpus

if TYPE_CHECKING:
    from sfumato.comparison import Comparison

METHODS = ("baseline", "label-smoothing", "kwls", "maskloss-label")
DRAWN = ("label-smoothing", "kwls")
SIGN = "|"  # between the labels of a ticket in tickets.csv


@dataclass(frozen=True, eq=False)
class TopicTickets:
    """One part to train on and one that no run sees."""

    train: TopicCorpus
    test: TopicCorpus


def run_topic_demo(
    output: str | Path,
    *,
    rows: int = 1500,
    seeds: int = 2,
    seed: int = 0,
    overwrite: bool = False,
    echo: Echo = print,
) -> dict[str, Any]:
    """Do what `sfumato.demo.run_demo` does with tickets that have several labels or none, into files of the same names.

    Returns
    -------
    dict
        ``rows`` (one a model × method, with distances), ``generator`` (micro-F1 and log-loss of π), ``predictions``,
        ``files`` and ``seconds``.
    """
    from sfumato.write import check_output

    check_range("demo", "rows", rows, 200, 100_000)
    require_torch("sfumato demo")
    folder = check_output(output, overwrite)
    started = time.perf_counter()
    tickets = make_topic_tickets(rows, seed=seed)
    train = tickets.train
    clear_folder(folder, {"text": train.texts, "labels": [SIGN.join(labels) for labels in train.label_sets]})
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        echo(text)

    tell(introduction(train, len(tickets.test), folder / "tickets.csv"))
    soft = soft_labels(train)
    compared = run_comparison(tickets, folder, seeds=seeds, echo=echo)
    pi, generator = (tickets.train.pi, tickets.test.pi), known(tickets.test)
    rows_of_methods = result_rows(compared, pi, soft, folder, metric="micro_f1", read=read_chances)
    result: dict[str, Any] = {"rows": rows_of_methods, "generator": generator}
    ends = ("(π)", "the generator", percent(generator["micro_f1"], None), number(generator["log_loss"]), "0", "0", "")
    tell(
        "\n"
        + result_table(rows_of_methods, ends, metric="micro_f1", said="micro-F1")
        + "\n\n"
        + reading(train, len(tickets.test))
    )
    draw(train, soft, folder / "demo.svg")
    result["predictions"] = save_and_predict(tickets, folder / "model", seed=seed)
    result["seconds"] = round(time.perf_counter() - started, 1)
    tell("\n" + ending(result["predictions"], folder, result["seconds"]))
    (folder / "demo.txt").write_text(MARK + "\n" + "\n".join(said) + "\n", encoding="utf-8")
    return result | {"files": {name: str(folder / name) for name in OWN}}


def make_topic_tickets(rows: int, *, seed: int) -> TopicTickets:
    """Draw the two parts; their seeds differ, and so do their tickets."""
    train_seed, test_seed = np.random.SeedSequence(seed).generate_state(2)
    parts = make_topic_corpus(rows, seed=int(train_seed)), make_topic_corpus(rows // 2, seed=int(test_seed))
    return TopicTickets(*parts)


def examples_of(corpus: TopicCorpus) -> Examples:
    """Return a corpus as examples; both parts have the same classes."""
    return Examples.from_label_sets(corpus.texts, corpus.label_sets, classes=corpus.classes)


def gold_of(corpus: TopicCorpus) -> Doubles:
    """Return the labels as 0 and 1, (N, C)."""
    return examples_of(corpus).gold.astype(np.float64)


def soft_labels(corpus: TopicCorpus) -> dict[str, Doubles]:
    """Return what each method asks the network to fit, (N, C); MaskLoss leaves the labels as they are."""
    from sfumato.softening import soften

    hard = gold_of(corpus)
    made = {name: soften(corpus.texts, corpus.label_sets, name).targets.astype(np.float64) for name in DRAWN}
    return {name: made.get(name, hard) for name in METHODS}


def run_comparison(tickets: TopicTickets, folder: Path, *, seeds: int, echo: Echo) -> Comparison:
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


def known(corpus: TopicCorpus) -> dict[str, float]:
    """Return micro-F1 (at one half) and log-loss of π itself."""
    gold, pi = gold_of(corpus), corpus.pi
    log_loss = -(gold * np.log(pi) + (1 - gold) * np.log(1 - pi)).mean()
    return {"micro_f1": micro_f1_at(gold.astype(bool), pi, HALF), "log_loss": float(log_loss)}


def draw(corpus: TopicCorpus, soft: Mapping[str, Doubles], path: Path) -> None:
    """Draw, for each label that a ticket has, the mean probability of every label in π and in the soft labels."""
    from sfumato.methods import METHODS as registered

    gold = gold_of(corpus)

    def mean(chances: Doubles) -> Doubles:
        return np.asarray(gold.T @ chances / np.maximum(gold.sum(axis=0), 1)[:, None])

    heat_map(
        [("true π", mean(corpus.pi)), *((str(registered[name]()), mean(soft[name])) for name in DRAWN)],
        corpus.classes,
        title="How likely the soft labels call each label",
        note="Row: tickets with that label. Column: mean probability of that label.",
        path=path,
    )


def save_and_predict(tickets: TopicTickets, folder: Path, *, seed: int) -> list[dict[str, Any]]:
    """Train one model on the training tickets, save it, load it again and let it read three tickets it never saw."""
    from sfumato.fitting import fit
    from sfumato.model import load

    fit(examples_of(tickets.train), model=SAVED[0], method=SAVED[1], seed=seed).save(folder, overwrite=True)
    model, test = load(folder), tickets.test
    texts = test.texts[:NEW]
    topics = [[test.classes[k] for k in np.flatnonzero(row)] for row in test.topics[:NEW]]
    found = zip(texts, model.predict(texts), topics, strict=True)
    return [{"text": text, "predicted": list(labels), "topics": told} for text, labels, told in found]


def introduction(corpus: TopicCorpus, test: int, path: Path) -> str:
    """Say what is about to happen."""
    first = ", ".join(corpus.label_sets[0]) or "no label"
    return (
        f"{len(corpus)} support tickets of one to three of {len(corpus.classes)} topics to learn from, {test} to test\n"
        f"on, written by the package itself ({path}). The first one, labelled {first}:\n\n  {corpus.texts[0]}\n"
    )


def reading(corpus: TopicCorpus, test: int) -> str:
    """Say what the columns mean and how little such a corpus proves."""
    without = sum(not labels for labels in corpus.label_sets)
    return (
        "Distances are root mean squared distances between rows and the true probabilities π of the labels: of the\n"
        f"soft labels on the {len(corpus)} training tickets ({without} have no label), of predictions on the {test} "
        "test tickets.\nThe generator knows the topics, which a text of shared phrases need not tell; labels are drawn "
        "from π.\nTickets made of stock phrases show that the parts work, not which method is good: for that see "
        "results/."
    )


def ending(predictions: Sequence[Mapping[str, Any]], folder: Path, seconds: float) -> str:
    """Show the predictions, the files and the next command."""
    lines = [f"{' with '.join(SAVED)}, saved and loaded again, reads {len(predictions)} new tickets:"]
    for found in predictions:
        given = ", ".join(found["predicted"]) or "no label"
        lines += ["", f"  {found['text']}", f"  -> {given}; tells of: {', '.join(found['topics'])}"]
    lines += [
        "",
        f"{seconds:.0f} seconds. In {folder}: demo.txt (this), tickets.csv, demo.svg (the soft labels), model/, runs/.",
        f"Next: sfumato fit {folder / 'tickets.csv'} --text text --label labels --label-separator '{SIGN}' -o my-model",
    ]
    return "\n".join(lines)


def read_chances(folder: Path, line: Mapping[str, Any]) -> Doubles:
    """Return the calibrated probabilities of each label that a run predicted, (N, C)."""
    p = np.clip(raw_probabilities(folder, line["key"]), 1e-9, 1 - 1e-9)
    return sigmoid(np.log(p) - np.log1p(-p), line["temperature"])
