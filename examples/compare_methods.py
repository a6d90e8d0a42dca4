"""Compare methods with their controls over two seeds; started again, finished runs are skipped.

Run: python examples/compare_methods.py [FOLDER]
"""

import sys
from pathlib import Path

import sfumato
from sfumato.corpus import make_corpus


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "runs"
    corpus = make_corpus(200, seed=0, departments=3)
    comparison = sfumato.compare(
        {"tickets": {"text": corpus.texts, "label": corpus.labels}},  # name to data; several may be compared
        models=["linear"],
        methods=["baseline", "label-smoothing", ("kwls", {"weight": 0.2})],
        seeds=2,
        jobs=1,
        output=folder,
    )
    print(comparison.to_markdown())
    for each in comparison.differences:
        print(f"{each['method']} against {each['against']}: {each['words']}")


if __name__ == "__main__":  # the runs start processes, which import this file again
    main()
