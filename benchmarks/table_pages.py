"""Write docs/tables, docs/claims.md and the README's summary of them from results/.

    python benchmarks/table_pages.py [results]

To be called again whenever a table.json has changed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sfumato.reproduction.pages import write_pages


def main() -> None:
    """Write all of it and say what."""
    root = Path(__file__).resolve().parent.parent
    for path in write_pages(Path(sys.argv[1]) if len(sys.argv) > 1 else root / "results", root):
        print(path.relative_to(root))


if __name__ == "__main__":
    main()
