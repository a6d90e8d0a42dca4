"""docs/scikit-learn.md: its code runs from top to bottom, and leaves what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "scikit-learn.md"


@pytest.mark.slow
def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    assert len(blocks) == 7
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert names["search"].best_params_["method"] in ("kwls", "label-smoothing")
    assert names["targets"].shape == (200, 3)
    assert np.allclose(names["d"].sum(axis=1), 1, atol=1e-6)
    assert len(names["scores"]["test_score"]) == 2
