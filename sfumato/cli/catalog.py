"""`sfumato methods` and `sfumato models`: what can be named, with its options and their defaults."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sfumato.cli.options import Json
from sfumato.cli.output import print_json, print_table, say
from sfumato.errors import MissingExtraError

if TYPE_CHECKING:
    from sfumato.registry import Registry

Name = Annotated[str | None, typer.Argument(help="Show this one with its options.")]


def methods(name: Name = None, as_json: Json = False) -> None:
    """List the methods, or show one with its options."""
    from sfumato.methods import METHODS

    show(METHODS, name, as_json)


def models(name: Name = None, as_json: Json = False) -> None:
    """List the models, or show one with its options."""
    from sfumato.models import MODELS

    show(MODELS, name, as_json)


def show(registry: "Registry[Any]", name: str | None, as_json: bool) -> None:
    """Print the entries of ``registry``, or the one called ``name``."""
    if name is not None:
        entry = described(registry, name)
        if as_json:
            print_json(entry)
        else:
            print_entry(entry)
        return
    entries = [described_or_missing(registry, each) for each in registry]
    if as_json:
        print_json(entries)
        return
    rows = [(entry["name"], entry["summary"], ", ".join(entry["options"]) or "-") for entry in entries]
    print_table((registry.kind, "what it does", "options"), rows)


def described_or_missing(registry: "Registry[Any]", name: str) -> dict[str, Any]:
    """Describe an entry, or say what is missing to use it."""
    try:
        return described(registry, name)
    except MissingExtraError as missing:
        return {"name": name, "summary": str(missing), "text": str(missing), "options": {}}


def described(registry: "Registry[Any]", name: str) -> dict[str, Any]:
    """Return an entry's name, first sentence, full text and options with their defaults."""
    text = inspect.getdoc(registry[name]) or ""
    options = {key: default_of(parameter) for key, parameter in registry.schema(name).items()}
    summary = text.split("\n\n")[0].replace("\n", " ")
    return {"name": name.replace("_", "-"), "summary": summary, "text": text, "options": options}


def default_of(parameter: inspect.Parameter) -> Any:
    """Return the default of an option as it is written with `--set`; None if it must be given."""
    default = parameter.default
    if default is inspect.Parameter.empty or callable(default):
        return None
    return list(default) if isinstance(default, tuple) else default


def print_entry(entry: Mapping[str, Any]) -> None:
    """Print one entry: its text, then its options."""
    say(entry["name"])
    say()
    say(entry["text"])
    if entry["options"]:
        say()
        rows = [(key, as_setting(value)) for key, value in entry["options"].items()]
        print_table(("option", "default"), rows)


def as_setting(value: Any) -> str:
    """Return a default as `--set` reads it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(as_setting(item) for item in value)
    return str(value)
