"""What a device and a network can bear, asked before training."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from sfumato.errors import InputError

if TYPE_CHECKING:
    import torch


def precision(device: torch.device) -> str:
    """Return ``"bf16"`` where the device computes it natively, else ``"no"``: without support it is slower."""
    import torch

    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    if device.type != "cpu":
        return "no"
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return "bf16" if any(getattr(torch.cpu, probe, lambda: False)() for probe in probes) else "no"


def fitting_length(network: Any, wanted: int) -> int:
    """Return ``wanted``, or fewer tokens where the network has fewer positions; that is said."""
    most = getattr(network, "positions", None)
    if most is None or wanted <= most:
        return wanted
    warnings.warn(f"texts are cut to {most} tokens, all the positions this encoder has, not to {wanted}", stacklevel=2)
    return int(most)


def check_device(device: str | None) -> None:
    """Raise unless PyTorch can compute on ``device`` here."""
    import torch

    if device is None:
        return
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"cannot compute on device {device!r} ({reason}); leave it out, or use 'cpu'") from error
