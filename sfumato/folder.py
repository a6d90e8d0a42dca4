"""The model folder: Hugging Face layout, safetensors and JSON, read without running code.

``config.json`` (``id2label``), ``model.safetensors``, ``tokenizer.json``, ``README.md`` (the model card) and
``sfumato.json``. The temperature is folded into the last layer, so whoever reads the folder gets calibrated
probabilities.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from sfumato.architecture import Architecture
from sfumato.card import model_card
from sfumato.errors import InputError
from sfumato.model import Model
from sfumato.models import MODELS

FORMAT = 1


def fold_temperature(network: nn.Module, temperature: float) -> nn.Module:
    """Return a copy whose last linear layer is divided by ``temperature``."""
    folded = copy.deepcopy(network)
    layer: Any = folded.output_layer
    with torch.no_grad():
        layer.weight.div_(temperature)
        if layer.bias is not None:
            layer.bias.div_(temperature)
    return folded


def save_model(model: Model, folder: Path, *, overwrite: bool) -> Path:
    """Write the folder under a temporary name beside it and rename it, so that it is there whole or not at all."""
    if folder.exists() and not overwrite and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists; choose another folder or overwrite (--overwrite)")
    if folder.exists() and any(folder.iterdir()) and not (folder / "sfumato.json").is_file():
        raise InputError(f"{folder} exists and is not a model folder of sfumato; it is not overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write_files(model, partial)
        partial.chmod(0o755)
        for file in partial.iterdir():
            file.chmod(0o644)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def write_files(model: Model, folder: Path) -> None:
    """Write every file of the folder."""
    folded = model.folded * model.temperature
    network = fold_temperature(model.network, model.temperature).cpu()
    id2label = {str(k): name for k, name in enumerate(model.classes)}
    label2id = {name: k for k, name in enumerate(model.classes)}
    if model.architecture == "transformer":
        inner: Any = network.model
        inner.config.id2label = dict(enumerate(model.classes))
        inner.config.label2id = label2id
        inner.config.problem_type = "single_label_classification"
        inner.save_pretrained(folder)
    else:
        state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        config = {
            "architectures": [type(network).__name__],
            "model_type": f"sfumato-{model.architecture}",
            "problem_type": "single_label_classification",
            "id2label": id2label,
            "label2id": label2id,
        }
        write_json(folder / "config.json", config)
    model.encoder.save(folder)
    about = {
        "format": FORMAT,
        "architecture": model.architecture,
        "options": model.options,
        "classes": list(model.classes),
        "max_length": model.max_length,
        "temperature": folded,
        "info": model.info,
    }
    write_json(folder / "sfumato.json", about)
    (folder / "README.md").write_text(model_card(model, folded), encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON in UTF-8."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, naming the file if it cannot be."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); the model folder is damaged") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} does not hold a JSON object; the model folder is damaged")
    return value


def check_folder(folder: Path) -> dict[str, Any]:
    """Return ``sfumato.json`` after checking that the folder is ours, complete and of a format that is known."""
    if not folder.exists():
        raise InputError(f"no such folder: {folder}")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the folder that `sfumato fit -o` wrote")
    if not (folder / "sfumato.json").is_file():
        raise InputError(
            f"{folder} has no sfumato.json, so sfumato did not write it; give a folder from `sfumato fit -o`"
        )
    about = read_json(folder / "sfumato.json")
    missing = [name for name in ("format", "architecture", "options", "classes", "max_length") if name not in about]
    if missing:
        raise InputError(f"{folder / 'sfumato.json'} lacks {', '.join(missing)}; the model folder is damaged")
    if about["format"] != FORMAT:
        raise InputError(f"{folder} has format {about['format']!r}; this version of sfumato reads format {FORMAT}")
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; the model folder is incomplete")
    named = read_json(folder / "config.json").get("id2label", {})
    if [named.get(str(k)) for k in range(len(named))] != list(about["classes"]):
        raise InputError(f"{folder}: config.json and sfumato.json name different classes; the folder mixes two models")
    return about


def load_model(folder: Path) -> Model:
    """Read a model folder back; see `sfumato.load`."""
    about = check_folder(folder)
    classes = tuple(str(name) for name in about["classes"])
    architecture = MODELS.build(about["architecture"], about["options"])
    encoder = architecture.load_encoder(folder)
    network = load_network(folder, architecture, encoder, len(classes))
    return Model(
        network=network.eval(),
        encoder=encoder,
        classes=classes,
        architecture=architecture.name,
        options=dict(about["options"]),
        folded=float(about.get("temperature", 1.0)),
        max_length=int(about["max_length"]),
        info=dict(about.get("info", {})),
    )


def load_network(folder: Path, architecture: Architecture, encoder: Any, num_classes: int) -> nn.Module:
    """Build the network and fill it from ``model.safetensors``."""
    path = folder / "model.safetensors"
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); the file is cut off or not safetensors") from error
    if architecture.name == "transformer":
        from sfumato.models.transformer import load_network as load_transformer

        return load_transformer(folder, num_classes)
    network = architecture.build(encoder, num_classes)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path} does not fit the model that sfumato.json describes: {reason}") from error
    return network
