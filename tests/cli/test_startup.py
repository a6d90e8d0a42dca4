import importlib.util
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "accelerate", "sklearn", "scipy", "pandas", "polars", "numpy", "tokenizers", "rich")

SHOW_MODULES = """
import sys
sys.argv = ["sfumato", *sys.argv[1:]]
from sfumato.__main__ import main
try:
    main()
finally:
    print("\\nLOADED", *sorted(sys.modules))
"""


def loaded_after(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", SHOW_MODULES, *arguments]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(printed.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    modules = loaded_after(*arguments)
    assert "typer" in modules  # the list of modules is real
    assert not modules.intersection(HEAVY)


def test_a_fit_that_cannot_be_is_refused_before_pytorch_is_loaded(tmp_path: Path) -> None:
    data, taken = tmp_path / "data.csv", tmp_path / "taken"
    data.write_text("text,label\n" + "the parcel is late,shipping\nthe invoice is wrong,billing\n" * 5)
    taken.mkdir()
    (taken / "file").write_text("mine")
    for arguments in ([str(data), "-o", str(taken)], [str(data), "-o", str(tmp_path / "new"), "--text", "body"]):
        command = [sys.executable, "-c", SHOW_MODULES, "fit", *arguments]
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 2
        assert "numpy" in ended.stdout
        assert " torch " not in ended.stdout


# Import finders that know everything but what the extra installs: the core as `pip install sfumato` leaves it.
WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder

class Core:
    def find_spec(name, path=None, target=None):
        missing = name.partition(".")[0] in {"torch", "transformers", "accelerate"}
        return None if missing else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Core if finder is PathFinder else finder for finder in sys.meta_path]
"""


def without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH + SHOW_MODULES, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_without_torch_the_models_are_listed_with_the_command_that_installs_it() -> None:
    listed = without_torch("models")
    assert listed.returncode == 0, listed.stderr
    for name in ("linear", "textcnn", "transformer"):
        assert re.search(rf"^{name} .*pip install 'sfumato\[torch\]'", listed.stdout, re.MULTILINE)
    assert not listed.stderr
    one = without_torch("models", "linear")
    assert one.returncode == 1
    assert "error: the model linear needs torch" in one.stderr
    assert without_torch("models", "linaer").returncode == 2


@pytest.mark.slow
def test_without_torch_methods_check_and_softening_by_words_work(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("text,label\n" + "the parcel is late,shipping\nthe invoice is wrong,billing\n" * 5)
    for arguments in (["methods"], ["methods", "lcm"], ["check", str(data)], ["soften", str(data)]):
        ended = without_torch(*arguments)
        assert ended.returncode == 0, ended.stderr
    for arguments in (["soften", str(data), "--method", "lcm"], ["fit", str(data), "-o", str(tmp_path / "model")]):
        ended = without_torch(*arguments)
        assert ended.returncode == 1
        assert "pip install 'sfumato[torch]'" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_every_command_has_a_help_that_ends_well() -> None:
    shown = subprocess.run([sys.executable, "-m", "sfumato", "--help"], capture_output=True, text=True, check=True)
    for name in ("check", "audit", "fit", "predict", "evaluate", "soften", "compare", "demo", "methods", "models"):
        assert f"\n  {name} " in shown.stdout
    assert not shown.stderr


def test_open_mp_waits_passively_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    code = SHOW_MODULES + "    import os; print(os.environ['OMP_WAIT_POLICY'])"
    command = [sys.executable, "-c", code, "--version"]
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.endswith("PASSIVE\n")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.endswith("ACTIVE\n")


@pytest.mark.slow
def test_help_costs_at_most_a_third_more_than_an_empty_app_with_the_same_commands() -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "startup.py"
    spec = importlib.util.spec_from_file_location("startup", path)
    assert spec is not None
    assert spec.loader is not None
    startup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(startup)
    seconds = startup.measure(9)
    pairs = zip(seconds["sfumato --help"], seconds["empty app, plain help"], strict=True)
    assert statistics.median(ours / empty for ours, empty in pairs) <= 1.3
