"""A method that joins a run that has begun without it: hard labels first, the method from an optimizer step on.

Figure 2 of the KWLS paper (COLING 2022) lets the soft labels in where a network has already learned from hard ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sfumato.errors import InputError
from sfumato.method import Method, Plan
from sfumato.registry import check_whole

if TYPE_CHECKING:
    from sfumato.base import Criterion


def joined(method: Method, at_step: int) -> Method:
    """Return ``method`` with cross-entropy of the given labels in its place until optimizer step ``at_step``.

    Only the loss joins late: what the method does to the rows before training (targets, weights, more rows) it does
    as always, and the first loss sees their labels and weights, not their targets. A teacher of the method is trained
    beforehand, and ``linear`` begins with the bias of the method's targets. With 0 nothing comes before; from the
    number of steps of the run on the method never joins. Its controls join as late as it does.

    Parameters
    ----------
    at_step : optimizer steps before the method; its first step is the one after so many

    Raises
    ------
    InputError
        if the method is cross-entropy with the given labels itself, so that there is nothing to join.
    """
    check_whole("joined", "at_step", at_step, 0)
    own, at_step = method.criterion, int(at_step)
    if own is None and not method.has_targets:
        raise InputError(f"{method.name} fits the given labels from the first step on: there is nothing to join later")

    def criterion(plan: Plan) -> Criterion:
        from sfumato.losses import HardCrossEntropy, Joining, SoftCrossEntropy

        then = SoftCrossEntropy() if own is None else own(plan)
        return Joining(HardCrossEntropy(), then, at_step=at_step)

    said = f"from step {at_step}"
    return replace(
        method,
        name=f"{method.name} {said}",
        title=f"{method} {said}",
        criterion=criterion,
        options={**method.options, "at_step": at_step},
    )
