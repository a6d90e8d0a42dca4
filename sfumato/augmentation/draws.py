"""Random numbers by counter: each is a hash of (seed, row, copy, attempt, number of the draw).

So a copy of a row does not depend on the other rows, on their order, on how many there are at a time, or on the
process that makes it; and no generator is shared, nor touched.

The hash is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014), whose n-th
output is a function of its state and n alone. A key of several numbers is taken one number at a time: the output
that the next number points at is the state of the next stream.

Shapes: N rows; T is the number of all draws asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sfumato.targets import Integers

Words = NDArray[np.uint64]

GAMMA = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # Stafford's variant 13
SHIFTS = np.array([30, 27, 31], dtype=np.uint64)
TO_UNIT = 2.0**-53
KEY_BITS = 30  # of a random sort key; fixed, so that an order does not depend on how many rows are sorted at a time


def outputs(states: Words, numbers: Integers) -> Words:
    """Return output ``numbers`` (from 0) of the stream with that state; arrays that broadcast."""
    z = states + (numbers.astype(np.uint64) + np.uint64(1)) * GAMMA
    z ^= z >> SHIFTS[0]
    z *= FIRST
    z ^= z >> SHIFTS[1]
    z *= SECOND
    z ^= z >> SHIFTS[2]
    return z


@dataclass(frozen=True, eq=False)
class Keys:
    """What the draws of one copy of N rows depend on.

    Attributes
    ----------
    seed : whole number, 0 or more
    rows : (N,) int64, the number of each row, such as its id
    copy : from 0
    attempt : from 0; the next one is made where this one gave a text that is there already
    """

    seed: int
    rows: Integers
    copy: int = 0
    attempt: int = 0

    def states(self) -> Words:
        """Return the state of each row's stream, (N,)."""
        state = np.zeros(1, dtype=np.uint64)
        for key in (np.array([self.seed]), self.rows, np.array([self.copy]), np.array([self.attempt])):
            state = outputs(state, key)
        return state


def uniform(states: Words, numbers: Integers) -> NDArray[np.float64]:
    """Return draws from [0, 1) with 53 random bits."""
    drawn: NDArray[np.float64] = (outputs(states, numbers) >> np.uint64(11)).astype(np.float64) * TO_UNIT
    return drawn


def below(limit: Integers | int, states: Words, numbers: Integers) -> Integers:
    """Return whole numbers from 0 to ``limit`` - 1, each equally likely (up to limit / 2^53)."""
    return (uniform(states, numbers) * limit).astype(np.int64)


def within(sizes: Integers) -> Integers:
    """Return 0 ... size - 1 for each size after each other, (T,)."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)


def subsets(states: Words, sizes: Integers, wanted: Integers, numbers: Integers) -> Integers:
    """Return ``wanted`` distinct places out of ``sizes`` of each row, ascending, every subset equally likely.

    Every place gets a random key, and the places with the smallest keys are taken. Two keys are equal with chance
    2^-30; then the first place goes first.

    Parameters
    ----------
    sizes, wanted : (N,), ``wanted <= sizes``
    numbers : (T,) the draw that each place of each row takes, T the sum of ``sizes``
    """
    place_bits = int(sizes.max(initial=1)).bit_length()
    row = np.repeat(np.arange(len(sizes)), sizes).astype(np.uint64) << np.uint64(KEY_BITS + place_bits)
    key = outputs(np.repeat(states, sizes), numbers)
    key >>= np.uint64(64 - KEY_BITS)
    key <<= np.uint64(place_bits)
    key |= row
    key |= within(sizes).astype(np.uint64)
    key.sort()
    taken = np.repeat(np.cumsum(sizes) - sizes, wanted) + within(wanted)
    key = key[taken]
    row = key >> np.uint64(KEY_BITS + place_bits)
    key &= np.uint64((1 << place_bits) - 1)
    key |= row << np.uint64(place_bits)
    key.sort()
    return (key & np.uint64((1 << place_bits) - 1)).astype(np.int64)
