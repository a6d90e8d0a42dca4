"""Tables of sets with several labels a row, groups of similar labels, and what is drawn and listed of them."""

import json

import numpy as np
import polars as pl
import pytest

from sfumato.errors import InputError
from sfumato.reproduction.figures.drawing import draw
from sfumato.reproduction.figures.sweep import sweep_panels
from sfumato.reproduction.planning import planned
from sfumato.reproduction.rendered import render
from sfumato.reproduction.run import reproduce
from sfumato.reproduction.table_file import parse_table, read_table_file

WORDS = {"wheat": "wheat harvest field", "corn": "corn maize cob", "gold": "gold mine ounce", "tin": "tin metal can"}
PARTNER = {"wheat": "corn", "corn": "wheat", "gold": "tin", "tin": "gold"}
TOML = """
title = "Several labels"
paper = "maskloss"
place = "Table 0"
metric = "micro_f1"
baseline = "sigmoid"
repeats = { kind = "seeds", number = 2 }
measures = ["per-label", "errors-in-group"]
figure = { kind = "sweep", x = "rate" }
cases = { model = "L", methods = ["mask 0"], most = 3 }

[data]
"R" = { name = "reuters21578_modapte90", groups = { grain = ["wheat", "corn"], metal = ["gold", "tin"] } }

[models]
"L" = { name = "linear" }
"SGM" = { published_only = true }

[methods]
"sigmoid" = { name = "baseline-sigmoid" }
"mask 0" = { name = "maskloss-label", alpha = 0.0, line = "mask", x = 0 }
"mask .5" = { name = "maskloss-label", line = "mask", x = 0.5 }

[published.cells."R"]
L = { "mask 0" = 74.5 }
SGM = { "sigmoid" = 71.0 }

[scale.small]
training = { thresholds = 0.5 }
controls = false
"""


def write_data(folder, rows=150, seed=0):
    rng = np.random.default_rng(seed)
    names, every = list(WORDS), " ".join(WORDS.values()).split()
    sets = [sorted(set(rng.choice(names, rng.integers(0, 3)).tolist())) for _ in range(rows)]
    said = [[y if rng.random() < 0.7 else PARTNER[y] for y in labels] for labels in sets]  # errors inside groups
    texts = [
        " ".join([*(w for y in labels for w in rng.choice(WORDS[y].split(), 2)), *rng.choice(every, 2), f"n{i}"])
        for i, labels in enumerate(said)
    ]
    frame = pl.DataFrame(
        {"id": range(rows), "text": texts, "labels": sets, "split": ["train"] * 100 + ["test"] * (rows - 100)},
        schema_overrides={"labels": pl.List(pl.String)},
    )
    (folder / "reuters21578_modapte90").mkdir(parents=True)
    frame.write_parquet(folder / "reuters21578_modapte90" / "reuters21578_modapte90.parquet")
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    root = tmp_path_factory.mktemp("several")
    data = write_data(root / "data")
    (root / "own.toml").write_text(TOML, encoding="utf-8")
    given = {"data": data, "output": root / "results", "jobs": 1, "echo": lambda line: None}
    return reproduce(root / "own.toml", **given), root, given


def test_a_table_of_several_labels_is_run_judged_by_micro_f1_and_written(done):
    found, root, _ = done
    content = found.content
    assert content["done"] == content["needed"] == 6
    assert {one["how"] for one in content["differences"]} == {"bootstrap"}
    text = found.to_markdown()
    assert "test micro-F1 (percent)" in text
    assert "errors in group (by chance)" in text
    assert "| R | SGM | sigmoid | – | 0 | 71 |" in text
    row = next(row for row in content["rows"] if row["method"] == "mask 0")
    assert row["minus_published"] == pytest.approx(100 * row["mean"] - 74.5)
    assert {line["thresholds"] for line in found.lines} == {0.5}
    assert all(line["settings"]["training"]["thresholds"] == 0.5 for line in found.lines)
    assert (root / "results" / "own" / "figure.svg").exists()


def test_groups_of_a_set_go_to_its_methods(done):
    found, *_ = done
    masked = next(line for line in found.lines if line["method"] == "mask .5")
    assert masked["settings"]["method"]["options"]["groups"] == {"grain": ["wheat", "corn"], "metal": ["gold", "tin"]}
    assert masked["settings"]["groups"] == masked["settings"]["method"]["options"]["groups"]


def test_cases_are_the_errors_inside_groups_with_every_answer(done):
    found, _, given = done
    (cases,) = found.content["cases"]
    assert cases["test_rows"] == 50
    assert cases["rows"]
    frame = pl.read_parquet(given["data"] / "reuters21578_modapte90" / "reuters21578_modapte90.parquet")
    for row in cases["rows"]:
        wrong = set(row["answers"]["sigmoid"]) - set(row["gold"])
        assert wrong & {PARTNER[label] for label in row["gold"]}
        assert frame["labels"][row["row"]].to_list() == row["gold"]
        assert frame["text"][row["row"]].startswith(row["text"].removesuffix(" ...")[:20])
    assert "of 50 test rows sigmoid gives a wrong label from the group of a right one" in found.to_markdown()


def test_rendering_keeps_the_texts_of_the_cases_and_runs_nothing(done):
    found, root, given = done
    before = (root / "results" / "own" / "results.jsonl").read_bytes()
    again, _ = render(root / "own.toml", output=given["output"])
    assert (root / "results" / "own" / "results.jsonl").read_bytes() == before
    assert json.loads(json.dumps(again.content["cases"])) == found.content["cases"]
    assert again.content["rows"] == found.content["rows"]


def test_single_labels_and_sweeps_are_drawn(done):
    content = done[0].content
    ((lines, base),) = sweep_panels(content).values()
    means = {row["method"]: row["mean"] for row in content["rows"] if row["n"]}
    assert [(x, y) for x, y, _ in lines["mask"]] == [(0, 100 * means["mask 0"]), (0.5, 100 * means["mask .5"])]
    assert base == 100 * means["sigmoid"]
    for figure in ({"kind": "labels", "y": ["f1"], "labels": ["wh", "go"]}, {"kind": "bars"}):
        drawn = draw({**content, "figure": figure})
        ticks = [text.get_text() for text in drawn.axes[0].get_xticklabels()]
        assert [text.partition(" (")[0] for text in ticks] == (["gold", "wheat"] if "y" in figure else ["L"])
    with pytest.raises(InputError, match="per-label"):
        draw({**content, "figure": {"kind": "labels", "labels": ["nothing"]}})


def needed(text):
    """Return the runs that a file asks for, with all that is checked before the first one."""
    return planned(parse_table("own", text), scale="small").wanted


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"micro_f1"', '"accuracy"', "has several labels a row, and metric = 'accuracy' is not measured there"),
        ('kind = "sweep"', 'kind = "labels"', None),
        ('methods = ["mask 0"]', 'methods = ["mask 1"]', "cases names 'mask 1', which is not in [methods]"),
        ('"wheat", "corn"', '"wheat", "gold"', "the label 'gold' is in 'grain' and in 'metal'"),
        ("thresholds = 0.5", "thresholds = 2", "thresholds of the training of scale small must be a number"),
        ("thresholds = 0.5", 'thresholds = "labels"', "must be one of global, label, got 'labels'"),
        ("alpha = 0.0, line", "alpha = 2.0, line", "alpha must be at least 0 and at most 1, got 2.0"),
        ('{ "mask 0" = 74.5 }', '{ "mask O" = 74.5 }', "names 'mask O', which is not a row (did you mean 'mask 0'?)"),
        ("published_only = true", 'published_only = true, name = "lstm"', "has no key 'name'"),
        ('measures = ["per-label", "errors-in-group"]', "measures = []", None),
    ],
)
def test_what_is_wrong_in_a_file_is_named_before_the_first_run(old, new, said):
    text = TOML.replace(', x = "rate"', "") if "labels" in new and "kind" in new else TOML
    assert old in text
    if said is None:
        assert needed(text.replace(old, new))
        return
    with pytest.raises(InputError) as error:
        needed(text.replace(old, new))
    assert said in str(error.value)


def test_groups_are_asked_for_where_they_are_needed():
    bare = TOML.replace(', groups = { grain = ["wheat", "corn"], metal = ["gold", "tin"] }', "")
    with pytest.raises(InputError, match="data 'R' needs groups"):
        parse_table("own", bare)
    assert parse_table("own", bare.replace('cases = { model = "L", methods = ["mask 0"], most = 3 }', "")).data


def test_each_set_has_its_threshold_and_a_row_may_have_its_own():
    plan = planned(read_table_file("maskloss-table-2"), scale="small")
    assert [plan.method("MaskLoss elem", data).options["tau"] for data in ("SST-5", "TREC-50")] == [0.6, 0.5]
    sweep = planned(read_table_file("maskloss-figure-4"), scale="small")
    assert [sweep.method(title, "SST-5").options["tau"] for title in ("τ 0.1", "τ 0.9")] == [0.1, 0.9]
    assert plan.training("TextCNN").eval_every == 0.5
