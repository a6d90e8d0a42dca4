"""The metrics that a table can be about: which are shares, shown in percent, and of which less is better."""

from __future__ import annotations

from sfumato.controls import CONTROLS
from sfumato.copy_controls import COPY_CONTROLS
from sfumato.mask_controls import MASK_CONTROLS
from sfumato.measured_test import METRICS as ONE_LABEL
from sfumato.measured_test import MULTILABEL_METRICS as SEVERAL_LABELS
from sfumato.measured_test import OF_VOTES

OF_GROUPS = "errors_in_group"
MAIN = "main"  # accuracy, and micro-F1 of sets with several labels a row
RECALLS = ("recall@1", "recall@10", "recall@50", "recall@100")
OF_RANKS = (*RECALLS, "mrr@10", "ndcg@10")
RETRIEVAL = (*OF_RANKS, *(f"fused_{name}" for name in OF_RANKS))  # alone, and fused with BM25
OF_AUDIT = ("average_precision", "precision@100")  # of the rows with a wrong label, see `sfumato.auditing.scores`
METRICS = tuple(dict.fromkeys([*ONE_LABEL, *SEVERAL_LABELS, *OF_VOTES, OF_GROUPS, MAIN, *RETRIEVAL, *OF_AUDIT]))
OF_ROWS = ("accuracy", "micro_f1", MAIN, *RECALLS, "mrr@10")  # the mean of a score a row, see `read_row_scores`
SMALLER_IS_BETTER = ("log_loss", "brier", "ece", *OF_VOTES, OF_GROUPS)
PERCENT = tuple(name for name in METRICS if name not in ("log_loss", "brier", "ece", *OF_VOTES))
EVERY_CONTROL = (*CONTROLS, *MASK_CONTROLS, *COPY_CONTROLS)


def said_metric(metric: str) -> str:
    """Return a metric as people write it: "micro-F1"."""
    special = {OF_GROUPS: "share of errors inside the group", MAIN: "accuracy or micro-F1"}
    special |= {"average_precision": "average precision of the rows with a wrong label"}
    return special.get(metric, metric.replace("_", "-").replace("-f1", "-F1"))


def larger_is_better(metric: str) -> bool:
    """Whether more of a metric is better."""
    return metric not in SMALLER_IS_BETTER
