"""The folder of a retriever: safetensors and JSON, read without running code.

``sfumato.json`` (what it is and how it was made), ``model.safetensors`` (the towers), ``config.json`` (what the network
of an encoder looks like), and the files of what turns texts into inputs, as ``tokenizer.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sfumato.encoder_folder import MODELS_OF_ENCODERS
from sfumato.errors import InputError
from sfumato.folder import building_options, read_json, said_kind, shareable, write_json
from sfumato.models import MODELS
from sfumato.registry import check_choice, check_whole
from sfumato.retrieval.dual_encoder import TOWERS, DualEncoder, Tower, dual_encoder
from sfumato.retrieval.retriever import Retriever
from sfumato.whole_folder import check_target, probe, write_whole

FORMAT = 1
KIND = "retriever"
FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "architecture": str,
    "options": dict,
    "towers": str,
    "scale": (int, float),
    "max_length": int,
    "info": dict,
}


def save_retriever(retriever: Retriever, folder: Path, *, overwrite: bool) -> Path:
    """Write the folder under a temporary name beside it and rename it, so that it is there whole or not at all.

    Raises
    ------
    InputError
        if something is there that must stay, nothing can be written there, or the model is in no registry.
    """
    check_target(folder, overwrite=overwrite)
    if (folder / "sfumato.json").is_file() and (about := read_json(folder / "sfumato.json")).get("kind") != KIND:
        raise InputError(f"{folder} exists and is {said_kind(about)}; it is not overwritten with a retriever")
    probe(folder)
    if retriever.architecture not in MODELS:
        raise InputError(f"a folder names its model, and {retriever.architecture!r} is not one of {', '.join(MODELS)}")
    return write_whole(folder, lambda partial: write_files(retriever, partial))


def write_files(retriever: Retriever, folder: Path) -> None:
    """Write every file of the folder; shared towers once."""
    model = retriever.model
    only = "question." if retriever.towers == "shared" else ""
    state = {name: part.cpu().contiguous() for name, part in model.state_dict().items() if name.startswith(only)}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    network: Any = model.question.network
    config = {"model_type": f"sfumato-{KIND}", "architectures": [type(network).__name__]}
    write_json(folder / "config.json", config | getattr(network, "description", dict)())
    retriever.encoder.save(folder)
    about = {
        "kind": KIND,
        "format": FORMAT,
        "architecture": retriever.architecture,
        "options": shareable(retriever.options),
        "towers": retriever.towers,
        "scale": model.scale,
        "max_length": retriever.max_length,
        "info": retriever.info,
    }
    write_json(folder / "sfumato.json", about)


def check_folder(folder: Path) -> dict[str, Any]:
    """Return ``sfumato.json`` after checking that the folder is that of a retriever and complete."""
    if not folder.is_dir():
        raise InputError(f"no such folder: {folder}; give the folder that Retriever.save wrote")
    path = folder / "sfumato.json"
    if not path.is_file():
        raise InputError(
            f"{folder} has no sfumato.json, so it is no retriever; give a folder that Retriever.save wrote"
        )
    about = read_json(path)
    if about.get("kind") != KIND:
        raise InputError(f"{folder} is not a retriever but {said_kind(about)}; give a folder that Retriever.save wrote")
    missing = [name for name in FIELDS if name not in about]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; the folder is damaged")
    for name, kind in FIELDS.items():
        if not isinstance(about[name], kind):
            raise InputError(f"{path}: {name} cannot be {about[name]!r}; the folder is damaged")
    if about["format"] != FORMAT:
        raise InputError(f"{folder} has format {about['format']!r}; this version of sfumato reads format {FORMAT}")
    check_choice(str(path), "towers", about["towers"], TOWERS)
    check_whole(str(path), "max_length", about["max_length"], 1)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; the folder is incomplete")
    return about


def load_retriever(folder: Path) -> Retriever:
    """Read the folder back; see `Retriever.load`."""
    about = check_folder(folder)
    architecture = MODELS.build(about["architecture"], building_options(about, folder))
    encoder = architecture.load_encoder(folder)
    if architecture.name in MODELS_OF_ENCODERS:
        model = described_towers(folder, about)
    else:
        model = dual_encoder(architecture, encoder, towers=about["towers"], scale=float(about["scale"]))
    fill(model, folder, shared=about["towers"] == "shared")
    return Retriever(
        model.eval(),
        encoder,
        architecture.name,
        dict(about["options"]),
        about["towers"],
        about["max_length"],
        about["info"],
    )


def described_towers(folder: Path, about: dict[str, Any]) -> DualEncoder:
    """Build the towers of an encoder from ``config.json``, without the weights that it was fine-tuned from."""
    from sfumato.models.pooled_transformer import PooledTransformer, described
    from sfumato.models.transformer import quiet_loading

    config = read_json(folder / "config.json")

    def tower() -> Tower:
        with quiet_loading():
            encoder, options = described(folder, config, ("pooling", "projection", "dropout"))
        return Tower(PooledTransformer(encoder, 2, **options), projects=False)

    question = tower()
    sentence = question if about["towers"] == "shared" else tower()
    return DualEncoder(question, sentence, scale=float(about["scale"]))


def fill(model: DualEncoder, folder: Path, *, shared: bool) -> None:
    """Give the towers the parameters of ``model.safetensors``."""
    path = folder / "model.safetensors"
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); the file is cut off or not safetensors") from error
    if shared:
        again = {name.replace("question.", "sentence.", 1): part for name, part in state.items()}
        state = {**state, **again}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path} does not fit what {folder / 'sfumato.json'} describes: {reason}") from error
