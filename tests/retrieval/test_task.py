"""Questions are taken and split without a passage, an article, a question or a positive on both sides."""

from typing import Any

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.retrieval import Corpus, Questions, Task


def task_of(titles: list[str], asked: list[int], positives: list[list[int]], passage: list[int]) -> Task:
    corpus = Corpus(
        [f"sentence {k}" for k in range(len(passage))],
        [f"s{k}" for k in range(len(passage))],
        [f"passage {k}" for k in range(max(passage) + 1)],
        [f"p{k}" for k in range(max(passage) + 1)],
        np.array(passage),
        titles,
    )
    names = [f"q{k}" for k in range(len(asked))]
    return Task(corpus, Questions(names, names, [np.array(rows) for rows in positives], np.array(asked)))


def plain(groups: int = 40) -> Task:
    """Two sentences and two questions a passage."""
    passage = [k // 2 for k in range(2 * groups)]
    return task_of([], passage, [[k] for k in range(2 * groups)], passage)


def test_take_returns_the_questions_in_the_given_order() -> None:
    taken = plain().questions.take([3, 0])
    assert taken.ids == ["q3", "q0"]
    assert [rows.tolist() for rows in taken.positives] == [[3], [0]]
    assert taken.group.tolist() == [1, 0]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_split_cuts_the_share_and_no_passage_is_on_both_sides(share: float) -> None:
    rest, cut = plain().split(share, seed=3)
    assert len(cut) == round(share * 80)
    assert sorted([*rest.ids, *cut.ids]) == sorted(plain().questions.ids)
    assert not set(rest.group.tolist()) & set(cut.group.tolist())


def test_a_group_far_larger_than_the_share_is_passed_over() -> None:
    passage = [0] * 30 + list(range(1, 11))
    asked = task_of([], passage, [[k] for k in range(40)], passage)
    for seed in range(6):
        assert len(asked.split(0.1, seed=seed)[1]) == 4
    only = task_of([], [0] * 4 + [1] * 3, [[k] for k in range(7)], [0] * 4 + [1] * 3)
    assert [len(side) for side in only.split(0.1, seed=0)] == [4, 3]  # each is too large: the smaller one


def test_the_same_seed_gives_the_same_split_and_another_seed_another_one() -> None:
    first, again, other = (plain().split(0.25, seed=seed)[1].ids for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_passages_of_one_article_stay_together_and_without_titles_they_do_not() -> None:
    passage = [k // 2 for k in range(40)]
    titles = [f"article {k // 5}" for k in range(20)]
    asked = task_of(titles, passage, [[k] for k in range(40)], passage)
    rest, cut = asked.split(0.25, seed=0)
    articles = [{k // 5 for k in side.group.tolist()} for side in (rest, cut)]
    assert not articles[0] & articles[1]
    rest, cut = task_of([], passage, [[k] for k in range(40)], passage).split(0.25, seed=0)
    articles = [{k // 5 for k in side.group.tolist()} for side in (rest, cut)]
    assert articles[0] & articles[1]


def test_passages_with_a_common_positive_stay_together() -> None:
    asked = [0, 1, 2, 3]
    for seed in range(8):
        rest, cut = task_of([], asked, [[0], [0, 1], [2], [3]], [0, 1, 2, 3]).split(0.5, seed=seed)
        assert ("q0" in rest.ids) == ("q1" in rest.ids)
        assert len(rest) > 0 < len(cut)


def test_questions_about_one_article_cannot_be_split() -> None:
    one = task_of(["a", "a"], [0, 1], [[0], [1]], [0, 1])
    with pytest.raises(InputError, match="2 questions cannot be split: all are about one article"):
        one.split(0.5, seed=0)
    two = task_of(["a", "b"], [0, 1], [[0], [1]], [0, 1])
    assert [len(side) for side in two.split(0.5, seed=0)] == [1, 1]


def test_a_share_of_nothing_and_parts_of_unequal_length_are_refused() -> None:
    with pytest.raises(InputError, match="share must be more than 0"):
        plain().split(0, seed=0)
    with pytest.raises(InputError, match="2 sentences, 1 ids and 2 places"):
        Corpus(["a", "b"], ["1"], ["a b"], ["p"], np.array([0, 0]))
    with pytest.raises(InputError, match="1 texts, 0 ids"):
        Questions(["a"], [], [np.array([0])], np.array([0]))


def test_a_share_of_one_is_refused_since_it_may_be_meant_as_a_number() -> None:
    with pytest.raises(InputError, match=r"share must be below 1, such as 0\.1"):
        plain().split(1, seed=0)


def test_a_question_about_two_passages_joins_all_that_was_asked_about_either() -> None:
    titles, passage = ["A", "A", "B", "B"], [0, 1, 2, 3]
    task = task_of(titles, [0, 1, 3], [[0, 2], [1], [3]], passage)  # the first question is about A, and B has an answer
    with pytest.raises(InputError, match="cannot be split: all are about one article"):
        task.split(0.5, seed=0)
    assert [len(side) for side in task_of(titles, [0, 1, 3], [[0], [1], [3]], passage).split(0.5, seed=0)] != [3, 0]


def test_of_keeps_the_corpus_and_takes_the_questions() -> None:
    task = plain()
    rest, cut = task.split(0.25, seed=0)
    assert (task.of(rest).questions, task.of(rest).corpus) == (rest, task.corpus)
    assert len(task.of(cut).questions) == len(cut)


WRONG = [
    ({"ids": ["1", "1"]}, "two sentences have the id '1'"),
    ({"passage": np.array([0, 7])}, "in which of the 2 passages each sentence stands, from 0 on, got 0 to 7"),
    ({"passage": np.array([-1, 0])}, "got -1 to 0"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_a_corpus_that_contradicts_itself_is_refused(change: dict[str, Any], words: str) -> None:
    good = {"sentences": ["a", "b"], "ids": ["1", "2"], "passages": ["a", "b"], "passage_ids": ["0", "1"]}
    given: dict[str, Any] = {**good, "passage": np.array([0, 1]), **change}
    with pytest.raises(InputError, match=words):
        Corpus(**given)


@pytest.mark.parametrize("positives", [[[0], []], [[0], [2, 1]], [[1, 1], [0]]])
def test_questions_need_positives_ascending_and_each_once(positives: list[list[int]]) -> None:
    with pytest.raises(InputError, match="needs rows of the corpus that answer it, ascending and each once"):
        Questions(["a", "b"], ["1", "2"], [np.array(rows, dtype=np.int64) for rows in positives], np.array([0, 0]))


def test_questions_of_another_task_are_refused() -> None:
    with pytest.raises(InputError, match="two questions have the id 'q0'"):
        plain().questions.take([0, 0])
    with pytest.raises(InputError, match="not of one task: positives name sentences 0 to 79, and the corpus has 4"):
        plain(2).of(plain().questions)
    few = Questions(["a"], ["1"], [np.array([0])], np.array([9]))
    with pytest.raises(InputError, match="group name passages 0 to 9, and the corpus has 2"):
        plain(2).of(few)
