"""What `sfumato fit` says of a linear model: few lines on the way, and what dev chose at the end."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_a_linear_fit_names_the_strength_and_the_steps_that_dev_chose(tmp_path: Path, sfumato: Command) -> None:
    data = tmp_path / "data.csv"
    texts = ["the invoice is wrong", "refund the invoice", "the parcel is late", "where is my parcel"]
    rows = [f"{text} {k},{'billing' if 'invoice' in text else 'shipping'}" for k in range(12) for text in texts]
    data.write_text("\n".join(["text,label", *rows, ""]))
    command = ("fit", data, "-o", tmp_path / "model", "--method", "baseline")
    ended = sfumato(*command)
    assert ended.code == 0, ended.err
    assert len([line for line in ended.err.splitlines() if "strength" in line]) <= 6
    chosen = re.search(r"chosen by these: strength (\S+), (\d+) steps?; then trained on these rows too", ended.out)
    assert chosen
    info = json.loads(sfumato(*command, "--overwrite", "--json").out)
    best = min(info["history"], key=lambda look: (look["dev_log_loss"], -look["dev_accuracy"]))
    assert (float(chosen[1]), int(chosen[2])) == (best["strength"], best["step"])
    assert (info["strength"], info["steps"]) == (best["strength"], best["step"])


def test_dev_of_another_table_is_not_taken_off_the_rows_of_this_one(tmp_path: Path, sfumato: Command) -> None:
    data, dev = tmp_path / "data.csv", tmp_path / "dev.csv"
    rows = [
        f"{text} {k},{label}" for k in range(9) for text, label in (("an invoice", "billing"), ("a parcel", "shipping"))
    ]
    data.write_text("\n".join(["text,label", *rows, " ,billing", ""]))
    dev.write_text("\n".join(["text,label", *rows, ""]))
    ended = sfumato("fit", data, "--dev", dev, "-o", tmp_path / "model", "--method", "baseline", "--bad-rows", "drop")
    assert ended.code == 0, ended.err
    assert "rows: 18 to train, 18 to choose, 1 row dropped" in ended.out
