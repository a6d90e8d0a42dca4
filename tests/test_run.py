"""One run: seeds, balance, calibration, and the caller's random state."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sfumato import METHODS, MODELS
from sfumato.architecture import Training
from sfumato.calibration import fit_temperature, softmax
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.metrics import scores
from sfumato.run import balanced, train_model

TRAINING = Training(epochs=3, batch_size=16, lr=1e-2, max_length=32)


@pytest.fixture(scope="module")
def split(tickets):
    examples = Examples.from_labels(tickets["text"], tickets["label"])
    return examples.take(range(60)), examples.take(range(60, 90))


def run(split, method=None, **options):
    architecture = MODELS["textcnn"](kernels=(2, 3), filters=8, dim=8)
    method = method or METHODS["baseline"]()
    options = {"architecture": architecture, "method": method, "training": TRAINING, "device": "cpu"} | options
    return train_model(*split, **options)


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(split):
    one, two, other = run(split, seed=3), run(split, seed=3), run(split, seed=4)
    texts = split[1].inputs
    assert one.history == two.history
    np.testing.assert_array_equal(one.model.predict_proba(texts), two.model.predict_proba(texts))
    assert one.history != other.history


def test_the_random_state_and_the_threads_of_the_caller_are_left_as_they_were(split):
    torch.manual_seed(5)
    np.random.seed(5)
    threads = torch.get_num_threads()
    expected, theirs = torch.rand(3), np.random.rand(3)
    torch.manual_seed(5)
    np.random.seed(5)
    run(split, METHODS["lcm"](), threads=threads + 1)
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(np.random.rand(3), theirs)
    assert torch.get_num_threads() == threads


def test_the_random_state_of_the_caller_does_not_act_on_the_run(split):
    torch.manual_seed(1)
    one = run(split).history
    torch.manual_seed(2)
    assert run(split).history == one


@pytest.mark.filterwarnings("ignore::sfumato.methods.keyword_labels.KeywordWarning")
def test_the_given_split_is_unchanged(split):
    train, dev = split
    before = train.targets.dense().copy(), train.labels.copy(), list(train.inputs), dev.targets.dense().copy()
    run(split, METHODS["kwls"](), balance="weights")
    np.testing.assert_array_equal(train.targets.dense(), before[0])
    np.testing.assert_array_equal(train.labels, before[1])
    assert list(train.inputs) == before[2]
    assert train.weights is None
    np.testing.assert_array_equal(dev.targets.dense(), before[3])


@pytest.mark.filterwarnings("ignore::sfumato.methods.keyword_labels.KeywordWarning")
def test_a_method_leaves_the_size_of_the_model_as_it_is(split):
    sizes = {name: parameters(run(split, METHODS[name]())) for name in ("baseline", "lcm", "kwls")}
    assert len(set(sizes.values())) == 1


def parameters(trained):
    return sum(p.numel() for p in trained.model.network.parameters())


# --- balance


def test_balanced_weights_give_every_class_the_same_sum_and_mean_one():
    train = Examples.from_labels(["t"] * 10, ["a"] * 7 + ["b"] * 2 + ["c"])
    weighted, sampling = balanced(train, "weights")
    assert sampling is None
    assert weighted.weights.mean() == pytest.approx(1.0)
    sums = [weighted.weights[weighted.labels == k].sum() for k in range(3)]
    np.testing.assert_allclose(sums, [10 / 3] * 3, rtol=1e-5)
    np.testing.assert_array_equal(weighted.targets.dense(), train.targets.dense())


def test_balanced_weights_multiply_those_that_are_given():
    train = Examples.from_labels(["t"] * 4, ["a", "a", "a", "b"], weights=[3, 1, 1, 1])
    weights = balanced(train, "weights")[0].weights
    assert weights[0] == pytest.approx(3 * weights[1])
    assert weights[3] == pytest.approx(3 * weights[1])


def test_the_balanced_sampler_draws_every_class_equally_often():
    train = Examples.from_labels(["t"] * 10, ["a"] * 7 + ["b"] * 2 + ["c"])
    same, sampling = balanced(train, "sampler")
    assert same is train
    np.testing.assert_allclose([sampling[train.labels == k].sum() for k in range(3)], [1 / 3] * 3)


def test_no_balance_changes_nothing_and_another_word_is_refused(split):
    assert balanced(split[0], "none") == (split[0], None)
    with pytest.raises(InputError, match="did you mean 'weights'"):
        balanced(split[0], "weight")


def test_weights_lift_a_rare_class_beyond_what_the_plain_run_gives_it(split):
    train, dev = split
    rows = [i for i in range(60) if train.labels[i] != 0 or i < 9]
    rare = train.take(rows)
    shares = {}
    for balance in ("none", "weights", "sampler"):
        trained = run((rare, None), balance=balance, training=Training(epochs=2, lr=3e-3, max_length=32))
        shares[balance] = trained.model.predict_proba(dev.inputs)[:, 0].mean()
    assert shares["weights"] > shares["none"]
    assert shares["sampler"] > shares["none"]


# --- calibration


def test_the_temperature_is_the_one_that_fits_dev_and_only_it_changes_the_scores(split):
    trained = run(split)
    dev = split[1]
    logits = trained.model.predict_logits(dev.inputs)
    assert trained.model.temperature == pytest.approx(fit_temperature(logits, dev.labels))
    assert trained.model.temperature != 1.0
    assert trained.dev_raw == scores(dev.labels, softmax(logits))
    assert trained.dev == scores(dev.labels, trained.model.predict_proba(dev.inputs))
    assert trained.dev["accuracy"] == trained.dev_raw["accuracy"]
    assert trained.dev["log_loss"] < trained.dev_raw["log_loss"]


def test_votes_against_a_dev_part_without_an_error_are_fitted_all_the_same(split):
    train = split[0]
    settings = {"training": replace(TRAINING, epochs=12), "calibrate": True}
    agreed = replace(train, votes=5 * np.eye(3, dtype="f4")[train.labels])
    right = run((train, agreed), **settings)
    assert right.dev["accuracy"] == 1.0
    assert right.model.temperature == 1.0  # five of five, everywhere
    split_votes = replace(train, votes=agreed.votes + 1)
    trained = run((train, split_votes), **settings)
    logits = trained.model.predict_logits(train.inputs)
    assert trained.dev["accuracy"] == 1.0
    assert trained.model.temperature == pytest.approx(fit_temperature(logits, train.labels, split_votes.votes))
    assert trained.model.temperature > 1.1


def test_without_calibration_the_temperature_stays_one(split):
    trained = run(split, calibrate=False)
    assert trained.model.temperature == 1.0
    assert trained.dev == trained.dev_raw


def test_without_dev_nothing_is_chosen_and_nothing_is_measured(split):
    trained = run((split[0], None))
    assert trained.model.temperature == 1.0
    assert (trained.dev, trained.dev_raw) == ({}, {})
    assert trained.best_epoch == TRAINING.epochs


def test_a_dev_label_that_training_never_saw_is_an_error_and_breaks_nothing(split):
    train, dev = split
    labels = dev.labels.copy()
    labels[:3] = -1
    known = run(split)
    strange = Examples(dev.inputs, labels, dev.targets, dev.classes)
    trained = run((train, strange))
    right = known.model.predict_logits(dev.inputs).argmax(axis=1) == dev.labels
    assert 0 < trained.dev["accuracy"] <= 27 / 30
    assert right.any()


# --- what cannot be used


def test_a_device_that_is_not_there_is_refused(split):
    for device in ("tpu9", "cuda:99"):
        with pytest.raises(InputError, match=f"cannot compute on device '{device}'"):
            run(split, device=device)


@pytest.mark.parametrize("threads", [0, -2, 1.5])
def test_a_number_of_threads_that_cannot_be_is_refused(split, threads):
    with pytest.raises(InputError, match="threads must be"):
        run(split, threads=threads)


def test_a_method_of_the_users_own_changes_what_is_fitted(split):
    def wrong(examples):
        return replace(examples, targets=Examples.from_labels(examples.inputs, (examples.labels + 1) % 3).targets)

    trained = run(
        (split[0], None), Method("wrong", (wrong,)), training=Training(epochs=12, batch_size=8, lr=1e-2, max_length=32)
    )
    predicted = trained.model.predict_logits(split[0].inputs).argmax(axis=1)
    assert (predicted == (split[0].labels + 1) % 3).mean() > 0.5
    assert (predicted == split[0].labels).mean() < 0.3
