"""Training on copies: which rows there are, what a copy carries, and what the controls and other methods make of it."""

from dataclasses import replace

import numpy as np
import pytest

from sfumato import METHODS, InputError, augment, combine
from sfumato.controls import control, control_names
from sfumato.data import Examples, concatenate
from sfumato.methods.augmented import AugmentationWarning, Copies, unchanged_copies
from sfumato.methods.eda import softened

TEXTS = ["one two three four", "five six seven", "eight nine ten one", "two four six", "three five nine", "ten ten one"]
NAMES = ["x", "y", "z", "x", "y", "z"]
AUGMENTING = ("aeda", "eda", "softeda", "lcda-text", "lcda")


def rows():
    given = Examples.from_labels(TEXTS, NAMES, weights=[1, 2, 3, 4, 5, 6], ids=np.array([7, 3, 11, 5, 2, 20]))
    votes = np.arange(18, dtype=np.float32).reshape(6, 3)
    return replace(given, votes=votes, teacher=votes / votes.sum(axis=1, keepdims=True), similar=votes > 9)


def several():
    return Examples.from_label_sets(TEXTS, [["x"], ["x", "y"], [], ["z"], ["y"], ["x", "z"]])


def test_the_rows_come_first_then_each_copy_of_all_rows_with_all_that_its_row_has():
    given = rows()
    made = METHODS["aeda"](copies=2, seed=4).prepare(given)
    texts = augment(TEXTS, "aeda", copies=2, seed=4, rows=given.ids)
    expected = [(text, i, 0) for i, text in enumerate(TEXTS)]
    for k in range(2):
        for i in range(6):
            expected.append((texts[i][k], i, k + 1))
    assert len(made) == 18
    for place, (text, i, copy) in enumerate(expected):
        assert made.inputs[place] == text
        assert made.copy[place] == copy
        for name in ("labels", "ids", "weights", "votes", "teacher", "similar"):
            assert np.array_equal(getattr(made, name)[place], getattr(given, name)[i]), name
        assert np.array_equal(made.targets.dense()[place], given.targets.dense()[i])
    assert made.inputs[6:] != TEXTS * 2


def test_copies_follow_the_seed_of_the_run_unless_they_have_their_own():
    follows, fixed = METHODS["aeda"](), METHODS["aeda"](seed=1)
    assert follows.prepare(rows(), seed=0).inputs != follows.prepare(rows(), seed=1).inputs
    assert follows.prepare(rows(), seed=1).inputs == follows.prepare(rows(), seed=1).inputs
    assert fixed.prepare(rows(), seed=0).inputs == fixed.prepare(rows(), seed=9).inputs
    assert fixed.prepare(rows()).inputs == follows.prepare(rows(), seed=1).inputs


def test_a_copy_depends_on_its_row_and_not_on_the_rows_beside_it():
    whole, part = METHODS["aeda"](seed=2).prepare(rows()), METHODS["aeda"](seed=2).prepare(rows().take([4, 1]))
    assert part.inputs[2:4] == [whole.inputs[6 + 4], whole.inputs[6 + 1]]


@pytest.mark.parametrize("on", ["augmented", "all"])
def test_softeda_spreads_eps_evenly_for_the_copies_alone_unless_told_otherwise(on):
    made = METHODS["softeda"](0.3, copies=2, on=on).prepare(rows())
    targets = made.targets.dense()
    for i in range(18):
        for c in range(3):
            y = float(made.labels[i] == c)
            q = (1 - 0.3) * y + 0.3 / 3
            assert targets[i, c] == pytest.approx(q if i >= 6 or on == "all" else y, abs=1e-6)


def test_softeda_moves_each_answer_of_several_towards_one_half():
    made = METHODS["softeda"](0.3, copies=1).prepare(several())
    assert np.array_equal(made.targets.dense()[:6], several().targets.dense())
    for i in range(6):
        for c in range(3):
            assert made.targets.dense()[6 + i, c] == pytest.approx(0.7 * several().labels[i, c] + 0.15, abs=1e-6)


@pytest.mark.parametrize("name", ["aeda", "eda", "lcda-text"])
def test_rows_of_several_labels_are_copied_with_all_of_them(name):
    made = METHODS[name](copies=1).prepare(several())
    assert np.array_equal(made.labels[6:], several().labels)


def test_lcda_takes_rows_of_several_labels_where_lcm_does():
    made = METHODS["lcda"](copies=1).prepare(several())
    assert np.array_equal(made.labels[6:], several().labels)
    assert METHODS["lcm"]().multilabel
    paper = METHODS["lcda"](alpha=4.0)
    assert paper.multilabel == METHODS["lcm-paper"](4.0).multilabel
    with pytest.raises(InputError, match="is defined for one label a row"):
        METHODS["kwls-paper"]().prepare(several())


def test_softeda_without_mass_to_spread_is_eda():
    soft, hard = (
        METHODS[name](copies=2, **options).prepare(rows()) for name, options in [("softeda", {"eps": 0}), ("eda", {})]
    )
    assert soft.inputs == hard.inputs
    assert np.array_equal(soft.targets.dense(), hard.targets.dense())
    assert np.array_equal(softened(rows(), 0.0), rows().targets.dense())


@pytest.mark.parametrize(
    ("name", "options", "names"),
    [
        ("aeda", {}, ("plain-copies",)),
        ("eda", {}, ("plain-copies",)),
        ("lcda-text", {}, ("plain-copies",)),
        ("softeda", {}, ("uniform", "plain-copies")),
        ("softeda", {"on": "all"}, ("plain-copies",)),
        ("lcda", {}, ("uniform", "class-mean", "shuffled", "plain-copies")),
    ],
)
def test_each_method_has_the_controls_that_are_not_itself(name, options, names):
    assert control_names(METHODS[name](**options)) == names
    assert control_names(METHODS["kwls"]()) == ("uniform", "class-mean", "shuffled")
    assert control_names(METHODS["baseline"]()) == ()


@pytest.mark.parametrize("name", AUGMENTING)
def test_plain_copies_have_the_rows_and_targets_of_the_method_and_only_plain_texts(name):
    method = METHODS[name]()
    own, plain = (each.prepare(rows()) for each in (method, control(method, "plain-copies")))
    assert own.inputs != plain.inputs
    assert plain.inputs == TEXTS * (len(own) // 6)
    assert np.array_equal(own.targets.dense(), plain.targets.dense())
    assert np.array_equal(own.copy, plain.copy)
    assert control(method, "plain-copies").criterion is method.criterion
    assert unchanged_copies(plain) == {"made": len(own) - 6, "unchanged": len(own) - 6}
    assert unchanged_copies(own)["unchanged"] < len(own) - 6


def test_the_uniform_control_of_softeda_spreads_the_same_mass_over_all_rows():
    method = METHODS["softeda"](0.3, copies=2)
    own, even = (each.prepare(rows()) for each in (method, control(method, "uniform")))
    gold = [each.targets.dense()[np.arange(18), each.labels] for each in (own, even)]
    assert gold[0].mean() == pytest.approx(gold[1].mean(), abs=1e-6)
    assert len(set(gold[0].round(5))) == 2
    assert len(set(gold[1].round(5))) == 1
    assert own.inputs == even.inputs


@pytest.mark.parametrize("turned", [False, True])
def test_combine_adds_copies_last_whatever_the_order_so_that_no_row_meets_itself_in_its_copies(turned):
    many = Examples.from_labels(TEXTS * 4, NAMES * 4)
    kwls, aeda = METHODS["kwls"](temperature=8.0), METHODS["aeda"](copies=3)
    joined = combine(*((aeda, kwls) if turned else (kwls, aeda)))
    made = joined.prepare(many)
    assert len(made) == 96
    assert np.array_equal(made.targets.dense(), np.tile(kwls.prepare(many).targets.dense(), (4, 1)))
    assert made.inputs == aeda.prepare(many).inputs
    shuffled = control(joined, "shuffled", seed=1).prepare(many).targets.dense()
    assert np.array_equal(shuffled, np.tile(control(kwls, "shuffled", seed=1).prepare(many).targets.dense(), (4, 1)))


def test_text_augmentation_joins_smoothing_a_teacher_and_weights():
    smooth = combine(METHODS["lcda-text"](1), METHODS["label-smoothing"](0.3)).prepare(rows())
    assert smooth.targets.dense()[9].tolist() == pytest.approx([0.8, 0.1, 0.1])
    taught = combine(METHODS["self-distillation"](1.0), METHODS["aeda"](1)).prepare(rows())
    assert taught.targets.dense()[6:] == pytest.approx(rows().teacher, abs=1e-6)
    assert combine(METHODS["aeda"](), METHODS["lcm"]()).criterion is not None
    assert combine(METHODS["aeda"](), METHODS["logit-adjustment"]()).augments


def test_what_would_leave_nothing_of_a_method_is_refused():
    with pytest.raises(InputError, match="aeda and eda both add copies of the rows; combine at most one of them"):
        combine(METHODS["aeda"](), METHODS["eda"]())
    with pytest.raises(InputError, match="both make the targets"):
        combine(METHODS["softeda"](), METHODS["label-smoothing"]())
    with pytest.raises(InputError, match="these rows have copies already"):
        METHODS["aeda"]().prepare(METHODS["eda"]().prepare(rows()))
    with pytest.raises(InputError, match="plain-copies needs a transform with plain"):
        control(replace(METHODS["aeda"](), transforms=()), "plain-copies")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("lcda", {"copies": 0}, "^lcda: copies must be at least 1, got 0"),
        ("aeda", {"copies": 0}, "^aeda: copies must be at least 1, got 0"),
        ("aeda", {"copies": 10**6}, "copies must be at most 1000, got 1000000"),
        ("aeda", {"seed": -1}, "aeda: seed must be at least 0"),
        ("aeda", {"marks": ""}, "marks"),
        ("eda", {"p_rd": 2}, "eda: p_rd must be at least 0 and at most 1, got 2"),
        ("softeda", {"eps": 1.5}, "softeda: eps must be at least 0 and at most 1, got 1.5"),
        ("softeda", {"on": "copies"}, "softeda: on must be one of 'augmented', 'all', got 'copies'"),
        ("softeda", {"augmenter": "aead"}, "got 'aead' \\(did you mean 'aeda'"),
        ("softeda", {"augmenter": "aeda", "lexicon": "w.csv"}, "lexicon='w.csv' is for augmenter='eda'"),
        ("lcda", {"insert_prob": 2}, "^lcda: insert_prob must be at least 0 and at most 1, got 2"),
        ("lcda", {"gold_mass": 2}, "^lcda: gold_mass must be more than 0 and at most"),
        ("lcda", {"alpha": 0}, "^lcda: alpha must be more than 0"),
        ("lcda", {"stop": -1}, "^lcda: stop must be at least 0"),
        ("lcda", {"alpha": 4, "gold_mass": 0.9}, "give gold_mass or alpha, got gold_mass=0.9"),
        ("lcda", {"alpha": 4, "gold_mass": 0.8}, "give gold_mass or alpha"),
    ],
)
def test_a_value_that_cannot_be_is_named_before_there_are_rows(name, options, said):
    with pytest.raises(InputError, match=said):
        METHODS[name](**options)


@pytest.mark.parametrize("name", AUGMENTING)
def test_images_and_lists_of_tokens_are_refused_in_words(name):
    images = Examples.from_labels(np.zeros((4, 8, 8), dtype=np.uint8), ["x", "y", "x", "y"])
    with pytest.raises(InputError, match="these are images"):
        METHODS[name]().prepare(images)
    with pytest.raises(InputError, match=r"row 1 is list .*join the tokens to a text"):
        METHODS[name]().prepare(Examples.from_labels([["a", "b"], ["c"]], ["x", "y"]))


def test_copies_that_are_mostly_their_texts_again_are_kept_and_warned_of():
    given = Examples.from_labels(["", " ", "", "a b c"], ["x", "y", "x", "y"])
    with pytest.warns(AugmentationWarning, match="aeda: 6 of 8 copies are their text again"):
        made = METHODS["aeda"](copies=2).prepare(given)
    assert len(made) == 12
    assert unchanged_copies(made) == {"made": 8, "unchanged": 6}
    assert unchanged_copies(given) == {}


def test_taking_and_joining_rows_keeps_the_numbers_of_their_copies():
    made = METHODS["aeda"](copies=1).prepare(rows())
    assert made.take([7, 0]).copy.tolist() == [1, 0]
    assert concatenate(made, rows()).copy.tolist() == [0] * 6 + [1] * 6 + [0] * 6
    assert concatenate(rows(), rows()).copy is None
    assert rows().take([1]).copy is None
    with pytest.raises(InputError, match="copy must have one entry per input"):
        replace(rows(), copy=np.zeros(2, dtype=np.int64))


def test_the_step_of_plain_copies_is_a_value_that_can_be_compared():
    step = Copies("aeda", 2)
    assert step.plain() == Copies(None, 2)
    assert step.with_seed(3) == Copies("aeda", 2, 3)
    assert Copies("aeda", 2, 1).with_seed(3) == Copies("aeda", 2, 1)
