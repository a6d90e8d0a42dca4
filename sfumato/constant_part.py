"""What a frozen part of a network says of each row, computed once in a run and not once an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sfumato.architecture import Encoded
from sfumato.inference import to_tensors


@dataclass(frozen=True, eq=False)
class Computed:
    """Rows as a network reads them above its constant part; the lengths are kept, so the batches are the same."""

    lengths: NDArray[np.int64]
    parts: dict[str, Tensor]  # (N, ...) each, on the CPU

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, index: NDArray[np.int64]) -> dict[str, Any]:
        """Return the rows ``index``."""
        rows = torch.from_numpy(index)
        return {name: part[rows] for name, part in self.parts.items()}


def computed_once(
    model: nn.Module, encoded: Encoded, *, batch_size: int, device: torch.device, mixed: bool = False
) -> Encoded:
    """Return ``encoded`` as the part of ``model`` above its constant part reads it; as it is if there is none.

    A network that has a constant part has a method of that name. The numbers are those that it would give in training,
    up to the rounding of sums over other padding.
    """
    constant_part = getattr(model, "constant_part", None)
    order = np.argsort(encoded.lengths, kind="stable")
    found: list[dict[str, Tensor]] = []
    for start in range(0, len(order) if constant_part else 0, batch_size):
        inputs = to_tensors(encoded.batch(order[start : start + batch_size]), device)
        # no inference mode: autograd may not keep its tensors, and the layers above learn
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            said = constant_part(**inputs) if constant_part else None
        if said is None:
            return encoded
        found.append({name: part.float().cpu() for name, part in said.items()})
    if not found:
        return encoded
    back = torch.from_numpy(np.argsort(order, kind="stable"))
    parts = {name: torch.cat([each[name] for each in found])[back] for name in found[0]}
    return Computed(encoded.lengths, parts)
