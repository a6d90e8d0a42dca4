"""`soften`: distributions out, in words why not, and a view that cannot be broken by a text."""

import numpy as np
import pytest

import sfumato
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.softening import SoftTargets

TEXTS = ["a b", "b c", "c d", "a d"]
LABELS = ["x", "y", "x", "z"]


def smoothed(**options):
    return sfumato.soften(TEXTS, LABELS, "label-smoothing", **options)


def test_label_smoothing_gives_the_textbook_rows():
    soft = smoothed(smoothing=0.3)
    np.testing.assert_allclose(soft.targets[0], [0.8, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(soft.targets[3], [0.1, 0.1, 0.8], rtol=1e-6)
    assert soft.targets.dtype == np.float32
    assert soft.classes == ("x", "y", "z")
    assert soft.labels.tolist() == [0, 1, 0, 2]


@pytest.mark.filterwarnings("ignore::sfumato.methods.keyword_labels.KeywordWarning")
@pytest.mark.parametrize("method", ["kwls", "kwls-paper", "label-smoothing"])
def test_static_methods_give_distributions_in_the_order_of_the_rows(tickets, method):
    soft = sfumato.soften(tickets["text"], tickets["label"], method)
    np.testing.assert_allclose(soft.targets.sum(axis=1), 1.0, atol=1e-5)
    assert soft.targets.min() >= 0
    assert [soft.classes[k] for k in soft.labels] == tickets["label"]


def test_lcm_trains_and_gives_distributions_that_differ_within_a_class(tickets):
    options = {"model": "textcnn", "model.filters": 4, "model.dim": 4, "model.kernels": 2}
    soft = sfumato.soften(tickets["text"], tickets["label"], "lcm", **options)
    np.testing.assert_allclose(soft.targets.sum(axis=1), 1.0, atol=1e-5)
    rows = soft.targets[soft.labels == 0]
    assert np.abs(rows - rows[0]).max() > 1e-6
    again = sfumato.soften(tickets["text"], tickets["label"], "lcm", **options)
    np.testing.assert_array_equal(again.targets, soft.targets)


def test_lcm_combined_with_smoothing_starts_from_the_smoothed_targets(tickets):
    lcm, smoothing = sfumato.METHODS["lcm-paper"](alpha=10.0), sfumato.METHODS["label-smoothing"](0.5)
    # LCM's target is softmax(alpha q + LCD) and an LCD lies in (0, 1), so ln(label's share / another's) lies within 1
    # of alpha (q_label - q_other): 10 for one-hot q, and 10 x 0.5 after uniform smoothing of a half.
    for method, expected in ((lcm, 10.0), (sfumato.combine(smoothing, lcm), 5.0)):
        soft = sfumato.soften(tickets["text"], tickets["label"], method)
        given = np.eye(3, dtype=bool)[soft.labels]
        ratio = np.log(soft.gold_mass[:, None] / soft.targets)[~given]
        assert (np.abs(ratio - expected) < 1).all()
        np.testing.assert_allclose(soft.targets.sum(axis=1), 1.0, atol=1e-5)


def test_the_baseline_refuses_in_words():
    with pytest.raises(InputError, match="baseline leaves the labels as they are"):
        sfumato.soften(TEXTS, LABELS, "baseline")


def test_a_method_may_be_a_function_or_the_thing_itself():
    by_name = smoothed(smoothing=0.2).targets
    function = sfumato.METHODS["label-smoothing"]
    np.testing.assert_array_equal(sfumato.soften(TEXTS, LABELS, function, smoothing=0.2).targets, by_name)
    np.testing.assert_array_equal(sfumato.soften(TEXTS, LABELS, function(0.2)).targets, by_name)


def test_numeric_labels_become_text():
    assert sfumato.soften(TEXTS, [7, 10, 7, 8], "label-smoothing").classes == ("10", "7", "8")


def test_series_with_any_index_are_taken():
    import pandas
    import polars

    expected = smoothed().targets
    for make in (lambda values: pandas.Series(values, index=[5, 4, 3, 2]), polars.Series, np.array):
        np.testing.assert_array_equal(sfumato.soften(make(TEXTS), make(LABELS), "label-smoothing").targets, expected)


def test_texts_may_be_lists_of_tokens():
    tokens = [text.split() for text in TEXTS]
    np.testing.assert_array_equal(sfumato.soften(tokens, LABELS, "label-smoothing").targets, smoothed().targets)


def test_the_given_lists_are_not_changed():
    texts, labels = list(TEXTS), list(LABELS)
    sfumato.soften(texts, labels, "label-smoothing")
    assert (texts, labels) == (TEXTS, LABELS)


@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        (TEXTS, LABELS[:3], "one label a text, got 4 texts and 3 labels"),
        (TEXTS, ["x"] * 4, "only one class"),
        (TEXTS, ["x", "y", None, "x"], "1 labels are empty, the first in row 3"),
        (TEXTS, ["x", "y", float("nan"), " "], "2 labels are empty, the first in row 3"),
        ([*TEXTS[:3], None], LABELS, "text 4 is not a string: None"),
        ("a b", LABELS, "expected a list of texts"),
        (TEXTS, "xyxz", "expected a list of labels"),
        ([], [], "only one class"),
    ],
    ids=["lengths", "one class", "None", "NaN", "text", "one text", "one label", "empty"],
)
def test_what_cannot_be_softened_is_refused(texts, labels, said):
    with pytest.raises(InputError, match=said):
        sfumato.soften(texts, labels, "label-smoothing")


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("label-smothing", {}, "did you mean 'label-smoothing'"),
        ("label-smoothing", {"smothing": 0.1}, "did you mean 'smoothing'"),
        ("label-smoothing", {"smoothing": 2}, "smoothing must be at least 0 and at most 1, got 2"),
    ],
)
def test_a_method_or_option_that_is_not_there_is_refused(method, options, said):
    with pytest.raises(InputError, match=said):
        sfumato.soften(TEXTS, LABELS, method, **options)


def test_gold_mass_and_entropy_by_hand():
    soft = SoftTargets(np.array([[1, 0], [0.5, 0.5]], np.float32), ("a", "b"), np.array([0, 1]), "own")
    np.testing.assert_allclose(soft.gold_mass, [1.0, 0.5])
    np.testing.assert_allclose(soft.entropy, [0.0, 1.0], atol=1e-9)
    assert len(soft) == 2


def test_moved_mass_is_the_mean_row_of_the_label():
    targets = np.array([[0.6, 0.3, 0.1], [0.8, 0.1, 0.1], [0.5, 0.0, 0.5]], np.float32)
    soft = SoftTargets(targets, ("a", "b", "c"), np.array([0, 0, 2]), "own")
    assert soft.moved(2) == [("c", "a", pytest.approx(0.5)), ("a", "b", pytest.approx(0.2))]
    assert soft.moved(0) == []
    assert len(soft.moved(100)) == 6


def test_the_report_says_method_share_and_pairs():
    report = smoothed(smoothing=0.3).report()
    for said in ("4 soft labels over 3 classes by label-smoothing", "mean 0.800", "100.0 % of the rows", "x -> y"):
        assert said in report


def test_the_notebook_view_escapes_what_users_wrote():
    examples = Examples.from_labels(["<script>alert(1)</script>", "b & c"], ["<b>x</b>", "y"])
    soft = SoftTargets(
        np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), examples.classes, examples.labels, "<i>own</i>", examples.inputs
    )
    view = soft._repr_html_()
    for raw in ("<script>", "<b>x", "<i>own", "b & c"):
        assert raw not in view
    for escaped in ("&lt;script&gt;", "&lt;b&gt;x", "&lt;i&gt;own", "b &amp; c", "0.90"):
        assert escaped in view


def test_the_notebook_view_shows_the_first_rows_only():
    soft = sfumato.soften(TEXTS * 10, LABELS * 10, "label-smoothing")
    assert soft._repr_html_().count("<tr>") == 11
    assert "40 soft labels" in soft._repr_html_()
