"""LCM of several labels a row, an experiment of ours: by the book, limits, controls."""

import math

import numpy as np
import pytest
import torch

from sfumato.base import Output, Supervision
from sfumato.controls import control
from sfumato.data import Examples
from sfumato.method import Plan
from sfumato.methods import METHODS
from sfumato.methods.label_confusion_sets import LabelConfusionSets, SmoothedSigmoid, binary_divergence
from sfumato.methods.lcm import ExperimentalWarning
from sfumato.models import MODELS
from sfumato.run import train_model
from sfumato.sigmoid_losses import SigmoidCrossEntropy

B, C, D = 5, 3, 4
Y = torch.tensor([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1], [1, 0, 0]])


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits, features = (torch.randn(B, n, generator=generator, requires_grad=True) for n in (C, D))
    return Output(logits, features), Supervision(Y, Y.float())


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def plan(**changes):
    return Plan(num_classes=C, num_features=D, steps_per_epoch=4, epochs=3, seed=0, multilabel=True, **changes)


@pytest.mark.parametrize("weight", [None, 0.3])
def test_the_loss_by_the_book(weight):
    learning = LabelConfusionSets(C, D, alpha=1.5, mix_weight=weight)
    output, given = batch()
    V = learning.label_encoder(learning.label_embeddings).detach()
    W, b = learning.confusion["W"].detach(), learning.confusion["b"].detach()
    logits, features = (part.detach() for part in output)
    total = 0.0
    for i in range(B):
        similarity = [sum(float(features[i, d] * V[k, d]) for d in range(D)) for k in range(C)]
        for k in range(C):
            c = sigmoid(sum(similarity[m] * float(W[m, k]) for m in range(C)) + float(b[k]))
            y = int(Y[i, k])
            yes, no = 1.5 * y + c, 1.5 * (1 - y) + 1 - c
            s = math.exp(yes) / (math.exp(yes) + math.exp(no))  # the second softmax, over the two answers
            s = s if weight is None else (1 - weight) * y + weight * c
            p = sigmoid(float(logits[i, k]))
            total += s * math.log(s / p) + (1 - s) * math.log((1 - s) / (1 - p))
    loss = learning(output, given)
    assert loss.item() == pytest.approx(total / B / C, rel=1e-5)
    loss.backward()
    for part in (output.logits, output.features, learning.label_embeddings, learning.confusion["W"]):
        assert part.grad.abs().sum() > 0  # through both arguments
    weighted = learning(output, given._replace(weights=torch.tensor([2.0, 0.0, 2.0, 0.0, 1.0])))
    assert weighted.item() != pytest.approx(loss.item())


def test_without_confusion_it_is_label_smoothing_of_each_answer():
    mass = 0.85
    learning = METHODS["lcm"](gold_mass=mass).criterion
    with pytest.warns(ExperimentalWarning, match="experiment of ours"):
        learning = learning(plan())
    torch.nn.init.zeros_(learning.confusion["W"])
    output, given = batch()
    targets = learning.soft_targets(output, given)
    examples = Examples.from_label_sets(list("abcde"), [["x"], ["y", "z"], [], ["x", "y", "z"], ["x"]])
    smoothed = METHODS["label-smoothing"](smoothing=2 * (1 - mass)).prepare(examples).targets.dense()
    assert targets.detach().numpy() == pytest.approx(smoothed, abs=1e-6)
    entropy = -(targets * targets.log() + (1 - targets) * (1 - targets).log()).mean()
    scored = SigmoidCrossEntropy()(output, given._replace(targets=targets))
    assert learning(output, given).item() == pytest.approx((scored - entropy).item(), abs=1e-6)
    assert learning.terms(C) == C


def test_the_divergence_of_sure_answers_is_the_cross_entropy():
    logits = torch.tensor([[0.3, -2.0]])
    hard = torch.tensor([[1.0, 0.0]])
    expected = [-math.log(sigmoid(0.3)), -math.log(1 - sigmoid(-2.0))]
    assert binary_divergence(hard, logits)[0].tolist() == pytest.approx(expected)


def test_after_the_stop_the_given_labels_are_learned():
    with pytest.warns(ExperimentalWarning):
        stopping = METHODS["lcm"](stop_step=2, after="ls").criterion(plan())
    output, given = batch()
    stopping.at(2)
    smoothed = SmoothedSigmoid(0.1)(output, given)
    assert stopping(output, given).item() == pytest.approx(smoothed.item())
    by_hand = SigmoidCrossEntropy()(output, given._replace(targets=0.9 * Y + 0.05))
    assert smoothed.item() == pytest.approx(by_hand.item())
    stopping.at(1)
    assert stopping(output, given).item() != pytest.approx(smoothed.item())


def test_the_record_tells_the_means_of_what_was_fitted():
    learning = LabelConfusionSets(C, D, alpha=1.0, record_every=10)
    assert learning.record == []
    found = []
    for seed in (0, 1):
        output, given = batch(seed)
        found.append(learning.soft_targets(output, given).detach().numpy())
        learning.train()(output, given)
    s, y = np.concatenate(found).astype(np.float64), np.concatenate([Y, Y])
    (entry,) = learning.record
    assert entry["gold_mass"] == pytest.approx(s[y == 1].mean())
    assert entry["other_mass"] == pytest.approx(s[y == 0].mean())
    for j in range(C):
        assert entry["outside"][j] == pytest.approx(s[y[:, j] == 0, j].mean())
        for k in range(C):
            rows = y[:, j] == 1 if j == k else (y[:, j] == 1) & (y[:, k] == 0)
            expected = s[rows, k].mean() if rows.any() else entry["other_mass"]
            assert entry["class_mean"][j][k] == pytest.approx(expected)
    learning.at(10)
    learning(*batch(2))
    assert [each["from_step"] for each in learning.record] == [0, 10]
    assert learning.record[0] == entry


def test_controls_replay_the_means_and_shuffle_within_a_set_of_labels():
    record = [
        {
            "from_step": 0,
            "gold_mass": 0.9,
            "other_mass": 0.2,
            "class_mean": [[0.9, 0.1, 0.2], [0.3, 0.8, 0.4], [0.5, 0.6, 0.7]],
            "outside": [0.25, 0.35, 0.45],
        }
    ]
    output, given = batch()
    method = METHODS["lcm"]()
    with pytest.warns(ExperimentalWarning):
        made = {name: control(method, name, record).criterion(plan()) for name in ("uniform", "class-mean", "shuffled")}
    even = made["uniform"].soft_targets(output, given)
    assert even.numpy() == pytest.approx(np.where(Y == 1, 0.9, 0.2))
    means = made["class-mean"].soft_targets(output, given)
    expected = [[0.9, 0.1, 0.2], [0.4, 0.8, 0.7], [0.25, 0.35, 0.45], [0.9, 0.8, 0.7], [0.9, 0.1, 0.2]]
    assert means.numpy() == pytest.approx(np.array(expected), abs=1e-6)
    shuffled = made["shuffled"].train()
    own = shuffled.soft_targets(output, given)
    other = own[[4, 1, 2, 3, 0]]  # rows 0 and 4 have one set of labels, the others are alone
    assert shuffled(output, given).item() == pytest.approx(binary_divergence(other, output.logits).mean().item())
    assert shuffled.kept == pytest.approx(3 / 5)
    for each in made.values():
        assert each.terms(C) == C


def test_a_model_of_several_labels_is_trained_with_it_and_the_same_seed_gives_the_same():
    rng = np.random.default_rng(0)
    words = {"x": "alpha beta", "y": "gamma delta", "z": "rho tau"}
    sets = [[name for name in words if rng.random() < 0.4] for _ in range(80)]
    texts = [f"no{k} " + " ".join(words[name] for name in labels) for k, labels in enumerate(sets)]
    examples = Examples.from_label_sets(texts, sets)
    train, dev = examples.take(np.arange(60)), examples.take(np.arange(60, 80))
    with pytest.warns(ExperimentalWarning):
        runs = [
            train_model(train, dev, architecture=MODELS["linear"](), method=METHODS["lcm"](), seed=0, threads=1)
            for _ in "ab"
        ]
    assert runs[0].dev["micro_f1"] > 0.8
    assert (runs[0].model.predict_proba(texts) == runs[1].model.predict_proba(texts)).all()
    assert runs[0].record[0]["gold_mass"] > runs[0].record[0]["other_mass"]
