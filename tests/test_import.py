"""What importing costs: `import sfumato` must not load the heavy packages."""

import json
import subprocess
import sys

import pytest

HEAVY = ["torch", "transformers", "accelerate", "sklearn", "pandas", "datasets"]


def loaded_after(statement):
    """Return which heavy packages a fresh Python has loaded after ``statement``."""
    code = f"import json, sys\n{statement}\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_sfumato_loads_nothing_heavy():
    assert loaded_after("import sfumato") == []


def test_looking_at_the_names_of_methods_and_models_loads_nothing_heavy():
    assert loaded_after("import sfumato; list(sfumato.METHODS), list(sfumato.MODELS), dir(sfumato)") == []


@pytest.mark.slow
def test_the_probe_sees_a_heavy_package_when_one_is_loaded():
    assert loaded_after("import sfumato, torch") == ["torch"]


def test_softening_with_a_static_method_loads_no_torch():
    statement = "import sfumato; sfumato.soften(['a b', 'b c'], ['x', 'y'], 'label-smoothing')"
    assert {"torch", "transformers"}.isdisjoint(loaded_after(statement))
