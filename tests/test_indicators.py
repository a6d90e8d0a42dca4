"""Arrays of zeros and ones, and of one column, where labels are asked for by name."""

import json

import numpy as np
import pytest

import sfumato
from sfumato.errors import InputError

TEXTS = [f"{word} please {row}" for row, word in enumerate(["invoice", "password", "parcel"] * 10)]
LABELS = np.array(["bill", "login", "ship"] * 10)
MATRIX = np.eye(3, dtype=int)[np.arange(30) % 3]
FRONTS = {
    "fit": lambda labels: sfumato.fit((TEXTS, labels), method="baseline", dev=0),
    "soften": lambda labels: sfumato.soften(TEXTS, labels, "label-smoothing"),
    "audit": lambda labels: sfumato.audit(TEXTS, labels),
}


@pytest.mark.parametrize("form", [lambda m: m, lambda m: m.tolist(), lambda m: m.astype(bool)])
@pytest.mark.parametrize("front", FRONTS)
def test_a_matrix_of_zeros_and_ones_names_no_labels(front, form):
    with pytest.raises(InputError, match="zeros and ones"):
        FRONTS[front](form(MATRIX))


@pytest.mark.parametrize("front", FRONTS)
def test_a_column_has_one_label_a_row(front):
    made = FRONTS[front](LABELS[:, None])
    assert tuple(made.classes) == ("bill", "login", "ship")
    assert not getattr(made, "multilabel", False)


@pytest.mark.parametrize("front", ["soften", "audit"])
@pytest.mark.parametrize("absent", [float("nan"), None, "", " "])
def test_a_list_with_an_absent_label_is_refused_with_its_row(front, absent):
    sets = [[label] for label in LABELS.tolist()]
    sets[4] = ["bill", absent]
    with pytest.raises(InputError, match="row 5"):
        FRONTS[front](sets)


def test_lists_of_zeros_and_ones_in_a_table_are_refused_with_a_row(tmp_path):
    path = tmp_path / "table.jsonl"
    path.write_text(
        "".join(json.dumps({"text": t, "label": m}) + "\n" for t, m in zip(TEXTS, MATRIX.tolist(), strict=True))
    )
    with pytest.raises(InputError, match=r"zeros and ones, as '\[1, 0, 0\]' in line 1"):
        sfumato.fit(str(path), text="text", label="label")
    path.write_text("".join(json.dumps({"text": t, "label": [k % 3]}) + "\n" for k, t in enumerate(TEXTS)))
    assert sfumato.fit(str(path), text="text", label="label", dev=0).classes == ("0", "1", "2")
