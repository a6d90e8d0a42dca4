"""RoBERTa-CNN: an encoder's hidden states, windows over them, the strongest of each filter, the folder."""

import json

import numpy as np
import pytest
import torch

import sfumato
from sfumato.errors import InputError
from sfumato.models.transformer_cnn import transformer_cnn

IDS = torch.tensor([[2, 5, 6, 7, 3], [2, 7, 3, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
SETTINGS = {"dev": 20, "epochs": 1, "max_length": 32, "lr": 1e-3, "device": "cpu", "filters": 5}


def network_of(folder, **options):
    architecture = transformer_cnn(str(folder), **({"filters": 5} | options))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return architecture.build(architecture.fit_encoder([]), 3)


def strongest_by_plain_loops(states, kernel, bias):
    """Largest response over the starts of windows, at least 0; states (L, D), kernel (D, k)."""
    responses = []
    for start in range(len(states)):
        total = bias
        for j in range(len(kernel[0])):
            if start + j < len(states):
                total += sum(states[start + j][d] * kernel[d][j] for d in range(len(kernel)))
        responses.append(total)
    return max(0.0, *responses)


def test_features_equal_plain_loops_over_the_windows_of_each_text(tiny_bert):
    network = network_of(tiny_bert, kernels=(2, 4)).eval()
    with torch.no_grad():
        states = network.encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state.tolist()
        output = network(IDS, MASK)
    for row, length in enumerate([5, 3]):
        expected = [
            strongest_by_plain_loops(states[row][:length], convolution.weight[f].tolist(), convolution.bias[f].item())
            for convolution in network.convolutions
            for f in range(5)
        ]
        torch.testing.assert_close(output.features[row], torch.tensor(expected), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.output_layer(output.features), output.logits)


def test_padding_never_wins_and_a_text_without_it_answers_alike(tiny_bert):
    network = network_of(tiny_bert).eval()
    states, mask = torch.full((1, 5, 16), -1.0), torch.tensor([[1, 1, 0, 0, 0]])
    with torch.no_grad():
        padded = network.responses(states, mask)
        states[:, 2:] = 1e6
        torch.testing.assert_close(network.responses(states, mask), padded)
        torch.testing.assert_close(network.responses(states[:, :2], mask[:, :2]), padded)
        left = network.responses(states.flip(1), mask.flip(1))
        assert not torch.equal(network.responses(states, torch.ones_like(mask)), padded)
    torch.testing.assert_close(left, padded)
    nothing = network.responses(states, torch.zeros_like(mask))
    assert (nothing == 0).all()


def test_every_parameter_gets_a_gradient_and_frozen_ones_do_not(tiny_bert):
    network = network_of(tiny_bert, dropout=0.0)
    network(IDS, MASK).logits.logsumexp(dim=1).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    frozen = network_of(tiny_bert, freeze="all", frozen_dropout=False)
    assert {name.split(".")[0] for name, p in frozen.named_parameters() if p.requires_grad} == {
        *("convolutions", "output_layer")
    }
    assert not any(part.training for part in frozen.train().encoder.modules() if part is not frozen.encoder)


@pytest.mark.parametrize("method", ["baseline", "lcm"])
def test_a_folder_loads_without_the_encoder_it_came_from_and_answers_alike(tiny_bert, tickets, tmp_path, method):
    model = sfumato.fit(tickets, model="transformer-cnn", encoder=str(tiny_bert), method=method, **SETTINGS)
    folder = model.save(tmp_path / "model")
    again = sfumato.load(folder)
    texts = [*tickets["text"][:15], ""]
    np.testing.assert_allclose(again.predict_proba(texts), model.predict_proba(texts), atol=1e-6)
    assert again.features(texts).shape == (16, 15)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["model_type"], config["kernels"], config["filters"]) == ("sfumato-transformer-cnn", [2, 3, 4], 5)
    saved = (folder / "sfumato.json").read_text(encoding="utf-8")
    assert str(tiny_bert) not in saved + json.dumps(config)
    resaved = sfumato.load(again.save(tmp_path / "again"))
    np.testing.assert_allclose(resaved.predict_proba(texts), model.predict_proba(texts), atol=1e-6)


def test_the_answer_does_not_depend_on_the_batch_of_a_text(tiny_bert, tickets):
    model = sfumato.fit(tickets, model="transformer-cnn", encoder=str(tiny_bert), method="baseline", **SETTINGS)
    texts = tickets["text"][:8]
    alone = np.concatenate([model.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(model.predict_proba(texts), alone, atol=1e-5)


def test_a_damaged_folder_is_refused(tiny_bert, tickets, tmp_path):
    model = sfumato.fit(tickets, model="transformer-cnn", encoder=str(tiny_bert), method="baseline", **SETTINGS)
    folder = model.save(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for broken, said in (({"encoder": {}}, "does not describe an encoder"), ({"filters": 3}, "does not fit")):
        (folder / "config.json").write_text(json.dumps(config | broken), encoding="utf-8")
        with pytest.raises(InputError, match=said):
            sfumato.load(folder)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "transformer-cnn needs encoder"),
        ({"encoder": "/no/such/folder"}, "no such folder"),
        ({"encoder": "x/y", "kernels": ()}, "transformer-cnn: kernels must have at least one width"),
        ({"encoder": "x/y", "filters": 0}, "filters must be at least 1"),
        ({"encoder": "x/y", "dropout": 2}, "dropout must be at least 0 and at most 1"),
        ({"encoder": "x/y", "freeze": "al"}, "did you mean 'all'"),
        ({"encoder": "x/y", "frozen_dropout": False}, "transformer-cnn: frozen_dropout=False needs frozen layers"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused(options, said):
    with pytest.raises(InputError, match=said):
        transformer_cnn(**options)
