from dataclasses import replace

import numpy as np
import pytest

import sfumato
from sfumato import METHODS, InputError, combine
from sfumato.controls import control_names
from sfumato.data import Examples
from sfumato.run import balanced

LABELS = ["rare"] * 2 + ["usual"] * 8 + ["some"] * 4


def examples(weights=None):
    return Examples.from_labels([f"text {i}" for i in range(14)], LABELS, weights=weights)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_a_row_weighs_the_inverse_number_of_rows_of_its_class_and_one_on_average(power):
    found = METHODS["class-weights"](power=power).prepare(examples()).weights
    raw = [1 / LABELS.count(label) ** power for label in LABELS]
    expected = [weight * len(raw) / sum(raw) for weight in raw]
    assert found == pytest.approx(np.array(expected), rel=1e-6)
    assert found.mean() == pytest.approx(1, rel=1e-6)


def test_at_power_one_all_classes_weigh_the_same_and_at_zero_all_rows():
    weighed = METHODS["class-weights"]().prepare(examples())
    assert np.bincount(weighed.labels, weights=weighed.weights) == pytest.approx([14 / 3] * 3, rel=1e-6)
    assert METHODS["class-weights"](power=0).prepare(examples()).weights == pytest.approx(1)


def test_weights_of_the_user_are_multiplied():
    own = np.arange(1.0, 15.0)
    found = METHODS["class-weights"]().prepare(examples(own)).weights
    raw = own / np.array([LABELS.count(label) for label in LABELS])
    assert found == pytest.approx(raw / raw.mean(), rel=1e-6)


def test_the_labels_stay_hard_and_there_is_nothing_to_control():
    method = METHODS["class-weights"]()
    assert np.array_equal(method.prepare(examples()).targets.dense(), examples().targets.dense())
    assert control_names(method) == ()
    with pytest.raises(InputError, match="class-weights leaves the labels as they are"):
        sfumato.soften(["a", "b"], ["x", "y"], method="class-weights")


def test_it_is_the_method_of_what_balancing_by_weights_does():
    weighed = METHODS["class-weights"]().prepare(examples())
    assert np.array_equal(weighed.weights, balanced(examples(), "weights")[0].weights)


def test_it_joins_any_method_and_weighs_rows_and_not_the_mass_of_other_classes():
    smooth = METHODS["label-smoothing"]()
    for joined in (combine(METHODS["class-weights"](), smooth), combine(smooth, METHODS["class-weights"]())):
        prepared = joined.prepare(examples())
        assert np.array_equal(prepared.weights, METHODS["class-weights"]().prepare(examples()).weights)
        assert np.array_equal(prepared.targets.dense(), smooth.prepare(examples()).targets.dense())
    assert control_names(combine(METHODS["class-weights"](), METHODS["lcm"]())) != ()


@pytest.mark.parametrize("power", [-0.1, 1.5, "half"])
def test_a_power_that_is_no_share_is_refused(power):
    with pytest.raises(InputError, match="class-weights: power must be"):
        METHODS["class-weights"](power=power)


def unbalanced():
    """Return 46 texts of two classes that no model can tell apart for sure: each word is only more usual in one."""
    generator = np.random.default_rng(0)
    words = {"usual": ["gamma", "gamma", "delta"], "rare": ["gamma", "delta", "delta"]}
    labels = ["usual"] * 40 + ["rare"] * 6
    return ["alpha " + " ".join(generator.choice(words[label], 2)) for label in labels], labels


def test_the_linear_model_gives_a_rare_class_its_due():
    texts, labels = unbalanced()
    shares = {}
    for method in ("baseline", "class-weights"):
        model = sfumato.fit({"text": texts, "label": labels}, method=method, dev=0)
        shares[method] = model.predict_proba(texts)[:, model.classes.index("rare")].mean()
    assert shares["baseline"] == pytest.approx(6 / 46, abs=0.02)
    assert shares["class-weights"] > shares["baseline"] + 0.1


def test_the_given_split_keeps_its_own_weights():
    given = replace(examples(), weights=np.ones(14, dtype=np.float32))
    METHODS["class-weights"]().prepare(given)
    assert (given.weights == 1).all()
