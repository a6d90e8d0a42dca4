from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sfumato import METHODS, InputError, combine
from sfumato.base import Output, Supervision, Switch
from sfumato.control_losses import ReplayedTargets, ShuffledTargets
from sfumato.controls import control, control_names, controls, kept_own_target, record_of
from sfumato.data import Examples
from sfumato.method import Method, Plan
from sfumato.methods.label_confusion import LabelConfusion
from sfumato.permutation import within_class
from sfumato.targets import DenseTargets

NAMES = ["a", "b", "a", "c", "b", "a", "b"]  # "c" is alone
RECORD = [
    {"from_step": 0, "gold_mass": 0.9, "class_mean": [[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.1, 0.0, 0.9]]},
    {"from_step": 10, "gold_mass": 0.8, "class_mean": [[0.8, 0.2, 0.0], [0.0, 0.8, 0.2], [0.2, 0.0, 0.8]]},
]


def seven_rows():
    return Examples.from_labels([f"text {i}" for i in range(7)], NAMES)


def drawn_targets(examples):
    drawn = np.random.default_rng(1).dirichlet([1.0] * examples.num_classes, len(examples))
    return replace(examples, targets=DenseTargets(drawn.astype(np.float32)))


DRAWN = Method("drawn", (drawn_targets,), options={"of": 1})


def batch():
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, 0, 2, 1, 0, 1])
    logits = torch.randn(7, 3, generator=generator).requires_grad_()
    features = torch.randn(7, 5, generator=generator).requires_grad_()
    return Output(logits, features), Supervision(labels, F.one_hot(labels).float())


def test_uniform_keeps_the_mean_gold_mass_and_spreads_the_rest_evenly():
    train = seven_rows()
    own = DRAWN.prepare(train).targets.dense()
    gold = sum(own[i, train.labels[i]] for i in range(7)) / 7
    targets = controls(DRAWN)["uniform"].prepare(train).targets.dense()
    for i in range(7):
        for k in range(3):
            expected = gold if k == train.labels[i] else (1 - gold) / 2
            assert targets[i, k] == pytest.approx(expected, rel=1e-5)


def test_class_mean_gives_every_row_the_mean_target_of_its_class():
    train = seven_rows()
    own = DRAWN.prepare(train).targets.dense()
    targets = controls(DRAWN)["class-mean"].prepare(train).targets.dense()
    for i in range(7):
        mean = np.mean([own[j] for j in range(7) if NAMES[j] == NAMES[i]], axis=0)
        assert targets[i] == pytest.approx(mean, rel=1e-5)


def test_shuffled_gives_every_row_the_target_of_another_row_of_its_class():
    train = seven_rows()
    own = DRAWN.prepare(train).targets.dense()
    targets = controls(DRAWN, seed=5)["shuffled"].prepare(train).targets.dense()
    for i in range(7):
        giver = next(j for j in range(7) if np.array_equal(own[j], targets[i]))
        assert NAMES[giver] == NAMES[i]
        assert (giver == i) == (NAMES[i] == "c")  # alone in its class, it keeps its own


@pytest.mark.parametrize("name", ["uniform", "class-mean", "shuffled"])
def test_a_control_changes_the_targets_and_nothing_else(name):
    train = seven_rows()
    prepared = DRAWN.prepare(train)
    controlled = controls(DRAWN)[name].prepare(train)
    assert not np.allclose(controlled.targets.dense(), prepared.targets.dense())
    assert controlled.targets.dense().sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert controlled.inputs == prepared.inputs
    assert np.array_equal(controlled.labels, prepared.labels)
    assert np.array_equal(train.targets.dense(), np.eye(3, dtype=np.float32)[train.labels])


def test_the_class_means_do_not_depend_on_the_block_size(monkeypatch):
    train = seven_rows()
    whole = control(DRAWN, "class-mean").prepare(train).targets.dense()
    monkeypatch.setattr("sfumato.controls.BLOCK", 2)
    assert control(DRAWN, "class-mean").prepare(train).targets.dense() == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_permutation_stays_within_the_class_and_moves_every_row_that_it_can(seed):
    labels = np.random.default_rng(seed).integers(0, 8, 40)
    moved = within_class(labels, seed)
    assert sorted(moved) == list(range(40))
    assert np.array_equal(labels[moved], labels)
    sizes = Counter(labels.tolist())
    assert [i for i in range(40) if moved[i] == i] == [i for i in range(40) if sizes[int(labels[i])] == 1]
    assert np.array_equal(moved, within_class(labels, seed))
    assert not np.array_equal(moved, within_class(labels, seed + 100))


def test_the_permutation_of_no_rows_is_empty():
    assert len(within_class(np.empty(0, dtype=np.int64), 0)) == 0


@pytest.mark.parametrize("method", [METHODS["baseline"](), METHODS["label-smoothing"](0.3)])
def test_targets_that_follow_from_the_label_have_no_controls(method):
    assert control_names(method) == ()
    assert controls(method) == {}


def test_uneven_targets_of_the_label_alone_are_controlled_by_even_ones():
    method = replace(METHODS["label-smoothing"](0.3), even=False)
    assert control_names(method) == ("uniform",)


@pytest.mark.parametrize("name", ["uniform", "class-mean", "shuffled"])
def test_each_control_of_label_smoothing_would_be_label_smoothing(name):
    # The reason why `control_names` leaves them out.
    smoothing = METHODS["label-smoothing"](0.3)
    train = seven_rows()
    pretend = replace(smoothing, label_only=False, even=False)
    same = control(pretend, name).prepare(train).targets.dense()
    assert same == pytest.approx(smoothing.prepare(train).targets.dense(), abs=1e-6)


def test_a_control_is_named_after_its_method_and_keeps_its_options_and_loss():
    method = replace(DRAWN, title="drawn (ours)", criterion=lambda plan: None)
    made = controls(method)["class-mean"]
    assert made.name == "drawn/class-mean"
    assert str(made) == "drawn (ours)/class-mean"
    assert made.options == {"of": 1}
    assert made.criterion is method.criterion


def test_an_unknown_control_is_refused_with_the_list():
    with pytest.raises(InputError, match=r"drawn has no control 'random'; it has: uniform, class-mean, shuffled"):
        control(DRAWN, "random")


def test_a_learning_method_needs_the_record_of_its_run():
    method = METHODS["lcm"]()
    with pytest.raises(InputError, match="train it first and pass its record"):
        controls(method)
    assert list(controls(method, RECORD)) == ["uniform", "class-mean", "shuffled"]
    assert control(method, "shuffled").name == "lcm/shuffled"  # needs no record


@pytest.mark.parametrize("stop", [None, 2])
@pytest.mark.parametrize("name", ["uniform", "class-mean"])
def test_the_controls_of_lcm_replay_the_record_step_by_step(name, stop):
    made = controls(METHODS["lcm"](stop=stop), RECORD)[name].criterion(Plan(3, 5, 10, 3))
    output, supervision = batch()
    for step, entry in ((0, 0), (9, 0), (10, 1), (19, 1)):
        made.at(step)
        gold = RECORD[entry]["gold_mass"]
        rows = RECORD[entry]["class_mean"]
        if name == "uniform":
            rows = [[gold if k == c else (1 - gold) / 2 for k in range(3)] for c in range(3)]
        targets = made.soft_targets(output, supervision)
        assert targets.tolist() == [pytest.approx(rows[label], rel=1e-5) for label in supervision.labels]
        expected = F.kl_div(output.logits.log_softmax(1), targets, reduction="batchmean")
        assert made(output, supervision).item() == pytest.approx(expected.item(), rel=1e-5)
    assert list(made.parameters()) == []
    assert made.state_dict() == {}


@pytest.mark.parametrize("name", ["uniform", "class-mean", "shuffled"])
def test_a_control_of_lcm_stops_when_lcm_stops(name):
    made = controls(METHODS["lcm"](stop=2), RECORD)[name].criterion(Plan(3, 5, 10, 3))
    assert isinstance(made, Switch)
    output, supervision = batch()
    plain = F.cross_entropy(output.logits, supervision.labels).item()
    made.at(19)
    assert made(output, supervision).item() != pytest.approx(plain, rel=1e-3)
    made.at(20)
    assert made(output, supervision).item() == pytest.approx(plain, rel=1e-6)


def test_shuffled_lcm_fits_the_learned_target_of_another_row_of_the_class():
    made = control(METHODS["lcm-paper"](alpha=1.0), "shuffled", seed=3).criterion(Plan(3, 5, 10, 3))
    assert isinstance(made, ShuffledTargets)
    with torch.no_grad():
        made.learning.label_embeddings.mul_(40)
    output, supervision = batch()
    made.at(4)
    own = made.soft_targets(output, supervision)
    order = within_class(supervision.labels.numpy(), (3, 4))
    expected = F.kl_div(output.logits.log_softmax(1), own[torch.from_numpy(order)], reduction="batchmean")
    loss = made(output, supervision)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss.item() != pytest.approx(made.learning(output, supervision).item(), rel=1e-4)
    assert made.kept == pytest.approx(1 / 7)  # the one row of class 2
    assert kept_own_target(Switch(made, made.learning, at_step=9)) == made.kept
    assert kept_own_target(made.learning) is None
    loss.backward()
    assert output.features.grad.abs().sum() > 0
    assert all(parameter.grad.abs().sum() > 0 for parameter in made.parameters())


def test_the_replay_of_lcm_has_the_strength_that_lcm_had():
    learning = METHODS["lcm"]().criterion(Plan(3, 5, 10, 3))
    output, supervision = batch()
    learning(output, supervision)
    record = record_of(learning)
    replayed = controls(METHODS["lcm"](), record)["uniform"].criterion(Plan(3, 5, 10, 3))
    assert isinstance(replayed, ReplayedTargets)
    own = learning.soft_targets(output, supervision)
    theirs = replayed.soft_targets(output, supervision)
    rows = torch.arange(7)
    mean = own[rows, supervision.labels].mean().item()
    assert theirs[rows, supervision.labels].mean().item() == pytest.approx(mean, rel=1e-5)


def test_a_criterion_that_learns_nothing_has_no_record():
    assert record_of(METHODS["lcm"](stop=1).criterion(Plan(3, 5, 10, 3))) == []
    assert record_of(ReplayedTargets([0], [np.eye(3)])) is None


def test_combined_methods_have_the_controls_of_the_whole():
    static = combine(METHODS["label-smoothing"](0.1), DRAWN)
    made = controls(static)["class-mean"]
    assert made.name == "label-smoothing+drawn/class-mean"
    assert made.prepare(seven_rows()).targets.num_classes == 3

    learning = combine(METHODS["label-smoothing"](0.1), METHODS["lcm"](stop=1))
    assert control_names(learning) == ("uniform", "class-mean", "shuffled")
    made = controls(learning, RECORD)["shuffled"]
    assert len(made.transforms) == 1
    assert isinstance(made.criterion(Plan(3, 5, 10, 3)).first.learning, LabelConfusion)

    assert control_names(combine(METHODS["baseline"](), METHODS["label-smoothing"]())) == ()
