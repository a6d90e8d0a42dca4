"""The catalogue itself: complete, consistent with itself, and strict about names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sfumato.datasets import catalog, entry
from sfumato.datasets.catalog import SPLITS, TASKS
from sfumato.errors import InputError

PAPERS = {"kwls", "lcm", "lcda", "maskloss", "ls-sentiment"}


def test_every_entry_says_what_it_is_and_where_it_comes_from() -> None:
    for name, known in catalog().items():
        assert known.name == name
        assert known.task in TASKS, name
        assert known.language in (("",) if known.task == "image" else ("en", "zh")), name
        assert all((known.title, known.licence, known.citation, known.family, known.file)), name
        assert set(known.papers) <= PAPERS, name
        assert known.rows > 0, name
        assert [split for split in SPLITS if split in known.splits] == list(known.splits), name
        assert set(known.copy) <= set(SPLITS), name


def test_classes_are_counted_where_there_are_classes_and_named_where_they_are_numbers() -> None:
    for name, known in catalog().items():
        assert (known.classes > 1) == (known.task != "retrieval"), name
        assert len(known.names) == (known.classes if known.task == "image" else 0), name
        voted = [*known.vote_counts, *known.vote_list.get("classes", ()), *known.vote_ratings.get("of", ())]
        assert len(voted) == (known.classes if known.task == "votes" else 0), name


def test_revisions_are_whole_commits_or_said_to_be_none() -> None:
    branches = {known.name for known in catalog().values() if known.revision and len(known.revision) != 40}
    assert branches == {"trec"}  # the hub's own conversion: a branch, since the repository holds a script
    assert all(re.fullmatch("[0-9a-f]{40}|refs/convert/parquet|", known.revision) for known in catalog().values())


def test_a_copy_that_lacks_rows_says_what_it_lacks() -> None:
    for name, known in catalog().items():
        if sum(known.here.values()) < 0.99 * known.rows:
            assert known.partial, name


def test_every_set_that_the_papers_name_is_there() -> None:
    named = {paper: {set_.papers[paper] for set_ in catalog().values() if paper in set_.papers} for paper in PAPERS}
    assert named["kwls"] >= {"AG News", "DBpedia", "IMDb", "Yelp", "ReQA SQuAD"}
    assert named["lcm"] >= {"20NG", "AG's News", "DBPedia", "FDCNews", "THUCNews", "MNIST", "Fashion MNIST"}
    assert named["lcda"] == {"THUCNews", "Toutiao"}
    assert named["maskloss"] == {"SST-5", "TREC-50", "WOS46985", "AAPD"}
    assert len([known for known in catalog().values() if "ls-sentiment" in known.papers]) == 9  # mr or sst5


def test_sets_that_share_texts_count_once() -> None:
    assert len({entry(name).family for name in ("mr", "sst5", "subj")}) == 1
    assert len({known.family for known in catalog().values() if known.name.startswith("reuters")}) == 1
    assert len({known.family for known in catalog().values() if known.name.startswith("squad")}) == 1
    assert entry("imdb").family == "imdb" != entry("mr").family


def test_names_are_found_with_hyphens_and_underscores_and_others_refused_with_the_nearest() -> None:
    assert entry("ag-news") is entry("ag_news") is entry("AG_News")
    assert entry("thucnews_titles") is entry("thucnews-titles")
    with pytest.raises(InputError, match=r"no data set 'imbd' \(did you mean 'imdb'\?\).*sfumato datasets"):
        entry("imbd")


def test_labels_have_numbers_of_classes_and_others_are_refused() -> None:
    assert entry("trec").num_classes() == entry("trec").num_classes("label") == 50
    assert entry("trec").num_classes("label_coarse") == 6
    with pytest.raises(InputError, match=r"no label 'coarse'.*it has: label, label_coarse"):
        entry("trec").num_classes("coarse")
    with pytest.raises(InputError, match="it has: none"):
        entry("squad").num_classes()


def test_reading_the_catalogue_loads_nothing_heavy() -> None:
    code = "import sys, sfumato.datasets as d; d.catalog(); print([m for m in ('torch', 'polars', 'datasets', "
    code += "'sklearn', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_of_the_data_sets_has_the_counts_of_the_catalogue() -> None:
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    for name, known in catalog().items():
        rows = ", ".join(f"{split} {count:,}" for split, count in known.splits.items())
        assert f"| `{name}` | {known.classes or '–'} | {rows} |" in page
    assert len(re.findall("^\\| `", page, re.MULTILINE)) == len(catalog())
