import csv
import io
import json

import pytest

from sfumato import InputError
from sfumato.reproduction.latex import latex
from sfumato.reproduction.render import markdown
from sfumato.reproduction.run import reproduce
from sfumato.reproduction.saved import table_folder
from tables import TOML, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "own.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def smoke(file, data):
    return reproduce(file, scale="smoke", data=data, echo=lambda line: None)


def test_a_smoke_test_runs_every_method_and_keeps_nothing(smoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [line["status"] for line in smoke.lines] == ["done"] * 4
    assert smoke.content["cut"]["models"] == ["CNN", "BERT"]
    assert not list(tmp_path.iterdir())


def test_the_heading_says_that_it_is_smaller_than_the_paper(smoke):
    text = smoke.to_markdown()
    assert "scale smoke, smaller than the paper's: at most 200 rows to train on" in text
    assert "Cut: settings: noise, rare; models: CNN, BERT." in text
    assert [note for note in smoke.content["notes"] if "15,172" in note]


def test_ours_stand_beside_the_published_numbers(smoke):
    row = next(line for line in markdown(smoke.content).splitlines() if "| KWLS |" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:3] == ["News", "L", "KWLS"]
    assert cells[5] == "90 ± 0.5"
    assert float(cells[6]) == pytest.approx(float(cells[3].strip("*").split()[0]) - 90, abs=0.01)


def test_latex_escapes_what_it_would_read(smoke):
    text = latex(smoke.content)
    assert r"\begin{tabular}{lll" in text
    assert r"95 \% interval" in text
    assert text.count(r"\\") == 1 + 5 + 2  # the head, five methods, and two cells that only the paper has


def test_a_wrong_option_and_an_unknown_set_are_refused_before_the_first_run(file, data, tmp_path):
    with pytest.raises(InputError, match="--scale must be one of smoke, small, full"):
        reproduce(file, scale="tiny", data=data)
    other = tmp_path / "other.toml"
    other.write_text(TOML.replace('name = "ag_news"', 'name = "ag_nws"'), encoding="utf-8")
    with pytest.raises(InputError, match="did you mean 'ag_news'"):
        reproduce(other, scale="smoke", data=data)
    other.write_text(TOML.replace('name = "kwls-paper"', 'name = "kwls-papr"'), encoding="utf-8")
    with pytest.raises(InputError, match="did you mean 'kwls-paper'"):
        reproduce(other, scale="smoke", data=data)
    other.write_text(TOML.replace("smoothing = 0.3", "smothing = 0.3"), encoding="utf-8")
    with pytest.raises(InputError, match="label-smoothing has no option 'smothing'"):
        reproduce(other, scale="smoke", data=data)
    other.write_text(TOML.replace("smoothing = 0.3", 'smoothing = "a"'), encoding="utf-8")
    with pytest.raises(InputError, match="label-smoothing: smoothing must be a number, got 'a'"):
        reproduce(other, scale="smoke", data=tmp_path / "no data are read before")


def test_nothing_to_run_says_what_was_cut(file, data):
    with pytest.raises(InputError, match="encoders need --encoder FOLDER"):
        reproduce(file, scale="small", only={"model": ["BERT"]}, data=data)


@pytest.mark.slow
def test_a_table_goes_on_where_it_was_and_is_written_in_three_forms(file, data, tmp_path):
    heard = []
    arguments = {"data": data, "output": tmp_path, "only": {"setting": ["noise"]}, "echo": heard.append}
    first = reproduce(file, **{**arguments, "only": {"setting": ["noise"], "repeat": ["0"]}})
    assert len(heard) == 7 + 1  # the runs, and the estimate after three
    heard.clear()
    whole = reproduce(file, **arguments)
    assert len([line for line in heard if "accuracy" in line]) == 14
    heard.clear()
    again = reproduce(file, **arguments)
    assert not heard
    assert again.content == whole.content
    folder = table_folder("own", "small", tmp_path)
    assert json.loads((folder / "table.json").read_text(encoding="utf-8"))["done"] == 21
    found = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text(encoding="utf-8"))))
    assert len(found) == len(whole.content["rows"])
    assert len([row for row in found if int(row["n"])]) == 8
    assert "**21 of 102 runs are done.**" in whole.to_markdown()
    assert (folder / "table.md").read_text(encoding="utf-8") == whole.to_markdown()
    assert len(first.lines) == 7
    part = reproduce(file, **{**arguments, "only": {"method": ["hard"], "setting": ["noise"]}})
    assert (len(part.lines), part.content["done"], part.content["needed"]) == (3, 21, 102)
    assert part.content["rows"] == whole.content["rows"]


def test_a_missing_set_ends_in_words_before_the_first_set_is_read(file, data, tmp_path, monkeypatch):
    """The first set of the table is there, the second is not; no folder is ever passed over for a download."""
    other = tmp_path / "other.toml"
    other.write_text(TOML.replace("[settings]", '"Questions" = { name = "trec" }\n\n[settings]'), encoding="utf-8")
    monkeypatch.setattr("sfumato.datasets.load", lambda *_, **__: pytest.fail("a set was read"))
    said = r"trec \(trec/trec.parquet\) is not where it was looked for: .*has no trec/trec.parquet"
    for given in ({"data": data}, {}):
        monkeypatch.setenv("SFUMATO_DATA", str(data))
        with pytest.raises(InputError, match=said):
            reproduce(other, scale="small", output=tmp_path / "results", only={"model": ["L"]}, **given)
    assert not (tmp_path / "results").exists()
