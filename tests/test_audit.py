import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

import sfumato
from sfumato.auditing.audit import checked_examples
from sfumato.auditing.folds import held_out_logits
from sfumato.auditing.judge import concluded, judge
from sfumato.auditing.page import most_confused, page
from sfumato.auditing.pairs import pair_error

Tickets = dict[str, list[str]]
WRONG = (3, 20, 41, 62, 85)  # rows of the tickets that get another label


@pytest.fixture(scope="module")
def noisy(tickets: Tickets) -> tuple[list[str], list[str]]:
    """Return 90 tickets of three departments, five of them with a label that is not theirs."""
    labels = list(tickets["label"])
    names = sorted(set(labels))
    for row in WRONG:
        labels[row] = names[(names.index(labels[row]) + 1) % 3]
    return tickets["text"], labels


@pytest.fixture(scope="module")
def found(noisy: tuple[list[str], list[str]]) -> Any:
    return sfumato.audit(*noisy)


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


# The classifiers of the folds


def plain_descent(X: Any, y: list[int], C: int, learns: list[bool], square: float, steps: int) -> Any:
    """Fit one softmax regression with its weights written out; return the logits of all rows."""
    rows = [i for i in range(len(y)) if learns[i]]
    V, n = X.shape[1], len(rows)
    W, b = np.zeros((V, C)), np.array([math.log(max(sum(y[i] == k for i in rows) / n, 1e-6)) for k in range(C)])
    ahead_W, ahead_b, momentum = W, b, 1.0
    for _ in range(steps):
        down_W, down_b = np.zeros((V, C)), np.zeros(C)
        for i in rows:
            z = X[i] @ ahead_W + ahead_b
            p = np.exp(z) / np.exp(z).sum()
            for k in range(C):
                residual = (p[k] - (y[i] == k)) / n
                down_W[:, k] += X[i] * residual
                down_b[k] += residual
        new_W, new_b = ahead_W - 2 * n / square * down_W, ahead_b - down_b
        if (down_W * (new_W - W)).sum() + (down_b * (new_b - b)).sum() > 0:
            momentum = 1.0
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        push = (momentum - 1) / following
        ahead_W, ahead_b = new_W + push * (new_W - W), new_b + push * (new_b - b)
        W, b, momentum = new_W, new_b, following
    return X @ W + b


def random_rows(seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.random((18, 7)).astype(np.float32) * (rng.random((18, 7)) < 0.6)
    return csr_matrix(X.astype(np.float32)), rng.integers(0, 3, 18), np.arange(18) % 3


@pytest.mark.parametrize("room", [2**26, 1])  # all folds side by side, and one after the other
def test_held_out_logits_are_those_of_classifiers_with_their_weights_written_out(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sfumato.auditing import folds

    monkeypatch.setattr(folds, "ROOM", room)
    X, y, fold = random_rows()
    square = folds.largest_eigenvalue(X, X.T.tocsr())
    logits = held_out_logits(X, y, 3, fold, steps=12)
    for name in range(3):
        expected = plain_descent(X.toarray().astype(float), y.tolist(), 3, (fold != name).tolist(), square, 12)
        np.testing.assert_allclose(logits[fold == name], expected[fold == name], atol=2e-4)


def test_the_label_of_a_row_does_not_reach_its_own_logits() -> None:
    X, y, fold = random_rows()
    changed = y.copy()
    changed[4] = (y[4] + 1) % 3
    before, after = (held_out_logits(X, labels, 3, fold) for labels in (y, changed))
    same = fold == fold[4]
    np.testing.assert_array_equal(before[same], after[same])
    assert np.abs(before[~same] - after[~same]).max() > 1e-3


def test_a_text_that_shares_no_word_with_another_is_not_judged(noisy: tuple[list[str], list[str]]) -> None:
    texts, labels = [*noisy[0], "жжж щщщ", "жжж щщщ"], [*noisy[1], "billing", "login"]  # copies are in one fold
    audit = sfumato.audit(texts, labels)
    assert audit.unjudged == 2
    assert "no other text shares a word with it" in audit.rows["reason"][-1]
    assert sfumato.audit([*texts, "жжж"], [*labels, "login"]).unjudged == 0


# What follows from the probabilities


def test_scores_thresholds_and_flags_are_the_sums_in_the_docstring() -> None:
    p = np.array(
        [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.2, 0.7, 0.1], [0.1, 0.5, 0.4], [0.45, 0.35, 0.2], [0.2, 0.2, 0.6]]
    )
    labels = np.array([0, 0, 1, 1, 2, 2])
    found = concluded(np.log(p), np.ones(6, dtype=bool), labels)
    for i, g in enumerate(labels):
        s = max((k for k in range(3) if k != g), key=lambda k: p[i, k])
        assert found.score[i] == pytest.approx(p[i, s] / (p[i, s] + p[i, g]))
        threshold = [np.mean([p[j, k] for j in range(6) if labels[j] == k]) for k in range(3)]
        likeliest = int(p[i].argmax())
        assert found.suggested[i] == likeliest
        assert found.flagged[i] == (likeliest != g and p[i, likeliest] >= threshold[likeliest])
    assert found.flagged.tolist() == [False, True, False, False, False, False]
    assert found.suggested[4] == 0  # likelier than its label, and below the threshold of 0.5


@pytest.mark.parametrize(("doubtful", "last", "flagged"), [(0.55, 0.001, False), (0.65, 0.999, True)])
def test_a_row_that_is_not_judged_keeps_its_label_and_does_not_move_the_thresholds(
    doubtful: float, last: float, flagged: bool
) -> None:
    p = np.array([[0.6, 0.4], [1 - doubtful, doubtful], [0.4, 0.6], [1 - last, last]])
    labels, judged = np.array([0, 0, 1, 1]), np.array([True, True, True, False])
    found = concluded(np.log(p), judged, labels)
    assert found.suggested.tolist() == [0, 1, 1, 1]
    assert np.isnan(found.score[3])
    assert found.flagged.tolist() == [False, flagged, False, False]  # the threshold is 0.6, of the third row alone
    assert concluded(np.log(p), np.ones(4, dtype=bool), labels).flagged[1] == (not flagged)


def test_scores_too_near_one_to_tell_apart_still_rank_by_their_lead() -> None:
    log_p = np.array([[-50.0, -1e-9], [-90.0, -1e-9], [-70.0, -1e-9]])
    found = concluded(log_p, np.ones(3, dtype=bool), np.zeros(3, dtype=np.int64))
    assert found.score.tolist() == [1, 1, 1]
    assert np.argsort(-found.lead).tolist() == [1, 2, 0]


def test_pair_error_counts_the_rows_that_the_other_label_explains_better() -> None:
    support = np.log(np.array([[0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]]))
    labels = np.array([0, 0, 1, 1, 1])
    assert pair_error(support, labels, 0, 1) == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert pair_error(support, labels, 1, 0) == pytest.approx((1 / 2 + 1 / 3) / 2)


def confusable(shared: float, rows: int = 120, seed: int = 0) -> tuple[list[str], list[str]]:
    """Return texts of two labels whose words are the same with the chance ``shared``, and a third label."""
    rng = np.random.default_rng(seed)
    words = {"bank": "loan credit cash", "fund": "share bond stock", "cook": "salt oven butter"}
    texts, labels = [], []
    for row in range(rows):
        label = list(words)[row % 3]
        twin = {"bank": "fund", "fund": "bank"}.get(label, label)
        source = twin if rng.random() < shared else label
        texts.append(" ".join([*rng.choice(words[source].split(), 2), f"n{row}", *rng.choice(["the", "of", "my"], 2)]))
        labels.append(label)
    return texts, labels


def test_advice_grows_with_the_error_of_the_pair() -> None:
    apart = {shared: sfumato.audit(*confusable(shared)).pairs.row(0, named=True) for shared in (0.04, 0.2, 0.5)}
    assert [pair["advice"] for pair in apart.values()] == ["mask", "redefine", "merge"]
    for pair in apart.values():
        assert {pair["label"], pair["other"]} == {"bank", "fund"}
        assert pair["rows"] >= pair["back_rows"]
        assert pair["share"] == pytest.approx(pair["rows"] / 40)
        assert set(pair["words"].split(", ")) & {"loan", "credit", "cash", "share", "bond", "stock"}


def test_the_direction_says_which_label_loses_rows() -> None:
    texts, labels = confusable(0.0)
    moved = [row for row in range(120) if labels[row] == "bank"][:8]
    for row in moved:
        labels[row] = "fund"
    pair = sfumato.audit(texts, labels).pairs.row(0, named=True)
    assert (pair["label"], pair["other"], pair["direction"]) == ("fund", "bank", "one way")
    assert pair["rows"] == 8
    assert pair["back_rows"] == 0
    assert pair["back_words"] == ""
    for row in [row for row in range(120) if labels[row] == "bank"][:6]:
        labels[row] = "fund" if labels[row] == "bank" else "bank"
    swapped = [row for row in range(120) if texts[row].split()[0] in {"share", "bond", "stock"}][:10]
    for row in swapped:
        labels[row] = "bank"
    assert sfumato.audit(texts, labels).pairs.row(0, named=True)["direction"] == "both ways"


def test_labels_that_nothing_confuses_have_no_pair_and_still_all_columns() -> None:
    audit = sfumato.audit(*confusable(0.0))
    assert len(audit.pairs) == 0
    assert audit.pairs.schema["rows"] == pl.Int64
    assert audit.pairs.columns[:3] == ["label", "other", "rows"]
    assert not audit.rows["flagged"].any()
    assert "No label is likelier" in audit.page()


# Input that needs care


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


def test_labels_may_be_numbers_and_become_strings(noisy: tuple[list[str], list[str]]) -> None:
    number = {"billing": 1, "login": 2, "shipping": 3}
    audit = sfumato.audit(noisy[0], [number[label] for label in noisy[1]])
    assert audit.classes == ("1", "2", "3")
    assert audit.rows["row"].head(5).sort().to_list() == list(WRONG)


# The page and the folder


def test_the_page_escapes_every_text_and_loads_nothing() -> None:
    evil = "<script>alert(1)</script> \"'&\x00\u202e"
    texts, labels = confusable(0.2)
    texts = [f"{text} {evil}" for text in texts]
    labels = [f"<img src=x onerror={label}>" for label in labels]
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
    document = (Path(__file__).parents[1] / "docs" / "audit.md").read_text(encoding="utf-8")
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


def test_an_audit_judges_with_both_kinds_of_evidence(noisy: tuple[list[str], list[str]]) -> None:
    examples = checked_examples(*noisy)
    found = judge(examples, folds=5, seed=0)
    np.testing.assert_allclose(np.exp(found.log_p).sum(axis=1), 1)
    assert found.keywords is not None
    assert found.judged.all()
