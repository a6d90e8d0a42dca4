"""The scores that tables compare are those of the audit, of soft labels and of cleanlab."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sfumato import InputError
from sfumato.auditing import scores
from sfumato.auditing.audit import checked_examples
from sfumato.auditing.judge import judge
from sfumato.auditing.judges import Judges
from sfumato.auditing.scores import (
    SCORES,
    audit_score,
    cleanlab_score,
    doubt,
    folds_for,
    held_out_shares,
    label_quality,
    words,
)
from sfumato.auditing.scores import Rows as ScoredRows
from sfumato.data import Examples
from sfumato.methods import METHODS
from sfumato.methods.noise.model import fit_none

Rows = tuple[list[str], list[str]]


def test_the_audit_score_is_the_ranking_of_the_audit(noisy: Rows) -> None:
    examples = checked_examples(*noisy)
    found = judge(examples, folds=5, seed=3)
    np.testing.assert_array_equal(doubt(audit_score(), examples, seed=3), found.lead)
    judges = Judges(examples, folds=5, seed=3)
    z, once = judges.given(), judges.once
    p, rows = fit_none(z[:, once], examples.labels[once]).right(z), range(len(examples))
    plain = [
        math.log(max(p[i, k] for k in range(3) if k != examples.labels[i]) / p[i, examples.labels[i]]) for i in rows
    ]
    np.testing.assert_allclose(doubt(audit_score(wrong_labels=False), examples, seed=3), plain, rtol=1e-6)


def test_a_soft_label_scores_by_what_it_leaves_for_other_labels(noisy: Rows) -> None:
    examples = checked_examples(*noisy)
    method = METHODS["adaptive-fast"](shrink=False)
    targets = method.prepare(examples).targets.dense()
    expected = [1 - targets[i, k] for i, k in enumerate(examples.labels)]
    np.testing.assert_allclose(doubt(method, examples, seed=0), expected, atol=1e-6)
    with pytest.raises(InputError, match="baseline has no soft labels"):
        doubt(METHODS["baseline"](), examples, seed=0)


def test_cleanlabs_scores_are_their_formulas() -> None:
    pytest.importorskip("cleanlab")
    p, labels = np.array([[0.7, 0.2, 0.0, 0.1], [0.3, 0.3, 0.0, 0.4]]), np.array([0, 3])  # two classes have no row
    shares = [[0.7 / 0.8, 0.1 / 0.8], [0.3 / 0.7, 0.4 / 0.7]]
    own = [shares[0][0], shares[1][1]]
    np.testing.assert_allclose(label_quality(p, labels, "self_confidence"), own)
    margin = [(own[0] - shares[0][1] + 1) / 2, (own[1] - shares[1][0] + 1) / 2]
    np.testing.assert_allclose(label_quality(p, labels, "normalized_margin"), margin)


def test_raw_probabilities_are_cross_validated_and_joined_ones_are_the_audits(noisy: Rows) -> None:
    pytest.importorskip("cleanlab")
    examples = checked_examples(*noisy)
    raw = held_out_shares(ScoredRows.of(examples), 0)
    np.testing.assert_allclose(raw.sum(axis=1), 1)
    given: Any = raw[np.arange(90), examples.labels]
    np.testing.assert_allclose(doubt(cleanlab_score(), examples, seed=0), -given)
    p = np.exp(judge(examples, folds=5, seed=0, rounds=0).log_p)[np.arange(90), examples.labels]
    joined = doubt(cleanlab_score(probabilities="calibrated"), examples, seed=0)
    np.testing.assert_allclose(joined, -p)


def test_equal_rows_are_judged_once_and_others_anew(noisy: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    monkeypatch.setattr(scores, "judge", lambda examples, **_: judged.append(1) or judge(examples, folds=2, seed=0))
    scores.judge_once.cache_clear()
    given = checked_examples(*noisy)
    for _ in range(2):
        doubt(audit_score(), checked_examples(*noisy), seed=5)
    assert len(judged) == 1
    labels = given.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    more = Examples.from_labels(given.inputs, [given.classes[k] for k in given.labels], classes=[*given.classes, "zoo"])
    for other in (Examples.from_labels(given.inputs, [given.classes[k] for k in labels]), more):
        judged.clear()
        doubt(audit_score(), other, seed=5)
        assert len(judged) == 1


def test_lists_of_words_and_half_characters_are_rows_as_well(noisy: Rows) -> None:
    given = checked_examples(*noisy)
    words = replace(given, inputs=[text.split() for text in given.inputs])
    odd = replace(given, inputs=["half a character \ud800", *given.inputs[1:]])
    assert len({ScoredRows.of(each) for each in (given, words, odd)}) == 3


def test_classes_of_few_rows_are_dealt_to_as_many_folds_and_one_row_each_is_refused() -> None:
    assert folds_for(np.repeat([0, 1], [9, 2])) == 5
    rows = Examples.from_labels(["a b", "a c", "a d", "e f", "e g"], ["x", "x", "x", "y", "y"])
    assert folds_for(rows.labels) == 3
    assert held_out_shares(ScoredRows.of(rows), 0).shape == (5, 2)
    for labels, said in (([0, 0, 1, 2], "got 4 rows of 3 classes, of which 1 have"), ([0, 0], "2 rows of 1 classes")):
        with pytest.raises(InputError, match=said):
            folds_for(np.array(labels))


def test_words_are_those_of_text_and_single_characters_of_chinese() -> None:
    assert words("Late parcel, 股市行情 3x") == ["late", "parcel", "股", "市", "行", "情", "3x"]


def test_options_that_are_not_there_are_refused_in_words() -> None:
    assert list(SCORES) == ["audit-score", "cleanlab-score"]
    with pytest.raises(InputError, match="probabilities must be one of 'raw', 'calibrated', got 'row'"):
        cleanlab_score(probabilities="row")
    with pytest.raises(InputError, match="audit-score has no option 'model'"):
        SCORES.build("audit-score", {"model": 1})
