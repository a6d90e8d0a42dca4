"""What decides a run, in plain values: two runs of the same settings, versions and rows are the same run."""

from __future__ import annotations

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from sfumato.architecture import Architecture
from sfumato.data import Examples
from sfumato.encoder_folder import identity
from sfumato.images import content
from sfumato.method import Method
from sfumato.output_bias import OUTPUT_BIAS_VERSION

BLOCK = 4096  # rows of targets held at once


def run_settings(
    train: Examples, dev: Examples | None, architecture: Architecture, method: Method, balance: str
) -> dict[str, Any]:
    """Return what decides a run beside the settings of the loop; the rows by their number and a hash."""
    versions = {name: installed(name) for name in ("sfumato", "torch", "transformers", "tokenizers")}
    starts = {"output_bias": OUTPUT_BIAS_VERSION} if train.multilabel else {}  # of one label: the method's version
    return {
        "model": {
            "name": architecture.name,
            **{name: identity(name, value) for name, value in architecture.options.items()},
            "version": architecture.version,
        },
        "method": {
            "name": method.name,
            **{name: identity(name, value) for name, value in method.options.items()},
            "version": method.version,
        },
        "balance": balance,
        "training rows": described_rows(train),
        "dev rows": None if dev is None else described_rows(dev),
        "versions": versions | starts,
    }


def installed(package: str) -> str | None:
    """Return the version of a package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def described_rows(examples: Examples) -> dict[str, Any]:
    """Return the number of rows, and hashes of texts, labels (with the classes) and all the rest, in their order."""
    texts, labels, rest = sha256(), sha256("\x1f".join(examples.classes).encode()), sha256()
    for text in examples.inputs:
        texts.update(content(text) + b"\x1e")
    labels.update(examples.labels.astype("<i8").tobytes())
    for start in range(0, len(examples), BLOCK):
        index = np.arange(start, min(start + BLOCK, len(examples)))
        rest.update(examples.targets.rows(index).astype("<f4").tobytes())
    for name in ("similar", "votes", "weights"):  # the teacher follows from the settings
        part = getattr(examples, name)
        if part is not None:
            rest.update(name.encode() + part.astype("<f4").tobytes())
    if examples.trusted is not None and examples.trusted.any():
        rest.update(b"trusted" + np.packbits(examples.trusted).tobytes())
    hashes = {"texts": texts, "labels": labels, "targets and weights": rest}
    return {"number": len(examples), **{name: hashed.hexdigest()[:16] for name, hashed in hashes.items()}}
