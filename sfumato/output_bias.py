"""Where a network starts when each class is a question of its own: its last bias at the log odds of each class's share.

With few labels a row, a bias of 0 says one half for every class. The first hundreds of steps then do nothing but lower
it, by way of the features too, which end up the same for every text; of 50 classes some networks never get away.
T.-Y. Lin and others, "Focal Loss for Dense Object Detection", ICCV 2017, https://arxiv.org/abs/1708.02002, section 4.1,
start at a small share for the same reason. Through a softmax classes share one mass, so that 0 is no claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

OUTPUT_BIAS_VERSION = 1  # of what starts there; in the key of runs of several labels a row


def log_odds(shares: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Return ``log(f / (1 - f))`` of the shares of ``rows`` texts that have each class, (C,).

    f = (rows * share + 1) / (rows + 2) counts one row more with the class and one without it.
    """
    f = (rows * shares + 1) / (rows + 2)
    return np.asarray(np.log(f / (1 - f)))


def start_at_shares(network: nn.Module, shares: NDArray[np.float64], rows: int) -> None:
    """Set the bias of ``network.output_layer``; a network without one stays as it is."""
    bias = getattr(getattr(network, "output_layer", None), "bias", None)
    if bias is not None:
        import torch

        with torch.no_grad():
            bias.copy_(torch.from_numpy(log_odds(shares, rows)))
