"""A teacher judges rows that it has not seen, and a method that wants one gets one wherever it is used."""

import numpy as np
import pytest

import sfumato
from sfumato import METHODS, MODELS
from sfumato.architecture import Training
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Teacher, combine
from sfumato.run import hear_teacher, train_model
from sfumato.teaching import taught

TRAINING = Training(epochs=2, batch_size=16, lr=1e-2, max_length=32)


class Remembers:
    """A teacher that knows its rows by heart: 1 for the label it has seen, even shares for other texts."""

    def __init__(self, examples):
        self.seen = dict(zip(examples.inputs, examples.labels, strict=True))

    def predict_proba(self, texts):
        even = np.full(3, 1 / 3)
        return np.array([np.eye(3)[self.seen[t]] if t in self.seen else even for t in texts])


def rows(n=30, start=0):
    return Examples.from_labels([f"text {start + i}" for i in range(n)], [str(i % 3) for i in range(n)])


def test_out_of_fold_no_row_is_judged_by_a_teacher_that_has_seen_it():
    train, dev = rows(), rows(6, start=100)
    watched = []

    def fit(part, dev):
        watched.append(dev)
        return Remembers(part)

    heard, heard_dev = taught(train, dev, Teacher(folds=5), fit=fit, seed=0)
    assert heard.teacher == pytest.approx(1 / 3)
    assert heard_dev.teacher == pytest.approx(1 / 3)
    assert watched == [dev] * 5
    assert train.teacher is None


def test_in_sample_every_row_is_judged_by_the_teacher_that_learned_it():
    heard, _ = taught(rows(), None, Teacher(folds=0), fit=lambda part, dev: Remembers(part), seed=0)
    assert heard.teacher == pytest.approx(np.eye(3)[rows().labels])


def test_the_teacher_follows_its_rows_when_they_are_taken():
    heard, _ = taught(rows(), None, Teacher(folds=0), fit=lambda part, dev: Remembers(part), seed=0)
    assert heard.take([4, 1]).teacher == pytest.approx(heard.teacher[[4, 1]])


def test_a_method_with_a_teacher_that_has_not_spoken_says_so():
    with pytest.raises(InputError, match=r"self-distillation needs Examples.teacher"):
        METHODS["self-distillation"]().prepare(rows())


def test_two_methods_with_a_teacher_are_not_combined():
    with pytest.raises(InputError, match="both want a teacher"):
        combine(METHODS["self-distillation"](), METHODS["self-distillation-paper"]())


@pytest.fixture(scope="module")
def split(tickets):
    examples = Examples.from_labels(tickets["text"], tickets["label"])
    return examples.take(range(60)), examples.take(range(60, 90))


def test_a_run_trains_its_teacher_out_of_fold_with_the_students_settings(split):
    architecture = MODELS["textcnn"](kernels=(2, 3), filters=8, dim=8)
    settings = {"architecture": architecture, "training": TRAINING, "seed": 1, "device": "cpu"}
    heard, _ = hear_teacher(*split, METHODS["self-distillation"]().teacher, **settings)
    assert heard.teacher.sum(axis=1) == pytest.approx(1, abs=1e-5)
    one = train_model(*split, method=METHODS["self-distillation"](weight=0.5), **settings)
    by_hand = train_model(heard, split[1], method=untaught(METHODS["self-distillation"](weight=0.5)), **settings)
    assert one.history == by_hand.history
    hard = train_model(*split, method=METHODS["baseline"](), **settings)
    assert one.history != hard.history


def untaught(method):
    """The same method, which takes the teacher that the rows already have."""
    from dataclasses import replace

    return replace(method, teacher=None)


def test_linear_is_refitted_with_what_the_teachers_say_of_dev(split):
    trained = train_model(
        *split, architecture=MODELS["linear"](steps=10), method=METHODS["self-distillation"](), seed=0
    )
    assert trained.refitted


@pytest.mark.slow
def test_another_model_may_teach(split):
    architecture = MODELS["textcnn"](kernels=(2,), filters=4, dim=4)
    method = METHODS["self-distillation"](teacher="linear", folds=2)
    assert train_model(*split, architecture=architecture, method=method, training=TRAINING, device="cpu").steps
    wrong = METHODS["self-distillation"](teacher="linaer")
    with pytest.raises(InputError, match="did you mean 'linear'"):
        train_model(*split, architecture=architecture, method=wrong, training=TRAINING, device="cpu")


def test_soften_gives_every_row_its_out_of_fold_target(tickets):
    texts, labels = tickets["text"][:90], tickets["label"][:90]
    soft = sfumato.soften(texts, labels, "self-distillation", weight=1.0, folds=3)
    assert soft.targets.shape == (90, len(set(labels)))
    assert 0.2 < soft.gold_mass.mean() < 0.999
    assert soft.labels.tolist() == [soft.classes.index(label) for label in labels]
    right = soft.targets.argmax(axis=1) == soft.labels
    assert right.mean() > 0.6  # in the order of the rows: shuffled ones would agree one time in three


@pytest.mark.slow
def test_a_method_and_its_controls_hear_one_teacher_in_a_comparison(tickets, tmp_path):
    table = sfumato.compare(
        {"text": tickets["text"][:120], "label": tickets["label"][:120]},
        models=["linear"],
        methods=["baseline", ("self-distillation", {"folds": 2})],
        seeds=1,
        output=tmp_path,
        jobs=1,
    )
    assert not table.failed
    assert len(table.table) == 5
    assert len(list(tmp_path.glob("predictions/*.teacher.safetensors"))) == 1
    methods = dict(zip(table.table["control"], table.table["accuracy_mean"], strict=True))
    assert set(methods) == {None, "uniform", "class-mean", "shuffled"} or "uniform" in methods
