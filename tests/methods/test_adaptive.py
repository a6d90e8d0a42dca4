"""Adaptive targets: clean labels stay, wrong ones are found, ambiguous ones are left alone."""

from dataclasses import replace

import numpy as np
import pytest

from sfumato import Examples, InputError
from sfumato.architecture import Training
from sfumato.calibration import fit_temperature, softmax
from sfumato.methods import METHODS
from sfumato.methods.adaptive import AmbiguityWarning, adaptive, adaptive_fast
from sfumato.methods.confident_learning import confident_learning
from sfumato.methods.noise import judged_rows
from sfumato.methods.noise.expert_panel import Settings
from sfumato.methods.noise.judged_rows import sampled
from sfumato.methods.noise.posterior import finished, posterior
from sfumato.metrics import scores
from sfumato.models import MODELS
from sfumato.run import train_model

WORDS = {
    "sport": ["ball", "team", "goal", "coach", "match", "league", "stadium", "referee"],
    "money": ["bank", "stock", "price", "market", "loan", "profit", "budget", "tax"],
    "music": ["song", "guitar", "drum", "singer", "album", "concert", "melody", "piano"],
}


def table(rows=300, wrong=0.0, *, clear=True, seed=0):
    """Draw texts of three topics, of which a share has a wrong label; unclear texts hold words of all of them."""
    generator = np.random.default_rng(seed)
    names = list(WORDS)
    right = np.arange(rows) % 3
    every = [word for words in WORDS.values() for word in words]
    texts = []
    for topic in right:
        own = generator.choice(WORDS[names[topic]], 4 if clear else 1).tolist()
        other = generator.choice(every, 2 if clear else 5).tolist()
        texts.append(" ".join(generator.permutation(own + other)))
    labels = right.copy()
    moved = generator.random(rows) < wrong
    labels[moved] = (labels[moved] + 1 + generator.integers(2, size=int(moved.sum()))) % 3
    return texts, labels, right


def examples(*given, **options):
    texts, labels, right = table(*given, **options)
    return Examples.from_labels(texts, [list(WORDS)[k] for k in labels], classes=list(WORDS)), right


@pytest.mark.parametrize("method", [adaptive, adaptive_fast])
def test_clean_labels_stay_as_they_are(method):
    given, right = examples()
    targets = method().prepare(given).targets.dense()
    assert targets[np.arange(len(right)), right].mean() > 0.98


@pytest.mark.parametrize("method", [adaptive, adaptive_fast])
def test_wrong_labels_lose_their_mass_to_the_right_ones(method):
    given, right = examples(wrong=0.3)
    targets = method().prepare(given).targets.dense()
    moved = given.labels != right
    rows = np.arange(len(right))
    assert targets[rows, right][moved].mean() > 0.7
    assert targets[rows, right][~moved].mean() > 0.9


def test_the_share_of_wrong_labels_is_estimated_and_they_are_the_most_suspicious():
    texts, labels, right = table(600, wrong=0.25)
    found = posterior(texts, labels, 3)
    wrong = labels != right
    assert abs(found.wrong - wrong.mean()) < 0.04
    first = np.argsort(-found.suspicion)[: int(wrong.sum())]
    assert wrong[first].mean() > 0.9
    assert found.model.family == "uniform"
    assert found.z["uniform against none"] > 3


def test_pairs_of_classes_that_are_mistaken_for_each_other_are_found():
    texts, labels, right = table(900)
    mistaken = (right == 0) & (np.random.default_rng(3).random(900) < 0.4)
    labels[mistaken] = 1
    found = posterior(texts, labels, 3)
    assert found.model.family == "pairwise"
    assert abs(found.model.T[0, 1] - 0.4) < 0.08
    assert found.model.T[2].argmax() == 2


def test_ambiguous_texts_keep_their_labels_and_that_is_said():
    given, _ = examples(clear=False, seed=1)
    with pytest.warns(AmbiguityWarning, match=r"only .*% of the rows have a label with a probability above"):
        targets = adaptive().prepare(given).targets.dense()
    assert np.array_equal(targets, np.eye(3)[given.labels])
    assert not np.array_equal(adaptive(guard=0, family="pairwise").prepare(given).targets.dense(), targets)


def test_rows_of_small_classes_are_drawn_to_their_label_and_a_floor_is_under_all():
    labels = np.array([0] * 40 + [1] * 2)
    q = np.full((42, 2), 0.5)
    n0 = min(20, 0.2 * 42 / 2)
    found = finished(q, labels, shrink=True, floor=0.0)
    for row, size in ((0, 40), (41, 2)):
        s = size / (size + n0)
        assert found[row, labels[row]] == pytest.approx(s * 0.5 + (1 - s))
    np.testing.assert_allclose(finished(np.eye(2)[labels], labels, shrink=True, floor=0.1)[0], [0.95, 0.05])
    assert np.array_equal(finished(q, labels, shrink=False, floor=0.0), q)


def test_further_rounds_are_for_wrong_labels():
    texts, labels, _ = table(wrong=0.3)
    assert posterior(texts, labels, 3).rounds == 2
    assert posterior(texts, labels, 3, Settings(family="none")).rounds == 0
    assert posterior(texts, labels, 3, Settings(rounds=1)).rounds == 1


def test_the_model_is_fitted_to_some_rows_of_a_large_table_and_judges_all(monkeypatch):
    monkeypatch.setattr(judged_rows, "FITTED", 200)
    assert len(np.unique(sampled(600, 0))) == 200
    assert np.array_equal(sampled(200, 0), np.arange(200))
    texts, labels, right = table(600, wrong=0.25)
    found = posterior(texts, labels, 3)
    assert (found.q.argmax(axis=1) == right).mean() > 0.9


def test_each_expert_alone_and_each_family_can_be_asked_for():
    texts, labels, _ = table(90, wrong=0.2)
    for options in ({"experts": "linear"}, {"experts": "keywords"}, {"family": "pairwise"}, {"bias": False}):
        found = posterior(texts, labels, 3, Settings(**options))
        np.testing.assert_allclose(found.q.sum(axis=1), 1)
    assert posterior(texts, labels, 3, Settings(family="none")).wrong == 0


def test_what_it_cannot_do_is_refused_in_words():
    with pytest.raises(InputError, match="experts"):
        adaptive(experts="three")
    with pytest.raises(InputError, match="guard"):
        adaptive(guard=2)
    with pytest.raises(InputError, match="none of the 90 texts holds a word"):
        posterior(["?!" + "." * k for k in range(90)], np.arange(90) % 3, 3, Settings(experts="keywords"))
    sets = Examples.from_label_sets(["a b", "c d"], [["x", "y"], []])
    with pytest.raises(InputError, match="adaptive"):
        METHODS["adaptive"]().check_labels(sets)


@pytest.mark.parametrize(("rows", "classes", "seed"), [(20, 2, 0), (20, 2, 3), (150, 5, 0), (300, 3, 2)])
def test_labels_by_chance_on_random_words_are_not_called_wrong(rows, classes, seed):
    random = np.random.default_rng(seed)
    texts = [" ".join(f"w{n}" for n in random.integers(0, 200, 8)) for _ in range(rows)]
    labels = random.integers(0, classes, rows)
    found = posterior(texts, labels, classes, Settings(rounds=0))
    assert found.guarded or found.model.family == "none"
    assert np.array_equal(found.q, np.eye(classes)[labels]) or found.wrong < 0.01


@pytest.mark.parametrize("experts", ["both", "keywords"])
def test_copies_of_a_row_do_not_speak_for_it(experts):
    texts, labels, _ = table(240, wrong=0.25)
    settings = Settings(experts=experts)
    once = posterior(texts, labels, 3, settings)
    twice = posterior(texts * 2, np.tile(labels, 2), 3, settings)
    assert once.wrong > 0.15
    assert abs(twice.wrong - once.wrong) < 0.05
    assert np.allclose(twice.q[:240], twice.q[240:], atol=1e-6)


def test_a_label_that_no_other_text_has_stays():
    texts, labels, _ = table(600, wrong=0.25)
    alone = np.append(labels, 3)
    found = posterior([*texts, "ball team goal"], alone, 4, Settings())
    assert found.wrong > 0.15
    assert found.q[-1].tolist() == [0, 0, 0, 1]
    assert found.suspicion[-1] == 0


def test_fewer_than_twenty_rows_that_can_be_judged_keep_their_labels():
    given, _ = examples(19, wrong=0.3)
    with pytest.warns(AmbiguityWarning, match="only 19 different rows have a label that other texts have too"):
        made = adaptive().prepare(given)
    assert np.array_equal(made.targets.dense(), np.eye(3)[given.labels])


def test_a_row_with_nothing_left_of_any_label_keeps_the_given_one():
    from sfumato.methods.noise.model import NoiseModel

    model = NoiseModel("none", np.array([100.0]), np.zeros(2), np.eye(2))
    assert model.posterior(np.array([[[10.0, -10.0]]]), np.array([1])).tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"bias": "no"}, "bias must be true or false, got 'no'"),
        ({"shrink": 1}, "shrink must be true or false"),
        ({"rounds": "two"}, "rounds must be a whole number or 'auto', got 'two'"),
        ({"rounds": None}, "rounds must be a whole number or 'auto', got None"),
        ({"rounds": True}, "rounds must be a whole number or 'auto', got True"),
        ({"rounds": 1.5}, "rounds must be a whole number, got 1.5"),
        ({"unit": "wrod"}, "unit must be one of .*did you mean 'word'"),
        ({"unit": ["word"]}, "unit must be a name, a function or a tokenizer"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        adaptive(**given)


def test_texts_that_are_all_the_same_are_refused_in_words():
    with pytest.raises(InputError, match="all 40 texts are the same: 'so it is'"):
        posterior(["so it is"] * 40, np.arange(40) % 2, 2)
    given, _ = examples(30)
    with pytest.raises(InputError, match="adaptive: there is no row"):
        adaptive().prepare(given.take([]))


def test_lists_of_words_and_whole_numbers_with_a_point_are_read():
    given, _ = examples(60, wrong=0.3)
    lists = replace(given, inputs=[text.split() for text in given.inputs])
    assert adaptive(rounds=0).prepare(lists).targets.dense().shape == (60, 3)
    one, other = adaptive(seed=1.0, folds=5.0), adaptive(seed=1, folds=5)
    assert np.array_equal(one.prepare(given).targets.dense(), other.prepare(given).targets.dense())


def test_words_by_a_function_are_counted_each_time():
    class Words:
        skip = ""
        __hash__ = None  # such a function may not be a key either

        def __call__(self, text):
            return [word for word in text.split() if word != self.skip]

    given, _ = examples(240, wrong=0.3)
    words = Words()
    method = adaptive_fast(unit=words)
    before = method.prepare(given).targets.dense()
    words.skip = given.inputs[0].split()[0]
    assert not np.array_equal(method.prepare(given).targets.dense(), before)


def test_errors_name_the_method_that_was_asked_for():
    with pytest.raises(InputError, match=r"^adaptive-fast: floor must be"):
        adaptive_fast(floor=2)
    with pytest.raises(InputError, match=r"^confident-learning: seed must be"):
        confident_learning(seed=-1)
    same = Examples.from_labels(["so it is"] * 6, ["a", "b"] * 3)
    with pytest.raises(InputError, match=r"^confident-learning: each text is judged by others"):
        confident_learning().prepare(same)


@pytest.mark.parametrize("method", [adaptive, adaptive_fast])
def test_the_temperature_allows_for_the_wrong_labels_of_dev(method):
    """Half of the rows train, half choose; a quarter of both is wrong, and a third table is right."""
    texts, labels, right = table(1200, wrong=0.25)
    train, dev = (
        Examples.from_labels(texts[part], list(labels[part]), classes=["0", "1", "2"])
        for part in (slice(0, 600), slice(600, 900))
    )
    linear, training = MODELS.build("linear", {}), Training(epochs=30)
    trained = train_model(train, dev, architecture=linear, method=method(), training=training)
    hard = train_model(train, dev, architecture=linear, method=METHODS["baseline"](), training=training)
    assert any("allows for wrong labels of dev" in said for said in trained.remarks)
    assert not any("allows for wrong labels" in said for said in hard.remarks)
    logits = trained.model.predict_logits(texts[900:])
    at = {
        t: scores(right[900:], softmax(logits, t))["log_loss"] for t in (trained.model.temperature, plain(trained, dev))
    }
    assert at[trained.model.temperature] < at[plain(trained, dev)]


def plain(trained, dev):
    return fit_temperature(trained.model.predict_logits(dev.inputs), dev.labels)
