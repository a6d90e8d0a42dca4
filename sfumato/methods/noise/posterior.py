"""From texts and given labels to the probability of each right label: experts, model of wrong labels, rounds.

Shapes: N texts, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sfumato.methods.noise.expert_panel import Experts, Settings, judged_by_others
from sfumato.methods.noise.family import Choice, Shape, fitted
from sfumato.methods.noise.judged_rows import Mask, shown
from sfumato.methods.noise.model import Array, NoiseModel
from sfumato.methods.noise.trusted import Trusted
from sfumato.targets import Integers

SURE = 0.9  # an anchor is a row of which some label is so probable
MOST = 0.5  # share of wrong labels; above it p is not held by the labels any more
ROUNDS = 2
LEAST_ROWS = 20  # that can be judged; with fewer, chance looks like a pattern
FEW_ROWS, FEW_SHARE = 20.0, 0.2  # n0 of the shrinking of small classes


@dataclass(frozen=True, eq=False)
class Posterior:
    """What was found.

    Attributes
    ----------
    q : (N, C) the targets: probability of each right label, shrunk and floored as asked
    model : the model of wrong labels
    z : what spoke for its family, see `sfumato.methods.noise.family`
    anchors : share of the rows of which some label has a probability above .9
    guarded : whether noise cannot be told from ambiguity, and ``unclear`` says why: q are then the given labels
    wrong : the estimated share of wrong labels, a lower bound where which label is wrong depends on the text, unless
        trusted rows tell
    suspicion : (N,) 1 - q of the given label, before shrinking and floor
    steps, rounds : of the linear expert, and how many further rounds were made
    trusted : the rows whose label is known to be right, and what they say of the model; None without any
    """

    q: Array
    model: NoiseModel
    z: dict[str, float]
    anchors: float
    guarded: bool
    wrong: float
    suspicion: Array
    steps: int = 0
    rounds: int = 0
    classes: tuple[str, ...] = field(default=())
    unclear: str = ""
    trusted: Trusted | None = None

    def report(self) -> str:
        """Return what was found, in sentences."""
        from sfumato.methods.noise.report import remarks

        return "\n".join(remarks(self))

    def picture(self, path: str | Path) -> Path:
        """Draw T, see `sfumato.methods.noise.noise_picture`."""
        from sfumato.methods.noise.noise_picture import draw_noise

        return draw_noise(self.model.T, self.classes, path)


def posterior(
    texts: Sequence[str], labels: Integers, C: int, settings: Settings = Settings(), trusted: Mask | None = None
) -> Posterior:
    """Return the probability of each right label of texts with one given label each.

    Parameters
    ----------
    trusted : (N,) rows whose label is known to be right, see `sfumato.methods.noise.trusted`; None is none of them

    Raises
    ------
    InputError
        if there is no text, all are the same, or none holds a word.
    """
    texts = judged_by_others(settings.owner, texts)
    checked = Trusted(trusted) if trusted is not None and trusted.any() else None
    active = shown(texts, labels, C)
    if len(active) < 2:
        return _all_right(labels, C, checked, "fewer than two labels have more than one text")
    if len(active) < C:
        return _among(active, texts, labels, C, settings, trusted)
    experts = Experts(texts, labels, C, settings)
    experts.check_words()
    kept, some = experts.kept(), experts.fitted_rows()
    if checked is not None:
        kept = kept | checked.rows
        some = some[~checked.rows[some]]  # the other labels speak for themselves first
    if len(some) < LEAST_ROWS or len(np.unique(experts.fold[some])) < 2:
        which = "different rows" if checked is None else "different rows that are not trusted"
        return _all_right(labels, C, checked, f"only {len(some)} {which} have a label that other texts have too")
    z = experts.given()
    asked = z[:, some], labels[some], experts.fold[some]
    choice, model = fitted(*asked, family=settings.family, bias=settings.bias)
    p = model.right(z)
    anchors, why = float((p.max(axis=1) > SURE).mean()), unclear(model, p, labels, guard=settings.guard)
    if why:
        return replace(_hard(model, choice, anchors, labels, experts.steps), trusted=checked, unclear=why)
    if checked is not None:
        checked = checked.asked(model, z, labels, some, bias=settings.bias)
        model = checked.fit(model, z, labels, some, bias=settings.bias)
    return replace(_with_targets(experts, z, model, choice, some, kept, checked), anchors=anchors)


def _with_targets(
    experts: Experts, z: Array, model: NoiseModel, choice: Choice, some: Integers, kept: Mask, checked: Trusted | None
) -> Posterior:
    """Return the targets of steps 5 to 7, see `sfumato.methods.adaptive`, from the scores z (E, N, C) and a model."""
    labels, settings = experts.labels, experts.settings
    q = settled(model.posterior(z, labels), labels, kept)
    rounds = _rounds(settings, model)
    for _ in range(rounds):
        model, q = _another_round(experts, q, choice.shape, some, kept, checked)
    suspicion = 1 - q[np.arange(len(labels)), labels]
    wrong = float(suspicion.mean()) if checked is None or not checked.gold else checked.wrong_of_all
    targets = settled(finished(q, labels, shrink=settings.shrink, floor=settings.floor), labels, kept)
    return Posterior(targets, model, choice.z, 0.0, False, wrong, suspicion, experts.steps, rounds, trusted=checked)


def unclear(model: NoiseModel, p: Array, labels: Integers, *, guard: float) -> str:
    """Return why wrong labels cannot be told from ambiguous texts, "" where they can; p (N, C) are the model's."""
    anchors = float((p.max(axis=1) > SURE).mean())
    if anchors < guard:
        return f"only {anchors:.1%} of the rows have a label with a probability above .9"
    joint = p * model.T.T[labels]
    given = joint[np.arange(len(labels)), labels] / np.maximum(joint.sum(axis=1), 1e-300)
    if guard and 1 - given.mean() > MOST:
        return f"{1 - given.mean():.0%} of the labels would be wrong, as where texts say nothing of their label"
    return ""


def _another_round(
    experts: Experts, q: Array, shape: Shape, some: Integers, kept: Mask, checked: Trusted | None
) -> tuple[NoiseModel, Array]:
    """Return the model and q, (N, C), of experts that learned from q; the family and the given labels stay."""
    labels, settings = experts.labels, experts.settings
    z = experts.soft(settled(finished(q, labels, shrink=settings.shrink, floor=0.0), labels, kept))
    model = shape.fit(z[:, some], labels[some])
    if checked is not None:
        model = checked.fit(model, z, labels, some, bias=settings.bias)
    return model, settled(model.posterior(z, labels), labels, kept)


def settled(q: Array, labels: Integers, kept: Mask) -> Array:
    """Return the targets (N, C), the given label being that of the rows which keep it, (N,)."""
    return np.where(kept[:, None], np.eye(q.shape[1])[labels], q)


def _among(
    active: Integers, texts: Sequence[str], labels: Integers, C: int, settings: Settings, trusted: Mask | None
) -> Posterior:
    """Return the posterior of the rows of these classes; the others keep their label, and nobody is drawn to it."""
    rows = np.flatnonzero(np.isin(labels, active))
    own = np.searchsorted(active, labels[rows])
    found = posterior(
        [texts[i] for i in rows.tolist()], own, len(active), settings, None if trusted is None else trusted[rows]
    )
    q, T, b, suspicion = np.eye(C)[labels], np.eye(C), np.zeros(C), np.zeros(len(labels))
    q[np.ix_(rows, active)], T[np.ix_(active, active)] = found.q, found.model.T
    b[active], suspicion[rows] = found.model.b, found.suspicion
    told = None
    if trusted is not None and trusted.any():
        told = replace(found.trusted or Trusted(trusted), rows=np.asarray(trusted))
    wrong = found.wrong * len(rows) / len(labels)
    model = replace(found.model, T=T, b=b)
    return replace(found, q=q, model=model, suspicion=suspicion, wrong=wrong, trusted=told)


def _all_right(labels: Integers, C: int, trusted: Trusted | None, why: str) -> Posterior:
    """Return what there is to say where too few rows are left whose label could be wrong: no label is."""
    model = NoiseModel("none", np.ones(1), np.zeros(C), np.eye(C))
    q, guarded, suspicion = np.eye(C)[labels], trusted is None, np.zeros(len(labels))
    return Posterior(q, model, {}, 1.0, guarded, 0.0, suspicion, trusted=trusted, unclear=why)


def _hard(model: NoiseModel, choice: Choice, anchors: float, labels: Integers, steps: int) -> Posterior:
    q = np.eye(len(model.T))[labels]
    return Posterior(q, model, choice.z, anchors, True, 0.0, np.zeros(len(labels)), steps, 0)


def _rounds(settings: Settings, model: NoiseModel) -> int:
    """Return how often the experts learn again: never where every label is right, since they would learn the same."""
    if model.family == "none":
        return 0
    return ROUNDS if isinstance(settings.rounds, str) else int(settings.rounds)


def finished(q: Array, labels: Integers, *, shrink: bool, floor: float) -> Array:
    """Return the targets: rows of small classes drawn to their given label, then a floor under every label.

    s = n_y / (n_y + n0) with n0 = min(20, .2 N / C), and q <- s q + (1 - s) onehot(y).
    """
    N, C = q.shape
    if shrink:
        n0 = min(FEW_ROWS, FEW_SHARE * N / C)
        size = np.bincount(labels, minlength=C)[labels]
        s = (size / (size + n0))[:, None]
        q = s * q + (1 - s) * np.eye(C)[labels]
    return np.asarray((1 - floor) * q + floor / C)
