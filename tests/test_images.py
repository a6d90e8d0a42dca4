"""Images as arrays and in idx files, and what a data set does with them."""

import numpy as np
import pytest
from image_samples import idx_folder, squares

from sfumato.data import Examples, concatenate
from sfumato.dataset import cut_data
from sfumato.dev_rows import cut_dev
from sfumato.errors import InputError
from sfumato.images import as_images, read_idx
from sfumato.run_settings import described_rows
from sfumato.split import split_rows


def test_idx_files_are_read_packed_or_not_and_each_split_apart(tmp_path):
    images, numbers = idx_folder(tmp_path)
    splits = read_idx(tmp_path)
    assert list(splits) == ["train", "test"]
    for (read, labels), rows in zip(splits.values(), (slice(0, 20), slice(20, 30)), strict=True):
        assert read.dtype == labels.dtype == np.uint8
        assert np.array_equal(read, images[rows])
        assert np.array_equal(labels, numbers[rows])


def test_idx_files_that_are_damaged_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="has no idx files; they are called train-images-idx3-ubyte"):
        read_idx(tmp_path)
    idx_folder(tmp_path)
    labels = tmp_path / "t10k-labels-idx1-ubyte"
    content = labels.read_bytes()
    labels.write_bytes(content[:-1])
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte names 10 = 10 bytes and has 9; it is cut off"):
        read_idx(tmp_path)
    labels.write_bytes(content[:4] + b"\0\0\0\x09" + content[8:-1])
    with pytest.raises(InputError, match=r"10 images and t10k-labels-idx1-ubyte 9 labels"):
        read_idx(tmp_path)
    labels.write_bytes(b"\0\0\x0b\1" + content[4:])
    with pytest.raises(InputError, match="must begin with 00 00 08 01, not 00 00 0b 01"):
        read_idx(tmp_path)
    labels.unlink()
    with pytest.raises(InputError, match="t10k-images-idx3-ubyte but not the labels"):
        read_idx(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b cut")
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(InputError, match="the file is cut off or not gzip"):
        read_idx(tmp_path)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((3, 3), np.uint8), r"got \(3, 3\); one image is written images\[None\]"),
        (np.zeros((3, 4, 4)), r"got float64 from 0 to 0; scale them"),
        (np.full((3, 4, 4), 256), "got int64 from 256 to 256"),
        (np.zeros((2, 3, 5, 5), np.uint8), r"put the colours last: images.transpose\(0, 2, 3, 1\)"),
        (np.zeros((2, 5, 5, 4), np.uint8), r"leave the transparency out"),
        (
            [np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)],
            r"image 2 has shape \(4, 5\) and the first \(4, 4\)",
        ),
        ([np.zeros((4, 4), np.uint8), "text"], "image 2 is no array of pixels: 'text'"),
    ],
)
def test_arrays_that_are_no_images_are_refused_with_advice(images, said):
    with pytest.raises(InputError, match=said):
        as_images(images)


def test_whole_numbers_and_an_axis_of_one_colour_are_images_too():
    images, _ = squares(4)
    for given in (images.astype(np.int64), images[..., None], list(images)):
        assert np.array_equal(as_images(given), images)
        assert as_images(given).dtype == np.uint8
    assert as_images(images) is images


def test_examples_of_images_stay_one_array():
    images, labels = squares(10)
    examples = Examples.from_labels(list(images), labels)
    assert isinstance(examples.inputs, np.ndarray)
    first, second = examples.take([3, 1]), examples.take([0])
    assert np.array_equal(concatenate(first, second).inputs, images[[3, 1, 0]])
    assert examples.take([]).inputs.shape == (0, 6, 8)
    other = Examples.from_labels(np.zeros((2, 4, 4), np.uint8), labels[:2])
    with pytest.raises(InputError, match=r"must have one size, got \(6, 8\) and \(4, 4\)"):
        concatenate(first, other)


def test_equal_images_stay_on_one_side():
    images, labels = squares(20)
    twice, names = np.concatenate([images, images]), [*labels, *labels]
    examples = Examples.from_labels(twice, names)
    rest, cut = split_rows(examples.labels, examples.inputs, share=0.3, seed=0)
    assert len(cut) == 12
    assert not {row % 20 for row in rest} & {row % 20 for row in cut}


def test_one_pixel_more_or_another_shape_is_other_data():
    images, labels = squares(40)
    data = cut_data("images", (images, labels))
    assert data.size == 6 * 8 * len(data.train) + len(data.train)
    assert cut_data("images", (images.copy(), labels)).fingerprint == data.fingerprint
    changed = images.copy()
    changed[7, 3, 3] += 1
    assert cut_data("images", (changed, labels)).fingerprint != data.fingerprint
    reshaped = images.reshape(40, 8, 6)
    assert cut_data("images", (reshaped, labels)).fingerprint != data.fingerprint
    given = Examples.from_labels(images, labels)
    assert described_rows(given)["texts"] != described_rows(Examples.from_labels(reshaped, labels))["texts"]


def test_cut_dev_keeps_images():
    images, labels = squares(40)
    train, dev, _ = cut_dev(
        Examples.from_labels(images, labels), 0.25, seed=0, text=None, label=None, bad_rows="refuse"
    )
    assert train.inputs.shape == (30, 6, 8)
    assert dev.inputs.shape == (10, 6, 8)


@pytest.mark.data
def test_mnist_and_fashion_mnist_have_the_published_sizes(data_folder):
    for name in ("mnist", "fashion_mnist"):
        splits = read_idx(data_folder / name)
        assert splits["train"][0].shape == (60_000, 28, 28)
        assert splits["test"][0].shape == (10_000, 28, 28)
        assert np.bincount(splits["test"][1]).tolist() == (
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009] if name == "mnist" else [1000] * 10
        )
