import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from sfumato.measures import packed
from sfumato.reproduction.judging import differences, over_sets
from sfumato.reproduction.planning import planned
from sfumato.reproduction.results import rows, table_cells
from sfumato.run_files import predictions_path
from tables import TOML, table

SPLITS = TOML.replace('{ kind = "folds", number = 3 }', '{ kind = "splits", number = 3, share = 0.7, dev = 0.2 }')


def line(accuracy, *, dev=0.5, **more):
    metrics = {"accuracy": accuracy}
    sizes = {"n_train": 70, "n_dev": 14, "n_test": 36}
    return {
        "status": "done",
        "key": "none",
        "metrics": metrics,
        "dev": {"accuracy": dev, "log_loss": 1.0},
        **sizes,
        **more,
    }


def made(text, accuracy_of, **only):
    plan = planned(table(text), scale="small", only={key: [value] for key, value in only.items()})
    return plan, {run: accuracy_of(run) for run in plan.wanted}


def of_row(found, method, control=""):
    return next(row for row in found if (row["method"], row["control"]) == (method, control))


def test_a_row_is_the_mean_over_repeats_beside_the_published_number():
    plan, lines = made(TOML, lambda run: line(0.8 + 0.01 * run.repeat), setting="noise")
    row = of_row(rows(plan, table_cells(plan, lines)), "KWLS")
    assert (row["n"], row["mean"], row["sd"]) == (3, pytest.approx(0.81), pytest.approx(0.01))
    assert (row["published"], row["minus_published"]) == (85.0, pytest.approx(81 - 85))
    assert of_row(rows(plan, table_cells(plan, lines)), "KWLS", "uniform")["published"] is None


def test_classes_in_turn_are_averaged_and_a_repeat_counts_when_all_are_there():
    def accuracy(run):
        missing = (run.method, run.control, run.repeat, run.variant) == ("hard", "", 2, 3)
        return line(0.5 + 0.1 * run.variant) if not missing else {"status": "failed", "error": "killed"}

    plan, lines = made(TOML, accuracy, setting="rare")
    found = rows(plan, table_cells(plan, lines))
    assert of_row(found, "KWLS")["mean"] == pytest.approx(np.mean([0.5, 0.6, 0.7, 0.8]))
    assert (of_row(found, "hard")["n"], of_row(found, "hard")["failed"]) == (2, 1)


def test_the_best_on_dev_is_chosen_in_each_repeat_and_test_has_no_say():
    def accuracy(run):
        weak = run.method == "LS .1"
        return line(0.9 if weak else 0.6, dev=0.7 + (0.1 if weak == (run.repeat == 0) else 0))

    plan, lines = made(TOML, accuracy, setting="noise")
    row = of_row(rows(plan, table_cells(plan, lines)), "best LS")
    assert row["mean"] == pytest.approx((0.9 + 0.6 + 0.6) / 3)
    assert row["settings"] == 2


def test_the_clearly_best_is_the_first_unless_another_is_better_on_dev_by_more_than_its_standard_error():
    random = np.random.default_rng(0)
    hard = random.random(200) < 0.6
    little, much = hard.copy(), hard.copy()
    little[np.flatnonzero(~hard)[:1]] = True  # one more is one standard error
    much[np.flatnonzero(~hard)[:9]] = True
    answers = {0: (hard, little), 1: (hard, much), 2: (little, hard)}

    def one(run):
        known = {"dev_right": packed(answers[run.repeat][run.method == "LS .1"])}
        return line({"hard": 0.5, "LS .1": 0.8}.get(run.method, 0.1), **known)

    text = TOML.replace('{ best_of = ["LS .1", "LS .3"] }', '{ best_of = ["hard", "LS .1"], clearly = true }')
    text = text.replace('place = "Table 0"', 'place = "Table 0"\nmeasures = ["dev-answers"]')
    plan, lines = made(text, one, setting="noise")
    row = of_row(rows(plan, table_cells(plan, lines)), "best LS")
    assert row["mean"] == pytest.approx((0.5 + 0.8 + 0.5) / 3)
    for run in lines:
        if run.method == "LS .1" and run.repeat == 1:
            lines[run].pop("dev_right")
    assert of_row(rows(plan, table_cells(plan, lines)), "best LS")["n"] == 2


def test_random_splits_are_judged_by_the_corrected_t(tmp_path):
    first, second = [0.81, 0.80, 0.84], [0.78, 0.79, 0.80]
    plan, lines = made(
        SPLITS, lambda run: line((first if run.method == "KWLS" else second)[run.repeat]), setting="noise"
    )
    found = differences(plan, table_cells(plan, lines), tmp_path)
    one = next(d for d in found if (d["method"], d["against"]) == ("KWLS", "hard"))
    gap = np.subtract(first, second)
    se = math.sqrt(gap.var(ddof=1) * (1 / 3 + 36 / 84))
    assert one["difference"] == pytest.approx(gap.mean())
    assert one["high"] == pytest.approx(gap.mean() + stats.t.ppf(0.975, 2) * se)
    assert one["own_p"] == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert one["effect"] == pytest.approx(gap.mean() / gap.std(ddof=1))


def test_holm_counts_every_comparison_of_the_table_controls_too(tmp_path):
    rng = np.random.default_rng(0)
    plan, lines = made(SPLITS, lambda run: line(rng.random()), setting="noise")
    found = differences(plan, table_cells(plan, lines), tmp_path)
    names = [(d["method"], d["against"]) for d in found]
    assert names == [
        ("LS .1", "hard"), ("LS .3", "hard"), ("best LS", "hard"),
        *(("KWLS", other) for other in ("hard", "uniform", "class-mean", "shuffled")),
    ]  # fmt: skip
    smallest = min(found, key=lambda d: d["p"])
    assert smallest["p_holm"] == pytest.approx(min(1, len(found) * smallest["p"]))


def test_a_smaller_log_loss_is_called_better(tmp_path):
    text = SPLITS.replace('place = "Table 0"', 'place = "Table 0"\nmetric = "log_loss"')

    def losses(run):
        return {**line(0), "metrics": {"log_loss": 0.5 + 0.001 * run.repeat - (0.2 if run.method == "KWLS" else 0)}}

    plan, lines = made(text, losses, setting="noise")
    one = next(d for d in differences(plan, table_cells(plan, lines), tmp_path) if d["method"] == "KWLS")
    assert one["difference"] < 0
    assert one["words"] == "better"


def test_a_cell_that_this_scale_cuts_stands_there_with_the_published_number_alone():
    plan = planned(table(), scale="small")
    lines = {run: line(0.5) for run in plan.wanted}
    text = TOML.replace("L = [80.0, 85.0]", "L = [80.0, 85.0]\nBERT = [94.0, 95.0]")
    plan = planned(table(text), scale="small")
    found = rows(plan, table_cells(plan, lines))
    alone = [(row["place"], row["method"], row["published"], row["n"]) for row in found if row["model"] == "BERT"]
    assert alone == [("News, noise", "hard", 94.0, 0), ("News, noise", "KWLS", 95.0, 0)]
    assert all(row["mean"] is None for row in found if row["model"] == "BERT")


def keep_right(folder, key, right):
    """Write the predictions of a run that is right in these test rows."""
    folder.joinpath("predictions").mkdir(exist_ok=True)
    frame = pl.DataFrame({"label": [1] * len(right), "predicted": [int(one) for one in right]})
    frame.write_parquet(predictions_path(folder, key), metadata={"classes": '["a", "b"]'})


def test_one_repeat_is_judged_by_mcnemar_where_the_predictions_are_kept(tmp_path):
    right = {"KWLS": [True] * 90 + [False] * 10, "hard": [True] * 82 + [False] * 17 + [True]}
    only = SPLITS.replace("number = 3", "number = 1")
    plan, lines = made(only, lambda run: line(0.5, key=f"{run.method} {run.control}".strip()), setting="noise")
    cells = table_cells(plan, lines)
    assert differences(plan, cells, tmp_path) == []  # one number a side says nothing of luck
    for method, rows_right in right.items():
        keep_right(tmp_path, method, rows_right)
    (tested,) = differences(plan, cells, tmp_path)
    # eight rows that only KWLS has right, one that only hard labels have: the exact binomial test of 1 in 9
    assert tested["mcnemar_p"] == pytest.approx(2 * (1 + 9) / 2**9)
    assert (tested["method"], tested["against"], tested["t_p"]) == ("KWLS", "hard", None)
    assert tested["difference"] == pytest.approx(0.07)


def test_several_repeats_are_judged_by_t_from_five_on_and_never_by_mcnemar(tmp_path):
    plan, lines = made(SPLITS, lambda run: line(0.5 + 0.01 * run.repeat, key=run.method), setting="noise")
    for method in ("KWLS", "hard"):
        keep_right(tmp_path, method, [True, False])
    three = differences(plan, table_cells(plan, lines), tmp_path)
    assert all(d["t_p"] is None and d["mcnemar_p"] is None for d in three)
    rng = np.random.default_rng(1)
    plan, lines = made(SPLITS.replace("number = 3", "number = 5"), lambda run: line(rng.random()), setting="noise")
    one = differences(plan, table_cells(plan, lines), tmp_path)[0]
    assert one["t_p"] == pytest.approx(one["p"])
    assert one["t_p"] > one["own_p"]


def test_sets_are_tested_only_where_six_are_independent():
    names = list("abcdef")
    compared = [
        {"method": "KWLS", "against": "hard", "data": name, "difference": 0.01 * k} for k, name in enumerate(names, 1)
    ]
    (one,) = over_sets(compared, table(), {name: name for name in names})
    assert one["p"] == pytest.approx(stats.wilcoxon([0.01 * k for k in range(1, 7)], method="exact").pvalue)
    assert (one["sets"], one["mean"]) == (6, pytest.approx(0.035))
    assert over_sets(compared, table(), {**{name: name for name in names}, "a": "b"}) == []
