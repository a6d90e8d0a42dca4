"""`sfumato fit` killed as a process, in the middle of whatever it does, and gone on with by --resume."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sfumato.progress import Progress

FIT = ("--model", "textcnn", "--method", "lcm", "--threads", 1, "--eval-every", 0.5, "--epochs", 4, "--device", "cpu")


def write_table(path, *, rows=240, words=60):
    """Write texts of three classes, each with one word of its class among others."""
    generator = np.random.default_rng(0)
    own = {"billing": ["invoice", "refund"], "login": ["password", "code"], "shipping": ["parcel", "courier"]}
    lines = ["text,label"]
    for row in range(rows):
        label = list(own)[row % 3]
        others = [f"w{k}" for k in generator.integers(0, words, 9)]
        lines.append(f"{' '.join([*others, generator.choice(own[label])])},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("table") / "data.csv")


def start(*arguments):
    """Start a real process with one thread of everything."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", POLARS_MAX_THREADS="1", TOKENIZERS_PARALLELISM="false")
    command = [sys.executable, "-m", "sfumato", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def kill_when(process, happened):
    """Kill the process at the moment that something is seen to have happened; return whether it was."""
    while process.poll() is None:
        if happened():
            process.kill()
            process.communicate()
            return True
        time.sleep(0.0005)
    process.communicate()
    return False


def steps_kept(folder: Path) -> int:
    """Return the step of the latest tensor file."""
    names = [path.name for path in folder.glob("*.safetensors")] if folder.is_dir() else []
    return max((int(name.removeprefix("checkpoint-").partition(".")[0]) for name in names), default=0)


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def ended(*arguments):
    """Run a command in a process of its own, as all that is compared with a killed one must be; code and words."""
    process = start(*arguments)
    said = process.communicate()[1]
    return process.returncode, said


@pytest.mark.slow
def test_a_killed_fit_goes_on_to_the_same_model_byte_for_byte(table, tmp_path):
    unbroken, model, kept = tmp_path / "unbroken", tmp_path / "model", tmp_path / "model.checkpoint"
    assert ended("fit", table, "-o", unbroken, *FIT)[0] == 0
    moment = int(np.random.default_rng(7).integers(2, 9))
    assert kill_when(start("fit", table, "-o", model, *FIT), lambda: steps_kept(kept) >= moment)
    assert not model.exists()
    assert (kept / "checkpoint.json").exists()
    code, said = ended("fit", table, "-o", model, *FIT)
    assert code == 2
    assert "--resume" in said
    code, said = ended("fit", table, "-o", model, *FIT, "--resume")
    assert code == 0
    assert "went on from the checkpoint of epoch" in said
    assert weights(model) == weights(unbroken)
    assert not kept.exists()


@pytest.fixture(scope="module")
def large_table(tmp_path_factory):
    """Return a table of many words, so that a checkpoint is large enough to be killed while it is written."""
    return write_table(tmp_path_factory.mktemp("large") / "data.csv", rows=1500, words=20_000)


@pytest.fixture(scope="module")
def large_unbroken(large_table):
    folder = large_table.parent / "model"
    process = start("fit", large_table, "-o", folder, *FIT, "--set", "model.min_count=1", "--set", "model.dim=256")
    assert (process.communicate()[1] is not None, process.returncode) == (True, 0)
    return folder


MOMENTS = [*(int(n) for n in np.random.default_rng(2).integers(1, 80, 4)), "while a checkpoint is written"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_fit_killed_at_any_moment_goes_on_to_the_same_model(large_table, large_unbroken, tmp_path, moment):
    model, kept = tmp_path / "model", tmp_path / "model.checkpoint"
    fit = ("fit", large_table, "-o", model, *FIT, "--set", "model.min_count=1", "--set", "model.dim=256")
    if isinstance(moment, int):
        pause = np.random.default_rng(moment).random()  # seconds after that step: within the steps, or a look
        assert kill_when(start(*fit), lambda: steps_kept(kept) >= moment and not time.sleep(pause))
    else:
        half = "checkpoint-*.safetensors.part"
        assert kill_when(start(*fit), lambda: steps_kept(kept) > 0 and any(kept.glob(half)))
        assert list(kept.glob(half)), "the kill came after the file was whole"
    before = steps_kept(kept)
    process = start(*fit, "--resume")
    said = process.communicate()[1]
    assert process.returncode == 0, said
    assert ("went on from the checkpoint of epoch" in said) == (before > 0)
    assert weights(model) == weights(large_unbroken)
    assert not kept.exists()


class Stopped(Progress):
    """Ctrl-C after the second look at dev."""

    def epoch(self, record, epochs):
        super().epoch(record, epochs)
        if record["epoch"] >= 1.5:
            raise KeyboardInterrupt


@pytest.fixture
def stopped(sfumato, table, tmp_path, monkeypatch):
    """Return the folder of a run that was stopped by hand, what it said, and the options it had."""
    with monkeypatch.context() as patched:
        patched.setattr("sfumato.progress.Progress", Stopped)
        outcome = sfumato("fit", table, "-o", tmp_path / "model", *FIT)
    return tmp_path / "model", outcome


def test_a_fit_that_is_stopped_by_hand_says_how_it_goes_on(sfumato, table, stopped):
    model, outcome = stopped
    assert outcome.code == 130
    assert f"the run is kept in {model}.checkpoint: the same command with --resume goes on with it" in outcome.err
    assert sfumato("fit", table, "-o", model, *FIT, "--resume").code == 0
    assert model.is_dir()


def test_a_checkpoint_of_another_run_is_refused_and_stays(sfumato, table, stopped):
    model, _ = stopped
    kept = Path(f"{model}.checkpoint")
    before = {path.name: path.read_bytes() for path in kept.iterdir()}
    refused = sfumato("fit", table, "-o", model, *FIT, "--seed", 5, "--resume")
    assert refused.code == 2
    assert "seed is 5, there it was 0" in refused.err
    assert "training rows.texts is" in refused.err
    kept.joinpath("checkpoint.json").write_text("{")
    damaged = sfumato("fit", table, "-o", model, *FIT, "--resume")
    assert damaged.code == 2
    assert "checkpoint.json is damaged" in damaged.err
    assert not model.exists()
    assert {path.name for path in kept.iterdir()} == before.keys()


def test_linear_does_not_throw_away_the_checkpoint_of_another_run(sfumato, table, tmp_path):
    kept = tmp_path / "model.checkpoint"
    kept.mkdir()
    (kept / "checkpoint.json").write_text("{}")
    (kept / "checkpoint-00000001.safetensors").write_text("hours of work")
    refused = sfumato("fit", table, "-o", tmp_path / "model", "--method", "baseline")
    assert refused.code == 2
    assert "linear keeps none" in refused.err
    assert sorted(path.name for path in kept.iterdir()) == ["checkpoint-00000001.safetensors", "checkpoint.json"]
    assert not (tmp_path / "model").exists()


def test_a_folder_of_ones_own_is_taken_and_nothing_else_in_it_removed(sfumato, table, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").write_text("stays")
    done = sfumato("fit", table, "-o", tmp_path / "model", *FIT, "--checkpoint", tmp_path / "kept", "--resume")
    assert done.code == 0
    assert "no checkpoint in" in done.err
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine.txt"]
    assert not (tmp_path / "model.checkpoint").exists()


@pytest.mark.slow
def test_linear_says_that_it_starts_at_the_beginning(sfumato, table, tmp_path):
    fit = ("fit", table, "-o", tmp_path / "model", "--method", "baseline")
    refused = sfumato(*fit, "--eval-every", 0.5)
    assert refused.code == 2
    assert "linear has no eval_every" in refused.err
    done = sfumato(*fit, "--resume")
    assert done.code == 0
    assert "linear takes seconds and keeps no checkpoint: the run starts at the beginning" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("value", [0, -1, 1e9])
def test_eval_every_outside_its_range_is_refused(sfumato, table, tmp_path, value):
    refused = sfumato("fit", table, "-o", tmp_path / "model", "--model", "textcnn", "--eval-every", value)
    assert refused.code == 2
    assert "eval_every must be more than 0" in refused.err
