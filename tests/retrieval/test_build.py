"""From passages, questions and places of answers to candidate sentences and positives, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sfumato.errors import InputError
from sfumato.retrieval import build

PASSAGE = "Oslo lies on a fjord.  Its mayor is elected. It has 700,000 people."
OTHER = "Rome lies on the Tiber. It has 700,000 people."


def asked(question: str, *answers: str, passage: str = PASSAGE, **more: Any) -> dict[str, Any]:
    return {
        "context": passage,
        "question": question,
        "answers_text": list(answers),
        "answers_start": [passage.index(answer) for answer in answers],
        **more,
    }


def rights(task: Any) -> dict[str, list[str]]:
    """Return the right sentences of each question, read back from the task."""
    sentences, questions = task.corpus.sentences, task.questions
    return {text: [sentences[k] for k in rows] for text, rows in zip(questions.texts, questions.positives, strict=True)}


def test_the_sentence_that_holds_the_answer_is_the_positive() -> None:
    task = build([asked("Where?", "on a fjord"), asked("Who?", "mayor"), asked("How many?", "700,000")])
    assert task.corpus.sentences == ["Oslo lies on a fjord.", "Its mayor is elected.", "It has 700,000 people."]
    assert rights(task) == {
        "Where?": ["Oslo lies on a fjord."],
        "Who?": ["Its mayor is elected."],
        "How many?": ["It has 700,000 people."],
    }
    assert task.corpus.passage.tolist() == [0, 0, 0]
    assert task.corpus.passages == [PASSAGE]


def test_the_answers_of_all_annotators_count() -> None:
    assert rights(build([asked("What?", "mayor", "people", "elected")])) == {
        "What?": ["Its mayor is elected.", "It has 700,000 people."]
    }


@pytest.mark.parametrize(("crossing", "right"), [("all", 2), ("first", 1), ("drop", 0)])
def test_an_answer_across_sentences_makes_all_the_first_or_none_right(crossing: str, right: int) -> None:
    rows = [asked("What?", "fjord.  Its mayor"), asked("Who?", "mayor")]
    task = build(rows, crossing=crossing)
    assert task.counts["crossing_answers"] == 1
    assert task.counts.get("lost_questions", 0) == (right == 0)
    assert rights(task).get("What?", []) == ["Oslo lies on a fjord.", "Its mayor is elected."][:right]
    assert rights(task)["Who?"] == ["Its mayor is elected."]


def test_an_answer_that_ends_with_the_blanks_after_a_sentence_does_not_cross() -> None:
    task = build([asked("What?", "fjord.  ")])
    assert task.counts["crossing_answers"] == 0
    assert rights(task) == {"What?": ["Oslo lies on a fjord."]}


def test_the_same_sentence_of_two_passages_is_one_candidate_and_right_for_both() -> None:
    task = build([asked("How many?", "700,000"), asked("How large is Rome?", "700,000", passage=OTHER)])
    assert task.corpus.sentences.count("It has 700,000 people.") == 1
    assert task.counts["duplicate_sentences"] == 1
    assert task.questions.positives[0].tolist() == task.questions.positives[1].tolist() == [2]
    assert task.questions.group.tolist() == [0, 1]
    assert task.corpus.passage.tolist() == [0, 0, 0, 1]


def test_the_same_question_about_two_passages_has_the_positives_of_both() -> None:
    task = build([asked("Where  is it?", "fjord"), asked("Where is it?", "Tiber", passage=OTHER)])
    assert rights(task) == {"Where is it?": ["Oslo lies on a fjord.", "Rome lies on the Tiber."]}
    assert task.counts["duplicate_questions"] == 1


def test_sentences_that_differ_in_case_stay_two_candidates_and_are_counted() -> None:
    task = build({"question": ["a?", "b?"], "sentence": ["It is so.", "it is SO!"]})
    assert len(task.corpus) == 2
    assert task.counts["near_duplicate_sentences"] == 1
    assert any("case or punctuation" in sentence for sentence in task.notes)


def test_unanswerable_questions_are_left_out_and_their_passages_are_searched() -> None:
    rows = [asked("Where?", "fjord", is_impossible=False), asked("Why?", passage=OTHER, is_impossible=True)]
    task = build(rows)
    assert task.questions.texts == ["Where?"]
    assert task.counts["unanswerable"] == 1
    assert "Rome lies on the Tiber." in task.corpus.sentences


def test_chinese_is_cut_at_its_own_marks() -> None:
    passage = "奥斯陆在峡湾旁。市长由选举产生。"
    task = build([asked("市长?", "选举", passage=passage)])
    assert rights(task) == {"市长?": ["市长由选举产生。"]}


def nested(*qas: dict[str, Any], context: str = PASSAGE) -> dict[str, Any]:
    return {"version": "1.1", "data": [{"title": "Oslo", "paragraphs": [{"context": context, "qas": list(qas)}]}]}


def qa(name: str, question: str, answer: str) -> dict[str, Any]:
    return {"id": name, "question": question, "answers": [{"text": answer, "answer_start": PASSAGE.index(answer)}]}


def test_json_csv_parquet_and_frames_give_the_same_task(tmp_path: Path) -> None:
    rows = [asked("Where?", "fjord", id="1", title="Oslo"), asked("Who?", "mayor", id="2", title="Oslo")]
    frame = pl.DataFrame(rows)
    flat = frame.with_columns(
        pl.col("answers_text").list.first(), pl.col("answers_start").list.first()
    )  # one answer a cell, without JSON
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ndjson(tmp_path / "a.jsonl")
    flat.write_csv(tmp_path / "a.csv")
    flat.write_csv(tmp_path / "a.tsv", separator="\t")
    (tmp_path / "a.json").write_text(json.dumps(nested(qa("1", "Where?", "fjord"), qa("2", "Who?", "mayor"))))
    wanted = build(frame)
    assert wanted.corpus.titles == ["Oslo"]
    for name in ("a.parquet", "a.jsonl", "a.csv", "a.tsv", "a.json"):
        task = build(tmp_path / name)
        assert rights(task) == rights(wanted), name
        assert task.questions.ids == ["1", "2"], name
        assert task.corpus.ids == wanted.corpus.ids, name
        assert task.corpus.titles == ["Oslo"], name


def test_pairs_and_lists_of_candidates_are_read() -> None:
    pairs = build({"ask": ["a?", "b?", "a?"], "reply": ["One.", "One.", "Two."]}, question="ask", sentence="reply")
    assert rights(pairs) == {"a?": ["One.", "Two."], "b?": ["One."]}
    listed = build(
        [
            {"question": "a?", "candidates": ["One.", "Two.", ""], "answers": [1], "article": "A"},
            {"question": "b?", "candidates": ["Two.", "Three."], "answers": [0, 1], "article": "B"},
        ]
    )
    assert rights(listed) == {"a?": ["Two."], "b?": ["Two.", "Three."]}
    assert listed.corpus.sentences == ["One.", "Two.", "Three."]
    assert listed.counts["empty_candidates"] == 1
    assert listed.corpus.titles == ["A", "B"]


BAD_ROWS = [
    ({"answers_start": [60]}, "row 2: an answer at 60 is outside the passage, which has 67 characters: 'on a fjord'"),
    ({"answers_start": [-1]}, "at -1 is outside"),
    ({"answers_start": [9]}, "row 2: at 9 stands ' on a fjord.  Its ma', not the answer: 'on a fjord'"),
    ({"answers_text": ["on a fjord", "x"]}, "there are 2 answers and 1 starts"),
    ({"answers_start": ["x"]}, "answers_start must hold whole numbers"),
    ({"answers_start": [10**400]}, "answers_start must hold whole numbers"),
    ({"answers_text": "on a fjord", "answers_start": "?"}, "answers_start must hold whole numbers: '?'"),
    ({"answers_text": "on a fjord", "answers_start": "[4]"}, "answers_text must be a list of texts in JSON"),
    ({"answers_text": [], "answers_start": []}, "row 2: the question has no answer"),
    ({"answers_text": [" "], "answers_start": [4]}, "row 2: an answer is empty"),
    ({"context": "  "}, "row 2: the passage is empty"),
    ({"question": " "}, "row 2: the question is empty"),
    ({"id": "1"}, "row 2: the id of row 1 again, with another content: '1'"),
]


@pytest.mark.parametrize(("fault", "words"), BAD_ROWS)
def test_a_row_that_cannot_be_used_is_named_and_left_out_on_demand(fault: dict[str, Any], words: str) -> None:
    good = asked("Who?", "mayor", id="1")
    rows = [good, asked("Where?", "on a fjord", id="2") | fault]
    with pytest.raises(InputError) as error:
        build(rows)
    assert words in str(error.value)
    task = build(rows, bad_rows="drop")
    assert task.questions.texts == ["Who?"]
    assert task.counts["left_out"] == 1


def test_a_row_twice_is_no_fault_and_counted() -> None:
    task = build([asked("Who?", "mayor", id="1"), asked("Who?", "mayor", id="1")])
    assert task.counts["repeated_rows"] == 1
    assert len(task.questions) == 1


BAD_PAIRS = [
    ({"question": ["a?", " "], "sentence": ["One.", "Two."]}, "row 2: the question is empty"),
    ({"question": ["a?", "b?"], "sentence": ["One.", ""]}, "row 2: the question has no sentence"),
    ({"question": ["a?"], "candidates": [["One."]], "answers": [[]]}, "row 1: the question has no right candidate"),
    ({"question": ["a?"], "candidates": [["One."]], "answers": [[1]]}, "places of the 1 candidates, from 0: '1'"),
    ({"question": ["a?"], "candidates": [["One.", ""]], "answers": [[1]]}, "a right candidate is empty"),
    ({"question": ["a?"], "candidates": ["One."], "answers": [[0]]}, "candidates must be a list of texts"),
    ({"id": ["1", "1"], "question": ["a?", "b?"], "sentence": ["One.", "Two."]}, "the id of row 1 again"),
    ({"text": ["a"]}, "a table for retrieval has the columns context, question"),
]


@pytest.mark.parametrize(("table", "words"), BAD_PAIRS)
def test_a_bad_table_of_pairs_is_refused(table: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        build(table)
    assert words in str(error.value)


BAD_JSON: list[tuple[Any, str]] = [
    ("{", "is not whole JSON"),
    ({"rows": []}, "there is no list 'data' of articles"),
    ({"data": [{"title": "x"}]}, r"data[0] is no article of SQuAD"),
    (nested(context=" "), "data[0].paragraphs[0] is an empty passage"),
    (nested({"id": "1", "answers": []}), "question 1: data[0].paragraphs[0].qas[0] is no question"),
    (nested(qa("1", "Who?", "mayor") | {"answers": []}), "question 1: the question has no answer"),
    (nested(), "no question is left"),
    (nested(context="half \ud83d of it"), "data[0].paragraphs[0] holds half of a sign, '\\ud83d', at place 5"),
    (nested(qa("1", "Who \ud83d?", "mayor")), "qas[0] holds half of a sign"),
]


@pytest.mark.parametrize(("content", "words"), BAD_JSON)
def test_a_file_that_is_not_squad_is_refused_with_its_name(content: Any, words: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError) as error:
        build(file)
    assert words in str(error.value)


def test_an_option_out_of_its_list_and_a_set_of_another_task_are_refused(tmp_path: Path) -> None:
    rows = [asked("Who?", "mayor")]
    with pytest.raises(InputError, match="crossing must be one of"):
        build(rows, crossing="last")
    with pytest.raises(InputError, match="language must be a code"):
        build(rows, language="1")
    file = tmp_path / "squad.json"
    file.write_text(json.dumps(nested(qa("1", "Who?", "mayor"))))
    assert len(build(file).questions) == 1
    with pytest.raises(InputError, match=r"squad\.json is in SQuAD's format, which has no splits"):
        build(file, split="train")
    with pytest.raises(InputError, match=r"trec has texts with classes.*squadshifts_new_wiki"):
        build("trec")
    with pytest.raises(InputError, match="no data set 'selqo'"):
        build("selqo")
    with pytest.raises(InputError, match="no row has the split 'b'; there are: a"):
        build({"question": ["q?"], "sentence": ["s."], "split": ["a"]}, split="b")


@pytest.mark.slow
@pytest.mark.data
def test_new_wiki_has_the_counts_that_plain_loops_find(data_folder: Path) -> None:
    from sentencex import segment

    task = build("squadshifts_new_wiki", data=data_folder)
    frame = pl.read_parquet(data_folder / "squadshifts" / "new_wiki.parquet")
    sentences, found = set(), 0
    for passage in dict.fromkeys(frame["context"].to_list()):
        pieces = [" ".join(piece.split()) for piece in segment("en", passage) if piece.strip()]
        found += len(pieces)
        sentences.update(pieces)
    assert set(task.corpus.sentences) == sentences
    assert task.counts["sentences_found"] == found
    assert task.counts["rows"] == len(frame) == 7938
    assert len(task.questions) == len({" ".join(text.split()) for text in frame["question"]})
    answers = dict(zip((" ".join(text.split()) for text in frame["question"]), frame["answers_text"], strict=True))
    held = [
        any(" ".join(answer.split()) in task.corpus.sentences[k] for answer in answers[text] for k in rows)
        for text, rows in zip(task.questions.texts, task.questions.positives, strict=True)
    ]
    assert np.mean(held) > 0.995  # the rest are answers that cross sentences only


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", ["squad2_dev_half", "squad_xquad_en", "squad_nqg_sentences", "selqa"])
def test_the_other_sets_are_built_and_split(name: str, data_folder: Path) -> None:
    task = build(name, data=data_folder)
    assert all(len(rows) for rows in task.questions.positives)
    rest, cut = task.split(0.2, seed=0)
    assert len(rest) + len(cut) == len(task.questions)
    assert len(cut) / len(task.questions) == pytest.approx(0.2, abs=0.03)
    seen = set(np.concatenate(rest.positives).tolist())
    assert not seen & set(np.concatenate(cut.positives).tolist())


def test_answers_in_no_json_are_named_with_their_column() -> None:
    table = {"context": [PASSAGE], "question": ["Who?"], "answers": ["{'text': array(['mayor'], dtype=object)}"]}
    with pytest.raises(InputError, match=r'answers must be JSON, \{"text": .*: "\{\'text\': array'):
        build(table)


def test_a_question_without_an_id_has_none_of_another(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    without = {name: value for name, value in qa("1", "How many?", "700,000").items() if name != "id"}
    file.write_text(json.dumps(nested(qa("2", "Who?", "mayor"), without)), encoding="utf-8")
    task = build(file)
    assert task.questions.ids == ["2", "data[0].paragraphs[0].qas[1]"]


def test_sentences_and_questions_of_composed_and_other_accents_are_one() -> None:
    composed, other = "Caf\u00e9 noir.", "Cafe\u0301 noir."
    rows = [asked("Qu\u00e9?", "noir", passage=composed), asked("Que\u0301?", "noir", passage=other)]
    task = build(rows)
    assert (task.corpus.sentences, task.questions.texts) == ([composed], ["Qu\u00e9?"])
    assert len(task.corpus.passages) == 2


def test_the_passage_of_a_row_that_is_left_out_is_searched_as_in_json() -> None:
    rows = [asked("Who?", "mayor", id="1"), asked("Where?", "Tiber", passage=OTHER, id="2") | {"answers_start": [999]}]
    assert build(rows, bad_rows="drop").corpus.passages == [PASSAGE, OTHER]
