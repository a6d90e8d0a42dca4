"""A trained model as its users call it."""

import numpy as np
import pytest

import sfumato
from sfumato import model as model_module
from sfumato.errors import InputError


@pytest.fixture(scope="module")
def model(tickets):
    return sfumato.fit(tickets, model="textcnn", kernels=(2, 3), filters=8, dim=8, epochs=4, batch_size=8, lr=1e-2)


def test_a_batch_predicts_what_each_text_alone_predicts(model, tickets):
    texts = [*tickets["text"][:20], "", "x " * 200]
    together = model.predict_proba(texts)
    np.testing.assert_allclose(together, np.concatenate([model.predict_proba([text]) for text in texts]), atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1.0)


def test_the_order_of_the_texts_is_kept_across_blocks(model, tickets, monkeypatch):
    expected = model.predict_proba(tickets["text"])
    monkeypatch.setattr(model_module, "BLOCK", 7)
    np.testing.assert_allclose(model.predict_proba(tickets["text"]), expected, atol=1e-5)


def test_predict_is_the_largest_probability(model, tickets):
    best = model.predict_proba(tickets["text"]).argmax(axis=1)
    assert model.predict(tickets["text"]) == [model.classes[k] for k in best]


def test_probabilities_are_the_logits_divided_by_the_temperature(model, tickets):
    scaled = model.predict_logits(tickets["text"]).astype(np.float64) / model.temperature
    expected = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(tickets["text"]), expected, rtol=1e-6)


def test_features_give_the_logits_through_the_last_layer(model, tickets):
    layer = model.network.output_layer
    by_hand = model.features(tickets["text"]) @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(model.predict_logits(tickets["text"]), by_hand, rtol=1e-4, atol=1e-5)


def test_predicting_twice_gives_the_same_and_nothing_is_dropped_out(model, tickets):
    np.testing.assert_array_equal(model.predict_proba(tickets["text"]), model.predict_proba(tickets["text"]))


def test_no_text_gives_no_row(model):
    assert model.predict([]) == []
    assert model.predict_proba([]).shape == (0, 3)


def test_words_beyond_the_maximal_length_are_not_read(tickets):
    short = sfumato.fit(tickets, model="textcnn", kernels=2, filters=4, dim=4, epochs=1, max_length=3)
    one, two = short.predict_proba(["my invoice is late", "my invoice is refund please"])
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - short.predict_proba(["my invoice late"])[0]).max() > 1e-7


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("one text", r"expected a list of texts, got one text: 'one text'; write \[text\]"),
        (["a", None], "text 2 is not a string: None"),
        (["a", "b", float("nan")], r"text 3 is not a string: nan \(float\)"),
        ([b"bytes"], "text 1 is not a string"),
    ],
    ids=["one string", "None", "NaN", "bytes"],
)
def test_what_is_not_a_list_of_strings_is_refused(model, texts, said):
    with pytest.raises(InputError, match=said):
        model.predict_proba(texts)


def test_series_and_arrays_of_texts_are_taken(model, tickets):
    import pandas
    import polars

    expected = model.predict(tickets["text"][:5])
    for texts in (
        pandas.Series(tickets["text"][:5], index=[9, 8, 7, 6, 5]),
        polars.Series(tickets["text"][:5]),
        np.array(tickets["text"][:5]),
        tuple(tickets["text"][:5]),
    ):
        assert model.predict(texts) == expected


def test_evaluate_measures_on_a_table(model, tickets):
    evaluation = model.evaluate(tickets, text="text", label="label")
    right = [a == b for a, b in zip(model.predict(tickets["text"]), tickets["label"], strict=True)]
    assert evaluation.metrics["accuracy"].value == pytest.approx(np.mean(right))
    strange = {"text": tickets["text"][:2], "label": ["new", tickets["label"][1]]}
    assert model.evaluate(strange, text="text", label="label").unseen == 1
