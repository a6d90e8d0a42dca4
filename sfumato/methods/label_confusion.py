"""The part of LCM that has parameters; the equations and the paper are in `sfumato.methods.lcm`.

It is a module of its own so that the options of ``lcm`` can be listed without PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sfumato.base import Criterion, Output, Supervision, Switch, batch_mean
from sfumato.errors import InputError
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan
from sfumato.methods import lcm
from sfumato.methods.label_encoders import AttentionEncoder, build_label_encoder, initial_embeddings, uniform
from sfumato.methods.label_smoothing import smoothed_table
from sfumato.sigmoid_losses import SigmoidCrossEntropy

SHORTEST_WINDOW = 10  # optimizer steps; where an epoch is one step (linear) a record of each would fill the memory
AFTER_SMOOTHING = 0.1  # the authors' code, where the paper says nothing


class LabelConfusion(Criterion):
    """KL(SLD || prediction), with the label encoder and the layer of the LCD as parameters; float32 throughout.

    The initial values are those of the authors' code: label embeddings uniform in ±0.05, weights by Glorot's
    rule, biases zero. ``targets`` are the one-hot labels, or what another method or the user gives in their place.
    The options are those of `sfumato.methods.lcm.lcm`; ``mix_weight`` None is the second softmax.

    ``label_embeddings`` ``(C, e)`` can be read at any time; ``record`` tells what was fitted while training.
    """

    window_sum: Tensor

    def __init__(
        self,
        num_classes: int,
        num_features: int,
        *,
        alpha: float,
        embedding_size: int | None = None,
        label_encoder: str | Callable[..., Any] = "mlp",
        init: Any = "keras",
        feature: str | Callable[..., Any] = "pooled",
        grad: str = "both",
        mix_weight: float | None = None,
        record_every: int = SHORTEST_WINDOW,
        seed: int = 0,
    ) -> None:
        super().__init__()
        C, d = num_classes, feature_width(feature, num_classes, num_features)
        generator = torch.Generator().manual_seed(seed)
        self.alpha, self.mix_weight = alpha, mix_weight
        self.feature, self.grad = feature, grad
        self.label_embeddings = initial_embeddings(init, C, embedding_size or d, generator)
        e = self.label_embeddings.shape[1]
        self.label_encoder = build_label_encoder(label_encoder, C, e, d, generator)
        self.confusion = nn.ParameterDict()
        if not isinstance(self.label_encoder, AttentionEncoder):
            self.confusion["W"] = uniform(C, C, math.sqrt(3 / C), generator)
            self.confusion["b"] = nn.Parameter(torch.zeros(C))
        self.record_every = record_every
        self.register_buffer("window_sum", torch.zeros(C, C), persistent=False)
        self._window = 0
        self._finished: list[dict[str, Any]] = []

    def soft_targets(self, output: Output, supervision: Supervision) -> Tensor:
        with torch.autocast(output.features.device.type, enabled=False):
            v = read_feature(self.feature, output).float()
            v = v.detach() if self.grad == "detached-features" else v
            V_l = self.label_encoder(self.label_embeddings)
            y_c = lcm.label_confusion_distribution(v, V_l, **self.confusion)
            if self.mix_weight is not None:
                return lcm.mixed_label_distribution(supervision.targets, y_c, self.mix_weight)
            return lcm.simulated_label_distribution(supervision.targets, y_c, self.alpha)

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        y_s = self.soft_targets(output, supervision)
        if self.training:
            self._note(y_s.detach(), supervision.labels)
        log_p = output.logits.float().log_softmax(dim=1)
        losses = (y_s * (y_s.log() - log_p)).sum(dim=1)  # (B,), loss; no share is zero, see LARGEST_ALPHA
        return batch_mean(losses, supervision.weights)

    def _note(self, y_s: Tensor, labels: Tensor) -> None:
        window = self.step // self.record_every
        if window != self._window:
            # A step count that went back is a new run with the same criterion: what it fits is told afresh.
            self._finished = self.record if window > self._window else []
            self._window = window
            self.window_sum.zero_()
        self.window_sum.index_add_(0, labels, y_s)

    @property
    def record(self) -> list[dict[str, Any]]:
        """What was fitted while training, one entry an epoch (at least ten steps), ready for JSON.

        ``from_step``: first optimizer step; ``gold_mass``: mean share of the given label; ``class_mean``: the mean
        SLD of the rows of each class, ``(C, C)`` as lists (a class without rows keeps the mean mass, the rest even).
        """
        total = self.window_sum.double().cpu()  # the rows of y_s sum to 1, so the row sums count the texts
        rows = total.sum(dim=1, keepdim=True)
        if not rows.any():
            return list(self._finished)
        gold = float(total.diagonal().sum() / rows.sum())
        even = torch.from_numpy(smoothed_table(1 - gold, len(total), mode="exclusive")).double()
        entry = {
            "from_step": self._window * self.record_every,
            "gold_mass": gold,
            "class_mean": torch.where(rows > 0, total / rows, even).tolist(),
        }
        return [*self._finished, entry]


class SmoothedCrossEntropy(Criterion):
    """Cross-entropy with the given targets after uniform label smoothing of strength ``smoothing``."""

    def __init__(self, smoothing: float) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, output: Output, supervision: Supervision) -> Tensor:
        losses = F.cross_entropy(
            output.logits, supervision.targets, reduction="none", label_smoothing=self.smoothing
        )  # (B,)
        return batch_mean(losses, supervision.weights)


def read_feature(feature: str | Callable[..., Any], output: Output) -> Tensor:
    """Return the text's vector ``(B, d)``."""
    if feature == "logits":
        return output.logits
    read: Tensor = output.features if isinstance(feature, str) else feature(output)
    return read


def feature_width(feature: str | Callable[..., Any], num_classes: int, num_features: int) -> int:
    """Return d, asking a function for the vectors of two texts."""
    if isinstance(feature, nn.Module):
        raise InputError("lcm: feature must be a function without parameters; put a module into the network instead")
    try:
        found = read_feature(feature, Output(torch.zeros(2, num_classes), torch.zeros(2, num_features)))
        shape = tuple(found.shape)
    except (AttributeError, IndexError, RuntimeError, TypeError) as error:
        raise InputError(f"lcm: feature must be a function of an Output, it failed: {error}") from error
    if len(shape) != 2 or shape[0] != 2:
        raise InputError(f"lcm: feature must return (B, d), one vector a text; for two texts it returned {shape}")
    return shape[1]


def until(plan: Plan, alpha: float, options: Mapping[str, Any]) -> Criterion:
    """Return LCM, followed by another loss with the given targets from the stop on, if there is one."""
    weight = None
    if options["mixing"] == "mix":
        own = options["mix_weight"]
        answers = 2 if plan.multilabel else plan.num_classes
        weight = lcm.equivalent_smoothing(alpha, answers) if own is None else float(own)
    from sfumato.methods.label_confusion_sets import LabelConfusionSets, SmoothedSigmoid

    learning = (LabelConfusionSets if plan.multilabel else LabelConfusion)(
        plan.num_classes,
        plan.num_features,
        alpha=alpha,
        mix_weight=weight,
        record_every=max(plan.steps_per_epoch, SHORTEST_WINDOW),
        seed=plan.seed,
        **{name: options[name] for name in ("embedding_size", "label_encoder", "init", "feature", "grad")},
    )
    stop, stop_step = options["stop"], options["stop_step"]
    if stop is None and stop_step is None:
        return learning
    plain, smoothed = (
        (SigmoidCrossEntropy, SmoothedSigmoid) if plan.multilabel else (SoftCrossEntropy, SmoothedCrossEntropy)
    )
    then = plain() if options["after"] == "ce" else smoothed(AFTER_SMOOTHING)
    return Switch(learning, then, at_step=round(stop * plan.steps_per_epoch) if stop_step is None else int(stop_step))
