"""A folder that is there whole or not at all: written under another name, then put in its place.

And the question, asked before long work, whether anything can be written there.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from sfumato.errors import InputError

FULL = {errno.ENOSPC, errno.EDQUOT}  # no fault of the path: the error stays what it is


def probe(target: Path) -> None:
    """Make something beside ``target``, under its name, and remove it: permissions alone do not tell what is possible.

    Where folders on the way are missing and would be made, the nearest that exists is asked.

    Raises
    ------
    InputError
        names the path as the user gave it, and what the operating system says.
    """
    place = target.absolute().parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=place)).rmdir()
    except OSError as error:
        if error.errno in FULL:
            raise
        raise InputError(
            f"{target} cannot be written: {error.strerror or error}; choose another place or name"
        ) from error


def write_whole(folder: Path, write: Callable[[Path], None]) -> Path:
    """Let ``write`` fill a folder of another name beside ``folder``, then put it in its place, readable for all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write(partial)
        partial.chmod(0o755)
        for file in partial.iterdir():
            file.chmod(0o644)
        replace_folder(folder, partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


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


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Raise if ``folder`` holds something that must stay: anything, or with ``overwrite`` what is not ours."""
    try:
        if not folder.exists():
            return
    except OSError as error:  # a folder on the way may not be entered
        raise InputError(f"{folder} cannot be written: {error.strerror}; choose another place or name") from error
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the name of a folder")
    if any(folder.iterdir()):
        if not overwrite:
            raise InputError(f"{folder} exists; choose another folder or overwrite (--overwrite)")
        if not (folder / "sfumato.json").is_file():
            raise InputError(f"{folder} exists and is not a model folder of sfumato; it is not overwritten")
