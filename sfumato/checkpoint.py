"""A training run on disk: after a kill it goes on where it was, to the same weights bit by bit.

``checkpoint-<step>.safetensors`` holds the tensors, ``checkpoint.json`` the rest: the settings of the run, the name
and the hash of the tensor file, and a hash of its own content. Each file is written under a temporary name, flushed
to the disk and renamed, ``checkpoint.json`` last: until it stands, the pair before it does.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfumato.errors import InputError

if TYPE_CHECKING:
    from sfumato.snapshot import Snapshot

FORMAT = 2
ABOUT = "checkpoint.json"
TEACHER = "checkpoint-teacher.safetensors"  # what `sfumato.kept_teacher` keeps before the first step
TEACHER_OF_FOLD = "checkpoint-teacher-{}.safetensors"  # until those of all folds have spoken
DELETIONS = "checkpoint-deletions.safetensors"  # until a teacher has deleted all words
OURS = re.compile(
    r"checkpoint-(\d{8,}|teacher-\d+)\.safetensors(\.part)?|checkpoint(\.json|-teacher\.safetensors)\.part"
    r"|checkpoint-deletions\.safetensors(\.part)?"
    r"|\.tmp[A-Za-z0-9]{6}"  # what safetensors writes before it has the name that was asked for
)
FIELDS: dict[str, type] = {
    "format": int,
    "settings": dict,
    "facts": dict,
    "tensors": str,
    "tensors_sha256": str,
    "sha256": str,
}
SHOWN = 5  # differences that a refusal names
AFRESH = "delete the folder to start afresh"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a run is kept, and what it must be to go on from there.

    Attributes
    ----------
    folder : holds one checkpoint, the latest
    resume : go on from what the folder holds; without it, a folder that holds a checkpoint is refused
    settings : everything that decides the run, as plain values; a checkpoint of other settings is refused
    """

    folder: Path
    resume: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise if the folder cannot be written, or holds a checkpoint that nobody asked to resume."""
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"checkpoint: {self.folder} is a file; give the name of a folder")
        parent = self.folder.absolute().parent
        if not parent.is_dir():
            raise InputError(f"checkpoint: there is no folder {parent} to put {self.folder.name} in; make it first")
        if self.exists and not self.resume:
            what, further = "a run that was not finished", "go on with it by --resume (resume=True)"
            if self.finished:
                what, further = "a finished run", "resume=True (--resume) gives its model again without training"
            raise InputError(f"{self.folder} holds the checkpoint of {what}: {further}, or {AFRESH}")

    @property
    def finished(self) -> bool:
        """Whether the folder holds a run after its last step; False for a damaged one."""
        with suppress(InputError):
            return bool(read_about(self.folder / ABOUT)["facts"].get("finished"))
        return False

    @property
    def exists(self) -> bool:
        """Whether the folder holds a run, or the teacher of one."""
        return any((self.folder / name).exists() for name in (ABOUT, TEACHER, DELETIONS)) or any(self.folds())

    def read(self) -> Snapshot | None:
        """Return what the folder holds, None if it holds no checkpoint.

        Raises
        ------
        InputError
            if a file is damaged, or of another format, or if the run was another one; the message says what differs.
        """
        if not (self.folder / ABOUT).exists():
            return None
        about = read_about(self.folder / ABOUT)
        refuse_other(about["settings"], plain(self.settings), self.folder)
        return read_snapshot(self.folder, about)

    def write(self, snapshot: Snapshot, step: int) -> None:
        """Put the run after ``step`` optimizer steps in the place of the checkpoint before."""
        from safetensors.torch import save_file

        self.folder.mkdir(exist_ok=True)
        name = f"checkpoint-{step:08d}.safetensors"
        digest = replace_whole(self.folder / name, lambda part: save_file(snapshot.tensors, part))
        about: dict[str, Any] = {
            "format": FORMAT,
            "settings": plain(self.settings),
            "facts": snapshot.facts,
            "tensors": name,
            "tensors_sha256": digest,
        }
        text = json.dumps(about | {"sha256": own_hash(about)}, ensure_ascii=False, indent=1)
        replace_whole(self.folder / ABOUT, lambda part: part.write_text(text + "\n", encoding="utf-8"))
        remove(path for path in self.leftovers() if path.name != name)

    def discard(self) -> None:
        """Remove the checkpoint, and the folder if nothing else is in it."""
        remove([self.folder / ABOUT, self.folder / TEACHER, *self.leftovers()])
        with suppress(OSError):  # somebody else's files stay
            self.folder.rmdir()

    def folds(self) -> Iterator[Path]:
        """Yield what single folds' teachers said."""
        return self.folder.glob(TEACHER_OF_FOLD.format("*"))

    def leftovers(self) -> Iterator[Path]:
        """Yield tensor files, what folds' teachers said, and what a killed run had not finished writing."""
        if self.folder.is_dir():
            yield from (path for path in self.folder.iterdir() if OURS.fullmatch(path.name))


def remove(paths: Iterable[Path]) -> None:
    """Remove files; one that is gone already is no matter."""
    for path in list(paths):
        path.unlink(missing_ok=True)


def replace_whole(path: Path, write: Callable[[Path], Any]) -> str:
    """Let ``write`` fill a temporary file, flush it to the disk, put it in the place of ``path``; return its hash."""
    part = path.with_name(f"{path.name}.part")
    try:
        write(part)
        with part.open("rb+") as file:
            digest = file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)
    return digest


def flush_folder(folder: Path) -> None:
    """Flush the new name to the disk, where the system lets one open a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def own_hash(about: Mapping[str, Any]) -> str:
    """Hash what ``checkpoint.json`` says, without the hash itself."""
    rest = {name: value for name, value in about.items() if name != "sha256"}
    return sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def damaged(path: Path, reason: str) -> InputError:
    """Build the error for a file that cannot be gone on from."""
    return InputError(f"{path} is damaged ({reason}), so the run cannot go on from it; {AFRESH}")


def read_about(path: Path) -> dict[str, Any]:
    """Return ``checkpoint.json`` after checking its fields, its hash and its format."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(about, dict):
        raise damaged(path, "it does not hold a JSON object")
    missing = [name for name in FIELDS if name not in about]
    if missing:
        raise damaged(path, f"it lacks {', '.join(missing)}")
    wrong = [name for name, kind in FIELDS.items() if not isinstance(about[name], kind)]
    if wrong:
        raise damaged(path, f"{wrong[0]} cannot be {about[wrong[0]]!r}")
    if about["format"] != FORMAT:
        raise InputError(f"{path} has format {about['format']}, this version of sfumato reads {FORMAT}; {AFRESH}")
    if own_hash(about) != about["sha256"]:
        raise damaged(path, "its content does not match its hash")
    return about


def read_snapshot(folder: Path, about: Mapping[str, Any]) -> Snapshot:
    """Return the tensors and facts of a checkpoint whose ``checkpoint.json`` was found whole."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from sfumato.snapshot import Snapshot

    path = folder / about["tensors"]
    if not OURS.fullmatch(path.name) or path.parent != folder:
        raise damaged(folder / ABOUT, f"{about['tensors']!r} is not the name of a checkpoint")
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if digest != about["tensors_sha256"]:
            raise damaged(path, "its content does not match its hash: it is cut off or changed")
        return Snapshot(load_file(path), dict(about["facts"]))
    except (OSError, SafetensorError) as error:
        raise damaged(path, str(error)) from error


def refuse_other(there: Mapping[str, Any], here: Mapping[str, Any], folder: Path) -> None:
    """Raise if a checkpoint is of another run, naming every setting that differs."""
    old, new = dict(flat(there)), dict(flat(here))
    names = [name for name in [*new, *sorted(old.keys() - new.keys())] if old.get(name) != new.get(name)]
    if not names:
        return
    here_and_there = (
        (name, *(repr(side[name]) if name in side else "not set" for side in (new, old))) for name in names
    )
    said = [f"{name} is {now}, there it was {then}" for name, now, then in here_and_there]
    more = f"; and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    raise InputError(
        f"{folder} is the checkpoint of another run: {'; '.join(said[:SHOWN])}{more}. Give what that run was given, "
        f"choose another folder, or {AFRESH}"
    )


def flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting under its dotted name."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON gives them back; what it cannot hold stands as its name or its kind."""
    read: dict[str, Any] = json.loads(json.dumps(settings, default=described))
    return read


def described(value: Any) -> Any:
    """Return numbers of NumPy as plain ones, a function by its name, anything else by its kind."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
