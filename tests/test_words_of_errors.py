"""Mistakes of newcomers: each is answered with what was given and what to do."""

import numpy as np
import pytest

import sfumato
from sfumato.errors import InputError

TEXTS = ["one two", "three four", "five six", "seven eight"] * 5
LABELS = ["a", "b"] * 10


def test_descriptions_that_are_not_given_are_asked_for():
    with pytest.raises(InputError, match=r"needs descriptions=.*class and description"):
        sfumato.METHODS["label-similarity"](source="descriptions")
    with pytest.raises(InputError, match="belong to source='descriptions', got source='names'"):
        sfumato.METHODS["label-similarity"](source="names", descriptions={"a": "x"})


def test_a_folder_without_images_is_no_set_of_images(tmp_path):
    (tmp_path / "notes.md").write_text("nothing")
    with pytest.raises(InputError, match=r"a folder without images \(it holds notes.md\); give a table"):
        sfumato.fit(str(tmp_path), text="body", label="category")
    (tmp_path / "cats").mkdir()
    with pytest.raises(InputError, match="images have no columns, so text and label cannot name one; leave them out"):
        sfumato.fit(str(tmp_path), text="body", label="category")


def test_a_folder_without_an_encoder_is_told_by_what_it_lacks(tmp_path):
    with pytest.raises(InputError, match=r"is no encoder: the folder has no config\.json"):
        sfumato.fit((TEXTS, LABELS), model="transformer", model_options={"encoder": str(tmp_path)})


def test_weights_of_zero_are_named_all_together():
    with pytest.raises(InputError, match="all 20 are 0"):
        sfumato.data.mean_one(np.zeros(20))
    with pytest.raises(InputError, match=r"row 2 has -1\.0"):
        sfumato.data.mean_one([1.0, -1.0])


def test_a_column_of_words_is_no_column_of_weights(tmp_path):
    table = {"text": TEXTS, "label": LABELS, "kind": LABELS}
    with pytest.raises(InputError, match="column 'kind' holds no weights, but 'a' in row 1"):
        sfumato.fit(table, text="text", label="label", weight="kind")


def test_numbers_of_annotators_that_look_like_counts_are_said():
    table = {"text": TEXTS, "n_cats": [0, 1, 2, 3] * 5, "n_dogs": [3, 2, 1, 0] * 5}
    model = sfumato.fit(table, text="text", votes=["n_cats", "n_dogs"], method="votes", dev=0)
    assert any("not as counts" in note and "CLASS=n_cats" in note for note in model.info["notes"]), model.info
    named = sfumato.fit(table, text="text", votes={"cats": "n_cats", "dogs": "n_dogs"}, method="votes", dev=0)
    assert named.classes == ("cats", "dogs")
    assert not any("not as counts" in note for note in named.info["notes"])


@pytest.mark.parametrize("model", ["linear", "textcnn"])
def test_dev_rows_without_a_known_label_are_refused_before_training(model):
    with pytest.raises(InputError, match=r"no dev or test row has a label of the training rows.*'q'.*'a', 'b'"):
        sfumato.fit((TEXTS, LABELS), dev=(TEXTS[:5], ["q"] * 5), method="baseline", model=model)
    sets = [[label] for label in LABELS]
    with pytest.raises(InputError, match="no dev or test row has a label"):
        sfumato.fit((TEXTS, sets), dev=(TEXTS[:5], [["q"]] * 5), method="baseline", model=model)


@pytest.mark.parametrize("option", [{"temperature": 2.0}, {"gold_mass": 0.8}])
def test_shares_of_the_sum_have_no_temperature(option):
    with pytest.raises(InputError, match="normalize='l1' has none"):
        sfumato.soften(TEXTS, LABELS, "kwls", normalize="l1", **option)
    shared = [f"{text} the same words" for text in TEXTS]
    shares = sfumato.soften(shared, LABELS, "kwls", normalize="l1")
    with pytest.warns(UserWarning, match="what helps: normalize='softmax'"):
        sfumato.soften(TEXTS, LABELS, "kwls", normalize="l1")
    assert np.allclose(shares.targets.sum(axis=1), 1)


def test_a_report_on_rows_that_have_all_labels_or_none_says_nothing_of_the_rest():
    every = sfumato.soften(["one two", "three"], [["a", "b"], ["a", "b"]], "label-smoothing")
    assert "nan" not in every.report()
    assert "of the others" not in every.report()
    one = sfumato.soften(["one two", "three"], [["a"], ["a", "b"]], "label-smoothing")
    assert "of the others: mean" in one.report()
