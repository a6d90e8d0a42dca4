"""What check, soften, audit, the cuts and the command line make of rows with several labels."""

import hashlib
import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from sfumato import soften
from sfumato.auditing.audit import audit
from sfumato.auditing.label_sets import doubts
from sfumato.check import check_table
from sfumato.cli.app import app
from sfumato.data import Examples
from sfumato.dataset import DataSet, cut_data
from sfumato.dev_rows import cut_dev
from sfumato.errors import InputError
from sfumato.held_out_linear import held_out_logits
from sfumato.table import read_table

WORDS = {"bill": ["invoice", "refund", "charge"], "login": ["password", "code", "locked"], "ship": ["parcel", "late"]}
NAMES = list(WORDS)


def tickets(n=150, seed=0):
    """Return texts whose words tell their labels, and the labels."""
    rng = np.random.default_rng(seed)
    sets = [[name for name in NAMES if rng.random() < 0.4] for _ in range(n)]
    texts = [
        " ".join([f"no{k}", "please", *(rng.choice(WORDS[name]) for name in labels for _ in "ab")])
        for k, labels in enumerate(sets)
    ]
    return texts, sets


def kinds(texts, sets, **options):
    return {
        f.kind: f
        for f in check_table(read_table({"text": texts, "labels": sets}), text="text", label="labels", **options)
    }


def test_check_says_how_many_labels_a_row_has_and_which_rows_have_none():
    texts, sets = tickets()
    found = kinds(texts, sets)
    mean = sum(map(len, sets)) / 150
    assert found["labels-per-row"].message.startswith(f"{mean:.2f} labels a row, {max(map(len, sets))} at most")
    assert found["no-label"].rows == [k for k, labels in enumerate(sets, 1) if not labels]
    assert not {"labels-together", "label-within", "empty-label", "conflicting-duplicates"} & set(found)
    assert not {finding.severity for finding in found.values()} & {"error"}


@pytest.mark.parametrize("sign", ["|", "; ", ","])
def test_check_names_the_separator_of_labels_that_were_joined_in_one_cell(sign):
    texts, sets = tickets()
    found = kinds(texts, [sign.join(labels) or "none" for labels in sets])["joined-labels"]
    assert found.advice == f"--label-separator '{sign.strip()}'"
    assert found.rows == [k for k, labels in enumerate(sets, 1) if len(labels) > 1]
    plain = ["Rome, Italy", "Paris, France", "Bonn, Germany", "cars"]  # names that have the sign, and share nothing
    assert "joined-labels" not in kinds(texts, [plain[k % 4] for k in range(len(texts))])
    assert "joined-labels" not in kinds(texts, sets)


def test_check_finds_labels_that_go_together_rare_ones_and_torn_duplicates():
    texts, sets = tickets()
    twins = [
        [*labels, *(["twin"] if "bill" in labels else []), *(["part"] if "login" in labels and k % 2 else [])]
        for k, labels in enumerate(sets)
    ]
    found = kinds([*texts, texts[0], "lonely"], [*twins, ["bill", "twin", "ship", "login"], ["rare"]])
    assert "'bill' and 'twin'" in found["labels-together"].message
    assert "'part'" in found["label-within"].message
    assert "with 'login'" in found["label-within"].message
    assert found["conflicting-duplicates"].rows == [1, 151]
    assert found["one-row-class"].rows == [152]
    same = kinds([*texts, texts[0]], [*sets, sets[0][::-1]])
    assert "conflicting-duplicates" not in same  # the same set in another order
    assert "duplicates" in same
    assert kinds(["a", "b"], [["x"], [None]])["bad-labels"].severity == "error"
    test = read_table({"text": ["new one"], "labels": [["bill", "odd"]]})
    assert "'odd'" in kinds(texts, sets, test=test)["new-test-label"].message


def test_a_classifier_of_each_label_alone_is_the_same_in_both_shapes():
    """One column of 0 and 1 is the two-class softmax with half the logit to each side, so both rank alike."""
    from sfumato.ngrams import NgramEncoder

    texts, sets = tickets()
    labels = np.array([["bill" in each, "ship" in each] for each in sets]).astype(np.int64)
    matrix = NgramEncoder.fit(texts).encode(texts).matrix
    fold = np.arange(150) % 5
    both = held_out_logits(matrix, labels, 2, fold, steps=200)
    alone = held_out_logits(matrix, labels[:, :1], 1, fold, steps=200)
    assert np.corrcoef(both[:, 0], alone[:, 0])[0, 1] > 0.99  # they share the step size and nothing else
    softmax = held_out_logits(matrix, labels[:, 0], 2, fold, steps=200)
    assert np.corrcoef(both[:, 0], softmax[:, 1] - softmax[:, 0])[0, 1] > 0.97
    assert ((both[:, 0] > 0) == (labels[:, 0] == 1)).mean() > 0.95


def test_doubts_and_flags_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    p, gold, judged = rng.random((40, 3)), rng.random((40, 3)) < [0.4, 0.2, 0.7], rng.random(40) < 0.9
    found = doubts(p, gold, judged, np.ones((40, 3), dtype=bool))
    for k in range(3):
        with_it = [p[i, k] for i in range(40) if gold[i, k] and judged[i]]
        without = [p[i, k] for i in range(40) if not gold[i, k] and judged[i]]
        usual = min(len(with_it) / len(without), 1)
        for i in range(40):
            missing = not gold[i, k] and p[i, k] > 0.5 and p[i, k] >= sum(with_it) / len(with_it)
            unlikely = gold[i, k] and p[i, k] < 0.5 and p[i, k] <= sum(without) / len(without)
            odds = p[i, k] / (1 - p[i, k])
            wrong = 0.2 * usual / odds if gold[i, k] else 0.2 * odds
            assert found.doubt[i, k] == pytest.approx(wrong / (1 + wrong))
            clear = wrong >= 1
            assert found.flagged[i, k] == (judged[i] and clear and (missing or unlikely))
    assert 0 < found.flagged.sum() < 20
    unknown = doubts(p, gold, judged, np.zeros((40, 3), dtype=bool))
    assert not unknown.flagged.any()
    assert not unknown.doubt.any()


def test_audit_finds_a_label_that_is_missing_and_one_that_is_wrong(tmp_path):
    texts, sets = tickets(300)
    wrong, lacking = (
        next(k for k in range(300) if sets[k] == ["bill"]),
        next(k for k in range(300) if sets[k] == ["bill", "ship"]),
    )
    spoiled = [["ship"] if k == wrong else ["bill"] if k == lacking else labels for k, labels in enumerate(sets)]
    found = audit(texts, spoiled, seed=0)
    assert set(found.rows["row"][:2]) == {wrong, lacking}
    rows = {row["row"]: row for row in found.rows.iter_rows(named=True)}
    assert rows[wrong]["suggested"] == ["bill"]
    assert "given but unlikely: ship" in rows[wrong]["reason"]
    assert "missing but likely: bill" in rows[wrong]["reason"]
    assert rows[lacking]["suggested"] == ["bill", "ship"]
    assert rows[lacking]["flagged"]
    clean = {row["row"]: row for row in audit(texts, sets, seed=0).rows.iter_rows(named=True)}
    assert not clean[wrong]["flagged"]
    assert found.settings["multilabel"]
    pair = found.pairs.filter(
        (pl.col("label") == "ship") & (pl.col("other") == "bill")
        | (pl.col("label") == "bill") & (pl.col("other") == "ship")
    )
    together = sum("bill" in labels and "ship" in labels for labels in spoiled)
    assert pair["together"].to_list() == [together]
    found.save(tmp_path / "audit")
    written = pl.read_csv(tmp_path / "audit" / "rows.csv")
    assert json.loads(written["given"][0]) == rows[written["row"][0]]["given"]
    page = (tmp_path / "audit" / "audit.html").read_text()
    assert "none or several a row" in page
    assert "missing but likely: bill" in page
    with pytest.raises(InputError, match="give every row a list of labels"):
        audit(texts, [*sets[:-1], "bill"])


def test_soften_gives_each_label_a_probability_of_its_own():
    texts, sets = tickets()
    soft = soften(texts, sets, "label-smoothing", smoothing=0.1)
    gold = np.array([[name in labels for name in NAMES] for labels in sets])
    assert soft.multilabel
    assert soft.classes == ("bill", "login", "ship")
    assert (soft.targets[gold] > 0.5).all()
    assert (soft.targets[~gold] < 0.5).all()
    assert np.isnan(soft.gold_mass).sum() == sum(not labels for labels in sets)
    assert "rows have no label" in soft.report()
    assert "bill" in soft._repr_html_()
    with pytest.raises(InputError, match="votes are for one label"):
        soften(texts, sets, "label-smoothing", votes=[["bill"]] * 150)
    with pytest.raises(InputError, match="lcm-paper is defined for one label a row"):
        soften(texts, sets, "lcm-paper")


def test_dev_and_test_are_cut_over_the_labels_and_the_hash_knows_them():
    texts, sets = tickets()
    data = {"text": texts, "labels": sets}
    cut = cut_data("tickets", data, label="labels")
    assert (len(cut.train), len(cut.dev), len(cut.test)) == (108, 12, 30)
    assert cut.train.multilabel
    train, dev = cut.of_seed(1)
    assert len(dev) == 12
    assert train.labels.sum(axis=0).min() >= 1
    other = [[*sets[0], "bill"] if "bill" not in sets[0] else sets[0][1:], *sets[1:]]
    assert cut_data("tickets", {"text": texts, "labels": other}, label="labels").fingerprint != cut.fingerprint
    assert cut_data("tickets", data, label="labels").fingerprint == cut.fingerprint
    examples = Examples.from_label_sets(texts, sets)
    rest, kept, said = cut_dev(examples, 0.2, seed=0, text=None, label=None, bad_rows="refuse")
    assert (len(rest), len(kept), said) == (120, 30, [])


def test_the_hash_of_single_labels_is_what_it_was():
    """The hash is part of every result's key; here it is written out."""
    part = Examples.from_labels(["a", "b"], ["x", "y"])
    plain = hashlib.sha256(b"x\x1fy")
    for _ in range(3):
        plain.update(b"\x1e2\x1e" + np.array([0, 1], dtype="<i8").tobytes() + b"a\x1eb\x1e")
    assert DataSet("d", part, part, part).fingerprint == plain.hexdigest()


def test_the_command_line_reads_separated_labels_and_columns_of_flags(tmp_path):
    texts, sets = tickets()
    joined, flags = tmp_path / "joined.csv", tmp_path / "flags.csv"
    pl.DataFrame({"text": texts, "topics": ["|".join(labels) for labels in sets]}).write_csv(joined)
    pl.DataFrame({"text": texts, **{name: [int(name in labels) for labels in sets] for name in NAMES}}).write_csv(flags)
    run = CliRunner().invoke
    by_separator = json.loads(
        run(app, ["check", str(joined), "--label", "topics", "--label-separator", "|", "--json"]).stdout
    )
    named = [part for name in NAMES for part in ("--label", name)]
    by_flags = json.loads(run(app, ["check", str(flags), *named, "--json"]).stdout)
    assert by_separator["multilabel"]
    assert by_separator["classes"] == by_flags["classes"]
    soft = tmp_path / "soft.parquet"
    method = ["--method", "label-smoothing", "-o", str(soft)]
    ended = run(app, ["soften", str(joined), "--label", "topics", "--label-separator", "|", *method])
    assert ended.exit_code == 0
    frame = pl.read_parquet(soft)
    assert frame["topics"].to_list() == ["|".join(labels) for labels in sets]
    assert len(frame["soft_labels"][0]) == 3
    folder = tmp_path / "audit"
    assert run(app, ["audit", str(flags), *named, "-o", str(folder)]).exit_code == 0
    assert (folder / "audit.html").exists()
