"""Images from wherever the user has them: arrays, a folder a class, idx files, or the digits of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sfumato.errors import InputError, MissingExtraError
from sfumato.images import IDX_SPLITS, Pixels, are_images, as_images, idx_file, read_idx
from sfumato.rows import BadRow, check_bad_rows, describe_bad_rows, refuse_bad_rows

DIGITS = "digits"
ENDINGS = (".png", ".jpg", ".jpeg")
HELD_OUT = 5  # every fifth of the digits is for testing
OTHER_WORD = {"train": "training", "test": "test"}


@dataclass(frozen=True, eq=False)
class ImageRows:
    """N images with what is known of each.

    Attributes
    ----------
    images : (N, H, W) or (N, H, W, 3) uint8
    labels : N labels, or None where none are known
    names : N names, of files or numbers from 1
    notes : sentences that say what was read
    dropped : files that were left out because they cannot be used
    """

    images: Pixels
    labels: list[Any] | None
    names: list[str]
    notes: tuple[str, ...] = ()
    dropped: int = 0


def is_image_data(data: Any) -> bool:
    """Whether data are images: a pair of arrays and labels, "digits", a folder, or an idx file."""
    if isinstance(data, tuple) and len(data) == 2:
        return are_images(data[0])
    if not isinstance(data, str | os.PathLike):
        return False
    path = Path(os.fspath(data))
    return path.is_dir() or "-ubyte" in path.name or (str(data) == DIGITS and not path.exists())


def has_test_images(data: Any) -> bool:
    """Whether image data bring a test split of their own, beside the training images that they stand for."""
    if not isinstance(data, str | os.PathLike) or not is_image_data(data):
        return False
    path = Path(os.fspath(data))
    return not path.exists() or all(idx_file(path, f"{prefix}-images", 3) for prefix in IDX_SPLITS.values())


def read_images(data: Any, *, split: str = "train", bad_rows: str = "refuse") -> ImageRows:
    """Read images and their labels.

    Parameters
    ----------
    data : what `is_image_data` says is images, or an array of images without labels
    split : "train" or "test", which part of a source that has both
    bad_rows : "refuse" or "drop" files that cannot be used
    """
    check_bad_rows(bad_rows)
    if isinstance(data, tuple) and len(data) == 2:
        return _from_arrays(data[0], list(data[1]))
    if not isinstance(data, str | os.PathLike):
        return _from_arrays(data, None)
    path = Path(os.fspath(data))
    if str(data) == DIGITS and not path.exists():
        return read_digits(split)
    if path.is_dir() and not any(idx_file(path, f"{prefix}-images", 3) for prefix in IDX_SPLITS.values()):
        return read_image_folder(path, bad_rows=bad_rows)
    return _from_idx(path, split)


def _from_arrays(images: Any, labels: list[Any] | None) -> ImageRows:
    pixels = as_images(images)
    if labels is not None and len(labels) != len(pixels):
        raise InputError(f"there must be one label an image, got {len(pixels):,} images and {len(labels):,} labels")
    return ImageRows(pixels, labels, [str(k) for k in range(1, len(pixels) + 1)])


def _from_idx(path: Path, split: str) -> ImageRows:
    """Read one split of a folder of idx files, or the one that a file of images belongs to."""
    folder = path
    if not path.is_dir():
        folder = path.parent
        named = [name for name, prefix in IDX_SPLITS.items() if path.name.startswith(f"{prefix}-images")]
        if not path.is_file() or not named:
            raise InputError(f"{path} is no idx file of images; give its folder, or the file train-images-idx3-ubyte")
        split = named[0]
    splits = read_idx(folder)
    if split not in splits:
        raise InputError(f"{folder} has no {OTHER_WORD[split]} images, only {', '.join(splits)}; give the file itself")
    images, labels = splits[split]
    note = f"{folder}: {len(images):,} {OTHER_WORD[split]} images of {images.shape[1]} × {images.shape[2]} pixels"
    numbers = [str(k) for k in range(1, len(images) + 1)]
    return ImageRows(images, labels.tolist(), numbers, (note,))


def read_digits(split: str) -> ImageRows:
    """Return the 8 × 8 digits that come with scikit-learn; every fifth of the 1,797 is for testing.

    E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998. Their 17 shades become bytes.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    rows = np.arange(len(digits.target))
    rows = rows[(rows % HELD_OUT == HELD_OUT - 1) == (split == "test")]
    images = (digits.images[rows] * (255 / 16)).round().astype(np.uint8)
    note = f"the digits of scikit-learn: {len(rows):,} {OTHER_WORD[split]} images of 8 × 8 pixels"
    return ImageRows(images, digits.target[rows].tolist(), [str(row + 1) for row in rows], (note,))


def read_image_folder(folder: Path, *, bad_rows: str = "refuse") -> ImageRows:
    """Read ``folder/<class>/*.png`` (also JPEG), or ``folder/*.png`` without labels; all must have one size.

    If one of them has colours, all are read as RGB.

    Raises
    ------
    InputError
        names the files that are no images, have another size than the first, transparent parts, or 16 bits a pixel.
    """
    files, labels = _image_files(folder)
    arrays: list[Pixels] = []
    bad, kept = [], []
    for number, file in enumerate(files, start=1):
        try:
            array = read_picture(file)
            if arrays and array.shape[:2] != arrays[0].shape[:2]:
                raise ValueError(f"has size {_size(array)}, and the first {_size(arrays[0])}")
        except (OSError, ValueError, SyntaxError) as error:  # Pillow raises all three for files that are no images
            bad.append(BadRow(number, f"{file.relative_to(folder)} cannot be read: {error}", ""))
            continue
        arrays.append(array)
        kept.append(number - 1)
    if bad and (bad_rows == "refuse" or not kept):
        raise refuse_bad_rows(str(folder), bad, "file")
    colours = any(array.ndim == 3 for array in arrays)
    images = as_images([as_rgb(array) for array in arrays] if colours else arrays)
    notes = [f"{folder}: {len(images):,} images of {_size(images[0])} pixels, {'RGB' if colours else 'grey'}"]
    if bad:
        notes.append(f"{len(bad)} of {len(files)} images left out:\n{describe_bad_rows(bad, 'file')}")
    names = [files[k].relative_to(folder).as_posix() for k in kept]
    return ImageRows(images, None if labels is None else [labels[k] for k in kept], names, tuple(notes), len(bad))


def _size(array: Pixels) -> str:
    return f"{array.shape[0]} × {array.shape[1]}"


def _image_files(folder: Path) -> tuple[list[Path], list[str] | None]:
    """Return the image files in the order of their names, and the names of their folders where there are classes."""
    own = _pictures(folder)
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    files = [file for path in classes for file in _pictures(path)]
    if own and files:
        raise InputError(f"{folder} has images beside folders of images; put each into the folder of its class")
    if not own and not files:
        deeper = [path for path in classes if any(_pictures(inner) for inner in path.iterdir() if inner.is_dir())]
        advice = f"; give one of its parts: {deeper[0]}" if deeper else "; images lie in folder/<class>/*.png"
        raise InputError(f"{folder} is a folder without images{advice}, and a table is a file: .csv, .tsv, .jsonl")
    return (own, None) if own else (files, [file.parent.name for file in files])


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS and not p.name.startswith("."))


def read_picture(path: Path) -> Pixels:
    """Return the pixels of one file: (H, W) if it is grey, else (H, W, 3)."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("reading image files needs Pillow: pip install 'sfumato[image]'") from error
    with Image.open(path) as picture:
        if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
            raise ValueError("has more than 8 bits a pixel; save it with 8")
        if picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[:, :, 3].min() < 255:
            raise ValueError("has transparent parts; put it on a background")
        grey = picture.mode in ("1", "L", "LA")
        return np.asarray(picture.convert("L" if grey else "RGB"))


def as_rgb(image: Pixels) -> Pixels:
    """Return an image with three equal colours if it was grey."""
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def class_labels(rows: ImageRows, source: str) -> Sequence[Any]:
    """Return the labels of images that must have some."""
    if rows.labels is None:
        raise InputError(f"{source} holds images without classes; put each into a folder with the name of its class")
    return rows.labels
