"""How doubtful each row is by different scores, for tables that compare them: the audit's, soft labels', cleanlab's.

A table's row is a `Method` by name and options. Those of `SCORES` train nothing and have no soft labels; any other
method's score is what its soft label leaves for other labels than the given one.

Shapes: N texts, C classes.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.architecture import Architecture, Training
from sfumato.auditing.judge import Judgement, judge
from sfumato.data import Examples
from sfumato.errors import InputError, MissingExtraError
from sfumato.method import Method
from sfumato.methods.noise.posterior import ROUNDS
from sfumato.registry import Registry, check_choice, check_truth, check_whole

Array = NDArray[np.float64]

FOLDS = 5
UNTRAINED = "no-model"  # what stands for a model in such a table
CLEANLAB = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
PROBABILITIES = ("raw", "calibrated")
IDEOGRAPH = r"[\u3040-\u30ff\u3400-\u9fff]"
WORD = re.compile(rf"{IDEOGRAPH}|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def audit_score(*, wrong_labels: bool = True, rounds: int = ROUNDS) -> Method:
    """Score rows as `sfumato.audit` does; without ``wrong_labels`` as it does where it sees none.

    ``rounds`` is how often its judges learn again where it sees some.
    """
    check_truth("audit-score", "wrong_labels", wrong_labels)
    check_whole("audit-score", "rounds", rounds, 0, 20)
    options = {"wrong_labels": wrong_labels, "rounds": rounds}
    return Method("audit-score", options=options, has_targets=False, needs_texts=True, version=3)


def cleanlab_score(score: str = "self_confidence", *, probabilities: str = "raw") -> Method:
    """Score rows by one of cleanlab's label quality scores.

    Parameters
    ----------
    score : "self_confidence", "normalized_margin" or "confidence_weighted_entropy"
    probabilities : "raw", those of TF-IDF and logistic regression as scikit-learn has them, cross-validated; or
        "calibrated", those that the audit joins from both judges at first, with the model of wrong labels
    """
    check_choice("cleanlab-score", "score", score, CLEANLAB)
    check_choice("cleanlab-score", "probabilities", probabilities, PROBABILITIES)
    options = {"score": score, "probabilities": probabilities}
    version = 2 if probabilities == "calibrated" else 1
    return Method("cleanlab-score", options=options, has_targets=False, needs_texts=True, version=version)


SCORES: Registry[Method] = Registry(
    "score",
    {"audit-score": f"{__name__}:audit_score", "cleanlab-score": f"{__name__}:cleanlab_score"},
)


def untrained() -> Architecture:
    """Return what stands for a model where rows are scored and nothing is trained."""

    def nothing(*_: Any) -> Any:
        raise InputError(f"{UNTRAINED} trains nothing; it is the model of tables about the scores of an audit")

    return Architecture(UNTRAINED, nothing, nothing, nothing, Training(epochs=1))


def doubt(method: Method, examples: Examples, *, seed: int) -> Array:
    """Return how doubtful the label of each row is, (N,); the larger, the more.

    Raises
    ------
    InputError
        if the method is no score and leaves the labels hard.
    """
    if method.name == "audit-score":
        seen = bool(method.options["wrong_labels"])
        found = judge_once(Rows.of(examples), seed, method.options["rounds"] if seen else 0, seen)
        return np.nan_to_num(found.lead, neginf=-1e9)
    if method.name == "cleanlab-score":
        rows, raw = Rows.of(examples), method.options["probabilities"] == "raw"
        p = held_out_shares(rows, seed) if raw else np.exp(judge_once(rows, seed, 0).log_p)
        return -label_quality(p, examples.labels, str(method.options["score"]))
    check_scores(method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        targets = method.prepare(examples, seed=seed).targets.dense().astype(np.float64)
    return np.asarray(1 - targets[np.arange(len(examples)), examples.labels])


def check_scores(method: Method) -> None:
    """Raise unless the method scores rows: by a score of its own, or by soft labels that need no training."""
    if method.name not in SCORES and (not method.has_targets or method.needs_training or method.teacher is not None):
        raise InputError(f"{method.name} has no soft labels without training, so it scores no rows")


@dataclass(frozen=True)
class Rows:
    """Rows that are equal where texts and labels are: a process that does several runs reads each set anew."""

    digest: str
    examples: Examples = field(compare=False, repr=False)

    @classmethod
    def of(cls, examples: Examples) -> Rows:
        """Return the rows with a hash of their texts and labels."""
        digest = sha256(f"{examples.num_classes} ".encode() + examples.labels.astype("<i8").tobytes())
        for text in examples.inputs:
            digest.update(
                (text if isinstance(text, str) else "\x1f".join(text)).encode(errors="surrogatepass") + b"\x1e"
            )
        return cls(digest.hexdigest(), examples)


@lru_cache(maxsize=2)  # the scores of one table ask for the same rows, one after the other
def judge_once(rows: Rows, seed: int, rounds: int, with_wrong_labels: bool = True) -> Judgement:
    """Return the judgement of the audit."""
    return judge(rows.examples, folds=FOLDS, seed=seed, rounds=rounds, with_wrong_labels=with_wrong_labels)


@lru_cache(maxsize=2)
def held_out_shares(rows: Rows, seed: int) -> Array:
    """Return cross-validated probabilities of TF-IDF and logistic regression, (N, C); 0 for a class without rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    examples = rows.examples
    there, labels = np.unique(examples.labels, return_inverse=True)
    model = make_pipeline(TfidfVectorizer(tokenizer=words, token_pattern=None), LogisticRegression(max_iter=1000))
    folds = StratifiedKFold(folds_for(labels), shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # a class of few rows is not in every fold, and has probability 0 there
        warnings.simplefilter("ignore")
        found = cross_val_predict(model, list(examples.inputs), labels, cv=folds, method="predict_proba")
    shares = np.zeros((len(examples), examples.num_classes))
    shares[:, there] = found
    return shares


def folds_for(labels: NDArray[np.int64]) -> int:
    """Return how many folds these rows can be dealt to: `FOLDS`, or the rows of the largest class if they are fewer.

    Raises
    ------
    InputError
        if there are not two classes with two rows, so that a row could be left without another of its class, or of
        another class, to be judged by.
    """
    rows = np.sort(np.bincount(labels))[::-1]
    if len(rows) < 2 or rows[1] < 2:
        raise InputError(
            "cleanlab-score judges each row by the others and needs two classes with two rows or more, got "
            f"{len(labels)} rows of {len(rows)} classes, of which {(rows > 1).sum()} have two rows; give more rows"
        )
    return min(FOLDS, int(rows[0]))


def words(text: str) -> list[str]:
    """Return the words of a text, and each Chinese or Japanese character by itself."""
    return WORD.findall(text.lower())


def label_quality(p: Array, labels: NDArray[np.int64], score: str) -> Array:
    """Return one of cleanlab's scores, (N,), from probabilities (N, C); the larger, the better the label."""
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError as error:
        raise MissingExtraError("cleanlab-score needs cleanlab: pip install 'sfumato[cleanlab]'") from error
    there, place = np.unique(labels, return_inverse=True)  # cleanlab refuses a class without rows
    shares = p[:, there] / np.maximum(p[:, there].sum(axis=1, keepdims=True), 1e-300)
    return np.asarray(get_label_quality_scores(place, shares, method=score), dtype=np.float64)
