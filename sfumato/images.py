"""Images as arrays: what they must look like, and reading them from idx files.

An image is H × W (grey) or H × W × 3 (RGB), uint8; N of them are one array (N, H, W) or (N, H, W, 3). Nothing here
needs torch.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.errors import InputError

Pixels = NDArray[np.uint8]

IDX_SPLITS = {"train": "train", "test": "t10k"}  # our word -> how the published files begin
UNSIGNED_BYTE = 8  # the idx format's code of the element type
SHAPES = "(N, height, width), or (N, height, width, 3) for colours"


def are_images(inputs: Any) -> bool:
    """Whether inputs are arrays and not texts: one array of at least two axes, or a list that begins with an array."""
    if isinstance(inputs, np.ndarray):
        return inputs.ndim > 1 and inputs.dtype.kind not in "OSU"
    return isinstance(inputs, list | tuple) and len(inputs) > 0 and _is_image(inputs[0])


def _is_image(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.ndim > 1 and item.dtype.kind not in "OSU"


def as_images(inputs: Any) -> Pixels:
    """Return N images as one array, (N, H, W) or (N, H, W, 3) uint8; an array of that kind is returned as it is.

    Raises
    ------
    InputError
        if the images differ in size, have another number of axes or colours, or are no whole numbers from 0 to 255.
    """
    images = inputs if isinstance(inputs, np.ndarray) else _stacked(list(inputs))
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[:, :, :, 0]
    if images.ndim != 3 and not (images.ndim == 4 and images.shape[3] == 3):
        raise InputError(f"images must have shape {SHAPES}, got {images.shape}{_shape_advice(images)}")
    if 0 in images.shape[1:]:
        raise InputError(f"images must have pixels, got shape {images.shape}")
    return images if images.dtype == np.uint8 else _as_bytes(images)


def _stacked(images: list[Any]) -> NDArray[Any]:
    """Put images of equal shape into one array."""
    for number, image in enumerate(images, start=1):
        if not _is_image(image):
            raise InputError(f"image {number} is no array of pixels: {image!r:.60} ({type(image).__name__})")
        if image.shape != images[0].shape:
            raise InputError(
                f"all images must have one size; image {number} has shape {image.shape} and the first {images[0].shape}"
            )
    return np.stack(images) if images else np.empty((0, 1, 1), np.uint8)


def _shape_advice(images: NDArray[Any]) -> str:
    if images.ndim == 2:
        return "; one image is written images[None], and rows of pixels images.reshape(N, height, width)"
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return "; put the colours last: images.transpose(0, 2, 3, 1)"
    if images.ndim == 4 and images.shape[3] == 4:
        return "; leave the transparency out: images[..., :3]"
    return ""


def _as_bytes(images: NDArray[Any]) -> Pixels:
    """Return whole numbers from 0 to 255 as bytes."""
    low, high = (images.min(), images.max()) if images.size else (0, 0)
    if images.dtype.kind in "iu" and low >= 0 and high <= 255:
        return images.astype(np.uint8)
    raise InputError(
        f"pixels must be whole numbers from 0 to 255 (uint8), got {images.dtype} from {low:g} to {high:g}; scale them: "
        "(images * (255 / images.max())).round().astype('uint8')"
    )


def content(item: Any) -> bytes:
    """Return an input, a text, tokens or an image, as bytes: equal bytes are equal inputs."""
    if isinstance(item, np.ndarray):
        return f"{item.shape}".encode() + np.ascontiguousarray(item).tobytes()
    return (item if isinstance(item, str) else "\x1f".join(item)).encode("utf-8", "surrogatepass")


def shown(item: Any) -> str:
    """Return an input as a message shows it: an image by its size."""
    return f"an image of {' × '.join(map(str, item.shape))}" if isinstance(item, np.ndarray) else str(item)


def size_of(item: Any) -> int:
    """Return the characters of a text, the number of tokens, or the pixels of an image."""
    return int(item.size) if isinstance(item, np.ndarray) else len(item)


def take_inputs(inputs: Any, rows: NDArray[np.int64]) -> Sequence[Any]:
    """Return some inputs: images as one array, anything else as a list."""
    taken: Any = inputs[rows] if isinstance(inputs, np.ndarray) else [inputs[int(i)] for i in rows]
    given: Sequence[Any] = taken
    return given


def join_inputs(first: Any, second: Any) -> Sequence[Any]:
    """Return the inputs of two splits: images as one array, anything else as a list."""
    if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray):
        return [*first, *second]
    if first.shape[1:] != second.shape[1:]:
        raise InputError(f"the images of two splits must have one size, got {first.shape[1:]} and {second.shape[1:]}")
    joined: Sequence[Any] = np.concatenate([first, second])  # type: ignore[assignment]
    return joined


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
