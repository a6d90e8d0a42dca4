"""The model of wrong labels: its equations in plain loops, EM, and what it finds where the truth is known."""

import math

import numpy as np
import pytest
from scipy.optimize import check_grad

from sfumato.methods.noise import model as noise
from sfumato.methods.noise.family import choose, z_of
from sfumato.methods.noise.model import NoiseModel, em_step, fit_none, fit_pairwise, fit_uniform, standardised


def drawn(N=3000, C=4, T=None, *, sharp=2.0, seed=0):
    """Draw texts whose right label an expert half knows, and what is written down by T; return scores, both labels."""
    generator = np.random.default_rng(seed)
    right = generator.integers(C, size=N)
    scores = generator.normal(size=(2, N, C))
    scores[:, np.arange(N), right] += sharp * np.array([[1.5], [1.0]])
    T = np.eye(C) if T is None else T
    written = np.array([generator.choice(C, p=T[j]) for j in right])
    return standardised(list(scores)), written, right


def pairs(C=4, share=0.3):
    """Wrong labels between 0 and 1, and between 2 and 3."""
    T = (1 - share) * np.eye(C)
    for j in range(C):
        T[j, j ^ 1] = share
    return T


def plain(model, z, i, label):
    """Return p and q of one row, and the probability of its label, in plain loops (Eqs. 1 to 3)."""
    C = len(model.b)
    scores = [sum(model.a[e] * z[e][i][j] for e in range(len(z))) + model.b[j] for j in range(C)]
    total = sum(math.exp(score) for score in scores)
    p = [math.exp(score) / total for score in scores]
    written = sum(p[j] * model.T[j][label] for j in range(C))
    return p, [p[j] * model.T[j][label] / written for j in range(C)], written


def test_the_equations_in_plain_loops():
    z, labels, _ = drawn(20)
    model = NoiseModel("pairwise", np.array([0.7, 1.3]), np.array([0.1, -0.2, 0.3, 0.0]), pairs())
    for i in range(20):
        p, q, written = plain(model, z, i, labels[i])
        np.testing.assert_allclose(model.right(z)[i], p)
        np.testing.assert_allclose(model.posterior(z, labels)[i], q)
        assert model.written(z, labels)[i] == pytest.approx(written)
        assert model.log_likelihood(z, labels)[i] == pytest.approx(math.log(written))


@pytest.mark.parametrize("fit", [fit_none, fit_uniform])
def test_the_slopes_are_those_of_the_objective(fit, monkeypatch):
    seen = []

    def caught(loss, start, **_):
        seen.append((loss, start))
        return type("Found", (), {"x": start})()

    monkeypatch.setattr(noise, "minimize", caught)
    z, labels, _ = drawn(40)
    fit(z, labels)
    loss, start = seen[0]
    point = start + np.random.default_rng(1).normal(size=len(start)) / 5
    assert check_grad(lambda x: loss(x)[0], lambda x: loss(x)[1], point) < 1e-3


def test_fitting_ends_where_no_small_change_is_likelier():
    z, labels, _ = drawn(500, T=noise.uniform_noise(0.3, 4))
    model = fit_uniform(z, labels)
    best = noise.objective(model, z, labels)
    for change in (0.9, 1.1):
        assert noise.objective(noise.replace(model, a=model.a * change), z, labels) < best
    assert noise.objective(noise.replace(model, b=model.b + np.array([0.2, 0, 0, 0])), z, labels) < best
    assert noise.objective(noise.replace(model, T=noise.uniform_noise(0.1, 4)), z, labels) < best


def test_a_step_of_em_never_makes_the_given_labels_less_likely():
    z, labels, _ = drawn(600, T=pairs())
    uniform = fit_uniform(z, labels)
    prior = 20 * uniform.T
    model = NoiseModel("pairwise", uniform.a, uniform.b, 0.6 * np.eye(4) + 0.1)

    def likelihood(model):
        return model.log_likelihood(z, labels).sum() + (prior * np.log(model.T)).sum()

    values = [likelihood(model)]
    for _ in range(15):
        model = em_step(model, model.right(z), labels, prior=prior)
        values.append(likelihood(model))
        np.testing.assert_allclose(model.T.sum(axis=1), 1)
    assert (np.diff(values) >= -1e-9).all()
    assert values[-1] > values[0] + 1


@pytest.mark.parametrize("e", [0.0, 0.13, 0.4])
def test_the_share_of_even_noise_is_found_within_two_points(e):
    z, labels, _ = drawn(8000, T=noise.uniform_noise(e, 4), sharp=3.0)
    found = 1 - float(np.trace(fit_uniform(z, labels).T) - 1) / 3
    assert abs(found - e) < 0.02


@pytest.mark.slow
def test_the_matrix_of_pairs_is_found_within_two_points():
    z, labels, _ = drawn(20000, T=pairs(share=0.3), sharp=3.0)
    found = fit_pairwise(z, labels, kappa=100, uniform=fit_uniform(z, labels)).T
    assert np.abs(found - pairs(share=0.3)).max() < 0.02


@pytest.mark.slow
@pytest.mark.parametrize(
    ("T", "family"), [(np.eye(4), ("none",)), (noise.uniform_noise(0.3, 4), ("uniform",)), (pairs(), ("pairwise",))]
)
def test_the_family_that_the_labels_were_drawn_by_is_chosen(T, family):
    z, labels, _ = drawn(3000, T=T, sharp=3.0)
    choice = choose(z, labels, np.arange(3000) % 5)
    model = choice.shape.fit(z, labels)
    assert model.family in family or (family == ("none",) and 1 - np.trace(model.T) / 4 < 0.005)
    assert set(choice.z) >= {"uniform against none"}


def test_a_bias_keeps_the_experts_leaning_out_of_the_matrix():
    z, labels, _ = drawn(3000, sharp=3.0)
    z[:, :, 0] += 0.8  # both experts lean towards class 0
    z = standardised(list(z))
    leaning = fit_pairwise(z, labels, kappa=20, uniform=fit_uniform(z, labels, bias=False), bias=False)
    upright = fit_pairwise(z, labels, kappa=20, uniform=fit_uniform(z, labels))
    assert not leaning.b.any()
    assert upright.b[0] < upright.b[1:].min()
    assert 1 - np.trace(upright.T) / 4 < 1 - np.trace(leaning.T) / 4


def test_z_counts_standard_errors():
    d = np.array([1.0, 2.0, 3.0, 2.0])
    assert z_of(d) == pytest.approx(8 / (2 * math.sqrt(0.5)))
    assert z_of(np.zeros(4)) == 0
