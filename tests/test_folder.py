"""The model folder: what is in it, that it gives the same answers, and every way in which it can be damaged."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch

import sfumato
from sfumato import folder as folder_module
from sfumato.errors import InputError
from sfumato.folder import fold_temperature

TEXTS = ["the invoice refund", "my password code please", "parcel late at the door", "", "unseen words only"]
ALLOWED = {".safetensors", ".json", ".md", ".txt"}


@pytest.fixture(scope="module")
def model(tickets):
    trained = sfumato.fit(tickets, model="textcnn", kernels=(2, 3), filters=8, dim=8, epochs=6, seed=1, lr=1e-2)
    trained.temperature = 1.7  # a temperature that would show if it were lost or used twice
    return trained


@pytest.fixture(scope="module")
def transformer(tickets, tiny_bert):
    trained = sfumato.fit(tickets, model="transformer", encoder=str(tiny_bert), epochs=2, lr=1e-3, max_length=32)
    trained.temperature = 0.6
    return trained


@pytest.fixture
def saved(model, tmp_path):
    return model.save(tmp_path / "saved")


def test_a_loaded_model_predicts_as_before_saving(model, saved):
    loaded = sfumato.load(saved)
    np.testing.assert_allclose(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS), atol=1e-5)
    np.testing.assert_allclose(loaded.predict_logits(TEXTS), model.predict_logits(TEXTS), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loaded.features(TEXTS), model.features(TEXTS), atol=1e-5)
    assert loaded.predict(TEXTS) == model.predict(TEXTS)
    assert (loaded.classes, loaded.max_length, loaded.info) == (model.classes, model.max_length, model.info)


def test_the_temperature_is_in_the_weights_and_not_applied_again(model, saved):
    loaded = sfumato.load(saved)
    assert (loaded.temperature, loaded.folded) == (1.0, pytest.approx(1.7))
    torch.testing.assert_close(loaded.network.output_layer.weight * 1.7, model.network.output_layer.weight)
    uncalibrated = np.exp(model.predict_logits(TEXTS))
    uncalibrated /= uncalibrated.sum(axis=1, keepdims=True)
    assert np.abs(loaded.predict_proba(TEXTS) - uncalibrated).max() > 1e-3


def test_saving_a_loaded_model_changes_nothing(saved, tmp_path):
    loaded = sfumato.load(saved)
    again = sfumato.load(loaded.save(tmp_path / "again"))
    np.testing.assert_allclose(again.predict_proba(TEXTS), loaded.predict_proba(TEXTS), atol=1e-6)
    assert again.folded == pytest.approx(1.7)


def test_folding_leaves_the_trained_network_as_it_was(model):
    before = model.network.output_layer.weight.detach().clone()
    folded = fold_temperature(model.network, 4.0)
    assert torch.equal(model.network.output_layer.weight, before)
    torch.testing.assert_close(folded.output_layer.weight * 4, before)
    torch.testing.assert_close(folded.output_layer.bias * 4, model.network.output_layer.bias)


@pytest.mark.parametrize("kind", ["model", "transformer"])
def test_the_folder_holds_safetensors_json_and_markdown_only(kind, request, tmp_path):
    folder = request.getfixturevalue(kind).save(tmp_path / "saved")
    names = {file.name for file in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "sfumato.json"} <= names
    assert {file.suffix for file in folder.iterdir()} <= ALLOWED
    for file in folder.iterdir():
        assert not file.read_bytes().startswith((b"\x80", b"PK")), f"{file.name} looks like a pickle"
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "billing", "1": "login", "2": "shipping"}
    assert config["label2id"] == {"billing": 0, "login": 1, "shipping": 2}
    assert config["problem_type"] == "single_label_classification"


def test_the_card_is_written_from_the_measured_numbers(model, saved):
    card = (saved / "README.md").read_text()
    assert f"{model.info['dev']['accuracy']:.4f}" in card
    assert f"{model.info['dev_raw']['log_loss']:.4f}" in card
    assert "billing, login, shipping" in card


def test_a_transformer_folder_is_read_by_pipeline_without_sfumato_and_agrees(transformer, tmp_path):
    from transformers import pipeline

    texts = [text for text in TEXTS if text]
    folder = transformer.save(tmp_path / "saved")
    classify = pipeline("text-classification", str(folder), top_k=None, device="cpu")
    expected = transformer.predict_proba(texts)
    for row, answers in enumerate(classify(texts)):
        shares = {answer["label"]: answer["score"] for answer in answers}
        np.testing.assert_allclose([shares[name] for name in transformer.classes], expected[row], atol=1e-5)
    np.testing.assert_allclose(sfumato.load(folder).predict_proba(texts), expected, atol=1e-5)


def test_a_pipeline_that_truncates_agrees_on_texts_longer_than_the_cut(tiny_bert, tickets, tmp_path):
    from transformers import pipeline

    options = {"model": "transformer", "model_options": {"encoder": str(tiny_bert)}, "method": "baseline"}
    model = sfumato.fit(tickets, epochs=1, max_length=6, **options)
    texts = [" ".join(tickets["text"][:5]), tickets["text"][7]]
    folder = model.save(tmp_path / "saved")
    classify = pipeline("text-classification", str(folder), top_k=None, device="cpu")
    found = [{part["label"]: part["score"] for part in row} for row in classify(texts, truncation=True)]
    ordered = [[row[name] for name in model.classes] for row in found]
    np.testing.assert_allclose(ordered, model.predict_proba(texts), atol=1e-5)


def test_more_tokens_than_the_encoder_has_positions_are_cut_and_said(tiny_bert, tickets):
    options = {"model": "transformer", "model_options": {"encoder": str(tiny_bert)}, "method": "baseline"}
    with pytest.warns(UserWarning, match="cut to 64 tokens"):
        model = sfumato.fit(tickets, epochs=1, max_length=200, **options)
    assert model.max_length == 64
    assert len(model.predict([" ".join(tickets["text"])])) == 1


def test_a_model_of_an_unregistered_architecture_is_not_saved(transformer, tmp_path):
    from dataclasses import replace

    with pytest.raises(InputError, match="'mine' is not one of"):
        replace(transformer, architecture="mine").save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_transformer_folder_loads_where_the_encoder_it_came_from_is_gone(tiny_bert, tickets, tmp_path):
    encoder = shutil.copytree(tiny_bert, tmp_path / "encoder")
    model = sfumato.fit(tickets, model="transformer", encoder=str(encoder), epochs=1, dev=0, max_length=32)
    folder = model.save(tmp_path / "saved")
    shutil.rmtree(encoder)
    np.testing.assert_allclose(sfumato.load(folder).predict_proba(TEXTS), model.predict_proba(TEXTS), atol=1e-5)


@pytest.mark.slow
def test_a_folder_of_minilm_agrees_with_pipeline(minilm, tickets, tmp_path):
    from transformers import pipeline

    model = sfumato.fit(tickets, model="transformer", encoder=str(minilm), epochs=1, max_length=16)
    classify = pipeline("text-classification", str(model.save(tmp_path / "saved")), top_k=None, device="cpu")
    for answers, expected in zip(classify(TEXTS[:3]), model.predict_proba(TEXTS[:3]), strict=True):
        shares = {answer["label"]: answer["score"] for answer in answers}
        np.testing.assert_allclose([shares[name] for name in model.classes], expected, atol=1e-5)


# --- writing


def test_an_existing_folder_is_refused_and_overwritten_on_demand(model, saved):
    (saved / "mine.json").write_text("{}")
    with pytest.raises(InputError, match=r"exists; choose another folder or overwrite"):
        model.save(saved)
    assert (saved / "mine.json").is_file()
    model.save(saved, overwrite=True)
    assert not (saved / "mine.json").exists()
    assert sfumato.load(saved).classes == model.classes


def test_a_folder_that_is_not_ours_is_never_overwritten(model, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not a model folder of sfumato"):
        model.save(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_way_is_refused(model, tmp_path, overwrite):
    (tmp_path / "model").write_text("a file")
    with pytest.raises(InputError, match="is a file"):
        model.save(tmp_path / "model", overwrite=overwrite)
    assert (tmp_path / "model").read_text() == "a file"


@pytest.mark.parametrize("place", ["taken", "taken/model", "/proc/model", "/proc/folder/model"])
def test_a_place_that_cannot_be_written_is_refused_in_words_and_nothing_is_left(place, model, tmp_path):
    (tmp_path / "taken").write_text("mine")
    if place.startswith("/proc") and sys.platform != "linux":
        pytest.skip("a place where nothing can be made, not even by root")
    with pytest.raises(InputError, match=r"is a file; give the name of a folder|cannot be written: .*; choose another"):
        model.save(tmp_path / place)
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]
    assert (tmp_path / "taken").read_text() == "mine"


def test_an_empty_folder_is_filled(model, tmp_path):
    (tmp_path / "model").mkdir()
    assert sfumato.load(model.save(tmp_path / "model")).classes == model.classes


def test_a_failing_save_leaves_nothing_behind_and_the_old_folder_as_it_was(model, saved, tmp_path, monkeypatch):
    before = {file.name: file.read_bytes() for file in saved.iterdir()}

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "model_card", fail)
    with pytest.raises(OSError, match="No space left"):
        model.save(tmp_path / "other")
    with pytest.raises(OSError, match="No space left"):
        model.save(saved, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["saved"]
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before


def test_saving_and_loading_a_transformer_is_silent(transformer, tmp_path, capfd):
    sfumato.load(transformer.save(tmp_path / "saved"))
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_saving_leaves_no_temporary_folder(saved, model, tmp_path):
    model.save(saved, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["saved"]


# --- reading


def test_a_folder_that_does_not_exist_a_file_and_a_foreign_folder_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no such folder: .*nowhere"):
        sfumato.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file"):
        sfumato.load(tmp_path / "file")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"has no sfumato\.json"):
        sfumato.load(tmp_path)


@pytest.mark.parametrize("kind", ["model", "transformer"])
@pytest.mark.parametrize("name", ["model.safetensors", "sfumato.json", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "cut off", "empty"])
def test_a_damaged_file_is_named(kind, name, damage, request, tmp_path):
    folder = request.getfixturevalue(kind).save(tmp_path / "saved")
    file = folder / name
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(content[: len(content) // 2] if damage == "cut off" else b"")
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        sfumato.load(folder)


def edit(path, **changes):
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | changes))


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("sfumato.json", {"format": 99}, "has format 99"),
        ("sfumato.json", {"classes": ["x", "y", "z"]}, "name different classes"),
        ("sfumato.json", {"classes": 3}, r"sfumato\.json"),
        ("sfumato.json", {"architecture": "textcn"}, "did you mean 'textcnn'"),
        ("sfumato.json", {"options": ["no"]}, r"sfumato\.json"),
        ("sfumato.json", {"max_length": "long"}, r"sfumato\.json"),
        ("sfumato.json", {"temperature": "warm"}, r"sfumato\.json"),
        ("config.json", {"id2label": {"0": "a", "1": "b"}}, "mixes two models"),
        ("config.json", {"id2label": {}}, "mixes two models"),
        ("config.json", {"id2label": None}, r"config\.json"),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_is_said(saved, name, changes, said):
    edit(saved / name, **changes)
    with pytest.raises(InputError, match=said):
        sfumato.load(saved)


@pytest.mark.parametrize("name", ["sfumato.json", "config.json"])
def test_json_that_is_not_an_object_is_named(saved, name):
    (saved / name).write_text("[1, 2]")
    with pytest.raises(InputError, match=f"{name} does not hold a JSON object"):
        sfumato.load(saved)


def test_weights_of_another_model_are_refused(saved, tickets, tmp_path):
    other = sfumato.fit(tickets, model="textcnn", kernels=(2, 3), filters=9, dim=8, epochs=1)
    shutil.copy(other.save(tmp_path / "other") / "model.safetensors", saved)
    with pytest.raises(InputError, match=r"model\.safetensors does not fit"):
        sfumato.load(saved)


def test_a_transformer_folder_whose_weights_are_of_other_classes_is_refused(transformer, tickets, tiny_bert, tmp_path):
    folder = transformer.save(tmp_path / "saved")
    two = {"text": tickets["text"], "label": [str(label == "billing") for label in tickets["label"]]}
    other = sfumato.fit(two, model="transformer", encoder=str(tiny_bert), epochs=1, max_length=32)
    shutil.copy(other.save(tmp_path / "other") / "model.safetensors", folder)
    with pytest.raises(InputError, match=r"saved"):
        sfumato.load(folder)


@pytest.mark.parametrize(
    ("encoder", "kept"), [("prajjwal1/bert-tiny", "prajjwal1/bert-tiny"), ("/data/encoders/mini", "mini"), ("", "")]
)
def test_a_folder_names_a_hub_id_but_no_path(encoder, kept):
    from sfumato.folder import shareable

    assert shareable({"encoder": encoder, "freeze": 1}) == {"encoder": kept, "freeze": 1}
