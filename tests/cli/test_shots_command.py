"""`--shots` on the command line, and training on copies: what is said, what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
HARD = ("--method", "baseline")

ROWS = [
    ("the invoice is wrong", "billing"),
    ("charged twice this month", "billing"),
    ("refund the invoice please", "billing"),
    ("the parcel is late", "shipping"),
    ("parcel never arrived", "shipping"),
    ("where is my parcel", "shipping"),
]


@pytest.fixture
def sixty(tmp_path: Path) -> Path:
    path = tmp_path / "sixty.csv"
    lines = (f"{text} {k},{label}" for k, (text, label) in enumerate(ROWS * 10))
    path.write_text("\n".join(["body,category", *lines, ""]))
    return path


def test_fit_says_what_it_draws_before_training_and_what_it_drew_after(
    sfumato: Command, sixty: Path, tmp_path: Path
) -> None:
    done = sfumato("fit", sixty, "--shots", 5, "--method", "aeda", "--set", "method.copies=2", "-o", tmp_path / "m")
    assert done.code == 0, done.err
    assert "--shots 5: 5 rows of each class to train on, drawn with seed 0; dev: 5 of each class" in done.err
    assert "rows: 10 to train, 10 to choose\n" in done.out  # nothing was dropped
    info = json.loads((tmp_path / "m" / "sfumato.json").read_text())["info"]
    assert info["copies"]["made"] == 2 * 10  # of the rows that dev is not among
    assert info["method_options"]["copies"] == 2


def test_dev_is_as_large_as_it_is_told_to_be(sfumato: Command, sixty: Path, tmp_path: Path) -> None:
    done = sfumato("fit", sixty, *HARD, "--shots", 5, "--dev", 12, "-o", tmp_path / "m", "--json")
    assert done.code == 0, done.err
    assert "dev as --dev 12 says" in done.err
    rows = json.loads(done.out)["rows"]
    assert rows == {"train": 10, "dev": 12, "dropped": 0}
    done = sfumato("fit", sixty, *HARD, "--shots", 5, "--dev-shots", 3, "-o", tmp_path / "n", "--json")
    assert json.loads(done.out)["rows"] == {"train": 10, "dev": 6, "dropped": 0}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shots", "0"], "--shots"),
        (["--shots", "x"], "--shots"),
        (["--shots", "5", "--dev-shots", "some"], "dev_shots must be a number of rows a class, or 'all'"),
        (["--shots", "5", "--dev-shots", "²"], "or 'all' for dev as it is cut without shots, got '²'"),
        (["--shots", "5", "--dev-shots=--5"], "got '--5'"),
        (["--dev-shots", "5"], "give shots too"),
        (["--shots", "5", "--dev-shots", "0"], "dev_shots must be at least 1, got 0"),
        (["--shots", "100"], "100 rows a class are all 60 rows that there are"),
        (["--method", "aeda", "--set", "method.copies=0"], "copies must be at least 1, got 0"),
        (["--method", "softeda", "--set", "eps=2"], "softeda: eps must be at least 0 and at most 1, got 2"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_nothing_is_written(
    sfumato: Command, sixty: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    done = sfumato("fit", sixty, *options, "-o", tmp_path / "m")
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "m").exists()


@pytest.mark.slow
def test_compare_draws_for_each_seed_and_shows_plain_copies(sfumato: Command, sixty: Path) -> None:
    options = ["--methods", "baseline,aeda", "--seeds", 2, "--shots", 5, "--jobs", 1, "--json"]
    done = sfumato("compare", sixty, *options)
    assert done.code == 0, done.err
    assert "10 to train (5 a class), 10 dev rows (5 a class), another draw of 48 rows for each seed" in done.err
    rows = json.loads(done.out)["rows"]
    assert [(row["method"], row["control"]) for row in rows] == [
        ("baseline", ""),
        ("aeda", ""),
        ("aeda", "plain-copies"),
    ]
    assert {row["n_train"] for row in rows} == {10}
    assert sfumato("compare", sixty, "--shots", 0).code == 2


def test_soften_says_where_copies_are_made(sfumato: Command, sixty: Path, tmp_path: Path) -> None:
    for name in ("aeda", "softeda", "lcda"):
        done = sfumato("soften", sixty, "--method", name, "-o", tmp_path / "soft.parquet")
        assert done.code == 2
        assert f"{name} adds copies of the rows" in done.err
        assert "`sfumato augment`" in done.err
    assert not (tmp_path / "soft.parquet").exists()
