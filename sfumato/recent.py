"""What was made of the last lists of texts, found again by the texts themselves, so that nothing found is out of date.

Text is compared, not lists: a list that was changed in between is another one. N texts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The results for the last lists of texts, together at most ``most`` bytes; what was not asked for longest goes.

    Whoever takes a result out shares it, so nobody may change it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: OrderedDict[tuple[Hashable, ...], tuple[Value, int]] = OrderedDict()
        self._lock = Lock()

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()

    def find(self, texts: Sequence[str], *settings: Hashable) -> Value | None:
        """Return what was kept for these texts and settings, or None."""
        key = (*settings, *texts)
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def find_start(self, texts: Sequence[str]) -> tuple[Value, int] | None:
        """Return what was kept, without settings, for the longest start of these texts, and the number of its texts."""
        given = tuple(texts)
        with self._lock:
            starts = [key for key in self._kept if key and given[: len(key)] == key]
            longest = max(starts, key=len, default=None)
            return None if longest is None else (self._kept[longest][0], len(longest))

    def keep(self, value: Value, size: int, texts: Sequence[str], *settings: Hashable) -> None:
        """Keep a result of ``size`` bytes beside its texts; one that is larger than all may be is not kept."""
        size += sum(map(len, texts))
        if size > self.most:
            return
        with self._lock:
            self._kept[(*settings, *texts)] = (value, size)
            while sum(each for _, each in self._kept.values()) > self.most:
                self._kept.popitem(last=False)
