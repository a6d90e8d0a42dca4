"""Trusted rows: the equations in plain loops, T where it is known, and what changes where somebody has looked."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sfumato.damage import symmetric_noise, text_noise, trust
from sfumato.data import Examples
from sfumato.methods.adaptive import adaptive
from sfumato.methods.noise.expert_panel import Settings
from sfumato.methods.noise.model import NoiseModel, fit_columns, fit_none, softmax, standardised, uniform_noise
from sfumato.methods.noise.posterior import posterior, settled
from sfumato.methods.noise.trusted import Trusted, gold_matrix, mistakes, remark, surprise

TOPICS = {
    "sport": "ball team goal coach match league",
    "money": "bank stock price loan tax profit",
    "art": "song drum oil",
}


def topics(rows=600, seed=0):
    """Return texts of six words, some of which speak of another topic than their label's."""
    generator, names = np.random.default_rng(seed), list(TOPICS)
    labels = [names[i % 3] for i in range(rows)]
    texts = []
    for i, name in enumerate(labels):
        other = names[(i + 1) % 3] if generator.random() < 0.35 else name
        own = generator.integers(1, 4)
        texts.append(
            " ".join([*generator.choice(TOPICS[name].split(), own), *generator.choice(TOPICS[other].split(), 3)])
        )
    return Examples.from_labels(texts, labels, classes=names)


def by_the_text(N=20000, C=3, seed=0):
    """Draw scores, right labels by them, and written labels that follow from the scores alone; with the true T."""
    generator = np.random.default_rng(seed)
    scores = 2 * generator.normal(size=(N, C))
    right = np.array([generator.choice(C, p=p) for p in softmax(scores)])
    sharp = softmax(4 * scores)
    written = np.array([generator.choice(C, p=p) for p in sharp])
    T = np.zeros((C, C))
    np.add.at(T, (right, written), 1)
    return standardised([scores]), written, right, T / T.sum(axis=1, keepdims=True)


def test_the_surprise_in_plain_loops():
    p = softmax(np.random.default_rng(0).normal(size=(6, 4)))
    right = np.array([0, 3, 2, 1, 1, 0])
    total = variance = wrong = expected = spread = 0.0
    for i in range(6):
        H = sum(p[i][j] * math.log(p[i][j]) for j in range(4))
        total += math.log(p[i][right[i]]) - H
        variance += sum(p[i][j] * math.log(p[i][j]) ** 2 for j in range(4)) - H**2
        wrong += max(range(4), key=lambda j: p[i][j]) != right[i]
        expected += 1 - max(p[i])
        spread += max(p[i]) * (1 - max(p[i]))
    assert surprise(p, right) == pytest.approx(total / math.sqrt(variance))
    assert mistakes(p, right) == pytest.approx((wrong, expected, math.sqrt(spread)))


def test_the_matrix_of_trusted_rows_in_plain_loops():
    right, kappa, C = np.array([0, 0, 1, 0, 1, 1, 0]), 4.0, 3  # class 2 has no trusted row
    written = softmax(np.random.default_rng(1).normal(size=(7, 3)) + 2 * np.eye(3)[right])
    kept = sum(written[i][right[i]] for i in range(7)) / 7
    e = (1 - kept) * C / (C - 1)
    found = gold_matrix(written, right, kappa=kappa)
    for j in range(C):
        rows = [i for i in range(7) if right[i] == j]
        for k in range(C):
            even = (1 - e) * (j == k) + e / C
            assert found[j, k] == pytest.approx((sum(written[i][k] for i in rows) + kappa * even) / (len(rows) + kappa))
    np.testing.assert_allclose(found[2], uniform_noise(e, 3)[2])


def test_what_p_says_of_itself_does_not_surprise_and_what_is_too_sure_does():
    generator, values = np.random.default_rng(2), []
    scores = generator.normal(size=(200, 4))
    right = np.array([generator.choice(4, p=p) for p in softmax(scores)])
    for sharper in (1.0, 4.0):
        values.append(surprise(softmax(sharper * scores), right))
    assert abs(values[0]) < 3
    assert values[1] < -10


def test_the_true_matrix_is_found_where_the_written_label_depends_on_the_text():
    z, written, right, T = by_the_text()
    G = np.arange(10000)
    found = gold_matrix(fit_none(z[:, 10000:], written[10000:]).right(z[:, G]), right[G])
    assert np.abs(found - T).max() < 0.02
    assert np.abs(np.eye(3) - T).max() > 0.15  # what there is to find
    rows = np.zeros(20000, bool)
    rows[G] = True
    labels = np.where(rows, right, written)
    others = np.arange(10000, 20000)
    plain = fit_none(z[:, others], labels[others])
    asked = Trusted(rows).asked(plain, z, labels, others)
    assert asked.gold
    assert asked.wrong == pytest.approx((written != right).mean(), abs=0.02)
    model = asked.fit(plain, z, labels, others)
    np.testing.assert_allclose(model.T, found)
    truth = -np.log(model.right(z)[np.arange(20000), right]).mean()
    assert truth < -np.log(plain.right(z)[np.arange(20000), right]).mean() - 0.1


def test_where_the_label_alone_decides_the_matrix_stays_and_trusted_rows_join_the_likelihood():
    generator = np.random.default_rng(3)
    right = generator.integers(4, size=1500)
    scores = generator.normal(size=(1500, 4))
    scores[np.arange(1500), right] += 2.5
    T = uniform_noise(0.3, 4)
    written = np.array([generator.choice(4, p=T[j]) for j in right])
    z, rows = standardised([scores]), np.arange(1500) < 100
    labels = np.where(rows, right, written)
    others = np.flatnonzero(~rows)
    start = fit_columns(NoiseModel("uniform", np.ones(1), np.zeros(4), T), z[:, others], T.T[labels[others]])
    asked = Trusted(rows).asked(start, z, labels, others)
    assert not asked.gold
    model = asked.fit(start, z, labels, others)
    assert np.array_equal(model.T, T)

    def objective(model):
        p = model.right(z)
        total = -0.5 * sum(b * b for b in model.b) - 1e-3 * math.log(model.a[0]) ** 2
        for i in range(1500):
            total += math.log(p[i, labels[i]] if rows[i] else sum(p[i, j] * T[j, labels[i]] for j in range(4)))
        return total

    assert objective(model) > objective(start)
    for a in (0.95, 1.05):
        assert objective(NoiseModel("uniform", model.a * a, model.b, T)) < objective(model)


def doubted(n, wrong, *, seen=0.0):
    """Ask n trusted rows of two classes, of which p is .9 sure, and ``wrong`` of them right against it.

    The model takes the share ``seen`` of the labels of 1,000 other rows for wrong.
    """
    sure = math.log(9)
    z = np.concatenate([np.tile([sure, 0.0], (n, 1)), np.tile([sure, 0.0], (1000, 1))])[None]
    labels = np.zeros(n + 1000, int)
    labels[:wrong] = 1
    others = np.arange(n, n + 1000)
    labels[others[: round(1000 * seen)]] = 1
    T = uniform_noise(0.6, 2) if seen else np.eye(2)
    model = NoiseModel("uniform" if seen else "none", np.ones(1), np.zeros(2), T)
    rows = np.arange(n + 1000) < n
    return Trusted(rows).asked(model, z, labels, others)


def test_the_model_is_contradicted_clearly_by_much_and_by_more_than_it_knows_of():
    # E = n / 10, s = .3 sqrt(n), so that 1.5 E + s is 18 of 100 rows and 5.25 of 25
    assert not doubted(100, 17).gold
    assert doubted(100, 19).gold
    assert not doubted(25, 5).gold  # twice what p expects, but of 2.5 rows
    assert doubted(25, 6).gold
    assert doubted(100, 30).gold
    assert not doubted(100, 30, seen=0.4).gold  # what they contradict is less than what it sees


def test_a_trusted_row_keeps_its_label_whole_and_others_do_not():
    q, labels = np.array([[0.4, 0.6], [0.4, 0.6]]), np.array([0, 0])
    assert settled(q, labels, np.array([True, False])).tolist() == [[1.0, 0.0], [0.4, 0.6]]
    given = trust(
        symmetric_noise(topics(240), rate=0.2, seed=0).examples, rows=60, right=topics(240).labels, seed=0
    ).examples
    targets = adaptive(floor=0.1, rounds=0).prepare(given).targets.dense()
    assert np.array_equal(targets[given.trusted], np.eye(3)[given.labels[given.trusted]])
    assert targets[~given.trusted].max() < 0.95


def test_without_a_trusted_row_nothing_changes():
    given = symmetric_noise(topics(240), rate=0.2, seed=0).examples
    plain = posterior(list(given.inputs), given.labels, 3, Settings(rounds=0))
    none = posterior(list(given.inputs), given.labels, 3, Settings(rounds=0), np.zeros(240, bool))
    assert np.array_equal(plain.q, none.q)
    assert none.trusted is None
    marked = replace(given, trusted=np.zeros(240, bool))
    assert "no row is trusted" in adaptive(rounds=0).prepare(marked).remarks
    assert "no row is trusted" not in adaptive(rounds=0).prepare(given).remarks


def test_trusted_rows_tell_of_wrong_labels_that_the_text_explains_and_nothing_else_does():
    right = topics(900)
    given = text_noise(right, rate=0.25, seed=0).examples
    alone = posterior(list(given.inputs), given.labels, 3, Settings(rounds=0))
    assert alone.wrong < 0.05
    marked = trust(given, rows=150, right=right.labels, seed=0).examples
    found = posterior(list(marked.inputs), marked.labels, 3, Settings(rounds=0), marked.trusted)
    assert found.trusted.gold
    assert abs(found.wrong - 0.25) < 0.08
    assert "contradict the model" in remark(found.trusted)
    assert "a share of its own (from the trusted rows)" in found.report()
    assert "family" not in found.report()  # z spoke for the one that they contradict
    assert "(family" in alone.report()
    rest = ~marked.trusted
    sure = found.q[rest, given.labels[rest]].mean()
    assert sure < alone.q[rest, given.labels[rest]].mean() - 0.02


def test_a_table_of_nothing_but_trusted_rows_keeps_its_labels():
    given = topics(60)
    found = posterior(list(given.inputs), given.labels, 3, Settings(), np.ones(60, bool))
    assert np.array_equal(found.q, np.eye(3)[given.labels])
    assert found.wrong == 0
    assert remark(found.trusted) == "60 trusted rows keep their label"
    assert found.report().startswith(
        "only 0 different rows that are not trusted have a label that other texts have too"
    )


def test_where_no_label_has_two_texts_that_is_the_reason_and_not_the_trusted_rows():
    texts = [f"word{k} other{k}" for k in range(40)]
    found = posterior(texts, np.arange(40), 40, Settings(), np.arange(40) < 2)
    assert found.report().startswith(
        "fewer than two labels have more than one text, so wrong labels are not looked for"
    )
    assert remark(found.trusted) == "2 trusted rows keep their label"


def test_a_trusted_row_of_a_label_that_no_other_text_has_is_told():
    given = symmetric_noise(topics(240), rate=0.2, seed=0).examples
    trusted = np.arange(241) == 240
    found = posterior([*given.inputs, "one more"], np.append(given.labels, 3), 4, Settings(rounds=0), trusted)
    assert remark(found.trusted) == "1 trusted rows keep their label"
    assert found.report().startswith("estimated share of wrong labels: ")
    assert found.q[240].tolist() == [0, 0, 0, 1]


def test_the_rows_that_contradict_the_model_are_heard_in_every_round():
    right = topics(900)
    marked = trust(text_noise(right, rate=0.25, seed=0).examples, rows=150, right=right.labels, seed=0).examples
    once, twice = (
        posterior(list(marked.inputs), marked.labels, 3, Settings(rounds=rounds), marked.trusted) for rounds in (0, 2)
    )
    assert once.trusted.gold
    assert twice.rounds == 2
    assert np.trace(twice.model.T) < 3 * 0.9  # that of all rows sees next to nothing wrong
    rest = ~marked.trusted
    wrong = rest & (marked.labels != right.labels)
    own = twice.q[np.arange(900), marked.labels]
    assert own[wrong].mean() < own[rest & ~wrong].mean()
