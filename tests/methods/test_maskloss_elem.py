"""MaskLoss on the groups of each text; how words are deleted is tested in tests/test_deletions.py."""

from dataclasses import replace

import numpy as np
import pytest

from sfumato import METHODS, InputError
from sfumato.architecture import Training
from sfumato.controls import control
from sfumato.data import Examples
from sfumato.mask_controls import mask_coverage
from sfumato.methods.maskloss import MaskWarning
from sfumato.methods.maskloss_elem import groups_of_labels, maskloss_elem
from sfumato.resolve import build_architecture
from sfumato.run import hear_teacher, train_model

CLASSES = ("a", "b", "c", "d")
SETS = [["a"], ["b"], ["a", "c"], [], ["c"]]
DROPS = np.array(
    [[0.9, 0.5, 0.6, 0], [0.2, 0.7, 0.1, 0.8], [0.9, 0.51, 0.9, 0], [0.9, 0, 0, 0.4], [0, 0.6, 0.2, 0.1]],
    dtype=np.float32,
)


def several():
    return replace(Examples.from_label_sets([f"t{i}" for i in range(5)], SETS, classes=CLASSES), teacher=DROPS)


def test_the_group_of_a_text_is_what_drops_by_more_than_tau_and_is_not_given():
    prepared = maskloss_elem(0.5).prepare(several())
    for i in range(5):
        for k in range(4):
            expected = DROPS[i, k] > np.float32(0.5) and CLASSES[k] not in SETS[i]
            assert prepared.similar[i, k] == expected, (i, k)
    assert mask_coverage(prepared.similar) == {"rows": 1.0, "labels_per_row": 1.0}
    assert mask_coverage(np.zeros((0, 4), dtype=bool)) == {"rows": 0.0, "labels_per_row": 0.0}


def test_tau_1_is_the_baseline_and_says_so():
    with pytest.warns(MaskWarning, match=r"nothing is masked: .* by more than tau=1 \(the most is 0.900\)"):
        prepared = maskloss_elem(1.0).prepare(several())
    assert not prepared.similar.any()


def test_groups_of_labels_are_those_in_half_of_the_texts_of_a_label_either_way():
    groups, gold = several().teacher > 0.5, several().gold
    similar = groups_of_labels(groups, gold)
    for j in range(4):
        for k in range(4):
            shares = []
            for one, other in ((j, k), (k, j)):
                rows = [i for i in range(5) if gold[i, one]]
                shares.append(sum(groups[i, other] for i in rows) / len(rows) if rows else 0)
            assert similar[j, k] == (j != k and max(shares) >= 0.5)
    prepared = maskloss_elem(0.5, aggregate="label").prepare(several())
    for i in range(5):
        for k in range(4):
            given = [j for j in range(4) if gold[i, j]]
            assert prepared.similar[i, k] == (not gold[i, k] and any(similar[j, k] for j in given))


def test_random_groups_are_those_of_the_texts_with_the_classes_in_other_places():
    own, other = maskloss_elem().transforms[0], control(maskloss_elem(), "random-groups", seed=2).transforms[0]
    data = replace(several(), labels=np.zeros((5, 4), dtype=np.int64))
    mine, theirs = own(data).similar, other(data).similar
    assert np.array_equal(mine.sum(axis=1), theirs.sum(axis=1))
    assert not np.array_equal(mine, theirs)
    assert sorted(map(tuple, mine.T)) == sorted(map(tuple, theirs.T))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tau": 0}, "maskloss-elem: tau must be more than 0 and at most 1, got 0"),
        ({"tau": 1.2}, "tau must be more than 0 and at most 1"),
        ({"alpha": 2}, "alpha must be at least 0 and at most 1"),
        ({"source": "right"}, "source must be one of 'correct', 'incorrect', 'all'"),
        ({"decide": "max"}, "decide must be one of"),
        ({"unit": "words"}, r"unit must be one of .* \(did you mean 'word'\?\)"),
        ({"delete": "two"}, "delete must be one of"),
        ({"aggregate": "texts"}, "aggregate must be one of"),
        ({"min_count": 0}, "min_count must be at least 1"),
        ({"teacher": 3}, "teacher must be the name of a model"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        maskloss_elem(**options)


def test_without_a_basic_model_it_says_what_it_needs():
    with pytest.raises(InputError, match=r"maskloss-elem needs Examples\.teacher"):
        maskloss_elem().prepare(replace(several(), teacher=None))


def corpus(number=90):
    own = {"speed": "how fast run", "distance": "how far away", "person": "who wrote it"}
    rows = [list(own)[row % 3] for row in range(number)]
    return Examples.from_labels([f"{own[row]} x{place}" for place, row in enumerate(rows)], rows)


def test_a_run_hears_its_own_basic_model_and_masks_the_labels_that_share_a_word():
    architecture = build_architecture("linear", {})
    method = maskloss_elem()
    heard, dev = hear_teacher(corpus(), corpus(12), method.teacher, architecture=architecture)
    assert heard.teacher.shape == (90, 3)
    assert dev.teacher.shape == (12, 3)
    distance, person, speed = range(3)
    shared, foreign = heard.teacher[heard.labels == distance, speed], heard.teacher[heard.labels == speed, person]
    assert shared.min() > 2 * foreign.max()  # "how" holds both up; the toy is easy, so no word alone moves much
    method = maskloss_elem(float(shared.min() + foreign.max()) / 2)
    similar = method.prepare(heard).similar
    assert similar[heard.labels == distance, speed].all()
    assert not similar[heard.labels == speed, person].any()
    trained = train_model(corpus(), corpus(12), architecture=architecture, method=method, seed=1)
    assert trained.masked["rows"] > 0.3
    assert trained.model.predict(["how far away", "who wrote it"]) == ["distance", "person"]


def test_the_teacher_of_other_tau_is_the_same_and_of_other_deletions_is_not():
    settings = maskloss_elem(0.5).teacher.settings()
    assert settings == maskloss_elem(0.3, alpha=0.9).teacher.settings()
    assert settings != maskloss_elem(source="all").teacher.settings()
    plain = METHODS["self-distillation"]().teacher.settings()
    assert plain == {"folds": 5, "model": "None", "calibrate": True}  # as in the results that are there


def test_it_trains_a_network_batch_by_batch():
    architecture = build_architecture("bag", {"dim": 8})
    training = Training(epochs=2, batch_size=16, lr=0.05)
    train_model(corpus(), None, architecture=architecture, method=maskloss_elem(0.01), training=training)
