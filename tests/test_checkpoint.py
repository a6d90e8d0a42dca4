"""A run that was broken off goes on to the same weights bit by bit, or is refused in words."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from sfumato import teaching
from sfumato.architecture import Training
from sfumato.checkpoint import ABOUT, TEACHER, Checkpoint, own_hash
from sfumato.controls import control, record_of
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.progress import Progress
from sfumato.run import train_model
from sfumato.snapshot import Snapshot

TRAINING = Training(epochs=4, batch_size=16, lr=1e-2, max_length=32)  # 4 steps an epoch


class Broken(Exception):
    """Stands for whatever ends a run."""


class BreaksAfter(Progress):
    """Ends the run after so many steps, where a kill could."""

    def __init__(self, steps):
        super().__init__(echo=lambda line: None)
        self.steps = steps

    def step(self, loss):
        super().step(loss)
        if self._done == self.steps:
            raise Broken


@pytest.fixture(scope="module")
def split(tickets):
    examples = Examples.from_labels(tickets["text"], tickets["label"])
    return examples.take(range(60)), examples.take(range(60, 90))


def run(split, method=None, *, model_options=None, **options):
    architecture = MODELS["textcnn"](**({"kernels": (2, 3), "filters": 8, "dim": 8} | (model_options or {})))
    options = {"training": TRAINING, "device": "cpu", "threads": 1, "balance": "none"} | options
    return train_model(*split, architecture=architecture, method=method or METHODS["baseline"](), **options)


def as_images_of(part):
    """Return the rows with noise of 6 × 6 pixels, brighter for some classes, in the place of their texts."""
    noise = np.random.default_rng(0).integers(0, 80, size=(len(part), 6, 6))
    return replace(part, inputs=(noise + 80 * part.labels[:, None, None]).astype(np.uint8))


def broken_off(split, folder, *args, after, **options):
    with pytest.raises(Broken):
        run(split, *args, progress=BreaksAfter(after), checkpoint=Checkpoint(folder), **options)


def same_state(one, other):
    ours, theirs = one.objective.state_dict(), other.objective.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def unbroken(split):
    return run(split)


def plain_attributes(trained):
    names = ("_window", "_finished", "_rows", "_kept", "step")
    modules = trained.objective.criterion.modules()
    return [{name: value for name, value in vars(module).items() if name in names} for module in modules]


def methods():
    lcm = METHODS["lcm"]()
    return {
        "baseline": METHODS["baseline"](),
        "label-smoothing": METHODS["label-smoothing"](),
        "lcm": lcm,
        "lcm, stopped": METHODS["lcm"](stop=1.5),
        "lcm/shuffled": control(lcm, "shuffled", seed=0),
    }


SETTINGS = {
    "as it comes": {},
    "half epochs": {"eval_every": 0.5},
    "accumulated": {"training": replace(TRAINING, batch_size=8, accumulate=3), "eval_every": 0.7},
    "warm-up and linear": {"training": replace(TRAINING, warmup=0.3, schedule="linear", weight_decay=0.1)},
    "sgd": {"training": replace(TRAINING, optimizer="sgd", lr=0.1)},
    "adam": {"training": replace(TRAINING, optimizer="adam")},
    "sampler": {"balance": "sampler"},
    "patience": {"training": replace(TRAINING, patience=2), "eval_every": 0.5},
}


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS.keys())
def test_a_run_that_goes_on_ends_with_the_weights_of_an_unbroken_one(split, tmp_path, options):
    unbroken = run(split, **options)
    broken_off(split, tmp_path / "kept", after=7, **options)
    resumed = run(split, checkpoint=Checkpoint(tmp_path / "kept", resume=True), **options)
    assert 0 < resumed.resumed < unbroken.steps
    assert same_state(resumed, unbroken)
    assert resumed.history == unbroken.history
    assert (resumed.best_epoch, resumed.steps) == (unbroken.best_epoch, unbroken.steps)


@pytest.mark.parametrize("name", methods())
def test_what_a_criterion_has_learned_and_noted_goes_on_too(split, tmp_path, name):
    method = methods()[name]
    unbroken = run(split, method, eval_every=0.5)
    broken_off(split, tmp_path / "kept", method, after=11, eval_every=0.5)
    resumed = run(split, method, eval_every=0.5, checkpoint=Checkpoint(tmp_path / "kept", resume=True))
    assert resumed.resumed == 2.5
    assert same_state(resumed, unbroken)
    assert record_of(resumed.objective.criterion) == record_of(unbroken.objective.criterion)
    assert plain_attributes(resumed) == plain_attributes(unbroken)


def test_without_dev_rows_and_after_the_last_step_it_goes_on_as_well(split, tmp_path):
    train = (split[0], None)
    unbroken = run(train, checkpoint=Checkpoint(tmp_path / "whole"))
    done = run(train, checkpoint=Checkpoint(tmp_path / "whole", resume=True))
    assert done.resumed == TRAINING.epochs
    broken_off(train, tmp_path / "kept", after=9)
    resumed = run(train, checkpoint=Checkpoint(tmp_path / "kept", resume=True))
    assert same_state(resumed, unbroken)
    assert same_state(done, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MODELS if name != "linear"])
def test_every_model_that_is_trained_in_batches_goes_on(split, tmp_path, tiny_bert, name):
    architecture = MODELS[name](**({"encoder": str(tiny_bert)} if name.startswith("transformer") else {}))
    split = [as_images_of(part) for part in split] if architecture.reads == "images" else split
    options = {"architecture": architecture, "method": METHODS["lcm"](), "device": "cpu", "threads": 1}
    options |= {"training": replace(TRAINING, lr=1e-3, warmup=0.2, schedule="linear"), "eval_every": 0.5}
    unbroken = train_model(*split, **options)
    with pytest.raises(Broken):
        train_model(*split, progress=BreaksAfter(7), checkpoint=Checkpoint(tmp_path / "kept"), **options)
    resumed = train_model(*split, checkpoint=Checkpoint(tmp_path / "kept", resume=True), **options)
    assert resumed.resumed == 1.5
    assert same_state(resumed, unbroken)


def test_a_teacher_that_has_spoken_is_not_trained_again(split, tmp_path, monkeypatch):
    method, kept = METHODS["self-distillation"](folds=2), tmp_path / "kept"
    unbroken = run(split, method)
    broken_off(split, kept, method, after=6)
    (kept / ABOUT).unlink()  # as if the kill had come before the first checkpoint of the student
    with pytest.raises(InputError, match="go on with it by --resume"):
        Checkpoint(kept).check()

    def resume(**options):
        return run(split, method, checkpoint=Checkpoint(kept, resume=True), **options)

    with monkeypatch.context() as patched:
        patched.setattr("sfumato.run.taught", None)  # whoever calls it fails
        assert same_state(resume(), unbroken)
        with pytest.raises(InputError, match="seed is 1, there it was 0"):
            resume(seed=1)
    content = bytearray((kept / TEACHER).read_bytes())
    content[-2] ^= 1
    (kept / TEACHER).write_bytes(content)
    with pytest.raises(InputError, match=r"teacher\.safetensors is damaged"):
        resume()
    Checkpoint(kept).discard()
    assert not kept.exists()


def test_each_fold_that_a_teacher_has_judged_is_kept(split, tmp_path, monkeypatch):
    method, kept = METHODS["self-distillation"](folds=3), tmp_path / "kept"
    unbroken, judge, judgements = run(split, method), teaching.judge_fold, []

    def judge_and_count(*args, last=9):
        if len(judgements) == last:
            raise Broken
        judgements.append(args)
        return judge(*args)

    with monkeypatch.context() as patched:
        patched.setattr(teaching, "judge_fold", partial(judge_and_count, last=2))
        with pytest.raises(Broken):
            run(split, method, checkpoint=Checkpoint(kept))
    assert sorted(path.name for path in kept.iterdir()) == [f"checkpoint-teacher-{k}.safetensors" for k in (0, 1)]
    with pytest.raises(InputError, match="of a run that was not finished: go on with it by --resume"):
        Checkpoint(kept).check()
    with pytest.raises(InputError, match="seed is 1, there it was 0"):
        run(split, method, seed=1, checkpoint=Checkpoint(kept, resume=True))
    monkeypatch.setattr(teaching, "judge_fold", judge_and_count)
    resumed = run(split, method, checkpoint=Checkpoint(kept, resume=True))
    assert len(judgements) == 3
    assert same_state(resumed, unbroken)
    assert not list(kept.glob("checkpoint-teacher-*"))


def test_a_run_broken_off_twice_goes_on_twice(split, unbroken, tmp_path):
    broken_off(split, tmp_path / "kept", after=6)
    with pytest.raises(Broken):
        run(split, progress=BreaksAfter(14), checkpoint=Checkpoint(tmp_path / "kept", resume=True))
    resumed = run(split, checkpoint=Checkpoint(tmp_path / "kept", resume=True))
    assert resumed.resumed == 3
    assert same_state(resumed, unbroken)


def test_the_random_state_counts(split, unbroken, tmp_path):
    """Dropout draws from torch's generator: with another state in the checkpoint the weights are others."""
    broken_off(split, tmp_path / "kept", after=6)
    kept = Checkpoint(tmp_path / "kept", resume=True)
    settings = json.loads((tmp_path / "kept" / ABOUT).read_text())["settings"]
    snapshot = replace(kept, settings=settings).read()
    other = torch.Generator().manual_seed(9).get_state()
    replace(kept, settings=settings).write(Snapshot(snapshot.tensors | {"random.cpu": other}, snapshot.facts), 4)
    assert not same_state(run(split, checkpoint=kept), unbroken)


def test_where_there_is_no_checkpoint_yet_it_starts_at_the_beginning(split, unbroken, tmp_path):
    broken_off(split, tmp_path / "kept", after=3)
    assert not Checkpoint(tmp_path / "kept").exists
    started = run(split, checkpoint=Checkpoint(tmp_path / "kept", resume=True))
    assert started.resumed == 0
    assert same_state(started, unbroken)
    assert not same_state(started, run(split, seed=1))


def test_another_number_of_threads_is_said(split, tmp_path):
    broken_off(split, tmp_path / "kept", after=6)
    with pytest.warns(UserWarning, match="written with 1 threads and this run has 2"):
        run(split, threads=2, checkpoint=Checkpoint(tmp_path / "kept", resume=True))


# --- the files


@pytest.fixture(scope="module")
def kept(split, tmp_path_factory):
    """Return the bytes of both files of a run that was broken off after its first epoch."""
    folder = tmp_path_factory.mktemp("run") / "kept"
    broken_off(split, folder, after=6)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(kept, tmp_path):
    for name, content in kept.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def refusal(split, folder, *args, **options):
    with pytest.raises(InputError) as refused:
        run(split, *args, checkpoint=Checkpoint(folder, resume=True), **options)
    return str(refused.value)


def tensor_file(folder):
    (path,) = folder.glob("*.safetensors")
    return path


def test_a_folder_holds_one_checkpoint_the_last(split, tmp_path):
    broken_off(split, tmp_path, after=15)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-00000012.safetensors", ABOUT]


def test_the_one_before_stands_until_the_new_one_is_whole(split, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shared = torch.zeros(3)
    with pytest.raises(RuntimeError, match="share memory"):
        Checkpoint(folder).write(Snapshot({"one": shared, "other": shared}, {}), 8)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    Checkpoint(folder).write(Snapshot({"one": shared}, {}), 8)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-00000008.safetensors", ABOUT]


def test_what_a_kill_left_half_written_is_cleared_away(split, folder):
    (folder / "checkpoint-00000008.safetensors.part").write_bytes(b"half")
    (folder / ".tmpmc3LkW").write_bytes(b"half, by a writer that gives the name at the end")
    (folder / "checkpoint-00000008.safetensors").write_bytes(b"whole, but checkpoint.json does not name it yet")
    (folder / "mine.txt").write_text("stays")
    run(split, checkpoint=Checkpoint(folder, resume=True))
    names = {path.name for path in folder.iterdir()}
    assert names == {"mine.txt", ABOUT, "checkpoint-00000016.safetensors"}
    Checkpoint(folder).discard()
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    Checkpoint(folder).discard()
    (folder / "mine.txt").unlink()
    Checkpoint(folder).discard()
    assert not folder.exists()


def test_a_cut_off_tensor_file_is_refused(split, folder):
    path = tensor_file(folder)
    path.write_bytes(path.read_bytes()[:-100])
    said = refusal(split, folder)
    assert path.name in said
    assert "cut off or changed" in said
    assert "delete the folder" in said


@pytest.mark.parametrize("name", [ABOUT, "tensors"])
@pytest.mark.parametrize("place", np.random.default_rng(0).random(4).round(3))
def test_a_flipped_byte_anywhere_is_refused(split, folder, name, place):
    path = tensor_file(folder) if name == "tensors" else folder / name
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    assert "damaged" in refusal(split, folder)


@pytest.mark.parametrize("name", ["format", "settings", "facts", "tensors", "tensors_sha256", "sha256"])
def test_a_missing_field_is_named(split, folder, name):
    about = json.loads((folder / ABOUT).read_text())
    del about[name]
    (folder / ABOUT).write_text(json.dumps(about))
    assert f"it lacks {name}" in refusal(split, folder)


def rewritten(folder, **changes):
    """Write changed fields with the hash that they ask for, as another version of the program would."""
    about = json.loads((folder / ABOUT).read_text()) | changes
    (folder / ABOUT).write_text(json.dumps(about | {"sha256": own_hash(about)}))


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "damaged"), ("[1]", "not hold a JSON object"), ('{"format": 1', "damaged"), ("\x00" * 50, "damaged")],
)
def test_a_file_that_is_no_checkpoint_is_refused(split, folder, content, said):
    (folder / ABOUT).write_text(content)
    assert said in refusal(split, folder)


def test_a_missing_tensor_file_and_a_name_outside_the_folder_are_refused(split, folder):
    tensor_file(folder).unlink()
    assert "No such file" in refusal(split, folder)
    rewritten(folder, tensors="../checkpoint-00000004.safetensors")
    assert "not the name of a checkpoint" in refusal(split, folder)


def test_another_format_is_refused(split, folder):
    rewritten(folder, format=1)
    assert "has format 1, this version of sfumato reads 2" in refusal(split, folder)


def test_another_version_is_refused(split, folder):
    settings = json.loads((folder / ABOUT).read_text())["settings"]
    rewritten(folder, settings=settings | {"versions": settings["versions"] | {"torch": "1.0"}})
    assert f"versions.torch is {settings['versions']['torch']!r}, there it was '1.0'" in refusal(split, folder)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": 1}, "seed is 1, there it was 0"),
        ({"training": replace(TRAINING, epochs=9)}, "training.epochs is 9, there it was 4"),
        ({"training": replace(TRAINING, lr=0.1, batch_size=8)}, "training.batch_size is 8, there it was 16"),
        ({"eval_every": 0.5}, "eval_every is 0.5, there it was 1.0"),
        ({"balance": "weights"}, "balance is 'weights', there it was 'none'"),
        ({"method": METHODS["label-smoothing"]()}, "method.name is 'label-smoothing', there it was 'baseline'"),
        ({"model_options": {"filters": 9}}, "model.filters is 9, there it was 8"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused_and_the_difference_named(split, folder, options, said):
    message = refusal(split, folder, **options)
    assert "is the checkpoint of another run" in message
    assert said in message
    assert "delete the folder" in message


@pytest.mark.parametrize("part", [0, 1], ids=["training", "dev"])
def test_a_checkpoint_of_other_rows_is_refused_and_the_difference_named(split, folder, part):
    where = ("training rows", "dev rows")[part]
    rows = split[part]

    def said(other):
        pair = list(split)
        pair[part] = other
        return refusal(pair, folder)

    assert f"{where}.number is {len(rows) - 1}, there it was {len(rows)}" in said(rows.take(range(len(rows) - 1)))
    assert f"{where}.texts is" in said(replace(rows, inputs=["another", *rows.inputs[1:]]))
    assert f"{where}.labels is" in said(replace(rows, labels=(rows.labels + 1) % 3))
    assert f"{where}.targets and weights is" in said(
        replace(rows, weights=np.linspace(0.5, 1.5, len(rows), dtype="f4"))
    )
    if where == "dev rows":
        assert "dev rows.number is not set, there it was 30" in said(None)


def test_a_network_that_is_built_otherwise_now_is_refused(split, folder):
    """The settings are the same, but the function behind them has changed."""
    architecture = MODELS["textcnn"](kernels=(2, 3), filters=8, dim=8)
    other = MODELS["textcnn"](kernels=(2, 3), filters=9, dim=8)
    with pytest.raises(InputError, match="has another shape; what builds the model or the criterion has changed"):
        train_model(
            *split,
            architecture=replace(architecture, build=other.build),
            method=METHODS["baseline"](),
            training=TRAINING,
            device="cpu",
            threads=1,
            checkpoint=Checkpoint(folder, resume=True),
        )


def test_a_checkpoint_that_nobody_asked_to_resume_is_not_written_over(folder):
    with pytest.raises(InputError, match=r"go on with it by --resume \(resume=True\), or delete the folder"):
        Checkpoint(folder).check()
    Checkpoint(folder, resume=True).check()
    Checkpoint(folder / "new").check()


@pytest.mark.parametrize("patience", [None, 1])
def test_a_finished_run_is_called_finished(split, tmp_path, patience):
    training = replace(TRAINING, epochs=40, patience=patience) if patience else TRAINING
    done = run(split, training=training, checkpoint=Checkpoint(tmp_path))
    assert (done.steps < 160) if patience else (done.steps == 16)
    with pytest.raises(InputError, match=r"of a finished run: resume=True .* gives its model again without training"):
        Checkpoint(tmp_path).check()


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file; give the name of a folder"):
        Checkpoint(tmp_path / "file").check()
    with pytest.raises(InputError, match="there is no folder"):
        Checkpoint(tmp_path / "none" / "kept").check()
