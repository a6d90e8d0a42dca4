"""``image-cnn``: a small convolutional network for small images: convolution and pooling twice, a dense layer, dropout.

The LCM paper (Guo and others, AAAI 2021, Table 5) trains "a simple CNN" on MNIST and Fashion MNIST and says no more of
it; its layout here is that of LeNet-5 (Y. LeCun and others, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86, 1998) with rectifiers, maxima and dropout.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.architecture import IMAGES, Architecture, Training
from sfumato.base import Output
from sfumato.errors import InputError
from sfumato.images import Pixels, as_images
from sfumato.registry import check_range, check_whole

VERSION = 1
FILE = "preprocessor_config.json"  # where Hugging Face keeps what is done to an image before the network
BLOCK = 4096  # images summed at once


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """N images as one array of bytes; a batch is gathered from it and scaled inside the network.

    ``pixels`` is (N, colours, H, W) uint8, a view of the images as they were given.
    """

    pixels: Pixels

    @property
    def lengths(self) -> NDArray[np.int64]:
        """All the same, (N,): images need no padding."""
        return np.ones(len(self.pixels), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, index: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return ``pixels`` of the rows ``index``, (B, colours, H, W) uint8."""
        return {"pixels": self.pixels[index]}


@dataclass(frozen=True)
class ImageEncoder:
    """The size of the training images, and the mean and deviation of each colour, in pixels from 0 to 255."""

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    reads: ClassVar[str] = IMAGES

    @property
    def colours(self) -> int:
        """1 for grey images, 3 for RGB."""
        return len(self.mean)

    @property
    def kind(self) -> str:
        """The word for images of so many colours."""
        return kind(self.colours)

    @classmethod
    def fit(cls, images: Any) -> Self:
        """Measure the training images."""
        pixels = by_colour(as_images(images))  # (N, colours, H, W)
        if not len(pixels):
            raise InputError("image-cnn needs images to train on, got none")
        count, total, squares = 0, np.zeros(pixels.shape[1]), np.zeros(pixels.shape[1])
        for start in range(0, len(pixels), BLOCK):
            block = pixels[start : start + BLOCK].astype(np.float64)
            count += block[:, 0].size
            total += block.sum(axis=(0, 2, 3))
            squares += (block**2).sum(axis=(0, 2, 3))
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0))
        std = np.where(std > 0, std, 1.0)  # a colour that never varies
        return cls(pixels.shape[2], pixels.shape[3], tuple(mean.tolist()), tuple(std.tolist()))

    def encode(self, texts: Any, max_length: int) -> EncodedImages:
        """Return the images as the network reads them; they are read whole, so ``max_length`` has no meaning.

        Raises
        ------
        InputError
            if they have another size, or other colours, than the training images.
        """
        pixels = by_colour(as_images(texts))
        if len(pixels) and pixels.shape[1:] != (self.colours, self.height, self.width):
            given = f"{pixels.shape[2]} × {pixels.shape[3]} {kind(pixels.shape[1])}"
            raise InputError(
                f"this model reads images of {self.height} × {self.width} {self.kind} pixels, got {given}; "
                "bring them to that form first"
            )
        return EncodedImages(pixels)

    def save(self, folder: Path) -> None:
        """Write ``preprocessor_config.json``."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``preprocessor_config.json``.

        Raises
        ------
        InputError
            if the file is missing or damaged.
        """
        path = Path(folder) / FILE
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            mean, std = (tuple(float(x) for x in about[name]) for name in ("mean", "std"))
            return cls(int(about["height"]), int(about["width"]), mean, std)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path} cannot be read ({error!r}); the model folder is damaged") from error


def by_colour(images: Pixels) -> Pixels:
    """Return a view (N, colours, H, W) of images (N, H, W) or (N, H, W, 3)."""
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)


def kind(colours: int) -> str:
    """Return the word for images of so many colours."""
    return "grey" if colours == 1 else "RGB"


class ImageCNN(nn.Module):
    """Pixels (B, colours, H, W) from 0 to 255 to `Output`; features are what the last layer reads, (B, hidden)."""

    predict_batch = 512

    def __init__(
        self,
        encoder: ImageEncoder,
        num_classes: int,
        *,
        filters: Sequence[int] = (32, 64),
        kernel: int = 3,
        hidden: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.mean, self.std = encoder.mean, encoder.std
        colours, height, width = encoder.colours, encoder.height, encoder.width
        layers: list[nn.Module] = []
        for before, after in zip((colours, *filters), filters, strict=False):
            layers += [
                nn.Conv2d(before, after, kernel, padding=kernel // 2),
                nn.ReLU(),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
            height, width = -(-height // 2), -(-width // 2)
        self.convolutions = nn.Sequential(*layers)
        self.hidden = nn.Linear(filters[-1] * height * width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.output_layer = nn.Linear(hidden, num_classes)

    def scaled(self, pixels: Tensor) -> Tensor:
        """Return the pixels with mean 0 and deviation 1 over the training images, float32."""
        mean, std = (pixels.new_tensor(each, dtype=self.hidden.weight.dtype) for each in (self.mean, self.std))
        return (pixels - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)

    def forward(self, pixels: Tensor) -> Output:
        maps = self.convolutions(self.scaled(pixels))  # (B, filters, H / 4, W / 4)
        features = self.dropout(nn.functional.relu(self.hidden(maps.flatten(1))))
        return Output(self.output_layer(features), features)


def image_cnn(
    filters: Sequence[int] = (32, 64), *, kernel: int = 3, hidden: int = 128, dropout: float = 0.5
) -> Architecture:
    """Small convolutional network for images of one size, grey or RGB.

    Parameters
    ----------
    filters : filters of each convolution; every one is followed by a maximum over 2 × 2 pixels
    kernel : width and height of a filter in pixels, an odd number
    hidden : size of the dense layer before the last one
    dropout : share of that layer dropped in training
    """
    sizes = checked_filters(filters)
    check_whole("image-cnn", "kernel", kernel, 1, 99)
    if kernel % 2 == 0:
        raise InputError(f"image-cnn: kernel must be odd, so that it has a middle, got {kernel}")
    check_whole("image-cnn", "hidden", hidden, 1, 1_000_000)
    check_range("image-cnn", "dropout", dropout, 0, 1)
    options: dict[str, Any] = {"filters": sizes, "kernel": int(kernel), "hidden": int(hidden), "dropout": dropout}
    return Architecture(
        name="image-cnn",
        fit_encoder=ImageEncoder.fit,
        load_encoder=ImageEncoder.load,
        build=lambda encoder, num_classes: ImageCNN(encoder, num_classes, **options),
        training=Training(epochs=10, batch_size=64, lr=1e-3),
        options=options,
        version=VERSION,
        reads=IMAGES,
    )


def checked_filters(filters: Any) -> list[int]:
    """Return the filters of each convolution as whole numbers; a single number is one convolution."""
    given = list(filters) if isinstance(filters, Sequence) and not isinstance(filters, str) else [filters]
    if not given:
        raise InputError("image-cnn: filters must name at least one convolution, got none")
    for number in given:
        check_whole("image-cnn", "filters", number, 1, 100_000)
    return [int(number) for number in given]
