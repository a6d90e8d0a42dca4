"""Soft labels of N texts, with what there is to see in them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.images import shown
from sfumato.metrics import normalised_entropy
from sfumato.targets import Floats, Integers

SHOWN = 10  # rows in the notebook view


@dataclass(frozen=True, eq=False)
class SoftTargets:
    """Soft labels of N texts over C classes.

    Attributes
    ----------
    targets : (N, C) float32, each row sums to 1; of rows of several labels, each entry is a probability of its own
    classes : class names, in the order of the columns
    labels : (N,) int64, the given labels as an index into ``classes``; (N, C) of 0 and 1 where a row may have several
    method : what made them
    texts : the texts, for looking at them
    remarks : what the method had to tell of the rows, sentences
    """

    targets: Floats
    classes: tuple[str, ...]
    labels: Integers
    method: str
    texts: Sequence[str] = ()
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def multilabel(self) -> bool:
        """Whether a row may have several labels, or none."""
        return self.labels.ndim == 2

    @property
    def gold(self) -> NDArray[np.bool_]:
        """The given labels, (N, C)."""
        return np.asarray(self.labels == 1 if self.multilabel else self.labels[:, None] == np.arange(len(self.classes)))

    @property
    def gold_mass(self) -> Floats:
        """Share that each row keeps on its given label, (N,); of several the mean, and NaN where there is none."""
        if not self.multilabel:
            return self.targets[np.arange(len(self)), self.labels]
        number = self.labels.sum(axis=1)
        kept = (self.targets * self.labels).sum(axis=1) / np.maximum(number, 1)
        return np.where(number > 0, kept, np.nan).astype(np.float32)

    @property
    def entropy(self) -> NDArray[np.float64]:
        """Entropy of each row divided by ln C, (N,): 0 is a hard label, 1 is uniform.

        Of several labels it is the mean over the labels of the entropy of each probability divided by ln 2.
        """
        if not self.multilabel:
            return normalised_entropy(self.targets)
        p = self.targets.astype(np.float64)
        return np.asarray(normalised_entropy(np.stack([p, 1 - p], axis=2).reshape(-1, 2)).reshape(p.shape).mean(axis=1))

    def moved(self, n: int = 5) -> list[tuple[str, str, float]]:
        """Return the ``n`` pairs (given label, other class) with the most mass moved a row, most first."""
        C = len(self.classes)
        gold = self.gold.astype(np.float64)
        if self.multilabel:  # over the rows that have the one label and lack the other
            mean = gold.T @ (self.targets * (1 - gold)) / np.maximum(gold.T @ (1 - gold), 1)
        else:
            mean = gold.T @ self.targets / np.maximum(gold.sum(axis=0), 1)[:, None]
        np.fill_diagonal(mean, -1.0)
        order = np.argsort(-mean, axis=None, kind="stable")[: max(0, min(n, C * (C - 1)))]
        pairs = (np.unravel_index(int(k), mean.shape) for k in order)
        return [(self.classes[i], self.classes[j], float(mean[i, j])) for i, j in pairs]

    def report(self) -> str:
        """Return what the soft labels look like, in words and numbers."""
        if self.multilabel:
            return self._multilabel_report()
        top = self.targets.argmax(axis=1) == self.labels
        lines = [
            f"{len(self)} soft labels over {len(self.classes)} classes by {self.method}",
            f"share kept on the given label: mean {self.gold_mass.mean():.3f}, "
            f"lowest {self.gold_mass.min():.3f}, highest {self.gold_mass.max():.3f}",
            f"entropy (0 hard, 1 uniform): mean {self.entropy.mean():.3f}",
            f"given label is the largest share in {100 * top.mean():.1f} % of the rows",
            "most mass moved, mean share a row:",
        ]
        lines += [f"  {given} -> {other}: {share:.3f}" for given, other, share in self.moved()]
        return "\n".join(lines)

    def _multilabel_report(self) -> str:
        gold, mass = self.gold, self.gold_mass
        least = np.where(gold, self.targets, np.inf).min(axis=1)  # of the given labels
        most = np.where(gold, -np.inf, self.targets).max(axis=1)  # of the others
        kept, others = mass[~np.isnan(mass)], self.targets[~gold]
        shares = []
        if len(kept):
            shares.append(
                f"of the given labels: mean {kept.mean():.3f}, lowest {kept.min():.3f}, highest {kept.max():.3f}"
            )
        if len(others):
            shares.append(f"of the others: mean {others.mean():.3f}")
        lines = [
            f"{len(self)} rows of several labels over {len(self.classes)} classes by {self.method}",
            f"probability {'; '.join(shares)}",
            f"entropy of a label (0 hard, 1 even): mean {self.entropy.mean():.3f}",
            f"all given labels are above all others in {100 * (least >= most).mean():.1f} % of the rows",
            f"{int((gold.sum(axis=1) == 0).sum())} rows have no label",
            "highest probability of a label that is not given, beside one that is:",
        ]
        return "\n".join([*lines, *(f"  {given} -> {other}: {share:.3f}" for given, other, share in self.moved())])

    def _repr_html_(self) -> str:
        """Return a small table for notebooks: the first rows, darker where a share is larger."""
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.classes)
        rows = []
        for i in range(min(SHOWN, len(self))):
            cells = "".join(
                f'<td style="background:rgba(31,90,140,{share:.2f});color:{"#fff" if share > 0.5 else "#111"}">'
                f"{share:.2f}</td>"
                for share in self.targets[i]
            )
            given = [self.classes[k] for k in np.flatnonzero(self.gold[i])]
            text = html.escape(shown(self.texts[i])[:80]) if len(self.texts) else str(i)
            rows.append(f"<tr><td>{text}</td><td>{html.escape(', '.join(given))}</td>{cells}</tr>")
        caption = f"{len(self)} soft labels by {html.escape(self.method)}; the first {min(SHOWN, len(self))}"
        body = "".join(rows)
        return f"<table><caption>{caption}</caption><tr><th>text</th><th>given</th>{head}</tr>{body}</table>"
