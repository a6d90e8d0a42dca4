"""Runs on copies: dev and test never hold one, each repeat draws its own, and a comparison shows plain copies."""

from dataclasses import replace

import fake_training as fake
import numpy as np
import pytest

from sfumato import METHODS, MODELS, InputError, compare, fit, soften
from sfumato.architecture import Training
from sfumato.cli.comparison_words import CONTROLS, verdict
from sfumato.data import Examples
from sfumato.given_targets import on_given_targets
from sfumato.methods.augmented import inputs_once
from sfumato.reproduction.metric_names import EVERY_CONTROL
from sfumato.reproduction.render import controls_of
from sfumato.run import train_model

SHORT = Training(epochs=2, batch_size=16, lr=1e-2, max_length=16)


def split():
    examples = Examples.from_labels(*fake.texts_and_labels(90))
    return examples.take(range(60)), examples.take(range(60, 90))


def watched(method):
    """Return the method with a last step that keeps what was prepared, and the list of it."""
    seen = []

    def keep(examples):
        seen.append(examples)
        return examples

    return replace(method, transforms=(*method.transforms, keep)), seen


def trained_on(model, seed=0, name="aeda", **options):
    train, dev = split()
    method, seen = watched(METHODS[name](copies=2, **options))
    before = list(dev.inputs)
    architecture = MODELS["textcnn"](kernels=(2,), filters=4, dim=4) if model == "textcnn" else MODELS["linear"]()
    training = SHORT if model == "textcnn" else architecture.training
    trained = train_model(train, dev, architecture=architecture, method=method, training=training, seed=seed)
    assert list(dev.inputs) == before
    return trained, seen, train, dev


def test_a_network_trains_on_copies_of_train_alone_and_dev_stays_as_it_is():
    trained, (prepared,), train, dev = trained_on("textcnn")
    assert len(prepared) == 3 * len(train)
    assert not set(dev.ids.tolist()) & set(prepared.ids.tolist())
    assert not set(dev.inputs) & set(prepared.inputs)
    assert len(trained.dev_predicted) == len(dev)
    assert trained.steps == 2 * -(-len(prepared) // 16)
    assert trained.copied["made"] == 2 * len(train)
    assert trained.copied["unchanged"] == 0


def test_linear_measures_dev_as_it_is_and_only_then_trains_on_train_and_dev_with_copies_of_both():
    trained, (chosen, refitted), train, dev = trained_on("linear")
    assert not set(dev.ids.tolist()) & set(chosen.ids.tolist())
    assert len(chosen) == 3 * len(train)
    assert len(refitted) == 3 * (len(train) + len(dev))
    assert set(dev.ids.tolist()) < set(refitted.ids.tolist())
    assert trained.refitted
    assert len(trained.dev_predicted) == len(dev)


def test_repeats_draw_copies_of_their_own_unless_the_method_has_a_seed():
    inputs = [trained_on("textcnn", seed=seed)[1][0].inputs for seed in (0, 1)]
    assert inputs[0][:60] == inputs[1][:60]
    assert inputs[0][60:] != inputs[1][60:]


def test_a_method_with_a_seed_of_its_own_gives_each_repeat_the_same_copies():
    inputs = [METHODS["aeda"](seed=5).prepare(split()[0], seed=seed).inputs for seed in (0, 1)]
    assert inputs[0] == inputs[1]


def test_a_model_says_how_many_copies_it_learned_from_and_what_they_are():
    texts, labels = fake.texts_and_labels(60)
    info = fit({"text": texts, "label": labels}, method="lcda-text", method_options={"copies": 2}).info
    assert info["copies"] == {"made": 2 * info["rows"]["train"], "unchanged": 0}  # linear copies dev too, in the end
    assert any("reconstruction" in note for note in info["notes"])
    plain = fit({"text": texts, "label": labels}, method="baseline").info
    assert "copies" not in plain


def test_given_soft_targets_are_carried_to_the_copies():
    texts, labels = fake.texts_and_labels(30)
    given = Examples.from_labels(texts, labels)
    soft = METHODS["label-smoothing"](0.3).prepare(given)
    made = on_given_targets(METHODS["aeda"](copies=1)).prepare(soft)
    assert np.array_equal(made.targets.dense(), np.tile(soft.targets.dense(), (2, 1)))
    assert made.inputs[30:] != made.inputs[:30]


@pytest.mark.slow
def test_a_comparison_shows_plain_copies_beside_each_method_that_makes_some(tmp_path):
    methods = [METHODS[name]() for name in ("baseline", "aeda", "softeda")]
    quiet = {"train": fake.train, "echo": lambda line: None, "models": [fake.architecture()], "seeds": 2, "jobs": 1}
    texts, labels = fake.texts_and_labels(150)
    found = compare({"text": texts, "label": labels}, methods=methods, output=tmp_path, **quiet)
    names = [(row["method"], row["control"]) for row in found.rows]
    expected = [("baseline", ""), ("aeda", ""), ("aeda", "plain-copies"), ("softeda", "")]
    assert names == [*expected, ("softeda", "uniform"), ("softeda", "plain-copies")]
    against = [(one["method"], one["against"]) for one in found.differences]
    assert ("aeda", "plain-copies") in against
    assert "vs_plain_copies" in found.rows[1]
    assert "plain-copies" in found.to_markdown()
    assert "from their controls" in verdict(found.rows, found.differences, 0, len(found.lines))


def test_wherever_controls_are_listed_plain_copies_are():
    assert "plain-copies" in CONTROLS
    assert "plain-copies" in EVERY_CONTROL


@pytest.mark.parametrize(
    ("have", "shown"),
    [
        (["", "plain-copies"], ("plain-copies",)),
        (["", "uniform", "plain-copies"], ("uniform", "class-mean", "shuffled", "plain-copies")),
        (["", "uniform"], ("uniform", "class-mean", "shuffled")),
        ([""], ("uniform", "class-mean", "shuffled")),
    ],
)
def test_a_table_shows_the_controls_that_it_has(have, shown):
    assert controls_of({"rows": [{"control": name} for name in have]}) == shown


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("aeda", "sfumato augment"),
        ("softeda", "its soft labels are made there"),
        ("lcda", "sfumato compare` take lcda"),
    ],
)
def test_soften_refuses_a_method_that_adds_rows_and_says_what_to_do(name, said):
    with pytest.raises(InputError, match=f"{name} adds copies of the rows.*{said}"):
        soften(["a b", "b c"], ["x", "y"], name)


@pytest.mark.parametrize("model", ["linear", "textcnn", "bag"])
def test_the_vocabulary_is_that_of_the_rows_whatever_copies_there_are(model):
    rng = np.random.default_rng(0)
    texts = [f"{'good' if row % 2 else 'bad'} w{rng.integers(150)} w{rng.integers(150)}" for row in range(300)]
    labels = ["a", "b"] * 150

    def size(method):
        made = fit((texts, labels), model=model, method=method, dev=0, epochs=None if model == "linear" else 1)
        return sum(parameter.numel() for parameter in made.network.parameters())

    plain = METHODS["aeda"](copies=4)
    copies = replace(plain, name="plain", transforms=tuple(step.plain() for step in plain.transforms))
    assert size(copies) == size(METHODS["baseline"]())
    assert size(plain) > size(copies)  # the marks are words that models know


def test_each_row_is_read_once_in_one_of_its_versions_in_turn():
    rows = Examples.from_labels(["a", "b", "c", "d"], ["x", "y", "x", "y"])
    texts = [f"{letter}{copy}" for copy in range(3) for letter in "abcd"]
    made = replace(rows.take(np.tile(np.arange(4), 3)), inputs=texts, copy=np.repeat(np.arange(3), 4))
    assert inputs_once(made) == ["a0", "b1", "c2", "d0"]
    assert inputs_once(rows) == rows.inputs
