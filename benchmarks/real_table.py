"""The table of the README: all methods with their controls on five real sets, cut to 4,000 or 2,000 rows.

textcnn reads 64 tokens and trains 8 epochs; linear reads whole texts; the encoder is fine-tuned on trec.

    SFUMATO_DATA=... python benchmarks/real_table.py cut build/real          # seeded, stratified rows as JSONL
    python benchmarks/real_table.py run build/real results/real --jobs 2     # resumes where it stopped
    python benchmarks/real_table.py encoder build/real results/real --encoder FOLDER     # MiniLM on trec, 3 seeds
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

ROWS = {"trec": 4000, "sst5": 4000, "thucnews-titles": 4000, "ag_news": 2000, "20newsgroups": 2000}  # of each split
FURTHER = {"imdb": 2000}  # cut for more_table.py
METHODS = ["baseline", "label-smoothing", "kwls", "kwls-paper", "lcm", "lcm-paper"]


def strip_header(text: str) -> str:
    """Cut the e-mail header (up to the first blank line), which names the class; keep it where nothing is left."""
    _, _, body = text.partition("\n\n")
    return body.strip() or text


def cut(source: Path, target: Path) -> None:
    """Write at most so many training and test rows of each set, stratified with seed 0."""
    import polars as pl

    from sfumato.data import Examples
    from sfumato.split import split_rows

    target.mkdir(parents=True, exist_ok=True)
    for name, rows in (ROWS | FURTHER).items():
        frame = pl.read_parquet(source / name / f"{name}.parquet")
        if name == "20newsgroups":
            frame = frame.with_columns(pl.col("text").map_elements(strip_header, return_dtype=pl.String))
        frame = frame.filter(pl.col("text").str.strip_chars() != "")
        for split in ("train", "test"):
            part = frame.filter(pl.col("split") == split).select("text", "label")
            examples = Examples.from_labels(part["text"].to_list(), part["label"].to_list())
            if len(examples) > rows:
                _, kept = split_rows(examples.labels, examples.inputs, size=rows, seed=0)
                part = part[kept]
            part.write_ndjson(target / f"{name}-{split}.jsonl")
            print(f"{name} {split}: {len(part)} rows")


def run(source: Path, output: Path, *, jobs: int, seeds: int, only: list[str]) -> None:
    """Compare on each set; finished runs are not repeated."""
    from sfumato.models import MODELS

    textcnn = MODELS["textcnn"]()
    small = replace(textcnn, training=replace(textcnn.training, epochs=8, max_length=64))
    for name in only or ROWS:
        compare(source, output / name, name, [MODELS["linear"](), small], METHODS, seeds=seeds, jobs=jobs)


def encoder(source: Path, output: Path, folder: str, *, jobs: int) -> None:
    """Fine-tune an encoder on trec with the baseline and LCM."""
    from sfumato.models import MODELS

    built = MODELS["transformer"](encoder=folder)
    built = replace(built, training=replace(built.training, epochs=5, max_length=32, lr=3e-4))  # lr: by dev, seed 0
    compare(source, output / "trec-encoder", "trec", [built], ["baseline", "lcm"], seeds=3, jobs=jobs)


def compare(source: Path, output: Path, name: str, models: list[Any], methods: list[str], **settings: int) -> None:
    """Compare on one set and print the table."""
    import sfumato

    data, test = ({name: source / f"{name}-{split}.jsonl"} for split in ("train", "test"))
    columns = {"text": "text", "label": "label"}
    table = sfumato.compare(data, test=test, models=models, methods=methods, output=output, **columns, **settings)
    print(table.to_markdown(), flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cut", "run", "encoder"])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--encoder", default="")
    options = parser.parse_args()
    if options.what == "cut":
        cut(Path(os.environ["SFUMATO_DATA"]), options.folders[0])
    elif options.what == "encoder":
        encoder(*options.folders, options.encoder, jobs=options.jobs)
    else:
        run(*options.folders, jobs=options.jobs, seeds=options.seeds, only=options.only)


if __name__ == "__main__":
    main()
