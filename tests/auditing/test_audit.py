import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import sfumato

Tickets = dict[str, list[str]]
WRONG = (3, 20, 41, 62, 85)  # rows of the tickets that get another label


def test_planted_wrong_labels_lead_the_rows_and_get_their_own_label_suggested(
    found: Any, noisy: tuple[list[str], list[str]], tickets: Tickets
) -> None:
    assert found.rows.columns == ["row", "text", "given", "suggested", "score", "flagged", "reason"]
    assert sorted(found.rows["row"]) == list(range(90))
    first = found.rows.head(5)
    assert sorted(first["row"]) == list(WRONG)
    assert first["flagged"].sum() >= 4
    for row in first.iter_rows(named=True):
        assert row["suggested"] == tickets["label"][row["row"]]
        assert row["given"] == noisy[1][row["row"]]
        assert row["text"] == noisy[0][row["row"]]
    others = found.rows.tail(85)
    assert others["flagged"].sum() <= 2
    before = sfumato.audit(tickets["text"], tickets["label"])
    assert before.rows.filter(pl.col("row").is_in(WRONG))["score"].max() < first["score"].min()


def test_the_reason_names_words_of_the_text_that_speak_for_the_suggested_label(found: Any) -> None:
    own = {"billing": "invoice refund charge amount tax", "login": "password code account locked email"}
    own["shipping"] = "parcel courier address door late"
    for row in found.rows.head(5).iter_rows(named=True):
        named = re.findall(r"'(\w+)'", row["reason"])
        assert set(named) & set(own[row["suggested"]].split())
        assert set(named) <= set(row["text"].split())
        assert row["reason"].endswith(f"for {row['suggested']}")
    stands = found.rows.filter(pl.col("suggested") == pl.col("given"))
    assert set(stands["reason"]) == {""}
    assert (stands["score"] <= 0.5).all()
    assert (found.rows.filter(pl.col("suggested") != pl.col("given"))["score"] > 0.5).all()


def test_rows_are_ranked_by_score(found: Any) -> None:
    scores = found.rows["score"].to_list()
    assert scores == sorted(scores, reverse=True)


def test_the_same_seed_gives_the_same_audit_and_another_one_other_folds(noisy: tuple[list[str], list[str]]) -> None:
    first, again, other = (sfumato.audit(*noisy, seed=seed) for seed in (0, 0, 1))
    assert first.rows.equals(again.rows)
    assert first.pairs.equals(again.pairs)
    assert not first.rows["score"].equals(other.rows["score"])


def test_a_text_that_shares_no_word_with_another_is_not_judged(noisy: tuple[list[str], list[str]]) -> None:
    texts, labels = [*noisy[0], "жжж щщщ", "жжж щщщ"], [*noisy[1], "billing", "login"]  # copies are in one fold
    audit = sfumato.audit(texts, labels)
    assert audit.unjudged == 2
    assert "no other text shares a word with it" in audit.rows["reason"][-1]
    assert sfumato.audit([*texts, "жжж"], [*labels, "login"]).unjudged == 0


def test_a_label_of_one_row_is_not_judged_and_the_reason_says_so(noisy: tuple[list[str], list[str]]) -> None:
    texts, labels = [*noisy[0], "my late parcel"], [*noisy[1], "legal"]
    audit = sfumato.audit(texts, labels)
    last = audit.rows.row(-1, named=True)
    assert last["row"] == 90
    assert last["score"] is None
    assert last["suggested"] == "legal"
    assert not last["flagged"]
    assert last["reason"] == "not judged: no other text has the label legal"
    assert audit.unjudged == 1
    assert "1 not judged" in audit.report()
    twice = sfumato.audit([*texts, "my late courier"], [*labels, "legal"])
    assert twice.unjudged == 0


def test_an_empty_text_is_not_judged(noisy: tuple[list[str], list[str]]) -> None:
    audit = sfumato.audit([*noisy[0], "", "  "], [*noisy[1], "login", "billing"])
    assert audit.rows.tail(2)["reason"].to_list() == ["not judged: the text is empty"] * 2
    assert audit.unjudged == 2


def test_one_text_with_two_labels_is_pointed_out_with_its_other_row(noisy: tuple[list[str], list[str]]) -> None:
    texts, labels = [*noisy[0], noisy[0][0]], [*noisy[1], "login"]
    rows = sfumato.audit(texts, labels, rows=range(100, 191), unit="line").rows
    reason = {row["row"]: row["reason"] for row in rows.iter_rows(named=True)}
    assert f"the same text is labelled {labels[0]} in line 100" in reason[190]
    assert "the same text is labelled login in line 190" in reason[100]
    assert sum("the same text" in each for each in reason.values()) == 2


def test_copies_of_a_wrong_row_do_not_speak_for_it(noisy: tuple[list[str], list[str]], found: Any) -> None:
    texts, labels = [*noisy[0], *[noisy[0][3]] * 4], [*noisy[1], *[noisy[1][3]] * 4]
    rows = sfumato.audit(texts, labels).rows
    copies = rows.filter(pl.col("row").is_in([3, 90, 91, 92, 93]))
    alone = found.rows.filter(pl.col("row") == 3)
    assert copies["score"].n_unique() == 1
    assert copies["score"][0] > 0.8  # 0.94 without the copies, which also teach the others a wrong label
    assert copies["suggested"][0] == alone["suggested"][0]


def test_texts_of_signs_only_are_judged_without_words() -> None:
    signs = [("? " * k, "ask") for k in range(1, 9)] + [("+ " * k, "sum") for k in range(1, 9)]
    texts, labels = ([pair[k] for pair in signs] for k in (0, 1))
    assert sfumato.audit(texts, labels).settings["agreement"] == 1
    wrong = sfumato.audit([*texts, "? " * 9], [*labels, "sum"]).rows.row(0, named=True)
    assert wrong["row"] == 16
    assert wrong["reason"] == "no single word speaks for ask, all of them together do"


BAD = {
    "one class only, 'a'": (["one", "two", "three"], ["a", "a", "a"]),
    "5 folds need as many different texts, got 3": (["one", "two", "three", "one"], ["a", "b", "a", "a"]),
    "look like ids": ([f"text {k}" for k in range(30)], [f"id-{k}" for k in range(30)]),
    "one label a text, got 2 texts and 1 labels": (["one", "two"], ["a"]),
    "text 2 must be a string, got 7": (["one", 7], ["a", "b"]),
    "1 labels are empty, the first in row 2": (["one", "two"], ["a", None]),
    "expected a list of texts, got one string: 'one'": ("one", ["a"]),
    "expected a list of labels, got one string: 'ab'": (["one", "two"], "ab"),
    "there is no row": ([], []),
    "labels must differ by more than kind or blanks": (["one", "two", "three"], [1, "1", 2]),
}


@pytest.mark.parametrize("message", BAD)
def test_input_that_cannot_be_audited_is_refused_in_words(message: str) -> None:
    texts, labels = BAD[message]
    with pytest.raises(sfumato.InputError, match=re.escape(message)):
        sfumato.audit(texts, labels)


@pytest.mark.parametrize("folds", [1, 2.5, "five"])
def test_folds_must_be_a_whole_number_of_at_least_two(folds: Any, noisy: tuple[list[str], list[str]]) -> None:
    with pytest.raises(sfumato.InputError, match="audit: folds must be"):
        sfumato.audit(*noisy, folds=folds)


def test_a_seed_and_rows_that_are_no_whole_numbers_are_refused(noisy: tuple[list[str], list[str]]) -> None:
    with pytest.raises(sfumato.InputError, match="audit: seed must be at least 0, got -1"):
        sfumato.audit(*noisy, seed=-1)
    wrong: list[tuple[Any, str]] = [
        (["a"] * 90, "rows must be whole numbers, got 'a' for text 1"),
        ([*range(89), 1.5], "rows must be whole numbers, got 1.5 for text 90"),
        ("r" * 90, "rows must be a list of one whole number a text"),
        (range(3), r"one number a text \(90\), got 3"),
        (7, "rows must be a list of one whole number a text, got 7"),
    ]
    for rows, said in wrong:
        with pytest.raises(sfumato.InputError, match=said):
            sfumato.audit(*noisy, rows=rows)
    assert sfumato.audit(*noisy, rows=np.arange(90) + 2).rows["row"].min() == 2


def test_where_no_row_can_be_judged_the_report_and_the_page_say_so() -> None:
    audit = sfumato.audit(["one", "two", "three", "four"], ["a", "b", "c", "d"], folds=2)
    assert audit.unjudged == 4
    assert audit.settings["agreement"] is None
    assert "4 labels; no row could be judged" in audit.report()
    assert "No row could be judged." in audit.page()
    assert "nan" not in audit.report() + audit.page()


def test_labels_may_be_numbers_and_become_strings(noisy: tuple[list[str], list[str]]) -> None:
    number = {"billing": 1, "login": 2, "shipping": 3}
    audit = sfumato.audit(noisy[0], [number[label] for label in noisy[1]])
    assert audit.classes == ("1", "2", "3")
    assert audit.rows["row"].head(5).sort().to_list() == list(WRONG)


def test_auditing_loads_no_torch() -> None:
    code = (
        "import sys, sfumato\n"
        "a = sfumato.audit(['red rose', 'red tulip', 'blue sea', 'blue sky'] * 4, ['f', 'f', 'w', 'w'] * 4, folds=2)\n"
        "a.page()\n"
        "print(len(a.rows), 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["16", "False", "True"]


def test_the_page_of_the_documentation_works(
    noisy: tuple[list[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "audit.md", "exec"), {"texts": noisy[0], "labels": noisy[1]})
    assert (tmp_path / "audit" / "rows.csv").is_file()


@pytest.mark.data
def test_noise_in_real_questions_is_found(data_folder: Path) -> None:
    frame = pl.read_parquet(data_folder / "trec" / "trec.parquet").filter(split="train").head(2000)
    rng = np.random.default_rng(7)
    labels = frame["label_coarse"].to_list()
    wrong = rng.choice(len(labels), 200, replace=False)
    names = sorted(set(labels))
    for row in wrong:
        labels[row] = str(rng.choice([name for name in names if name != labels[row]]))
    rows = sfumato.audit(frame["text"].to_list(), labels).rows
    assert np.isin(rows["row"].head(100), wrong).mean() >= 0.85  # by chance 0.1
    flagged = rows.filter("flagged")["row"]
    assert np.isin(flagged, wrong).mean() >= 0.4
    assert np.isin(wrong, flagged).mean() >= 0.5
