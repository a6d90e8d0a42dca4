"""What the deletions of a run have found so far, in a file, so that a killed one goes on from there."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sfumato.errors import InputError
from sfumato.targets import Floats


@dataclass(frozen=True)
class Kept:
    """The file of a search, and whether one of another search is started anew; without a path nothing is kept."""

    path: Path | None = None
    afresh: bool = False

    def read(self, settings: str) -> tuple[Floats, int] | None:
        """Return the largest drops so far, (m, V, C), and the number of deletions done; None where nothing is kept.

        Raises
        ------
        InputError
            if the file is damaged, or of other settings and ``afresh`` is not given.
        """
        from safetensors import SafetensorError, safe_open

        if self.path is None or not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="numpy") as file:
                about = file.metadata() or {}
                best: Floats = np.array(file.get_tensor("best"))
            done = int(about["done"])
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise InputError(f"{self.path} is damaged ({error}); remove it and start again") from error
        if about.get("settings") == settings:
            return best, done
        other = f"{self.path} is of another model, other texts or options"
        if not self.afresh:
            raise InputError(f"{other}; remove it, or give another file")
        warnings.warn(
            f"{other} (or of a teacher trained with another number of threads): its words are deleted again",
            stacklevel=2,
        )
        return None

    def write(self, settings: str, best: Floats, done: int) -> None:
        """Write what is found so far under a temporary name, then rename it."""
        from safetensors.numpy import save_file

        if self.path is None:
            return
        part = self.path.with_name(self.path.name + ".part")
        save_file({"best": np.ascontiguousarray(best)}, part, metadata={"settings": settings, "done": str(done)})
        part.replace(self.path)
