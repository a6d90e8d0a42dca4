"""Cost of `sfumato --help` beside an empty typer app with the same commands, in one run.

    python benchmarks/startup.py [ROUNDS]

Interleaved child processes; CPU seconds (user + system) of each child. The floor, a Python that does nothing, is
counted first. The empty app is measured twice: as typer makes it (rich help) and in plain text, as ours is.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from sfumato.cli.app import app

EMPTY = """
import typer

app = typer.Typer({settings})

{commands}
app()
"""


def empty_app(settings: str) -> str:
    """Return the source of an app that has our commands' names and nothing in them."""
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]
    commands = "\n\n".join(f"@app.command()\ndef {name}() -> None: ...\n" for name in names)
    return EMPTY.format(settings=settings, commands=commands)


def cpu_seconds(command: list[str], cache: str) -> float:
    """Run a command with its bytecode in ``cache``, as an installed package has it; return its CPU seconds."""
    settings = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=settings)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each candidate in each round, after one unmeasured round that fills the caches."""
    with tempfile.TemporaryDirectory() as folder:
        plain, rich = Path(folder, "empty_plain.py"), Path(folder, "empty_rich.py")
        plain.write_text(empty_app("rich_markup_mode=None, add_completion=False"))
        rich.write_text(empty_app(""))
        candidates = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "empty app, plain help": [sys.executable, str(plain), "--help"],
            "empty app, rich help": [sys.executable, str(rich), "--help"],
            "sfumato --help": [sys.executable, str(Path(sys.executable).with_name("sfumato")), "--help"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in candidates}
        for k in range(rounds + 1):
            for name, command in candidates.items():
                taken = cpu_seconds(command, folder)
                if k:
                    seconds[name].append(taken)
    return seconds


def main(rounds: int = 21) -> None:
    """Print the median of each candidate and the paired ratio to ours."""
    seconds = measure(rounds)
    ours = seconds["sfumato --help"]
    print(f"{rounds} rounds, interleaved; load {os.getloadavg()[0]:.2f}; Python {sys.version.split()[0]}")
    for name, taken in seconds.items():
        ratios = [mine / theirs for mine, theirs in zip(ours, taken, strict=True)]
        print(f"{name:24} {statistics.median(taken) * 1000:7.1f} ms   ours / this {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
