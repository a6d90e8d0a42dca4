"""Soft targets over the candidates of a batch."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.methods import METHODS
from sfumato.methods.kwls import kwls, kwls_paper
from sfumato.methods.label_smoothing import baseline, label_smoothing
from sfumato.retrieval.batches import Pairs, batches
from sfumato.retrieval.in_batch_targets import IN_BATCH, controlled, evened, hard, in_batch_targets
from sfumato.retrieval.task import Corpus, Questions

SENTENCES = [f"the {color} {thing} stands {place}" for color in ("red", "blue", "green")
             for thing, place in (("house", "here"), ("car", "there"), ("tree", "outside"))]  # fmt: skip
N = len(SENTENCES)


def corpus():
    ids = [str(k) for k in range(N)]
    return Corpus(list(SENTENCES), ids, list(SENTENCES), ids, np.arange(N))


def questions():
    texts = [f"where is the {s.split()[1]} {s.split()[2]}" for s in SENTENCES] + ["what stands here"]
    positives = [np.array([k]) for k in range(N)] + [np.array([0, 3, 6])]
    return Questions(texts, [str(k) for k in range(N + 1)], positives, np.arange(N + 1))


def batch(rows=(0, 1, 4, 9), seed=0):
    return Pairs.of(questions()).batch(np.array(rows), np.random.default_rng(seed))


def built(method, control="", teacher=None):
    return controlled(in_batch_targets(method, corpus(), questions(), teacher=teacher), control)


def even_teacher(batch):
    shape = batch.positive.shape
    return np.full(shape, 1 / shape[1])


@pytest.mark.parametrize("name", IN_BATCH)
@pytest.mark.parametrize("control", ["", "uniform", "shuffled"])
def test_targets_of_every_method_and_control_are_distributions(name, control):
    targets = built(METHODS[name](), control, even_teacher)(batch())
    assert targets.shape == batch().positive.shape
    assert (targets >= 0).all()
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-9)


def test_candidates_are_distinct_and_each_known_answer_counts_as_right():
    pairs = Pairs.from_lists([np.array([5]), np.array([5]), np.array([2, 5])])
    seen = set()
    for seed in range(20):
        made = pairs.batch(np.array([0, 1, 2]), np.random.default_rng(seed))
        seen.add(tuple(made.candidates))
        assert made.positive[:, made.candidates == 5].all()
        np.testing.assert_allclose(hard(made).sum(axis=1), 1)
        if len(made.candidates) == 2:
            np.testing.assert_allclose(hard(made)[2], [0.5, 0.5])
    assert seen == {(5,), (2, 5)}


def test_an_epoch_shows_every_question_once():
    pairs = Pairs.of(questions())
    rows = np.concatenate([made.questions for made in pairs.epoch(4, np.random.default_rng(0))])
    assert sorted(rows.tolist()) == list(range(N + 1))


def test_an_epoch_is_in_a_new_order_each_time_and_leaves_a_last_question_alone_out():
    pairs, generator = Pairs.of(questions()), np.random.default_rng(0)
    first, second = ([made.questions.tolist() for made in pairs.epoch(3, generator)] for _ in range(2))
    assert [len(rows) for rows in first] == [3, 3, 3]  # of 10 questions
    assert first != second
    assert [len(made.questions) for made in pairs.epoch(4, generator)] == [4, 4, 2]


def test_label_smoothing_shares_with_all_candidates_of_the_batch():
    made = batch((0, 1, 4, 8))
    targets = built(label_smoothing(0.2))(made)
    np.testing.assert_allclose(targets, 0.8 * hard(made) + 0.2 / 4)


def test_baseline_and_no_smoothing_are_the_answers():
    for method in (baseline(), label_smoothing(0.0), kwls(weight=0.0)):
        np.testing.assert_allclose(built(method)(batch()), hard(batch()))


def test_a_sentence_of_the_same_words_gets_mass_and_an_unlike_one_less():
    made = batch((0, 3, 8))  # red house, blue house, green tree
    targets = built(kwls(temperature=1.0))(made)
    assert targets[0, 1] > 2 * targets[0, 2]


def test_uniform_keeps_the_mass_of_the_answers_and_spreads_the_rest_evenly():
    made = batch((0, 1, 4, 8))
    own, even = built(kwls_paper(0.2))(made), built(kwls_paper(0.2), "uniform")(made)
    gold = (own * made.positive).sum(axis=1).mean()
    np.testing.assert_allclose((even * made.positive).sum(axis=1), gold)
    assert all(len(np.unique(row[~positive].round(9))) == 1 for row, positive in zip(even, made.positive, strict=True))


def test_shuffled_keeps_the_shares_and_moves_them_to_other_wrong_candidates():
    made = batch((0, 3, 6, 1, 4, 7, 2, 5))
    own, moved = built(kwls(temperature=1.0))(made), built(kwls(temperature=1.0), "shuffled")(made)
    np.testing.assert_allclose(moved[made.positive], own[made.positive])
    np.testing.assert_allclose(np.sort(moved, axis=1), np.sort(own, axis=1))
    assert not np.allclose(moved, own)


def test_the_even_share_goes_to_the_others_alone_where_the_mode_says_so():
    made = batch((0, 1, 4, 8))
    targets = built(label_smoothing(0.2, mode="exclusive"))(made)
    np.testing.assert_allclose(targets, 0.8 * hard(made) + 0.2 / 3 * ~made.positive)


def misled():
    """Questions of which every third has a sentence of other words."""
    positives = [np.array([(k + 4) % N if k % 3 == 0 else k]) for k in range(N)]
    return replace(questions(), positives=[*positives, np.array([0, 3, 6])])


def test_projecting_raises_the_answer_to_the_largest_share_and_keeping_does_not():
    made = Pairs.of(misled()).batch(np.array([0, 3, 1, 4, 8, 2]), np.random.default_rng(0))
    kept, raised = (
        in_batch_targets(kwls(temperature=1.0, gold=gold), corpus(), misled())(made) for gold in ("keep", "project")
    )
    assert (kept[made.positive] < kept.max(axis=1)).any()
    np.testing.assert_allclose(raised[made.positive], raised.max(axis=1))
    for before, after, right in zip(kept, raised, made.positive, strict=True):
        assert len(np.unique((after / before)[~right].round(9))) == 1


def test_a_question_without_a_word_has_an_even_d_its_answer_or_is_refused():
    asked = replace(questions(), texts=["?!", *questions().texts[1:]])
    made = Pairs.of(asked).batch(np.array([0, 1, 4]), np.random.default_rng(0))
    for on_empty, wanted in (("uniform", np.full(3, 1 / 3)), ("hard", hard(made)[0])):
        method = kwls(temperature=1.0, gold="keep", on_empty=on_empty)
        np.testing.assert_allclose(in_batch_targets(method, corpus(), asked)(made)[0], wanted)
    with pytest.raises(InputError, match=r"kwls: 1 questions hold no word, the first is '\?!'"):
        in_batch_targets(kwls(temperature=1.0, on_empty="raise"), corpus(), asked)
    in_batch_targets(kwls(temperature=1.0, on_empty="raise"), corpus(), questions())


def test_words_that_say_nothing_become_label_smoothing_and_others_a_temperature():
    nothing = replace(questions(), texts=[f"zzz{k}" for k in range(N + 1)])
    made = batch((0, 1, 4, 8))
    targets = in_batch_targets(kwls(fallback=0.3), corpus(), nothing)(made)
    np.testing.assert_allclose(targets, 0.7 * hard(made) + 0.3 / 4)
    assert 0 < in_batch_targets(kwls(), corpus(), questions()).temperature < np.inf


def test_the_chosen_temperature_has_the_least_log_loss_of_the_answers():
    pairs = Pairs.of(misled())
    targets = in_batch_targets(kwls(), corpus(), misled(), seed=3)
    generator = np.random.default_rng((3, 5))
    tried = [pairs.batch(generator.choice(N + 1, N + 1, replace=False), generator) for _ in range(16)]
    widest = max(len(made.candidates) for made in tried)

    def loss(temperature):
        total = 0.0
        for made in tried:
            for relevance, right in zip(
                targets.scores.relevance(made.questions, made.candidates), hard(made), strict=True
            ):
                z = [r / temperature for r in [*relevance, *[min(relevance)] * (widest - len(relevance))]]
                partition = math.log(sum(map(math.exp, z)))
                total -= sum(share * (score - partition) for share, score in zip(right, z[: len(right)], strict=True))
        return total

    least = loss(targets.temperature)
    assert least < min(loss(targets.temperature * 1.1), loss(targets.temperature / 1.1))


def test_a_question_whose_candidates_are_all_right_keeps_all_its_mass_in_the_control():
    pairs = Pairs.from_lists([np.array([0, 3]), np.array([3]), np.array([3])])
    made = pairs.of_drawn(np.array([0, 1]), np.array([0, 3]))
    even = evened(np.array([[0.5, 0.5], [0.4, 0.6]]), made)
    np.testing.assert_allclose(even, [[0.5, 0.5], [0.2, 0.8]])


def test_a_teacher_is_heard_at_its_temperature():
    def says(batch):
        return np.tile([0.5, 0.25, 0.25], (3, 1))

    targets = built(METHODS["self-distillation-paper"](temperature=2.0), teacher=says)(batch((0, 1, 4)))
    root = np.sqrt([0.5, 0.25, 0.25])
    np.testing.assert_allclose(targets, np.tile(root / root.sum(), (3, 1)))


def test_a_method_of_classes_is_refused_with_the_methods_of_retrieval():
    with pytest.raises(InputError, match=r"lcm is for classes.*Methods of retrieval: baseline, label-smoothing"):
        in_batch_targets(METHODS["lcm"](), corpus(), questions())
    with pytest.raises(InputError, match="needs a teacher"):
        in_batch_targets(METHODS["self-distillation-paper"](), corpus(), questions())
    with pytest.raises(InputError, match="takes no gold_mass"):
        in_batch_targets(kwls(gold_mass=0.9), corpus(), questions())


def test_smoothing_that_could_put_an_answer_below_a_wrong_candidate_is_refused():
    with pytest.raises(InputError, match="retrieval takes mode='uniform' or 'exclusive'"):
        built(label_smoothing(0.1, mode="per-class"))
    with pytest.raises(InputError, match=r"exclusive smoothing must be at most 0\.5, got 0\.6"):
        built(label_smoothing(0.6, mode="exclusive"))
    for smoothing, mode in ((0.5, "exclusive"), (1.0, "uniform")):
        for rows in ((0, 1), (0, 1, 4, 8)):
            made = batch(rows)
            targets = built(label_smoothing(smoothing, mode=mode))(made)
            assert targets.min() >= 0
            assert (targets[made.positive].min() >= targets[~made.positive] - 1e-12).all()


@pytest.mark.parametrize(("number", "size"), [(64, 64), (65, 64), (66, 64), (130, 64), (2, 8), (9, 2)])
def test_batches_are_counted_as_an_epoch_yields_them(number, size):
    names, rows = [str(k) for k in range(number)], np.arange(number)
    pairs = Pairs.of(Questions(names, names, list(rows[:, None]), rows))
    assert batches(number, size) == len(list(pairs.epoch(size, np.random.default_rng(0))))
