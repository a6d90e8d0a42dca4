"""Each rule gives each verdict on contents made by hand, with the counts that it rests on."""

from pathlib import Path
from typing import Any

import pytest
from scipy import stats
from table_contents import content, gain, row

from sfumato.reproduction.contents import NO_ERROR, apart, gains, read_contents
from sfumato.reproduction.rules import RULES, judge, rule_tables
from sfumato.reproduction.verdicts import NEEDS, NOT_SUPPORTED, NOT_TESTABLE, SUPPORTED
from sfumato.significance import Error

BETTER = {"kind": "better", "table": "table", "method": "soft", "against": "hard"}


def two_cells(first: float, second: float, p: float = 0.001) -> dict[str, Any]:
    """A method against hard labels on two sets; the second gain is never clear."""
    found = [gain("soft", first, p), gain("soft", second, 0.9, data="IMDb")]
    return {"table": content([row("hard", 0.8), row("hard", 0.8, data="IMDb")], found)}


@pytest.mark.parametrize(
    ("need", "first", "second", "p", "word"),
    [
        ("all positive", 0.02, 0.001, 0.001, SUPPORTED),
        ("all positive", 0.02, -0.001, 0.001, NOT_SUPPORTED),
        ("all positive", 0.02, 0.001, 0.9, NOT_SUPPORTED),  # above zero, but none by more than chance
        ("most positive", 0.02, 0.001, 0.001, SUPPORTED),
        ("most positive", 0.02, -0.001, 0.001, NOT_SUPPORTED),  # one of two is no majority
        ("most significant", 0.02, 0.001, 0.001, NOT_SUPPORTED),
        ("all significant", 0.02, 0.001, 0.001, NOT_SUPPORTED),
        ("any significant", 0.02, -0.001, 0.001, SUPPORTED),
        ("any significant", -0.02, 0.001, 0.001, NOT_SUPPORTED),  # clearly worse is not clearly better
        ("none significant", 0.02, 0.001, 0.9, NOT_TESTABLE),  # nor does the interval leave out a gain
        ("none significant", 0.02, 0.001, 0.001, NOT_SUPPORTED),
    ],
)
def test_better_counts_the_cells_that_a_claim_needs(
    need: str, first: float, second: float, p: float, word: str
) -> None:
    found = judge({**BETTER, "need": need}, two_cells(first, second, p))
    assert found.word == word
    assert len(found.cells) == 2


@pytest.mark.parametrize("need", ["all significant", "most significant"])
def test_cells_that_are_all_clearly_better_support_what_asks_for_it(need: str) -> None:
    found = content([row("hard", 0.8)], [gain("soft", 0.02, 0.001)])
    assert judge({**BETTER, "need": need}, {"table": found}).word == SUPPORTED


def test_a_verdict_says_its_counts_and_what_the_paper_prints() -> None:
    rows = [row("hard", 0.8, published=90.0), row("soft", 0.82, published=90.5)]
    found = judge({**BETTER, "need": "all positive"}, {"table": content(rows, [gain("soft", 0.02, 0.001)])})
    assert "1 of 1 cells above zero, 1 clearly better, 0 clearly worse; mean +2.00 points" in found.said
    assert "the paper prints +0.50 on average of 1, 1 with the same sign as ours" in found.said
    assert found.cells == ("AG News, CNN, soft +2.00\\*",)


def test_the_papers_own_test_is_counted_beside_ours() -> None:
    found = content([row("hard", 0.8)], [gain("soft", 0.02, 0.2) | {"own_p": 0.03}], own_test="paired-t")
    said = judge({**BETTER, "need": "all positive"}, {"table": found}).said
    assert "0 clearly better" in said
    assert "by the paper's own, uncorrected test 1 of 1 better" in said


def test_cells_that_are_not_there_are_not_testable() -> None:
    asked = {**BETTER, "need": "all positive", "where": {"model": "BERT"}}
    assert judge(asked, two_cells(0.1, 0.1)).word == NOT_TESTABLE
    assert judge({**asked, "where": {"model": "CNN"}}, two_cells(0.1, 0.1)).word == SUPPORTED


def test_less_is_better_for_a_loss() -> None:
    found = content([row("hard", 0.8)], [gain("soft", -0.02, 0.001)], metric="log_loss")
    assert judge({**BETTER, "need": "all positive"}, {"table": found}).word == SUPPORTED


def test_a_control_is_compared_as_the_table_does() -> None:
    tested = [gain("soft", 0.03, 0.001), gain("soft", -0.01, 0.9, against="uniform")]
    found = content([row("hard", 0.8)], tested)
    over = gains(found, "soft", "uniform")
    assert [(one.value, one.p, one.published) for one in over] == [(-1.0, 0.9, None)]


@pytest.mark.parametrize(("other", "word"), [(0.01, SUPPORTED), (0.05, NOT_SUPPORTED), (0.06, NOT_SUPPORTED)])
def test_a_gain_over_another_method_is_tested_as_the_difference_of_two_gains(other: float, word: str) -> None:
    found = content([row("hard", 0.8)], [gain("soft", 0.06, 0.001), gain("softer", other, 0.001)])
    asked = {**BETTER, "against": "softer", "need": "all positive"}
    assert judge(asked, {"table": found}).word == word


def test_its_p_is_that_of_the_normal_distribution_after_holm() -> None:
    """The errors are a point each: z = (6 - 3) / sqrt 2 = 2.12, p = .0339, twice that for the smaller of two."""
    tested = [gain("soft", 0.06, 0.001), gain("softer", 0.03, 0.001)]
    tested += [gain("soft", 0.06, 0.001, data="IMDb"), gain("softer", 0.05, 0.001, data="IMDb")]
    asked = {**BETTER, "against": "softer", "need": "any significant"}
    one = {"table": content([row("hard", 0.8)], tested[:2])}
    both = {"table": content([row("hard", 0.8)], tested)}
    assert judge(asked, one).word == SUPPORTED
    assert judge(asked, both).word == NOT_SUPPORTED  # .0678


def test_larger_needs_a_difference_beyond_its_errors() -> None:
    asked = {
        "kind": "larger",
        "first": {"table": "table", "method": "soft", "where": {"data": "AG News"}},
        "second": {"table": "table", "method": "soft", "where": {"data": "IMDb"}},
    }
    assert judge(asked, two_cells(0.05, 0.01)).word == SUPPORTED  # 4 points, error sqrt 2
    assert judge(asked, two_cells(0.05, 0.03)).word == NOT_SUPPORTED  # 2 points
    assert judge(asked, two_cells(0.01, 0.05)).word == NOT_SUPPORTED
    assert "difference +4.00 ± 1.41 points" in judge(asked, two_cells(0.05, 0.01)).said


def test_cells_of_one_set_do_not_shrink_the_error() -> None:
    def side(data: tuple[str, str]) -> str:
        tested = [gain("soft", 0.05, 0.1, data=data[0]), gain("soft", 0.05, 0.1, data=data[1], model="LSTM")]
        side = {"table": "table", "method": "soft"}
        return judge({"kind": "larger", "first": side, "second": side}, {"table": content([], tested)}).said

    assert "5.00 ± 1.00 (2 cells)" in side(("AG News", "AG News"))
    assert "5.00 ± 0.71 (2 cells)" in side(("AG News", "IMDb"))


def test_two_tables_are_compared_where_both_have_the_set_and_the_model() -> None:
    one = content([], [gain("soft", 0.01, 0.1), gain("soft", 0.30, 0.1, data="IMDb")])
    rare = content([], [gain("soft", 0.06, 0.1), gain("soft", -0.30, 0.1, data="Yelp")], name="rare")
    sides = {"first": {"table": "rare", "method": "soft"}, "second": {"table": "table", "method": "soft"}}
    found = judge({"kind": "larger", **sides}, {"table": one, "rare": rare})
    assert found.word == SUPPORTED
    assert "6.00 ± 1.00 (1 cell) against 1.00 ± 1.00 (1 cell)" in found.said


def test_two_tables_of_two_tasks_are_compared_by_the_models_of_both() -> None:
    one = content([], [gain("soft", 0.01, 0.1), gain("soft", 0.30, 0.1, model="LSTM")])
    other = content([], [gain("soft", 0.06, 0.1, data="Yelp")], name="rare")
    sides = {"first": {"table": "rare", "method": "soft"}, "second": {"table": "table", "method": "soft"}}
    found = judge({"kind": "larger", "match": "model", **sides}, {"table": one, "rare": other})
    assert "6.00 ± 1.00 (1 cell) against 1.00 ± 1.00 (1 cell)" in found.said
    assert judge({"kind": "larger", **sides}, {"table": one, "rare": other}).word == NOT_TESTABLE


def test_cells_name_what_they_are_compared_with_where_that_differs() -> None:
    found = content([row("hard", 0.8)], [gain("soft", 0.03, 0.1), gain("soft", 0.01, 0.9, against="uniform")])
    asked = {**BETTER, "against": ["hard", "uniform"], "need": "all positive"}
    cells = judge(asked, {"table": found}).cells
    assert cells == ("AG News, CNN, soft +3.00 over hard", "AG News, CNN, soft +1.00 over uniform")


def test_levels_and_falls_between_tables_are_compared_too() -> None:
    whole = content([row("hard", 0.90, published=92.0), row("hard", 0.90, data="IMDb", published=91.0)], [])
    rare = content([row("hard", 0.85, published=80.0), row("hard", 0.60, data="IMDb", published=50.0)], [], name="rare")
    tables = {"table": whole, "rare": rare}
    level = {"kind": "larger", "quantity": "mean"}
    sides = {"first": {"table": "table", "method": "hard"}, "second": {"table": "rare", "method": "hard"}}
    assert judge({**level, **sides}, tables).word == SUPPORTED
    assert judge({**level, "first": sides["second"], "second": sides["first"]}, tables).word == NOT_SUPPORTED
    fall = {"table": "rare", "from": "table", "method": "hard"}
    one, other = ({**fall, "where": {"data": data}} for data in ("IMDb", "AG News"))
    found = judge({"kind": "larger", "quantity": "fall", "first": one, "second": other}, tables)
    assert found.word == SUPPORTED
    assert "mean fall 30.00" in found.said
    assert "against 5.00" in found.said
    assert "the paper's is +29.00" in found.said
    assert rule_tables({"kind": "larger", "first": one, "second": other}) == ("rare", "table")


@pytest.mark.parametrize(
    ("path", "word"),
    [((0.01, 0.03, 0.06), SUPPORTED), ((0.01, 0.015, 0.02), NOT_SUPPORTED), ((0.06, 0.03, 0.01), NOT_SUPPORTED)],
)
def test_grows_follows_the_settings_in_order(path: tuple[float, ...], word: str) -> None:
    tested = [gain("soft", value, 0.1, setting=name) for name, value in zip("abc", path, strict=True)]
    asked = {"kind": "grows", "table": "table", "method": "soft", "settings": ["a", "b", "c"]}
    assert judge(asked, {"table": content([], tested)}).word == word
    assert judge({**asked, "settings": ["a", "b", "d"]}, {"table": content([], tested)}).word == NOT_TESTABLE


@pytest.mark.parametrize(("sd", "word"), [(0.005, SUPPORTED), (0.02, NOT_SUPPORTED)])
def test_steadier_counts_smaller_deviations(sd: float, word: str) -> None:
    rows = [row("hard", 0.8, data=f"set {k}", sd=0.01) for k in range(5)]
    rows += [row("soft", 0.8, data=f"set {k}", sd=sd) for k in range(5)]
    asked = {"kind": "steadier", "table": "table", "method": "soft", "against": "hard"}
    assert judge(asked, {"table": content(rows, [])}).word == word  # five of five: p = 1 / 32
    assert judge(asked, {"table": content([one for one in rows if one["data"] != "set 4"], [])}).word == NOT_SUPPORTED


@pytest.mark.parametrize(("mean", "word"), [(0.5, SUPPORTED), (0.7, NOT_SUPPORTED)])
def test_level_holds_every_mean_to_a_bound(mean: float, word: str) -> None:
    rows = [row("hard", 0.5), row("hard", mean, data="IMDb")]
    asked = {"kind": "level", "table": "table", "method": "hard", "at_most": 52}
    assert judge(asked, {"table": content(rows, [])}).word == word
    above = {"kind": "level", "table": "table", "method": "hard", "at_least": 60}
    assert judge(above, {"table": content(rows, [])}).word == NOT_SUPPORTED


def nothing_gained(value: float, printed: float, p: float = 0.9) -> dict[str, Any]:
    """A cell with an interval of 1.96 points about its gain; the paper prints the gain of another set."""
    rows = [row("hard", 0.8, data="IMDb", published=80.0), row("soft", 0.8, data="IMDb", published=80.0 + printed)]
    return {"table": content(rows, [gain("soft", value, p), gain("soft", 0.1, 0.001, data="IMDb")])}


@pytest.mark.parametrize(
    ("value", "printed", "p", "word"),
    [
        (0.0, 3.0, 0.9, SUPPORTED),  # the interval ends at 1.96
        (0.0, 1.0, 0.9, NOT_TESTABLE),
        (0.02, 3.0, 0.2, NOT_TESTABLE),
        (0.02, 9.0, 0.001, NOT_SUPPORTED),
        (0.0, -1.0, 0.9, NOT_TESTABLE),
    ],
)
def test_to_gain_nothing_is_shown_only_where_the_papers_gain_is_left_out(
    value: float, printed: float, p: float, word: str
) -> None:
    asked = {**BETTER, "need": "none significant", "where": {"data": "AG News"}}
    found = judge(asked, nothing_gained(value, printed, p))
    assert found.word == word
    assert ("too few runs to tell" in found.said) == (word == NOT_TESTABLE)


def test_a_claim_about_each_model_is_judged_by_each() -> None:
    """Two of three cells are above zero, but none of the LSTM's, and BERT has none at all."""
    tested = [gain("soft", 0.05, 0.001), gain("soft", 0.05, 0.001, data="IMDb")]
    found = {"table": content([row("hard", 0.8)], [*tested, gain("soft", -0.01, 0.9, model="LSTM")])}
    asked = {**BETTER, "need": "most positive", "where": {"model": ["CNN", "LSTM", "BERT"]}}
    assert judge(asked, found).word == SUPPORTED
    each = judge({**asked, "each": "model"}, found)
    assert each.word == NOT_SUPPORTED
    assert "CNN: *supported*, 2 of 2 cells" in each.said
    assert "LSTM: *not supported*, 0 of 1 cells" in each.said
    assert "BERT: no results." in each.said
    assert judge({**asked, "each": "model"}, {"table": content([], tested)}).word == SUPPORTED
    assert judge({**asked, "each": "model"}, {"table": content([], [])}).word == NOT_TESTABLE


@pytest.mark.parametrize(("lstm", "word"), [(0.01, SUPPORTED), (0.07, NOT_SUPPORTED)])
def test_the_largest_gain_is_compared_with_every_other_cell(lstm: float, word: str) -> None:
    """Against the mean of the others, 4 points, 6 would be large; with 7 in another model it is not the largest."""
    tested = [gain("soft", 0.06, 0.001), gain("soft", 0.01, 0.1, data="IMDb"), gain("soft", lstm, 0.1, model="LSTM")]
    cell = {"data": "AG News", "model": "CNN"}
    asked = {"kind": "largest", "table": "table", "method": "soft", "cell": cell}
    found = judge(asked, {"table": content([], tested)})
    assert found.word == word
    assert "of 2 cells above zero" in found.said
    assert judge({**asked, "cell": {**cell, "model": "BERT"}}, {"table": content([], tested)}).word == NOT_TESTABLE


def test_a_difference_without_an_interval_is_no_gain_yet() -> None:
    found = content([row("hard", 0.8)], [gain("soft", 0.02, 1.0) | {"low": None, "high": None}])
    assert gains(found, "soft", "hard") == []


def test_every_rule_and_need_is_tried_here() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*verdicts.py"))
    assert all(f'"{name}"' in source for name in (*RULES, *NEEDS))


def test_tables_without_a_number_are_not_read(tmp_path: Path) -> None:
    import json

    for name, mean in (("full", 0.8), ("empty", None)):
        (tmp_path / name).mkdir()
        found = content([row("hard", 0.0) | {"mean": mean}], [], name=name)
        (tmp_path / name / "table.json").write_text(json.dumps(found), encoding="utf-8")
    assert [found["name"] for found in read_contents(tmp_path)] == ["full"]


def few(method: str, value: float, se: float, degrees: int) -> dict[str, Any]:
    """A gain over so many repeats, all of whose luck lies between them."""
    error = {"se": se, "seed_share": 1.0, "seed_degrees": degrees, "row_degrees": 0}
    return {**gain(method, value, 0.5), "error": error}


def test_the_p_of_a_method_over_another_is_that_of_student_with_the_fewer_degrees() -> None:
    """.03 - .01 = .02, error sqrt(.003^2 + .004^2) = .005: t = 4, p = .028 with 3 degrees, .0001 by the normal."""
    tested = [few("soft", 0.03, 0.003, 3), few("flat", 0.01, 0.004, 9)]
    (found,) = gains(content([row("hard", 0.8), row("soft", 0.8)], tested), "soft", "flat")
    assert found.value == pytest.approx(2.0)
    assert found.error.se == pytest.approx(0.5)
    assert found.p == pytest.approx(2 * stats.t.sf(4, 3))
    assert found.half == pytest.approx(stats.t.ppf(0.975, 3) * 0.5)


def test_the_error_of_a_difference_keeps_the_parts_of_repeats_and_rows() -> None:
    one, other = Error(3.0, 0.5, 4, 100), Error(4.0, 0.25, 2, 50)
    both = apart(one, other)
    assert both == Error(5.0, pytest.approx((9 * 0.5 + 16 * 0.25) / 25), 2, 50)
    assert apart(one, NO_ERROR) == apart(NO_ERROR, one) == one


def test_a_largest_gain_of_few_repeats_is_tested_by_student_too() -> None:
    """The gains differ by two points with an error of sqrt(2) / 2: t = 2.83, p = .066 with 3 degrees, .005 else."""
    tested = [{**few("soft", 0.03, 0.005, 3), "place": "first"}, {**few("soft", 0.01, 0.005, 3), "place": "second"}]
    rule = {"kind": "largest", "table": "table", "method": "soft", "cell": {"place": "first"}}
    found = judge(rule, {"table": content([row("hard", 0.8)], tested)})
    assert found.word == NOT_SUPPORTED
    sure = [{**one, "error": {**one["error"], "seed_degrees": 1000}} for one in tested]
    assert judge(rule, {"table": content([row("hard", 0.8)], sure)}).word == SUPPORTED
