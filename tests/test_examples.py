"""Every script of ``examples/`` runs as a reader would run it, and leaves what it says it leaves."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"

# What a script prints at least, and the files it leaves.
EXPECTED = {
    "soften_a_table": (["soft labels over 4 classes", "words that moved it"], ["soft.parquet"]),
    "train_and_save": (["accuracy: 0.", "saved: "], ["model/model.safetensors", "model/config.json"]),
    "compare_methods": (["| tickets | linear | label-smoothing |", "against shuffled: "], ["runs/results.jsonl"]),
    "hugging_face_trainer": (["optimizer steps: 60", "training accuracy: 0."], []),
    "retrieve": (["BM25", "dual encoder  recall@1 1.00 on 15 new questions"], []),
    "scikit_learn": (["chosen: {'method'", "test accuracy: 0.", "on soft targets: 0."], []),
}
LONG = {"pretrain_encoder"}  # tests/test_pretrain_encoder.py
SLOW = {"train_and_save", "compare_methods", "hugging_face_trainer", "retrieve", "scikit_learn"}


def test_every_script_is_run_here_and_short() -> None:
    scripts = {path.stem: path for path in FOLDER.glob("*.py") if path.stem not in LONG}
    assert set(scripts) == set(EXPECTED)
    for name, path in scripts.items():
        assert len(path.read_text(encoding="utf-8").splitlines()) < 40, name


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in EXPECTED]
)
def test_the_script_ends_well_and_leaves_what_it_says(name: str, tmp_path: Path) -> None:
    printed, files = EXPECTED[name]
    command = [sys.executable, str(FOLDER / f"{name}.py"), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    for words in printed:
        assert words in ended.stdout
    for file in files:
        assert (tmp_path / file).is_file()
