"""LSTM by the book: the cell's equations with plain loops, the last state of the text."""

import math

import numpy as np
import pytest
import torch

from sfumato.models.lstm import LSTMClassifier, drop_alike, states_at_the_end, text_lengths
from sfumato.models.textrnn import TextRNN, reversed_order, turn_round

ROWS = [[3, 5, 2, 7, 4], [6], [2, 9, 8]]
VOCABULARY = 12


@pytest.fixture(autouse=True)
def own_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def padded(rows, width=None):
    width = width or max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def states_by_the_book(layer, vectors):
    """Liu, Qiu, Huang, section 2: input, forget and output gates and the new cell, one number at a time."""
    size = layer.hidden_size
    w, u = layer.weight_ih_l0.tolist(), layer.weight_hh_l0.tolist()
    b = (layer.bias_ih_l0 + layer.bias_hh_l0).tolist()
    h, c = [0.0] * size, [0.0] * size
    states = []
    for x in vectors:
        raw = [
            b[k] + sum(w[k][i] * x[i] for i in range(len(x))) + sum(u[k][j] * h[j] for j in range(size))
            for k in range(4 * size)
        ]
        for j in range(size):
            i, f, o = sigmoid(raw[j]), sigmoid(raw[size + j]), sigmoid(raw[3 * size + j])
            c[j] = f * c[j] + i * math.tanh(raw[2 * size + j])
            h[j] = o * math.tanh(c[j])
        states.append(list(h))
    return states


def shaken(network):
    """Give every bias a value of its own."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-1, 1)
    return network.eval()


def test_features_are_the_state_after_the_last_word_of_each_text():
    network = shaken(LSTMClassifier(VOCABULARY, 3, hidden=4, dim=3))
    vectors = network.embedding.weight.tolist()
    features = network(padded(ROWS)).features.detach().numpy()
    for row, ids in enumerate(ROWS):
        expected = states_by_the_book(network.recurrent, [vectors[i] for i in ids])[-1]
        np.testing.assert_allclose(features[row], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooling", ["last", "max", "mean"])
def test_textrnn_reads_each_text_from_both_of_its_own_ends(pooling):
    network = shaken(TextRNN(VOCABULARY, 3, hidden=4, dim=3, pooling=pooling))
    vectors = network.embedding.weight.tolist()
    features = network(padded(ROWS)).features.detach().numpy()
    for row, ids in enumerate(ROWS):
        words = [vectors[i] for i in ids]
        right = states_by_the_book(network.rightwards[0], words)
        left = states_by_the_book(network.leftwards[0], words[::-1])[::-1]
        both = list(zip(*(r + k for r, k in zip(right, left, strict=True)), strict=True))
        pooled = {
            "last": right[-1] + left[0],
            "max": [max(column) for column in both],
            "mean": [sum(column) / len(ids) for column in both],
        }
        np.testing.assert_allclose(features[row], pooled[pooling], rtol=1e-4, atol=1e-6)


def test_textrnn_equals_the_packed_bidirectional_lstm_of_torch():
    network = shaken(TextRNN(VOCABULARY, 3, hidden=4, dim=3, layers=2, pooling="last"))
    peer = torch.nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True)
    parts = {"": network.rightwards, "_reverse": network.leftwards}
    state = {
        f"{name.removesuffix('_l0')}_l{layer}{suffix}": tensor
        for suffix, layers in parts.items()
        for layer, module in enumerate(layers)
        for name, tensor in module.state_dict().items()
    }
    peer.load_state_dict(state)
    ids = padded(ROWS, width=9)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        network.embedding(ids), [5, 1, 3], batch_first=True, enforce_sorted=False
    )
    _, (last, _) = peer(packed)  # (layers * 2, B, hidden)
    torch.testing.assert_close(network(ids).features, torch.cat([last[2], last[3]], dim=1), rtol=1e-4, atol=1e-6)


def test_a_text_is_turned_round_and_its_padding_stays_behind_it():
    lengths = torch.tensor([5, 1, 3])
    order = reversed_order(lengths, 6)
    states = padded(ROWS, width=6).unsqueeze(2)
    turned = turn_round(states, order)
    assert turned.squeeze(2).tolist() == padded([row[::-1] for row in ROWS], width=6).tolist()
    assert torch.equal(turn_round(turned, order), states)


def test_the_end_is_that_of_the_text():
    ids = padded([[4, 5, 6], [4], []], width=4)
    lengths = text_lengths(ids)
    assert lengths.tolist() == [3, 1, 1]
    states = torch.arange(12).view(3, 4, 1)
    assert states_at_the_end(states, lengths).squeeze(1).tolist() == [2, 4, 8]


def test_the_order_of_the_words_matters():
    network = LSTMClassifier(VOCABULARY, 3, hidden=4, dim=3).eval()
    one, other = network(torch.tensor([[3, 4, 5], [5, 4, 3]])).features
    assert not torch.allclose(one, other)


def test_every_gate_of_forgetting_starts_open_and_no_other_bias_does():
    for layer in (LSTMClassifier(VOCABULARY, 3, hidden=4).recurrent, TextRNN(VOCABULARY, 3, hidden=4).leftwards[0]):
        assert (layer.bias_ih_l0 + layer.bias_hh_l0).view(4, 4).mean(dim=1).tolist() == [0, 1, 0, 0]


def test_a_text_drops_the_same_numbers_at_each_of_its_words_and_texts_drop_different_ones():
    kept = drop_alike(torch.ones(50, 7, 64), torch.nn.Dropout(0.25))
    assert torch.equal(kept, kept[:, :1].expand(-1, 7, -1))
    assert len(kept[:, 0].unique(dim=0)) == 50
    assert kept.unique().tolist() == pytest.approx([0, 4 / 3])
    assert kept.mean().item() == pytest.approx(1, abs=0.1)
    states = torch.rand(2, 3, 4)
    assert torch.equal(drop_alike(states, torch.nn.Dropout(0.25).eval()), states)
