"""The claims name what the tables have, and docs/claims.md is what the results say."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from table_contents import content, gain, row

from sfumato.reproduction.claims import NOT_RUN, WORDS, Claim, claims_page, read_claims, verdict
from sfumato.reproduction.contents import named, read_contents
from sfumato.reproduction.curve_verdicts import REDUCE
from sfumato.reproduction.mean_verdicts import QUANTITIES
from sfumato.reproduction.rules import RULES, SIDES, rule_tables
from sfumato.reproduction.table_file import read_table_file, table_names
from sfumato.reproduction.verdicts import NEEDS, NOT_SUPPORTED, NOT_TESTABLE, SUPPORTED

ROOT = Path(__file__).parents[2]
PAPERS, CLAIMS = read_claims()
RULED = [claim for claim in CLAIMS if claim.rule is not None]
CONTROLS = ("uniform", "class-mean", "shuffled", "random-groups", "random-mask", "plain-copies")
STALE = "results/ has changed: run `python benchmarks/table_pages.py` and commit what it writes"


def test_the_page_of_claims_is_what_the_results_say() -> None:
    page = claims_page(read_contents(ROOT / "results"))
    assert (ROOT / "docs" / "claims.md").read_text(encoding="utf-8") == page, STALE


def test_claims_are_numbered_in_order_and_belong_to_one_of_five_papers() -> None:
    assert len(PAPERS) == 5
    counts: Counter[str] = Counter()
    for claim in CLAIMS:
        paper, _, number = claim.id.rpartition("-")
        counts[paper] += 1
        assert claim.paper in PAPERS
        assert int(number) == counts[paper], claim.id
        assert claim.place
        assert claim.claim
    assert len(counts) == 5


def test_every_claim_has_a_rule_or_says_why_it_has_none() -> None:
    for claim in CLAIMS:
        assert sum(map(bool, (claim.rule, claim.waits, claim.why))) == 1, claim.id


def test_no_claim_waits_for_a_table_that_is_here() -> None:
    here = [claim.id for claim in CLAIMS if claim.waits in table_names()]
    assert not here, f"give {', '.join(here)} a rule: the table that they wait for has come"


def parts(claim: Claim) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each table that the rules of a claim name with the part of the rule that is about it."""
    for rule in filter(None, (claim.rule, claim.own)):
        yield from rule_parts(rule)


def rule_parts(rule: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for table in named(rule.get("table", ())):
        yield table, rule
    for side in SIDES:
        for key in ("table", "from"):
            if key in rule.get(side, {}):
                yield rule[side][key], rule[side]


@pytest.mark.parametrize("claim", RULED, ids=lambda claim: claim.id)
def test_a_rule_names_only_what_its_tables_have(claim: Claim) -> None:
    assert claim.rule is not None
    assert claim.rule["kind"] in RULES
    assert claim.rule.get("need", NEEDS[0]) in NEEDS
    assert claim.rule.get("quantity", "gain") in QUANTITIES
    assert claim.rule.get("at", "last") in REDUCE
    assert claim.rule.get("want", "more") in ("more", "less")
    assert claim.rule.get("each", "model") == "model"
    for name, part in parts(claim):
        table = read_table_file(name)
        assert set(named(part.get("method", ()))) <= set(table.methods)
        assert set(named(part.get("against", ()))) <= {*table.methods, *CONTROLS}
        assert set(named(part.get("settings", ()))) <= set(table.settings)
        for key, titles in (*part.get("where", {}).items(), *part.get("cell", {}).items()):
            known = {"data": table.data, "setting": table.settings, "model": table.models}[key]
            assert set(named(titles)) <= set(known)


def test_a_curve_asks_for_what_the_runs_keep() -> None:
    kept = {key for found in read_contents(ROOT / "results") for run in found["curves"] for key in run["history"][0]}
    for claim in RULED:
        if claim.rule is not None and claim.rule["kind"] == "curve":
            assert "curves" in read_table_file(claim.rule["table"]).measures
            assert claim.rule["measure"] in kept


RULE = {"kind": "better", "table": "table", "method": "soft", "against": "hard", "need": "all positive"}
CLAIM = Claim("X-1", "kwls", "Table 0", "Soft is better.", RULE)


def tables(value: float, **given: Any) -> dict[str, Any]:
    return {"table": content([row("hard", 0.8)], [gain("soft", value, 0.001)], **given)}


def test_a_claim_is_supported_or_not_by_its_results() -> None:
    assert verdict(CLAIM, tables(0.02)).word == SUPPORTED
    assert verdict(CLAIM, tables(-0.02)).word == NOT_SUPPORTED


def test_without_results_it_is_not_run_yet_and_with_them_it_is_one_of_three() -> None:
    assert verdict(CLAIM, {}).word == NOT_RUN
    assert verdict(CLAIM, tables(0.02)).word in WORDS[:3]


def test_what_waits_or_cannot_be_measured_is_not_testable_and_says_why() -> None:
    waits = verdict(Claim("X-2", "kwls", "Table 0", "More.", waits="kwls-table-3"), {})
    assert (waits.word, waits.said) == (NOT_TESTABLE, "Not yet: kwls-table-3 is not run.")
    never = verdict(Claim("X-3", "kwls", "Table 0", "More.", why="nothing measures it"), {})
    assert (never.word, never.said) == (NOT_TESTABLE, "Nothing measures it.")


def test_a_model_that_the_scale_cuts_is_named_and_its_cells_are_not_testable() -> None:
    cut = tables(0.02, cut={"models": ["BERT"]})
    assert verdict(CLAIM, cut).said.endswith("Without BERT (cut from table at scale small).")
    alone = Claim("X-4", "kwls", "Table 0", "BERT too.", {**RULE, "where": {"model": "BERT"}})
    assert verdict(alone, cut).word == NOT_TESTABLE
    other = Claim("X-5", "kwls", "Table 0", "CNN.", {**RULE, "where": {"model": "CNN"}})
    assert "BERT" not in verdict(other, cut).said


def test_a_setting_that_the_scale_cuts_is_named() -> None:
    cut = tables(0.02, cut={"settings": ["200 a class", "500 a class"]})
    assert verdict(CLAIM, cut).said.endswith("Without 200 a class, 500 a class (cut from table at scale small).")
    one = Claim("X-4", "kwls", "Table 0", "Few.", {**RULE, "where": {"setting": ["50 a class", "200 a class"]}})
    assert "500 a class" not in verdict(one, cut).said


def test_a_table_that_is_half_done_says_so() -> None:
    half = tables(0.02, done=5)
    assert verdict(CLAIM, half).said.endswith("So far 5 of 8 runs of table are done.")
    later = Claim("X-6", "kwls", "Table 0", "On IMDb.", {**RULE, "where": {"data": "IMDb"}})
    assert verdict(later, half).word == NOT_RUN
    assert verdict(later, tables(0.02)).word == NOT_TESTABLE


def test_a_full_scale_goes_before_the_small_one_once_it_is_done() -> None:
    name = {"name": "kwls-figure-2", "baseline": "hard label"}
    small = content([row("hard label", 0.8)], [], **name)
    full = content([row("hard label", 0.9)], [], scale="full", **name)
    after, before = claims_page([small, full]), claims_page([small, {**full, "done": 5}])
    assert "Rests on [kwls-figure-2-full](tables/kwls-figure-2-full.md): AG News, CNN 90.00." in after
    assert "AG News, CNN 80.00" not in after
    assert "Rests on [kwls-figure-2](tables/kwls-figure-2.md): AG News, CNN 80.00." in before
    assert "AG News, CNN 90.00" not in before


def test_every_rule_looks_at_a_table() -> None:
    assert all(rule_tables(claim.rule) for claim in RULED if claim.rule is not None)


def test_what_we_ask_for_beyond_the_paper_is_judged_beside_its_own_comparison() -> None:
    asked = {**RULE, "against": "uniform", "need": "all significant"}
    claim = Claim("X-7", "kwls", "Table 0", "It is what soft knows.", asked, asks="a gain over uniform", own=RULE)
    over = [gain("soft", 0.02, 0.001), gain("soft", 0.01, 0.9, against="uniform")]
    found = verdict(claim, {"table": content([row("hard", 0.8)], over)})
    assert found.word == NOT_SUPPORTED
    assert found.said.startswith("By the paper's own comparison *supported*: 1 of 1 cells above zero")
    assert "We ask for a gain over uniform: *not supported*: 1 of 1 cells above zero, 0 clearly better" in found.said
    assert found.cells == ("AG News, CNN, soft +1.00",)
    beyond = [over[0], gain("soft", 0.01, 0.001, against="uniform")]
    assert verdict(claim, {"table": content([row("hard", 0.8)], beyond)}).word == SUPPORTED


def test_a_gain_over_a_control_alone_supports_nothing() -> None:
    asked = {**RULE, "against": "uniform"}
    claim = Claim("X-7", "kwls", "Table 0", "It is what soft knows.", asked, asks="a gain over uniform", own=RULE)
    over = [gain("soft", -0.02, 0.001), gain("soft", 0.01, 0.001, against="uniform")]
    found = verdict(claim, {"table": content([row("hard", 0.8)], over)})
    assert found.word == NOT_SUPPORTED
    assert "We ask for a gain over uniform: *supported*" in found.said


def test_what_we_ask_for_and_the_papers_own_comparison_look_at_the_same_tables() -> None:
    for claim in CLAIMS:
        assert (claim.own is None) == (not claim.asks), claim.id
        if claim.own is not None and claim.rule is not None:
            assert rule_tables(claim.own) == rule_tables(claim.rule)
