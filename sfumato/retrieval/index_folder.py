"""The folder of an index: read without running code, and refused where a file is cut off.

``sfumato.json`` (what it is, and how many bytes each file has), ``sentences.parquet``, ``passages.parquet``, and of the
words ``bm25.safetensors`` and ``words.parquet``, or of a model ``vectors.safetensors``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from sfumato.errors import InputError
from sfumato.retrieval.index import Index
from sfumato.retrieval.lexical import BM25
from sfumato.retrieval.task import Corpus
from sfumato.whole_folder import check_target, probe, write_whole

FORMAT = 1
KIND = "index"
FACTS: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "sentences": int,
    "passages": int,
    "model": (dict, type(None)),
    "model_folder": str,
    "size": int,
    "bm25": (dict, type(None)),
    "files": dict,
}
WORDS, VECTORS = ("bm25.safetensors", "words.parquet"), ("vectors.safetensors",)


def save_index(index: Index, folder: Path, *, overwrite: bool) -> Path:
    """Write the folder under a temporary name beside it and rename it, so that it is there whole or not at all.

    Raises
    ------
    InputError
        if something is there that must stay, or nothing can be written there
    """
    check_place(folder, overwrite=overwrite)
    return write_whole(folder, lambda partial: _write(index, partial, folder))


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Raise unless an index can be written there; with ``overwrite`` only another index is replaced, whole or not."""
    check_target(folder, overwrite=overwrite)
    if (folder / "sfumato.json").is_file() and not _is_index(folder):
        raise InputError(f"{folder} exists and is no index of sentences; it is not overwritten")
    probe(folder)


def _is_index(folder: Path) -> bool:
    """Whether a folder says that it is an index, or looks like one whose ``sfumato.json`` cannot be read."""
    try:
        return bool(_facts(folder).get("kind") == KIND)
    except InputError:
        return all((folder / name).is_file() for name in ("sentences.parquet", "passages.parquet"))


def _write(index: Index, folder: Path, final: Path) -> None:
    corpus = index.corpus
    texts = {"sentence": corpus.sentences, "id": corpus.ids, "passage": np.asarray(corpus.passage, dtype=np.int64)}
    pl.DataFrame(texts).write_parquet(folder / "sentences.parquet")
    titles = corpus.titles or [""] * len(corpus.passages)
    whole = {"passage": corpus.passages, "id": corpus.passage_ids, "title": titles}
    pl.DataFrame(whole).write_parquet(folder / "passages.parquet")
    bm25 = None
    if index.words is not None:
        if not isinstance(index.words.unit, str):
            raise InputError("words cut by a function of your own cannot be written in a folder; give unit by its name")
        bm25 = {"k1": index.words.k1, "b": index.words.b, "unit": index.words.unit}
        held = index.words.weights
        arrays = {"data": held.data, "indices": held.indices, "indptr": held.indptr.astype(np.int64)}
        save_file(arrays, folder / WORDS[0])
        pl.DataFrame({"word": index.words.vocabulary}).write_parquet(folder / WORDS[1])
    else:
        save_file({"vectors": np.ascontiguousarray(index.vectors)}, folder / VECTORS[0])
    facts = {
        "kind": KIND,
        "format": FORMAT,
        "sentences": len(corpus),
        "passages": len(corpus.passages),
        "model": index.identity,
        # relative, so that an index and its model can be moved together
        "model_folder": relative(Path(index.model_folder), final) if index.model_folder else "",
        "size": 0 if index.vectors is None else int(index.vectors.shape[1]),
        "bm25": bm25,
        "files": {file.name: file.stat().st_size for file in sorted(folder.iterdir())},
    }
    (folder / "sfumato.json").write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def relative(model: Path, folder: Path) -> str:
    """Return the way from a folder to that of the model, links followed; the whole path where there is none."""
    try:
        return os.path.relpath(model.resolve(), folder.resolve())
    except ValueError:  # two drives of Windows
        return str(model.resolve())


def check_folder(folder: Path) -> dict[str, Any]:
    """Return ``sfumato.json`` after checking that the folder is that of an index, and every file whole.

    Raises
    ------
    InputError
        names the file that is missing or cut off
    """
    if folder.is_file():
        raise InputError(f"{folder} is a file; make an index of it by `sfumato index`, and search that folder")
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}; give the folder that `sfumato index` wrote")
    facts = _facts(folder)
    if facts.get("kind") != KIND:
        raise InputError(f"{folder} is no index of sentences; give the folder that `sfumato index` wrote")
    wrong = [name for name, kind in FACTS.items() if not isinstance(facts.get(name, ...), kind)]
    if wrong:
        raise InputError(f"{folder / 'sfumato.json'} lacks {', '.join(wrong)}; make the index again")
    if facts["format"] != FORMAT:
        raise InputError(f"{folder} has format {facts['format']!r}; this version of sfumato reads format {FORMAT}")
    needed = ("sentences.parquet", "passages.parquet", *(WORDS if facts["model"] is None else VECTORS))
    for name in needed:
        file = folder / name
        if not file.is_file():
            raise InputError(f"{folder} has no {name}; the index is incomplete: make it again")
        size, wanted = file.stat().st_size, facts["files"].get(name)
        if size != wanted:
            raise InputError(f"{file} has {size:,} bytes instead of {wanted}: it is cut off or changed; make it again")
    return facts


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / "sfumato.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder} has no sfumato.json, so it is no index; `sfumato index` makes one") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}; give an index that can be") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not whole JSON ({error}); make the index again") from error
    return facts if isinstance(facts, dict) else {}


def load_index(folder: Path) -> Index:
    """Read the folder back; see `Index.load`."""
    facts = check_folder(folder)
    corpus = _corpus(folder, facts)
    remembered = str(folder.resolve() / facts["model_folder"]) if facts["model_folder"] else ""
    if facts["model"] is None:
        return Index(corpus, _words(folder, facts))
    found = _arrays(folder / VECTORS[0], "vectors")["vectors"]
    if found.shape != (facts["sentences"], facts["size"]) or found.dtype != np.float32:
        wanted = (facts["sentences"], facts["size"])
        raise InputError(f"{folder / VECTORS[0]} holds vectors {found.shape}, and {wanted} are said; make it again")
    return Index(corpus, None, found, facts["model"], None, remembered)


def _corpus(folder: Path, facts: dict[str, Any]) -> Corpus:
    sentences = _frame(folder / "sentences.parquet", ("sentence", "id", "passage"), facts["sentences"])
    passages = _frame(folder / "passages.parquet", ("passage", "id", "title"), facts["passages"])
    place = sentences["passage"].to_numpy().astype(np.int64)
    if len(place) and not 0 <= place.min() <= place.max() < len(passages):
        raise InputError(f"{folder / 'sentences.parquet'} names passages that are not there; make the index again")
    titles = passages["title"].to_list() if (passages["title"] != "").any() else []
    texts, ids = sentences["sentence"].to_list(), sentences["id"].to_list()
    return Corpus(texts, ids, passages["passage"].to_list(), passages["id"].to_list(), place, titles)


def _words(folder: Path, facts: dict[str, Any]) -> BM25:
    from scipy.sparse import csr_matrix

    vocabulary = _frame(folder / WORDS[1], ("word",), None)["word"].to_list()
    held = _arrays(folder / WORDS[0], "data", "indices", "indptr")
    try:
        shape = (facts["sentences"], len(vocabulary))
        weights = csr_matrix((held["data"], held["indices"], held["indptr"]), shape=shape)
        weights.check_format(full_check=True)  # an index outside the matrix would be read from foreign memory
        if not np.isfinite(np.asarray(held["data"], dtype=np.float64)).all():
            raise ValueError("a score is no finite number")
        return BM25.of(weights, vocabulary, **facts["bm25"])
    except (ValueError, TypeError) as error:
        raise InputError(f"{folder / WORDS[0]} does not fit the index ({error}); make it again") from error


def _frame(path: Path, columns: tuple[str, ...], rows: int | None) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is no whole Parquet file ({str(error).splitlines()[0]})") from error
    if not set(columns) <= set(frame.columns) or (rows is not None and len(frame) != rows):
        raise InputError(f"{path} has not the columns {', '.join(columns)} and {rows} rows; make the index again")
    return frame


def _arrays(path: Path, *names: str) -> dict[str, Any]:
    try:
        found = load_file(path)
        return {name: found[name] for name in names}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}); it is cut off or not of an index") from error
