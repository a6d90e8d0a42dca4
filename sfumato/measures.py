"""What may be measured of a run beside its result: how it went on the way, how it ended, what it learned of the labels.

``curves``            at each look at dev: loss and accuracy on some training rows, confidence and calibration error on
                      dev, and how close the features of a class lie together
``last-epoch``        the test metrics with the weights of the last epoch, beside those of the best
``label-embeddings``  the vectors of the labels, where a criterion learns some (LCM)
``per-label``         recall and F1 of each label on the test rows
``errors-in-group``   how many wrong labels are in the group of a right one, see `sfumato.measured_test`
``dev-answers``       which dev rows with one label were answered right, for a table's rows that choose among methods

None of them changes what is trained. The model that is fitted in one batch (linear) has no epochs, so the first two
are left out there, which is said.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sfumato.calibration import softmax
from sfumato.metrics import ece
from sfumato.registry import check_choice

if TYPE_CHECKING:
    from sfumato.base import Criterion

OF_EPOCHS = ("curves", "last-epoch")
OF_ANSWERS = ("per-label", "errors-in-group", "dev-answers")  # whatever trained the model
MEASURES = (*OF_EPOCHS, "label-embeddings", *OF_ANSWERS)
SAMPLE = 1000  # training rows whose loss is told at a look, at most
DIGITS = 4

Array = NDArray[Any]


def checked_measures(owner: str, measures: Sequence[str]) -> tuple[str, ...]:
    """Return the measures as a tuple, each a known one."""
    names = (measures,) if isinstance(measures, str) else tuple(measures)
    for name in names:
        check_choice(owner, "measures", name, MEASURES)
    return names


def of_training(measures: Sequence[str]) -> tuple[str, ...]:
    """Return those measures that are taken while a model is trained, or of what the criterion learned."""
    return tuple(measure for measure in measures if measure not in OF_ANSWERS)


def measures_of_one_batch(name: str, measures: tuple[str, ...]) -> tuple[str, ...]:
    """Return those measures that mean something for the model ``name``, fitted in one batch, and warn of the others."""
    useless = [measure for measure in measures if measure in OF_EPOCHS]
    if useless:
        said = f"{name} is fitted in one batch and has no epochs: {' and '.join(useless)} left out"
        warnings.warn(said, stacklevel=2)
    return tuple(measure for measure in measures if measure not in useless)


def packed(right: NDArray[np.bool_]) -> str:
    """Write which rows are answered right, (N,), as text: their number, and eight of them in two hexadecimal digits."""
    return f"{len(right)}:{np.packbits(right).tobytes().hex()}"


def unpacked(text: str) -> NDArray[np.bool_]:
    """Read what `packed` wrote, (N,)."""
    number, _, digits = text.partition(":")
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8), count=int(number)).astype(bool)


def sampled_rows(rows: int, seed: int) -> NDArray[np.int64]:
    """Return the positions of at most ``SAMPLE`` of so many rows, in their order; the same for the same seed."""
    return np.sort(np.random.default_rng((seed, 2)).permutation(rows)[:SAMPLE])


def dev_measures(labels: NDArray[np.int64], logits: Array, features: Array) -> dict[str, float]:
    """Return confidence and calibration error of dev rows, (N, C), and the distances of their features, (N, D).

    ``dev_confidence`` is the mean of the largest probability; ``dev_ece`` has 15 bins. A label that training never saw
    (-1) is an error in the second, and has no class that the distances could be of.
    """
    probabilities = softmax(np.asarray(logits, dtype=np.float64))
    known = labels >= 0
    within, between = class_distances(features[known], labels[known])
    return {
        "dev_confidence": float(probabilities.max(axis=1).mean()),
        "dev_ece": ece(labels, probabilities, bins=15),
        "dev_distance_within": within,
        "dev_distance_between": between,
        "dev_distance_ratio": within / between if between else float("nan"),
    }


def class_distances(features: Array, labels: NDArray[np.int64]) -> tuple[float, float]:
    """Return the mean distance of rows to the mean of their class, and that of the means of two classes; Euclidean.

    Features (N, D). Classes without rows are left out; with fewer than two there is nothing between (NaN).
    """
    if not len(labels):
        return float("nan"), float("nan")
    classes, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.zeros((len(classes), features.shape[1]))
    np.add.at(means, place, features.astype(np.float64))
    means /= counts[:, None]
    within = float(np.linalg.norm(features - means[place], axis=1).mean())
    first, second = np.triu_indices(len(classes), k=1)
    between = np.linalg.norm(means[first] - means[second], axis=1)
    return within, float(between.mean()) if len(between) else float("nan")


def label_embeddings(criterion: Criterion) -> list[list[float]] | None:
    """Return the vectors of the labels that a criterion, or one inside it, has learned, (C, e), to four digits."""
    for module in criterion.modules():
        if hasattr(module, "label_embeddings"):
            vectors: Any = module.label_embeddings
            return [[float(f"{value:.{DIGITS}g}") for value in row] for row in vectors.detach().cpu().tolist()]
    return None
