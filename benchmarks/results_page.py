"""Write docs/results.md and the table of the README from results/real, and docs/results-more.md from results/more.

    python benchmarks/results_page.py results/real [results/more]

Every figure of the tables comes from there; a set without a finished comparison has no column.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SETS = ["trec", "sst5", "thucnews-titles", "ag_news", "20newsgroups", "trec-encoder"]
HEADS = {"trec": "trec (50)", "thucnews-titles": "thucnews", "20newsgroups": "20news", "trec-encoder": "trec, MiniLM"}
METHODS = ["baseline", "label-smoothing", "kwls", "kwls-paper", "lcm", "lcm-paper"]
FURTHER = [
    "kwls-official",
    "tfidf",
    "label-similarity",
    "self-distillation",
    "self-distillation weight=0.5",
    "self-distillation-paper",
]
REFERENCES = ["class-weights", "logit-adjustment"]
GROUPS = {
    "methods": "All methods, linear and textcnn",
    "methods-linear": "All methods, linear, 20newsgroups",
    "bag": "All methods, bag",
    "bag-few": "Four methods, bag",
    "recurrent": "lstm and textrnn",
    "vectors": "With and without pre-trained word vectors (GloVe, Twitter, 25 dimensions, 12,000 words)",
}
CLEAR = 0.05
COMMANDS = """```bash
export SFUMATO_DATA=folder      # the Parquet files of the sets, see CONTRIBUTING.md
python benchmarks/real_table.py cut build/real
python benchmarks/real_table.py run build/real results/real --jobs 2
python benchmarks/real_table.py encoder build/real results/real --encoder FOLDER
for group in methods methods-linear recurrent vectors bag bag-few; do
    python benchmarks/more_table.py $group build/real results/more --jobs 2
done
python benchmarks/results_page.py results/real results/more
```
"""


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return set to its comparison, in the order of the table."""
    found = {}
    for name in SETS:
        path = folder / name / "comparison.json"
        if path.exists():
            found[name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def cell(results: dict[str, Any], model: str, method: str, control: str = "") -> str:
    """Accuracy in percent, mean ± sd, with * where the difference from the baseline is clear after Holm."""
    for row in results["rows"]:
        if (row["model"], row["method"], row["control"] or "") == (model, method, control):
            clear = any(
                d["p_holm"] < CLEAR
                for d in results["differences"]
                if (d["model"], d["method"], d["against"]) == (model, method, "baseline") and not control
            )
            star = "\\*" if clear else ""
            return f"{100 * row['accuracy_mean']:.1f} ± {100 * row['accuracy_sd']:.1f}{star}"
    return ""


def accuracy_table(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the rows: every model and method, a column a set."""
    lines = ["| model | method | " + " | ".join(HEADS.get(name, name) for name in found) + " |"]
    lines.append("|---|---|" + "---|" * len(found))
    models = dict.fromkeys(row["model"] for results in found.values() for row in results["rows"])
    for model in models:
        for method in [*METHODS, *FURTHER, *REFERENCES]:
            cells = [cell(results, model, method) for results in found.values()]
            if any(cells):
                title = "kwls (sfumato)" if method == "kwls" else method
                lines.append(f"| {model} | {title} | " + " | ".join(cells) + " |")
    return lines


def tally(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return how many differences are clear after Holm, against the baseline and against each control."""
    lines = ["| method | against | comparisons | clearly better | clearly worse | mean difference, points |"]
    lines.append("|---|---|---|---|---|---|")
    every = [d for results in found.values() for d in results["differences"]]
    for method in [*METHODS[1:], *FURTHER, *REFERENCES]:
        for against in ("baseline", "uniform", "class-mean", "shuffled"):
            own = [d for d in every if (d["method"], d["against"]) == (method, against)]
            if own:
                better = sum(d["p_holm"] < CLEAR and d["difference"] > 0 for d in own)
                worse = sum(d["p_holm"] < CLEAR and d["difference"] < 0 for d in own)
                mean = 100 * sum(d["difference"] for d in own) / len(own)
                title = "kwls (sfumato)" if method == "kwls" else method
                lines.append(f"| {title} | {against} | {len(own)} | {better} | {worse} | {mean:+.2f} |")
    return lines


def sizes(found: dict[str, dict[str, Any]]) -> str:
    """Return what was trained on, from the rows."""
    parts = []
    for name, results in found.items():
        row = results["rows"][0]
        parts.append(
            f"{HEADS.get(name, name)} {row['n_train']} + {row['n_dev']} / {row['n_test']}, {row['seeds']} seeds"
        )
    return "; ".join(parts)


def block(found: dict[str, dict[str, Any]]) -> str:
    """Return what stands in the README."""
    return "\n".join(
        [
            "Test accuracy in percent, mean ± deviation over the seeds; \\* differs from the baseline by more than chance",
            "(two-level bootstrap over rows and seeds, p < .05 after Holm over all comparisons of the set). Training + dev",
            f"/ test rows: {sizes(found)}. **This is a part of each set**, so the figures are not those of the full",
            "benchmarks; each seed has its own dev rows. linear starts from zero and is refitted on training + dev rows, so",
            "its seeds often give the same model. `kwls-paper` divides its loss by 8, which Adam ignores and the L2 penalty",
            "of linear does not: its row there is a stronger penalty. textcnn reads 64 tokens and trains 8 epochs.",
            "",
            *accuracy_table(found),
            "",
            "Over all sets and models:",
            "",
            *tally(found),
            "",
            "**What it says:** label smoothing and LCM gain up to 1.5 points on some sets and lose on others, LCM clearly once;",
            "what they gain is what plain smoothing of the same strength gains: no method is clearly better than its",
            "`uniform` control anywhere.",
            "",
            "Every control has its method's strength and none of its information ([what they are]"
            "(docs/architecture.md#controls)).",
            "All scores, intervals and controls: [docs/results.md](docs/results.md). All methods, imdb, bag, lstm, textrnn and",
            "word vectors: [docs/results-more.md](docs/results-more.md). The commands:",
            "",
            COMMANDS,
        ]
    )


def page(folder: Path, found: dict[str, dict[str, Any]]) -> str:
    """Return docs/results.md."""
    lines = ["# Results on real data, cut to at most 4,000 rows", "", *READING, ""]
    for name in found:
        lines += [f"## {HEADS.get(name, name)}", "", (folder / name / "comparison.md").read_text(encoding="utf-8"), ""]
    return "\n".join(lines)


def further(folder: Path) -> str:
    """Return docs/results-more.md: a table a group, then every comparison in full."""
    lines = ["# Further results on real data, cut to at most 4,000 rows", "", *READING_FURTHER, ""]
    details: list[str] = []
    for group, title in GROUPS.items():
        paths = {path.parent.name.removesuffix(f"-{group}"): path for path in folder.glob(f"*-{group}/comparison.json")}
        order = [name for name in [*SETS[:-1], "imdb"] if name in paths]
        found = {name: json.loads(paths[name].read_text(encoding="utf-8")) for name in order}
        if not found:
            continue
        lines += [f"## {title}", "", sizes(found) + ".", "", *accuracy_table(found), "", *tally(found), ""]
        for name in order:
            text = paths[name].with_suffix(".md").read_text(encoding="utf-8")
            details += [f"## {title}: {HEADS.get(name, name)}", "", text, ""]
    return "\n".join([*lines, *details])


READING_FURTHER = [
    "As [results.md](results.md), made by `benchmarks/more_table.py`: the same rows, and imdb cut to 2,000. The columns",
    "are test accuracies in percent, mean ± deviation over the seeds; \\* differs from the baseline of the same model by",
    "more than chance (p < .05 after Holm over the comparisons of the set). What is cut for time stands in the script.",
    "",
    "What they say: no method is clearly better than its `uniform` control, on any set with any of the five models. Of the",
    "differences that are clear, all but one are of `self-distillation` with half of its target from the teacher, which is",
    "worse with linear on three sets, after which its default weight went to a tenth; the other is `label-smoothing` with",
    "textcnn on thucnews. `tfidf` and `label-similarity` gain about as much as plain smoothing of their strength.",
    "`class-weights` and `logit-adjustment` are for unbalanced data, which these mostly are not",
    "(`benchmarks/unbalanced.md`). Word vectors of 25 dimensions, made from tweets, cost lstm and bag",
    "ten points on trec, textrnn five and textcnn nothing, and change little on sst5.",
]

READING = [
    "Five sets, at most 4,000 training and 4,000 test rows (ag_news and 20newsgroups: 2,000), stratified with seed 0;",
    "the e-mail header of 20newsgroups is cut. linear reads whole texts and is refitted on training + dev rows; textcnn",
    "reads 64 tokens and trains 8 epochs; MiniLM is fine-tuned for 5 epochs on trec, 32 tokens. Every method and",
    "control has the same choices to make on dev: strength and length, or the epoch, and one temperature. Runs were single",
    "threads, two side by side, on 2 cores of an Intel Xeon at 2.5 GHz that other jobs used too; no GPU.",
    "",
    "How to read it:",
    "",
    "* linear starts from zero weights, so only the dev rows differ between its seeds; where two rows are equal to the",
    "  last digit, the predictions were equal.",
    "* `kwls-paper` divides its loss by 8 (Eq. 9, alpha 1), which Adam does not notice but the L2 penalty of linear does:",
    "  there it is a stronger penalty. Its controls have it too.",
    "* `lcm` on linear often learns targets that hardly differ within a class: then `class-mean` and `shuffled` equal it.",
    "* In result lines of linear `best_epoch` counts steps of the solver and `epochs` the looks at dev.",
    "* trec has 11 test questions among its training questions, sst5 2 (case and blanks ignored); nothing was removed.",
]


def main() -> None:
    """Write both files."""
    folder, root = Path(sys.argv[1]), Path(__file__).resolve().parent.parent
    found = read(folder)
    (root / "docs" / "results.md").write_text(page(folder, found), encoding="utf-8")
    readme = (root / "README.md").read_text(encoding="utf-8")
    before, _, rest = readme.partition("<!-- results:begin -->")
    _, _, after = rest.partition("<!-- results:end -->")
    text = f"{before}<!-- results:begin -->\n{block(found)}<!-- results:end -->{after}"
    (root / "README.md").write_text(text, encoding="utf-8")
    if len(sys.argv) > 2:
        (root / "docs" / "results-more.md").write_text(further(Path(sys.argv[2])), encoding="utf-8")
    print("\n".join([*accuracy_table(found), "", *tally(found)]))


if __name__ == "__main__":
    main()
