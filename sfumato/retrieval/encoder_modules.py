"""What a folder of sentence-transformers says of its encoder: pooling, length, and what only that library can do."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfumato.errors import InputError

POOLINGS = {"cls": "cls", "mean": "mean", "max": "max"}
LONGEST = 1_000_000
KNOWN = ("Transformer", "Pooling", "Normalize")  # vectors are always made of length 1 here


@dataclass(frozen=True)
class Modules:
    """Where the encoder lies below its folder, how its vectors are pooled, and to how many tokens texts are cut."""

    folder: str
    pooling: str | None = None
    max_length: int | None = None


def modules_of(encoder: str, pooling: str | None = None) -> Modules:
    """Return what ``modules.json`` and the files beside it say; a plain encoder, or a hub id, says nothing.

    ``pooling`` takes the place of the folder's, and of nothing else.

    Raises
    ------
    InputError
        if the folder has a module or a pooling that there is none of here: its vectors would be other ones
    """
    folder = Path(encoder)
    listed = _read(folder / "modules.json")
    if not isinstance(listed, list):
        return Modules(encoder, pooling)
    names = {str(each.get("type", "")).rpartition(".")[2]: str(each.get("path", "")) for each in listed}
    other = [name for name in names if name not in KNOWN]
    if other or "Transformer" not in names:
        raise InputError(
            f"{encoder} is a model of sentence-transformers with the modules {', '.join(names)}; sfumato reads "
            f"{', '.join(KNOWN)}, and would give other vectors: index by its own encode, or give another model"
        )
    _tell_prompts(folder)
    own = folder / names["Transformer"]
    if pooling is None and "Pooling" in names:
        pooling = _pooling(folder / names["Pooling"], encoder)
    return Modules(str(own), pooling, _length(own))


def _length(folder: Path) -> int | None:
    """Return the length that texts are cut to: newer folders leave it to the tokenizer, where 10^30 is none."""
    for name, key in (("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        found = (_read(folder / name) or {}).get(key)
        if isinstance(found, int) and 0 < found <= LONGEST:
            return found
    return None


def _pooling(folder: Path, encoder: str) -> str:
    said = _read(folder / "config.json") or {}
    mode = said.get("pooling_mode")
    chosen = [mode] if isinstance(mode, str) else list(mode or [])
    chosen += [
        name.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for name, value in said.items()
        if name.startswith("pooling_mode_") and value is True
    ]
    if len(chosen) != 1 or chosen[0] not in POOLINGS:
        raise InputError(
            f"{encoder} pools by {' and '.join(map(str, chosen)) or 'nothing'}; there is {', '.join(POOLINGS)} here; "
            "name one of them with pooling=..., if other vectors than the model's own will do"
        )
    return POOLINGS[chosen[0]]


def _tell_prompts(folder: Path) -> None:
    prompts = (_read(folder / "config_sentence_transformers.json") or {}).get("prompts")
    told = {name: text for name, text in prompts.items() if text} if isinstance(prompts, dict) else {}
    if told:
        listed = ", ".join(f"{name} {text!r}" for name, text in told.items())
        warnings.warn(
            f"{folder} was trained with prompts ({listed}); put them before your texts yourself", stacklevel=4
        )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return None
    except ValueError as error:
        raise InputError(f"{path} is not whole JSON ({error}); give a whole folder") from error
