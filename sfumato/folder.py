"""The model folder: Hugging Face layout, safetensors and JSON, read without running code.

``config.json`` (``id2label``), ``model.safetensors``, ``tokenizer.json`` (of images ``preprocessor_config.json``),
``README.md`` (the model card) and ``sfumato.json``. The temperature is folded into the last layer, so whoever reads the
folder gets calibrated probabilities.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from sfumato.architecture import Architecture
from sfumato.card import model_card, reads_without_us
from sfumato.encoder_folder import MODELS_OF_ENCODERS
from sfumato.errors import InputError
from sfumato.model import Model
from sfumato.models import MODELS
from sfumato.thresholds import HALF, check_thresholds
from sfumato.whole_folder import check_target, probe, write_whole

FORMAT = 1
ENCODER_FILES = {"image-cnn": "preprocessor_config.json"}  # of the others: tokenizer.json
PROBLEMS = ("single_label_classification", "multi_label_classification")
STARTED_FROM = ("vectors", "tune")  # options that matter before training only


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
    """Write the folder under a temporary name beside it and rename it, so that it is there whole or not at all.

    Raises
    ------
    InputError
        if something is there that must stay, or nothing can be written there.
    """
    check_target(folder, overwrite=overwrite)
    probe(folder)
    if model.architecture not in MODELS:
        raise InputError(
            f"a model folder names its architecture, and {model.architecture!r} is not one of {', '.join(MODELS)}: it "
            "could not be loaded again; keep its network with torch or safetensors instead"
        )
    return write_whole(folder, lambda partial: write_files(model, partial))


def write_files(model: Model, folder: Path) -> None:
    """Write every file of the folder."""
    folded = model.folded * model.temperature
    network = fold_temperature(model.network, model.temperature).cpu()
    write = write_for_transformers if reads_without_us(model) else write_network
    write(model, network, folder)
    if model.architecture in MODELS_OF_ENCODERS:
        tokenizer: Any = model.encoder
        tokenizer.pretrained.model_max_length = model.max_length  # so that a pipeline that truncates cuts where we do
    model.encoder.save(folder)
    about = {
        "format": FORMAT,
        "architecture": model.architecture,
        "options": shareable(model.options),
        "classes": list(model.classes),
        "max_length": model.max_length,
        "temperature": folded,
        "info": model.info,
    }
    if model.multilabel:
        thresholds = check_thresholds(HALF if model.thresholds is None else model.thresholds, len(model.classes))
        about |= {"multilabel": True, "thresholds": thresholds.tolist()}
    write_json(folder / "sfumato.json", about)
    (folder / "README.md").write_text(model_card(model, folded), encoding="utf-8")


def write_for_transformers(model: Model, network: Any, folder: Path) -> None:
    """Write the network and its configuration as transformers does, which then reads them without this library."""
    from sfumato.models.transformer import quiet_loading

    inner = network.model
    inner.config.id2label = dict(enumerate(model.classes))
    inner.config.label2id = {name: k for k, name in enumerate(model.classes)}
    inner.config.problem_type = PROBLEMS[model.multilabel]  # a pipeline of transformers chooses its function by it
    with quiet_loading():
        inner.save_pretrained(folder)


def write_network(model: Model, network: Any, folder: Path) -> None:
    """Write the parameters of the network, and a configuration with its classes."""
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": [type(network).__name__],
        "model_type": f"sfumato-{model.architecture}",
        "problem_type": PROBLEMS[model.multilabel],
        "id2label": {str(k): name for k, name in enumerate(model.classes)},
        "label2id": {name: k for k, name in enumerate(model.classes)},
    }
    describe: Any = getattr(network, "description", dict)
    write_json(folder / "config.json", config | describe())


def shareable(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options without the paths, on the machine that trained, of an encoder or of word vectors."""
    encoder, vectors = str(options.get("encoder") or ""), str(options.get("vectors") or "")
    is_path = Path(encoder).is_dir() or encoder.startswith((".", "/", "~"))
    named = {"encoder": Path(encoder).name} if encoder and is_path else {}
    return options | named | ({"vectors": Path(vectors).name} if vectors else {})


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON in UTF-8, such as every reader takes: without NaN and infinity."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object, naming the file if it cannot be."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); the model folder is damaged") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} does not hold a JSON object; the model folder is damaged")
    return value


KINDS = {"retriever": "a retriever", "index": "an index of sentences"}


def said_kind(about: dict[str, Any]) -> str:
    """Return what a folder of sfumato holds, in words."""
    return KINDS.get(str(about.get("kind", "")), "a model for classes")


FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "architecture": str,
    "options": dict,
    "classes": list,
    "max_length": int,
    "temperature": (int, float),
    "info": dict,
}


def check_fields(about: dict[str, Any], path: Path) -> None:
    """Raise unless ``sfumato.json`` has every field, each of its kind."""
    missing = [name for name in FIELDS if name not in about]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; the model folder is damaged")
    for name, kind in FIELDS.items():
        if not isinstance(about[name], kind):
            raise InputError(f"{path}: {name} cannot be {about[name]!r}; the model folder is damaged")


def check_folder(folder: Path) -> dict[str, Any]:
    """Return ``sfumato.json`` after checking that the folder is ours, complete and of a format that is known."""
    if not folder.exists():
        raise InputError(f"no such folder: {folder}; give the folder that `sfumato fit -o` wrote")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the folder that `sfumato fit -o` wrote")
    if not (folder / "sfumato.json").is_file():
        raise InputError(
            f"{folder} has no sfumato.json, so sfumato did not write it; give a folder from `sfumato fit -o`"
        )
    about = read_json(folder / "sfumato.json")
    if about.get("kind") in KINDS:
        raise InputError(
            f"{folder} is {said_kind(about)}, and no model for classes; give a folder from `sfumato fit -o`"
        )
    check_fields(about, folder / "sfumato.json")
    if about["format"] != FORMAT:
        raise InputError(f"{folder} has format {about['format']!r}; this version of sfumato reads format {FORMAT}")
    encoder_file = ENCODER_FILES.get(about["architecture"], "tokenizer.json")
    for name in ("config.json", "model.safetensors", encoder_file):
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; the model folder is incomplete")
    named = read_json(folder / "config.json").get("id2label", {})
    if not isinstance(named, dict):
        raise InputError(f"{folder / 'config.json'}: id2label must be an object, got {named!r}; the folder is damaged")
    if [named.get(str(k)) for k in range(len(named))] != about["classes"]:
        raise InputError(f"{folder}: config.json and sfumato.json name different classes; the folder mixes two models")
    check_problem(about, read_json(folder / "config.json").get("problem_type"), folder)
    return about


def check_problem(about: dict[str, Any], problem: Any, folder: Path) -> None:
    """Raise unless both files say the same of how many labels a text has, and thresholds are one a class.

    A folder of before there was a choice has one label a text.
    """
    several = about.get("multilabel", False)
    if not isinstance(several, bool):
        raise InputError(f"{folder / 'sfumato.json'}: multilabel cannot be {several!r}; the model folder is damaged")
    if (problem == PROBLEMS[True]) != several:
        raise InputError(f"{folder}: only one of config.json and sfumato.json is multi-label; it mixes two models")
    if several:
        given = about.get("thresholds")
        try:
            check_thresholds(given if isinstance(given, list) else (), len(about["classes"]))
        except (InputError, TypeError, ValueError) as error:
            raise InputError(f"{folder / 'sfumato.json'}: {error}; the model folder is damaged") from error


def load_model(folder: Path) -> Model:
    """Read a model folder back; see `sfumato.load`."""
    about = check_folder(folder)
    classes = tuple(str(name) for name in about["classes"])
    architecture = MODELS.build(about["architecture"], building_options(about, folder))
    encoder = architecture.load_encoder(folder)
    network = load_network(folder, architecture, encoder, len(classes))
    return Model(
        network=network.eval(),
        encoder=encoder,
        classes=classes,
        architecture=architecture.name,
        options=dict(about["options"]),
        folded=float(about["temperature"]),
        max_length=about["max_length"],
        info=about["info"],
        multilabel=about.get("multilabel", False),
        thresholds=check_thresholds(about["thresholds"], len(classes)) if about.get("multilabel") else None,
    )


def building_options(about: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the options to rebuild a model by; it is rebuilt from this folder alone.

    The encoder that it was fine-tuned from, or the word vectors that it started from, may be on another machine.
    """
    options: dict[str, Any] = {name: value for name, value in about["options"].items() if name not in STARTED_FROM}
    return options | {"encoder": str(folder)} if about["architecture"] in MODELS_OF_ENCODERS else options


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
    if architecture.name == "transformer-cnn":
        from sfumato.models.transformer_cnn import load_network as load_transformer_cnn

        return load_transformer_cnn(folder, num_classes)
    network = architecture.build(encoder, num_classes)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path} does not fit the model that sfumato.json describes: {reason}") from error
    return network
