import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sfumato import METHODS, InputError
from sfumato.data import Examples
from sfumato.losses import kl_divergence
from sfumato.method import Plan
from sfumato.methods.label_smoothing import MODES, convert, gold_share, smoothed_table

LABELS = ["a", "b", "c", "a", "d", "b"]


def targets(smoothing, mode="uniform"):
    train = Examples.from_labels([f"text {i}" for i in range(6)], LABELS)
    prepared = METHODS["label-smoothing"](smoothing, mode=mode).prepare(train)
    return prepared.targets.dense(), train.labels


@pytest.mark.parametrize(
    ("mode", "gold", "other"),
    [
        ("uniform", lambda s, C: 1 - s + s / C, lambda s, C: s / C),
        ("exclusive", lambda s, C: 1 - s, lambda s, C: s / (C - 1)),
        ("per-class", lambda s, C: 1 - (C - 1) * s, lambda s, C: s),
    ],
)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.2])
def test_each_mode_by_the_book(mode, gold, other, smoothing):
    rows, labels = targets(smoothing, mode)
    for i, label in enumerate(labels):
        for k in range(4):
            expected = gold(smoothing, 4) if k == label else other(smoothing, 4)
            assert rows[i, k] == pytest.approx(expected, abs=1e-7)


def test_the_uniform_mode_is_the_one_of_torch():
    rows, labels = targets(0.3)
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    expected = F.cross_entropy(logits, torch.from_numpy(labels), label_smoothing=0.3)
    assert F.cross_entropy(logits, torch.from_numpy(rows)).item() == pytest.approx(expected.item(), rel=1e-6)


def test_ten_classes_and_a_tenth_give_ninety_one_and_one_percent():
    # LCDA, Table 7: the label smoothing row shows 0.91 and 0.01 for ten classes.
    table = smoothed_table(0.1, 10)
    assert table[3, 3] == pytest.approx(0.91)
    assert table[3, 4] == pytest.approx(0.01)


@pytest.mark.parametrize("source", MODES)
@pytest.mark.parametrize("target", MODES)
def test_a_converted_strength_gives_the_same_targets(source, target):
    same = convert(0.15, 4, source=source, target=target)
    assert smoothed_table(same, 4, mode=target) == pytest.approx(smoothed_table(0.15, 4, mode=source), abs=1e-6)
    assert convert(same, 4, source=target, target=source) == pytest.approx(0.15)


def test_no_smoothing_changes_nothing():
    rows, labels = targets(0)
    assert np.array_equal(rows, np.eye(4, dtype=np.float32)[labels])


def test_full_smoothing_leaves_no_signal_in_the_uniform_mode_and_less_than_none_in_the_exclusive_one():
    assert smoothed_table(1, 4) == pytest.approx(0.25)
    assert gold_share(1, 4, mode="exclusive") == 0
    assert smoothed_table(0.5, 2, mode="exclusive") == pytest.approx(0.5)  # two classes: already at one half
    assert smoothed_table(0.5, 2)[0, 0] == 0.75


def test_per_class_smoothing_is_bounded_by_one_over_the_classes():
    assert smoothed_table(0.25, 4, mode="per-class") == pytest.approx(0.25)
    with pytest.raises(InputError, match=r"at most 1/C = 0.25 for 4 classes, got 0.26"):
        targets(0.26, "per-class")


def test_exclusive_smoothing_is_bounded_where_the_label_would_fall_below_the_others():
    assert targets(0.75, "exclusive")[0] == pytest.approx(0.25)  # 1 - 1/C: says nothing, and is allowed
    with pytest.raises(InputError, match=r"exclusive smoothing must be at most 1 - 1/C = 0.75 for 4 classes, got 0.76"):
        targets(0.76, "exclusive")
    assert smoothed_table(0.76, 4, mode="exclusive")[0, 0] == pytest.approx(0.24)  # a control may need it
    assert targets(1.0, "uniform")[0] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoothing": 1.2}, "smoothing must be at least 0 and at most 1, got 1.2"),
        ({"smoothing": -0.1}, "smoothing must be at least 0"),
        ({"mode": "per_clas"}, "did you mean 'per-class'"),
        ({"smothing": 0.1}, "did you mean 'smoothing'"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(InputError) as error:
        METHODS.build("label-smoothing", options)
    assert message in str(error.value)


def test_divergence_and_cross_entropy_have_the_same_gradient():
    rows, _ = targets(0.3)
    q = torch.from_numpy(rows)
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    divergence = torch.autograd.grad(kl_divergence(q, logits).mean(), logits)[0]
    cross = torch.autograd.grad(F.cross_entropy(logits, q), logits)[0]
    assert torch.allclose(divergence, cross, atol=1e-7)


def test_the_optimum_is_the_smoothed_target_itself():
    rows, _ = targets(0.3)
    q = torch.from_numpy(rows)
    logits = q.log().requires_grad_()
    at_target = torch.autograd.grad(kl_divergence(q, logits).sum(), logits)[0]
    assert at_target.abs().max() < 1e-6


def test_the_targets_never_need_a_row_per_text():
    train = Examples.from_labels(["text"] * 100_000, ["a", "b"] * 50_000)
    prepared = METHODS["label-smoothing"]().prepare(train)
    assert prepared.targets.table.shape == (2, 2)
    assert prepared.targets.rows(np.array([99_999])).tolist() == [pytest.approx([0.05, 0.95])]


def test_the_baseline_changes_nothing_and_has_no_soft_targets():
    train = Examples.from_labels(["x", "y"], ["a", "b"])
    baseline = METHODS["baseline"]()
    assert baseline.prepare(train) is train
    assert not baseline.has_targets


@pytest.mark.parametrize("loss", ["kl", "auxiliary"])
def test_another_loss_fits_the_same_targets(loss):
    method, plain = METHODS["label-smoothing"](0.2, loss=loss), METHODS["label-smoothing"](0.2)
    examples = Examples.from_labels(["a", "b", "c"], ["x", "y", "z"])
    assert plain.criterion is None
    assert (
        type(method.criterion(Plan(3, 4, 1, 1, 0))).__name__ == {"kl": "KLDivergence", "auxiliary": "Auxiliary"}[loss]
    )
    assert np.array_equal(method.prepare(examples).targets.dense(), plain.prepare(examples).targets.dense())


def test_a_weight_of_the_second_part_needs_the_loss_that_has_one():
    with pytest.raises(InputError, match="loss='auxiliary'"):
        METHODS["label-smoothing"](0.1, alpha=2)
