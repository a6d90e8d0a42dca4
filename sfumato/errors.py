"""Errors for people: what was given, what is allowed, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

TRAINING_MODULES = ("torch", "transformers", "accelerate")  # what the extra `torch` installs


class InputError(ValueError):
    """The caller gave something that cannot be used; the command line shows it and exits with code 2."""


class MissingExtraError(ImportError):
    """An optional part is not installed; the message names the command that installs it."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the allowed name closest to ``name``, or an empty string."""
    folded = {str(a).casefold(): str(a) for a in allowed}
    close = get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.6)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


def unknown(kind: str, name: str, allowed: Iterable[str]) -> InputError:
    """Build the error for a name that is not in a list: the nearest right name and the whole list."""
    allowed = list(allowed)
    return InputError(f"no {kind} {name!r}{nearest(name, allowed)}; there are: {', '.join(allowed)}")


def missing_torch() -> list[str]:
    """Return the parts of the extra ``torch`` that are not installed."""
    from importlib.util import find_spec

    return [name for name in TRAINING_MODULES if find_spec(name) is None]


def require_torch(what: str) -> None:
    """Raise the error that names the extra when ``what`` needs PyTorch and it is not installed."""
    missing = missing_torch()
    if missing:
        raise MissingExtraError(f"{what} needs {', '.join(missing)}: pip install 'sfumato[torch]'")
