"""Single labels are compared over repeats, those that were asked for and have test rows."""

import pytest
from table_contents import content, labels_of, row

from sfumato.reproduction.rules import judge
from sfumato.reproduction.verdicts import NOT_SUPPORTED, NOT_TESTABLE, SUPPORTED

RULE = {"kind": "labels", "table": "table", "method": "soft", "against": "hard", "need": "all positive"}
HARD = [[0.5, 0.2, 0.0], [0.6, 0.2, 0.0], [0.5, 0.3, 0.0]]
SOFT = [[0.7, 0.3, 1.0], [0.8, 0.3, 1.0], [0.7, 0.41, 1.0]]


def table(soft, measure="recall"):
    found = [labels_of("hard", **{measure: HARD}), labels_of("soft", **{measure: soft})]
    return {"table": content([row("hard", 0.5), row("soft", 0.5)], [], per_label=found)}


@pytest.mark.parametrize(("soft", "word"), [(SOFT, SUPPORTED), (HARD, NOT_SUPPORTED)])
def test_the_mean_over_the_labels_asked_for_decides(soft, word):
    asked = {**RULE, "measure": "recall", "labels": ["NUM"]}
    found = judge(asked, table(soft))
    assert found.word == word
    if word == SUPPORTED:  # by hand: date gains .2, speed .1, .1 and .11; HUM:ind has no test row
        assert "soft +15.17\\*" in found.cells[0]
        assert "points of mean recall of NUM" in found.said


def test_labels_that_nobody_has_cannot_be_judged():
    asked = {**RULE, "measure": "f1", "labels": ["LOC"]}
    assert judge(asked, table(SOFT, "f1")).word == NOT_TESTABLE
    assert judge({**asked, "labels": ["HUM"]}, table(SOFT, "f1")).word == NOT_TESTABLE
    assert judge({**asked, "labels": ["NUM"], "where": {"data": "AAPD"}}, table(SOFT, "f1")).word == NOT_TESTABLE


def test_a_bound_is_of_the_metric_as_it_is_where_less_is_better():
    found = {"table": content([row("hard", 0.6)], [], metric="errors_in_group")}
    rule = {"kind": "level", "table": "table", "method": "hard", "at_least": 50}
    assert judge(rule, found).word == SUPPORTED
    assert judge({**rule, "at_least": 70}, found).word == NOT_SUPPORTED
