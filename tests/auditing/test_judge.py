import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sfumato import held_out_linear as folds
from sfumato.auditing.audit import audit, checked_examples
from sfumato.auditing.judge import concluded, judge, wrong_labels
from sfumato.auditing.judges import Judges
from sfumato.data import Examples
from sfumato.held_out_linear import held_out_logits
from sfumato.methods.noise.judged_rows import places
from sfumato.methods.noise.model import NoiseModel
from sfumato.methods.noise.posterior import Posterior, posterior
from sfumato.row_squares import RowSquares, largest_eigenvalue


def plain_descent(X: Any, y: list[int], C: int, learns: list[bool], square: float, steps: int) -> Any:
    """Fit one softmax regression with its weights written out; return the logits of all rows."""
    rows = [i for i in range(len(y)) if learns[i]]
    V, n = X.shape[1], len(rows)
    W, b = np.zeros((V, C)), np.array([math.log(max(sum(y[i] == k for i in rows) / n, 1e-6)) for k in range(C)])
    ahead_W, ahead_b, momentum = W, b, 1.0
    for _ in range(steps):
        down_W, down_b = np.zeros((V, C)), np.zeros(C)
        for i in rows:
            z = X[i] @ ahead_W + ahead_b
            p = np.exp(z) / np.exp(z).sum()
            for k in range(C):
                residual = (p[k] - (y[i] == k)) / n
                down_W[:, k] += X[i] * residual
                down_b[k] += residual
        new_W, new_b = ahead_W - 2 * n / square * down_W, ahead_b - down_b
        if (down_W * (new_W - W)).sum() + (down_b * (new_b - b)).sum() > 0:
            momentum = 1.0
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        push = (momentum - 1) / following
        ahead_W, ahead_b = new_W + push * (new_W - W), new_b + push * (new_b - b)
        W, b, momentum = new_W, new_b, following
    return X @ W + b


def random_rows(seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.random((18, 7)).astype(np.float32) * (rng.random((18, 7)) < 0.6)
    return csr_matrix(X.astype(np.float32)), rng.integers(0, 3, 18), np.arange(18) % 3


@pytest.mark.parametrize("room", [2**26, 1])  # all folds side by side, and one after the other
def test_held_out_logits_are_those_of_classifiers_with_their_weights_written_out(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "ROOM", room)
    X, y, fold = random_rows()
    square = largest_eigenvalue(X, X.T.tocsr())
    logits = held_out_logits(X, y, 3, fold, steps=12)
    for name in range(3):
        expected = plain_descent(X.toarray().astype(float), y.tolist(), 3, (fold != name).tolist(), square, 12)
        np.testing.assert_allclose(logits[fold == name], expected[fold == name], atol=2e-4)


@pytest.mark.parametrize("worth", [0, 10**6])  # two sparse products, or the matrix of all rows by all rows
def test_both_ways_to_the_squares_of_rows_are_the_plain_product(worth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfumato.row_squares.WORTH", worth)
    X, _, _ = random_rows()
    R = np.random.default_rng(1).normal(size=(18, 4)).astype(np.float32)
    squares = RowSquares(X)
    assert squares.dense == (worth > 0)
    rows = X.toarray().astype(float)
    np.testing.assert_allclose(squares.times(R), rows @ (rows.T @ R), rtol=1e-4, atol=1e-4)


def test_the_label_of_a_row_does_not_reach_its_own_logits() -> None:
    X, y, fold = random_rows()
    changed = y.copy()
    changed[4] = (y[4] + 1) % 3
    before, after = (held_out_logits(X, labels, 3, fold) for labels in (y, changed))
    same = fold == fold[4]
    np.testing.assert_array_equal(before[same], after[same])
    assert np.abs(before[~same] - after[~same]).max() > 1e-3


def test_scores_thresholds_and_flags_are_the_sums_in_the_docstring() -> None:
    p = np.array(
        [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.2, 0.7, 0.1], [0.1, 0.5, 0.4], [0.45, 0.35, 0.2], [0.2, 0.2, 0.6]]
    )
    labels = np.array([0, 0, 1, 1, 2, 2])
    found = concluded(np.log(p), np.ones(6, dtype=bool), labels)
    for i, g in enumerate(labels):
        s = max((k for k in range(3) if k != g), key=lambda k: p[i, k])
        assert found.score[i] == pytest.approx(p[i, s] / (p[i, s] + p[i, g]))
        threshold = [np.mean([p[j, k] for j in range(6) if labels[j] == k]) for k in range(3)]
        likeliest = int(p[i].argmax())
        assert found.suggested[i] == likeliest
        assert found.flagged[i] == (likeliest != g and p[i, likeliest] >= threshold[likeliest])
    assert found.flagged.tolist() == [False, True, False, False, False, False]
    assert found.suggested[4] == 0  # likelier than its label, and below the threshold of 0.5


@pytest.mark.parametrize(("doubtful", "last", "flagged"), [(0.55, 0.001, False), (0.65, 0.999, True)])
def test_a_row_that_is_not_judged_keeps_its_label_and_does_not_move_the_thresholds(
    doubtful: float, last: float, flagged: bool
) -> None:
    p = np.array([[0.6, 0.4], [1 - doubtful, doubtful], [0.4, 0.6], [1 - last, last]])
    labels, judged = np.array([0, 0, 1, 1]), np.array([True, True, True, False])
    found = concluded(np.log(p), judged, labels)
    assert found.suggested.tolist() == [0, 1, 1, 1]
    assert np.isnan(found.score[3])
    assert found.flagged.tolist() == [False, flagged, False, False]  # the threshold is 0.6, of the third row alone
    assert concluded(np.log(p), np.ones(4, dtype=bool), labels).flagged[1] == (not flagged)


def posterior_of(p: Any, labels: Any, T: Any, **given: Any) -> Posterior:
    model = NoiseModel("pairwise", np.ones(1), np.zeros(len(T)), T, 20)
    facts = {"anchors": 0.5, "guarded": False, "wrong": 0.2, **given}
    return Posterior(p, model, {}, suspicion=np.zeros(len(labels)), **facts)


def test_with_wrong_labels_the_scores_and_flags_are_those_of_the_posterior() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.05, 0.9, 0.05], [0.4, 0.35, 0.25]])
    T = np.array([[0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.2, 0.2, 0.6]])
    labels = np.array([1, 1, 1, 2])
    found = concluded(np.log(p), np.ones(4, dtype=bool), labels, None, posterior_of(p, labels, T))
    for i, g in enumerate(labels):
        joint = [p[i, j] * T[j, g] for j in range(3)]
        q = [each / sum(joint) for each in joint]
        assert found.score[i] == pytest.approx(1 - q[g])
        assert found.suggested[i] == q.index(max(q))
        assert found.flagged[i] == (q.index(max(q)) != g)
    assert found.flagged.tolist() == [True, False, False, False]  # the second is likelier another by p, not by q
    np.testing.assert_array_equal(found.log_p, np.log(p))
    left_out = concluded(np.log(p), np.arange(4) > 0, labels, None, posterior_of(p, labels, T))
    assert np.isnan(left_out.score[0])
    assert not left_out.flagged[0]


@pytest.mark.parametrize("given", [{"guarded": True}, {"wrong": 0.004}])
def test_a_posterior_that_tells_nothing_is_not_used(given: dict[str, Any]) -> None:
    p, labels = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.05, 0.9, 0.05]]), np.array([1, 1, 1])
    T = np.array([[0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.2, 0.2, 0.6]])
    plain = concluded(np.log(p), np.ones(3, dtype=bool), labels)
    same = concluded(np.log(p), np.ones(3, dtype=bool), labels, None, posterior_of(p, labels, T, **given))
    other = concluded(np.log(p), np.ones(3, dtype=bool), labels, None, posterior_of(p, labels, T))
    np.testing.assert_array_equal(plain.score, same.score)
    np.testing.assert_array_equal(plain.flagged, same.flagged)
    assert not np.allclose(plain.score, other.score)


def test_copies_of_a_row_are_one_row_for_the_model_of_wrong_labels(noisy: tuple[list[str], list[str]]) -> None:
    texts, labels = noisy
    once = checked_examples([*texts, "an odd one"], [*labels, "login"])
    thrice = checked_examples([*texts, *["an odd one"] * 3], [*labels, *["login"] * 3])
    assert len(set(places(thrice.inputs, thrice.labels).tolist())) == len(places(once.inputs, once.labels)) == 91
    fitted: list[int] = []

    def noted(*given: Any) -> Any:
        fitted.append(len(given[2]))
        return wrong_labels(*given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sfumato.auditing.judge.wrong_labels", noted)
        judge(once, folds=5, seed=0)
        judge(thrice, folds=5, seed=0)
    assert fitted == [91, 91]


def test_scores_too_near_one_to_tell_apart_still_rank_by_their_lead() -> None:
    log_p = np.array([[-50.0, -1e-9], [-90.0, -1e-9], [-70.0, -1e-9]])
    found = concluded(log_p, np.ones(3, dtype=bool), np.zeros(3, dtype=np.int64))
    assert found.score.tolist() == [1, 1, 1]
    assert np.argsort(-found.lead).tolist() == [1, 2, 0]


def test_an_audit_judges_with_both_kinds_of_evidence(noisy: tuple[list[str], list[str]]) -> None:
    examples = checked_examples(*noisy)
    found = judge(examples, folds=5, seed=0)
    np.testing.assert_allclose(np.exp(found.log_p).sum(axis=1), 1)
    assert found.keywords is not None
    assert found.judged.all()


def many(rows: int) -> Examples:
    """Return different texts of three topics, a quarter of them with a wrong label."""
    rng = np.random.default_rng(0)
    right = np.arange(rows) % 3
    labels = np.where(rng.random(rows) < 0.25, (right + rng.integers(1, 3, rows)) % 3, right)
    texts = [" ".join([*(f"{'abc'[k]}{n}" for n in rng.integers(0, 10, 5)), f"row{i}"]) for i, k in enumerate(right)]
    return Examples.from_labels(texts, [str(k) for k in labels])


def test_the_rounds_of_the_audit_are_those_of_adaptive_targets() -> None:
    examples = many(420)
    audited = judge(examples, folds=5, seed=0).wrong_labels
    assert audited is not None
    assert audited.rounds == 2
    targets = posterior(list(examples.inputs), examples.labels, 3)
    np.testing.assert_allclose(audited.suspicion, targets.suspicion, atol=1e-5)
    assert audited.wrong == pytest.approx(targets.wrong, abs=1e-5)
    once = judge(examples, folds=5, seed=0, rounds=0).wrong_labels
    assert once is not None
    assert np.abs(once.suspicion - targets.suspicion).max() > 0.01


def test_few_rows_are_judged_without_further_rounds() -> None:
    found = judge(many(240), folds=5, seed=0).wrong_labels
    assert found is not None
    assert not found.guarded
    assert found.wrong > 0.1
    assert found.rounds == 0


def with_more(examples: Examples, texts: list[str], labels: list[str]) -> Examples:
    named = [examples.classes[k] for k in examples.labels]
    return Examples.from_labels([*examples.inputs, *texts], [*named, *labels])


def test_a_label_of_one_text_hides_no_wrong_labels_and_is_suggested_to_nobody() -> None:
    plain, more = many(600), with_more(many(600), ["a1 a2 b3 b4"], ["once"])
    one, other = judge(plain, folds=5, seed=0), judge(more, folds=5, seed=0)
    assert one.wrong_labels is not None
    assert other.wrong_labels is not None
    assert other.wrong_labels.model.family == one.wrong_labels.model.family != "none"
    assert other.wrong_labels.wrong == pytest.approx(one.wrong_labels.wrong, abs=0.03)
    assert not other.judged[600]
    assert not (other.suggested[:600] == more.classes.index("once")).any()
    assert np.isfinite(other.log_p).all()


def test_rows_that_nobody_can_read_do_not_decide_whether_the_rest_is_clear() -> None:
    found = judge(with_more(many(600), [""] * 6000, ["0", "1", "2"] * 2000), folds=5, seed=0)
    assert not found.judged[600:].any()
    assert found.wrong_labels is not None
    assert not found.wrong_labels.guarded
    assert found.wrong_labels.wrong > 0.1


def test_rows_that_are_not_judged_keep_their_label_in_further_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    soft = Judges.soft
    monkeypatch.setattr(Judges, "soft", lambda self, q: heard.append(q) or soft(self, q))
    examples = with_more(many(600), [""] * 60, ["0", "1", "2"] * 20)
    judge(examples, folds=5, seed=0)
    assert len(heard) == 2
    for q in heard:
        np.testing.assert_array_equal(q[600:], np.eye(3)[examples.labels[600:]])
        assert (q[:600].max(axis=1) < 0.9).any()


def test_the_likeliest_label_that_is_reported_has_not_heard_the_rows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = many(420)
    once = judge(examples, folds=5, seed=0, rounds=0)

    def hears_it(judges: Any, found: Posterior, some: Any, judged: Any) -> Any:
        return found, np.stack([20 * np.eye(3)[judges.labels]] * 2)

    monkeypatch.setattr("sfumato.auditing.judge.judged_again", hears_it)
    found = judge(examples, folds=5, seed=0)
    np.testing.assert_array_equal(found.log_p.argmax(axis=1), examples.labels)
    np.testing.assert_array_equal(found.likeliest, once.log_p.argmax(axis=1))
    np.testing.assert_array_equal(once.likeliest, once.log_p.argmax(axis=1))
    named = [examples.classes[k] for k in examples.labels]
    agreement = (once.likeliest == examples.labels).mean()
    assert audit(list(examples.inputs), named).settings["agreement"] == pytest.approx(agreement)


def test_rounds_that_leave_no_wrong_labels_leave_the_first_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = many(420)
    expected = judge(examples, folds=5, seed=0, with_wrong_labels=False)

    def none_left(judges: Any, found: Posterior, some: Any, judged: Any) -> Any:
        return replace(found, wrong=0.0), np.zeros((2, 420, 3))

    monkeypatch.setattr("sfumato.auditing.judge.judged_again", none_left)
    found = judge(examples, folds=5, seed=0)
    np.testing.assert_array_equal(found.log_p, expected.log_p)
    np.testing.assert_array_equal(found.lead, expected.lead)


def test_fewer_rows_than_can_tell_have_no_model_of_wrong_labels() -> None:
    found = judge(many(18), folds=3, seed=0).wrong_labels
    assert found is not None
    assert found.guarded
    assert found.report() == (
        "only 18 different rows can be judged by others; wrong labels cannot be told from ambiguous texts, "
        "so no model of wrong labels is used"
    )
