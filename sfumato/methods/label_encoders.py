"""The label encoders of LCM: from label embeddings ``(C, e)`` to class vectors ``(C, d)``.

The paper calls the label encoder "a DNN, which can be multi-layer perceptron (MLP), LSTM or attention networks"; the
equations are in `sfumato.methods.lcm`. ``bilstm`` averages both directions and ``attention`` has no parameters, as in
the variants of the authors' code.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from sfumato.errors import InputError
from sfumato.methods import lcm


def uniform(rows: int, columns: int, bound: float, generator: Generator) -> nn.Parameter:
    """Return a matrix drawn evenly from ±``bound``."""
    return nn.Parameter((torch.rand(rows, columns, generator=generator) * 2 - 1) * bound)


def initial_embeddings(init: str | np.ndarray[Any, Any], C: int, e: int, generator: Generator) -> nn.Parameter:
    """Return the label embeddings ``(C, e)`` before the first step."""
    if isinstance(init, str):
        small = uniform(C, e, 0.05, generator)
        return small if init == "keras" else nn.Parameter(torch.randn(C, e, generator=generator))
    if len(init) != C:
        raise InputError(f"lcm: init must have one row a class, in the order of the classes: {C}, got {len(init)}")
    return nn.Parameter(torch.from_numpy(init).clone())


class DenseEncoder(nn.Module):
    """One dense layer with tanh."""

    def __init__(self, e: int, d: int, generator: Generator) -> None:
        super().__init__()
        self.W_l = uniform(e, d, math.sqrt(6 / (e + d)), generator)
        self.b_l = nn.Parameter(torch.zeros(d))

    def forward(self, L: Tensor) -> Tensor:
        return lcm.label_vectors(L, self.W_l, self.b_l)


class RecurrentEncoder(nn.Module):
    """An LSTM over the classes in their order, one state a class; with two ``directions`` the mean of both states."""

    def __init__(self, e: int, d: int, generator: Generator, *, directions: int) -> None:
        super().__init__()
        self.directions = directions
        with torch.random.fork_rng(devices=[]):
            self.lstm = nn.LSTM(e, d, batch_first=True, bidirectional=directions == 2)
        with torch.no_grad():
            for parameter in self.lstm.parameters():
                parameter.uniform_(-1 / math.sqrt(d), 1 / math.sqrt(d), generator=generator)

    def forward(self, L: Tensor) -> Tensor:
        states, _ = self.lstm(L[None])  # (1, C, directions * d)
        vectors: Tensor = states[0].view(len(L), self.directions, -1).mean(dim=1)
        return vectors


class AttentionEncoder(nn.Module):
    """Each class vector is a mean of all embeddings, weighted by how alike they are; e = d."""

    def forward(self, L: Tensor) -> Tensor:
        return lcm.attended_label_vectors(L)


def build_label_encoder(kind: str | Callable[..., Any], C: int, e: int, d: int, generator: Generator) -> nn.Module:
    """Return the label encoder of that name, a copy of the given module, or what a function of C and d returns.

    Raises
    ------
    InputError
        if ``attention`` is to change the length of the vectors, or a module of the user does not return ``(C, d)``.
    """
    if not isinstance(kind, str):
        return _of_user(kind, C, e, d, seed=generator.initial_seed())
    if kind == "mlp":
        return DenseEncoder(e, d, generator)
    if kind != "attention":
        return RecurrentEncoder(e, d, generator, directions=2 if kind == "bilstm" else 1)
    if e != d:
        raise InputError(
            f"lcm: label_encoder='attention' keeps the length of the label embeddings, {e}, but the text's vector has "
            f"{d}; leave embedding_size out, or use label_encoder='mlp'"
        )
    return AttentionEncoder()


def _of_user(given: Callable[..., Any], C: int, e: int, d: int, *, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        # A copy: one method builds a criterion for each run, and runs share nothing.
        encoder = copy.deepcopy(given) if isinstance(given, nn.Module) else given(C, d)
        if not isinstance(encoder, nn.Module):
            raise InputError(f"lcm: label_encoder must return a torch module, got {type(encoder).__name__}")
        try:
            found = tuple(encoder(torch.zeros(C, e)).shape)
        except (AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise InputError(f"lcm: label_encoder fails on label embeddings ({C}, {e}): {error}") from error
    if found != (C, d):
        raise InputError(
            f"lcm: label_encoder must turn ({C}, {e}) into ({C}, {d}), one vector a class as long as the text's, "
            f"got {found}"
        )
    return encoder
