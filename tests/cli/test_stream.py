"""Prediction streams: what it holds in memory does not grow with the table."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEXTS = ("the invoice is wrong again", "my parcel never arrived", "charged twice", "where is the parcel now")


def write_rows(path: Path, rows: int) -> None:
    with path.open("w") as file:
        file.write("id,body\n")
        file.writelines(f"{k},{TEXTS[k % 4]}\n" for k in range(rows))


def peak_memory(*arguments: object) -> int:
    """Run the command and return its peak memory, in KiB."""
    command = [sys.executable, "-m", "sfumato", *map(str, arguments)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


@pytest.mark.slow
def test_a_million_rows_need_no_more_memory_than_a_hundred_thousand(tiny_model: Path, tmp_path: Path) -> None:
    peaks = []
    for rows in (100_000, 1_000_000):
        data, scored = tmp_path / f"{rows}.csv", tmp_path / f"{rows}-scored.csv"
        write_rows(data, rows)
        peaks.append(peak_memory("predict", tiny_model, data, "-o", scored))
        with scored.open() as file:
            assert sum(1 for _ in file) == rows + 1
    assert peaks[1] <= 1.1 * peaks[0], peaks


@pytest.mark.slow
def test_standard_input_to_standard_output(tiny_model: Path) -> None:
    command = [sys.executable, "-m", "sfumato", "predict", str(tiny_model), "-"]
    given = "id,body\n1,the parcel is late\n2,the invoice is wrong\n"
    ended = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    header, *rows = ended.stdout.splitlines()
    assert header == "id,body,predicted,confidence"
    assert [row.split(",")[:3] for row in rows] == [
        ["1", "the parcel is late", "shipping"],
        ["2", "the invoice is wrong", "billing"],
    ]
    assert "2 rows scored" in ended.stderr


@pytest.mark.slow
def test_a_reader_that_stops_early_is_no_error_worth_a_traceback(tiny_model: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    write_rows(data, 20_000)
    command = f"set -o pipefail; {sys.executable} -m sfumato predict {tiny_model} {data} | head -n 2"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert len(ended.stdout.splitlines()) == 2
    assert "Traceback" not in ended.stderr
    assert "error" not in ended.stderr
