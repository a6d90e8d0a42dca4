"""Every table that comes along, and the one that is shown, on 200 rows and one epoch; results/ stays as it is."""

import re
from pathlib import Path

import polars as pl
import pytest

from sfumato.reproduction.run import reproduce
from sfumato.reproduction.table_file import read_table_file, table_names


def marked(name):
    """Views of another table's runs would do the same runs again."""
    return pytest.param(name, marks=() if read_table_file(name).runs_of == name else pytest.mark.slow)


@pytest.mark.data
@pytest.mark.parametrize("name", [marked(name) for name in table_names()])
def test_every_run_of_a_table_ends_well(name, data_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = reproduce(name, scale="smoke", data=data_folder, echo=lambda line: None)
    assert not done.content["failed"]
    assert done.content["done"] == done.content["needed"] > 0
    assert done.to_markdown().startswith("## ")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def questions(tmp_path):
    """A folder of data with ninety questions, in the columns of trec."""
    kinds = {"LOC:city": "which city is north of {}", "NUM:date": "what year did {} begin", "HUM:ind": "who wrote {}"}
    labels = [list(kinds)[row % 3] for row in range(90)]
    frame = pl.DataFrame(
        {
            "id": [f"q{row}" for row in range(90)],
            "text": [kinds[label].format(f"name{row}") for row, label in enumerate(labels)],
            "label": labels,
            "label_coarse": [label.partition(":")[0] for label in labels],
            "split": ["train"] * 60 + ["test"] * 30,
        }
    )
    folder = tmp_path / "data"
    (folder / "trec").mkdir(parents=True)
    frame.write_parquet(folder / "trec" / "trec.parquet")
    return folder


def test_the_file_that_is_shown_can_be_run(questions, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = Path(__file__).parents[2] / "docs" / "tables" / "README.md"
    (shown,) = re.findall(r"```toml\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    Path("shown.toml").write_text(shown, encoding="utf-8")
    done = reproduce("shown.toml", scale="smoke", data=questions, echo=lambda line: None)
    assert not done.content["failed"]
    assert done.content["done"] == done.content["needed"] == 3  # the best of two is chosen, not run
    assert [row["method"] for row in done.content["rows"] if row["n"]] == [
        *("hard label", "LS .1", "LS .3", "LS, chosen on dev")
    ]
