"""What happens during training is compared at the same looks, and label vectors by their groups."""

from typing import Any

import numpy as np
import pytest
from table_contents import content, curve, row

from sfumato.reproduction.rules import judge
from sfumato.reproduction.verdicts import NOT_SUPPORTED, NOT_TESTABLE, SUPPORTED

LOOKS = {"hard": [0.5, 0.6, 0.6, 0.6, 0.7, 0.7, 0.7, 0.8], "soft": [0.7, 0.7, 0.8, 0.8, 0.9, 0.9, 0.9, 0.6]}


@pytest.mark.parametrize(
    ("at", "want", "value", "word"),
    [
        ("first", "more", "+0.20", SUPPORTED),
        ("early", "more", "+0.15", SUPPORTED),  # the first quarter: .7 against .55
        ("last", "more", "-0.20", NOT_SUPPORTED),
        ("last", "less", "+0.20", SUPPORTED),
        ("best", "more", "+0.10", SUPPORTED),
        ("drop", "more", "+0.30", SUPPORTED),  # soft falls from .9 to .6, hard not at all
        ("drop", "less", "-0.30", NOT_SUPPORTED),
        ("rise", "less", "+0.30", SUPPORTED),  # from the lowest: hard .3, soft nothing
        ("epochs", "less", "+5.00", SUPPORTED),  # .76, .95 of the best of hard: its eighth look, the third of soft
        ("epochs", "more", "-5.00", NOT_SUPPORTED),
    ],
)
def test_curves_are_compared_in_each_repeat(at: str, want: str, value: str, word: str) -> None:
    found = content(
        [row("hard", 0.8), row("soft", 0.8)],
        [],
        curves=[
            curve(method, repeat, dev_accuracy=[look + 0.001 * repeat * (method == "soft") for look in looks])
            for method, looks in LOOKS.items()
            for repeat in range(4)
        ],
    )
    asked = {"kind": "curve", "table": "table", "measure": "dev_accuracy", "at": at, "want": want}
    asked |= {"method": "soft", "against": "hard", "need": "all significant"}
    judged = judge(asked, {"table": found})
    assert judged.word == word
    assert f"soft {value}" in judged.cells[0]
    assert judge({**asked, "where": {"model": "BERT"}}, {"table": found}).word == NOT_TESTABLE


def test_a_method_that_never_gets_there_needs_more_epochs_than_there_are() -> None:
    looks = {"hard": [0.5, 0.8], "soft": [0.1, 0.1]}
    runs = [curve(method, repeat, dev_accuracy=values) for method, values in looks.items() for repeat in range(3)]
    asked = {"kind": "curve", "table": "table", "measure": "dev_accuracy", "at": "epochs", "want": "more"}
    asked |= {"method": "soft", "against": "hard", "need": "all significant"}
    found = judge(asked, {"table": content([row("hard", 0.8)], [], curves=runs)})
    assert found.cells == ("AG News, CNN, soft +1.00\\*",)  # 3 of 2, against 2


def label_map(within: float) -> dict[str, Any]:
    """Vectors of three groups of four labels: ``within`` is how far they lie in the direction of their group."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(12, 40)) + within * np.repeat(rng.normal(size=(3, 40)), 4, axis=0)
    classes = [f"{group}.{k}" for group in ("comp", "rec", "sci") for k in range(4)]
    return {"place": "20NG", "model": "LSTM", "method": "LCM", "vectors": vectors.tolist(), "classes": classes}


@pytest.mark.parametrize(("within", "word"), [(2.0, SUPPORTED), (0.0, NOT_SUPPORTED)])
def test_labels_of_a_group_are_alike_or_not(within: float, word: str) -> None:
    asked = {"kind": "within-groups", "table": "table"}
    assert judge(asked, {"table": content([], [], label_embeddings=[label_map(within)])}).word == word


def test_vectors_without_names_or_none_at_all_are_not_testable() -> None:
    asked = {"kind": "within-groups", "table": "table"}
    nameless = {key: value for key, value in label_map(2.0).items() if key != "classes"}
    assert judge(asked, {"table": content([], [], label_embeddings=[nameless])}).word == NOT_TESTABLE
    assert judge(asked, {"table": content([], [])}).word == NOT_TESTABLE


def stopped(at: str, want: str, **looks: list[float]) -> Any:
    """Judge soft against hard by four repeats of a curve each, which may be stopped at different looks."""
    runs = [
        curve(method, repeat, dev_accuracy=[look + 0.001 * repeat * (method == "soft") for look in values])
        for method, values in looks.items()
        for repeat in range(4)
    ]
    asked = {"kind": "curve", "table": "table", "measure": "dev_accuracy", "at": at, "want": want}
    asked |= {"method": "soft", "against": "hard", "need": "all significant"}
    return judge(asked, {"table": content([row("soft", 0.8)], [], curves=runs)})


def test_a_curve_that_stops_early_is_not_called_faster_than_one_that_gets_there_later() -> None:
    """Soft stops at its second look and never reaches .76; hard does at its fifth of six: 7 against 5."""
    found = stopped("epochs", "less", soft=[0.5, 0.4], hard=[0.5, 0.6, 0.6, 0.7, 0.8, 0.8])
    assert found.word == NOT_SUPPORTED
    assert "soft -2.00" in found.cells[0]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("last", "+0.20"),  # the second look: .7 against .5, though hard ends at .9
        ("rise", "+0.10"),
        ("drop", "-0.10"),
        ("early", "+0.20"),  # the first look of two: .6 against .4
    ],
)
def test_curves_of_different_lengths_are_compared_at_the_looks_that_both_have(at: str, value: str) -> None:
    soft, hard = ([0.6, 0.7], [0.4, 0.5]) if at in ("last", "early") else ([0.6, 0.7], [0.5, 0.5])
    soft, hard = ([0.7, 0.7], [0.7, 0.6]) if at == "drop" else (soft, hard)
    found = stopped(at, "more", soft=soft, hard=[*hard, *[0.9, 0.1, 0.2, 0.3, 0.5, 0.9]])
    assert f"soft {value}" in found.cells[0]


def test_over_random_splits_the_test_of_curves_knows_of_shared_rows() -> None:
    """Differences .01 to .04: t = .025 / sqrt(.0001667 (1/4 + 1)) = 1.73, p = .182; as seeds t = 3.87, p = .030."""
    runs = [
        curve(method, repeat, dev_accuracy=[0.5 + (0.01 * (repeat + 1) if method == "soft" else 0)])
        for method in ("soft", "hard")
        for repeat in range(4)
    ]
    asked = {"kind": "curve", "table": "table", "measure": "dev_accuracy", "at": "last", "want": "more"}
    asked |= {"method": "soft", "against": "hard", "need": "all significant"}
    rows = [row("soft", 0.8, n_train=50, n_dev=50)]
    for kind, word in (("seeds", SUPPORTED), ("splits", NOT_SUPPORTED)):
        found = content(rows, [], curves=runs, repeats={"kind": kind, "number": 4})
        assert judge(asked, {"table": found}).word == word
