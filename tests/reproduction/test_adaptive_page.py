"""The tables of docs/adaptive.md: its sums in plain loops, and that the page holds what the results hold."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sfumato.measures import packed
from sfumato.paired_tests import corrected_resampled_t

ROOT = Path(__file__).parents[2]
STALE = "results/ has changed: run `python benchmarks/adaptive_page.py` and commit what it writes"


@pytest.fixture(scope="module")
def page() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("adaptive_page")


@pytest.fixture(scope="module")
def sums(page) -> ModuleType:
    return importlib.import_module("won_back")


def a_line(title: str, accuracy: float, *, seed=0, data="A", setting="30 % even", dev=(1, 0, 1, 0), **given):
    return {
        "status": "done",
        "title": title,
        "control": "",
        "data": data,
        "model": "linear",
        "setting": setting,
        "seed": seed,
        "metrics": {"accuracy": accuracy},
        "dev_right": packed(np.array(dev, bool)),
        "n_train": 80,
        "n_dev": 20,
        "n_test": 100,
    } | given


def lines():
    """Two sets with two splits each; what hard labels lose, and what adaptive has again, differ between them."""
    found = []
    for data, right, wrong, soft in (("A", 0.9, 0.7, 0.8), ("B", 0.6, 0.5, 0.6)):
        for seed, more in ((0, 0.0), (1, 0.02)):
            found.append(a_line("hard labels", right, data=data, seed=seed, setting=""))
            found.append(a_line("hard labels", wrong, data=data, seed=seed))
            found.append(a_line("label-smoothing", wrong + 0.01, data=data, seed=seed))
            found.append(a_line("adaptive", soft + more, data=data, seed=seed, dev=(1, 1, 1, 1)))
    return found


def read(page: ModuleType, folder: Path, found, **what):
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in found), encoding="utf-8")
    return page.read(path, "accuracy", **what)


def test_the_share_won_back_is_that_of_the_sums(page, sums, tmp_path) -> None:
    found = sums.gains(read(page, tmp_path, lines()).scores, "30 % even", "linear")
    won = lost = 0.0
    for right, wrong, soft in ((90, 70, 80), (60, 50, 60)):
        won += sum((soft + more) - wrong for more in (0, 2)) / 2
        lost += right - wrong
    text = sums.won_back(list(found["adaptive"].values()))
    assert text.startswith(f"{100 * won / lost:.0f} % [")
    assert sums.points_of(found["adaptive"].values()).startswith(f"{won / 2:+.2f} [")
    low, high = sums.drawn(found["adaptive"].values(), sums.shares)
    assert 100 * 10 / 20 <= low < 100 * won / lost < high <= 100 * 12 / 10


def test_the_draws_are_of_sets_and_of_the_splits_of_each(sums) -> None:
    parts = [np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[5.0, 4.0]])]
    generator, values = np.random.default_rng(1), []
    for _ in range(20000):
        means = []
        for k in generator.integers(0, 2, 2):
            means.append(np.mean([parts[k][s] for s in generator.integers(0, len(parts[k]), len(parts[k]))], axis=0))
        values.append(np.mean([m[0] for m in means]))
    low, high = sums.drawn(parts, sums.gained)
    assert (low, high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=0.3)


def test_auto_is_what_dev_takes_and_hard_labels_where_nothing_is_clearly_better(page, tmp_path) -> None:
    found = read(page, tmp_path, lines()).scores
    assert found["30 % even", "linear", "A", "auto"] == found["30 % even", "linear", "A", "adaptive"]
    alike = [line | {"dev_right": packed(np.array([1, 0, 1, 0], bool))} for line in lines()]
    found = read(page, tmp_path, alike).scores
    assert found["30 % even", "linear", "A", "auto"] == found["30 % even", "linear", "A", "hard labels"]


def test_a_row_that_lacks_a_split_is_left_out(page, sums, tmp_path) -> None:
    most = [line for line in lines() if (line["title"], line["data"], line["seed"]) != ("label-smoothing", "B", 1)]
    found = sums.gains(read(page, tmp_path, most).scores, "30 % even", "linear")
    assert "adaptive" in found
    assert "label-smoothing" not in found


def test_the_oracle_of_one_kind_of_noise_is_that_of_the_other(page, tmp_path) -> None:
    oracle = [a_line("hard labels", 0.75, seed=seed, setting="30 % even, wrong left out") for seed in (0, 1)]
    similar = [line | {"setting": "30 % similar"} for line in lines() if line["setting"]]
    found = read(page, tmp_path, [*lines(), *similar, *oracle]).scores
    assert found["30 % similar, wrong left out", "linear", "A", "hard labels"] == {0: 75.0, 1: 75.0}
    assert ("30 % similar, wrong left out", "linear", "B", "hard labels") not in found


def test_both_kinds_of_noise_are_the_mean_of_each_split_and_one_set_has_the_corrected_interval(page, sums, tmp_path):
    similar = [line | {"setting": "30 % similar"} for line in lines() if line["setting"]]
    for line in similar:
        if line["title"] == "adaptive":
            line["metrics"] = {"accuracy": line["metrics"]["accuracy"] - 0.04}
    runs = read(page, tmp_path, [line for line in [*lines(), *similar] if line["data"] == "A"])
    found = sums.both(runs.scores, "linear")["adaptive"]["A"]
    np.testing.assert_allclose(found, [[(10 + 6) / 2, 20], [(12 + 8) / 2, 20]])
    half = corrected_resampled_t([8.0, 10.0], [0.0, 0.0], train_rows=100, test_rows=100)
    (row,) = [line for line in page.noise(runs) if line.startswith("| linear | 30 %, both | adaptive |")]
    assert row == f"| linear | 30 %, both | adaptive | 1 (2) | +9.00 ± {(half.high - half.low) / 2:.2f} |  | 45 % |  |"


def test_the_last_epoch_is_another_table(page, tmp_path) -> None:
    last = [line | {"metrics_last": {"accuracy": line["metrics"]["accuracy"] - 0.1}} for line in lines()]
    found = read(page, tmp_path, last, of="metrics_last").scores
    assert found["30 % even", "linear", "A", "hard labels"][0] == pytest.approx(60)
    assert not any(key[3] == "auto" for key in found)
    assert not read(page, tmp_path, lines(), of="metrics_last").scores


def test_the_page_is_what_the_results_say(page) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.written(text, ROOT / "results") == text, STALE


def test_a_page_without_its_marks_is_refused(page) -> None:
    with pytest.raises(SystemExit, match="has no mark"):
        page.replaced("no mark here", "noise", [])
