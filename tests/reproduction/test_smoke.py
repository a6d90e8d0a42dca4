"""Every table that comes along, on 200 rows and one epoch; nothing is written to results/."""

import pytest

from sfumato.reproduction.run import reproduce
from sfumato.reproduction.table_file import table_names


@pytest.mark.data
@pytest.mark.parametrize("name", table_names())
def test_every_run_of_a_table_ends_well(name, data_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = reproduce(name, scale="smoke", data=data_folder, echo=lambda line: None)
    assert not done.content["failed"]
    assert done.content["done"] == done.content["needed"] > 0
    assert done.to_markdown().startswith("## ")
    assert not list(tmp_path.iterdir())
