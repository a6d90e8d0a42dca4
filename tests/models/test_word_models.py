"""What holds for every model of words: the padding, the folder, the gradients, and given vectors."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import sfumato
from sfumato import METHODS, MODELS
from sfumato.base import Objective
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan

SIZES = {
    "bag": {"buckets": 50},
    "textcnn": {"kernels": (2, 3), "filters": 6},
    "lstm": {"hidden": 6},
    "textrnn": {"hidden": 6},
}
EVERY_MODEL = pytest.mark.parametrize("name", SIZES)
FURTHER = [
    ("bag", {"ngrams": 3, "hidden": 5}),
    ("bag", {"ngrams": 1}),
    ("lstm", {"layers": 2}),
    ("textrnn", {"layers": 2}),
    ("textrnn", {"pooling": "max"}),
    ("textrnn", {"pooling": "last"}),
]
VARIANTS = [(name, {}) for name in SIZES] + [pytest.param(*variant, marks=pytest.mark.slow) for variant in FURTHER]
EVERY_VARIANT = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=str)
FEW_IN_COMMON = pytest.mark.filterwarnings("ignore:word vectors:UserWarning")
CHINESE = {"text": ["股市今天大涨", "球队赢得比赛", "基金收益下跌", "球员射门得分"] * 5, "label": ["钱", "球"] * 10}


@pytest.fixture(autouse=True)
def own_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def architecture_of(name, **options):
    return MODELS.build(name, {"dim": 5, **SIZES[name], **options})


def built(tickets, name, **options):
    architecture = architecture_of(name, **options)
    encoder = architecture.fit_encoder(tickets["text"])
    return architecture.build(encoder, 3), encoder


def batch_of(encoder, texts, width=None):
    batch = encoder.encode(texts, 100).batch(np.arange(len(texts)))
    ids = torch.from_numpy(batch["input_ids"])
    return {"input_ids": F.pad(ids, (0, width - ids.shape[1])) if width else ids}


def fitted(table, name, **options):
    quick = {"epochs": 2, "lr": 1e-2, "dev": 0, "device": "cpu", "method": "baseline"}
    return sfumato.fit(table, model=name, model_options={"dim": 5, **SIZES[name], **options}, **quick)


def vectors_file(folder, words, size=4, header=False):
    generator = np.random.default_rng(0)
    lines = [f"{len(words)} {size}"] if header else []
    lines += [" ".join([word, *(f"{x:.4f}" for x in generator.normal(size=size))]) for word in words]
    path = folder / "vectors.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def vector_of(path, word):
    line = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.split(" ")[0] == word)
    return [float(x) for x in line.split(" ")[1:]]


@EVERY_VARIANT
def test_the_answer_does_not_depend_on_the_padding(tickets, name, options):
    network, encoder = built(tickets, name, **options)
    network.eval()
    texts = [*tickets["text"][:8], "parcel", ""]
    with torch.no_grad():
        wide = network(**batch_of(encoder, texts, width=40))
        for row, text in enumerate(texts):
            alone = network(**batch_of(encoder, [text]))
            torch.testing.assert_close(wide.logits[row], alone.logits[0], rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(wide.features[row], alone.features[0], rtol=1e-4, atol=1e-6)


@EVERY_VARIANT
def test_features_are_what_the_last_layer_reads(tickets, name, options):
    network, encoder = built(tickets, name, **options)
    output = network(**batch_of(encoder, tickets["text"][:4]))
    assert output.features.shape == (4, network.output_layer.in_features)
    torch.testing.assert_close(network.output_layer(output.features), output.logits)


@EVERY_VARIANT
@pytest.mark.parametrize("method", ["baseline", "kwls-paper", "lcm"])
def test_every_parameter_gets_a_gradient_with_every_kind_of_criterion(tickets, name, options, method):
    network, encoder = built(tickets, name, dropout=0.0, **options)
    examples = Examples.from_labels(tickets["text"], tickets["label"])
    chosen = METHODS[method]()
    plan = Plan(3, network.output_layer.in_features, 1, 2, 0)
    objective = Objective(network, chosen.criterion(plan) if chosen.criterion else SoftCrossEntropy())
    targets = torch.from_numpy(chosen.prepare(examples).targets.dense())
    batch = batch_of(encoder, tickets["text"])
    objective(labels=torch.from_numpy(examples.labels), targets=targets, **batch)["loss"].backward()
    for parameter_name, parameter in objective.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name
    assert network.embedding.weight.grad[0].abs().sum() == 0, "padding"


@EVERY_MODEL
def test_a_step_against_the_gradient_lowers_the_loss(tickets, name):
    network, encoder = built(tickets, name, dropout=0.0)
    batch = batch_of(encoder, tickets["text"])
    labels = torch.from_numpy(Examples.from_labels(tickets["text"], tickets["label"]).labels)
    before = F.cross_entropy(network(**batch).logits, labels)
    before.backward()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter -= 0.1 * parameter.grad
        assert F.cross_entropy(network(**batch).logits, labels) < before


@EVERY_MODEL
def test_dropout_acts_in_training_only(tickets, name):
    network, encoder = built(tickets, name, dropout=0.5)
    batch = batch_of(encoder, tickets["text"][:20])
    assert not torch.equal(network(**batch).logits, network(**batch).logits)
    network.eval()
    torch.testing.assert_close(network(**batch).logits, network(**batch).logits)


@EVERY_VARIANT
def test_a_loaded_folder_answers_as_the_model_did(tickets, tmp_path, name, options):
    model = fitted(tickets, name, **options)
    texts = [*tickets["text"][:20], "", "unheard of"]
    again = sfumato.load(model.save(tmp_path / "model"))
    np.testing.assert_allclose(again.predict_proba(texts), model.predict_proba(texts), atol=1e-6)
    np.testing.assert_allclose(again.features(texts), model.features(texts), atol=1e-6)


@EVERY_MODEL
def test_chinese_texts_are_read_by_the_character(name):
    model = fitted(CHINESE, name, min_count=1)
    words = {model.encoder.tokenizer.id_to_token(int(i)) for i in model.encoder.encode(["股市大涨"], 10).flat}
    assert words == {"股", "市", "大", "涨"}
    assert set(model.predict(["股市", "球"])) <= {"钱", "球"}


@EVERY_MODEL
def test_the_options_of_a_record_build_the_model_again(name, tmp_path):
    path = vectors_file(tmp_path, ["parcel"])
    for options in ({}, {"vectors": str(path), "tune": False}):
        made = MODELS.build(name, options)
        assert MODELS.build(name, made.options).options == made.options
    assert "vectors" not in MODELS.build(name, {}).options
    assert MODELS.build(name, {"vectors": str(path)}).options["dim"] == 4


@FEW_IN_COMMON
@EVERY_MODEL
def test_given_vectors_stand_where_their_words_do_and_the_others_have_their_variance(tickets, tmp_path, name):
    path = vectors_file(tmp_path, ["parcel", "invoice", "late", "nowhere"])
    network, encoder = built(tickets, name, dim=None, vectors=str(path))
    weight = network.embedding.weight.detach()
    for word in ("parcel", "invoice", "late"):
        row = encoder.tokenizer.token_to_id(word)
        np.testing.assert_allclose(weight[row].numpy(), vector_of(path, word), atol=1e-6)
    given = np.array([vector_of(path, word) for word in ("parcel", "invoice", "late")])
    known = {0, *(encoder.tokenizer.token_to_id(word) for word in ("parcel", "invoice", "late"))}
    others = weight[[row for row in range(encoder.vocabulary_size) if row not in known]].numpy()  # 23 words, 4 numbers
    assert np.abs(others).max() <= given.std() * 3**0.5
    assert others.std() == pytest.approx(given.std(), rel=0.2)
    assert weight[0].abs().sum() == 0
    assert network.embedding.weight.shape[1] == 4


@FEW_IN_COMMON
@EVERY_MODEL
@pytest.mark.slow
def test_vectors_are_trained_or_kept_as_tune_says(tickets, tmp_path, name):
    path = vectors_file(tmp_path, ["parcel", "invoice", "late", "password"])
    expected = vector_of(path, "parcel")
    for tune in (True, False):
        model = fitted(tickets, name, dim=None, vectors=str(path), tune=tune)
        row = model.encoder.tokenizer.token_to_id("parcel")
        moved = np.abs(model.network.embedding.weight[row].detach().numpy() - expected).max()
        assert bool(moved > 1e-4) is tune


@FEW_IN_COMMON
@EVERY_MODEL
def test_a_saved_folder_needs_no_file_of_vectors(tickets, tmp_path, name):
    path = vectors_file(tmp_path, ["parcel", "invoice", "late", "password"])
    model = fitted(tickets, name, dim=None, vectors=str(path), tune=False)
    folder = model.save(tmp_path / "model")
    path.unlink()
    again = sfumato.load(folder)
    np.testing.assert_allclose(again.predict_proba(tickets["text"]), model.predict_proba(tickets["text"]), atol=1e-6)
    assert str(tmp_path) not in (folder / "sfumato.json").read_text(encoding="utf-8")
    assert again.options["vectors"] == "vectors.txt"


def test_fit_says_how_many_words_have_a_vector(tickets, tmp_path):
    words = sorted({word for text in tickets["text"] for word in text.split()})
    model = fitted(tickets, "bag", dim=None, vectors=str(vectors_file(tmp_path, [*words[5:], "nowhere"])))
    said = next(note for note in model.info["notes"] if "word vectors" in note)
    tokens = [word for text in tickets["text"] for word in text.split()]
    share = sum(word in words[5:] for word in tokens) / len(tokens)
    assert f"{len(words) - 5} of {len(words)} words have one in vectors.txt" in said
    assert f"{share:.0%} of the words" in said


def test_few_words_with_a_vector_are_warned_of(tickets, tmp_path):
    with pytest.warns(UserWarning, match="1 of 25 words have one.*right language"):
        fitted(tickets, "bag", dim=None, vectors=str(vectors_file(tmp_path, ["parcel"])))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dim": 5}, "have 4 numbers and dim is 5; leave dim out, or give dim=4"),
        ({"vectors": "no/such.txt"}, "no such file of word vectors"),
        ({"vectors": 3}, "vectors must be the path of a file, got 3"),
        ({"vectors": None, "tune": False}, "tune=False keeps given vectors.*vectors=FILE"),
        ({"tune": "yes"}, "tune must be true or false, got 'yes'"),
        ({"dim": 0}, "dim must be at least 1"),
        ({"dropout": 2}, "dropout must be at least 0 and at most 1"),
        ({"unit": "words"}, "did you mean 'word'"),
        ({"vocabulary": 1}, "vocabulary must be at least 3"),
    ],
    ids=str,
)
@EVERY_MODEL
def test_an_option_that_cannot_be_used_is_refused_before_training(tmp_path, name, options, said):
    path = vectors_file(tmp_path, ["parcel"])
    with pytest.raises(InputError, match=said):
        MODELS.build(name, {"vectors": str(path), **options})


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("bag", {"ngrams": 0}, "ngrams must be at least 1"),
        ("bag", {"buckets": 0}, "buckets must be at least 1"),
        ("lstm", {"hidden": 1.5}, "hidden must be a whole number"),
        ("lstm", {"layers": 0}, "layers must be at least 1"),
        ("textrnn", {"pooling": "maximum"}, "must be one of 'mean', 'max', 'last', got 'maximum'"),
    ],
    ids=str,
)
def test_an_option_of_one_model_out_of_range_is_refused(name, options, said):
    with pytest.raises(InputError, match=said):
        MODELS.build(name, options)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_has_its_card(name, pytestconfig):
    assert (pytestconfig.rootpath / "docs" / "models" / f"{name}.md").is_file()
