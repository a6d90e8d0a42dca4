"""Copies per second of `sfumato.augment` beside the reference function of AEDA, in one run, on one core.

    export OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 SFUMATO_DATA=folder
    python benchmarks/augment.py [--rounds 7]

The reference is written here from its description (draw q, draw places, one pass with `in list`), with Python's
`random`. The floor of AEDA is splitting at blanks and joining again. User processor time; every round measures each
task once, and printed are medians of the rounds and of the rounds' ratios. Speed-up by processes is wall-clock time.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from sfumato.augmentation.augment import augment

MARKS = [".", ",", "!", "?", ";", ":"]
Task = Callable[[], object]


def reference(text: str) -> str:
    """AEDA as it is described: marks before q distinct words of all, q from 1 to floor(0.3 n) + 1."""
    words = text.split(" ")
    places = random.sample(range(len(words)), random.randint(1, int(0.3 * len(words) + 1)))
    written = []
    for place, word in enumerate(words):
        if place in places:
            written.append(MARKS[random.randint(0, 5)])
        written.append(word)
    return " ".join(written)


def user_seconds(task: Task) -> float:
    start = os.times().user
    task()
    return os.times().user - start


def measure(title: str, tasks: dict[str, tuple[Task, int]], rounds: int) -> None:
    """Print copies per second of every task, and how many times as many as the first."""
    for task, _ in tasks.values():
        task()
    rates = [
        {name: made / max(user_seconds(task), 0.01) for name, (task, made) in tasks.items()} for _ in range(rounds)
    ]
    first = next(iter(tasks))
    for name in tasks:
        ratios = [one[name] / one[first] for one in rates]
        line = {
            "on": title,
            "what": name,
            "per_second": round(statistics.median(one[name] for one in rates)),
            "from": round(min(one[name] for one in rates)),
            "to": round(max(one[name] for one in rates)),
            "ratio": round(statistics.median(ratios), 2),
            "ratio_from": round(min(ratios), 2),
            "ratio_to": round(max(ratios), 2),
        }
        print(json.dumps(line), flush=True)


def aeda_tasks(texts: list[str]) -> dict[str, tuple[Task, int]]:
    N = len(texts)
    return {
        "reference": (lambda: [reference(text) for text in texts], N),
        "floor: split and join": (lambda: [" ".join(text.split(" ")) for text in texts], N),
        "aeda": (lambda: augment(texts), N),
        "aeda, 4 copies": (lambda: augment(texts, copies=4), 4 * N),
    }


def title_tasks(texts: list[str]) -> dict[str, tuple[Task, int]]:
    N = len(texts)
    return {
        "floor: list and join": (lambda: ["".join(list(text)) for text in texts], N),
        "lcda-text": (lambda: augment(texts, "lcda-text"), N),
        "lcda-text, 4 copies": (lambda: augment(texts, "lcda-text", copies=4), 4 * N),
        "aeda": (lambda: augment(texts), N),
        "aeda, 4 copies": (lambda: augment(texts, copies=4), 4 * N),
    }


def both(texts: list[str]) -> tuple[float, float]:
    """User seconds of ours and of the reference on some texts."""
    return user_seconds(lambda: augment(texts)), user_seconds(lambda: [reference(text) for text in texts])


def by_length(texts: list[str], rounds: int) -> None:
    """Print microseconds a word over texts of growing length, cut from one long text each."""
    words = " ".join(texts).split(" ")
    for length in (10, 38, 230, 1000, 10_000):
        cut = [" ".join(words[k : k + length]) for k in range(0, min(len(words), 400_000), length)]
        taken = [both(cut) for _ in range(rounds if length < 10_000 else 1)]
        count = sum(len(text.split(" ")) for text in cut)
        ours, theirs = (statistics.median(one[k] for one in taken) / count * 1e6 for k in (0, 1))
        print(
            json.dumps({"words": length, "aeda_us_a_word": round(ours, 3), "reference_us_a_word": round(theirs, 3)}),
            flush=True,
        )


def processes(texts: list[str], method: str, rounds: int) -> None:
    """Print wall-clock seconds with one process and with two."""
    expected = augment(texts, method, copies=4)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    assert augment(texts, method, copies=4, jobs=2) == expected
    for _ in range(rounds):
        for jobs, taken in seconds.items():
            start = time.perf_counter()
            augment(texts, method, copies=4, jobs=jobs)
            taken.append(time.perf_counter() - start)
    one, two = (statistics.median(taken) for taken in seconds.values())
    line = {"what": f"{method}, 4 copies of {len(texts)}", "one": round(one, 2), "two": round(two, 2)}
    print(json.dumps({**line, "speed_up": round(one / two, 2), "load": os.getloadavg()}), flush=True)


def read(name: str, rows: int) -> list[str]:
    frame = pl.read_parquet(Path(os.environ["SFUMATO_DATA"]) / name / f"{name}.parquet")
    texts: list[str] = frame["text"].head(rows).to_list()
    return texts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    random.seed(0)
    news, reviews, titles = read("ag_news", 22_772), read("imdb", 4000), read("thucnews-titles", 110_000)
    print(json.dumps({"load": os.getloadavg()}))
    measure("ag_news", aeda_tasks(news), rounds)
    measure("imdb", aeda_tasks(reviews), rounds)
    measure("thucnews-titles", title_tasks(titles), rounds)
    measure("ag_news", {"eda, swap and deletion": (lambda: augment(news, "eda"), len(news))}, rounds)
    by_length(news, min(rounds, 3))
    processes(news * 4, "aeda", 3)
    processes(titles, "lcda-text", 3)
    print(json.dumps({"load": os.getloadavg()}))


if __name__ == "__main__":
    main()
