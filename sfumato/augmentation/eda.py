"""EDA: one of four small edits a copy: synonyms put in place, synonyms inserted, words swapped, words deleted.

Wei, Zou: EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks. EMNLP-IJCNLP
2019. https://aclanthology.org/D19-1670. Section 2; in a text of n words, max(1, floor(0.1 n)) words are edited.

Where this differs from the authors' code: every script is kept (theirs deletes all but a to z), and so are capitals
and marks; deletion draws for each word, with the chance ``p_rd``; a swap always takes two places; synonyms come from
a lexicon that the user gives. The four copies 1 to 4 of a text are by the four operations in random order, so are 5
to 8, and so on; where an operation leaves the text as it is, the next one is taken.

Shapes: N texts; T is the number of all draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sfumato.augmentation.block import Block
from sfumato.augmentation.draws import Keys, uniform, within
from sfumato.augmentation.lexicon import Lexicon, bare, read_lexicon
from sfumato.augmentation.units import Unit, check_unit
from sfumato.errors import InputError
from sfumato.registry import check_choice, check_range

OPERATIONS = ("synonyms", "insertion", "swap", "deletion")
BY_LEXICON = OPERATIONS[:2]
NOTE = "eda without a lexicon only swaps and deletes words; give lexicon=FILE for synonyms"
ORDER = -1  # the attempt whose draws put the operations of a row in order

Draws = Sequence[float]


@dataclass(frozen=True)
class Eda:
    """See the module, and `eda` for the options."""

    lexicon: Lexicon | None
    operations: tuple[str, ...]
    strengths: tuple[float, ...]
    unit: Unit
    protect: str = "ascii"
    notes: tuple[str, ...] = ()

    def write(self, block: Block, keys: Keys) -> list[str]:
        """Return one copy of each text."""
        lists = block.units()
        sizes = np.array([4 * len(units) + 2 for units in lists], dtype=np.int64)  # no operation takes more draws
        draws = uniform(np.repeat(keys.states(), sizes), within(sizes)).tolist()
        ends = np.cumsum(sizes).tolist()
        blank = " " if block.spaced else ""
        written = []
        for text, units, which, end, size in zip(
            block.texts, lists, self._chosen(keys), ends, sizes.tolist(), strict=True
        ):
            visible = [i for i, unit in enumerate(units) if unit and not unit.isspace()]
            if not visible:
                written.append(text)
                continue
            edited = self._edit(self.operations[which], units, visible, draws[end - size : end])
            written.append(blank.join(edited))
        return written

    def _chosen(self, keys: Keys) -> list[int]:
        """Return the number of the operation of each row."""
        count = len(self.operations)
        turn, place = divmod(keys.copy, count)
        states = replace(keys, copy=turn, attempt=ORDER).states()
        order = uniform(states[:, None], np.arange(count)).argsort(axis=1)  # (N, count)
        chosen: list[int] = order[:, (place + keys.attempt) % count].tolist()
        return chosen

    def _edit(self, operation: str, units: list[str], visible: list[int], draws: Draws) -> list[str]:
        strength = self.strengths[OPERATIONS.index(operation)]
        if operation == "deletion":
            return delete(units, visible, strength, draws)
        times = max(1, int(strength * len(visible))) if strength else 0
        if operation == "swap":
            return swap(units, visible, times, draws)
        assert self.lexicon is not None  # eda() lets no operation by synonyms through without one
        edit: Callable[..., list[str]] = replace_words if operation == "synonyms" else insert_words
        return edit(units, visible, times, draws, self.lexicon)


def delete(units: list[str], visible: list[int], chance: float, draws: Draws) -> list[str]:
    """Delete each visible unit with that chance; if none would be left, keep one at random."""
    gone = {i for i, draw in zip(visible, draws, strict=False) if draw < chance}
    if len(gone) == len(visible):
        gone.discard(visible[int(draws[len(visible)] * len(visible))])
    return [unit for i, unit in enumerate(units) if i not in gone]


def swap(units: list[str], visible: list[int], times: int, draws: Draws) -> list[str]:
    """Swap two places, ``times`` times; each pair is drawn from all."""
    if len(visible) < 2:
        return units
    units = list(units)
    for k in range(times):
        a = int(draws[2 * k] * len(visible))
        b = int(draws[2 * k + 1] * (len(visible) - 1))
        b += b >= a
        i, j = visible[a], visible[b]
        units[i], units[j] = units[j], units[i]
    return units


def replace_words(units: list[str], visible: list[int], times: int, draws: Draws, lexicon: Lexicon) -> list[str]:
    """Replace ``times`` different words that have synonyms, each wherever it stands, by a synonym at random."""
    known = sorted({bare(units[i]): i for i in visible if lexicon.find(units[i])}.values())
    order = sorted(range(len(known)), key=lambda k: draws[k])[:times]
    chosen = {}
    for k in order:
        word, synonyms = units[known[k]], lexicon.find(units[known[k]])
        chosen[bare(word)] = synonyms[int(draws[len(units) + k] * len(synonyms))]
    return [lexicon.put(unit, chosen[bare(unit)]) if bare(unit) in chosen else unit for unit in units]


def insert_words(units: list[str], visible: list[int], times: int, draws: Draws, lexicon: Lexicon) -> list[str]:
    """Insert a synonym of a random word before a random place, ``times`` times; never at the end."""
    known = [synonyms for synonyms in (lexicon.find(units[i]) for i in visible) if synonyms]
    if not known:
        return units
    units = list(units)
    for k in range(times):
        synonyms = known[int(draws[3 * k] * len(known))]
        synonym = synonyms[int(draws[3 * k + 1] * len(synonyms))]
        units.insert(int(draws[3 * k + 2] * len(units)), synonym)
    return units


def eda(
    *,
    lexicon: str | Path | Lexicon | None = None,
    alpha_sr: float = 0.1,
    alpha_ri: float = 0.1,
    alpha_rs: float = 0.1,
    p_rd: float = 0.1,
    operations: Sequence[str] | str | None = None,
    unit: Unit = "auto",
) -> Eda:
    """Replace, insert, swap or delete a few words.

    Parameters
    ----------
    lexicon : file of synonyms; without one, words are only swapped and deleted
    alpha_sr, alpha_ri, alpha_rs : share of the words that are replaced, inserted, swapped; one at least
    p_rd : chance of each word to be deleted
    operations : those to choose from: ``synonyms``, ``insertion``, ``swap``, ``deletion``
    unit : what is a word, see `sfumato.augmentation.units`; synonyms of Chinese words need ``rjieba``
    """
    strengths = {"alpha_sr": alpha_sr, "alpha_ri": alpha_ri, "alpha_rs": alpha_rs, "p_rd": p_rd}
    for name, value in strengths.items():
        check_range("eda", name, value, 0, 1)
    check_unit(unit)
    if not isinstance(lexicon, str | Path | Lexicon | None):
        raise InputError(f"eda: lexicon must be a file of synonyms, got {lexicon!r:.80}")
    read = read_lexicon(lexicon) if isinstance(lexicon, str | Path) else lexicon
    given = (operations,) if isinstance(operations, str) else operations
    if not isinstance(given, Sequence | None):
        raise InputError(f"eda: operations must be some of {', '.join(OPERATIONS)}, got {operations!r}")
    chosen = tuple(given) if given is not None else OPERATIONS if read else OPERATIONS[2:]
    for name in chosen:
        check_choice("eda", "operations", name, OPERATIONS)
        if read is None and name in BY_LEXICON:
            raise InputError(f"eda: the operation {name} needs synonyms: give lexicon=FILE (--lexicon FILE)")
    if not chosen:
        raise InputError("eda: operations is empty; there are: " + ", ".join(OPERATIONS))
    return Eda(read, chosen, tuple(strengths.values()), unit, notes=_notes(read, operations is None))


def _notes(lexicon: Lexicon | None, all_operations: bool) -> tuple[str, ...]:
    """Say what is not done: two operations without a lexicon, entries that cannot be read."""
    if lexicon is None:
        return (NOTE,) if all_operations else ()
    if not lexicon.undecodable:
        return ()
    return (f"{lexicon.source}: entries left out, for their characters are not UTF-8: {lexicon.undecodable}",)
