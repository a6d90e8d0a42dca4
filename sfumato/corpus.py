"""The demo corpus: support tickets from phrases of our own, drawn so that the right soft label is known exactly.

The story of one ticket. A department and a second one are drawn; the ticket's distribution π puts a share between
.95 and .55 on the first, the rest on the second, and a little everywhere (`profile_table`: a finite list, so Bayes'
rule is a sum, not an integral). Three to seven different phrases are drawn from the mixture of the departments'
phrase lists with weights π, and the label is drawn from π. Neighbouring departments share phrases, on purpose.
Greeting, wording, numbers and letter case are drawn without looking at π and carry nothing about it.

Shapes: N tickets, C departments, P profiles, M phrases.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError
from sfumato.registry import check_choice, check_range
from sfumato.wording import write_ticket

Doubles = NDArray[np.float64]

SHARES = (0.95, 0.85, 0.75, 0.65, 0.55)  # of the first department; above one half, so no profile occurs twice
STRAY = 0.04  # of every π, spread over all departments
NEIGHBOUR = 0.85  # chance that the second department is a neighbour of the first
EVERYWHERE = 0.15  # chance of a phrase that every department hears
SHARED = 0.6  # chance of a phrase shared with a neighbour, at similarity 1
LENGTHS = (3, 4, 5, 6, 7)  # phrases in a ticket, equally likely
NOISE_KINDS = ("uniform", "similar")


@dataclass(frozen=True, eq=False)
class Corpus:
    """Tickets and what their generator knows about them.

    Attributes
    ----------
    texts, labels : N tickets and the labels that a user of the corpus sees (noise included)
    classes : the C departments, sorted as every other part of the library sorts them
    pi : (N, C), the distribution that phrases and label of each ticket were drawn from
    posterior : (N, C), E[π | text]: no function of the text has a smaller mean squared distance to π
    posterior_with_label : (N, C), E[π | text, given label]: the same bound for those who also see the label
    true_labels : the labels before noise
    phrases : per ticket the indices of its phrases, in the order of the text
    """

    texts: list[str]
    labels: list[str]
    classes: tuple[str, ...]
    pi: Doubles
    posterior: Doubles
    posterior_with_label: Doubles
    true_labels: list[str]
    phrases: list[tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, eq=False)
class Story:
    """The generator's numbers for one choice of options.

    Attributes
    ----------
    phrases : M templates
    emission : (C, M), the phrase distribution of each department
    profiles : (P, C), the values that π can take
    prior : (P,), how often it takes them
    channel : (C, C), chance of each given label (column) for a true label (row)
    """

    classes: tuple[str, ...]
    phrases: tuple[str, ...]
    emission: Doubles
    profiles: Doubles
    prior: Doubles
    channel: Doubles


def make_corpus(
    rows: int = 1500,
    *,
    seed: int = 0,
    noise: float = 0.0,
    noise_kind: str = "uniform",
    imbalance: float = 1.0,
    similarity: float = 0.5,
    departments: int = 8,
) -> Corpus:
    """Draw ``rows`` support tickets with their labels and their exact soft labels.

    Parameters
    ----------
    rows : number of tickets
    seed : the same seed gives the same corpus
    noise : share of labels replaced by another department's
    noise_kind : ``uniform`` (any other department) or ``similar`` (a neighbour)
    imbalance : how many tickets the commonest department gets for one of the rarest, as first department
    similarity : 0 (neighbours share no phrase, every ticket is nearly of one department) to 1
    departments : 2 to 8, the first ones of ``tickets.toml``

    Raises
    ------
    InputError
        for an option out of its range.
    """
    check_range("corpus", "rows", rows, 1, 10**8)
    check_range("corpus", "noise", noise, 0, 1)
    check_choice("corpus", "noise_kind", noise_kind, NOISE_KINDS)
    check_range("corpus", "imbalance", imbalance, 1, float("inf"))
    check_range("corpus", "similarity", similarity, 0, 1)
    check_range("corpus", "departments", departments, 2, len(wordings()["own"]))
    for name, value in (("rows", rows), ("departments", departments)):
        if value != int(value):
            raise InputError(f"corpus: {name} must be a whole number, got {value!r}")
    story = make_story(
        noise=noise, noise_kind=noise_kind, imbalance=imbalance, similarity=similarity, departments=departments
    )
    return tell(story, rows, np.random.default_rng(seed))


def tell(story: Story, rows: int, rng: np.random.Generator) -> Corpus:
    """Draw a corpus from a story."""
    profile = rng.choice(len(story.prior), size=rows, p=story.prior)
    pi = story.profiles[profile]
    chances = story.profiles @ story.emission  # (P, M)
    lengths = rng.choice(LENGTHS, size=rows)
    drawn = [draw_phrases(chances[p], int(n), rng) for p, n in zip(profile, lengths, strict=True)]
    true = draw_each(pi, rng)
    given = draw_each(story.channel[true], rng)
    weights = profile_posterior(story, drawn)  # (N, P)
    likelihood = (story.profiles @ story.channel)[:, given].T  # (N, P), of the given label
    informed = weights * likelihood
    informed /= informed.sum(axis=1, keepdims=True)
    return Corpus(
        texts=[write_ticket([story.phrases[m] for m in ticket], wordings(), rng) for ticket in drawn],
        labels=[story.classes[k] for k in given],
        classes=story.classes,
        pi=pi,
        posterior=weights @ story.profiles,
        posterior_with_label=informed @ story.profiles,
        true_labels=[story.classes[k] for k in true],
        phrases=drawn,
    )


def draw_phrases(chances: Doubles, count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Draw ``count`` phrases again and again until no two are equal.

    Drawing whole tickets again, not single phrases, keeps the chance of a ticket a plain product over a constant.
    """
    upto = np.cumsum(chances)
    while True:
        ticket = tuple(np.searchsorted(upto, upto[-1] * rng.random(count), side="right").tolist())
        if len(set(ticket)) == count:
            return ticket


def draw_each(chances: Doubles, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one column per row of ``chances``, ``(N, C)``."""
    below = np.cumsum(chances, axis=1) < rng.random((len(chances), 1))
    drawn: NDArray[np.int64] = np.minimum(below.sum(axis=1), chances.shape[1] - 1)
    return drawn


def profile_posterior(story: Story, tickets: Sequence[tuple[int, ...]]) -> Doubles:
    """P(profile | phrases) of each ticket, ``(N, P)``, exactly.

    For a profile with phrase chances q the chance of the ticket (m1, ..., mn), all different, is
    q[m1] ... q[mn] / (n! e_n(q)), where e_n is the elementary symmetric polynomial: n! e_n(q) is the chance
    that n phrases drawn one by one are all different.
    """
    q = story.profiles @ story.emission  # (P, M)
    distinct = symmetric_polynomials(q, max(LENGTHS))  # (P, n + 1)
    weights = np.empty((len(tickets), len(q)))
    for i, ticket in enumerate(tickets):
        weights[i] = story.prior * q[:, ticket].prod(axis=1) / distinct[:, len(ticket)]
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def symmetric_polynomials(q: Doubles, highest: int) -> Doubles:
    """Elementary symmetric polynomials e_0 ... e_highest of each row of ``q``, ``(P, highest + 1)``."""
    e = np.zeros((len(q), highest + 1))
    e[:, 0] = 1
    for m in range(q.shape[1]):
        e[:, 1:] += e[:, :-1] * q[:, m, None]  # the right side is taken before the sum, so each q[m] counts once
    return e


@cache
def wordings() -> dict[str, Any]:
    """Read the phrases, ``tickets.toml`` beside this file."""
    return tomllib.loads(files("sfumato").joinpath("tickets.toml").read_text(encoding="utf-8"))


def make_story(*, noise: float, noise_kind: str, imbalance: float, similarity: float, departments: int) -> Story:
    """Build the generator's tables; see `make_corpus` for the options."""
    names = list(wordings()["own"])[:departments]  # in the order of the ring, neighbours side by side
    order = np.argsort(names)
    phrases, emission = phrase_table(names, similarity)
    near = neighbour_table(names)
    profiles, prior = profile_table(near, imbalance=imbalance, similarity=similarity)
    other = near if noise_kind == "similar" else 1.0 - np.eye(departments)
    channel = (1 - noise) * np.eye(departments) + noise * other / other.sum(axis=1, keepdims=True)
    return Story(
        classes=tuple(names[k].replace("-", " ") for k in order),
        phrases=phrases,
        emission=emission[order],
        profiles=profiles[:, order],
        prior=prior,
        channel=channel[np.ix_(order, order)],
    )


def borders(names: Sequence[str]) -> dict[tuple[int, int], list[str]]:
    """Phrases shared by each pair of neighbours, both among ``names``."""
    pairs = {tuple(pair.split("/")): shared for pair, shared in wordings()["borders"].items()}
    return {(names.index(a), names.index(b)): s for (a, b), s in pairs.items() if a in names and b in names}


def neighbour_table(names: Sequence[str]) -> Doubles:
    """1 where two departments share a border, ``(C, C)``."""
    near = np.zeros((len(names), len(names)))
    for a, b in borders(names):
        near[a, b] = near[b, a] = 1
    return near


def phrase_table(names: Sequence[str], similarity: float) -> tuple[tuple[str, ...], Doubles]:
    """Return all phrases and each department's distribution over them, ``(C, M)``."""
    blocks: list[tuple[list[str], Doubles]] = [(wordings()["everywhere"], np.full(len(names), EVERYWHERE))]
    degree = neighbour_table(names).sum(axis=1)
    for pair, shared in borders(names).items():
        weight = np.zeros(len(names))
        weight[list(pair)] = SHARED * similarity / degree[list(pair)]
        blocks.append((shared, weight))
    for k, name in enumerate(names):
        weight = np.zeros(len(names))
        weight[k] = 1 - EVERYWHERE - SHARED * similarity
        blocks.append((wordings()["own"][name], weight))
    phrases = tuple(phrase for block, _ in blocks for phrase in block)
    columns = [weight / len(block) for block, weight in blocks for _ in block]
    return phrases, np.stack(columns, axis=1)


def profile_table(near: Doubles, *, imbalance: float, similarity: float) -> tuple[Doubles, Doubles]:
    """Return the values that π can take, ``(P, C)``, and how often it takes them, ``(P,)``."""
    C = len(near)
    first = imbalance ** (-np.arange(C) / (C - 1))
    far = 1 - near - np.eye(C)
    second = NEIGHBOUR * near / near.sum(axis=1, keepdims=True)
    second += (1 - NEIGHBOUR) * far / np.maximum(far.sum(axis=1, keepdims=True), 1)
    share_chances = np.full(len(SHARES), similarity / len(SHARES))
    share_chances[0] += 1 - similarity
    profiles, prior = [], []
    for k, j in zip(*np.nonzero(second), strict=True):
        for share, chance in zip(SHARES, share_chances, strict=True):
            pi = np.full(C, STRAY / C)
            pi[k] += (1 - STRAY) * share
            pi[j] += (1 - STRAY) * (1 - share)
            profiles.append(pi)
            prior.append(first[k] * second[k, j] * chance)
    return np.array(profiles), np.array(prior) / np.sum(prior)
