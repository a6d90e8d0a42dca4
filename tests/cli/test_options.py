"""Options of the commands that change what is trained or read, each seen to arrive."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest

from sfumato.progress import Progress

Command = Callable[..., Any]

ROWS = [
    ("the invoice is wrong", "billing"),
    ("charged twice this month", "billing"),
    ("refund the invoice please", "billing"),
    ("the parcel is late", "shipping"),
    ("parcel never arrived", "shipping"),
    ("where is my parcel", "shipping"),
]


def write(path: Path, rows: list[tuple[str, ...]], header: str = "body,category") -> Path:
    path.write_text("\n".join([header, *(",".join(row) for row in rows), ""]))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "data.csv", [(f"{text} {k}", label) for k, (text, label) in enumerate(ROWS * 6)])


def fitted(sfumato: Command, *arguments: object) -> dict[str, Any]:
    ended = sfumato("fit", *arguments, "--method", "baseline", "--json")
    assert ended.code == 0, ended.err
    info: dict[str, Any] = json.loads(ended.out)
    return info


def scores(sfumato: Command, model: Path, data: Path) -> list[float]:
    rows = json.loads(sfumato("predict", model, data, "--json", "--proba").out)
    return [row["p_billing"] for row in rows]


def test_weights_of_a_column_change_the_model_and_bad_ones_are_named(tmp_path: Path, sfumato: Command) -> None:
    rows = [("the same case", label, "9" if label == "billing" else "1") for _, label in ROWS * 6]
    data = write(tmp_path / "w.csv", rows, header="body,category,importance")
    columns = ("--text", "body", "--label", "category")
    for name, flags in (("even", ()), ("weighted", ("--weight", "importance"))):
        fitted(sfumato, data, *columns, *flags, "-o", tmp_path / name, "--dev", 0)
    even, weighted = (scores(sfumato, tmp_path / name, data) for name in ("even", "weighted"))
    assert sum(weighted) > sum(even) + 1  # nothing tells the classes apart but their weight
    write(data, [*rows, ("one more", "billing", "-2")], header="body,category,importance")
    ended = sfumato("fit", data, *columns, "--weight", "importance", "-o", tmp_path / "no")
    assert ended.code == 2
    assert "line 38" in ended.err
    assert "'-2'" in ended.err


@pytest.mark.slow
def test_balance_raises_the_rare_class(tmp_path: Path, sfumato: Command) -> None:
    rows = [("the same case", "billing" if k % 6 == 0 else "shipping") for k in range(36)]
    data = write(tmp_path / "rare.csv", rows)
    for name in ("none", "weights", "sampler"):
        flags = ("--balance", name, "--model", "textcnn", "--epochs", 1, "--threads", 1)
        fitted(sfumato, data, *(flags if name == "sampler" else flags[:2]), "-o", tmp_path / name, "--dev", 0)
    plain, weighted = (sum(scores(sfumato, tmp_path / name, data)) for name in ("none", "weights"))
    assert weighted > plain + 1
    refused = sfumato("fit", data, "--balance", "wieghts", "-o", tmp_path / "no")
    assert refused.code == 2
    assert "--balance" in refused.err


@pytest.mark.slow
def test_dev_may_be_a_table_a_number_or_nothing(data: Path, tmp_path: Path, sfumato: Command) -> None:
    dev = write(tmp_path / "dev.csv", [("my invoice", "billing"), ("a parcel", "shipping"), ("parcel", "shipping")])
    for given, train, kept in ((dev, 36, 3), (6, 30, 6), (0, 36, 0)):
        info = fitted(sfumato, data, "--dev", given, "-o", tmp_path / f"m{kept}")
        assert (info["rows"]["train"], info["rows"]["dev"]) == (train, kept)
        assert bool(info["dev"]) == (kept > 0)
    dev.write_text("body,category\nmy invoice,\n")
    assert "dev.csv" in sfumato("fit", data, "--dev", dev, "-o", tmp_path / "no").err


@pytest.mark.slow
def test_several_text_columns_are_joined_in_training_and_prediction(tmp_path: Path, sfumato: Command) -> None:
    rows = [(f"{text} {k}", "the same case", label) for k, (text, label) in enumerate(ROWS * 6)]
    data = write(tmp_path / "two.csv", rows, header="title,body,category")
    both = ("--text", "title", "--text", "body")
    info = fitted(sfumato, data, *both, "--label", "category", "-o", tmp_path / "both")
    assert info["text"] == ["title", "body"]
    ended = sfumato("evaluate", tmp_path / "both", data, "--json")
    assert json.loads(ended.out)["metrics"]["accuracy"]["value"] == 1
    fitted(sfumato, data, "--text", "body", "--label", "category", "-o", tmp_path / "one")
    alone = json.loads(sfumato("evaluate", tmp_path / "one", data, "--json").out)
    assert alone["metrics"]["accuracy"]["value"] < 1  # the body does not tell


@pytest.mark.slow
def test_the_loop_of_a_network_takes_its_settings(data: Path, tmp_path: Path, sfumato: Command) -> None:
    flags = ("--model", "textcnn", "--epochs", 2, "--device", "cpu", "--threads", 1, "--dev", 6)
    settings = ("--batch-size", 10, "--lr", 0.001, "--max-length", 3)
    info = fitted(sfumato, data, *flags, *settings, "-o", tmp_path / "cnn")
    assert info["steps"] == 2 * 3  # 30 rows in tens, twice
    assert len(info["history"]) == 2
    long = write(tmp_path / "long.csv", [("the parcel is", ""), ("the parcel is late and broken", "")])
    first, cut = scores(sfumato, tmp_path / "cnn", long)
    assert first == cut  # what is beyond three tokens is not read
    still = fitted(sfumato, data, *flags, "--batch-size", 10, "--lr", 1e-9, "-o", tmp_path / "still")
    losses = [[epoch["dev_log_loss"] for epoch in each["history"]] for each in (info, still)]
    assert abs(losses[1][0] - losses[1][1]) < 1e-4 < abs(losses[0][0] - losses[0][1])
    sgd = ("--optimizer", "sgd", "--momentum", 0, "--lr", 1e-9)
    slow = fitted(sfumato, data, *flags, "--batch-size", 10, *sgd, "-o", tmp_path / "slow")["history"]
    assert abs(slow[0]["dev_log_loss"] - slow[1]["dev_log_loss"]) < 1e-6  # no moments that would scale a step up
    misspelt = sfumato("fit", data, *flags[:4], "--optimizer", "sdg", "-o", tmp_path / "no")
    assert misspelt.code == 2
    assert "did you mean 'sgd'?" in misspelt.err
    refused = sfumato("fit", data, *flags[:4], "--device", "gpu7", "-o", tmp_path / "no")
    assert refused.code in (1, 2)
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("seed", ["-1", "one"])
def test_a_seed_that_is_none_is_refused_by_name(seed: str, data: Path, tmp_path: Path, sfumato: Command) -> None:
    for arguments in (("fit", data, "-o", tmp_path / "no"), ("soften", data), ("demo", "-o", tmp_path / "no")):
        ended = sfumato(*arguments, "--seed", seed)
        assert ended.code == 2
        assert "--seed" in ended.err
        assert "Traceback" not in ended.err
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_an_option_with_the_name_of_a_flag_is_reached_through_its_owner(
    data: Path, tmp_path: Path, sfumato: Command
) -> None:
    fit = ("fit", data, "--method", "kwls", "-o", tmp_path / "model")
    ended = sfumato(*fit, "--set", "weight=0.2")
    assert ended.code == 2
    assert "method.weight=0.2" in ended.err
    assert "--weight" in ended.err
    ended = sfumato(*fit, "--set", "method.weight=0.2", "--json")
    assert json.loads(ended.out)["method_options"]["weight"] == 0.2


def test_options_of_the_model_reach_the_training_of_soft_labels(data: Path, sfumato: Command) -> None:
    lcm = ("soften", data, "--method", "lcm", "--json")
    assert sfumato(*lcm, "--set", "model.steps=20").code == 0
    for given, said in (("model.step=20", "'steps'"), ("model.encoder=x", "model takes words")):
        ended = sfumato(*lcm, "--set", given)
        assert ended.code == 2
        assert said in ended.err
    ended = sfumato("soften", data, "--method", "kwls", "--set", "model.steps=20")
    assert ended.code == 2
    assert "trains no model" in ended.err


def test_fit_prints_scores_before_and_after_calibration_and_three_confused_pairs(
    tmp_path: Path, sfumato: Command
) -> None:
    labels = ("a", "b", "c", "d", "e")  # no text tells them apart, so that many are confused
    data = write(tmp_path / "noise.csv", [(f"word{k % 3} number {k}", labels[k % 5]) for k in range(100)])
    ended = sfumato("fit", data, "-o", tmp_path / "model", "--dev", 50, "--method", "baseline")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    head = next(line for line in lines if line.startswith("on the dev rows"))
    assert head.split() == ["on", "the", "dev", "rows", "before", "calibration", "after"]
    info = json.loads((tmp_path / "model" / "sfumato.json").read_text())["info"]
    loss = next(line for line in lines if line.startswith("log-loss")).split()
    assert loss[-2:] == [f"{info[name]['log_loss']:.4f}" for name in ("dev_raw", "dev")]
    after = lines[lines.index("most confused") + 2 :]
    pairs = after[: after.index("")]
    assert [pair.split() for pair in pairs] == [
        list(map(str, list(pair.values())[:3])) for pair in info["confused_pairs"]
    ]
    assert len(pairs) == 3
    other = write(tmp_path / "other.csv", [(f"word{k % 3} number {k}", labels[(k + 1) % 5]) for k in range(100)])
    measured = sfumato("evaluate", tmp_path / "model", other)
    assert len(measured.out.split("most confused\n")[1].splitlines()) > 3


def test_explain_tells_logits_from_the_share_of_mass(data: Path, sfumato: Command) -> None:
    ended = sfumato("soften", data, "--explain", "5")
    assert ended.code == 0, ended.err
    logits, _, mass = ended.out.partition("share of mass")
    assert "adds to the logit of a class" in logits
    shown = json.loads(sfumato("soften", data, "--explain", "5", "--json").out)["target"]
    assert sum(shown.values()) == pytest.approx(1, abs=1e-6)
    assert [float(cell) for cell in mass.split()] == pytest.approx(sorted(shown.values(), reverse=True), abs=1e-4)
    assert json.loads(sfumato("soften", data, "--json").out)["target"] is None


def test_a_bad_row_of_soft_targets_names_its_file_and_line(data: Path, tmp_path: Path, sfumato: Command) -> None:
    soft = tmp_path / "mine.csv"
    rows = ["p_billing,p_shipping", *["0.5,0.5"] * 36]
    for at, cells in ((3, "0.5,0.6"), (5, "-0.5,1.5"), (7, "nan,1")):
        soft.write_text("\n".join([*rows[:at], cells, *rows[at + 1 :], ""]))
        ended = sfumato("fit", data, "--soft-targets", soft, "-o", tmp_path / "model")
        assert ended.code == 2
        assert f"mine.csv: line {at + 1} " in ended.err
    soft.write_text("\n".join([*rows, ""]))
    ended = sfumato("fit", data, "--soft-targets", soft, "-o", tmp_path / "model")
    assert ended.code == 0, ended.err
    assert "soft-targets on linear" in ended.err
    assert "label-smoothing" not in ended.err


def test_a_method_that_makes_its_own_targets_is_refused_beside_given_ones(
    data: Path, tmp_path: Path, sfumato: Command
) -> None:
    soft = tmp_path / "mine.csv"
    soft.write_text("\n".join(["p_billing,p_shipping", *["0.5,0.5"] * 36, ""]))
    arguments = ("fit", data, "--soft-targets", soft, "-o", tmp_path / "model", "--method")
    for method in ("label-smoothing", "baseline", "kwls"):
        refused = sfumato(*arguments, method)
        assert refused.code == 2
        assert f"--method {method} " in refused.err
        assert "fitted as they are" in refused.err
        assert "lcm" in refused.err
        assert not (tmp_path / "model").exists()
    assert sfumato(*arguments, "lcm", "--epochs", 1).code == 0


@pytest.mark.slow
def test_bytes_that_nobody_uses_harm_no_command(tmp_path: Path, data: Path, sfumato: Command) -> None:
    table = tmp_path / "with.parquet"
    frame = polars.read_csv(data)
    frame.with_columns(picture=polars.Series([b"\x89PNG\xff"] * len(frame))).write_parquet(table)
    columns = ("--text", "body", "--label", "category")
    assert sfumato("check", table).code == 0
    fitted(sfumato, table, "-o", tmp_path / "model")
    scored = tmp_path / "scored.csv"
    ended = sfumato("predict", tmp_path / "model", table, "-o", scored)
    assert ended.code == 0, ended.err
    assert "'picture' holds bytes" in ended.err
    assert polars.read_csv(scored)["picture"].to_list() == ["<5 bytes>"] * 36
    assert sfumato("soften", table, *columns, "-o", tmp_path / "soft.parquet").code == 0
    refused = sfumato("soften", table, "--text", "picture", "--label", "category")
    assert refused.code == 2
    assert "column 'picture' holds bytes that are not UTF-8 text, the first in row 1" in refused.err


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_table_of_which_no_row_is_left_keeps_its_header(
    ending: str, tiny_model: Path, tmp_path: Path, sfumato: Command
) -> None:
    data = write(tmp_path / "empty.csv", [("1", " "), ("2", "")], header="id,body")
    scored = tmp_path / f"scored.{ending}"
    ended = sfumato("predict", tiny_model, data, "-o", scored, "--bad-rows", "drop", "--proba")
    assert ended.code == 0, ended.err
    assert "0 rows scored" in ended.err
    names = ["id", "body", "predicted", "confidence", "p_billing", "p_shipping"]
    if ending == "csv":
        assert scored.read_text() == ",".join(names) + "\n"
    elif ending == "parquet":
        assert (polars.read_parquet(scored).columns, len(polars.read_parquet(scored))) == (names, 0)
    ended = sfumato("predict", tiny_model, data, "--bad-rows", "drop", "--json")
    assert json.loads(ended.out) == []


def test_bf16_is_said_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for precision, said in (("bf16", 1), ("no", 0)):
        progress = Progress("kwls")
        with progress.running(3, precision=precision):
            pass
        assert capsys.readouterr().err.count("computing in bf16") == said
