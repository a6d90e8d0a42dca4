import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax
from torch import nn
from torch.nn import functional as F

from sfumato.base import Criterion, Objective, Switch
from sfumato.data import Examples, mean_one
from sfumato.errors import InputError
from sfumato.full_batch import Descent, Point, fit_full_batch, refit_full_batch, supervise
from sfumato.losses import Auxiliary, SoftCrossEntropy
from sfumato.models.linear import LinearClassifier
from sfumato.ngrams import EncodedNgrams
from sfumato.row_products import RowProducts
from sfumato.targets import DenseTargets

C, V = 3, 40


def split(rows=90, seed=0):
    """Rows of length 1 whose class is a noisy linear function of them."""
    rng = np.random.default_rng(seed)
    dense = rng.random((rows, V)) * (rng.random((rows, V)) < 0.3)
    dense = (dense / np.linalg.norm(dense, axis=1, keepdims=True)).astype(np.float32)
    labels = (dense @ np.random.default_rng(9).normal(size=(V, C)) + rng.gumbel(size=(rows, C)) / 5).argmax(1)
    examples = Examples.from_labels([""] * rows, labels, classes=("0", "1", "2"))
    return examples, EncodedNgrams(csr_matrix(dense), np.ones(rows, dtype=np.int64))


def objective(criterion=None):
    return Objective(LinearClassifier(V, C), criterion or SoftCrossEntropy())


def plain_minimum(examples, encoded, strength):
    """The same problem by scipy's L-BFGS on dense float64."""
    x, targets = encoded.matrix.toarray().astype(float), examples.targets.dense().astype(float)
    share = (np.ones(len(x)) if examples.weights is None else examples.weights) / len(x)

    def loss_and_gradient(flat):
        weight, bias = flat[: C * V].reshape(C, V), flat[C * V :]
        log_p = log_softmax(x @ weight.T + bias, axis=1)
        loss = -(share[:, None] * targets * log_p).sum() + strength / 2 * (weight**2).sum()
        slope = share[:, None] * (np.exp(log_p) - targets)
        return loss, np.concatenate([(slope.T @ x + strength * weight).ravel(), slope.sum(axis=0)])

    found = minimize(loss_and_gradient, np.zeros(C * V + C), jac=True, method="L-BFGS-B", options={"gtol": 1e-9})
    return torch.from_numpy(found.x[: C * V].reshape(C, V)).float(), found.fun


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.slow
def test_many_steps_reach_the_minimum_that_another_solver_finds(weighted):
    examples, encoded = split()
    soft = np.random.default_rng(1).dirichlet(np.ones(C), size=len(examples)).astype(np.float32)
    weights = mean_one(np.linspace(0.2, 3, len(examples))) if weighted else None
    examples = replace(examples, targets=DenseTargets(0.5 * soft + 0.5 * examples.targets.dense()), weights=weights)
    weight, least = plain_minimum(examples, encoded, 1e-2)
    joined = objective()
    loss = refit_full_batch(joined, examples, encoded, strength=1e-2, steps=400)
    assert loss == pytest.approx(least, abs=1e-5)
    torch.testing.assert_close(joined.model.output_layer.weight, weight, atol=3e-3, rtol=0)
    early = refit_full_batch(objective(), examples, encoded, strength=1e-2, steps=3)
    assert early > least + 1e-3


def test_the_gradient_is_that_of_autograd_through_the_network():
    examples, encoded = split()
    joined, products = objective(Auxiliary(2.0)), RowProducts(encoded.matrix)
    descent = Descent(joined, products, supervise(examples), 1e-3, 0)
    generator = torch.Generator().manual_seed(0)
    combination = torch.randn(len(examples), C, generator=generator)
    pair = torch.stack([combination, products.through(combination)])
    descent.here = Point(pair, torch.randn(C, generator=generator))
    loss, (down, down_bias) = descent.slope(descent.here)
    joined.load_state_dict(descent.keep()())
    given = supervise(examples)
    plain = joined(labels=given.labels, targets=given.targets, features=torch.from_numpy(encoded.matrix.toarray()))
    plain = plain["loss"] + 1e-3 / 2 * joined.model.output_layer.weight.square().sum()
    plain.backward()
    assert loss == pytest.approx(plain.item(), rel=1e-5)
    slope = joined.model.output_layer.weight.grad  # (C, V)
    torch.testing.assert_close(products.to_weights(down[0]).T, slope, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(down[1], torch.from_numpy(encoded.matrix.toarray()) @ slope.T, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(down_bias, joined.model.output_layer.bias.grad, atol=1e-6, rtol=1e-4)


def test_dev_chooses_the_look_of_least_log_loss_and_the_objective_is_left_as_it_was():
    (train, encoded), (dev, encoded_dev) = split(60, seed=0), split(60, seed=2)
    joined = objective()
    before = copy.deepcopy(joined.state_dict())
    seen = []
    fit = fit_full_batch(
        joined, train, encoded, dev, encoded_dev, strengths=(1e-2, 1e-5), max_steps=33, report=seen.append
    )
    assert [row["step"] for row in fit.history] == [5, 10, 15, 20, 25, 30, 33] * 2
    assert seen == fit.history
    best = min(fit.history, key=lambda row: row["dev_log_loss"])
    assert (fit.dev_score, fit.dev_log_loss) == (best["dev_accuracy"], best["dev_log_loss"])
    assert (fit.strength, fit.steps) == (best["strength"], best["step"])
    assert fit.dev_score < max(row["dev_accuracy"] for row in fit.history)  # here the two do not agree
    assert all(torch.equal(before[name], value) for name, value in joined.state_dict().items())


def test_refitting_on_the_same_rows_gives_the_chosen_state_again():
    (train, encoded), (dev, encoded_dev) = split(seed=0), split(60, seed=1)
    joined = objective(Learned())
    fit = fit_full_batch(joined, train, encoded, dev, encoded_dev, max_steps=20, seed=3)
    refit_full_batch(joined, train, encoded, strength=fit.strength, steps=fit.steps, seed=3)
    for name, value in joined.state_dict().items():
        torch.testing.assert_close(fit.state[name], value, atol=1e-5, rtol=1e-5)
    other = objective(Learned())
    refit_full_batch(other, train, encoded, strength=fit.strength, steps=fit.steps, seed=4)
    assert not torch.equal(other.model.output_layer.weight, joined.model.output_layer.weight)


class Learned(Criterion):
    """Cross-entropy on logits with noise, times a learned factor: random and with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, output, supervision):
        noise = torch.randn(output.logits.shape) * 0.1
        return F.cross_entropy((output.logits + noise) * self.scale, supervision.targets)


def test_a_criterion_learns_its_own_parameters_and_the_callers_random_state_is_untouched():
    examples, encoded = split()
    joined = objective(Learned())
    torch.manual_seed(5)
    state = torch.get_rng_state()
    refit_full_batch(joined, examples, encoded, steps=10)
    assert torch.equal(state, torch.get_rng_state())
    assert joined.criterion.scale.item() != 1.0


class Counting(Criterion):
    """Cross-entropy that notes the step at which it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def forward(self, output, supervision):
        self.asked.append(self.step)
        return F.cross_entropy(output.logits, supervision.targets)


def test_a_switch_changes_at_its_step_and_not_before():
    examples, encoded = split()
    first, then = Counting(), Counting()
    joined = objective(Switch(first, then, at_step=4))
    refit_full_batch(joined, examples, encoded, steps=10)
    assert first.asked == [0, 1, 2, 3]
    assert then.asked == [4, 5, 6, 7, 8, 9]
    assert int(joined.step) == 10


class Steep(Criterion):
    """Cross-entropy times 50: steps that suit the cross-entropy are far too long."""

    def forward(self, output, supervision):
        return 50 * F.cross_entropy(output.logits, supervision.targets)


@pytest.mark.parametrize("at_step", [0, 3])
def test_a_criterion_that_bends_more_than_cross_entropy_reaches_its_minimum(at_step):
    examples, encoded = split()
    _, least = plain_minimum(examples, encoded, 0.5 / 50)
    criterion = Switch(SoftCrossEntropy(), Steep(), at_step=at_step)
    loss = refit_full_batch(objective(criterion), examples, encoded, strength=0.5, steps=200)
    assert loss / 50 == pytest.approx(least, abs=1e-4)


def test_the_curvature_is_measured_where_it_exceeds_that_of_cross_entropy():
    examples, encoded = split()
    plain = Descent(objective(), RowProducts(encoded.matrix), supervise(examples), 1e-3, 0)
    steep = Descent(objective(Steep()), RowProducts(encoded.matrix), supervise(examples), 1e-3, 0)
    assert plain.bend == 0.5
    assert 50 / 3 < steep.bend <= 1.2 * 50 / 2  # at even shares of three classes; the largest anywhere, with margin


class Drawing(Criterion):
    """Cross-entropy that notes a random number each time."""

    def __init__(self):
        super().__init__()
        self.drawn = []

    def forward(self, output, supervision):
        self.drawn.append(torch.rand(()).item())
        return F.cross_entropy(output.logits, supervision.targets)


def test_each_step_draws_anew_and_a_seed_draws_the_same_again():
    examples, encoded = split()
    drawn = []
    for seed in (0, 0, 1):
        criterion = Drawing()
        refit_full_batch(objective(criterion), examples, encoded, steps=5, seed=seed)
        drawn.append(criterion.drawn)
    assert len(set(drawn[0])) == 5
    assert drawn[0] == drawn[1]
    assert not set(drawn[0]) & set(drawn[2])


def test_the_momentum_starts_again_where_it_points_uphill():
    """Without the restart, 100 steps end 2e-5 above the minimum."""
    examples, encoded = split()
    _, least = plain_minimum(examples, encoded, 1e-3)
    loss = refit_full_batch(objective(), examples, encoded, strength=1e-3, steps=100)
    assert loss == pytest.approx(least, abs=5e-6)


def test_no_strength_and_no_step_are_refused_in_words():
    train, encoded = split()
    with pytest.raises(InputError, match="at least one strength"):
        fit_full_batch(objective(), train, encoded, train, encoded, strengths=())
    with pytest.raises(InputError, match="at least one step"):
        fit_full_batch(objective(), train, encoded, train, encoded, max_steps=0)
