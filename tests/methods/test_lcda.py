"""LCDA: text and label side together; learned targets for all rows, or for the copies alone."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sfumato import METHODS, MODELS, InputError, combine
from sfumato.architecture import Training
from sfumato.base import Objective, Output, Supervision
from sfumato.control_losses import ReplayedTargets, in_place_of
from sfumato.controls import control, record_of
from sfumato.data import Examples
from sfumato.losses import KLDivergence, OnCopies, SoftCrossEntropy
from sfumato.method import Plan
from sfumato.plain_options import not_default
from sfumato.run import train_model

PLAN = Plan(3, 4, steps_per_epoch=4, epochs=3)
COPY = torch.tensor([0, 1, 0, 0, 2, 1, 0])


def batch(copy=COPY):
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, 0, 2, 1, 0, 1])
    logits = torch.randn(7, 3, generator=generator).requires_grad_()
    features = torch.randn(7, 4, generator=generator)
    targets = torch.rand(7, 3, generator=generator)
    targets /= targets.sum(dim=1, keepdim=True)
    weights = torch.tensor([1.0, 2.0, 0.5, 1.0, 0.5, 1.0, 1.0])
    return Output(logits, features), Supervision(labels, targets, None, weights, copy)


def test_lcda_is_its_text_side_and_lcm_together():
    one = METHODS["lcda"](2, insert_prob=0.3, seed=1)
    joined = combine(METHODS["lcda-text"](2, insert_prob=0.3, seed=1), METHODS["lcm"]())
    texts = [f"第{i}条新闻标题在这里" for i in range(6)]
    given = Examples.from_labels(texts, ["x", "y", "z"] * 2)
    assert one.prepare(given).inputs == joined.prepare(given).inputs
    torch.manual_seed(0)
    own = one.criterion(PLAN)
    torch.manual_seed(0)
    theirs = joined.criterion(PLAN)
    assert own(*batch()).item() == theirs(*batch()).item()
    assert one.needs_training
    assert one.name == "lcda"


def test_the_share_of_lcm_is_the_default_and_is_in_no_key_of_a_result():
    losses = []
    for options in ({}, {"gold_mass": 0.9}, {"gold_mass": 0.7}):
        method = METHODS["lcda"](**options)
        torch.manual_seed(0)
        losses.append(method.criterion(PLAN)(*batch()).item())
        assert not_default(METHODS, "lcda", method.options) == (options if options.get("gold_mass") == 0.7 else {})
    assert losses[0] == losses[1] != losses[2]


def test_alpha_is_the_one_of_the_lcm_paper():
    torch.manual_seed(0)
    own = METHODS["lcda"](alpha=4.0).criterion(PLAN)
    torch.manual_seed(0)
    theirs = METHODS["lcm-paper"](4.0).criterion(PLAN)
    assert own(*batch()).item() == theirs(*batch()).item()


def test_the_loss_for_copies_alone_is_the_mean_of_both_losses_row_by_row():
    output, supervision = batch()
    total = 0.0
    for i in range(7):
        log_p = F.log_softmax(output.logits[i], dim=0)
        row = 0.0
        for c in range(3):
            t = supervision.targets[i, c]
            row += -(t * log_p[c]).item() + ((t * t.log()).item() if COPY[i] > 0 else 0.0)  # KL for copies, CE for rows
        total += row * float(supervision.weights[i])
    assert OnCopies(KLDivergence())(output, supervision).item() == pytest.approx(total / 7, rel=1e-5)


@pytest.mark.parametrize(
    ("copy", "same"), [(torch.ones(7, dtype=torch.long), KLDivergence()), (None, SoftCrossEntropy())]
)
def test_without_rows_or_without_copies_only_one_of_the_losses_is_left(copy, same):
    loss = OnCopies(KLDivergence())(*batch(copy))
    assert loss.item() == pytest.approx(same(*batch(copy)).item(), rel=1e-6)
    assert loss.requires_grad


def test_learned_targets_are_those_of_the_copies_and_rows_keep_their_label():
    torch.manual_seed(0)
    criterion = METHODS["lcda"](soft_on="augmented").criterion(PLAN).eval()
    output, supervision = batch()
    found = criterion.soft_targets(output, supervision)
    learned = criterion.own.soft_targets(output, supervision)
    for i in range(7):
        assert found[i].tolist() == pytest.approx((learned if COPY[i] > 0 else supervision.targets)[i].tolist())
    assert not torch.allclose(learned, supervision.targets)


def test_the_objective_hands_the_numbers_of_the_copies_on():
    class Fixed(torch.nn.Module):
        def forward(self, x):
            return batch()[0]

    output, supervision = batch()
    objective = Objective(Fixed(), OnCopies(KLDivergence()))
    given = dict(zip(("labels", "targets", "similar", "weights", "copy"), supervision, strict=True))
    with_copies = objective(x=torch.zeros(1), **given)["loss"]
    assert with_copies.item() == pytest.approx(OnCopies(KLDivergence())(output, supervision).item())
    assert objective(x=torch.zeros(1), **{**given, "copy": None})["loss"].item() != with_copies.item()


def test_controls_take_the_place_of_what_learns_inside():
    method = METHODS["lcda"](soft_on="augmented")
    record = [{"from_step": 0, "gold_mass": 0.8, "class_mean": [[0.8, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]]}]
    even = control(method, "uniform", record).criterion(PLAN)
    assert isinstance(even, OnCopies)
    assert isinstance(even.own, ReplayedTargets)
    changed = in_place_of(OnCopies(KLDivergence()), lambda part: SoftCrossEntropy())
    assert isinstance(changed.own, SoftCrossEntropy)


@pytest.mark.parametrize("model", ["textcnn", "linear"])
def test_a_network_and_linear_learn_targets_for_the_copies_alone(model):
    texts = [f"{word} 第{i}条" for i in range(20) for word in ("足球比赛", "股票市场")]
    examples = Examples.from_labels(texts, ["sport", "money"] * 20)
    architecture = MODELS["textcnn"](kernels=(2,), filters=4, dim=4) if model == "textcnn" else MODELS["linear"]()
    training = Training(epochs=2, batch_size=16, lr=1e-2) if model == "textcnn" else architecture.training
    train, dev = examples.take(range(30)), examples.take(range(30, 40))
    found = {}
    for soft_on in ("all", "augmented"):
        method = METHODS["lcda"](1, soft_on=soft_on)
        trained = train_model(train, dev, architecture=architecture, method=method, training=training, device="cpu")
        assert record_of(trained.objective.criterion)
        found[soft_on] = trained.model.predict_logits(dev.inputs)
        assert np.isfinite(found[soft_on]).all()
    assert not np.allclose(found["all"], found["augmented"])


def test_no_such_part_of_the_rows():
    with pytest.raises(InputError, match="lcda: soft_on must be one of 'all', 'augmented', got 'copies'"):
        METHODS["lcda"](soft_on="copies")
