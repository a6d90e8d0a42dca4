"""The loop: what it counts, what it keeps, and that batches, accumulation and weights mean what they say."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import sfumato.train as loop_module
from sfumato.architecture import Training
from sfumato.base import Objective, Output
from sfumato.data import Examples
from sfumato.encode import train_tokenizer
from sfumato.errors import InputError
from sfumato.inference import dev_scores, predict_outputs
from sfumato.losses import SoftCrossEntropy
from sfumato.models.textcnn import TextCNN
from sfumato.optimizer import parameter_groups
from sfumato.progress import Progress
from sfumato.schedule import POOL, learning_rate_factor, length_batches, steps_per_epoch
from sfumato.train import Loop, fit_network, precision

CPU = torch.device("cpu")
SETTINGS = Training(epochs=3, batch_size=16, lr=1e-2, max_length=32)


@pytest.fixture(autouse=True)
def own_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="module")
def split(tickets):
    """Return train, its ids, dev, its ids, and the size of the vocabulary."""
    examples = Examples.from_labels(tickets["text"], tickets["label"])
    train, dev = examples.take(range(60)), examples.take(range(60, 90))
    encoder = train_tokenizer(train.inputs)
    return train, encoder.encode(train.inputs, 32), dev, encoder.encode(dev.inputs, 32), encoder.vocabulary_size


def objective_of(split, *, dropout=0.0):
    network = TextCNN(split[4], 3, kernels=(2, 3), filters=6, dim=8, dropout=dropout)
    return Objective(network, SoftCrossEntropy())


def loop_of(objective, train, encoded, training=SETTINGS, sampling=None):
    return Loop(objective, train, encoded, training, seed=0, device="cpu", sampling=sampling)


def gradients_of_step(loop, micro_batches):
    """Take one step and return its loss and the gradients that reached the optimizer."""
    kept = {}

    def keep(optimizer, arguments, options):
        kept.update({name: p.grad.clone() for name, p in loop.objective.named_parameters()})

    getattr(loop.optimizer, "optimizer", loop.optimizer).register_step_pre_hook(keep)
    return loop.step(micro_batches), kept


# --- batches


@pytest.mark.parametrize("rows", [1, 7, 64, 1234])
def test_every_row_is_in_exactly_one_batch_of_an_epoch(rows):
    generator = np.random.default_rng(0)
    lengths = generator.integers(0, 50, size=rows)
    batches = length_batches(lengths, 8, generator, generator.permutation(rows))
    assert sorted(np.concatenate(batches).tolist()) == list(range(rows))
    assert len(batches) == math.ceil(rows / 8)
    assert max(map(len, batches)) <= 8


def test_batches_by_length_pad_less_than_batches_at_random():
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 100, size=8 * POOL)
    order = generator.permutation(len(lengths))
    sorted_width = sum(lengths[b].max() for b in length_batches(lengths, 8, generator, order))
    random_width = sum(lengths[order[i : i + 8]].max() for i in range(0, len(order), 8))
    assert sorted_width * 8 < 1.05 * lengths.sum()
    assert random_width * 8 > 1.5 * lengths.sum()


def test_batches_come_in_another_order_every_epoch_and_are_not_sorted(split):
    loop = loop_of(objective_of(split), *split[:2])
    first, second = ([tuple(b[0]) for b in loop.groups()] for _ in range(2))
    assert first != second
    widths = [split[1].lengths[list(b)].max() for b in first]
    assert widths != sorted(widths) or len(set(widths)) == 1


def test_a_sampler_draws_rows_by_their_probability(split):
    train = split[0]
    sampling = np.where(train.labels == 0, 1.0, 0.0)
    loop = loop_of(objective_of(split), *split[:2], sampling=sampling / sampling.sum())
    assert set(train.labels[loop.rows()]) == {0}
    assert set(train.labels[loop_of(objective_of(split), *split[:2]).rows()]) == {0, 1, 2}


# --- schedule and counting


def test_the_rate_warms_up_and_then_falls_linearly_to_zero():
    training = Training(warmup=0.2, schedule="linear")
    factors = [learning_rate_factor(step, 10, training) for step in range(10)]
    np.testing.assert_allclose(factors, [0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert learning_rate_factor(10, 10, training) == 0.0


def test_the_constant_rate_stays_after_the_warm_up():
    training = Training(warmup=0.3)
    np.testing.assert_allclose([learning_rate_factor(step, 10, training) for step in range(5)], [1 / 3, 2 / 3, 1, 1, 1])


def test_the_optimizer_really_gets_the_rate_of_the_schedule(split):
    training = replace(SETTINGS, warmup=0.5, schedule="linear", epochs=1, batch_size=15)  # 4 steps
    loop = loop_of(objective_of(split), *split[:2], training)
    rates = []
    for group in loop.groups():
        rates.append(loop.optimizer.param_groups[0]["lr"] / training.lr)
        loop.step(group)
    np.testing.assert_allclose(rates, [0.5, 1.0, 1.0, 0.5])


@pytest.mark.parametrize(
    ("rows", "size", "accumulate", "steps"), [(60, 16, 1, 4), (60, 16, 3, 2), (64, 16, 2, 2), (1, 16, 4, 1)]
)
def test_steps_are_optimizer_steps(rows, size, accumulate, steps):
    assert steps_per_epoch(rows, Training(batch_size=size, accumulate=accumulate)) == steps


def test_the_objective_counts_as_many_steps_as_the_history(split):
    objective = objective_of(split)
    history = fit_network(objective, *split[:2], replace(SETTINGS, batch_size=8, accumulate=3), device="cpu")
    assert history.steps == 3 * 3
    assert int(objective.step) == 9


def test_weight_decay_acts_on_matrices_and_a_criterion_learns_at_its_own_rate(split):
    objective = objective_of(split)
    objective.criterion.own = nn.Parameter(torch.ones(2, 2))
    matrices, vectors, own = parameter_groups(objective, Training(lr=1e-5, weight_decay=0.1))
    assert {p.ndim for p in matrices["params"]} == {2}
    assert {p.ndim for p in vectors["params"]} == {1}
    assert (matrices["weight_decay"], vectors["weight_decay"], own["weight_decay"]) == (0.1, 0.0, 0.0)
    assert (matrices["lr"], own["lr"]) == (1e-5, 1e-3)
    assert own["params"][0] is objective.criterion.own


# --- one step


@pytest.mark.parametrize("parts", [[4, 4], [2, 2, 2, 2], [5, 3]], ids=str)
def test_accumulated_micro_batches_equal_one_batch(split, parts):
    rows = np.arange(8)
    weighted = replace(split[0], weights=np.linspace(0.2, 1.8, 60).astype(np.float32))
    whole = gradients_of_step(loop_of(objective_of(split), weighted, split[1]), [rows])
    torch.manual_seed(0)  # the same first weights
    pieces = np.split(rows, np.cumsum(parts)[:-1])
    cut = gradients_of_step(loop_of(objective_of(split), weighted, split[1]), pieces)
    assert cut[0] == pytest.approx(whole[0], rel=1e-5)
    for name, gradient in whole[1].items():
        torch.testing.assert_close(cut[1][name], gradient, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_cut_to_the_largest_norm_and_not_below_it(split):
    norms = {}
    for clip in (1e-3, 1e3):
        torch.manual_seed(0)
        loop = loop_of(objective_of(split), *split[:2], replace(SETTINGS, clip=clip))
        _, gradients = gradients_of_step(loop, [np.arange(8)])
        norms[clip] = math.sqrt(sum(float((g**2).sum()) for g in gradients.values()))
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-2)
    assert norms[1e3] > 1e-2


def test_a_row_of_weight_zero_does_not_act_and_one_of_weight_two_counts_twice(split):
    rows = np.arange(4)

    def gradients(index, weights):
        torch.manual_seed(0)
        array = np.ones(60, dtype=np.float32)
        array[rows] = weights
        return gradients_of_step(loop_of(objective_of(split), replace(split[0], weights=array), split[1]), [index])

    loss, weighted = gradients(rows, [0, 2, 1, 1])
    expected_loss, repeated = gradients(np.array([1, 1, 2, 3]), [1, 1, 1, 1])
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for name, gradient in repeated.items():
        torch.testing.assert_close(weighted[name], gradient, rtol=1e-4, atol=1e-6)


def test_a_step_of_our_loop_is_a_step_of_plain_adamw(split):
    training = replace(SETTINGS, clip=1e9)
    objective = objective_of(split)
    loop_of(objective, *split[:2], training).step([np.arange(8)])
    torch.manual_seed(0)
    plain = objective_of(split).model
    optimizer = torch.optim.AdamW(plain.parameters(), lr=training.lr, weight_decay=0.0)
    ids = torch.from_numpy(split[1].batch(np.arange(8))["input_ids"])
    F.cross_entropy(plain(ids).logits, torch.from_numpy(split[0].labels[:8])).backward()
    optimizer.step()
    for (name, ours), theirs in zip(objective.model.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_two_steps_of_our_loop_are_two_steps_of_the_plain_optimizer(split, name):
    training = replace(SETTINGS, clip=1e9, lr=0.1, weight_decay=0.1, optimizer=name)
    training = replace(training, momentum=0.5) if name == "sgd" else training
    objective = objective_of(split)
    loop = loop_of(objective, *split[:2], training)
    torch.manual_seed(0)
    plain = objective_of(split).model
    groups = [{"params": [p for p in plain.parameters() if (p.ndim > 1) is wide]} for wide in (True, False)]
    sgd = name == "sgd"
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.5) if sgd else torch.optim.Adam(groups, lr=0.1)
    optimizer.param_groups[0]["weight_decay"] = 0.1  # of matrices
    for rows in (np.arange(8), np.arange(8, 20)):
        loop.step([rows])
        optimizer.zero_grad()
        ids = torch.from_numpy(split[1].batch(rows)["input_ids"])
        F.cross_entropy(plain(ids).logits, torch.from_numpy(split[0].labels[rows])).backward()
        optimizer.step()
    for (name, ours), theirs in zip(objective.model.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "sdg"}, "optimizer must be one of 'adamw', 'adam', 'sgd', got 'sdg' (did you mean 'sgd'?)"),
        ({"optimizer": "sgd", "momentum": -0.1}, "momentum must be at least 0 and at most 1, got -0.1"),
        ({"momentum": 0.5}, "momentum=0.5 needs optimizer='sgd', got optimizer='adamw'"),
    ],
)
def test_an_optimizer_that_is_not_there_is_refused_in_words(settings, said):
    with pytest.raises(InputError, match=re.escape(said)):
        Training(**settings)


# --- whole runs


def test_the_same_seed_gives_the_same_numbers_and_another_seed_does_not(split):
    def run(seed):
        torch.manual_seed(0)
        objective = objective_of(split, dropout=0.5)
        torch.manual_seed(seed)
        history = fit_network(objective, *split[:2], SETTINGS, seed=seed, device="cpu")
        return history.epochs, objective.model.output_layer.weight.detach().clone()

    (one, weights), (two, same), (three, other) = run(1), run(1), run(2)
    assert one == two
    assert torch.equal(weights, same)
    assert one != three
    assert not torch.equal(weights, other)


def scripted(monkeypatch, script):
    """Let dev scores follow a script; return the logits that each epoch had."""
    seen = []

    def scores(logits, labels):
        seen.append(logits.clone())
        return script[len(seen) - 1]

    monkeypatch.setattr("sfumato.inference.dev_scores", scores)
    return seen


def trained(split, training):
    objective = objective_of(split)
    train, encoded, dev, dev_encoded, _ = split
    history = fit_network(objective, train, encoded, training, dev=dev, dev_encoded=dev_encoded, device="cpu")
    return objective, history, predict_outputs(objective.model, dev_encoded, batch_size=7, device=CPU).logits


@pytest.mark.parametrize(
    ("script", "best"),
    [
        ([(0.5, 1.0), (0.9, 1.0), (0.7, 0.1), (0.8, 0.1)], 2),
        ([(0.5, 1.0), (0.9, 1.0), (0.9, 0.8), (0.9, 0.9)], 3),
        ([(0.9, 1.0), (0.9, 1.0), (0.9, 1.0), (0.9, 1.0)], 1),
        ([(0.1, 1.0), (0.2, 2.0), (0.3, 3.0), (0.4, 4.0)], 4),
    ],
    ids=["accuracy", "tie by log-loss", "first of equals", "last"],
)
def test_the_best_epoch_is_kept(split, monkeypatch, script, best):
    seen = scripted(monkeypatch, script)
    _, history, logits = trained(split, replace(SETTINGS, epochs=4))
    assert history.best_epoch == best
    torch.testing.assert_close(logits, seen[best - 1])
    assert not torch.allclose(seen[0], seen[-1])


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (None, 6)])
def test_training_stops_after_so_many_epochs_without_a_better_one_and_not_before(split, monkeypatch, patience, epochs):
    scripted(monkeypatch, [(0.5, 1.0), (0.6, 1.0), *[(0.1, 1.0)] * 4])
    _, history, _ = trained(split, replace(SETTINGS, epochs=6, patience=patience))
    assert len(history.epochs) == epochs
    assert history.best_epoch == 2
    assert history.steps == epochs * 4


def test_a_better_epoch_within_the_patience_goes_on(split, monkeypatch):
    scripted(monkeypatch, [(0.5, 1.0), (0.4, 1.0), (0.6, 1.0), (0.4, 1.0), (0.4, 1.0), (0.9, 1.0)])
    _, history, _ = trained(split, replace(SETTINGS, epochs=6, patience=2))
    assert len(history.epochs) == 5
    assert history.best_epoch == 3


def test_more_looks_at_dev_change_nothing_that_is_trained(split):
    def run(every):
        torch.manual_seed(0)
        objective = objective_of(split, dropout=0.5)
        train, encoded, dev, dev_encoded, _ = split
        options = {"dev": dev, "dev_encoded": dev_encoded, "device": "cpu", "eval_every": every}
        return fit_network(objective, train, encoded, SETTINGS, **options), objective

    whole, often, once = (run(every) for every in (1.0, 0.5, 3.0))
    assert [record["epoch"] for record in often[0].epochs] == [0.5, 1, 1.5, 2, 2.5, 3]
    assert [record["epoch"] for record in whole[0].epochs] == [1, 2, 3]
    for record, same in zip(whole[0].epochs, often[0].epochs[1::2], strict=True):
        assert (record["dev_accuracy"], record["dev_log_loss"]) == (same["dev_accuracy"], same["dev_log_loss"])
    losses = [record["loss"] for record in often[0].epochs]
    assert np.mean(losses[:2]) == pytest.approx(whole[0].epochs[0]["loss"])
    assert once[0].epochs[0]["dev_log_loss"] == whole[0].epochs[-1]["dev_log_loss"]


@pytest.mark.parametrize(("patience", "looks"), [(1, 4), (2, 6)])
def test_patience_counts_epochs_however_often_dev_is_looked_at(split, monkeypatch, patience, looks):
    scripted(monkeypatch, [(0.5, 1.0), (0.6, 1.0), *[(0.1, 1.0)] * 6])
    train, encoded, dev, dev_encoded, _ = split
    history = fit_network(
        objective_of(split),
        train,
        encoded,
        replace(SETTINGS, epochs=4, patience=patience),
        dev=dev,
        dev_encoded=dev_encoded,
        device="cpu",
        eval_every=0.5,
    )
    assert len(history.epochs) == looks
    assert history.steps == looks * 2
    assert history.best_epoch == 1


def test_the_best_look_may_lie_within_an_epoch(split, monkeypatch):
    seen = scripted(monkeypatch, [(0.5, 1.0), (0.6, 1.0), (0.9, 1.0), (0.1, 1.0), (0.1, 1.0), (0.1, 1.0)])
    objective, (train, encoded, dev, dev_encoded, _) = objective_of(split), split
    options = {"dev": dev, "dev_encoded": dev_encoded, "device": "cpu", "eval_every": 0.5}
    history = fit_network(objective, train, encoded, SETTINGS, **options)
    assert history.best_epoch == 1.5
    assert history.steps == 12
    torch.testing.assert_close(predict_outputs(objective.model, dev_encoded, batch_size=7, device=CPU).logits, seen[2])


def test_without_dev_the_last_epoch_stays_and_nothing_stops_early(split):
    history = fit_network(objective_of(split), *split[:2], replace(SETTINGS, epochs=4, patience=1), device="cpu")
    assert len(history.epochs) == history.best_epoch == 4
    assert "dev_accuracy" not in history.epochs[0]


def test_training_lowers_the_loss_and_learns_the_toy(split):
    _, history, _ = trained(split, replace(SETTINGS, epochs=12))
    assert history.epochs[-1]["loss"] < 0.5 * history.epochs[0]["loss"]
    assert max(record["dev_accuracy"] for record in history.epochs) >= 0.9


def test_the_recorded_dev_scores_are_those_of_the_bare_classifier(split):
    objective, history, logits = trained(split, SETTINGS)
    accuracy, loss = dev_scores(logits, split[2].labels)
    record = history.epochs[history.best_epoch - 1]
    assert (record["dev_accuracy"], record["dev_log_loss"]) == (pytest.approx(accuracy), pytest.approx(loss, rel=1e-4))
    assert objective.model.training


def test_a_dev_label_that_training_never_saw_is_an_error_and_breaks_nothing():
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    accuracy, loss = dev_scores(logits, np.array([0, 1, -1]))
    assert accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx(math.log(1 + math.exp(-2)))
    assert dev_scores(logits, np.array([-1, -1, -1])) == (0.0, math.inf)


def test_predictions_come_in_the_order_of_the_rows_for_every_batch_size(split):
    model = objective_of(split).model
    one = predict_outputs(model, split[1], batch_size=1, device=CPU)
    for size in (7, 60, 1000):
        many = predict_outputs(model, split[1], batch_size=size, device=CPU)
        torch.testing.assert_close(many.logits, one.logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(many.features, one.features, rtol=1e-4, atol=1e-5)


def test_prediction_is_float32_also_where_training_is_bf16(split, monkeypatch):
    model = objective_of(split).model
    expected = predict_outputs(model, split[1], batch_size=16, device=CPU).logits
    monkeypatch.setattr(loop_module, "precision", lambda device: "bf16")
    assert torch.equal(predict_outputs(model, split[1], batch_size=16, device=CPU).logits, expected)
    mixed = predict_outputs(model, split[1], batch_size=16, device=CPU, mixed=True).logits
    assert not torch.equal(mixed, expected)
    torch.testing.assert_close(mixed, expected, rtol=0.1, atol=0.05)


def test_training_in_bf16_learns_too_and_is_said(split, monkeypatch):
    monkeypatch.setattr(loop_module, "precision", lambda device: "bf16")
    lines = []
    objective = objective_of(split)
    progress = Progress("training", echo=lines.append)
    history = fit_network(objective, *split[:2], replace(SETTINGS, epochs=8), device="cpu", progress=progress)
    assert history.epochs[-1]["loss"] < 0.5 * history.epochs[0]["loss"]
    assert {p.dtype for p in objective.parameters()} == {torch.float32}
    assert "bf16" in lines[0]


def test_a_line_an_epoch_says_loss_dev_accuracy_and_the_time_left(split):
    lines = []
    train, encoded, dev, dev_encoded, _ = split
    progress = Progress("training", echo=lines.append)
    fit_network(
        objective_of(split),
        train,
        encoded,
        SETTINGS,
        dev=dev,
        dev_encoded=dev_encoded,
        device="cpu",
        progress=progress,
    )
    epochs = [line for line in lines if "epoch" in line]
    assert len(epochs) == 3
    for said in ("epoch 1 of 3", "loss", "dev accuracy", "dev log-loss", "s left"):
        assert said in epochs[0]
    assert "0 s left" in epochs[-1]


def test_bf16_is_used_only_where_the_processor_has_it(monkeypatch):
    for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, probe, lambda: False, raising=False)
    assert precision(CPU) == "no"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert precision(CPU) == "bf16"
    assert precision(torch.device("mps")) == "no"


def test_a_classifier_of_the_users_own_is_trained_by_the_same_loop(split):
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(split[4], 8)
            self.output_layer = nn.Linear(8, 3)

        def forward(self, input_ids, attention_mask):
            mask = attention_mask.unsqueeze(2)
            features = (self.embedding(input_ids) * mask).sum(dim=1)
            return Output(self.output_layer(features), features)

    objective = Objective(Bag(), SoftCrossEntropy())
    history = fit_network(objective, *split[:2], replace(SETTINGS, epochs=10), device="cpu")
    assert history.epochs[-1]["loss"] < 0.5 * history.epochs[0]["loss"]
