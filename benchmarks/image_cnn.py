"""Time of training image-cnn beside a plain loop over the same network: a ratio, on one thread.

    SFUMATO_DATA=... python benchmarks/image_cnn.py

Both train 3 epochs on the first 4,000 images of MNIST in batches of 64, in turn, three times each; the shortest counts.
The plain loop scales all images to float32 once, before the clock starts, gathers batches with torch, and computes in
bf16 where ours does.
"""

import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sfumato import METHODS, MODELS
from sfumato.architecture import Training
from sfumato.data import Examples
from sfumato.images import read_idx
from sfumato.run import train_model
from sfumato.train import precision

ROWS, EPOCHS, BATCH = 4000, 3, 64


def ours(images, labels):
    examples = Examples.from_labels(images, labels)
    architecture = MODELS["image-cnn"]()
    training = Training(epochs=EPOCHS, batch_size=BATCH)
    begun = time.process_time()
    train_model(
        examples, None, architecture=architecture, method=METHODS["baseline"](), training=training, device="cpu"
    )
    return time.process_time() - begun


def plain(images, labels):
    network = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    pixels = torch.from_numpy(images[:, None].astype(np.float32))
    pixels, gold = (pixels - pixels.mean()) / pixels.std(), torch.from_numpy(labels.astype(np.int64))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0, fused=True)
    begun = time.process_time()
    mixed = precision(torch.device("cpu")) == "bf16"
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(pixels)).split(BATCH):
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                logits = network(pixels[rows])
            loss = nn.functional.cross_entropy(logits.float(), gold[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return time.process_time() - begun


def main():
    torch.set_num_threads(1)
    images, labels = (part[:ROWS] for part in read_idx(Path(os.environ["SFUMATO_DATA"]) / "mnist")["train"])
    ours(images[:200], labels[:200])
    times = [(ours(images, labels), plain(images, labels)) for _ in range(3)]
    mine, theirs = (min(column) for column in zip(*times, strict=True))
    print(f"ours {mine:.2f} s, plain {theirs:.2f} s of processor time, ratio {mine / theirs:.2f}")


if __name__ == "__main__":
    main()
