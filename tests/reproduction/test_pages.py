"""Pages of tables, their index and the README's summary hold what the results hold."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from table_contents import content, gain, row

from sfumato.errors import InputError
from sfumato.reproduction.agreement import agreement
from sfumato.reproduction.pages import between, documents, index, page, summary, write_pages
from sfumato.reproduction.render import heading, said_once
from sfumato.reproduction.table_file import KEYS

ROOT = Path(__file__).parents[2]
STALE = "results/ has changed: run `python benchmarks/table_pages.py` and commit what it writes"


def a_table(**given: Any) -> dict[str, Any]:
    """Hard labels, two methods and a control, on two sets, with published numbers on the first."""
    rows = [row("hard", 0.8, published=90.0, minus_published=-10.0), row("soft", 0.82, published=91.0)]
    rows += [row("soft", 0.81, control="uniform"), row("flat", 0.79, published=90.5), row("hard", 0.7, data="IMDb")]
    rows += [row("soft", 0.72, data="IMDb")]
    tested = [gain("soft", 0.02, 0.01), gain("soft", 0.01, 0.4, against="uniform"), gain("flat", -0.01, 0.3)]
    return content(rows, [*tested, gain("soft", 0.02, 0.6, data="IMDb")], **given)


def test_every_page_the_index_and_the_readme_are_what_the_results_say() -> None:
    for path, text in documents(ROOT / "results", ROOT).items():
        assert path.exists(), f"{path.name}: {STALE}"
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: {STALE}"


def test_a_page_has_the_scale_the_table_and_what_agrees() -> None:
    text = page(a_table(cut={"models": ["BERT"]}, notes=["a set is partial"]))
    found = a_table()
    assert text.startswith(f"# {heading(found)}\n")  # the words are tested where they are made
    assert "(scale small, smaller than the paper's: at most 100 rows to train on" in text
    assert "Cut: models: BERT." in text
    assert "| AG News | CNN | soft | **82.00 ± 1.00** | 4 | 91 |" in text
    assert "| AG News | CNN | soft | 82.00 ± 1.00 | +1.00 | – | – |" in text  # over uniform
    assert "## What agrees, what does not" in text
    assert "* a set is partial" in text


def test_a_page_says_how_many_runs_are_done_and_whose_they_are() -> None:
    assert "--scale small`: 8 of 8 runs are done.\n" in page(a_table())
    text = page({**a_table(done=3), "name": "kwls-figure-1", "runs_of": "kwls-table-5"})
    assert "--scale small`: 3 of 8 runs are done, which are those of kwls-table-5.\n" in text
    assert "**3 of 8 runs are done.**" in text
    lacks = page(a_table(lacking=["AG News, CNN, flat against uniform"]))
    assert "1 of 5 differences have no interval: their predictions are gone." in lacks


def test_a_figure_is_shown_where_it_is_drawn_and_not_before() -> None:
    assert "![A table](table.svg)" in page(a_table(), drawn=True)
    assert "svg" not in page(a_table())


def test_an_explanation_stands_at_the_end_if_there_is_one() -> None:
    assert "## Why\n\nToo few rows." in page(a_table(explanation="Too few rows."))
    assert "## Why" not in page(a_table())


def test_claims_that_rest_on_a_table_stand_on_its_page(tmp_path: Path) -> None:
    (tmp_path / "docs" / "tables").mkdir(parents=True)
    (tmp_path / "docs" / "tables" / "README.md").write_text("<!-- index:begin --><!-- index:end -->", encoding="utf-8")
    (tmp_path / "README.md").write_text("<!-- tables:begin --><!-- tables:end -->", encoding="utf-8")
    for scale, folder in (("small", "kwls-table-2"), ("full", "kwls-table-2-full")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "table.json").write_text(json.dumps(kwls_table(scale)), encoding="utf-8")
    pages = {path.name: text for path, text in documents(tmp_path, tmp_path).items()}
    claim = "* KWLS-6: KWLS is better than both self-distillation and TF-IDF targets on all sets. *not testable here*"
    assert claim in pages["kwls-table-2-full.md"]
    assert "KWLS-6" not in pages["kwls-table-2.md"]  # the verdict is about the full scale
    assert "LCM-1:" not in pages["kwls-table-2-full.md"]


def test_agreement_counts_signs_and_clear_gains() -> None:
    text = agreement(a_table())
    assert "| soft | +2.00 (1 better, 0 worse of 2) | +1.00 | 1 of 1 | +1.00 (0 better, 0 worse of 1) |" in text
    assert "| flat | -1.00 (0 better, 0 worse of 1) | +0.50 | 0 of 1 | – |" in text
    assert "* Goes the paper's way: soft (+2.00, published +1.00, same sign in 1 of 1)." in text
    assert "* Does not: flat (-1.00, published +0.50, same sign in 0 of 1)." in text
    assert "* By more than chance better than hard: soft in 1 of 2." in text
    assert "Our hard rows lie -10.00 from the published ones (at a smaller scale than the paper's)." in text


def test_a_table_without_methods_to_compare_says_so() -> None:
    assert agreement(content([row("hard", 0.8)], [])) == "The table compares no methods."


def test_controls_have_no_column_where_none_is_run() -> None:
    text = agreement(content([row("hard", 0.8), row("soft", 0.8)], [gain("soft", 0.0, 1.0)]))
    assert "uniform" not in text
    assert "none, in any cell" in text


def kwls_table(scale: str = "small") -> dict[str, Any]:
    """Results of a table that comes with the package, by its titles."""
    name = {"name": "kwls-table-2", "baseline": "hard label", "scale": scale}
    tested = [gain("KWLS", 0.02, 0.01, against="hard label"), gain("KWLS", -0.01, 0.5, against="uniform")]
    tested += [gain("KWLS", 0.0, 0.9, against="hard label", data="IMDb")]
    tested += [gain("KWLS", 0.01, 0.9, against="hard label", data="IMDb", model="LSTM")]
    return content([row("hard label", 0.8), row("KWLS", 0.82)], tested, **name)


def test_the_summary_averages_over_sets_and_counts_clear_ones() -> None:
    """AG News +2, IMDb (0 + 1) / 2: the mean over sets is 1.25."""
    line = next(line for line in summary([kwls_table()]).splitlines() if "kwls-paper" in line)
    assert line == (
        "| `kwls-paper` | 1 of 2 | 0 of 1 | 0 of 2 "
        "| +1.25 (1 better, 0 worse of 3) | -1.00 (0 better, 0 worse of 1) | – | – |"
    )
    assert "of 1 comparisons of a method with one of its controls, 0 are clearly better" in summary([kwls_table()])


@pytest.mark.parametrize(
    ("p", "shuffled", "written"), [(0.01, 0.01, "1 of 1"), (0.01, 0.5, "0 of 1"), (0.5, 0.01, "0 of 1")]
)
def test_a_set_is_clear_over_its_controls_only_where_one_cell_is_over_hard_labels_and_all_of_them(
    p: float, shuffled: float, written: str
) -> None:
    tested = [gain("KWLS", 0.02, p, against="hard label"), gain("KWLS", 0.02, 0.01, against="uniform")]
    tested += [gain("KWLS", 0.02, shuffled, against="shuffled")]
    found = content([row("hard label", 0.8)], tested, name="kwls-table-2", baseline="hard label")
    line = next(line for line in summary([found]).splitlines() if "kwls-paper" in line)
    assert line.split(" | ")[2] == written
    none = {**found, "differences": tested[:1]}
    assert next(line for line in summary([none]).splitlines() if "kwls-paper" in line).split(" | ")[2] == "–"


def test_the_test_over_sets_stands_on_the_page_where_there_is_one() -> None:
    over = {"method": "soft", "against": "hard", "sets": 6, "mean": 0.01, "p": 0.03125, "p_holm": 0.0625}
    text = page(a_table(over_sets=[over]))
    assert "Over the data sets" in text
    assert "| soft | hard | Wilcoxon | 6 | +1.00 | 0.031 | 0.062 |" in text
    assert "Wilcoxon" not in page(a_table())


def test_a_second_view_of_the_same_runs_and_tables_of_ones_own_are_not_counted() -> None:
    view = {**kwls_table(), "name": "kwls-figure-1"}
    own = {**kwls_table(), "name": "my-table"}
    assert summary([kwls_table(), view, own]) == summary([kwls_table()])
    loss = kwls_table() | {"metric": "vote_cross_entropy"}  # not in points
    assert summary([loss]) == "No table has results yet."
    assert summary([view, own]) == summary([]) == "No table has results yet."


def test_two_scales_of_a_table_are_not_counted_twice() -> None:
    assert summary([kwls_table(), kwls_table("full")]) == summary([kwls_table()])


def test_the_index_links_every_page_with_its_scale() -> None:
    text = index([a_table(), a_table(scale="full", done=3)])
    assert "| [table](table.md) | kwls | Table 0 | small | 8 of 8 |" in text
    assert "| [table](table-full.md) | kwls | Table 0 | full | 3 of 8 |" in text


def test_text_is_replaced_between_its_marks_only() -> None:
    marks = ("<!-- a -->", "<!-- b -->")
    assert between("x\n<!-- a -->\nold\n<!-- b -->\ny", marks, "new") == "x\n<!-- a -->\nnew\n<!-- b -->\ny"
    with pytest.raises(InputError, match="there is no <!-- a -->"):
        between("x", marks, "new")


def test_pages_are_written_with_their_figures(tmp_path: Path) -> None:
    results, folder = tmp_path / "results", tmp_path / "docs" / "tables"
    for made in (results / "table", folder):
        made.mkdir(parents=True)
    (results / "table" / "table.json").write_text(json.dumps(a_table()), encoding="utf-8")
    (results / "table" / "figure.svg").write_text("<svg/>", encoding="utf-8")
    (folder / "README.md").write_text("<!-- index:begin -->\n<!-- index:end -->\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("<!-- tables:begin -->\n<!-- tables:end -->\n", encoding="utf-8")
    written = {path.relative_to(tmp_path).as_posix() for path in write_pages(results, tmp_path)}
    assert written == {
        *("docs/tables/table.md", "docs/tables/table.svg", "docs/tables/README.md", "docs/claims.md", "README.md")
    }
    assert (folder / "table.svg").read_text(encoding="utf-8") == "<svg/>"
    assert "![A table](table.svg)" in (folder / "table.md").read_text(encoding="utf-8")
    assert "[table](table.md)" in (folder / "README.md").read_text(encoding="utf-8")


def test_every_key_of_a_table_file_is_described() -> None:
    text = (ROOT / "docs" / "tables" / "README.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in text.splitlines() if "|" in line)))
    assert set(KEYS) <= described


def test_the_file_that_is_shown_is_read() -> None:
    from sfumato.reproduction.table_file import parse_table

    text = (ROOT / "docs" / "tables" / "README.md").read_text(encoding="utf-8")
    table = parse_table("shown", text.partition("```toml\n")[2].partition("```")[0])
    assert table.methods["LS, chosen on dev"].best_of == ("LS .1", "LS .3")
    assert table.published.value("trec, as it is", "TextCNN", "LS .3") == (91.4, 0.3)


def test_notes_that_differ_by_numbers_alone_are_said_once():
    notes = ["20 of 1,000 rows touched", "21 of 1,000 rows touched", "kwls: a text of 3 words", "the same"]
    assert said_once(notes) == [
        "20 of 1,000 rows touched (1 more, with other numbers)",
        "kwls: a text of 3 words",
        "the same",
    ]
    assert said_once([]) == []
