"""The tables of docs/adaptive.md: its sums in plain loops, and that the page holds what the results hold."""

import importlib
import json
import re
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
    path.write_text("".join(f"{json.dumps(line | {'key': k})}\n" for k, line in enumerate(found)), encoding="utf-8")
    return page.read(path, **({"metric": "accuracy"} | what))


def test_the_share_won_back_is_that_of_the_sums(page, sums, tmp_path) -> None:
    runs = read(page, tmp_path, lines())
    found = sums.gains(runs.scores, "30 % even", "linear")
    won = lost = 0.0
    for right, wrong, soft in ((90, 70, 80), (60, 50, 60)):
        won += sum((soft + more) - wrong for more in (0, 2)) / 2
        lost += right - wrong
    assert sums.won_back(list(found["adaptive"].values())) == f"{100 * won / lost:.0f} % | "
    halves = [corrected_resampled_t(d, [0.0, 0.0], train_rows=100, test_rows=100) for d in ([10.0, 12.0], [10.0, 12.0])]
    joined = sum(((one.high - one.low) / 2) ** 2 for one in halves) ** 0.5 / 2
    assert sums.points(runs, "30 % even", found["adaptive"]) == f"{won / 2:+.2f} ± {joined:.2f}"
    low, high = sums.drawn(found["adaptive"].values(), sums.shares)
    assert 100 * 10 / 20 <= low < 100 * won / lost < high <= 100 * 12 / 10


def test_many_sets_are_drawn_again(page, sums, tmp_path) -> None:
    many = [line | {"data": f"{line['data']}{k}"} for line in lines() for k in range(4)]
    runs = read(page, tmp_path, many)
    found = sums.gains(runs.scores, "30 % even", "linear")["adaptive"]
    share, low, high, least, most = re.fullmatch(
        r"(\d+) % \[(\d+), (\d+)\] \| (\d+) to (\d+)", sums.won_back([*found.values()])
    ).groups()
    assert int(low) < int(least) < int(share) < int(most) < int(high)
    assert re.fullmatch(r"\+11.00 \[\+10\.\d\d, \+11\.\d\d\]", sums.points(runs, "30 % even", found))


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


def test_the_table_of_sets_has_hard_labels_of_the_splits_that_count(page, tmp_path) -> None:
    more = a_line("hard labels", 0.1, seed=2)  # its split has no right labels yet
    half = corrected_resampled_t([10.0, 12.0], [0.0, 0.0], train_rows=100, test_rows=100)
    own = f"+11.00 ± {(half.high - half.low) / 2:.2f}"
    found = [*lines(), more]
    for title, above in (("label-smoothing", 0.01), ("adaptive", 0.1)):
        found.append(a_line(title, 0.1 + above, seed=2))
    (row,) = [line for line in page.each_set(read(page, tmp_path, found)) if "| A |" in line]
    assert row == f"| 30 % even | A | 70.0 | 90.0 | +1.00 ± 0.00 | {own} | {own} |"


def test_clean_labels_have_a_row_a_set_and_one_of_all(page, tmp_path) -> None:
    found = [line for line in lines() if not line["setting"]]
    found += [
        line | {"title": "adaptive", "metrics": {"accuracy": line["metrics"]["accuracy"] - 0.01}} for line in found
    ]
    found += [line | {"title": "half run"} for line in found[:3]]
    table = page.clean(read(page, tmp_path, found))
    assert table[0] == "| set | hard labels | adaptive |"
    assert table[2:] == ["| A | 90.0 | -1.00 ± 0.00 |", "| B | 60.0 | -1.00 ± 0.00 |", "| **all** | | -1.00 ± 0.00 |"]


def test_a_part_is_beside_adaptive_and_a_row_that_lacks_a_split_has_no_figure(page, tmp_path) -> None:
    found = lines()
    for line in [line for line in lines() if line["title"] == "adaptive"]:
        found.append(line | {"title": "no bias", "metrics": {"accuracy": line["metrics"]["accuracy"] - 0.03}})
    runs = read(page, tmp_path, found)
    assert page.parts(runs)[0] == "| | as published | 30 % even |"
    assert "| no bias |  | -3.00 ± 0.00 |" in page.parts(runs)
    assert "| no bias |  |  |" in page.parts(read(page, tmp_path, found[:-1]))


def test_another_rule_of_choosing_is_beside_the_one_that_allows_for_wrong_labels(page, tmp_path) -> None:
    found = lines()
    for line in [line for line in lines() if line["title"] == "hard labels"]:
        other = line | {"model": "linear, by accuracy", "metrics": {"accuracy": line["metrics"]["accuracy"] - 0.02}}
        found.append(other)
    runs = read(page, tmp_path, found)
    assert page.rules(runs) == [
        "| labels | row | linear, by accuracy |",
        "|---|---|--:|",
        "| as published | hard labels | -2.00 ± 0.00 |",
        "| as published | label-smoothing |  |",
        "| 30 % even | hard labels | -2.00 ± 0.00 |",
        "| 30 % even | label-smoothing |  |",
    ]
    assert not any("by accuracy" in line for line in page.noise(runs))
    assert "| 30 % even | hard labels |  |" in page.rules(read(page, tmp_path, found[:-1]))


def test_the_audit_is_beside_the_best_score_of_cleanlab_and_a_row_that_lacks_a_draw_has_no_figure(page, tmp_path):
    rows = {"audit": (0.8, 0.6), "self confidence, raw": (0.5, 0.7), "margin, raw": (0.6, 0.4), "x, joined": (0.9, 0.9)}
    found = [
        a_line(row, 0, data=data, seed=seed) | {"metrics": {"average_precision": value}}
        for row, values in rows.items()
        for data, value in zip("AB", values, strict=True)
        for seed in (0, 1)
    ]
    table = page.audit(read(page, tmp_path, found[:-1], metric="average_precision"))
    assert table[2:4] == [
        "| A | 30 % even | 80.0 | nan | nan | nan | 60.0 | 90.0 |",
        "| B | 30 % even | 60.0 | nan | nan | nan | 70.0 | nan |",
    ]
    assert table[-1].startswith("| **sets ahead of cleanlab, raw** | of 2 | 1 |")


def test_a_line_counts_under_each_of_its_names(page, tmp_path) -> None:
    """Both kinds of noise move the same rows, so what is left without them is the same, and is run once."""
    also = [{"setting": "30 % similar, wrong left out"}]
    oracle = [a_line("hard labels", 0.75, seed=seed, setting="30 % even, wrong left out", also=also) for seed in (0, 1)]
    found = read(page, tmp_path, [*lines(), *oracle]).scores
    for kind in ("even", "similar"):
        assert found[f"30 % {kind}, wrong left out", "linear", "A", "hard labels"] == {0: 75.0, 1: 75.0}


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
    with pytest.raises(SystemExit, match="has no mark <!-- noise: "):
        page.replaced("no mark here", "noise", [])
    begin, _ = page.replaced("<!-- noise: benchmarks/adaptive_page.py --><!-- end of noise -->", "noise", []).split(
        "\n\n", 1
    )
    with pytest.raises(SystemExit, match="has no mark <!-- end of noise -->"):
        page.replaced(f"{begin} and the rest", "noise", [])
