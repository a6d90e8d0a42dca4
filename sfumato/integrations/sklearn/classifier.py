"""`SoftLabelClassifier`: texts and labels in, a calibrated classifier out, with scikit-learn's conventions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from sfumato.data import mean_one
from sfumato.errors import InputError
from sfumato.integrations.sklearn.option import OWNERS, current_options, with_options
from sfumato.integrations.sklearn.text_and_label import (
    as_indicator,
    in_order,
    read_examples,
    read_texts,
    read_weights,
)
from sfumato.resolve import build_method
from sfumato.softening import SoftTargets

SETTINGS = (
    *("model_options", "epochs", "batch_size", "lr", "optimizer", "momentum", "max_length", "eval_every"),
    *("dev", "seed", "thresholds", "balance", "calibrate", "device", "threads"),
)  # what `sfumato.fit` is given as it stands
NO_PLACE = (
    "the method needs the votes of several annotators, and X and y have no place for them; make the targets first, "
    "soft = sfumato.soften(X, y, 'votes', votes=...), and give them to fit(X, y, soft_targets=soft)"
)


class SoftLabelClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A text classifier trained on soft labels.

    Parameters
    ----------
    model, method : a name, a function that builds one, the thing itself, or (method) a smoother such as
        `KeywordSmoother`
    method_options, model_options : options by name; ``set_params(method__weight=0.2)`` sets one. A new ``method`` or
        ``model`` drops the options of the one before.
    epochs, batch_size, lr, optimizer, momentum, max_length : the training loop; None is the model's own
    eval_every : epochs between two looks at dev; may be less than 1
    dev : share of the training rows kept for choosing and calibrating (0 keeps none), or labelled rows of their own
    seed : decides the split, the weights and the order of the rows
    thresholds : where a row may have several labels: "global", "label", or a number; None is "global"
    balance : ``weights`` or ``sampler`` balance the classes
    calibrate : fit one temperature on dev; None does so unless ``soft_targets`` are given
    device, threads : where and on how many cores; None decides by itself

    Attributes
    ----------
    classes_ : (C,), in the dtype of ``y``; the numbers of its columns where it is a matrix
    multilabel_ : whether a row may have several labels
    model_ : the trained `sfumato.Model`, which can be saved
    """

    def __init__(
        self,
        model: Any = "linear",
        method: Any = "label-smoothing",
        *,
        method_options: dict[str, Any] | None = None,
        model_options: dict[str, Any] | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        optimizer: str | None = None,
        momentum: float | None = None,
        max_length: int | None = None,
        eval_every: float = 1.0,
        dev: Any = 0.1,
        seed: int = 0,
        thresholds: str | float | None = None,
        balance: str = "none",
        calibrate: bool | None = None,
        device: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.method = method
        self.method_options = method_options
        self.model_options = model_options
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.momentum = momentum
        self.max_length = max_length
        self.eval_every = eval_every
        self.dev = dev
        self.seed = seed
        self.thresholds = thresholds
        self.balance = balance
        self.calibrate = calibrate
        self.device = device
        self.threads = threads

    def fit(self, X: Any, y: Any, soft_targets: Any = None, sample_weight: Any = None) -> SoftLabelClassifier:
        """Train on N texts.

        Parameters
        ----------
        X : a list, an array or a series of N texts
        y : N labels of any one kind; or, where a row may have several, a matrix of 0 and 1, (N, C), or N lists
            of labels, each of any length; lists of 0 and 1 that are equally long, of two or more, are a matrix, as in
            all of scikit-learn, whose own scorers, and so ``GridSearchCV``, want the matrix
        soft_targets : (N, C), columns in the order of the sorted labels, or a `sfumato.SoftTargets`; they replace the
            targets of the method, as in `sfumato.fit`
        sample_weight : (N,), not negative
        """
        from sfumato.fitting import fit

        y = as_indicator(y)
        examples, classes = read_examples(X, y, owner=type(self).__name__, several=True)
        if sample_weight is not None:
            examples = replace(examples, weights=mean_one(read_weights(sample_weight, len(examples))))
        if isinstance(soft_targets, SoftTargets):
            soft_targets = in_order(soft_targets, examples.classes)
        method = self.method.as_method() if hasattr(self.method, "as_method") else self.method
        if soft_targets is None and build_method(method, self.method_options or {}).needs_votes:
            raise InputError(NO_PLACE)
        self.model_ = fit(
            examples,
            model=self.model,
            method=method,
            method_options=self.method_options,
            soft_targets=soft_targets,
            **{name: getattr(self, name) for name in SETTINGS},
        )
        self.classes_ = classes
        self.multilabel_ = examples.multilabel
        self._as_matrix = examples.multilabel and len(np.shape(y) if hasattr(y, "shape") else ()) == 2
        return self

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each text, (N,), in the dtype of ``y``.

        Where a row may have several labels: those above the thresholds of the model, in the form of ``y``, a matrix of
        0 and 1, (N, C), or N lists.
        """
        check_is_fitted(self, "model_")
        if self.multilabel_:
            gold = self.model_.answers(self.predict_proba(X))
            return gold.astype(np.int64) if self._as_matrix else [self.classes_[row].tolist() for row in gold]
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return calibrated probabilities, (N, C); columns in the order of ``classes_``.

        Those of several labels a row are independent of each other.
        """
        check_is_fitted(self, "model_")
        probabilities: NDArray[np.float64] = self.model_.predict_proba(read_texts(X))
        return probabilities

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of rows that are right, of several labels: all of them; ``y`` in the form of `fit`."""
        check_is_fitted(self, "model_")
        if self.multilabel_ and not hasattr(as_indicator(y), "shape"):
            y = self._indicator(y)
            right = (self._indicator(self.predict(X)) == y).all(axis=1)
            return float(np.average(right, weights=sample_weight))
        return float(super().score(X, y, sample_weight=sample_weight))

    def _indicator(self, label_sets: Any) -> NDArray[np.bool_]:
        """Return lists of labels as a matrix (N, C + 1), whose last column tells of labels that are no class."""
        place = {value: k for k, value in enumerate(self.classes_.tolist())}
        matrix = np.zeros((len(label_sets), len(place) + 1), dtype=bool)
        for row, labels in zip(matrix, label_sets, strict=True):
            row[[place.get(label, len(place)) for label in labels]] = True
        return matrix

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; ``deep`` adds the options of method and model, as ``method__weight``."""
        params: dict[str, Any] = super().get_params(deep=deep)
        for owner in OWNERS if deep else ():
            thing, given = getattr(self, owner), getattr(self, f"{owner}_options")
            if not hasattr(thing, "get_params"):
                options = current_options(owner, thing, given)
                params |= {f"{owner}__{name}": value for name, value in options.items()}
        return params

    def set_params(self, **params: Any) -> SoftLabelClassifier:
        """Set parameters, the plain ones before the nested ones, whatever their order.

        So ``set_params(method="kwls", method__weight=0.2)`` first takes the method, without the options of the one
        before, then its option.
        """
        plain = {name: value for name, value in params.items() if "__" not in name}
        for owner in OWNERS:
            if owner in plain and plain[owner] is not getattr(self, owner) and plain[owner] != getattr(self, owner):
                plain.setdefault(f"{owner}_options", None)
        super().set_params(**plain)
        for owner in OWNERS:
            nested = {name.partition("__")[2]: value for name, value in params.items() if name.startswith(f"{owner}__")}
            thing = getattr(self, owner)
            if nested and hasattr(thing, "set_params"):
                thing.set_params(**nested)
            elif nested:
                built, options = with_options(owner, thing, getattr(self, f"{owner}_options"), nested)
                super().set_params(**{owner: built, f"{owner}_options": options})
        strange = [name for name in params if "__" in name and name.partition("__")[0] not in OWNERS]
        super().set_params(**{name: params[name] for name in strange})  # scikit-learn says what is wrong with them
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.classifier_tags.multi_label = True
        return tags
