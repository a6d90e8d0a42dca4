"""A frozen encoder reads a batch once in a process, whichever run asks, and never gives what other weights said."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from sfumato.models import pooled_transformer
from sfumato.models.recent_states import RecentStates, Weights, batch_key
from sfumato.models.transformer import transformer

STILL = {"freeze": "all", "frozen_dropout": False, "pooling": "mean"}


@pytest.fixture
def states(monkeypatch):
    own = RecentStates()
    monkeypatch.setattr(pooled_transformer, "STATES", own)
    return own


def network(folder, **options):
    architecture = transformer(str(folder), **options)
    return architecture.build(architecture.fit_encoder([]), 3)


def batch(*rows):
    return torch.tensor(rows), torch.ones(len(rows), len(rows[0]), dtype=torch.int64)


def counted(network):
    calls = []
    network.encoder.register_forward_hook(lambda *_: calls.append(1))
    return calls


def read(network, rows, *, grad=False):
    with torch.set_grad_enabled(grad):
        return network.pooled(*rows)


def test_a_second_network_of_the_same_encoder_reads_nothing_again(tiny_bert, states):
    first, second = network(tiny_bert, **STILL), network(tiny_bert, **STILL)
    calls, others = counted(first), counted(second)
    rows, more = batch([2, 5, 6, 3], [2, 7, 8, 3]), batch([2, 5, 6, 3], [2, 7, 9, 3])
    said = read(first, rows)
    assert torch.equal(read(second, rows), said)
    assert not torch.equal(read(second, more), said)
    assert (len(calls), len(others)) == (1, 1)
    said.zero_()  # a copy
    assert read(first, rows).abs().sum() > 0
    assert len(calls) == 1


def test_what_learns_is_read_each_time(tiny_bert, states):
    rows = batch([2, 5, 6, 3])
    for options, grad in ((STILL, True), ({"freeze": "all", "pooling": "mean"}, False), ({"pooling": "mean"}, False)):
        given = network(tiny_bert, **options)
        calls = counted(given.eval())
        for _ in range(2):
            read(given, rows, grad=grad)
        assert len(calls) == 2


def test_weights_that_were_written_to_are_other_weights(tiny_bert, states):
    given, rows = network(tiny_bert, **STILL), batch([2, 5, 6, 3])
    before = read(given, rows)
    with torch.no_grad():
        next(given.encoder.parameters()).add_(1.0)
    after = read(given, rows)
    assert not torch.equal(before, after)
    assert torch.equal(read(network(tiny_bert, **STILL), rows), before)


def test_a_mask_another_pooling_and_another_precision_are_told_apart(tiny_bert, states):
    given, (ids, mask) = network(tiny_bert, **STILL), batch([2, 5, 6, 3])
    other = network(tiny_bert, **{**STILL, "pooling": "cls"})
    calls, others = counted(given), counted(other)
    read(given, (ids, mask))
    read(given, (ids, torch.tensor([[1, 1, 0, 0]])))
    with torch.autocast("cpu", torch.bfloat16):
        read(given, (ids, mask))
    assert len(calls) == 3
    read(other, (ids, mask))
    assert len(others) == 1


def test_what_was_not_asked_for_longest_goes_first():
    kept, made = RecentStates(most=3 * 40), []

    def ask(number):
        inputs = [torch.tensor([number])]
        return kept.of("weights", inputs, lambda: made.append(number) or torch.full((10,), float(number)))

    for number in (1, 2, 3, 1, 4):  # the fourth puts the second out
        assert ask(number)[0] == number
    ask(1), ask(2)
    assert made == [1, 2, 3, 4, 2]


def test_threads_that_read_the_same_batch_count_it_once():
    kept, together = RecentStates(most=3 * 40), Barrier(2)

    def read_at_once(_):
        return kept.of("weights", [torch.tensor([1])], lambda: together.wait() * 0 + torch.ones(10))

    with ThreadPoolExecutor(2) as pool:
        assert all(found.sum() == 10 for found in pool.map(read_at_once, range(2)))
    calls = []
    for number in (1, 2, 3, 1):  # three fit, since the first counts once
        kept.of("weights", [torch.tensor([number])], lambda: calls.append(1) or torch.ones(10))
    assert len(calls) == 2


def test_an_encoder_with_other_settings_is_another_one(tiny_bert):
    one, other = (network(tiny_bert, **STILL).encoder for _ in range(2))
    before = Weights(one).digest()
    assert Weights(other).digest() == before
    other.config.num_attention_heads = 1  # same weights, read otherwise
    assert Weights(other).digest() != before


def test_a_hash_is_of_values_shapes_and_types():
    one = batch_key("w", [torch.tensor([[1, 2]])])
    assert one == batch_key("w", [torch.tensor([[1, 2]])])
    for other in (torch.tensor([[1], [2]]), torch.tensor([[1, 2]], dtype=torch.int32), torch.tensor([[1, 3]])):
        assert batch_key("w", [other]) != one
    assert batch_key("v", [torch.tensor([[1, 2]])]) != one
    layer = torch.nn.BatchNorm1d(2)  # has buffers, one of them a single number
    weights = Weights(layer)
    before = weights.digest()
    assert weights.digest() == before
    layer.running_mean.add_(1)
    assert weights.digest() != before
