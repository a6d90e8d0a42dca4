"""Methods that need no training as transformers: labels and texts in, soft targets out.

``fit_transform(X, y)`` gives the targets of the training texts, made with their labels. ``transform(X)`` gives what
is left to say of texts whose label nobody knows, and so differs from it even on the same texts, as `TargetEncoder`'s
does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter, Signature
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sfumato.calibration import softmax
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.integrations.sklearn.text_and_label import read_examples, read_texts
from sfumato.keywords import LabelCounts, count_words
from sfumato.method import Method
from sfumato.methods import METHODS
from sfumato.methods.keyword_labels import KeywordLabels, by_tokens
from sfumato.methods.label_smoothing import smoothed_table
from sfumato.methods.word_evidence import in_sample
from sfumato.targets import Floats


def constructor(method: str) -> Callable[..., None]:
    """Return an ``__init__`` that stores the options of a registered method and has its signature.

    scikit-learn reads the parameters of a class from there, so an option of the method is one of the class too.
    """
    options = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in METHODS.schema(method).values()]
    signature = Signature([Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *options])

    def __init__(self: Any, **given: Any) -> None:
        bound = signature.bind(self, **given)
        bound.apply_defaults()
        vars(self).update({name: value for name, value in bound.arguments.items() if name != "self"})

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


class Smoother(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A registered method as a transformer; its options are the parameters.

    Attributes
    ----------
    classes_ : (C,), in the dtype of ``y``, in the order of the columns
    """

    name: ClassVar[str]

    def __init_subclass__(cls, *, method: str = "", **options: Any) -> None:
        if method:
            cls.name = method
            cls.__init__ = constructor(method)  # type: ignore[method-assign]
        super().__init_subclass__(**options)

    def as_method(self) -> Method:
        """Return the method with these parameters, as `SoftLabelClassifier` takes it."""
        return METHODS.build(self.name, self.get_params(deep=False))

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from N texts and labels what `transform` says of other texts."""
        self._learn(self._read(X, y))
        return self

    def fit_transform(self, X: Any, y: Any) -> Floats:
        """Return the soft targets of N texts with labels, (N, C) float32."""
        examples = self._read(X, y)
        self._learn(examples)
        return self._targets(examples)

    def transform(self, X: Any) -> Floats:
        """Return the distribution of N texts without labels, (N, C) float32."""
        check_is_fitted(self, "classes_")
        return self._distribution(read_texts(X)).astype(np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the classes, one a column."""
        check_is_fitted(self, "classes_")
        return np.array([f"{self.name}_{value}" for value in self.classes_], dtype=object)

    def _read(self, X: Any, y: Any) -> Examples:
        examples, classes = read_examples(X, y, owner=type(self).__name__)
        if len(classes) < 2:
            raise InputError(f"there is only one class ({classes[0]}): nothing to spread mass over")
        self.classes_ = classes
        return examples

    def _learn(self, examples: Examples) -> None:
        raise NotImplementedError

    def _targets(self, examples: Examples) -> Floats:
        return self.as_method().prepare(examples).targets.dense()

    def _distribution(self, texts: list[str]) -> NDArray[np.floating[Any]]:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class ClassSmoother(Smoother):
    """A method whose targets follow from the labels alone. `transform` gives each text the mean training target.

    Attributes
    ----------
    mean_target_ : (C,)
    """

    def _learn(self, examples: Examples) -> None:
        self.mean_target_ = self._targets(examples).mean(axis=0, dtype=np.float64)

    def _distribution(self, texts: list[str]) -> NDArray[np.floating[Any]]:
        return np.tile(self.mean_target_, (len(texts), 1))


class LabelSmoother(ClassSmoother, method="label-smoothing"):
    """Label smoothing.

    Parameters
    ----------
    smoothing, mode, ... : the options of `sfumato.methods.label_smoothing.label_smoothing`, with its defaults
    """


class SimilaritySmoother(ClassSmoother, method="label-similarity"):
    """Part of a label's mass goes to the classes that are like it.

    Parameters
    ----------
    weight, source, ... : the options of `sfumato.methods.label_similarity.label_similarity`, with its defaults
    """


class WordSmoother(Smoother):
    """A method that reads words. `transform` gives what the words of a text say, d, with no label mixed in.

    A text without a known word is even over the classes. Where the words do not predict the labels of held-out
    training texts, `fit` warns, and d is the shares of the classes.

    Attributes
    ----------
    temperature_ : divisor of the relevance, found or given; infinity where the words do not predict the labels
    counts_ : the words of each label
    """

    def _learn(self, examples: Examples) -> None:
        labels = self._labels()
        counts, evidence, length = labels.read(examples)
        self.temperature_ = labels.scale(evidence.relevance(examples.labels, length), examples.labels)
        self.counts_ = LabelCounts.of(counts, examples.labels, examples.num_classes)
        self.mean_length_ = float(counts.lengths.mean())
        self.shares_ = np.bincount(examples.labels) / len(examples)

    def _targets(self, examples: Examples) -> Floats:
        labels = self._labels()
        if np.isinf(self.temperature_):
            return smoothed_table(labels.fallback, examples.num_classes)[examples.labels]
        found = replace(labels, temperature=self.temperature_, gold_mass=None)  # neither sought nor warned of twice
        return found(examples).targets.dense()

    def _distribution(self, texts: list[str]) -> NDArray[np.floating[Any]]:
        if np.isinf(self.temperature_):
            return np.tile(self.shares_, (len(texts), 1))
        labels = self._labels()
        counts = count_words(texts, unit=labels.unit, vocabulary=self.counts_.vocabulary)
        weights = by_tokens(labels.weights) if labels.multiplicity == "tokens" else labels.weights
        own = np.maximum(counts.lengths, 1)[:, None]
        lengths = {"corpus": self.mean_length_, "document": own, "root": np.sqrt(own), "none": 1.0}
        length = cast(float, lengths[labels.length_norm])
        nobody = np.empty(0, dtype=np.int64)
        return softmax(in_sample(counts, self.counts_, weights).relevance(nobody, length), self.temperature_)

    def _labels(self) -> KeywordLabels:
        return cast(KeywordLabels, self.as_method().transforms[0])


class KeywordSmoother(WordSmoother, method="kwls"):
    """Keyword-based label smoothing (KWLS).

    Parameters
    ----------
    k1, b, k2, weight, temperature, leave_one_out, ... : the options of `sfumato.methods.kwls.kwls`, with its defaults
    """


class TfidfSmoother(WordSmoother, method="tfidf"):
    """TF-IDF label smoothing (LS-TFIDF).

    Parameters
    ----------
    weight, tf, label_idf, temperature, ... : the options of `sfumato.methods.tfidf.tfidf`, with its defaults
    """
