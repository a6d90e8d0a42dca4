"""`render`: a table, its figure and its pages made again from finished runs; nothing is trained, no data are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sfumato.encoder_folder import MODELS_OF_ENCODERS
from sfumato.errors import InputError
from sfumato.reproduction.known import known_classes, known_lines
from sfumato.reproduction.pages import INDEX, write_pages
from sfumato.reproduction.plan import TablePlan
from sfumato.reproduction.planning import planned
from sfumato.reproduction.run import Reproduction
from sfumato.reproduction.saved import check_writable, save, table_folder, written
from sfumato.reproduction.table_content import table_content
from sfumato.reproduction.table_file import read_table_file
from sfumato.runner import RESULTS, finished


def render(
    table: str | Path, *, scale: str = "small", output: str | Path = "results", encoder: str | None = None
) -> tuple[Reproduction, list[str]]:
    """Write ``table.md``, ``.tex``, ``.csv``, ``.json`` and the figure from ``results.jsonl``.

    Intervals over test rows need the predictions of the runs, which a fresh clone has not: those of the ``table.json``
    that is there are kept where their runs are the same.

    Returns
    -------
    Reproduction, list of str
        the table as far as it is run, and a sentence for each thing that is missing.

    Raises
    ------
    InputError
        if there is no finished run of the table at this scale, or some are of an encoder and none is named.
    """
    if scale == "smoke":
        raise InputError("a smoke test keeps nothing that could be rendered; --scale small or full")
    plan = planned(read_table_file(table), scale=scale, encoder=encoder)
    folder, target = (table_folder(name, scale, output) for name in (plan.table.runs_of, plan.table.name))
    if encoder is None:
        refuse_without_encoder(plan, folder)
    lines = known_lines(plan, folder)
    if not lines:
        raise InputError(_nothing(plan.table.name, folder, scale))
    check_writable(target)
    before = written(target)
    content = table_content(
        plan,
        lines,
        folder,
        notes=before["notes"] if before else (),
        classes=known_classes(lines, folder, before),
        before=before,
    )
    figure = save(content, target)
    return Reproduction(plan.table, content, list(lines.values())), [*missing(content, folder), *filter(None, [figure])]


def refuse_without_encoder(plan: TablePlan, folder: Path) -> None:
    """Raise where finished runs are of an encoder, which this scale has only where one is named: they would be lost."""
    models = [title for title, choice in plan.table.models.items() if choice.name in MODELS_OF_ENCODERS]
    left = [title for title in models if title not in plan.kept("models")]
    number = sum(line.get("model") in left for line in finished(folder).values()) if folder.exists() else 0
    if number:
        raise InputError(
            f"{folder / RESULTS} has {number} runs of {', '.join(left)}, which the table would lose: name the folder "
            "or hub id of their encoder with --encoder, as where they were run"
        )


def missing(content: dict[str, Any], folder: Path) -> list[str]:
    """Return a sentence for each thing that a whole table would have and this one has not."""
    said = []
    if content["done"] < content["needed"]:
        said.append(f"{content['done']} of {content['needed']} runs are done; without --render the rest is run")
    others = len(finished(folder)) - content["done"] - len(content["failed"])
    if others > 0:
        said.append(f"{folder / RESULTS} has {others} more lines, of other settings or versions; they are left out")
    if content["lacking"]:
        number = len(content["lacking"]) + len(content["differences"])
        said.append(
            f"{len(content['lacking'])} of {number} differences have no interval: it needs {folder / 'predictions'}, "
            "which only the machine of the runs has; without --render these runs are done again"
        )
    if any(one["classes"] is None for one in content["label_embeddings"]):
        said.append(f"the names of the labels are in {folder / 'predictions'}, which is not here: they are numbered")
    return said


def _nothing(name: str, folder: Path, scale: str) -> str:
    number = len(finished(folder)) if folder.exists() else 0
    held = f"{folder / RESULTS} has {number} lines, none of them of the runs that the table needs" if number else ""
    runs = f"sfumato reproduce {name} --scale {scale} runs it"
    return f"there is no run of {name} to render: {held or f'there is no {folder / RESULTS}'}; {runs}"


def write_pages_beside(output: str | Path) -> list[Path]:
    """Write the pages of all tables where the results are those of a checkout, with ``docs/tables`` beside them."""
    root = Path(output).resolve().parent
    index = root / "docs" / "tables" / "README.md"
    if not index.is_file() or INDEX[0] not in index.read_text(encoding="utf-8"):
        return []
    return write_pages(Path(output), root)
