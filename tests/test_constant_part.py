"""A wholly frozen encoder reads each row once in a run, and what is trained above it does not notice."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import sfumato.train as loop_module
from sfumato import METHODS
from sfumato.architecture import Training
from sfumato.checkpoint import Checkpoint
from sfumato.constant_part import Computed, computed_once
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.models import pooled_transformer
from sfumato.models.recent_states import RecentStates
from sfumato.models.transformer import transformer
from sfumato.run import train_model

CPU = torch.device("cpu")
STILL = {"freeze": "all", "frozen_dropout": False}
TRAINING = Training(epochs=4, batch_size=8, lr=1e-2, max_length=32)


@pytest.fixture(scope="module")
def split(tickets):
    examples = Examples.from_labels(tickets["text"], tickets["label"])
    return examples.take(range(60)), examples.take(range(60, 90))


@pytest.fixture
def in_float32(monkeypatch):
    monkeypatch.setattr(loop_module, "precision", lambda device: "no")


def run(split, folder, method="label-smoothing", *, training=TRAINING, checkpoint=None, **options):
    return train_model(
        *split,
        architecture=transformer(str(folder), **options),
        method=METHODS[method](),
        training=training,
        device="cpu",
        threads=1,
        checkpoint=checkpoint,
    )


def network_of(folder, **options):
    architecture = transformer(str(folder), **options)
    return architecture.build(architecture.fit_encoder([]), 3)


def rows_read(monkeypatch, split, folder, epochs, **options):
    """Return how many rows the encoder reads in a run, those that calibrate included."""
    from transformers import BertModel

    seen, forward = [], BertModel.forward

    def counted(self, input_ids=None, **rest):
        seen.append(len(input_ids))
        return forward(self, input_ids=input_ids, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(BertModel, "forward", counted)
        patch.setattr(pooled_transformer, "STATES", RecentStates())  # as in a process of its own
        run(split, folder, "baseline", training=replace(TRAINING, epochs=epochs), **options)
    return sum(seen)


@pytest.mark.slow
def test_the_encoder_reads_a_row_once_in_a_run_and_else_once_an_epoch(split, tiny_bert, monkeypatch):
    once = {epochs: rows_read(monkeypatch, split, tiny_bert, epochs, pooling="mean", **STILL) for epochs in (1, 3)}
    assert once == {1: 60 + 30, 3: 60 + 30}  # train and dev
    others = [{"freeze": "all"}, {"freeze": 1, "frozen_dropout": False}]
    for options in others:
        each = rows_read(monkeypatch, split, tiny_bert, 3, pooling="mean", **options)
        assert each == 3 * (60 + 30) + 30


@pytest.mark.parametrize("options", [{"pooling": "mean"}, {"pooling": "cls", "projection": 8}], ids=str)
@pytest.mark.parametrize("method", ["label-smoothing", "lcm"])
def test_the_numbers_are_those_of_reading_every_row_at_every_epoch(
    split, tiny_bert, monkeypatch, in_float32, method, options
):
    once = run(split, tiny_bert, method, **STILL, **options)
    monkeypatch.setattr(loop_module, "computed_once", lambda model, encoded, **rest: encoded)
    again = run(split, tiny_bert, method, **STILL, **options)
    assert len(once.history) == len(again.history) == 4
    for ours, theirs in zip(once.history, again.history, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    states = (once.objective.state_dict(), again.objective.state_dict())
    for name in states[0]:
        torch.testing.assert_close(states[0][name], states[1][name], rtol=1e-3, atol=1e-4, msg=name)
    assert once.history[0]["loss"] != once.history[1]["loss"]


def test_the_head_still_drops_out_and_only_the_frozen_layers_do_not(tiny_bert):
    def dropping(**options):
        network = network_of(tiny_bert, **options).train()
        parts = {name: module.training for name, module in network.named_modules() if isinstance(module, nn.Dropout)}
        kinds = ("embeddings", "layer.0", "layer.1")
        found = {kind: {on for name, on in parts.items() if kind in name} for kind in kinds}
        head = {on for name, on in parts.items() if not any(kind in name for kind in kinds)}
        return [*found.values(), head]

    on, off = {True}, {False}
    for pooling in ("head", "mean"):
        assert dropping(pooling=pooling, **STILL) == [off, off, off, on]
        assert dropping(pooling=pooling, freeze="all") == [on, on, on, on]
        assert dropping(pooling=pooling, freeze=1, frozen_dropout=False) == [off, off, on, on]
    assert not any(module.training for module in network_of(tiny_bert, **STILL).train().eval().modules())


def test_rows_are_computed_in_their_order_and_can_be_learned_from(split, tiny_bert):
    architecture = transformer(str(tiny_bert), pooling="max", **STILL)
    encoder = architecture.fit_encoder([])
    network, encoded = architecture.build(encoder, 3), encoder.encode(split[0].inputs, 32)
    for size in (1, 7, 100):
        computed = computed_once(network, encoded, batch_size=size, device=CPU)
        assert isinstance(computed, Computed)
        assert len(computed) == 60
        rows = np.array([40, 3, 3])
        inputs = {name: torch.as_tensor(value) for name, value in encoded.batch(rows).items()}
        torch.testing.assert_close(computed.batch(rows)["pooled"], network.pooled(**inputs), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(computed.lengths, encoded.lengths)
    network(**computed.batch(rows)).logits.sum().backward()
    assert network.output_layer.weight.grad.abs().sum() > 0
    changing = network_of(tiny_bert, pooling="max", freeze="all")
    assert computed_once(changing, encoded, batch_size=8, device=CPU) is encoded


def test_a_run_that_goes_on_ends_as_an_unbroken_one(split, tiny_bert, tmp_path):
    options = {"pooling": "mean", **STILL}
    unbroken = run(split, tiny_bert, **options)
    kept = Checkpoint(tmp_path / "kept")
    run(split, tiny_bert, checkpoint=kept, **options)
    again = run(split, tiny_bert, checkpoint=replace(kept, resume=True), **options)
    assert again.history == unbroken.history


def test_a_saved_model_needs_nothing_of_it(split, tiny_bert, tmp_path):
    import sfumato

    model = run(split, tiny_bert, pooling="mean", **STILL).model
    model.save(tmp_path / "model")
    again = sfumato.load(tmp_path / "model")
    np.testing.assert_allclose(
        again.predict_proba(split[1].inputs), model.predict_proba(split[1].inputs), rtol=1e-4, atol=1e-6
    )


def test_the_option_is_named_only_where_it_is_set_and_refused_where_it_means_nothing(tiny_bert):
    assert "frozen_dropout" not in transformer(str(tiny_bert), freeze="all").options
    assert transformer(str(tiny_bert), **STILL).options["frozen_dropout"] is False
    with pytest.raises(InputError, match="frozen_dropout=False needs frozen layers"):
        transformer(str(tiny_bert), frozen_dropout=False)
    with pytest.raises(InputError, match="frozen_dropout must be true or false, got 0"):
        transformer(str(tiny_bert), freeze="all", frozen_dropout=0)
