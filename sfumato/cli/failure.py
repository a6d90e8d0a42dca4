"""Every failure of a command becomes one sentence on standard error and an exit code; never a traceback."""

import errno
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, NoReturn

import typer

from sfumato.cli.output import note
from sfumato.errors import TRAINING_MODULES, InputError, MissingExtraError

FULL = "No space left on device"  # safetensors and polars say it in errors of their own
DONE, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class Terminated(KeyboardInterrupt):
    """SIGTERM, which `kill` and schedulers of jobs send: the command ends as by Ctrl-C, and so do its processes."""


@contextmanager
def ending_as_by_ctrl_c() -> Iterator[None]:
    """Raise `Terminated` where SIGTERM would end this process at once, and leave its workers to themselves."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python takes signals in its main thread alone
        return
    before = signal.getsignal(signal.SIGTERM)
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _terminated(number: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends two: the second must not stop the cleaning up
    raise Terminated


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command: its errors become sentences and exit codes, its warnings become notes."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings(), ending_as_by_ctrl_c():
            show_warnings_as_notes()
            try:
                command(*args, **kwargs)
                sys.stdout.flush()  # a full disk behind a redirection shows here, not at exit
            except (Exception, KeyboardInterrupt) as error:
                if isinstance(error, typer.Exit) or os.environ.get("SFUMATO_DEBUG") == "1":
                    raise
                code = report(error)
                drop_output(error)
                raise typer.Exit(code) from None

    return run


def report(error: BaseException) -> int:
    """Say ``error`` in one sentence on standard error and return the exit code."""
    if isinstance(error, InputError):
        note(f"error: {error}")
        return BAD_INPUT
    if isinstance(error, KeyboardInterrupt):
        note("stopped")
        return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return DONE  # the reader, such as `head`, has what it wanted
    if isinstance(error, MissingExtraError):
        note(f"error: {error}")
    elif isinstance(error, ModuleNotFoundError) and error.name in TRAINING_MODULES:
        note(f"error: this needs {error.name}: pip install 'sfumato[torch]'")
    elif isinstance(error, OSError) or FULL in str(error):
        note(f"error: {describe(error)}")
    elif isinstance(error, MemoryError):
        note("error: not enough memory; try fewer rows, a smaller --batch-size or a shorter --max-length")
    else:
        note(f"error: {type(error).__name__}: {error}")
        note("this is not expected: please report it; SFUMATO_DEBUG=1 shows where it happened")
    return FAILED


def describe(error: BaseException) -> str:
    """Return what the operating system refused, and where."""
    filename, number = getattr(error, "filename", None), getattr(error, "errno", None)
    where = f" ({filename})" if filename else ""
    if number in {errno.ENOSPC, errno.EDQUOT} or FULL in str(error):
        return f"the disk is full{where}; free some space and run the command again"
    return f"{getattr(error, 'strerror', None) or error}{where}"


def drop_output(error: BaseException) -> None:
    """Let go of a standard output that cannot be written, so that Python does not try again at exit."""
    if isinstance(error, OSError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_warnings_as_notes() -> None:
    """Print warnings meant for users once, as notes; leave out those about deprecated code."""
    for kind in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)
    warnings.simplefilter("once", UserWarning)
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")  # nothing a user could do

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        note(f"note: {message}")

    warnings.showwarning = show
