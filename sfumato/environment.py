"""On what a result was made: versions, machine, commit and memory; recorded beside it, never part of its key."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("sfumato", "numpy", "scipy", "scikit-learn", "polars", "tokenizers", "torch", "transformers", "accelerate")


def peak_memory() -> float | None:
    """Return the largest memory this process has held, in MB; a worker that did several runs reports their largest.

    None where the system does not count it.
    """
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def environment() -> dict[str, Any]:
    """Return the versions, the processor and, in a checkout, the commit; recorded with a result, never in its key."""
    versions: dict[str, str] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "packages": versions,
        "commit": commit(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def commit() -> str | None:
    """Return the commit of the checkout that this file is tracked in, with "+" if it was changed since, or None."""
    here = Path(__file__)

    def git(*arguments: str) -> str | None:
        with suppress(OSError, subprocess.SubprocessError):
            asked = subprocess.run(["git", "-C", str(here.parent), *arguments], capture_output=True, timeout=10)
            return asked.stdout.decode().strip() if asked.returncode == 0 else None
        return None

    if git("ls-files", "--error-unmatch", here.name) is None:
        return None
    changed = git("status", "--porcelain", "--untracked-files=no", ".")
    return f"{git('rev-parse', 'HEAD')}{'+' if changed else ''}"
