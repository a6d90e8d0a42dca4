"""Means over few runs have the errors of few runs, and sets rather than cells vote."""

import re
from typing import Any

import pytest
from table_contents import content, row

from sfumato.reproduction.rules import judge
from sfumato.reproduction.verdicts import NOT_SUPPORTED, SUPPORTED


def error(kind: str, **given: Any) -> float:
    """Return the error that a verdict says for one mean of 50 %."""
    side = {"table": "table", "method": "hard"}
    found = content([row("hard", 0.5, **given)], [], repeats={"kind": kind, "number": given.get("n", 4)})
    said = judge({"kind": "larger", "quantity": "mean", "first": side, "second": side}, {"table": found}).said
    match = re.search("50.00 ± ([0-9.]+)", said)
    assert match
    return float(match[1])


def test_the_error_of_a_mean_of_four_runs_is_that_of_student() -> None:
    """sd 2 points / sqrt 4 = 1; Student's quantile with 3 degrees is 3.182 where 1.96 is the normal one."""
    assert error("seeds", sd=0.02, n_test=10**9) == pytest.approx(3.182 / 1.96, abs=0.006)


def test_the_same_test_rows_in_each_run_add_their_own_luck() -> None:
    """sqrt(.5 * .5 / 2500) is one point, with hardly more than the normal quantile for 2,500 rows."""
    assert error("seeds", sd=0.0, n_test=2500) == pytest.approx(1.0, abs=0.006)
    assert error("splits", sd=0.0, n_test=2500) == 0.0  # other rows in each split: their luck is in the deviation


def test_over_random_splits_the_error_knows_of_shared_rows() -> None:
    """1/4 + 50 / 100 is three times 1/4."""
    shared = error("splits", sd=0.02, n_train=80, n_dev=20, n_test=50)
    assert shared == pytest.approx(3**0.5 * 3.182 / 1.96, abs=0.006)


def test_a_set_has_one_vote_however_many_models_it_has() -> None:
    rows = [
        row(method, 0.8, data=f"set {k}", model=model, sd=sd)
        for k in range(2)
        for model in "abc"
        for method, sd in (("hard", 0.02), ("soft", 0.01))
    ]
    asked = {"kind": "steadier", "table": "table", "method": "soft", "against": "hard"}
    found = judge(asked, {"table": content(rows, [])})
    assert found.word == NOT_SUPPORTED  # two of two sets: p = 1 / 4, though six of six cells
    assert "on 2 of 2 sets (sign test, one-sided, p = 0.250), in 6 of 6 cells" in found.said
    even = [{**one, "sd": 0.03} if one["method"] == "soft" and one["model"] != "c" else one for one in rows[:6]]
    tied = [*rows[6:], *(one for one in even if one["model"] != "b")]  # set 0: one model for, one against
    said = judge(asked, {"table": content(tied, [])}).said
    assert "on 1 of 1 sets (sign test, one-sided, p = 0.500; 1 set has no vote, as many cells on either side)" in said
    more = [{**one, "data": f"{one['data']} {k}", "place": f"{one['place']} {k}"} for one in rows for k in range(3)]
    assert judge(asked, {"table": content(more, [])}).word == SUPPORTED
