"""A Hugging Face encoder: its tokenizer, its features, its folder."""

import json
import logging

import numpy as np
import pytest
import torch

import sfumato
from sfumato.errors import InputError
from sfumato.models.pooled_transformer import POOLINGS
from sfumato.models.transformer import TransformerClassifier, load_tokenizer, transformer

IDS = torch.tensor([[2, 5, 6, 7, 3], [2, 7, 3, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def network_of(folder, **options):
    architecture = transformer(str(folder), **options)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return architecture.build(architecture.fit_encoder([]), 3)


def test_the_tokenizer_adds_its_own_marks_and_cuts_inside_them(tiny_bert):
    encoder = load_tokenizer(tiny_bert)
    tokens = [encoder.tokenizer.id_to_token(int(i)) for i in encoder.encode(["my Parcel is late"], 4).flat]
    assert tokens == ["[CLS]", "my", "parcel", "[SEP]"]


def test_logits_are_those_of_the_hugging_face_model_itself(tiny_bert):
    network = network_of(tiny_bert).eval()
    batch = load_tokenizer(tiny_bert).encode(["my parcel", "help the tax refund today"], 16).batch(np.arange(2))
    tensors = {name: torch.from_numpy(value) for name, value in batch.items()}
    with torch.no_grad():
        torch.testing.assert_close(network(**tensors).logits, network.model(**tensors).logits)


def test_features_are_what_the_last_layer_reads(tiny_bert):
    network = network_of(tiny_bert).eval()
    output = network(torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]))
    assert output.features.shape == (2, 16)
    torch.testing.assert_close(network.output_layer(output.features), output.logits)


def test_the_answer_does_not_depend_on_the_padding(tiny_bert, tickets):
    with torch.random.fork_rng():
        model = sfumato.fit(
            tickets, model="transformer", encoder=str(tiny_bert), method="baseline", dev=0, epochs=1, max_length=32
        )
    texts = tickets["text"][:12]
    together = model.predict_proba(texts)
    alone = np.concatenate([model.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_frozen_layers_get_no_gradient_and_the_others_do(tiny_bert):
    free = network_of(tiny_bert)
    frozen = network_of(tiny_bert, freeze=1)
    assert all(p.requires_grad for p in free.parameters())
    names = {name for name, p in frozen.model.named_parameters() if not p.requires_grad}
    assert any("embeddings" in name for name in names)
    assert any("layer.0" in name for name in names)
    assert not any("layer.1" in name or "classifier" in name for name in names)


def test_dropout_overrides_that_of_the_encoder(tiny_bert):
    assert network_of(tiny_bert).model.config.hidden_dropout_prob == 0.1
    assert network_of(tiny_bert, dropout=0.4).model.config.hidden_dropout_prob == 0.4
    dropouts = {m.p for m in network_of(tiny_bert, dropout=0.0).modules() if isinstance(m, torch.nn.Dropout)}
    assert 0.1 not in dropouts - {network_of(tiny_bert).model.config.attention_probs_dropout_prob}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("projection", [None, 7])
def test_pooled_features_equal_plain_loops_over_the_tokens(tiny_bert, pooling, projection):
    network = network_of(tiny_bert, pooling=pooling, projection=projection).eval()
    with torch.no_grad():
        states = network.encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state.tolist()
        output = network(IDS, MASK)
    for row, length in enumerate([5, 3]):
        tokens = states[row][:length]
        columns = list(zip(*tokens, strict=True))
        expected = {"cls": tokens[0], "mean": [sum(c) / length for c in columns], "max": [max(c) for c in columns]}
        pooled = torch.tensor(expected[pooling])
        features = pooled if projection is None else torch.tanh(network.projection(pooled))
        torch.testing.assert_close(output.features[row], features, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.output_layer(output.features), output.logits)


def test_the_first_token_is_found_behind_padding_on_the_left(tiny_bert):
    network = network_of(tiny_bert, pooling="cls").eval()
    ids, mask = torch.tensor([[0, 0, 2, 7, 3]]), torch.tensor([[0, 0, 1, 1, 1]])
    with torch.no_grad():
        states = network.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(network(ids, mask).features[0], states[0, 2])


@pytest.mark.parametrize("pooling", ["head", *POOLINGS])
def test_every_parameter_gets_a_gradient_whatever_the_pooling(tiny_bert, pooling):
    network = network_of(tiny_bert, pooling=pooling, dropout=0.0)
    network(IDS, MASK).logits.logsumexp(dim=1).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name


@pytest.mark.parametrize("freeze", ["all", -1])
@pytest.mark.parametrize("pooling", ["head", "mean"])
def test_a_frozen_encoder_leaves_its_head_to_train(tiny_bert, pooling, freeze):
    network = network_of(tiny_bert, pooling=pooling, freeze=freeze)
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    if pooling == "mean":
        assert trained == {"output_layer.weight", "output_layer.bias"}
    else:
        assert {name.split(".")[-2] for name in trained} == {"dense", "classifier"}  # BERT's pooler is of the head
    assert transformer(str(tiny_bert), freeze=freeze).options["freeze"] == "all"


def test_more_frozen_layers_than_there_are_is_refused(tiny_bert):
    network_of(tiny_bert, freeze=2)
    with pytest.raises(InputError, match=r"freeze must be at most 2.*or 'all', got 3"):
        network_of(tiny_bert, freeze=3)


@pytest.mark.parametrize(
    "options", [{"pooling": "mean"}, {"pooling": "cls", "projection": 8, "freeze": "all"}], ids=str
)
def test_a_pooled_folder_loads_without_the_encoder_it_came_from(tiny_bert, tickets, tmp_path, options):
    settings = {"method": "lcm", "dev": 20, "epochs": 1, "max_length": 32, "lr": 1e-3, "device": "cpu"}
    model = sfumato.fit(tickets, model="transformer", encoder=str(tiny_bert), model_options=options, **settings)
    folder = model.save(tmp_path / "model")
    again = sfumato.load(folder)
    texts = [*tickets["text"][:15], ""]
    np.testing.assert_allclose(again.predict_proba(texts), model.predict_proba(texts), atol=1e-6)
    np.testing.assert_allclose(again.features(texts), model.features(texts), atol=1e-6)
    saved = (folder / "config.json").read_text(encoding="utf-8") + (folder / "sfumato.json").read_text(encoding="utf-8")
    assert str(tiny_bert) not in saved
    assert json.loads(saved[: saved.index("\n}\n") + 2])["id2label"]["0"] == model.classes[0]


def test_pooled_texts_longer_than_the_positions_are_cut_and_that_is_said(tiny_bert, tickets):
    texts = [" ".join([text] * 20) for text in tickets["text"]]
    settings = {"method": "baseline", "dev": 0, "epochs": 1, "max_length": 500, "device": "cpu"}
    with pytest.warns(UserWarning, match="cut to 64 tokens, all the positions"):
        model = sfumato.fit(
            (texts, tickets["label"]), model="transformer", encoder=str(tiny_bert), pooling="mean", **settings
        )
    assert model.max_length == 64
    assert len(model.predict(texts)) == len(texts)


def test_a_pooled_folder_is_read_in_silence(tiny_bert, tickets, tmp_path, capfd):
    settings = {"method": "baseline", "dev": 0, "epochs": 1, "max_length": 32, "device": "cpu"}
    model = sfumato.fit(tickets, model="transformer", encoder=str(tiny_bert), pooling="mean", **settings)
    folder = model.save(tmp_path / "model")
    records, handler = [], logging.Handler()
    handler.emit = records.append
    logging.getLogger("transformers").addHandler(handler)
    try:
        capfd.readouterr()
        sfumato.load(folder)
    finally:
        logging.getLogger("transformers").removeHandler(handler)
    said = capfd.readouterr()
    assert ([record.getMessage() for record in records], said.out, said.err) == ([], "", "")


def test_a_pooled_folder_is_refused_by_transformers_and_not_read_by_half(tiny_bert, tickets, tmp_path):
    from transformers import pipeline

    settings = {"method": "baseline", "dev": 0, "epochs": 1, "max_length": 32, "device": "cpu"}
    model = sfumato.fit(tickets, model="transformer", encoder=str(tiny_bert), pooling="max", **settings)
    folder = model.save(tmp_path / "model")
    with pytest.raises(ValueError, match="sfumato-transformer"):
        pipeline("text-classification", str(folder))
    assert "library_name: sfumato" in (folder / "README.md").read_text(encoding="utf-8")


def test_a_damaged_pooled_folder_is_refused(tiny_bert, tickets, tmp_path):
    settings = {"method": "baseline", "dev": 0, "epochs": 1, "max_length": 32, "device": "cpu"}
    model = sfumato.fit(tickets, model="transformer", encoder=str(tiny_bert), pooling="max", **settings)
    folder = model.save(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for broken, said in (({"encoder": {}}, "does not describe an encoder"), ({"projection": 3}, "does not fit")):
        (folder / "config.json").write_text(json.dumps(config | broken), encoding="utf-8")
        with pytest.raises(InputError, match=said):
            sfumato.load(folder)


def test_loading_is_silent(tiny_bert, capfd):
    network_of(tiny_bert)
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_model_without_a_last_layer_of_that_size_is_refused():
    with pytest.raises(InputError, match="no last linear layer of 3 outputs"):
        TransformerClassifier(torch.nn.Linear(4, 2), 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs encoder"),
        ({"encoder": "./no/such/folder"}, "no such folder"),
        ({"encoder": "/no/such/folder"}, "no such folder"),
        ({"encoder": "x/y", "freeze": -2}, "freeze must be at least -1"),
        ({"encoder": "x/y", "freeze": "al"}, "did you mean 'all'"),
        ({"encoder": "x/y", "pooling": "men"}, "did you mean 'mean'"),
        ({"encoder": "x/y", "projection": 64}, "give a pooling: 'cls', 'mean', 'max'"),
        ({"encoder": "x/y", "pooling": "cls", "projection": 0}, "projection must be at least 1"),
        ({"encoder": "x/y", "freeze": 1.5}, "freeze must be a whole number"),
        ({"encoder": "x/y", "dropout": 2}, "dropout must be at least 0 and at most 1"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        transformer(**options)


def test_a_folder_that_holds_no_encoder_is_named(tmp_path):
    with pytest.raises(InputError, match=tmp_path.name):
        transformer(str(tmp_path)).fit_encoder([])


@pytest.mark.slow
@pytest.mark.data
def test_minilm_learns_trec_from_two_thousand_rows(data_folder, minilm):
    import polars

    rows = polars.read_parquet(data_folder / "trec" / "trec.parquet").select("text", "label_coarse", "split")
    train = rows.filter(polars.col("split") == "train").sample(2000, seed=0, shuffle=True)
    test = rows.filter(polars.col("split") == "test")
    model = sfumato.fit(
        train,
        text="text",
        label="label_coarse",
        model="transformer",
        encoder=str(minilm),
        method="label-smoothing",
        epochs=5,
        lr=3e-4,
        max_length=32,
    )
    accuracy = model.evaluate(test, text="text", label="label_coarse").metrics["accuracy"]
    print(f"accuracy {accuracy.value:.4f} ({accuracy.low:.4f} to {accuracy.high:.4f}), dev {model.info['dev']}")
    assert accuracy.value >= 0.90
