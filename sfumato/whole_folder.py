"""A folder that is there whole or not at all: written under another name, then put in its place."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path


def replace_folder(folder: Path, partial: Path) -> None:
    """Put ``partial`` in the place of ``folder``; what was there goes only once the new one stands."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent)) / "old"
    folder.rename(aside)
    try:
        partial.rename(folder)
    except BaseException:
        aside.rename(folder)
        raise
    finally:
        shutil.rmtree(aside.parent, ignore_errors=True)
