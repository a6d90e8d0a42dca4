import numpy as np
import polars as pl
import pytest

import sfumato
from sfumato.auditing.pairs import pair_error


def test_pair_error_counts_the_rows_that_the_other_label_explains_better() -> None:
    support = np.log(np.array([[0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]]))
    labels = np.array([0, 0, 1, 1, 1])
    assert pair_error(support, labels, 0, 1) == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert pair_error(support, labels, 1, 0) == pytest.approx((1 / 2 + 1 / 3) / 2)


def confusable(shared: float, rows: int = 120, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return texts of two labels whose words are the same with the chance ``shared``, and a third label."""
    rng = np.random.default_rng(seed)
    words = {"bank": "loan credit cash", "fund": "share bond stock", "cook": "salt oven butter"}
    texts, labels = [], []
    for row in range(rows):
        label = list(words)[row % 3]
        twin = {"bank": "fund", "fund": "bank"}.get(label, label)
        source = twin if rng.random() < shared else label
        texts.append(" ".join([*rng.choice(words[source].split(), 2), f"n{row}", *rng.choice(["the", "of", "my"], 2)]))
        labels.append(label)
    return texts, labels


def test_advice_grows_with_the_error_of_the_pair() -> None:
    apart = {shared: sfumato.audit(*confusable(shared)).pairs.row(0, named=True) for shared in (0.04, 0.2, 0.5)}
    assert [pair["advice"] for pair in apart.values()] == ["mask", "redefine", "merge"]
    for pair in apart.values():
        assert {pair["label"], pair["other"]} == {"bank", "fund"}
        assert pair["rows"] >= pair["back_rows"]
        assert pair["share"] == pytest.approx(pair["rows"] / 40)
        assert set(pair["words"].split(", ")) & {"loan", "credit", "cash", "share", "bond", "stock"}


def test_the_direction_says_which_label_loses_rows() -> None:
    texts, labels = confusable(0.0)
    moved = [row for row in range(120) if labels[row] == "bank"][:8]
    for row in moved:
        labels[row] = "fund"
    pair = sfumato.audit(texts, labels).pairs.row(0, named=True)
    assert (pair["label"], pair["other"], pair["direction"]) == ("fund", "bank", "one way")
    assert pair["rows"] == 8
    assert pair["back_rows"] == 0
    assert pair["back_words"] == ""
    for row in [row for row in range(120) if labels[row] == "bank"][:6]:
        labels[row] = "fund" if labels[row] == "bank" else "bank"
    swapped = [row for row in range(120) if texts[row].split()[0] in {"share", "bond", "stock"}][:10]
    for row in swapped:
        labels[row] = "bank"
    assert sfumato.audit(texts, labels).pairs.row(0, named=True)["direction"] == "both ways"


def test_labels_that_nothing_confuses_have_no_pair_and_still_all_columns() -> None:
    audit = sfumato.audit(*confusable(0.0))
    assert len(audit.pairs) == 0
    assert audit.pairs.schema["rows"] == pl.Int64
    assert audit.pairs.columns[:3] == ["label", "other", "rows"]
    assert not audit.rows["flagged"].any()
    assert "No label is likelier" in audit.page()
