"""The vectors of many texts by one tower, in batches of similar length."""

from __future__ import annotations

import numpy as np
import torch

from sfumato.architecture import Encoded
from sfumato.inference import to_tensors
from sfumato.retrieval.dual_encoder import Tower
from sfumato.targets import Floats


def vectors(tower: Tower, encoded: Encoded, *, batch_size: int, device: torch.device, mixed: bool = False) -> Floats:
    """Return the vectors of all rows, (N, D) float32, in evaluation mode; the shortest texts are read first."""
    order = np.argsort(encoded.lengths, kind="stable")
    was_training = tower.training
    tower.eval()
    found = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
        for start in range(0, len(order), batch_size):
            inputs = to_tensors(encoded.batch(order[start : start + batch_size]), device)
            found.append(tower(**inputs).float().cpu().numpy())
    tower.train(was_training)
    if not found:
        return np.empty((0, 0), np.float32)
    result = np.empty((len(order), found[0].shape[1]), np.float32)
    result[order] = np.concatenate(found)
    return result
