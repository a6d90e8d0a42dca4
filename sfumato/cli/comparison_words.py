"""What `sfumato compare` says last, in one sentence, and its table as a terminal shows it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sfumato.cli.output import counted, print_table, say
from sfumato.controls import CONTROLS as OF_TARGETS
from sfumato.copy_controls import COPY_CONTROLS
from sfumato.mask_controls import MASK_CONTROLS

CONTROLS = (*OF_TARGETS, *MASK_CONTROLS, *COPY_CONTROLS)
Rows = Sequence[Mapping[str, Any]]
SHOWN = 3  # clear differences that the sentence names
MAIN = {False: ("accuracy", "accuracy"), True: ("micro_f1", "micro-F1")}  # several labels a row: metric, in words
COLUMNS = {  # of the terminal's table after the main metric, with factor and digits; the Markdown has all of them
    "macro_f1": ("macro-F1 %", 100, 2),
    "log_loss_calibrated": ("log-loss cal.", 1, 3),
    "ece_calibrated": ("ECE cal.", 1, 3),
}


def verdict(rows: Rows, differences: Rows, failed: int, runs: int) -> str:
    """Return the best method by mean, how many differences are clear (p after Holm), and how many runs failed."""
    plain = [one for one in differences if one["against"] not in CONTROLS]
    own = [one for one in differences if one["against"] in CONTROLS]
    kinds = [kind for kind in MAIN if any(_several(row) == kind for row in rows)]
    parts = ["; ".join(_best([row for row in rows if _several(row) == kind], *MAIN[kind]) for kind in kinds)]
    parts = parts if kinds else ["There are no results"]
    if plain:
        parts.append(f"clearly different (p Holm < .05) from {plain[0]['against']}: {_clear(plain)}")
    if own:
        parts.append(f"methods from their controls: {_clear(own)}")
    parts.append(f"{counted(failed, 'run')} of {runs:,} failed" if failed else "no run failed")
    return "; ".join(parts) + "."


def _several(row: Mapping[str, Any]) -> bool:
    """Whether a row is of a data set whose rows may have several labels."""
    return "micro_f1_mean" in row


def _best(rows: Rows, metric: str, said: str) -> str:
    """Name the method with the best mean over the places that every method has."""
    means: dict[str, dict[tuple[str, str], float]] = {}
    for row in rows:
        if not row["control"] and row[f"{metric}_mean"] is not None:
            means.setdefault(row["title"], {})[row["data"], row["model"]] = row[f"{metric}_mean"]
    places = set.intersection(*(set(found) for found in means.values())) if means else set()
    if not places:
        return "No method has a result on all data sets and models" if means else "There are no results"
    over = {title: sum(found[place] for place in places) / len(places) for title, found in means.items()}
    best = max(over.values())
    first = [title for title, mean in over.items() if mean == best]
    where = f" over {len(places)} data sets and models" if len(places) > 1 else ""
    if len(first) > 1:
        return f"Best by mean {said}{where}, {best * 100:.2f} %: {', '.join(first)} alike"
    return f"Best by mean {said}{where}: {first[0]}, {best * 100:.2f} %"


def _clear(found: Rows) -> str:
    """Count the clear differences and name the first."""
    clear = [one for one in found if one["words"] in ("better", "worse")]
    if not clear:
        return f"none of {len(found)}"
    several = len({(one["data"], one["model"]) for one in found}) > 1
    named = [_name(one, several) for one in clear[:SHOWN]]
    more = [f"{len(clear) - SHOWN} more"] if len(clear) > SHOWN else []
    return f"{len(clear)} of {len(found)} ({', '.join([*named, *more])})"


def _name(one: Mapping[str, Any], several: bool) -> str:
    place = f" on {one['data']} with {one['model']}" if several else ""
    than = f" than {one['against']}" if one["against"] in CONTROLS else ""
    return f"{one['title']} {one['words']}{than}{place}"


def print_comparison(rows: Rows, differences: Rows) -> None:
    """Print means and deviations, then the differences, as tables of a terminal."""
    for kind, (metric, said) in MAIN.items():
        mine = [row for row in rows if _several(row) == kind]
        columns = {metric: (f"{said} %", 100, 2), **COLUMNS}
        heads = ["data", "model", "method", "seeds", *(title for title, _, _ in columns.values())]
        if mine:
            print_table(heads, [[*_names(row), str(row["seeds"]), *_figures(row, columns)] for row in mine])
    if differences:
        say()
        heads = ["data", "model", "method", "against", "difference", "95 % interval", "p (Holm)", "in words"]
        print_table(heads, [_difference(one) for one in differences])


def _names(row: Mapping[str, Any]) -> list[str]:
    title = f"  {row['title']} / {row['control']}" if row["control"] else row["title"]
    return [row["data"], row["model"], title]


def _figures(row: Mapping[str, Any], columns: Mapping[str, tuple[str, int, int]]) -> list[str]:
    figures = []
    for metric, (_, factor, digits) in columns.items():
        mean, sd = row[f"{metric}_mean"], row[f"{metric}_sd"]
        spread = "" if sd is None else f" ± {sd * factor:.{digits}f}"
        figures.append("–" if mean is None else f"{mean * factor:.{digits}f}{spread}")
    return figures


def _difference(one: Mapping[str, Any]) -> list[str]:
    interval = f"[{one['low'] * 100:+.2f}, {one['high'] * 100:+.2f}]"
    p = "< 0.001" if one["p_holm"] < 0.001 else f"{one['p_holm']:.3f}"
    names = [one["data"], one["model"], one["title"], one["against"]]
    return [*names, f"{one['difference'] * 100:+.2f}", interval, p, one["words"]]
