"""Models of rows that may have several labels, or none: trained, calibrated, thresholded, saved, gone on with."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import sfumato
from sfumato import InputError
from sfumato.architecture import Training
from sfumato.calibration import fit_binary_temperature, fit_temperature, sigmoid
from sfumato.checkpoint import Checkpoint
from sfumato.data import Examples
from sfumato.evaluation import evaluate
from sfumato.full_batch import Descent, products_of, supervise
from sfumato.method import Method, Teacher
from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.multilabel_metrics import micro_f1
from sfumato.progress import Progress
from sfumato.run import train_model
from sfumato.targets import DenseTargets

WORDS = {  # those of the tiny encoder
    "billing": ["invoice", "refund", "charge", "amount", "tax"],
    "login": ["password", "code", "account", "locked", "email"],
    "shipping": ["parcel", "courier", "address", "door", "late"],
}
FILLER = ["please", "help", "the", "my", "is", "a", "with", "today", "again", "and"]
CLASSES = tuple(WORDS)
SHORT = Training(epochs=3, batch_size=16, lr=1e-2, max_length=32)


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


def label_sets(rows):
    return [
        [name for name, given in zip(CLASSES, row, strict=True) if given]
        for row in np.random.default_rng(5).random((rows, 3)) < 0.45
    ]


@pytest.fixture(scope="module")
def split():
    """90 texts with a word of each of their labels, some of them without any: 60 to train on, 30 of dev."""
    rng, sets = np.random.default_rng(1), label_sets(90)
    texts = [" ".join([*(rng.choice(WORDS[k]) for k in own), *rng.choice(FILLER, 4)]) for own in sets]
    examples = Examples.from_label_sets(texts, sets, classes=CLASSES)
    assert (examples.labels.sum(axis=1) == 0).any()
    assert (examples.labels.sum(axis=1) > 1).any()
    return examples.take(range(60)), examples.take(range(60, 90))


def trained(split, name="linear", method=None, *, training=None, model_options=None, **options):
    architecture = MODELS[name](**(model_options or {}))
    training = training or (architecture.training if name == "linear" else SHORT)
    options = {"device": "cpu", "threads": 1} | options
    return train_model(
        *split, architecture=architecture, method=method or METHODS["baseline"](), training=training, **options
    )


@pytest.fixture(scope="module")
def linear(split):
    return trained(split, refit=False)


def test_the_temperature_is_the_best_of_a_fine_grid(split, linear):
    gold = split[1].gold
    logits = linear.model.predict_logits(split[1].inputs) + np.random.default_rng(0).normal(0, 4, gold.shape)

    def loss(temperature):
        total = 0.0
        for row, scores in zip(gold, logits, strict=True):
            for y, z in zip(row, scores, strict=True):
                total += math.log1p(math.exp(-z / temperature if y else z / temperature))
        return total / gold.size

    grid = np.geomspace(0.05, 20, 400)
    best = grid[int(np.argmin([loss(t) for t in grid]))]
    found = fit_binary_temperature(logits, gold)
    assert 0.06 < found < 19
    assert found == pytest.approx(best, rel=0.02)
    assert loss(found) <= loss(best) + 1e-12


def test_the_temperature_of_two_classes_is_that_of_their_one_question():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    logits = rng.normal(2 * labels - 1, 3)
    of_one = fit_binary_temperature(logits[:, None], labels[:, None] == 1)
    assert of_one == pytest.approx(fit_temperature(np.stack([0 * logits, logits], axis=1), labels))


def test_a_prediction_is_the_labels_above_the_thresholds_and_a_row_may_have_none(split, linear):
    model, dev = linear.model, split[1]
    p = model.predict_proba(dev.inputs)
    assert p == pytest.approx(1 / (1 + np.exp(-model.predict_logits(dev.inputs) / model.temperature)))
    expected = [[CLASSES[k] for k in range(3) if row[k] > model.thresholds[k]] for row in p]
    assert model.predict(dev.inputs) == expected
    assert [] in model.predict(["please help today", *dev.inputs])
    assert linear.dev["micro_f1"] == pytest.approx(micro_f1(dev.gold, p > model.thresholds))


def test_dev_chooses_one_threshold_or_one_a_label_or_a_number_is_kept(split):
    hard = replace(split[1], inputs=[" ".join(text.split()[1:]) for text in split[1].inputs])
    found = {
        kind: trained((split[0], hard), training=replace(MODELS["linear"]().training, thresholds=kind), refit=False)
        for kind in ("global", "label", 0.25)
    }
    assert len(set(found["global"].model.thresholds)) == 1
    assert len(set(found["label"].model.thresholds)) > 1
    assert found[0.25].model.thresholds.tolist() == [0.25] * 3
    scores = [found[kind].dev["micro_f1"] for kind in ("label", "global", 0.25)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[2]


def test_without_dev_the_threshold_is_a_half_and_nothing_is_calibrated(split):
    model = trained((split[0], None)).model
    assert model.thresholds.tolist() == [0.5] * 3
    assert model.temperature == 1


def test_linear_trained_again_keeps_what_dev_chose(split, linear):
    again = trained(split)
    assert again.refitted
    assert not linear.refitted
    assert again.model.temperature == linear.model.temperature
    assert again.model.thresholds.tolist() == linear.model.thresholds.tolist()


def test_one_batch_sums_the_questions_of_a_row_beside_the_penalty(split, linear):
    train = split[0]
    encoded = linear.model.encoder.encode(train.inputs, 100)
    objective = linear.objective
    supervision = supervise(train)
    descent = Descent(objective, products_of(encoded, supervision, 5), supervision, 0.0, 0)
    share = train.gold.mean(axis=0)
    assert descent.here.bias.numpy() == pytest.approx(np.log(share / (1 - share)), rel=1e-5)  # the odds of each class
    by_hand = -(share * np.log(share) + (1 - share) * np.log(1 - share)).sum()
    assert descent.step() == pytest.approx(by_hand, rel=1e-5)  # the sum over classes, the mean over rows


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("image-cnn",)])
def test_every_model_of_texts_learns_and_its_folder_gives_the_same_answers(split, tiny_bert, tmp_path, name):
    options = {"encoder": str(tiny_bert)} if name.startswith("transformer") else {}
    run = trained(split, name, model_options=options, training=replace(SHORT, epochs=2) if name != "linear" else None)
    assert run.history[-1]["dev_micro_f1"] >= 0
    assert "dev_accuracy" not in run.history[-1]
    model, texts = run.model, split[1].inputs
    back = sfumato.load(model.save(tmp_path / "saved"))
    assert back.multilabel
    assert back.thresholds.tolist() == model.thresholds.tolist()
    assert back.predict_proba(texts) == pytest.approx(model.predict_proba(texts), abs=1e-5)
    assert back.predict(texts) == model.predict(texts)
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    card = (tmp_path / "saved" / "README.md").read_text()
    assert "several or none" in card
    assert f"{model.thresholds[0]:.4g}" in card


def test_images_may_have_several_labels():
    rng, sets = np.random.default_rng(0), label_sets(60)
    images = rng.integers(0, 60, (60, 9, 9)).astype(np.uint8)
    for image, own in zip(images, sets, strict=True):
        for name in own:
            image[3 * CLASSES.index(name) : 3 * CLASSES.index(name) + 3] += 150
    examples = Examples.from_label_sets(images, sets, classes=CLASSES)
    run = trained((examples.take(range(40)), examples.take(range(40, 60))), "image-cnn")
    assert run.model.predict_proba(images).shape == (60, 3)
    assert isinstance(run.model.predict(images)[0], list)


def test_a_pipeline_of_transformers_gives_the_same_probabilities(split, tiny_bert, tmp_path):
    from transformers import pipeline

    model = trained(split, "transformer", model_options={"encoder": str(tiny_bert)}).model
    folder = str(model.save(tmp_path / "saved"))
    texts = split[1].inputs[:4]
    own = sfumato.load(folder).predict_proba(texts)
    for how in ({}, {"function_to_apply": "sigmoid"}):
        classify = pipeline("text-classification", folder, top_k=None, device="cpu", **how)
        for found, row in zip(classify(texts), own, strict=True):
            assert {each["label"]: each["score"] for each in found} == pytest.approx(
                dict(zip(CLASSES, row, strict=True))
            )
    assert not np.allclose(own.sum(axis=1), 1)


def test_an_unmodified_trainer_trains_rows_of_several_labels(split, tmp_path):
    from transformers import Trainer, TrainingArguments

    run = trained(split, "bag", training=replace(SHORT, epochs=1))
    encoded, train = run.model.encoder.encode(split[0].inputs, 32), split[0]

    def collate(rows):
        index = np.array(rows)
        batch = {name: torch.as_tensor(value) for name, value in encoded.batch(index).items()}
        return batch | {"labels": torch.from_numpy(train.labels[index])}

    before = run.objective(**collate(range(60)))["loss"].item()
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=20,
        learning_rate=0.05,
        per_device_train_batch_size=60,
        remove_unused_columns=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    Trainer(run.objective, arguments, train_dataset=list(range(60)), data_collator=collate).train()
    run.objective.eval()
    assert run.objective(**collate(range(60)))["loss"].item() < 0.7 * before


def test_a_run_that_was_broken_off_goes_on_to_the_same_weights(split, tmp_path):
    options = {"model_options": {"kernels": (2,), "filters": 8, "dim": 8}, "training": replace(SHORT, epochs=4)}
    whole = trained(split, "textcnn", **options)
    with pytest.raises(Broken):
        trained(split, "textcnn", **options, checkpoint=Checkpoint(tmp_path / "kept"), progress=BreaksAfter(9))
    again = trained(split, "textcnn", **options, checkpoint=Checkpoint(tmp_path / "kept", resume=True))
    assert again.resumed == 2
    for name, value in whole.objective.state_dict().items():
        assert torch.equal(value, again.objective.state_dict()[name]), name
    assert again.model.thresholds.tolist() == whole.model.thresholds.tolist()
    assert again.best_epoch == whole.best_epoch
    other = {**options, "training": replace(SHORT, epochs=4, thresholds=0.3)}
    with pytest.raises(InputError, match=r"training\.thresholds"):
        trained(split, "textcnn", **other, checkpoint=Checkpoint(tmp_path / "kept", resume=True))


def test_the_best_epoch_is_that_of_the_highest_micro_f1_then_of_the_lowest_log_loss(split):
    run = trained(split, "textcnn", training=replace(SHORT, epochs=5), model_options={"filters": 8, "dim": 8})
    best = max(run.history, key=lambda look: (look["dev_micro_f1"], -look["dev_log_loss"]))
    assert len({look["dev_micro_f1"] for look in run.history}) > 1
    assert run.best_epoch == best["epoch"]


def test_a_teacher_speaks_in_probabilities_of_their_own(split):
    heard = {}

    def listen(examples):
        heard["teacher"] = examples.teacher
        return replace(examples, targets=DenseTargets((examples.gold + examples.teacher).astype(np.float32) / 2))

    method = Method("taught", (listen,), teacher=Teacher(folds=2), multilabel=True)
    run = trained(split, method=method, refit=False)
    teacher = heard["teacher"]
    assert teacher.shape == (60, 3)
    assert ((teacher >= 0) & (teacher <= 1)).all()
    assert not np.allclose(teacher.sum(axis=1), 1, atol=0.01)
    assert run.dev["micro_f1"] > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"balance": "weights"}, "may have several labels or none"),
        ({"measures": ("curves",)}, "asks for the class of a row"),
        ({"method": METHODS["logit-adjustment"]()}, "defined for one label a row"),
    ],
)
@pytest.mark.filterwarnings("ignore:linear is fitted in one batch")
def test_what_needs_one_label_a_row_is_refused_in_words(split, options, message):
    with pytest.raises(InputError, match=message):
        trained(split, "textcnn", **options)


def test_votes_and_a_dev_split_of_the_other_kind_are_refused_in_words(split):
    train, dev = split
    with pytest.raises(InputError, match="votes choose one class"):
        trained((replace(train, votes=np.ones((60, 3), np.float32)), dev))
    with pytest.raises(InputError, match="one label a row"):
        trained((train, Examples.from_labels(dev.inputs, ["login"] * 30, classes=CLASSES)))


def test_a_test_table_is_measured_and_labels_that_training_never_saw_are_counted(split, linear):
    model, dev = linear.model, split[1]
    sets = [[CLASSES[k] for k in np.flatnonzero(row)] for row in dev.labels]
    known = evaluate(model, {"text": dev.inputs, "labels": sets}, text="text", label="labels")
    assert known.metrics["micro_f1"].value == pytest.approx(linear.dev["micro_f1"])
    assert known.without_label == sum(not own for own in sets)
    assert known.unseen == 0
    assert [line.support for line in known.per_class] == dev.labels.sum(axis=0).tolist()
    strange = [[*own, "weather"] if i < 3 else own for i, own in enumerate(sets)]
    found = evaluate(model, {"text": dev.inputs, "labels": strange}, text="text", label="labels")
    assert found.unseen == 3
    assert "weather" in " ".join(found.notes)
    assert found.metrics["micro_recall"].value < known.metrics["micro_recall"].value
    assert json.loads(json.dumps(found.to_dict()))["without_label"] == found.without_label
    with pytest.raises(InputError, match="nothing can be measured"):
        evaluate(model, {"text": ["a", "b"], "labels": [["sun"], ["rain"]]}, text="text", label="labels")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": [0.5]}, "another label set"),
        ({"thresholds": [0.5, 0.5, 7]}, "between 0 and 1"),
        ({"thresholds": None}, "another label set"),
        ({"multilabel": "yes"}, "multilabel cannot be"),
        ({"multilabel": False}, "mixes two models"),
    ],
)
def test_a_damaged_folder_is_refused_and_one_of_before_there_was_a_choice_is_read(linear, tmp_path, change, message):
    folder = linear.model.save(tmp_path / "saved")
    about = json.loads((folder / "sfumato.json").read_text())
    (folder / "sfumato.json").write_text(json.dumps(about | change))
    with pytest.raises(InputError, match=message):
        sfumato.load(folder)
    for name in ("multilabel", "thresholds"):
        del about[name]
    config = json.loads((folder / "config.json").read_text()) | {"problem_type": "single_label_classification"}
    (folder / "sfumato.json").write_text(json.dumps(about))
    (folder / "config.json").write_text(json.dumps(config))
    old = sfumato.load(folder)
    assert not old.multilabel
    assert old.predict_proba(["the invoice"]).sum() == pytest.approx(1)


def test_soft_targets_of_several_labels_are_probabilities_of_their_own(split):
    examples = split[0]
    data = {"text": examples.inputs, "labels": [[CLASSES[k] for k in np.flatnonzero(r)] for r in examples.labels]}
    targets = np.where(examples.gold, 0.9, 0.1)
    model = sfumato.fit(data, text="text", label="labels", soft_targets=targets, method="baseline", dev=0)
    assert model.multilabel
    targets[4, 1] = 1.5
    with pytest.raises(InputError, match="row 5 holds what is no probability"):
        sfumato.fit(data, text="text", label="labels", soft_targets=targets, method="baseline", dev=0)


def test_fit_reads_lists_says_what_is_always_answered_and_takes_thresholds(split, tmp_path):
    every = [[CLASSES[k] for k in np.flatnonzero(row)] for part in split for row in part.labels]
    data = {"text": [text for part in split for text in part.inputs], "labels": every}
    model = sfumato.fit(data, text="text", label="labels", method="baseline", dev=0.3, thresholds="label")
    assert model.multilabel
    assert 0 < model.info["majority"] < model.info["dev"]["micro_f1"]
    with pytest.raises(InputError, match="these rows have one each"):
        sfumato.fit({"text": ["a b", "c d"] * 9, "label": ["x", "y"] * 9}, method="baseline", thresholds=0.3)
    assert list(itertools.chain(*model.predict(["my invoice and my password"])))


def test_the_sigmoid_is_finite_for_logits_of_any_size():
    assert sigmoid(np.array([-1e4, 0, 1e4])).tolist() == [0, 0.5, 1]
