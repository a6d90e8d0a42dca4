"""`fit` as its users call it: tables, labels, dev rows, soft targets, and options that go astray."""

import json

import numpy as np
import pytest

import sfumato
from sfumato import METHODS, MODELS
from sfumato.data import Examples
from sfumato.description import learned_nothing
from sfumato.errors import InputError
from sfumato.softening import SoftTargets
from sfumato.targets import DenseTargets

SMALL = {
    "model": "textcnn",
    "model_options": {"kernels": (2, 3), "filters": 8, "dim": 8},
    "epochs": 2,
    "lr": 1e-2,
    "batch_size": 32,
}


def fit(data, **options):
    return sfumato.fit(data, **(SMALL | {"method": "baseline"} | options))


def test_a_small_table_gives_a_model_that_knows_what_it_was_made_from(tickets):
    model = fit(tickets, epochs=8, batch_size=8, seed=2)
    assert model.classes == ("billing", "login", "shipping")
    assert model.info["rows"] == {"train": 81, "dev": 9}
    assert model.info["seed"] == 2
    assert len(model.info["history"]) == 8
    assert model.info["majority"] == pytest.approx(1 / 3, abs=0.15)
    assert set(model.info["dev"]) >= {"accuracy", "macro_f1", "log_loss", "brier", "ece"}
    assert json.loads(json.dumps(model.info)) == model.info
    right = [a == b for a, b in zip(model.predict(tickets["text"]), tickets["label"], strict=True)]
    assert np.mean(right) > 0.9
    assert not any("no better than" in note for note in model.info["notes"])


def test_a_model_that_learned_nothing_says_so():
    words = [f"word{number}" for number in range(120)]  # each text has one of its own
    data = {"text": words, "label": ["often"] * 90 + ["seldom"] * 30}
    model = fit(data, model="linear", model_options=None, epochs=None, lr=None, batch_size=None)
    (said,) = [note for note in model.info["notes"] if "no better than" in note]
    assert said.startswith("on the 12 dev rows the model is no better than always answering the commonest class (acc")


@pytest.mark.parametrize(
    ("dev", "majority", "says"),
    [({"accuracy": 0.5}, 0.5, 1), ({"accuracy": 0.51}, 0.5, 0), ({"micro_f1": 0.4, "f1": 0.9}, 0.5, 1), ({}, 0.5, 0)],
)
def test_what_is_compared_with_the_same_answer_to_every_text(dev, majority, says):
    assert len(learned_nothing({"dev": dev, "majority": majority, "rows": {"dev": 10}})) == says


def test_labels_that_are_numbers_become_text(tickets):
    numbers = {"billing": 7, "login": 10, "shipping": 8}
    table = {"text": tickets["text"], "label": [numbers[label] for label in tickets["label"]]}
    model = fit(table)
    assert model.classes == ("10", "7", "8")
    assert set(model.predict(tickets["text"][:9])) <= {"10", "7", "8"}


def test_the_order_of_the_classes_does_not_depend_on_the_order_of_the_rows(tickets):
    turned = {name: column[::-1] for name, column in tickets.items()}
    assert fit(turned).classes == fit(tickets).classes


@pytest.mark.parametrize(("seed", "said"), [(-1, "at least 0, got -1"), (1.5, "a whole number, got 1.5")])
def test_a_seed_that_is_none_is_refused_before_anything_is_read(tickets, seed, said):
    for call in (
        lambda: fit("no such file", seed=seed),
        lambda: sfumato.soften(tickets["text"], tickets["label"], seed=seed),
        lambda: sfumato.compare("no such file", split_seed=seed),
    ):
        with pytest.raises(InputError, match=f"seed must be {said}"):
            call()


def test_to_go_on_one_must_say_where_the_run_was_kept(tickets, tmp_path):
    with pytest.raises(InputError, match="resume=True needs checkpoint"):
        fit(tickets, resume=True)
    model = fit(tickets, threads=1, checkpoint=tmp_path / "kept")
    with pytest.raises(InputError, match="holds the checkpoint of a finished run"):
        fit(tickets, threads=1, checkpoint=tmp_path / "kept")
    again = fit(tickets, threads=1, checkpoint=str(tmp_path / "kept"), resume=True)
    assert "went on from the checkpoint of epoch 2" in again.info["notes"]
    assert (again.predict_proba(tickets["text"]) == model.predict_proba(tickets["text"])).all()


@pytest.mark.parametrize("resume", [False, True])
def test_linear_leaves_the_checkpoint_of_another_run_alone(tickets, tmp_path, resume):
    fit(tickets, threads=1, checkpoint=tmp_path / "kept")
    before = {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    with pytest.raises(InputError, match="the checkpoint of another model's run, and linear keeps none"):
        sfumato.fit(tickets, model="linear", checkpoint=tmp_path / "kept", resume=resume)
    assert {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()} == before


def test_the_same_seed_gives_the_same_model_and_another_does_not(tickets):
    one, two, other = (fit(tickets, seed=seed).predict_proba(tickets["text"]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1e-4


@pytest.mark.parametrize(("dev", "rows"), [(0, 0), (0.0, 0), (None, 0), (0.2, 18), (12, 12)])
def test_dev_is_a_share_a_number_of_rows_or_none(tickets, dev, rows):
    model = fit(tickets, dev=dev)
    assert model.info["rows"]["dev"] == pytest.approx(rows, abs=1)
    assert model.info["rows"]["train"] + model.info["rows"]["dev"] == 90
    assert any("no dev rows" in note for note in model.info["notes"]) == (rows == 0)
    assert bool(model.info["dev"]) == (rows > 0)


@pytest.mark.parametrize(("dev", "few"), [(2, True), (9, True), (10, False), (0.05, False)])
def test_few_dev_rows_are_said(tickets, dev, few):
    from sfumato.dev_rows import cut_dev

    examples = Examples.from_labels(tickets["text"], tickets["label"])
    _, cut, said = cut_dev(examples, dev, seed=0, text=None, label=None, bad_rows="refuse")
    assert len(cut)
    assert any(f"only {len(cut)} dev rows" in note for note in said) == few


def test_dev_may_be_a_table_of_its_own(tickets):
    dev = {name: column[:15] for name, column in tickets.items()}
    model = fit({name: column[15:] for name, column in tickets.items()}, dev=dev)
    assert model.info["rows"] == {"train": 75, "dev": 15}


def test_a_label_that_only_the_dev_table_has_counts_as_an_error(tickets):
    dev = {"text": tickets["text"][:6], "label": [*tickets["label"][:3], "new", "new", "new"]}
    model = fit(tickets, dev=dev)
    assert model.classes == ("billing", "login", "shipping")
    assert model.info["dev"]["accuracy"] <= 0.5


@pytest.mark.parametrize("dev", [-0.1, 1.5, 90, -3, 0.99])
def test_a_dev_part_that_cannot_be_cut_is_refused(tickets, dev):
    with pytest.raises(InputError, match="dev must be"):
        fit(tickets, dev=dev)


def test_exact_duplicates_stay_on_one_side(tickets):
    from sfumato.dev_rows import cut_dev

    twice = Examples.from_labels(tickets["text"] * 2, tickets["label"] * 2)
    train, dev, _ = cut_dev(twice, 0.2, seed=0, text=None, label=None, bad_rows="refuse")
    assert len(dev)
    assert set(train.inputs).isdisjoint(dev.inputs)


# --- soft targets


def soft(tickets):
    generator = np.random.default_rng(0)
    return generator.dirichlet(np.ones(3), size=len(tickets["text"])).astype(np.float32)


def test_soft_targets_are_what_is_fitted_row_by_row(tickets, monkeypatch):
    import sfumato.fitting as fitting

    seen = {}

    def keep(train, dev, **options):
        seen.update(train=train, dev=dev, method=options["method"], calibrate=options["calibrate"])
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "train_model", keep)
    given = soft(tickets)
    with pytest.raises(KeyboardInterrupt):
        fit(tickets, soft_targets=given, method="label-smoothing")
    train, dev = seen["train"], seen["dev"]
    assert isinstance(train.targets, DenseTargets)
    np.testing.assert_array_equal(train.targets.dense(), given[train.ids])
    np.testing.assert_array_equal(dev.targets.dense(), given[dev.ids])
    assert [tickets["text"][i] for i in train.ids] == list(train.inputs)
    assert seen["method"].transforms == ()
    assert seen["method"].criterion is None
    assert seen["calibrate"] is False


def test_the_model_fits_the_soft_targets_and_not_the_labels(tickets):
    wrong = np.zeros((90, 3), dtype=np.float32)
    names = sorted(set(tickets["label"]))
    for row, label in enumerate(tickets["label"]):
        wrong[row, (names.index(label) + 1) % 3] = 1.0
    model = fit(tickets, soft_targets=wrong, dev=0, epochs=10)
    shifted = [names[(names.index(label) + 1) % 3] for label in tickets["label"]]
    assert np.mean([a == b for a, b in zip(model.predict(tickets["text"]), shifted, strict=True)]) > 0.9


def test_soft_targets_are_not_calibrated_away_unless_asked(tickets):
    assert fit(tickets, soft_targets=soft(tickets)).temperature == 1.0
    assert fit(tickets, soft_targets=soft(tickets), calibrate=True).temperature != 1.0


def test_what_soften_returns_can_be_given_back(tickets):
    softened = sfumato.soften(tickets["text"], tickets["label"], "label-smoothing", smoothing=0.3)
    assert fit(tickets, soft_targets=softened).info["method"] == "soft-targets"


def test_soft_targets_with_other_classes_are_refused(tickets):
    other = SoftTargets(soft(tickets), ("a", "b", "c"), np.zeros(90, dtype=np.int64), "own")
    with pytest.raises(InputError, match="have the classes"):
        fit(tickets, soft_targets=other)


def spoiled(array, row, value):
    array = array.copy()
    array[row] = value
    return array


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a[:-1], r"shape \(90, 3\)"),
        (lambda a: np.concatenate([a, a[:5]]), r"shape \(90, 3\)"),
        (lambda a: a[:, :2], r"shape \(90, 3\)"),
        (lambda a: a[:, 0], "two dimensions"),
        (lambda a: "soft.parquet", "must be numbers"),
        (lambda a: [[0.5, 0.5], [1.0]], "must be numbers"),
        (lambda a: spoiled(a, 4, np.nan), "row 5 holds NaN"),
        (lambda a: spoiled(a, 4, [1.2, -0.2, 0.0]), "row 5 holds a negative share"),
        (lambda a: spoiled(a, 4, [0.5, 0.5, 0.5]), "row 5 does not sum to 1"),
    ],
    ids=["short", "long", "narrow", "flat", "text", "ragged", "NaN", "negative", "sum"],
)
def test_soft_targets_that_are_not_one_distribution_a_text_are_refused(tickets, change, said):
    with pytest.raises(InputError, match=said):
        fit(tickets, soft_targets=change(soft(tickets)))


def test_rows_that_are_dropped_take_their_soft_targets_with_them(tickets):
    from sfumato.fitting import with_soft_targets
    from sfumato.source import read_source

    texts = list(tickets["text"])
    texts[4] = texts[89] = ""
    table, given = {"text": texts, "label": tickets["label"]}, soft(tickets)
    source = read_source(table, text="text", label="label", bad_rows="drop")
    aligned, _ = with_soft_targets(source, METHODS["baseline"](), given)
    np.testing.assert_array_equal(aligned.targets.dense(), np.delete(given, [4, 89], axis=0))
    again, _ = with_soft_targets(source, METHODS["baseline"](), np.delete(given, [4, 89], axis=0))
    np.testing.assert_array_equal(again.targets.dense(), aligned.targets.dense())


def test_soft_targets_cannot_be_matched_to_a_table_with_lines_that_could_not_be_read(tickets, tmp_path):
    path = tmp_path / "tickets.csv"
    rows = [f"{text},{label}" for text, label in zip(tickets["text"], tickets["label"], strict=True)]
    path.write_text("\n".join(["text,label", *rows[:4], "one cell too many,a,b", *rows[4:]]) + "\n")
    given = np.vstack([soft(tickets)[:4], soft(tickets)[:1], soft(tickets)[4:]])
    with pytest.raises(InputError, match="1 rows of the table could not be read"):
        fit(path, text="text", label="label", bad_rows="drop", soft_targets=given)


def test_a_setting_that_the_linear_model_has_no_use_for_is_refused(tickets):
    with pytest.raises(InputError, match="linear has no lr"):
        sfumato.fit(tickets, model="linear", lr=0.1)
    with pytest.raises(InputError, match="linear has no optimizer"):
        sfumato.fit(tickets, model="linear", optimizer="sgd")


def test_a_dev_label_that_training_never_saw_does_not_stop_the_linear_model(tickets):
    dev = {"text": [*tickets["text"][:6], "something new"], "label": [*tickets["label"][:6], "unheard of"]}
    model = sfumato.fit(tickets, model="linear", dev=dev)
    assert model.info["dev"]["unseen"] == 1
    assert "unheard of" not in model.classes


def test_a_method_whose_loss_is_made_for_its_own_targets_refuses_soft_targets(tickets):
    with pytest.raises(InputError, match="kwls-paper has a loss of its own, made for its own targets") as refused:
        fit(tickets, method="kwls-paper", soft_targets=soft(tickets))
    assert "with method='baseline', or with one that starts from given targets, as 'lcm'" in str(refused.value)


# --- options


def test_a_loose_keyword_goes_to_its_owner(tickets):
    model = fit(tickets, model_options={}, method="label-smoothing", smoothing=0.25, filters=6, kernels=2, dim=4)
    assert model.options["filters"] == 6
    assert model.info["method_options"]["smoothing"] == 0.25


def test_an_unknown_keyword_names_the_nearest(tickets):
    with pytest.raises(InputError, match="did you mean 'smoothing'"):
        fit(tickets, method="label-smoothing", smothing=0.2)


def test_an_ambiguous_keyword_names_its_owners(tickets):
    def own(filters=3):
        return METHODS["baseline"]()

    with pytest.raises(InputError, match=r"write method\.filters or model\.filters"):
        fit(tickets, method=own, filters=5)
    assert fit(tickets, method=own, **{"method.filters": 5}).options["filters"] == 8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"epochs": 2.5}, "epochs must be a whole number, got 2.5"),
        ({"batch_size": -1}, "batch_size must be at least 1"),
        ({"max_length": "long"}, "max_length must be a number, got 'long'"),
        ({"lr": 0}, "lr must be more than 0"),
        ({"lr": float("nan")}, "lr must be"),
        ({"threads": -1}, "threads must be at least 1"),
        ({"device": "abacus"}, "cannot compute on device 'abacus'"),
        ({"balance": "wieghts"}, "did you mean 'weights'"),
        ({"model": "textcn"}, "did you mean 'textcnn'"),
        ({"method": "kwlss"}, "did you mean 'kwls'"),
        ({"method_options": {"smothing": 1}, "method": "label-smoothing"}, "did you mean 'smoothing'"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_is_refused_with_its_value(tickets, options, said):
    with pytest.raises(InputError, match=said):
        fit(tickets, **options)


def test_whole_numbers_written_as_floats_are_taken(tickets):
    assert len(fit(tickets, epochs=2.0).info["history"]) == 2


@pytest.mark.parametrize("data", [{"text": ["a b", "c d"], "label": ["x", "x"]}, Examples.from_labels(["a"], ["x"])])
def test_one_class_only_is_refused(data):
    with pytest.raises(InputError, match=r"one class"):
        fit(data)


def test_parts_that_are_already_built_are_taken(tickets):
    architecture = MODELS["textcnn"](kernels=2, filters=4, dim=4)
    model = fit(tickets, model=architecture, model_options={}, method=METHODS["label-smoothing"](0.2))
    assert model.options == architecture.options


def test_weights_of_a_column_reach_the_training(tickets):
    weights = [9 if label == "login" else 1 for label in tickets["label"]]
    table = {**tickets, "importance": weights}
    plain = fit(table, text="text", label="label", dev=0, epochs=3)
    weighted = fit(table, text="text", label="label", weight="importance", dev=0, epochs=3)
    shares = [model.predict_proba(tickets["text"])[:, 1].mean() for model in (plain, weighted)]
    assert shares[1] > shares[0] + 0.01


def test_soft_targets_of_the_same_rows_in_another_order_are_refused(tickets):
    made = sfumato.soften(tickets["text"][::-1], tickets["label"][::-1], "label-smoothing")
    with pytest.raises(InputError, match="row 1 was made for"):
        fit(tickets, soft_targets=made)
    same = sfumato.soften(tickets["text"], tickets["label"], "label-smoothing")
    assert fit(tickets, soft_targets=same).info["rows"]["train"]


def test_a_weight_that_is_no_column_says_how_a_method_gets_its_option(tickets):
    with pytest.raises(InputError, match=r"method_options=\{'weight': 0.2\}"):
        fit(tickets, method="kwls", weight=0.2)


@pytest.mark.parametrize(("written", "meant"), [("epoch", "epochs"), ("batchsize", "batch_size")])
def test_a_misspelt_setting_of_fit_names_the_nearest(tickets, written, meant):
    with pytest.raises(InputError, match=f"did you mean '{meant}'"):
        fit(tickets, **{written: 3})


def test_a_model_remembers_the_columns_it_was_trained_on(tickets):
    table = {"subject": tickets["text"], "text": ["nothing"] * 90, "dept": tickets["label"]}
    model = sfumato.fit(table, text="subject", label="dept", model="linear")
    assert (model.info["text"], model.info["label"]) == (["subject"], "dept")
    import polars as pl

    assert model.evaluate(pl.DataFrame(table)).metrics["accuracy"].value > 0.9


def test_a_dev_part_without_an_error_leaves_the_temperature_at_one(tickets):
    model = sfumato.fit(tickets, model="linear", dev=6)
    assert model.info["dev"]["accuracy"] == 1.0
    assert model.temperature == 1.0


def test_a_table_too_small_to_cut_is_trained_without_dev_and_that_is_said():
    texts, labels = ["where is my parcel", "refund my money"] * 10, ["shipping", "refunds"] * 10
    model = sfumato.fit((texts, labels), model="linear")
    assert model.info["rows"] == {"train": 20, "dev": 0}
    assert any(note.startswith("no dev rows (") for note in model.info["notes"])
    assert model.predict(["my parcel"]) == ["shipping"]


def unbalanced(rare: int) -> dict[str, list[str]]:
    texts = [f"a common text about money and rates {k}" for k in range(100)] + [f"seldom rain {k}" for k in range(rare)]
    return {"text": texts, "label": ["common"] * 100 + ["rare"] * rare}


@pytest.mark.parametrize(
    ("rare", "options", "said"),
    [
        (4, {}, True),
        (12, {}, False),
        (4, {"method": "logit-adjustment"}, False),
        (4, {"balance": "weights"}, False),
    ],
)
def test_a_rare_class_is_named_with_what_helps_unless_something_does(rare, options, said):
    model = sfumato.fit(unbalanced(rare), dev=None, **options)
    notes = [note for note in model.info["notes"] if "logit-adjustment finds rare classes" in note]
    assert bool(notes) == said
    assert not said or notes[0].startswith("'rare' has 4 training rows and 'common' 100: ")
