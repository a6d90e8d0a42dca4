"""A method that joins a run that has begun without it: hard labels first, the method from an optimizer step on.

Figure 2 of the KWLS paper (COLING 2022) lets the soft labels in where a network has already learned from hard ones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sfumato.errors import InputError
from sfumato.method import Method, Plan
from sfumato.registry import check_range, check_whole

if TYPE_CHECKING:
    from sfumato.base import Criterion


def joined(method: Method, at_step: int | None = None, *, share: float | None = None) -> Method:
    """Return ``method`` with cross-entropy of the given labels in its place until optimizer step ``at_step``.

    Only the loss joins late: what the method does to the rows before training (targets, weights, more rows) it does
    as always, and the first loss sees their labels and weights, not their targets. A teacher of the method is trained
    beforehand, and ``linear`` begins with the bias of the method's targets. With 0 nothing comes before; from the
    number of steps of the run on the method never joins. Its controls join as late as it does.

    Parameters
    ----------
    at_step : optimizer steps before the method; its first step is the one after so many
    share : in place of ``at_step``, the part of all steps of the run that come before it

    Raises
    ------
    InputError
        if the method is cross-entropy with the given labels itself, so that there is nothing to join; if not one of
        at_step and share is given.
    """
    if (at_step is None) == (share is None):
        raise InputError(f"joined: give either at_step or share, got at_step={at_step!r} and share={share!r}")
    if at_step is not None:
        check_whole("joined", "at_step", at_step, 0)
    else:
        check_range("joined", "share", share, 0, 1)
    own = method.criterion
    if own is None and not method.has_targets:
        raise InputError(f"{method.name} fits the given labels from the first step on: there is nothing to join later")

    def criterion(plan: Plan) -> Criterion:
        from sfumato.losses import HardCrossEntropy, Joining, SoftCrossEntropy

        then = SoftCrossEntropy() if own is None else own(plan)
        first = round(plan.steps_per_epoch * plan.epochs * share) if share is not None else int(at_step or 0)
        return Joining(HardCrossEntropy(), then, at_step=first)

    said = f"from step {at_step}" if share is None else f"after {share:.0%} of the steps"
    return replace(
        method,
        name=f"{method.name} {said}",
        title=f"{method} {said}",
        criterion=criterion,
        options={**method.options, **({"at_step": at_step} if share is None else {"join_share": share})},
    )
