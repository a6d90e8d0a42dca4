"""An index finds after loading what it found before saving; another model, a cut file and other folders are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.retrieval import Corpus
from sfumato.retrieval.index import Hit, Index
from sfumato.retrieval.lexical import BM25

SENTENCES = ["Rome lies on the Tiber.", "Cats sleep all day.", "Oslo lies on a fjord.", "猫在睡觉。"]
PASSAGES = ["Rome lies on the Tiber. Cats sleep all day.", "Oslo lies on a fjord. 猫在睡觉。"]
QUESTIONS = ["Where is Oslo?", "who sleeps? cats", "Rome and the Tiber", "谁在睡觉"]


def corpus() -> Corpus:
    return Corpus(SENTENCES, ["a", "b", "c", "d"], PASSAGES, ["0", "1"], np.array([0, 0, 1, 1]), ["Rome", "Oslo"])


class Letters:
    """A model: how often each of 26 letters stands in a text."""

    def __init__(self, name: str = "letters", size: int = 26) -> None:
        self.name, self.size = name, size

    def encode_sentences(self, texts: list[str]) -> np.ndarray:
        letters = [chr(97 + k) for k in range(self.size)]
        return np.array([[text.lower().count(letter) for letter in letters] for text in texts], dtype=np.float32)

    encode_questions = encode_sentences

    def identity(self) -> dict[str, str]:
        return {"name": self.name, "sha256": f"{self.name}-{self.size}"}


def made(tmp_path: Path, model: Any = None) -> Path:
    return Index.build(corpus(), model=model).save(tmp_path / "index")


@pytest.mark.parametrize("model", [None, Letters()])
def test_no_question_has_no_answer_and_no_corpus_no_index(model: Any) -> None:
    assert Index.build(corpus(), model=model).search([]) == []
    with pytest.raises(InputError, match="an index needs a Corpus, got list"):
        Index.build(["One."], model=model)  # type: ignore[arg-type]


def test_a_hit_tells_the_sentence_its_passage_its_id_and_the_score() -> None:
    (hits,) = Index.build(corpus()).search("Where is Oslo?", 1)
    assert hits == [Hit(SENTENCES[2], PASSAGES[1], "c", pytest.approx(hits[0].score))]
    assert hits[0].score > 0


@pytest.mark.parametrize("model", [None, Letters()])
def test_a_loaded_index_finds_what_the_saved_one_found(model: Any, tmp_path: Path) -> None:
    index = Index.build(corpus(), model=model)
    folder = index.save(tmp_path / "new" / "index")
    loaded = Index.load(folder, model)
    assert loaded.search(QUESTIONS, 3) == index.search(QUESTIONS, 3)
    assert loaded.search(QUESTIONS[3], 1)[0][0].sentence == "猫在睡觉。" or model is not None
    assert loaded.corpus.titles == ["Rome", "Oslo"]
    assert loaded.corpus.passage_ids == ["0", "1"]
    assert len(loaded) == 4
    for file in folder.iterdir():
        assert file.suffix in (".json", ".parquet", ".safetensors")


def test_words_find_fewer_sentences_where_fewer_share_a_word_and_a_model_always_k() -> None:
    assert [len(hits) for hits in Index.build(corpus()).search(["cats", "zebra"], 4)] == [1, 0]
    assert [len(hits) for hits in Index.build(corpus(), model=Letters()).search(["cats", "zebra"], 9)] == [4, 4]


def test_the_vectors_of_an_index_are_those_of_the_sentences(tmp_path: Path) -> None:
    loaded = Index.load(made(tmp_path, Letters()), Letters())
    assert loaded.vectors is not None
    assert (loaded.vectors == Letters().encode_sentences(SENTENCES)).all()


def test_another_model_is_refused_and_both_are_named(tmp_path: Path) -> None:
    folder = made(tmp_path, Letters())
    with pytest.raises(InputError, match=r"made with the model 'letters' \(.*\) and not with 'numbers'"):
        Index.load(folder, Letters("numbers"))
    with pytest.raises(InputError, match=r"\(sha256 letters-26\) and not with 'letters' \(sha256 letters-25\)"):
        Index.load(folder, Letters(size=25))  # of the same name and other weights
    looked_at = Index.load(folder)
    with pytest.raises(InputError, match=r"made with the model 'letters'.*give it: Index.load\(folder, model\)"):
        looked_at.search("cats", 1)
    with pytest.raises(InputError, match="searched by words"):
        Index.load(Index.build(corpus()).save(tmp_path / "words"), Letters())


def test_vectors_of_another_size_are_refused(tmp_path: Path) -> None:
    index = Index.load(made(tmp_path, Letters()), Letters())
    index.model = Letters(size=25)
    with pytest.raises(InputError, match="vectors of 25 numbers and candidates of 26"):
        index.search("cats", 1)


def test_a_model_that_gives_too_few_or_unusable_vectors_is_refused() -> None:
    class Short(Letters):
        def encode_sentences(self, texts: list[str]) -> np.ndarray:
            return np.ones((len(texts) - 1, 3))

    class Broken(Letters):
        def encode_sentences(self, texts: list[str]) -> np.ndarray:
            return np.full((len(texts), 3), np.nan)

    with pytest.raises(InputError, match="gave 3 vectors for 4 sentences"):
        Index.build(corpus(), model=Short())
    with pytest.raises(InputError, match="the vectors of the sentences must hold finite numbers"):
        Index.build(corpus(), model=Broken())


@pytest.mark.parametrize("model", [None, Letters()])
def test_every_truncated_or_missing_file_is_named(model: Any, tmp_path: Path) -> None:
    folder = made(tmp_path, model)
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        for content in (whole[: len(whole) // 2], b"", *([] if file.suffix == ".json" else [whole + b" "]), None):
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content)
            with pytest.raises(InputError) as error:
                Index.load(folder, model)
            assert file.name in str(error.value)
        file.write_bytes(whole)
    assert Index.load(folder, model).search("cats", 1)[0]


def test_files_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    folder = made(tmp_path)
    facts = json.loads((folder / "sfumato.json").read_text())
    for change in ({"sentences": 5}, {"format": 9}, {"bm25": {"k1": 1}}, {"files": []}, {"kind": "retriever"}):
        (folder / "sfumato.json").write_text(json.dumps(facts | change))
        with pytest.raises(InputError):
            Index.load(folder)
    (folder / "sfumato.json").write_text(json.dumps(facts))
    assert len(Index.load(folder)) == 4


def test_numbers_outside_the_matrix_are_never_read(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = made(tmp_path)
    arrays = load_file(folder / "bm25.safetensors")
    arrays["indices"] = arrays["indices"] + 1_000_000
    save_file(arrays, folder / "bm25.safetensors")
    with pytest.raises(InputError, match=r"bm25\.safetensors does not fit"):
        Index.load(folder)


def test_a_folder_that_is_no_index_is_refused_and_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Index.load(tmp_path / "none")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "file").write_text("mine")
    with pytest.raises(InputError, match=r"has no sfumato\.json, so it is no index"):
        Index.load(mine)
    for overwrite in (False, True):
        with pytest.raises(InputError, match="exists"):
            Index.build(corpus()).save(mine, overwrite=overwrite)
    (mine / "sfumato.json").write_text('{"kind": "retriever"}')
    with pytest.raises(InputError, match="is no index of sentences; it is not overwritten"):
        Index.build(corpus()).save(mine, overwrite=True)
    assert (mine / "file").read_text() == "mine"


def test_an_index_is_replaced_on_demand_only(tmp_path: Path) -> None:
    folder = made(tmp_path)
    other = Index.build(Corpus(["Only one."], ["z"], ["Only one."], ["0"], np.array([0])))
    with pytest.raises(InputError, match="--overwrite"):
        other.save(folder)
    assert len(Index.load(folder)) == 4
    other.save(folder, overwrite=True)
    assert len(Index.load(folder)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_an_empty_question_and_a_k_of_nothing_are_refused() -> None:
    index = Index.build(corpus())
    with pytest.raises(InputError, match="question 2 is empty"):
        index.search(["cats", " "], 1)
    with pytest.raises(InputError, match="k must be at least 1"):
        index.search("cats", 0)


def test_a_cut_off_index_can_be_written_over_and_another_folder_cannot(tmp_path: Path) -> None:
    folder = made(tmp_path)
    about = folder / "sfumato.json"
    about.write_text(about.read_text(encoding="utf-8")[:40], encoding="utf-8")
    Index.build(corpus()).save(folder, overwrite=True)
    assert Index.load(folder).search("Tiber", 1)[0][0].id == "a"
    (folder / "sentences.parquet").unlink()
    about.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="is no index of sentences; it is not overwritten"):
        Index.build(corpus()).save(folder, overwrite=True)


def test_the_place_of_the_model_is_found_through_a_link(tmp_path: Path) -> None:
    deep, model = tmp_path / "data" / "deep", tmp_path / "home" / "model"
    deep.mkdir(parents=True)
    model.mkdir(parents=True)
    (tmp_path / "home" / "link").symlink_to(deep)
    built = Index.build(corpus(), model=Letters(), model_folder=model)
    built.save(tmp_path / "home" / "link" / "index")
    for folder in (tmp_path / "home" / "link" / "index", deep / "index"):
        assert Path(Index.load(folder).model_folder).resolve() == model


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = made(tmp_path)
    held = load_file(folder / "bm25.safetensors")
    held["data"][0] = np.nan
    save_file(held, folder / "bm25.safetensors")
    with pytest.raises(InputError, match="a score is no finite number"):
        Index.load(folder)


def test_what_is_no_model_and_what_is_no_list_is_refused_in_words() -> None:
    with pytest.raises(InputError, match=r"object lacks encode_questions, .*; give a Retriever: Retriever.load"):
        Index.build(corpus(), model=object())
    with pytest.raises(InputError, match="questions must be a list of texts, got the text 'Who is"):
        Index.build(corpus()).top_k("Who is?", 2)
    with pytest.raises(InputError, match="ann must be one of 'auto', got 'exact'"):
        Index.build(corpus(), model=Letters()).search("Who?", 1, ann="exact")


def test_an_approximate_index_is_made_once_and_above_the_limit_only(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch")
    index = Index.build(corpus(), model=Letters())
    exact = index.search(QUESTIONS[:3], 1)
    assert index.search(QUESTIONS[:3], 1, ann="auto") == exact
    assert index._near is None
    monkeypatch.setattr("sfumato.retrieval.index.ANN_ROWS", 3)
    with pytest.warns(UserWarning, match="approximate"):
        assert index.search(QUESTIONS[:3], 1, ann="auto") == exact
    first = index._near
    with pytest.warns(UserWarning, match="approximate"):
        index.search(QUESTIONS[:1], 1, ann="auto")
    assert index._near is first is not None


def test_words_of_a_function_cannot_be_written(tmp_path: Path) -> None:
    index = Index(corpus(), BM25(SENTENCES, unit=str.split))
    with pytest.raises(InputError, match="words cut by a function of your own cannot be written"):
        index.save(tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_accents_are_found_however_they_are_written() -> None:
    words = BM25(["Caf\u00e9 noir.", "The noir."])
    assert words.top_k(["cafe\u0301"], 1).rows.tolist() == [[0]]


def test_a_folder_in_place_of_a_model_and_a_file_in_place_of_an_index_are_refused(tmp_path: Path) -> None:
    folder = made(tmp_path, Letters())
    with pytest.raises(InputError, match="str lacks encode_questions"):
        Index.load(folder, "retriever/")
    (tmp_path / "sentences.csv").write_text("sentence\nA cat.\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"sentences\.csv is a file; make an index of it by `sfumato index`"):
        Index.load(tmp_path / "sentences.csv")


def test_printing_an_index_or_a_task_does_not_print_its_texts() -> None:
    assert len(repr(Index.build(corpus(), model=Letters()))) < 200
    assert repr(corpus()) == "Corpus(4 sentences of 2 passages)"
