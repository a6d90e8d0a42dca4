"""`SoftTargetClassifier`: any classifier that takes example weights learns from soft targets.

A row with the target (q_1, ..., q_C) becomes C rows, one a class, with the weights q_c. A classifier that minimises a
weighted sum of row losses then minimises the soft cross-entropy, ``-sum_c q_c log p_c``, exactly and not nearly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted, has_fit_parameter

from sfumato.errors import InputError
from sfumato.given_targets import check_same_rows
from sfumato.integrations.sklearn.text_and_label import in_order, read_labels, read_weights
from sfumato.softening import SoftTargets
from sfumato.targets import check_soft_targets


def repeat_rows(X: Any, targets: NDArray[np.float64]) -> tuple[Any, NDArray[np.int64], NDArray[np.float64]]:
    """Return each row once for every class it has a share of: the rows, their class indices, and the shares.

    Parameters
    ----------
    X : N rows of any kind that can be indexed; a sparse matrix stays sparse
    targets : (N, C), not negative
    """
    rows, classes = np.nonzero(targets)
    (X,) = indexable(X)  # a sparse matrix becomes CSR, what only claims to be an array becomes one
    return _safe_indexing(X, rows), classes, targets[rows, classes]


def are_names(y: Any) -> bool:
    """Return whether ``y`` lists the labels of each row by name, which `read_labels` refuses."""
    rows = [row for row in y if isinstance(row, list | tuple | set | frozenset)] if isinstance(y, list | tuple) else []
    return any(isinstance(label, str) for row in rows for label in row) or len({len(row) for row in rows}) > 1


def _inner_has(name: str) -> Any:
    """Return a check for `available_if`: whether the inner classifier has the attribute ``name``."""
    return available_if(lambda self: hasattr(getattr(self, "estimator_", self.estimator), name))


class SoftTargetClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that learns from soft targets by repeating rows.

    Exact where ``fit`` of the inner classifier minimises a weighted sum over rows (LogisticRegression, naive Bayes,
    trees, gradient boosting). A part of the rows that it keeps aside by itself (``early_stopping``, inner
    cross-validation) would hold copies of the rows it learns from: turn that off.

    Parameters
    ----------
    estimator : a classifier whose ``fit`` takes ``sample_weight``; not a pipeline, whose first steps would see
        repeated rows: put this class around its last step

    Attributes
    ----------
    classes_ : (C,), in the dtype of ``y``
    estimator_ : the fitted inner classifier
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, soft_targets: Any = None, sample_weight: Any = None) -> SoftTargetClassifier:
        """Fit the inner classifier to N rows.

        Parameters
        ----------
        y : N labels, or the soft targets themselves, (N, C), whose classes are then named 0 to C - 1
        soft_targets : (N, C), columns in the order of the sorted labels, or a `sfumato.SoftTargets` of the same rows;
            each row sums to 1. Without them the labels are learned as they are.
        sample_weight : (N,), multiplied into the shares
        """
        require_sample_weight(self.estimator)
        rows = _num_samples(X)
        if soft_targets is None and (
            isinstance(y, SoftTargets) or (not are_names(y) and np.asarray(y).shape[1:] > (1,))
        ):
            classes, targets = classes_of(y), y
            if isinstance(y, SoftTargets):
                check_same_rows(y, y.classes, y.labels, texts_of(X))
        else:
            learned = read_labels(y, rows, owner=type(self).__name__)
            classes, targets = learned.values, soft_targets
            if isinstance(targets, SoftTargets):
                targets = in_order(targets, learned.names)
                check_same_rows(targets, learned.names, learned.labels, texts_of(X))
            if targets is None:
                targets = np.eye(len(classes))[learned.labels]
        shares = np.asarray(getattr(targets, "targets", targets), dtype=np.float64)
        check_soft_targets(shares, rows, len(classes))
        if sample_weight is not None:
            shares = shares * read_weights(sample_weight, rows)[:, None]
        repeated, index, weights = repeat_rows(X, shares)
        self.estimator_ = clone(self.estimator).fit(repeated, classes[index], sample_weight=weights)
        self.classes_ = classes
        if hasattr(self.estimator_, "n_features_in_"):
            self.n_features_in_ = self.estimator_.n_features_in_
        if hasattr(self.estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.estimator_.feature_names_in_
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return what the inner classifier predicts, (N,)."""
        check_is_fitted(self, "estimator_")
        predicted: NDArray[Any] = self.estimator_.predict(X)
        return predicted

    @_inner_has("predict_proba")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probabilities of the inner classifier, (N, C); 0 for a class without any share."""
        check_is_fitted(self, "estimator_")
        inner = self.estimator_.predict_proba(X)
        if inner.shape[1] == len(self.classes_):
            return np.asarray(inner)
        probabilities = np.zeros((len(inner), len(self.classes_)))
        probabilities[:, np.isin(self.classes_, self.estimator_.classes_)] = inner
        return probabilities

    @_inner_has("decision_function")  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the scores of the inner classifier, as it orders them."""
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.decision_function(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags, tags.classifier_tags = inner.input_tags, inner.classifier_tags
        tags.non_deterministic = inner.non_deterministic
        return tags


def texts_of(X: Any) -> list[str] | None:
    """Return the rows if they are texts, None if they are anything else."""
    rows = list(X) if isinstance(X, list | tuple | np.ndarray) else []
    return rows if rows and all(isinstance(row, str) for row in rows) else None


def classes_of(targets: Any) -> NDArray[Any]:
    """Return the names of the columns of soft targets, (C,): their own, or 0 to C - 1."""
    if isinstance(targets, SoftTargets):
        return np.array(targets.classes)
    return np.arange(np.asarray(targets).shape[1])


def require_sample_weight(estimator: Any) -> None:
    """Raise unless ``fit`` of the estimator takes ``sample_weight``."""
    name = type(estimator).__name__
    if isinstance(estimator, Pipeline):
        last = type(estimator.steps[-1][1]).__name__
        raise InputError(
            f"{name}: its first steps would be fitted on repeated rows; put SoftTargetClassifier around the last step, "
            f"SoftTargetClassifier({last}(...)), and that into the pipeline"
        )
    if not has_fit_parameter(estimator, "sample_weight"):
        raise InputError(
            f"{name} cannot learn from soft targets: its fit takes no sample_weight; choose one that does, as "
            "LogisticRegression, SGDClassifier or HistGradientBoostingClassifier"
        )
