"""The table of the README: all methods with their controls on five real sets, cut to 4,000 rows.

    SFUMATO_DATA=... python benchmarks/real_table.py cut build/real          # seeded, stratified rows as JSONL
    python benchmarks/real_table.py run build/real results/real --jobs 2     # resumes where it stopped
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

ROWS = 4000
SETS = {"trec": "label", "sst5": "label", "ag_news": "label", "20newsgroups": "label", "thucnews-titles": "label"}
METHODS = ["baseline", "label-smoothing", "kwls", "kwls-paper", "lcm", "lcm-paper"]


def strip_header(text: str) -> str:
    """Cut the e-mail header (up to the first blank line), which names the class; keep it where nothing is left."""
    _, _, body = text.partition("\n\n")
    return body.strip() or text


def cut(source: Path, target: Path) -> None:
    """Write at most 4,000 training and 4,000 test rows of each set, stratified with seed 0."""
    import polars as pl

    from sfumato.data import Examples
    from sfumato.split import split_rows

    target.mkdir(parents=True, exist_ok=True)
    for name, label in SETS.items():
        frame = pl.read_parquet(source / name / f"{name}.parquet")
        if name == "20newsgroups":
            frame = frame.with_columns(pl.col("text").map_elements(strip_header, return_dtype=pl.String))
        frame = frame.filter(pl.col("text").str.strip_chars() != "")
        for split in ("train", "test"):
            part = frame.filter(pl.col("split") == split).select("text", pl.col(label).alias("label"))
            examples = Examples.from_labels(part["text"].to_list(), part["label"].to_list())
            if len(examples) > ROWS:
                _, rows = split_rows(examples.labels, examples.inputs, size=ROWS, seed=0)
                part = part[rows]
            part.write_ndjson(target / f"{name}-{split}.jsonl")
            print(f"{name} {split}: {len(part)} rows")


def run(source: Path, output: Path, *, jobs: int, seeds: int, only: list[str], models: list[str]) -> None:
    """Compare on each set; finished runs are not repeated."""
    import sfumato

    for name in only or SETS:
        table = sfumato.compare(
            source / f"{name}-train.jsonl",
            test=source / f"{name}-test.jsonl",
            text="text",
            label="label",
            models=models,
            methods=METHODS,
            seeds=seeds,
            jobs=jobs,
            output=output / name,
            max_length=128,
        )
        print(table.to_markdown())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cut", "run"])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--models", nargs="*", default=["linear", "textcnn"])
    options = parser.parse_args()
    if options.what == "cut":
        cut(Path(os.environ["SFUMATO_DATA"]), options.folders[0])
    else:
        source, output = options.folders
        run(source, output, jobs=options.jobs, seeds=options.seeds, only=options.only, models=options.models)


if __name__ == "__main__":
    main()
