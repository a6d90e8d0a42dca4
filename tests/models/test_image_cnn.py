"""The network of images: by the book, in its folder, and with every method."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from image_samples import squares

import sfumato
from sfumato import METHODS, MODELS
from sfumato.architecture import Training
from sfumato.base import Objective
from sfumato.controls import controls, record_of
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.images import read_idx
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan
from sfumato.run import train_model

SMALL = {"filters": (3, 4), "hidden": 5}
READ_WORDS = {
    "adaptive",
    "adaptive-fast",
    "kwls",
    "kwls-paper",
    "kwls-official",
    "tfidf",
    "label-similarity",
    "maskloss-elem",
}
READ_WORDS |= {"confident-learning", "adaptive", "adaptive-fast", "aeda", "eda", "softeda", "lcda-text", "lcda"}
OF_TEXTS = {"maskloss-label": {"teacher": None}}  # its own teacher reads texts; None is one of the student's kind
QUICK = Training(epochs=2, batch_size=16, lr=1e-2)


@pytest.fixture(autouse=True)
def own_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def built(colours=(), rows=20, **options):
    images, labels = squares(rows, colours=colours)
    architecture = MODELS.build("image-cnn", SMALL | options)
    encoder = architecture.encoder_of(images)
    return architecture.build(encoder, 2), encoder, images, labels


def batch_of(encoder, images):
    batch = encoder.encode(images, 1).batch(np.arange(len(images)))
    return {name: torch.from_numpy(array) for name, array in batch.items()}


def convolved(maps, weight, bias):
    """Convolve (colours, H, W) with (filters, colours, k, k), then rectify, by loops over every pixel."""
    colours, height, width = maps.shape
    k = weight.shape[2] // 2
    padded = np.zeros((colours, height + 2 * k, width + 2 * k))
    padded[:, k : k + height, k : k + width] = maps
    found = np.zeros((len(weight), height, width))
    for f in range(len(weight)):
        for y in range(height):
            for x in range(width):
                window = padded[:, y : y + 2 * k + 1, x : x + 2 * k + 1]
                found[f, y, x] = max(0.0, (window * weight[f]).sum() + bias[f])
    return found


def pooled(maps):
    """Maximum of each 2 × 2 pixels; what is left over at an edge is a window too."""
    filters, height, width = maps.shape
    found = np.zeros((filters, -(-height // 2), -(-width // 2)))
    for y in range(found.shape[1]):
        for x in range(found.shape[2]):
            found[:, y, x] = maps[:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max(axis=(1, 2))
    return found


@pytest.mark.parametrize("colours", [(), (3,)])
def test_the_network_is_that_of_the_book(colours):
    network, encoder, images, _ = built(colours)
    network.eval()
    with torch.no_grad():
        output = network(**batch_of(encoder, images[:3]))
    state = {name: tensor.numpy().astype(float) for name, tensor in network.state_dict().items()}
    by_colour = images.reshape(len(images), 6, 8, -1).astype(float)
    mean, deviation = by_colour.mean(axis=(0, 1, 2)), by_colour.std(axis=(0, 1, 2))
    for row in range(3):
        maps = ((by_colour[row] - mean) / deviation).transpose(2, 0, 1)
        for layer in ("convolutions.0", "convolutions.3"):
            maps = pooled(convolved(maps, state[f"{layer}.weight"], state[f"{layer}.bias"]))
        features = np.maximum(0, state["hidden.weight"] @ maps.ravel() + state["hidden.bias"])
        logits = state["output_layer.weight"] @ features + state["output_layer.bias"]
        np.testing.assert_allclose(output.features[row].numpy(), features, atol=1e-5)
        np.testing.assert_allclose(output.logits[row].numpy(), logits, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (7, 2)])
def test_images_of_any_size_and_of_one_shade_are_read(height, width):
    images = np.full((4, height, width), 7, np.uint8)
    architecture = MODELS.build("image-cnn", SMALL)
    encoder = architecture.encoder_of(images)
    logits = architecture.build(encoder, 3)(**batch_of(encoder, images)).logits
    assert logits.shape == (4, 3)
    assert logits.isfinite().all()


def test_dropout_acts_in_training_only():
    network, encoder, images, _ = built(hidden=50)
    batch = batch_of(encoder, images)
    assert not torch.equal(network(**batch).logits, network(**batch).logits)
    network.eval()
    assert torch.equal(network(**batch).logits, network(**batch).logits)


@pytest.mark.parametrize("method", ["baseline", "label-smoothing", "lcm"])
def test_every_parameter_gets_a_gradient(method):
    network, encoder, images, labels = built(dropout=0.0, filters=(6, 8), hidden=16)
    examples = Examples.from_labels(images, labels)
    chosen = METHODS[method]()
    criterion = chosen.criterion(Plan(2, 16, 1, 1)) if chosen.criterion else SoftCrossEntropy()
    objective = Objective(network, criterion)
    targets = torch.from_numpy(chosen.prepare(examples).targets.dense())
    objective(labels=torch.from_numpy(examples.labels), targets=targets, **batch_of(encoder, images))["loss"].backward()
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_a_batch_is_gathered_from_the_given_bytes():
    _, encoder, images, _ = built()
    encoded = encoder.encode(images, 1)
    assert np.shares_memory(encoded.pixels, images)
    batch = encoded.batch(np.array([3, 1]))["pixels"]
    assert batch.dtype == np.uint8
    assert np.array_equal(batch[:, 0], images[[3, 1]])


@pytest.mark.parametrize("colours", [(), (3,)])
def test_a_loaded_folder_answers_as_the_model_did_and_holds_no_pickle(tmp_path, colours):
    images, labels = squares(30, colours=colours)
    options = {"model_options": SMALL, "dev": 0.3, "epochs": 2, "device": "cpu"}
    model = sfumato.fit((images, labels), model="image-cnn", method="lcm", **options)
    folder = model.save(tmp_path / "model")
    again = sfumato.load(folder)
    np.testing.assert_allclose(again.predict_proba(images), model.predict_proba(images), atol=1e-6)
    np.testing.assert_allclose(again.features(images), model.features(images), atol=1e-6)
    files = {"README.md", "config.json", "model.safetensors", "preprocessor_config.json", "sfumato.json"}
    assert {file.name for file in folder.iterdir()} == files
    card = (folder / "README.md").read_text()
    assert "pipeline_tag: image-classification" in card
    assert f"Images have 6 × 8 {'RGB' if colours else 'grey'} pixels" in card
    (folder / "preprocessor_config.json").write_text('{"height": 6}')
    with pytest.raises(InputError, match=r"preprocessor_config.json cannot be read .* the model folder is damaged"):
        sfumato.load(folder)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"has no preprocessor_config.json; the model folder is incomplete"):
        sfumato.load(folder)


def split():
    images, labels = squares(48)
    examples = Examples.from_labels(images, labels)
    votes = (np.eye(2)[examples.labels] * 2 + 1).astype(np.float32)
    examples = replace(examples, votes=votes)
    return examples.take(range(36)), examples.take(range(36, 48))


def trained(method, seed=0):
    architecture = MODELS.build("image-cnn", SMALL)
    return train_model(*split(), architecture=architecture, method=method, training=QUICK, seed=seed, device="cpu")


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_trains_on_images_or_refuses_them_in_words(name):
    if name in READ_WORDS:
        with pytest.raises(InputError, match=f"{name} reads the words of texts, and these are images"):
            trained(METHODS[name]())
        return
    run = trained(METHODS[name](**OF_TEXTS.get(name, {})))
    assert np.isfinite(run.model.predict_logits(split()[1].inputs)).all()
    assert len(run.history) == QUICK.epochs


def test_label_similarity_works_on_images_where_it_reads_the_names_of_the_classes():
    assert trained(METHODS["label-similarity"](source="names")).dev


@pytest.mark.parametrize("name", ["label-smoothing", "lcm", "self-distillation"])
def test_controls_train_on_images(name):
    method = METHODS[name]() if name != "self-distillation" else METHODS[name](folds=2)
    record = record_of(trained(method).objective.criterion)
    built = controls(method, record)
    assert set(built) == (set() if name == "label-smoothing" else {"uniform", "class-mean", "shuffled"})
    for control in built.values():
        assert np.isfinite(trained(control).model.predict_logits(split()[1].inputs)).all()


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    images = split()[1].inputs
    first, again, other = (trained(METHODS["lcm"](), seed).model.predict_logits(images) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_teacher_of_texts_is_refused_for_images():
    with pytest.raises(InputError, match="the model linear reads texts, and it was given images"):
        trained(METHODS["self-distillation"](folds=2, teacher="linear"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"filters": ()}, "filters must name at least one convolution, got none"),
        ({"filters": (8, 0)}, "filters must be at least 1 .* got 0"),
        ({"kernel": 4}, "kernel must be odd, so that it has a middle, got 4"),
        ({"hidden": 2.5}, "hidden must be a whole number, got 2.5"),
        ({"dropout": 2}, "dropout must be at least 0 and at most 1, got 2"),
        ({"filter": 3}, r"image-cnn has no option 'filter' \(did you mean 'filters'\?\)"),
    ],
)
def test_an_option_out_of_range_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        MODELS.build("image-cnn", options)


def test_the_options_of_a_record_build_the_model_again():
    made = MODELS.build("image-cnn", {"filters": 8, "kernel": 5})
    assert made.options == {"filters": [8], "kernel": 5, "hidden": 128, "dropout": 0.5}
    assert MODELS.build("image-cnn", json.loads(json.dumps(made.options))).options == made.options


@pytest.mark.slow
def test_the_digits_of_scikit_learn_are_learned():
    model = sfumato.fit("digits", model="image-cnn", method="label-smoothing", device="cpu")
    assert model.evaluate("digits").metrics["accuracy"].value > 0.95


@pytest.mark.data
@pytest.mark.slow
def test_four_thousand_digits_of_mnist_are_learned_in_three_epochs(data_folder):
    splits = read_idx(data_folder / "mnist")
    images, labels = (part[:4000] for part in splits["train"])
    model = sfumato.fit((images, labels), model="image-cnn", method="baseline", epochs=3, device="cpu")
    found = model.predict(splits["test"][0])
    assert np.mean(np.array(found) == splits["test"][1].astype(str)) > 0.95
