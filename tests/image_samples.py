"""Small images with something to see in them, and the files they come in."""

import gzip
import struct

import numpy as np
import pytest


def squares(rows=40, seed=0, colours=()):
    """Return noise with a bright left or right half, (rows, 6, 8), and which half it is."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 100, size=(rows, 6, 8, *colours)).astype(np.uint8)
    labels = ["left" if row % 2 else "right" for row in range(rows)]
    for image, label in zip(images, labels, strict=True):
        image[:, slice(0, 4) if label == "left" else slice(4, 8)] += 120
    return images, labels


def write_idx(path, array, *, pack=gzip.open):
    """Write an idx file by the book: two zeros, the type, the number of axes, the sizes, the bytes."""
    with pack(path, "wb") as file:
        file.write(bytes([0, 0, 8, array.ndim]))
        for size in array.shape:
            file.write(struct.pack(">I", size))
        for value in array.ravel():
            file.write(bytes([int(value)]))


def idx_folder(folder, test=True):
    images, labels = squares(30)
    numbers = np.array([label == "left" for label in labels], np.uint8)
    folder.mkdir(exist_ok=True)
    write_idx(folder / "train-images-idx3-ubyte.gz", images[:20])
    write_idx(folder / "train-labels-idx1-ubyte.gz", numbers[:20])
    if test:
        write_idx(folder / "t10k-images-idx3-ubyte", images[20:], pack=open)
        write_idx(folder / "t10k-labels-idx1-ubyte", numbers[20:], pack=open)
    return images, numbers


def png_folder(folder, rows=24, colours=()):
    image = pytest.importorskip("PIL.Image")
    images, labels = squares(rows, colours=colours)
    for row, (array, label) in enumerate(zip(images, labels, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        image.fromarray(array).save(folder / label / f"{row:03}.png")
    return images, labels
