"""Votes on the command line: check, soften and fit read the same votes in the same words."""

import json

import polars
import pytest

CAST = """text,ann1,ann2,ann3
the invoice is wrong,bill,bill,ship
charged twice this month,bill,bill,
refund the invoice please,bill,ship,bill
the parcel is late,ship,ship,ship
parcel never arrived,ship,ship,bill
where is my parcel,ship,,ship
"""
VOTES = ["--votes", "ann1", "--votes", "ann2", "--votes", "ann3"]


@pytest.fixture
def cast(tmp_path):
    path = tmp_path / "cast.csv"
    path.write_text(CAST)
    return path


def test_soften_writes_the_shares_and_the_majority(sfumato, cast, tmp_path):
    done = sfumato("soften", cast, *VOTES, "--method", "votes", "-o", tmp_path / "soft.csv")
    assert done.code == 0, done.err
    written = polars.read_csv(tmp_path / "soft.csv")
    assert written["p_bill"].to_list() == pytest.approx([2 / 3, 1, 2 / 3, 0, 1 / 3, 0])
    assert written["majority of the votes"].to_list() == ["bill"] * 3 + ["ship"] * 3
    assert "--label 'majority of the votes' --soft-targets" in done.err


def test_rows_and_counts_give_what_the_annotators_columns_give(sfumato, cast, tmp_path):
    rows, counts = ["text,label"], ["text,n_bill,n_ship"]
    for line in CAST.splitlines()[1:]:
        text, *given = line.split(",")
        rows += [f"{text},{name}" for name in given if name]
        counts.append(f"{text},{given.count('bill')},{given.count('ship')}")
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "counts.csv").write_text("\n".join(counts) + "\n")
    shares = []
    forms = [
        (cast, VOTES),
        (tmp_path / "rows.csv", ["--votes", "rows"]),
        (tmp_path / "counts.csv", ["--votes", "n_*"]),
        (tmp_path / "counts.csv", ["--votes", "ship=n_ship", "--votes", "bill=n_bill"]),
    ]
    for k, (path, options) in enumerate(forms):
        done = sfumato("soften", path, *options, "--method", "votes", "-o", tmp_path / f"{k}.csv")
        assert done.code == 0, done.err
        shares.append(polars.read_csv(tmp_path / f"{k}.csv").select("text", "p_bill", "p_ship").rows())
    assert shares[0] == shares[1] == shares[2] == shares[3]


def test_fit_counts_merged_rows_as_votes_and_not_as_dropped(sfumato, tmp_path):
    lines = [
        f"ticket {k} {word},{label}" for k in range(12) for word, label in [("invoice", "bill"), ("parcel", "ship")]
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["text,label", *lines, *lines]) + "\n")
    done = sfumato("fit", path, "--votes", "rows", "--method", "votes", "-o", tmp_path / "model", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["rows"]["train"] + said["rows"]["dev"] == 24
    assert said["rows"]["dropped"] == 0
    assert said["votes"] == {"votes": 2, "disagree": 0, "merged_rows": 24}


def test_check_says_how_many_votes_there_are_and_wrong_columns_are_named(sfumato, cast):
    done = sfumato("check", cast, *VOTES, "--json")
    assert done.code == 0, done.err
    found = next(each for each in json.loads(done.out)["findings"] if each["kind"] == "votes")
    assert found["message"].startswith("2.7 votes a text (2 to 3); 50.0% of the texts")
    assert found["rows"] == [2, 4, 6]
    wrong = sfumato("check", cast, "--votes", "ann1", "--votes", "an2")
    assert wrong.code == 2
    assert "no column 'an2' (did you mean 'ann2'?)" in wrong.err
    empty = sfumato("fit", cast, "--label", "ann1", "--method", "votes", "-o", cast.with_name("model"))
    assert empty.code == 2
    assert "--votes ann1 --votes ann2" in empty.err
