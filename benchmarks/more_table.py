"""The table of the README, further: all methods, the word models, imdb, and word vectors, on the same cut rows.

    SFUMATO_DATA=... python benchmarks/real_table.py cut build/real        # the rows, also of imdb
    SFUMATO_DATA=... python benchmarks/more_table.py GROUP build/real results/more --jobs 2 [--only trec sst5]

GROUP is one of: methods (linear and textcnn with the methods that `real_table.py` has not), methods-linear (on
20newsgroups, without textcnn), bag (all methods), bag-few (four of them on more sets), recurrent (lstm and textrnn),
vectors (the four word models with pre-trained word vectors, and without). Runs that results/real or another group holds
already are taken from there. What is cut for time: bag-few, recurrent and vectors have four methods; bag and vectors
have two sets; ag_news, imdb and 20newsgroups have 2,000 rows; networks read 64 tokens and train 8 epochs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

SETS = ["trec", "sst5", "thucnews-titles", "ag_news", "imdb", "20newsgroups"]
FEW = ["baseline", "label-smoothing", "kwls", "lcm"]
NEW = ["tfidf", "kwls-official", "label-similarity", "self-distillation-paper"]
HALF = ("self-distillation", {"weight": 0.5})  # the default before these runs, and .1 after them (LOG.md)
REFERENCES = ["class-weights", "logit-adjustment"]
VECTORS = "word_vectors/glove.twitter.27B.25d.top12k.txt.gz"
GROUPS: dict[str, tuple[list[str], list[Any], list[str]]] = {  # models, methods, sets
    "methods": (["linear", "textcnn"], ["baseline", "label-smoothing", *NEW, HALF, *REFERENCES], SETS[:-1]),
    "methods-linear": (["linear"], ["baseline", "label-smoothing", *NEW, HALF, *REFERENCES], SETS[-1:]),
    "bag": (
        ["bag"],
        [
            "baseline",
            "label-smoothing",
            "kwls",
            "kwls-paper",
            "lcm",
            "lcm-paper",
            *NEW,
            "self-distillation",
            *REFERENCES,
        ],
        ["trec", "sst5"],
    ),
    "bag-few": (["bag"], FEW, ["thucnews-titles", "ag_news", "imdb", "20newsgroups"]),
    "recurrent": (["lstm", "textrnn"], FEW, SETS),
    "vectors": (["textcnn", "lstm", "bag", "textrnn"], FEW, ["trec", "sst5"]),
}


def architectures(names: list[str], group: str) -> dict[str, Any]:
    """Return the models at the scale of the table; in the group vectors each also with pre-trained vectors."""
    from sfumato.models import MODELS

    built = {}
    for name in names:
        built[name] = MODELS[name]()
        if group == "vectors":
            built[f"{name}, vectors"] = MODELS[name](vectors=str(Path(os.environ["SFUMATO_DATA"]) / VECTORS))
    return {
        name: model if model.full_batch else replace(model, training=replace(model.training, epochs=8, max_length=64))
        for name, model in built.items()
    }


def take_finished(sources: list[Path], target: Path, models: list[str], methods: list[str]) -> None:
    """Add the finished lines and files of other comparisons of the same rows; a key tells which are the same runs."""
    (target / "predictions").mkdir(parents=True, exist_ok=True)
    lines = target / "results.jsonl"
    held = {json.loads(line)["key"] for line in lines.read_text("utf-8").splitlines()} if lines.exists() else set()
    with lines.open("a", encoding="utf-8") as file:
        for source in sources:
            for line in (source / "results.jsonl").read_text(encoding="utf-8").splitlines():
                found = json.loads(line)
                wanted = found["status"] == "done" and found["method"] in methods and found["model"] in models
                files = list((source / "predictions").glob(f"{found['key']}.*"))
                if wanted and files and found["key"] not in held:
                    held.add(found["key"])
                    file.write(line + "\n")
                    for path in files:
                        shutil.copy(path, target / "predictions")


def main() -> None:
    """Read the command line and compare set by set."""
    import sfumato

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=list(GROUPS))
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    names, methods, sets = GROUPS[options.group]
    for name in options.only or sets:
        folder = options.output / f"{name}-{options.group}"
        others = [options.output.parent / "real" / name, *sorted(options.output.glob(f"{name}-*"))]
        there = [path for path in others if (path / "results.jsonl").exists() and path != folder]
        take_finished(there, folder, names, [method for method in methods if isinstance(method, str)])
        data, test = ({name: options.source / f"{name}-{split}.jsonl"} for split in ("train", "test"))
        models = architectures(names, options.group)
        sfumato.compare(
            data,
            test=test,
            text="text",
            label="label",
            models=models,
            methods=methods,
            seeds=options.seeds,
            jobs=options.jobs,
            output=folder,
        )
        print(f"{name} {options.group}: done", flush=True)


if __name__ == "__main__":
    main()
