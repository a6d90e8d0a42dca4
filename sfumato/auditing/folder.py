"""The folder of an audit: two tables, the numbers, and a page, there whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sfumato.errors import InputError
from sfumato.whole_folder import probe, replace_folder
from sfumato.write import write_table

if TYPE_CHECKING:
    from sfumato.auditing.audit import Audit

ABOUT = "audit.json"  # a folder that holds it is an audit and may be overwritten


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise unless the folder can be written; called before the long work."""
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise InputError(f"{folder} cannot be written: there is no folder {parent}; make it first")
    if not folder.exists():
        probe(folder)
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the name of a folder")
    if any(folder.iterdir()):
        if not overwrite:
            raise InputError(f"{folder} exists; choose another name, or replace it with --overwrite (overwrite=True)")
        if not (folder / ABOUT).is_file():
            raise InputError(f"{folder} exists and is not an audit of sfumato; it is not overwritten")
    probe(folder)


def save_audit(audit: Audit, folder: Path, *, overwrite: bool, title: str) -> Path:
    """Write all files under a temporary name beside the folder, then rename it."""
    check_folder(folder, overwrite=overwrite)
    whole = folder.resolve()
    partial = Path(tempfile.mkdtemp(prefix=f".{whole.name}-", dir=whole.parent))
    try:
        write_files(audit, partial, title)
        partial.chmod(0o755)
        check_folder(folder, overwrite=overwrite)  # somebody may have written it meanwhile
        replace_folder(whole, partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def write_files(audit: Audit, folder: Path, title: str) -> None:
    """Write every file of the folder."""
    for name, frame in (("rows", audit.rows), ("pairs", audit.pairs)):
        write_table(folder / f"{name}.csv", frame.to_dict(as_series=False))
    about = {
        **audit.settings,
        "rows": len(audit.rows),
        "not_judged": audit.unjudged,
        "flagged": len(audit.flagged),
        "classes": list(audit.classes),
        "confusion": audit.confusion.tolist(),
        **({} if audit.wrong_labels is None else {"written_as": audit.wrong_labels.model.T.tolist()}),
    }
    (folder / ABOUT).write_text(json.dumps(about, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (folder / "audit.html").write_text(audit.page(title=title), encoding="utf-8")
