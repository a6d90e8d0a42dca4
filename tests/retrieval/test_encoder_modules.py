"""Folders of sentence-transformers: read as that library reads them, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.retrieval import Retriever
from sfumato.retrieval.encoder_modules import modules_of

TEXTS = ["where is the invoice", "the parcel", "password " * 40]


def written(folder: Path, modules: list[str], pooling: dict[str, Any], **files: Any) -> Path:
    paths = {"Transformer": "", "Pooling": "1_Pooling"}
    listed = [{"type": f"sentence_transformers.models.{name}", "path": paths.get(name, name)} for name in modules]
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "modules.json").write_text(json.dumps(listed), encoding="utf-8")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("pooling", "found"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["max"]}, "max"),
    ],
)
def test_pooling_and_length_are_read_as_they_are_written(pooling: dict[str, Any], found: str, tmp_path: Path) -> None:
    own = {"max_seq_length": 77, "do_lower_case": False}
    folder = written(tmp_path / "m", ["Transformer", "Pooling", "Normalize"], pooling, sentence_bert_config=own)
    said = modules_of(str(folder))
    assert (Path(said.folder), said.pooling, said.max_length) == (folder, found, 77)


def test_a_plain_encoder_and_a_hub_id_say_nothing(tmp_path: Path) -> None:
    for name in (str(tmp_path), "someone/something"):
        assert modules_of(name) == type(modules_of(name))(name)


def test_what_there_is_none_of_here_is_refused_and_prompts_are_named(tmp_path: Path) -> None:
    mean = {"pooling_mode_mean_tokens": True}
    with pytest.raises(InputError, match="with the modules Transformer, Pooling, Dense; sfumato reads"):
        modules_of(str(written(tmp_path / "dense", ["Transformer", "Pooling", "Dense"], mean)))
    for pooling, said in (
        ({"pooling_mode": "lasttoken"}, "lasttoken"),
        ({**mean, "pooling_mode_max_tokens": True}, "m"),
    ):
        with pytest.raises(InputError, match=f"pools by {said}"):
            modules_of(str(written(tmp_path / said, ["Transformer", "Pooling"], pooling)))
    prompts = {"prompts": {"query": "query: ", "document": ""}}
    folder = written(tmp_path / "p", ["Transformer", "Pooling"], mean, config_sentence_transformers=prompts)
    assert modules_of(str(tmp_path / "lasttoken"), "cls").pooling == "cls"
    with pytest.raises(InputError, match="Transformer, Pooling, Dense; sfumato reads"):
        modules_of(str(tmp_path / "dense"), "mean")  # a pooling by name does not undo what is missing
    with pytest.warns(UserWarning, match=r"trained with prompts \(query 'query: '\); put them before your texts"):
        modules_of(str(folder))
    (folder / "modules.json").write_text("[", encoding="utf-8")
    with pytest.raises(InputError, match=r"modules\.json is not whole JSON"):
        modules_of(str(folder))


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_are_those_of_sentence_transformers(pooling: str, tiny_bert: Path, tmp_path: Path) -> None:
    st = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    encoder = Transformer(str(tiny_bert), max_seq_length=12)
    model = st.SentenceTransformer(modules=[encoder, Pooling(16, pooling)], device="cpu")
    model.save(str(tmp_path / "st"))
    retriever = Retriever.from_encoder(tmp_path / "st")
    wanted = model.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(retriever.encode_questions(TEXTS), wanted, atol=1e-5)
    assert retriever.max_length == Retriever.from_encoder(tmp_path / "st", pooling="mean").max_length == 12
    again = Retriever.load(retriever.save(tmp_path / "retriever"))
    np.testing.assert_allclose(again.encode_sentences(TEXTS), wanted, atol=1e-5)
