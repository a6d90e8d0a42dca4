"""What a training run holds between two optimizer steps, beside its settings: taken out, and put back to the bit.

Tensors are named ``<part>.<name>``: ``objective`` (parameters and every buffer, those that a model folder leaves out
too), ``optimizer``, ``random`` and ``best``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sfumato.base import Criterion, Objective
from sfumato.errors import InputError

Tensors = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run between two steps: its tensors by name, and everything else as plain values that JSON can hold."""

    tensors: Tensors
    facts: dict[str, Any]

    def part(self, name: str) -> Tensors:
        """Return the tensors of one part, under their names within it."""
        prefix = f"{name}."
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}


def named(part: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return copies of the tensors on the CPU, named as one part of a snapshot."""
    return {f"{part}.{name}": value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}


def objective_tensors(objective: Objective) -> Tensors:
    """Return parameters and buffers of model and criterion, without copying."""
    return dict(objective.named_parameters()) | dict(objective.named_buffers())


def fill_objective(objective: Objective, tensors: Tensors) -> None:
    """Write the tensors into the objective.

    Raises
    ------
    InputError
        if names or shapes are not those of this objective: the function that builds it has changed.
    """
    own = objective_tensors(objective)
    wrong = sorted(own.keys() ^ tensors.keys()) or [n for n in own if own[n].shape != tensors[n].shape]
    if wrong:
        raise InputError(
            f"the checkpoint does not fit this model: {wrong[0]} is missing on one side or has another shape; what "
            "builds the model or the criterion has changed, so the run must start afresh"
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """Return the moments and step counts, named by the number of the parameter."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, entry in state.items() for name, value in entry.items()}


def fill_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Give the optimizer its moments and step counts back; its rates follow from the step."""
    state: dict[int, Tensors] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def random_states(device: torch.device) -> Tensors:
    """Return the state of torch's random numbers on the CPU and on the device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_states(states: Tensors, device: torch.device) -> None:
    """Put torch's random numbers where they were."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if "mps" in states:
        torch.mps.set_rng_state(states["mps"])


def remembered(criterion: Criterion) -> dict[str, dict[str, Any]]:
    """Return the plain attributes of a criterion and those inside it, such as counters and records, by module.

    Plain is what JSON gives back as it was; whatever else a criterion holds is rebuilt by its factory.
    """
    torch_own = vars(nn.Module()).keys()
    return {
        name: {key: value for key, value in vars(module).items() if key not in torch_own and is_plain(value)}
        for name, module in criterion.named_modules()
        if isinstance(module, Criterion)
    }


def remind(criterion: Criterion, memory: Mapping[str, Mapping[str, Any]]) -> None:
    """Give a criterion and those inside it their plain attributes back."""
    modules = dict(criterion.named_modules())
    for name, attributes in memory.items():
        for key, value in attributes.items():
            setattr(modules[name], key, value)


def is_plain(value: Any) -> bool:
    """Whether JSON gives the value back as it was (NaN, which equals nothing, by how it is written)."""
    try:
        written = json.dumps(value)
    except (TypeError, ValueError):
        return False
    read = json.loads(written)
    return bool(type(read) is type(value) and (read == value or (json.dumps(read) == written and "NaN" in written)))
