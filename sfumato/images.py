"""Images as arrays: read from idx files.

An image is H × W (grey) or H × W × 3 (RGB), uint8. Nothing here needs torch.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

Pixels = NDArray[np.uint8]

IDX_SPLITS = {"train": "train", "test": "t10k"}  # our word -> how the published files begin
UNSIGNED_BYTE = 8  # the idx format's code of the element type


def read_idx(folder: str | Path) -> dict[str, tuple[Pixels, Pixels]]:
    """Return the splits of a folder of idx files: "train" and "test" to images (N, H, W) and labels (N,), uint8.

    The files are called as MNIST's are: ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-...``,
    each as it is or with ``.gz``. The format: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".

    Raises
    ------
    InputError
        if there is no such split, one of the two files of a split is missing, or a file is cut off or no idx file.
    """
    folder = Path(folder)
    found = {
        split: (idx_file(folder, f"{prefix}-images", 3), idx_file(folder, f"{prefix}-labels", 1))
        for split, prefix in IDX_SPLITS.items()
    }
    splits: dict[str, tuple[Pixels, Pixels]] = {}
    for split, (images, labels) in found.items():
        if images is None and labels is None:
            continue
        if images is None or labels is None:
            there, missing = (images, "labels") if labels is None else (labels, "images")
            raise InputError(f"{folder} has {there and there.name} but not the {missing} of the same split; add them")
        splits[split] = (read_idx_file(images, 3), read_idx_file(labels, 1))
        rows = [len(part) for part in splits[split]]
        if rows[0] != rows[1]:
            raise InputError(f"{images} has {rows[0]:,} images and {labels.name} {rows[1]:,} labels; they must agree")
    if not splits:
        raise InputError(
            f"{folder} has no idx files; they are called train-images-idx3-ubyte and train-labels-idx1-ubyte, "
            "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each also with .gz"
        )
    return splits


def idx_file(folder: Path, name: str, axes: int) -> Path | None:
    """Return the idx file of that name, unpacked or with ``.gz``, None if there is none."""
    endings = (f"-idx{axes}-ubyte", f".idx{axes}-ubyte")
    paths = (folder / f"{name}{ending}{packed}" for ending in endings for packed in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def read_idx_file(path: Path, axes: int) -> Pixels:
    """Return the array of one idx file with so many axes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); the file is cut off or not gzip") from error
    head = 4 + 4 * axes
    if len(content) < head or content[:2] != b"\0\0" or content[2:4] != bytes((UNSIGNED_BYTE, axes)):
        start = content[:4].hex(" ") or "nothing"
        raise InputError(
            f"{path} is no idx file of bytes with {axes} axes: it must begin with 00 00 08 0{axes}, not {start}"
        )
    shape = struct.unpack(f">{axes}I", content[4:head])
    wanted: Any = int(np.prod(shape, dtype=np.int64))
    if len(content) - head != wanted:
        shown = " × ".join(map(str, shape))
        raise InputError(f"{path} names {shown} = {wanted:,} bytes and has {len(content) - head:,}; it is cut off")
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(shape)
