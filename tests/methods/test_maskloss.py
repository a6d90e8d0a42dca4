"""MaskLoss on given groups: by the book, its limits, and the one coin of a step."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from sfumato import METHODS, InputError, combine
from sfumato.base import Objective, Output, Supervision
from sfumato.data import Examples
from sfumato.method import Plan
from sfumato.methods.maskloss import MaskWarning, maskloss_label
from sfumato.sigmoid_losses import SigmoidCrossEntropy

CLASSES = ("E:a", "E:b", "N:a", "N:b", "N:c")
GROUP = [0, 0, 1, 1, 1]
ONE = ["E:a", "N:b", "E:b", "N:c", "N:a", "E:a"]
SEVERAL = [["E:a", "N:b"], [], ["N:a", "N:b", "N:c"], ["E:b"], ["E:a", "E:b"], ["N:c"]]


def single():
    return Examples.from_labels([f"text {i}" for i in range(6)], ONE, classes=CLASSES)


def several():
    return Examples.from_label_sets([f"text {i}" for i in range(6)], SEVERAL, classes=CLASSES)


both = pytest.mark.parametrize("data", [single, several])


def logits():
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()


def similar_by_the_book(examples):
    gold = examples.gold
    rows = []
    for i in range(len(examples)):
        given = [k for k in range(5) if gold[i, k]]
        rows.append([not gold[i, k] and any(GROUP[k] == GROUP[j] for j in given) for k in range(5)])
    return np.array(rows)


def row_loss_by_the_book(z, y, similar, coin, normalize):
    total, count = 0.0, 0.0
    for k in range(5):
        p = 1 / (1 + math.exp(-z[k]))
        bce = -(y[k] * math.log(p) + (1 - y[k]) * math.log(1 - p))
        share = coin[k] if similar[k] else 1
        total += share * bce
        count += share
    return total / (5 if normalize == "C" else count)


def supervision_of(prepared, rows=slice(None)):
    parts = (prepared.labels, prepared.targets.dense(), prepared.similar)
    return Supervision(*(torch.from_numpy(part[rows]) for part in parts))


def plan(multilabel=False):
    return Plan(5, 3, steps_per_epoch=4, epochs=3, seed=3, multilabel=multilabel)


def made(**options):
    return maskloss_label("prefix::", **options)


@both
def test_similar_labels_are_those_of_the_group_of_a_given_one(data):
    prepared = made().prepare(data())
    assert prepared.similar.tolist() == similar_by_the_book(data()).tolist()
    assert not (prepared.similar & prepared.gold).any()


@both
@pytest.mark.parametrize("normalize", ["C", "active"])
@pytest.mark.parametrize("granularity", ["step", "sample", "label"])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_equation_3_by_the_book(data, normalize, granularity, step):
    prepared = made(alpha=0.5, granularity=granularity, normalize=normalize).prepare(data())
    criterion = made(alpha=0.5, granularity=granularity, normalize=normalize).criterion(plan())
    criterion.at(step)
    z = logits()
    coin = torch.as_tensor(criterion.coin(6, 5)).float().broadcast_to(6, 5).tolist()
    assert {value for row in coin for value in row} <= {0.0, 1.0}
    similar, gold = similar_by_the_book(data()), data().gold
    rows = [row_loss_by_the_book(z[i].tolist(), gold[i], similar[i], coin[i], normalize) for i in range(6)]
    loss = criterion(Output(z, z), supervision_of(prepared))
    assert loss.item() == pytest.approx(np.mean(rows), rel=1e-5)


@both
def test_alpha_1_is_the_baseline_and_alpha_0_gives_similar_labels_no_gradient(data):
    z = logits()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MaskWarning)
        prepared = made(alpha=0).prepare(data())
    plain = SigmoidCrossEntropy()(Output(z, z), supervision_of(prepared))
    full = made(alpha=1).criterion(plan())(Output(z, z), supervision_of(prepared))
    assert full.item() == plain.item()
    made(alpha=0).criterion(plan())(Output(z, z), supervision_of(prepared)).backward()
    assert (z.grad[torch.from_numpy(prepared.similar)] == 0).all()
    assert (z.grad[torch.from_numpy(~prepared.similar)] != 0).all()


def test_the_literal_reading_of_equation_3_would_leave_only_given_labels():
    # Every wrong label is in G of its own group, so "k not in G(k)" leaves the given ones: all-ones costs nothing.
    data = single()
    everything = torch.from_numpy(~data.gold)
    literal = Supervision(torch.from_numpy(data.labels), torch.from_numpy(data.targets.dense()), everything)
    high = torch.full((6, 5), 30.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MaskWarning)
        prepared = made(alpha=0).prepare(data)
    criterion = made(alpha=0).criterion(plan())
    assert criterion(Output(high, high), literal).item() == pytest.approx(0, abs=1e-6)
    assert criterion(Output(high, high), supervision_of(prepared)).item() > 5  # ours scores the other groups


def test_one_coin_for_all_micro_batches_of_a_step_and_after_a_restart():
    criterion, again = made().criterion(plan()), made().criterion(plan())
    coins = []
    for step in range(200):
        criterion.at(step)
        coins.append(criterion.coin(4, 5))
        assert criterion.coin(7, 5) == coins[-1]
    assert 70 < sum(coins) < 130
    again.at(137)  # a restart begins in the middle
    assert again.coin(4, 5) == coins[137]
    other = made().criterion(replace(plan(), seed=4))
    theirs = []
    for step in range(200):
        other.at(step)
        theirs.append(other.coin(4, 5))
    assert theirs != coins


@pytest.mark.parametrize("granularity", ["step", "sample", "label"])
def test_the_share_of_full_losses_is_alpha(granularity):
    criterion = made(alpha=0.3, granularity=granularity).criterion(plan())
    found = []
    for step in range(400):
        criterion.at(step)
        found.append(float(torch.as_tensor(criterion.coin(6, 5)).float().mean()))
    assert np.mean(found) == pytest.approx(0.3, abs=0.06)


def test_torchs_own_random_numbers_are_not_touched():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    prepared, z = made().prepare(single()), logits()
    made(granularity="label").criterion(plan())(Output(z, z), supervision_of(prepared))
    assert torch.equal(torch.get_rng_state(), before)


@both
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_the_expected_loss_is_the_mean_over_coins(data, activation):
    if data is several and activation == "softmax":
        return
    prepared, z = made().prepare(data()), logits()
    seen = Output(z, z), supervision_of(prepared)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MaskWarning)
        full, masked = (made(alpha=a, activation=activation).criterion(plan())(*seen).item() for a in (1, 0))
    mean = made(alpha=0.3, mode="expected", activation=activation).criterion(plan())(*seen).item()
    assert mean == pytest.approx(0.3 * full + 0.7 * masked, rel=1e-5)
    assert full != pytest.approx(masked)


def test_the_softmax_leaves_masked_classes_out_of_the_fraction():
    prepared, z = made().prepare(single()), logits()
    criterion = made(alpha=0.5, activation="softmax", granularity="label").criterion(plan())
    criterion.at(2)
    coin = criterion.coin(6, 5)
    rows = []
    for i, label in enumerate(prepared.labels):
        kept = [k for k in range(5) if not (prepared.similar[i, k] and coin[i, k] == 0)]
        assert label in kept
        rows.append(math.log(sum(math.exp(z[i, k].item()) for k in kept)) - z[i, label].item())
    loss = criterion(Output(z, z), supervision_of(prepared))
    assert loss.item() == pytest.approx(np.mean(rows), rel=1e-5)
    loss.backward()
    assert z.grad.isfinite().all()


def test_two_accumulated_micro_batches_are_one_batch():
    prepared, z = made(alpha=0.5).prepare(single()), logits()
    criterion = made(alpha=0.5).criterion(plan())
    for step in range(4):
        criterion.at(step)
        whole = criterion(Output(z, z), supervision_of(prepared))
        halves = [criterion(Output(z[s], z[s]), supervision_of(prepared, s)) for s in (slice(3), slice(3, 6))]
        assert whole.item() == pytest.approx(np.mean([half.item() for half in halves]), rel=1e-6)


def test_soft_targets_of_another_method_are_fitted_through_the_mask():
    method = combine(METHODS["label-smoothing"](0.2), made(alpha=1))
    prepared, z = method.prepare(single()), logits()
    loss = method.criterion(plan())(Output(z, z), supervision_of(prepared))
    soft = torch.nn.functional.binary_cross_entropy_with_logits(z, torch.from_numpy(prepared.targets.dense()))
    assert loss.item() == pytest.approx(soft.item(), rel=1e-5)
    assert prepared.targets.dense()[0, 0] == pytest.approx(0.84)


def test_an_objective_without_similar_labels_is_told_so():
    objective = Objective(torch.nn.Identity(), made().criterion(plan()))
    objective.model.forward = lambda **inputs: Output(torch.zeros(2, 5), torch.zeros(2, 3))
    with pytest.raises(InputError, match=r"maskloss-label needs Examples.similar"):
        objective(labels=torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alpha": 1.5}, r"maskloss-label: alpha must be at least 0 and at most 1, got 1.5"),
        ({"alpha": -0.1}, r"alpha must be at least 0"),
        ({"granularity": "steps"}, r"granularity must be one of .* \(did you mean 'step'\?\)"),
        ({"mode": "mean"}, r"mode must be one of"),
        ({"normalize": "c"}, r"normalize must be one of"),
        ({"activation": "tanh"}, r"activation must be one of"),
        ({"mode": "expected", "granularity": "label"}, r"mode='expected' tosses no coin"),
        ({"activation": "softmax", "normalize": "active"}, r"normalize must stay 'C'"),
        ({"folds": 1}, r"folds must be at least 2"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        made(**options)


def test_a_softmax_is_refused_for_rows_of_several_labels():
    with pytest.raises(InputError, match=r"activation='softmax' is for one label a row"):
        made(activation="softmax").prepare(several())


def test_one_group_of_all_classes_is_refused_where_it_would_mask_every_wrong_label():
    two = Examples.from_labels(["x", "y"], ["a", "b"])
    with pytest.raises(InputError, match=r"all 2 classes are in one group, and alpha=0 masks every wrong label"):
        maskloss_label({"g": ["a", "b"]}, alpha=0).prepare(two)
    assert maskloss_label({"g": ["a", "b"]}, alpha=0.1).prepare(two).similar.all(axis=1).tolist() == [False, False]


def test_a_class_without_a_group_is_warned_of():
    with pytest.warns(MaskWarning, match=r"1 of 5 classes are alone in their group, as 'E:a'; nothing is masked"):
        maskloss_label({"x": ["E:b", "N:a"], "y": ["N:b", "N:c"]}).prepare(single())


def test_alpha_0_is_warned_of():
    with pytest.warns(MaskWarning, match=r"with alpha=0 the classes of a group are never told apart"):
        made(alpha=0).prepare(single())


def test_auto_takes_the_confusions_of_the_teacher():
    data = single()
    said = np.eye(5, dtype=np.float32)[[1, 3, 0, 2, 3, 1]]  # E:a <-> E:b, N:a <-> N:b <-> N:c
    method = maskloss_label()
    assert method.teacher.folds == 5
    assert made().teacher is None
    with pytest.raises(InputError, match=r"needs Examples.teacher"):
        method.prepare(data)
    prepared = method.prepare(replace(data, teacher=said))
    assert prepared.similar[0].tolist() == [False, True, False, False, False]
    assert not prepared.similar[:, :2][data.labels > 1].any()


def test_auto_without_a_confusion_says_that_nothing_is_masked():
    data = single()
    with pytest.warns(MaskWarning, match="no two classes are confused"):
        prepared = maskloss_label().prepare(replace(data, teacher=data.gold.astype(np.float32)))
    assert not prepared.similar.any()
