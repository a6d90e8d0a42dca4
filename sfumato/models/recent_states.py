"""What an encoder that does not learn said of the last batches: runs that are compared read the same texts.

A run reads its training texts once, its dev and test texts once more each; ten methods over one frozen encoder would
read all of them ten times. The numbers are those of the same batch, read by the same weights in the same precision.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from threading import Lock

import torch
from torch import Tensor, nn

MOST = 2**28  # bytes kept in a process


class RecentStates:
    """Tensors by weights, inputs and precision, at most ``most`` bytes; what was not asked for longest goes."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._kept: OrderedDict[bytes, Tensor] = OrderedDict()
        self._size = 0
        self._lock = Lock()  # of what is kept; two threads may read the same new batch, and one of the results is kept

    def of(self, weights: str, inputs: Sequence[Tensor], compute: Callable[[], Tensor]) -> Tensor:
        """Return what ``compute`` says of these inputs under these weights; a copy, so it may be changed."""
        key = batch_key(weights, inputs)
        with self._lock:
            found = self._kept.get(key)
        found = compute() if found is None else found
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._size += found.nbytes
            self._kept.move_to_end(key)
            while self._size > self.most:
                self._size -= self._kept.popitem(last=False)[1].nbytes
        return found.clone()


def batch_key(weights: str, inputs: Sequence[Tensor]) -> bytes:
    """Return a hash of the inputs, of the weights that read them, and of the precision they are read in."""
    device = inputs[0].device.type
    mixed = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    digest = sha256(f"{weights} {inputs[0].device} {mixed}".encode())
    for each in inputs:
        digest.update(f"{each.dtype} {tuple(each.shape)}".encode())
        digest.update(each.cpu().numpy().tobytes())
    return digest.digest()


class Weights:
    """A hash of the parameters, buffers and settings of an encoder, made anew when one of them was written to.

    A write through ``.data``, which torch does not count, is not seen; nothing here writes so to weights that stay.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder = encoder
        self._at: tuple[int, ...] = ()
        self._digest = ""

    def digest(self) -> str:
        """Return the hash."""
        tensors = [*self.encoder.parameters(), *self.encoder.buffers()]
        at = tuple(number for each in tensors for number in (each.data_ptr(), each._version))
        if at != self._at:
            found = sha256(f"{self.encoder!r} {getattr(self.encoder, 'config', '')}".encode())
            for each in tensors:
                found.update(each.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
            self._at, self._digest = at, found.hexdigest()
        return self._digest
