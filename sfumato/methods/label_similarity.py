"""Label similarity: the mass that a label gives away goes to the classes that are like it, the same for every text.

Biyang Guo and others, "Label Confusion Learning to Enhance Text Classification Models", AAAI 2021, arXiv:2012.04987,
section "LCM-based Classification Model": the "simple idea" that LCM is built to better. Describe each class, measure
how similar each two descriptions are, and make the normalised similarities a distribution. The paper does not say
what a description is, nor how similarities are normalised; here it is one of three things, compared by the cosine of
TF-IDF vectors:

``centroids``     the mean of the texts of the class, each of length 1
``names``         the names of the classes, by runs of 2 to 4 characters
``descriptions``  a text for each class, given by the user, by runs of 2 to 4 characters

A row's target is ``(1 - weight)`` of its label and ``weight`` of the similarities to its label, which are raised to
``sharpness`` and divided by their sum. Texts of one label cannot be told apart by it, which is the paper's objection;
``class-mean`` and ``shuffled`` would be the method itself, and ``uniform`` is its control.
"""

from __future__ import annotations

import csv
import json
import tomllib
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sfumato.data import Examples
from sfumato.errors import InputError, nearest
from sfumato.keywords import count_words
from sfumato.label_name import label_name
from sfumato.method import Method
from sfumato.methods.target_loss import target_criterion
from sfumato.registry import check_choice, check_range
from sfumato.targets import Floats, TableTargets

Array = NDArray[np.float64]
SOURCES = ("centroids", "names", "descriptions")


def cosine(rows: Any) -> Array:
    """Return the cosine of each two rows of ``rows`` (C, V), dense or CSR; 0 where a row is empty, 1 with itself."""
    dense = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
    length = np.linalg.norm(dense, axis=1, keepdims=True)
    unit = dense / np.where(length > 0, length, 1)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, 1)
    return np.clip(similarity, 0, 1)


def similarity_of_texts(texts: Sequence[str]) -> Array:
    """Return the cosine of each two texts by TF-IDF of runs of 2 to 4 characters inside words, (C, C)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        return cosine(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(texts))
    except ValueError:  # no text holds a letter
        return np.eye(len(texts))


def similarity_of_centroids(examples: Examples) -> Array:
    """Return the cosine of each two classes' mean texts, (C, C); a class without rows is like no other."""
    from sklearn.feature_extraction.text import TfidfTransformer

    vectors = TfidfTransformer(sublinear_tf=True).fit_transform(count_words(examples.inputs).matrix)  # (N, V)
    N = len(examples)
    members = sparse.csr_matrix((np.ones(N), (examples.labels, np.arange(N))), shape=(examples.num_classes, N))
    return cosine(members @ vectors)  # a sum has the direction of the mean


def similarity_table(similarity: Array, *, weight: float, sharpness: float) -> Floats:
    """Return the target of each label, (C, C): ``weight`` of its row of similarities, the rest on the label."""
    shares = similarity**sharpness
    shares /= shares.sum(axis=1, keepdims=True)
    table: Floats = ((1 - weight) * np.eye(len(shares)) + weight * shares).astype(np.float32)
    return table


@dataclass(frozen=True)
class LabelSimilarity:
    """A transform: the target of a row is the similarity row of its label."""

    source: str
    weight: float
    sharpness: float
    descriptions: Mapping[str, str] | None

    def __call__(self, examples: Examples) -> Examples:
        similarity = self.similarity(examples)
        lonely = (similarity.sum(axis=1) < 1 + 1e-9).sum()
        if lonely and self.sharpness > 0:  # at 0 all classes share evenly, alike or not
            warnings.warn(
                f"label-similarity: {lonely} of {len(similarity)} classes are like no other by their {self.source}; "
                "their labels stay hard",
                stacklevel=2,
            )
        table = similarity_table(similarity, weight=self.weight, sharpness=self.sharpness)
        return replace(examples, targets=TableTargets(table, examples.labels))

    def similarity(self, examples: Examples) -> Array:
        """Return how similar each two classes are, (C, C), 0 to 1."""
        if self.source == "centroids":
            return similarity_of_centroids(examples)
        if self.source == "names":
            return similarity_of_texts(examples.classes)
        given = self.descriptions or {}
        missing = [name for name in examples.classes if name not in given]
        if missing:
            near = nearest(missing[0], given)
            raise InputError(
                f"label-similarity: {len(missing)} classes have no description, the first is {missing[0]!r}{near}"
            )
        return similarity_of_texts([given[name] for name in examples.classes])


def label_similarity(
    weight: float = 0.1,
    *,
    source: str = "centroids",
    sharpness: float = 2.0,
    descriptions: Mapping[str, str] | str | Path | None = None,
    loss: str = "ce",
) -> Method:
    """Give part of a label's mass to the classes that are like it.

    Parameters
    ----------
    weight : share of the similarities in the target, 0 to 1; the label is among those it is similar to
    source : what is compared: ``centroids`` of the texts, ``names`` of the classes, or ``descriptions``
    sharpness : power of the similarities; 0 spreads evenly over all classes, more favours the most similar
    descriptions : class to text, or a file of it: JSON, TOML, or CSV with the columns ``class`` and ``description``
    loss : what fits the target, see `sfumato.methods.target_loss`
    """
    name = "label-similarity"
    check_range(name, "weight", weight, 0, 1)
    check_range(name, "sharpness", sharpness, 0, 100)
    check_choice(name, "source", source, SOURCES)
    if descriptions is not None and source != "descriptions":
        raise InputError(f"{name}: descriptions belong to source='descriptions', got source={source!r}")
    if source == "descriptions" and descriptions is None:
        raise InputError(
            f"{name}: source='descriptions' needs descriptions=, a mapping of each class to its text or a file of it "
            "(JSON, TOML, or CSV with the columns class and description); --set method.descriptions=FILE"
        )
    given = None if descriptions is None else checked_descriptions(descriptions)
    transform = LabelSimilarity(source, weight, sharpness, given)
    options = {
        "weight": weight,
        "source": source,
        "sharpness": sharpness,
        "descriptions": transform.descriptions,
        "loss": loss,
    }
    return Method(
        name,
        (transform,),
        target_criterion(name, loss),
        options=options,
        label_only=True,
        replaces_targets=True,
        needs_texts=source == "centroids",
    )


def checked_descriptions(given: Mapping[str, str] | str | Path) -> dict[str, str]:
    """Return the description of each class, from a mapping or a file (`read_descriptions`).

    Raises
    ------
    InputError
        if a description is empty or no text, or ``given`` is neither mapping nor file.
    """
    where = "descriptions"
    if isinstance(given, str | Path):
        where = str(given)
        given = read_descriptions(Path(given))
    if not isinstance(given, Mapping):
        raise InputError(
            "label-similarity: descriptions must be a mapping of each class to its text, or a file of it, "
            f"got {type(given).__name__}"
        )
    for name, text in given.items():
        if not isinstance(text, str) or not text.strip():
            raise InputError(
                f"label-similarity: {where} must give each class one text that is not empty, "
                f"got {text!r:.60} for {name!r}"
            )
    return {label_name(name): text for name, text in given.items()}


def read_descriptions(path: Path) -> Any:
    """Return what a JSON, TOML or CSV file holds; of a CSV file, and only of it, that is surely class to text.

    Raises
    ------
    InputError
        if the file is not there, not readable as what its name says, or describes a class twice.
    """
    try:
        if path.suffix == ".toml":
            return tomllib.loads(path.read_text(encoding="utf-8-sig"))
        with path.open(encoding="utf-8-sig", newline="") as file:  # newline="": a cell may hold line breaks
            if path.suffix == ".json":
                return json.load(file, object_pairs_hook=lambda pairs: once_each(pairs, path))
            rows = csv.DictReader(file, strict=True)
            return once_each([described(row, path, rows.line_num) for row in rows], path)
    except InputError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"label-similarity: cannot read the descriptions in {path} ({error})") from error


def described(row: Mapping[Any, Any], path: Path, line: int) -> tuple[str, str]:
    """Return the class and the description of a row of a CSV file that ends in a line."""
    missing = [name for name in ("class", "description") if name not in row]
    if missing:
        raise InputError(f"label-similarity: {path} needs the columns class and description, {missing[0]!r} is missing")
    if None in row:
        raise InputError(f"label-similarity: {path}, line {line} has too many cells; put texts with a comma in quotes")
    return row["class"], row["description"]


def once_each(pairs: Sequence[tuple[str, Any]], path: Path) -> dict[str, Any]:
    """Return the pairs as a mapping; a name that comes twice would silently lose its first text."""
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise InputError(f"label-similarity: {path} describes the class {name!r} {count} times; keep one of them")
    return dict(pairs)
