"""`SoftTargetClassifier`: repeated rows are the soft cross-entropy, minimised here directly."""

import numpy as np
import pytest
import sklearn
from scipy import sparse
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import sfumato
from sfumato import SoftTargetClassifier
from sfumato.integrations.sklearn.soft_target import repeat_rows


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    X, Q = generator.normal(size=(60, 4)), generator.dirichlet(np.full(3, 0.6), size=60)
    Q[:10] = np.eye(3)[generator.integers(3, size=10)]  # shares of exactly 0
    return X, Q, generator.uniform(0.2, 3, size=60)


def direct(X, Q, weights, *, C):
    """Minimise ``C * sum_i w_i * -sum_c q_ic log p_ic + |W|^2 / 2`` and return the probabilities."""
    K = Q.shape[1]

    def loss(flat):
        W, b = flat[:-K].reshape(K, -1), flat[-K:]
        logits = X @ W.T + b
        logits = logits - logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        gap = C * weights[:, None] * (np.exp(log_p) - Q)
        value = -C * (weights * (Q * log_p).sum(axis=1)).sum() + (W**2).sum() / 2
        return value, np.concatenate([(gap.T @ X + W).ravel(), gap.sum(axis=0)])

    found = minimize(loss, np.zeros(K * X.shape[1] + K), jac=True, method="L-BFGS-B", options=EXACT)
    logits = X @ found.x[:-K].reshape(K, -1).T + found.x[-K:]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


EXACT = {"maxiter": 10_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-10}


@pytest.mark.parametrize("C", [0.3, 5.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_direct_soft_cross_entropy(rows, C, weighted):
    X, Q, w = rows
    w = w if weighted else np.ones(60)
    learned = SoftTargetClassifier(LogisticRegression(C=C, tol=1e-10, max_iter=10_000)).fit(X, Q, sample_weight=w)
    difference = np.abs(learned.predict_proba(X) - direct(X, Q, w, C=C)).max()
    assert difference < 1e-6
    hard = LogisticRegression(C=C).fit(X, Q.argmax(axis=1))
    assert np.abs(learned.predict_proba(X) - hard.predict_proba(X)).max() > 0.01  # the shares matter


def test_rows_are_repeated_once_for_each_share_that_is_not_zero():
    X = np.array([[1.0], [2.0], [3.0]])
    Q = np.array([[1.0, 0.0], [0.25, 0.75], [0.0, 1.0]])
    repeated, classes, weights = repeat_rows(X, Q)
    assert repeated.tolist() == [[1.0], [2.0], [2.0], [3.0]]
    assert (classes.tolist(), weights.tolist()) == ([0, 0, 1, 1], [1.0, 0.25, 0.75, 1.0])


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix])
def test_sparse_rows_stay_sparse_and_give_the_same(rows, form):
    X, Q, _ = rows
    X = np.where(X > 0.5, X, 0)
    assert sparse.issparse(repeat_rows(form(X), Q)[0])
    dense, thin = (SoftTargetClassifier(MultinomialNB()).fit(given, Q) for given in (X, form(X)))
    assert np.allclose(dense.predict_proba(X), thin.predict_proba(X))


def test_hard_labels_are_learned_as_the_inner_classifier_learns_them(rows):
    X, Q, w = rows
    y = np.array(["b", "c", "a"])[Q.argmax(axis=1)]
    outer, inner = SoftTargetClassifier(LogisticRegression()).fit(X, y, None, w), LogisticRegression().fit(X, y, w)
    assert np.array_equal(outer.predict_proba(X), inner.predict_proba(X))
    one_hot = SoftTargetClassifier(LogisticRegression()).fit(
        X, y, soft_targets=np.eye(3)[np.unique(y, return_inverse=1)[1]]
    )
    assert np.allclose(one_hot.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_classes_are_the_labels_the_columns_or_those_of_the_soft_targets(rows):
    X, Q, _ = rows
    assert SoftTargetClassifier(LogisticRegression()).fit(X, Q).classes_.tolist() == [0, 1, 2]
    y = np.array([20, 3, 100])[Q.argmax(axis=1)]
    by_label = SoftTargetClassifier(LogisticRegression()).fit(X, y, soft_targets=Q)
    assert by_label.classes_.tolist() == [3, 20, 100]
    assert by_label.predict(X).dtype == y.dtype
    soft = sfumato.SoftTargets(Q.astype(np.float32), ("x", "y", "z"), Q.argmax(axis=1), "by hand")
    assert SoftTargetClassifier(LogisticRegression()).fit(X, soft).predict(X[:1])[0] in soft.classes


def test_a_class_without_any_share_has_probability_zero(rows):
    X, Q, _ = rows
    Q = np.insert(Q, 1, 0.0, axis=1)
    learned = SoftTargetClassifier(LogisticRegression()).fit(X, Q)
    assert learned.classes_.tolist() == [0, 1, 2, 3]
    assert np.all(learned.predict_proba(X)[:, 1] == 0)
    assert learned.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(60))


@pytest.mark.parametrize("inner", [SGDClassifier(loss="log_loss"), HistGradientBoostingClassifier(max_iter=5)])
def test_other_classifiers_with_sample_weight_learn_too(rows, inner):
    X, Q, _ = rows
    learned = SoftTargetClassifier(inner).fit(X, Q)
    assert learned.predict_proba(X).shape == (60, 3)
    assert hasattr(learned, "decision_function")
    assert not hasattr(SoftTargetClassifier(MultinomialNB()), "decision_function")


def test_an_estimator_without_sample_weight_is_refused_in_words(rows):
    X, Q, _ = rows
    with pytest.raises(sfumato.InputError, match=r"KNeighborsClassifier .* takes no sample_weight; choose one that"):
        SoftTargetClassifier(KNeighborsClassifier()).fit(X, Q)
    with pytest.raises(sfumato.InputError, match=r"Pipeline: .* put SoftTargetClassifier around the last step"):
        SoftTargetClassifier(make_pipeline(TfidfVectorizer(), LogisticRegression())).fit(["a", "b"], np.eye(2))


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (np.full((60, 3), 0.3), "row 1 does not sum to 1"),
        (np.tile([1.5, -0.5, 0.0], (60, 1)), "row 1 holds a negative share"),
        (np.full((60, 3), np.nan), "row 1 holds NaN"),
        (np.full((59, 3), 1 / 3), r"must have shape \(60, 3\), one row a text, got \(59, 3\)"),
    ],
)
def test_targets_that_are_no_distributions_are_refused(rows, targets, words):
    with pytest.raises(sfumato.InputError, match=words):
        SoftTargetClassifier(LogisticRegression()).fit(rows[0], targets)


def test_labels_and_columns_must_be_of_the_same_classes(rows):
    X, Q, _ = rows
    with pytest.raises(sfumato.InputError, match=r"must have shape \(60, 2\).* got \(60, 3\)"):
        SoftTargetClassifier(LogisticRegression()).fit(X, [0, 1] * 30, soft_targets=Q)


def test_soft_targets_of_other_classes_or_other_rows_are_refused(tickets):
    texts, labels = tickets["text"], np.array(tickets["label"])
    X = TfidfVectorizer().fit_transform(texts)
    soft = sfumato.soften(texts, labels, "label-smoothing")
    inner = SoftTargetClassifier(LogisticRegression())
    assert inner.fit(X, labels, soft_targets=soft).classes_.tolist() == list(soft.classes)
    with pytest.raises(sfumato.InputError, match="the soft targets have the classes"):
        inner.fit(X, np.char.upper(labels), soft_targets=soft)
    with pytest.raises(sfumato.InputError, match=r"row \d+ was made for .*from the same rows in the same order"):
        inner.fit(X, np.roll(labels, 1), soft_targets=soft)
    with pytest.raises(sfumato.InputError, match="row 1 was made for"):
        inner.fit(texts[::-1], soft)  # the rows are texts here, so they are compared too


def test_clone_search_and_routing(tickets):
    texts, labels = tickets["text"], np.array(tickets["label"])
    soft = sfumato.soften(texts, labels, "label-smoothing").targets
    inner = SoftTargetClassifier(LogisticRegression())
    assert clone(inner).get_params()["estimator__C"] == 1.0
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(TfidfVectorizer(), inner.set_fit_request(soft_targets=True))
        done = cross_validate(pipeline, texts, labels, cv=2, params={"soft_targets": soft})
        assert done["test_score"].min() > 0.8
        search = GridSearchCV(pipeline, {"softtargetclassifier__estimator__C": [0.5, 2.0]}, cv=2)
        assert search.fit(texts, labels, soft_targets=soft).best_score_ > 0.8
