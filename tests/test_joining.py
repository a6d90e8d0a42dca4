"""A method that joins a run later: before its step nothing of it, from its step on all of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_training import a_run, data_set
from torch.nn import functional as F

from sfumato import METHODS, MODELS
from sfumato.architecture import Training
from sfumato.base import Output, Supervision
from sfumato.controls import control, control_names, record_of
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.joining import joined
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan
from sfumato.run import train_model
from sfumato.targets import DenseTargets

PLAN = Plan(3, 4, steps_per_epoch=4, epochs=3)
TRAINING = Training(epochs=3, batch_size=16, lr=1e-2, max_length=32)  # 4 steps an epoch
JOINED = ("label-smoothing", "kwls-paper", "kwls-official", "lcm")


@pytest.fixture(scope="module")
def split(tickets):
    examples = Examples.from_labels(tickets["text"], tickets["label"])
    return examples.take(range(60)), examples.take(range(60, 90))


def run(split, method):
    architecture = MODELS["textcnn"](kernels=(2, 3), filters=8, dim=8)
    return train_model(*split, architecture=architecture, method=method, training=TRAINING, device="cpu", threads=1)


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    output = Output(torch.randn(6, 3, generator=generator), torch.randn(6, 4, generator=generator))
    targets = torch.rand(6, 3, generator=generator).softmax(dim=1)
    weights = torch.tensor([0.5, 1.5, 1.0, 1.0, 2.0, 0.0])
    return output, Supervision(torch.tensor([0, 1, 2, 0, 1, 1]), targets, weights=weights)


def at(criterion, step, *seen):
    criterion.at(step)
    with torch.no_grad():
        return float(criterion(*seen))


@pytest.mark.parametrize("name", JOINED)
def test_the_loss_is_that_of_the_labels_before_the_step_and_the_methods_own_from_it_on(name):
    method = METHODS[name]()
    own = (lambda plan: SoftCrossEntropy()) if method.criterion is None else method.criterion
    criterion, alone = joined(method, 5).criterion(PLAN), own(PLAN)
    output, supervision = batch()
    p = output.logits.softmax(dim=1)
    gold = [-float(p[row, label].log()) for row, label in enumerate(supervision.labels.tolist())]
    expected = sum(loss * weight for loss, weight in zip(gold, supervision.weights.tolist(), strict=True)) / 6
    for step in (0, 4):
        assert at(criterion, step, output, supervision) == pytest.approx(expected, rel=1e-5)
        assert at(alone, step, output, supervision) != pytest.approx(expected, rel=1e-3)
    for step in (5, 6, 100):
        assert at(criterion, step, output, supervision) == pytest.approx(at(alone, step, output, supervision))


@pytest.mark.parametrize("name", ["kwls-paper", "lcm"])
def test_a_run_is_that_of_the_baseline_before_the_step_and_not_after_it(split, name):
    baseline = run(split, METHODS["baseline"]()).history
    late, at_once = run(split, joined(METHODS[name](), 8)).history, run(split, METHODS[name]()).history
    losses = [[record["loss"] for record in history] for history in (baseline, late, at_once)]
    assert losses[1][:2] == losses[0][:2]  # steps 0 to 7
    assert losses[2][0] != losses[0][0]
    assert abs(losses[1][2] - losses[0][2]) > 1e-4


def test_the_step_counts_to_the_one(split):
    def history(step):
        return run(split, joined(METHODS["kwls-paper"](), step)).history

    baseline, eighth, never = run(split, METHODS["baseline"]()).history, history(7), history(12)
    assert [each["loss"] for each in never] == [each["loss"] for each in baseline]
    assert eighth[0]["loss"] == baseline[0]["loss"]
    assert eighth[1]["loss"] != baseline[1]["loss"]  # the last step of the second epoch is the method's
    from_the_start = run(split, METHODS["kwls-paper"]()).history
    assert history(0) == from_the_start


def test_a_joined_method_is_named_by_its_step_and_has_a_key_of_its_own():
    method = joined(METHODS["kwls-paper"](), 200)
    assert method.name == str(method) == "kwls-paper from step 200"
    assert method.options["at_step"] == 200
    data = data_set()
    keys = {a_run(data, each).key for each in (METHODS["kwls-paper"](), method, joined(METHODS["kwls-paper"](), 201))}
    assert len(keys) == 3


def test_the_controls_of_a_joined_method_have_its_targets_replaced_and_join_as_late(split):
    method = joined(METHODS["kwls-paper"](), 5)
    assert control_names(method) == control_names(METHODS["kwls-paper"]())
    uniform = control(method, "uniform")
    assert uniform.name == "kwls-paper from step 5/uniform"
    own = control(METHODS["kwls-paper"](), "uniform")
    np.testing.assert_array_equal(uniform.prepare(split[0]).targets.dense(), own.prepare(split[0]).targets.dense())
    seen = batch()
    criterion = uniform.criterion(PLAN)
    assert at(criterion, 4, *seen) != at(criterion, 5, *seen) == at(own.criterion(PLAN), 5, *seen)


@pytest.mark.parametrize("name", ["uniform", "class-mean", "shuffled"])
def test_the_controls_of_a_joined_method_that_learns_replace_what_it_learns(split, name):
    method = joined(METHODS["lcm"](), 5)
    record = record_of(run(split, method).objective.criterion)
    assert record[0]["from_step"] in range(6)
    criterion = control(method, name, record).criterion(PLAN)
    output, supervision = batch()
    hard = at(criterion, 4, output, supervision)
    gold = F.cross_entropy(output.logits, supervision.labels, reduction="none")
    assert hard == pytest.approx(float((gold * supervision.weights).mean()), rel=1e-5)
    assert at(criterion, 5, output, supervision) != pytest.approx(hard, rel=1e-3)
    trained = run(split, control(method, name, record))
    assert trained.steps == 12


def test_the_targets_of_a_joined_method_that_learns_are_the_learned_ones():
    output, supervision = batch()
    criterion = joined(METHODS["lcm"](), 5).criterion(PLAN)
    criterion.at(0)
    assert torch.equal(criterion.soft_targets(output, supervision), criterion.then.soft_targets(output, supervision))
    assert not torch.equal(criterion.soft_targets(output, supervision), supervision.targets)


def test_linear_can_be_joined_too(split):
    method = joined(METHODS["kwls-paper"](), 10)
    trained = train_model(*split, architecture=MODELS["linear"](), method=method, training=Training(epochs=20))
    plain = train_model(
        *split, architecture=MODELS["linear"](), method=METHODS["baseline"](), training=Training(epochs=20)
    )
    for late, early in zip(trained.history, plain.history, strict=True):
        if late["step"] <= 10:  # the bias begins at the mean target, the method's or the labels'
            assert late["loss"] == pytest.approx(early["loss"], rel=0.01)
        else:
            assert late["loss"] < 0.7 * early["loss"]  # that of the paper is divided by 2 (1 + alpha)^2


def test_what_has_no_loss_of_its_own_and_no_targets_cannot_join():
    with pytest.raises(InputError, match="baseline fits the given labels from the first step on"):
        joined(METHODS["baseline"](), 3)
    assert joined(METHODS["logit-adjustment"](), 3).criterion is not None
    for wrong in (-1, 2.5, "3"):
        with pytest.raises(InputError, match="at_step"):
            joined(METHODS["lcm"](), wrong)


def test_given_targets_are_fitted_from_the_step_on_and_not_before():
    given = np.array([[0.2, 0.8, 0.0]] * 4, np.float32)
    train = replace(Examples.from_labels(["x", "y", "z", "w"], ["a", "b", "c", "a"]), targets=DenseTargets(given))
    criterion = joined(METHODS["label-smoothing"](), 1).criterion(PLAN)
    logits = torch.zeros(4, 3)
    logits[:, 1] = 2.0
    seen = (
        Output(logits, torch.zeros(4, 4)),
        Supervision(torch.from_numpy(train.labels), torch.from_numpy(train.targets.dense())),
    )
    log_p = logits[0].log_softmax(dim=0).tolist()
    assert at(criterion, 0, *seen) == pytest.approx(-(2 * log_p[0] + log_p[1] + log_p[2]) / 4)
    assert at(criterion, 1, *seen) == pytest.approx(-(0.2 * log_p[0] + 0.8 * log_p[1]))


def test_a_share_of_the_steps_is_as_many_steps_at_every_length():
    half = joined(METHODS["kwls-paper"](), share=0.5)
    assert str(half) == "kwls-paper after 50% of the steps"
    assert half.criterion(PLAN).at_step == 6  # of 4 steps an epoch, 3 epochs
    assert half.criterion(replace(PLAN, epochs=9)).at_step == 18
    for wrong in ({}, {"at_step": 3, "share": 0.5}):
        with pytest.raises(InputError, match="either at_step or share"):
            joined(METHODS["kwls-paper"](), **wrong)
