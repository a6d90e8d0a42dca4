"""What finished runs say of how much is won back of what wrong labels cost; for `adaptive_page.py`.

Won back is the share of what wrong labels cost hard labels that a method has again,

    (method - hard labels, wrong) / (hard labels, clean - hard labels, wrong),

of sums over sets and splits, so that a set on which nothing is lost does not decide. Over eight sets or more its interval
is that of 2,000 draws of the sets, with the splits of each drawn again (percentiles 2.5 and 97.5): in a simulation of
eight sets it held the truth 88 times in 100. Of fewer sets that would say far too little, so a share has no interval, and
a difference speaks of these sets alone: its interval is that of Nadeau and Bengio, whose splits share rows
(`sfumato.paired_tests.corrected_resampled_t`), joined for several sets as the root of the sum of squares. Rows that are
not finished are left out.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HARD, CLEAN, ORACLE = "hard labels", "", ", wrong left out"
AUTO = (HARD, "label-smoothing", "adaptive")  # what the row "auto" chooses among
TOGETHER = ("30 % even", "30 % similar")
DRAWS = 2000
MANY = 8  # sets: fewer are not drawn again
Key = tuple[str, str, str, str]  # setting, model, set, row
Scores = dict[Key, dict[int, float]]  # split -> percent
Floats = NDArray[np.float64]
Gains = dict[str, dict[str, Floats]]  # row, set -> (splits, 2): gained over hard labels, lost by these


@dataclass
class Runs:
    """What was measured: a score of every row in every split, and how many rows a set has to train on and to test."""

    scores: Scores = field(default_factory=lambda: defaultdict(dict))
    rows: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # setting, set

    def settings(self) -> list[str]:
        """Return the settings with wrong labels, without the oracle's."""
        return [s for s in dict.fromkeys(key[0] for key in self.scores) if s != CLEAN and not s.endswith(ORACLE)]

    def sets(self) -> list[str]:
        return list(dict.fromkeys(key[2] for key in self.scores))


def read(path: Path, metric: str, *, of: str = "metrics") -> Runs:
    """Return a metric of every finished run that has it, in percent; a control is a row of its own, and so is auto.

    ``of`` is "metrics", those of the epoch that dev chose, or "metrics_last", those of the last one, without auto.
    """
    from sfumato.reproduction.second_names import under_all_names

    runs = Runs()
    right: dict[Key, dict[int, Floats]] = defaultdict(dict)
    last = {line["key"]: line for line in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    for line in under_all_names(last.values()):
        if line["status"] == "done" and of in line:
            row = line["title"] + (f", {line['control']}" if line["control"] else "")
            key = (line["setting"], line["model"], line["data"], row)
            runs.scores[key][line["seed"]] = 100 * line[of][metric]
            runs.rows[line["setting"], line["data"]] = (line["n_train"] + line["n_dev"], line["n_test"])
            if "dev_right" in line and of == "metrics":
                right[key][line["seed"]] = answers(line["dev_right"])
    runs.scores |= chosen(runs.scores, right)
    return runs


def answers(text: str) -> Floats:
    """Return which dev rows were answered right, as `sfumato.measures.packed` wrote it."""
    from sfumato.measures import unpacked

    return unpacked(text).astype(np.float64)


def chosen(found: Scores, right: Mapping[Key, Mapping[int, Floats]]) -> Scores:
    """Return the rows of ``method="auto"``: in each split what dev takes, by the rule of `sfumato.automatic`."""
    from sfumato.automatic import clearly_best

    made: Scores = {}
    for setting, model, data in dict.fromkeys(key[:3] for key in right):
        those = {row: right.get((setting, model, data, row), {}) for row in AUTO}
        splits = set.intersection(*(set(each) for each in those.values()))
        taken = {k: clearly_best({row: each[k] for row, each in those.items()})[0] for k in splits}
        if taken:
            made[setting, model, data, "auto"] = {
                k: found[setting, model, data, row][k] for k, row in sorted(taken.items())
            }
    return made


def common(scores: Scores, setting: str, model: str, data: str) -> float:
    """Return what hard labels have, on the mean of the splits that were run with these labels and with right ones."""
    here, right = (scores[s, model, data, HARD] for s in (setting, CLEAN))
    return float(np.mean([here[k] for k in sorted(here.keys() & right.keys())]))


def beside(scores: Scores, row: tuple[str, str, str], other: tuple[str, str, str]) -> dict[str, Floats]:
    """Return what a row (setting, model, row) has more than another, (splits, 1) a set.

    Nothing where it lacks a split of the other's: it is not finished.
    """
    found = {}
    for setting, model, data, name in scores:
        if (setting, model, name) == other:
            theirs = scores[setting, model, data, name]
            own = scores.get((row[0], row[1], data, row[2]), {})
            if not theirs.keys() <= own.keys():
                return {}
            found[data] = np.array([[own[k] - theirs[k]] for k in sorted(theirs)])
    return found


def finished(scores: Scores, first: tuple[str, str], second: tuple[str, str], model: str) -> bool:
    """Return whether the second row of a setting has every split of every set that the first has."""
    (a, one), (b, other) = first, second
    splits = {key[2]: set(found) for key, found in scores.items() if key[:2] == (a, model) and key[3] == one}
    return all(splits[data] <= set(scores.get((b, model, data, other), {})) for data in splits)


def gains(scores: Scores, setting: str, model: str) -> Gains:
    """Return, for each row and set, (splits, 2): what it has more than hard labels, and what these have lost.

    A row that lacks a split of hard labels is left out: it is not finished.
    """
    rows = [key[3] for key in scores if key[:2] == (setting, model) and key[3] != HARD]
    asked = {HARD + ORACLE: (setting + ORACLE, HARD)} | {row: (setting, row) for row in dict.fromkeys(rows)}
    asked = {row: place for row, place in asked.items() if finished(scores, (setting, HARD), place, model)}
    asked |= {"": (setting, HARD), "right": (CLEAN, HARD)}
    found: Gains = {row: {} for row in asked if row not in ("", "right")}
    for data in dict.fromkeys(key[2] for key in scores):
        each = {row: scores.get((s, model, data, r), {}) for row, (s, r) in asked.items()}
        splits = sorted(set.intersection(*(set(one) for one in each.values())))
        for row in found if splits else ():
            pairs = [[each[row][k] - each[""][k], each["right"][k] - each[""][k]] for k in splits]
            found[row][data] = np.array(pairs)
    return found


def both(scores: Scores, model: str) -> Gains:
    """Return the mean `gains` of the two settings with 30 % wrong labels, of the splits and sets that both have."""
    parts = [gains(scores, setting, model) for setting in TOGETHER]
    rows = [row for row in parts[0] if all(row in part for part in parts)]
    shapes = [{data: part[rows[0]][data].shape for data in part[rows[0]]} for part in parts] if rows else [{}]
    sets = [data for data, shape in shapes[0].items() if all(shape == each.get(data) for each in shapes)]
    return {row: {data: np.mean([part[row][data] for part in parts], axis=0) for data in sets} for row in rows}


def drawn(found: Iterable[Floats], of: Callable[[Floats], Floats], *, seed: int = 0) -> tuple[float, float]:
    """Return the interval of a figure of all sets: these are drawn again, and the splits of each.

    ``found`` are (splits, columns) for each set; ``of`` makes (draws,) of the means of the drawn splits, (draws, sets,
    columns).
    """
    random, sets = np.random.default_rng(seed), list(found)
    which = random.integers(0, len(sets), (DRAWS, len(sets)))
    means = np.empty((*which.shape, sets[0].shape[1]))
    for k, part in enumerate(sets):
        places = which == k
        means[places] = part[random.integers(0, len(part), (int(places.sum()), len(part)))].mean(axis=1)
    low, high = np.percentile(of(means), [2.5, 97.5])
    return float(low), float(high)


def shares(means: Floats) -> Floats:
    """Return the share won back, in percent, of means (..., sets, 2)."""
    total = means.sum(axis=-2)
    return np.asarray(100 * total[..., 0] / total[..., 1])


def gained(means: Floats) -> Floats:
    """Return the points gained on the mean of the sets, of means (..., sets, columns)."""
    return np.asarray(means[..., 0].mean(axis=-1))


def as_found(parts: Iterable[Floats]) -> Floats:
    """Return the means of the splits that there are, (sets, columns)."""
    return np.array([part.mean(axis=0) for part in parts])


def points(runs: Runs, setting: str, found: Mapping[str, Floats]) -> str:
    """Return the points gained on the mean of the sets, with their interval; ``found`` are (splits, columns) by set."""
    mean = float(gained(as_found(found.values())))
    if len(found) < MANY:
        return f"{mean:+.2f}{half_width(runs, setting, found)}"
    low, high = drawn(found.values(), gained)
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


def half_width(runs: Runs, setting: str, found: Mapping[str, Floats]) -> str:
    """Return half the 95 % interval of the mean of these sets, " ± 0.50"; "" where a set has one split."""
    from sfumato.paired_tests import corrected_resampled_t

    if min(map(len, found.values())) < 2:
        return ""
    squares = 0.0
    for data, part in found.items():
        train, test = runs.rows[setting if (setting, data) in runs.rows else TOGETHER[0], data]
        d = part[:, 0].tolist()
        each = corrected_resampled_t(d, [0.0] * len(d), train_rows=train, test_rows=test)
        squares += (each.high - each.low) ** 2 / 4
    return f" ± {np.sqrt(squares) / len(found):.2f}"


def won_back(parts: list[Floats]) -> str:
    """Return the share won back, the interval of that of many sets, and the least and the most without any one set."""
    means = as_found(parts)
    share = f"{shares(means):.0f} %"
    if len(parts) >= MANY:
        low, high = drawn(parts, shares)
        share += f" [{low:.0f}, {high:.0f}]"
    without = [float(shares(np.delete(means, k, axis=0))) for k in range(len(parts))] if len(parts) > 2 else []
    return f"{share} | " + (f"{min(without):.0f} to {max(without):.0f}" if without else "")
