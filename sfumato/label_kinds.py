"""What is defined for one label a row alone, and refused in words where rows may have several."""

from __future__ import annotations

from collections.abc import Sequence

from sfumato.balance import BALANCES
from sfumato.data import Examples
from sfumato.dev_choice import NOISE_AWARE
from sfumato.errors import InputError
from sfumato.registry import check_choice

KINDS = ("one label a row", "several labels a row, or none")


def refuse_one_label_only(
    train: Examples,
    dev: Examples | None,
    *,
    balance: str = "none",
    measures: Sequence[str] = (),
    choose: str = "auto",
) -> None:
    """Raise if two splits are of different kinds, or multi-label rows come with what needs one label a row."""
    refuse_other_kind(train, dev)
    if not train.multilabel:
        return
    check_choice("fit", "balance", balance, BALANCES)
    if balance != "none":
        raise InputError(
            f"balance={balance!r} gives each row the weight of its class, and these rows may have several labels or "
            "none; leave it out, and let thresholds='label' (--thresholds per-label) choose how readily each is given"
        )
    if train.votes is not None or (dev is not None and dev.votes is not None):
        raise InputError(
            "votes choose one class a row, and these rows may have several labels; give the share of the annotators "
            "who chose a label as soft_targets, each between 0 and 1"
        )
    if choose == NOISE_AWARE:
        raise InputError(
            "choose='noise-aware' lets a row's one label be wrong, and these rows may have several; use 'log-loss'"
        )
    if "curves" in measures:
        raise InputError(
            "the measure 'curves' asks for the class of a row, and these rows may have several; leave it out"
        )


def refuse_other_kind(train: Examples, other: Examples | None) -> None:
    """Raise if one split may have several labels a row, and the other has one."""
    if other is not None and train.multilabel != other.multilabel:
        raise InputError(
            f"training rows have {KINDS[train.multilabel]} and dev or test rows {KINDS[other.multilabel]}; read both "
            "in the same way (--task single or --task multilabel)"
        )
