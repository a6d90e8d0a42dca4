"""TextCNN by the book: plain loops and torch's own convolution on texts without padding."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sfumato import MODELS
from sfumato.encode import train_tokenizer
from sfumato.errors import InputError
from sfumato.models.textcnn import TextCNN, textcnn, textcnn_lcm

SETTINGS = pytest.mark.parametrize("kernels", [(2,), (3, 4, 5), (1, 7)], ids=str)
LENGTHS = [6, 1, 9, 3]
VOCABULARY = 20


@pytest.fixture(autouse=True)
def own_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def network_of(kernels, **options):
    network = TextCNN(VOCABULARY, 3, kernels=kernels, filters=4, dim=5, **options).eval()
    with torch.no_grad():
        network.bias.uniform_(-0.5, 0.5)
    return network


def ids_of_each():
    generator = np.random.default_rng(1)
    return [generator.integers(1, VOCABULARY, size=length).tolist() for length in LENGTHS]


def padded(rows, width=None):
    width = width or max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


def by_the_book(network, ids):
    """Kim, section 2: c_i = f(w . x_{i:i+h-1} + b), then the maximum over i; a window starts inside the text."""
    vectors = network.embedding.weight.detach().tolist()
    zero = [0.0] * network.dim
    result = []
    for number, h in enumerate(network.kernels):
        w = network.weights[number].detach().tolist()  # (h * dim, filters)
        for f in range(network.filters):
            b = network.bias.detach().tolist()[number * network.filters + f]
            best = -math.inf
            for i in range(len(ids)):
                c = b
                for j in range(h):
                    x = vectors[ids[i + j]] if i + j < len(ids) else zero
                    for d in range(network.dim):
                        c += w[j * network.dim + d][f] * x[d]
                best = max(best, max(c, 0.0))
            result.append(best)
    return result


@SETTINGS
def test_responses_equal_plain_loops_over_windows(kernels):
    network = network_of(kernels)
    rows = ids_of_each()
    expected = [by_the_book(network, row) for row in rows]
    np.testing.assert_allclose(network.responses(padded(rows)).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@SETTINGS
def test_responses_equal_the_convolution_of_torch_on_the_text_alone(kernels):
    network = network_of(kernels)
    rows = ids_of_each()
    together = network.responses(padded(rows))
    for number, ids in enumerate(rows):
        vectors = network.embedding(torch.tensor([ids])).transpose(1, 2)  # (1, dim, L)
        expected = []
        for k, (width, matrix) in enumerate(zip(network.kernels, network.weights, strict=True)):
            filters = matrix.view(width, network.dim, network.filters).permute(2, 1, 0)  # (filters, dim, width)
            bias = network.bias[k * network.filters : (k + 1) * network.filters]
            expected.append(F.conv1d(F.pad(vectors, (0, width - 1)), filters, bias).relu().amax(dim=2)[0])
        torch.testing.assert_close(together[number], torch.cat(expected), rtol=1e-4, atol=1e-5)


@SETTINGS
def test_the_answer_does_not_depend_on_the_padding(kernels):
    network = network_of(kernels)
    rows = ids_of_each()
    wide = network(padded(rows, width=30))
    for number, row in enumerate(rows):
        alone = network(padded([row]))
        torch.testing.assert_close(wide.logits[number], alone.logits[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(wide.features[number], alone.features[0], rtol=1e-4, atol=1e-5)


@SETTINGS
def test_gradients_equal_those_of_the_convolution_of_torch(kernels):
    network = network_of(kernels)
    rows, target = ids_of_each(), torch.tensor([0, 2, 1, 0])
    F.cross_entropy(network(padded(rows, width=12)).logits, target).backward()
    ours = {name: p.grad.clone() for name, p in network.named_parameters()}
    network.zero_grad()
    pooled = []
    for ids in rows:
        vectors = network.embedding(torch.tensor([ids])).transpose(1, 2)
        for k, (width, matrix) in enumerate(zip(network.kernels, network.weights, strict=True)):
            filters = matrix.view(width, network.dim, network.filters).permute(2, 1, 0)
            bias = network.bias[k * network.filters : (k + 1) * network.filters]
            pooled.append(F.conv1d(F.pad(vectors, (0, width - 1)), filters, bias).relu().max(dim=2).values[0])
    features = torch.cat(pooled).view(len(rows), -1)
    F.cross_entropy(network.output_layer(features), target).backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_the_answer_with_and_without_gradients_is_the_same():
    network = network_of((2, 3))
    with torch.no_grad():
        expected = network(padded(ids_of_each())).logits
    torch.testing.assert_close(network(padded(ids_of_each())).logits, expected, rtol=0, atol=1e-6)


def test_all_widths_in_one_product_equal_one_product_each():
    network = network_of((3, 4, 5))
    assert network.groups == [(3, 4, 5)]
    shared = network.responses(padded(ids_of_each()))
    network.groups = [(3,), (4,), (5,)]
    torch.testing.assert_close(network.responses(padded(ids_of_each())), shared, rtol=1e-4, atol=1e-5)


def test_very_different_widths_do_not_share_a_product():
    assert network_of((3, 10, 25)).groups == [(3,), (10,), (25,)]


def test_an_empty_text_answers_with_the_bias_alone():
    network = network_of((2, 3))
    expected = F.relu(network.bias)
    torch.testing.assert_close(network.responses(padded([[], [4, 5]], width=2))[0], expected)


def test_a_text_shorter_than_every_filter_is_read():
    network = network_of((5,))
    one, other = network.responses(padded([[3], [4]]))
    assert not torch.equal(one, other)


def test_features_are_what_the_last_layer_reads():
    for hidden in (None, 7):
        network = network_of((2, 3), hidden=hidden)
        output = network(padded(ids_of_each()))
        assert output.features.shape == (4, network.output_layer.in_features)
        torch.testing.assert_close(network.output_layer(output.features), output.logits)


def test_dropout_acts_in_training_only():
    network = network_of((2, 3), dropout=0.9)
    batch = padded(ids_of_each())
    torch.testing.assert_close(network(batch).logits, network(batch).logits)
    network.train()
    assert not torch.equal(network(batch).logits, network(batch).logits)


@SETTINGS
def test_every_parameter_gets_a_gradient_and_padding_gets_none(kernels):
    network = network_of(kernels).train()
    network.dropout.p = 0.0
    with torch.no_grad():
        network.bias.fill_(5.0)  # every filter passes the rectifier
    network(padded(ids_of_each())).logits.logsumexp(dim=1).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert network.embedding.weight.grad[0].abs().sum() == 0


def test_the_vector_of_padding_is_zero():
    assert network_of((3,)).embedding.weight[0].abs().sum() == 0


def test_the_preset_has_the_sizes_of_the_lcm_paper():
    architecture = textcnn_lcm()
    network = architecture.build(train_tokenizer(["a b c"]), 4)
    assert network.kernels == (3, 10, 25)
    assert [tuple(w.shape) for w in network.weights] == [(3 * 64, 100), (10 * 64, 100), (25 * 64, 100)]
    assert network.output_layer.in_features == 64


def test_a_single_number_is_one_kernel_and_the_options_rebuild_the_architecture():
    built = textcnn(2, filters=6)
    assert built.options["kernels"] == [2]
    assert MODELS.build("textcnn", built.options).options == built.options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernels": (0,)}, "kernels must be at least 1"),
        ({"filters": 0}, "filters must be at least 1"),
        ({"dropout": 1.5}, "dropout must be at least 0 and at most 1"),
        ({"dim": "x"}, "dim must be a number, got 'x'"),
        ({"kernels": "abc"}, "kernels must be"),
        ({"kernels": ()}, "at least one"),
        ({"filters": 2.5}, "whole number"),
        ({"hidden": -3}, "hidden must be at least 1"),
        ({"vocabulary": 0}, "vocabulary must be at least"),
        ({"unit": "words"}, "did you mean 'word'"),
    ],
    ids=str,
)
def test_an_option_out_of_range_is_refused_with_its_value(options, said):
    with pytest.raises(InputError, match=said):
        textcnn(**options)
