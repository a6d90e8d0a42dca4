import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import sfumato
from sfumato.auditing.page import most_confused, page


def test_the_page_escapes_every_text_and_loads_nothing(noisy: tuple[list[str], list[str]]) -> None:
    evil = "<script>alert(1)</script> \"'&\x00\u202e"
    texts = [f"{text} {evil}" for text in noisy[0]]
    labels = [f"<img src=x onerror={label}>" for label in noisy[1]]
    shown = page(sfumato.audit(texts, labels), title=evil)
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;" in shown
    assert "&lt;img" in shown
    assert not {"\x00", "\u202e"} & set(shown)
    assert set(re.findall(r"https?://[^\s\"']+", shown)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(link|iframe|object)|url\(|@import", shown)


def test_the_picture_keeps_the_labels_that_are_confused_most() -> None:
    confusion = np.eye(5) * 0.9
    confusion[1, 3], confusion[4, 0] = 0.1, 0.05
    assert most_confused(confusion, 2) == [1, 3]
    assert most_confused(confusion, 4) == [0, 1, 3, 4]


def test_the_folder_has_all_rows_all_pairs_the_numbers_and_the_page(found: Any, tmp_path: Path) -> None:
    folder = found.save(tmp_path / "audit")
    assert sorted(file.name for file in folder.iterdir()) == ["audit.html", "audit.json", "pairs.csv", "rows.csv"]
    rows = pl.read_csv(folder / "rows.csv")
    assert rows.columns == found.rows.columns
    assert rows["row"].to_list() == found.rows["row"].to_list()
    assert rows["score"].to_list() == pytest.approx(found.rows["score"].to_list())
    assert pl.read_csv(folder / "pairs.csv").columns == found.pairs.columns
    about = json.loads((folder / "audit.json").read_text())
    assert about["flagged"] == found.rows["flagged"].sum()
    assert np.sum(about["confusion"], axis=1) == pytest.approx([1, 1, 1])
    assert [file.name for file in tmp_path.iterdir()] == ["audit"]


def test_a_folder_is_replaced_only_when_asked_for_and_only_if_it_is_an_audit(found: Any, tmp_path: Path) -> None:
    folder = found.save(tmp_path / "audit")
    with pytest.raises(sfumato.InputError, match="--overwrite"):
        found.save(folder)
    (folder / "rows.csv").write_text("old")
    found.save(folder, overwrite=True)
    assert (folder / "rows.csv").read_text().startswith("row,text")
    other = tmp_path / "thesis"
    other.mkdir()
    found.save(other)  # empty
    (other / "audit.json").unlink()
    with pytest.raises(sfumato.InputError, match="is not an audit"):
        found.save(other, overwrite=True)
    with pytest.raises(sfumato.InputError, match="there is no folder"):
        found.save(tmp_path / "no" / "audit")
    (tmp_path / "file").write_text("")
    with pytest.raises(sfumato.InputError, match="is a file"):
        found.save(tmp_path / "file", overwrite=True)


def test_a_save_that_fails_leaves_the_old_folder_and_nothing_else(
    found: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = found.save(tmp_path / "audit")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def full(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(found), "page", full)
    for target in (folder, tmp_path / "new"):
        with pytest.raises(OSError, match="No space left"):
            found.save(target, overwrite=True)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [file.name for file in tmp_path.iterdir()] == ["audit"]


WORDS = {
    "bank": ["loan", "credit", "cash", "debt", "teller", "branch", "saving", "account"],
    "cook": ["salt", "oven", "butter", "dough", "pan", "knife", "sugar", "flour"],
    "fund": ["share", "bond", "stock", "yield", "index", "trader", "option", "market"],
}


def mixed_up(chance: float, rows: int = 600) -> tuple[list[str], list[str]]:
    """Return texts of three labels, some of other words too; of those of bank a share is labelled cook."""
    rng = np.random.default_rng(1)
    every = [word for words in WORDS.values() for word in words]
    texts, labels = [], []
    for row in range(rows):
        label = list(WORDS)[row % 3]
        texts.append(" ".join([*rng.choice(WORDS[label], 4), *rng.choice(every, 2)]))
        labels.append("cook" if label == "bank" and rng.random() < chance else label)
    return texts, labels


def test_labels_that_are_mixed_up_are_told_drawn_and_written(tmp_path: Path) -> None:
    audit = sfumato.audit(*mixed_up(0.35))
    assert audit.settings["wrong_labels"]["used"]
    assert re.search(r"[23]\d\.\d % of the texts of bank are labelled cook", audit.report())
    assert "Right class and given label" in audit.page()
    assert "how probably the given label is wrong" in audit.page()
    about = json.loads((audit.save(tmp_path / "audit") / "audit.json").read_text())
    assert np.array(about["written_as"]).sum(axis=1) == pytest.approx([1, 1, 1])
    assert about["written_as"][0][1] == pytest.approx(0.35, abs=0.1)
    assert about["wrong_labels"]["family"] == "pairwise"
    assert audit.flagged["suggested"].unique().to_list() == ["bank"]


def test_where_no_labels_are_wrong_no_matrix_is_drawn() -> None:
    audit = sfumato.audit(*mixed_up(0.0))
    assert not audit.settings["wrong_labels"]["used"]
    assert "How labels go wrong" in audit.page()
    assert "Right class and given label" not in audit.page()
