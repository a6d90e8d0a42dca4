"""What `check` finds in rows of several labels: how many a row has, rows without one, labels that go together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from sfumato.finding import Finding, View, count, several, some

FEW = 5  # rows of a label below which it goes with another one by chance
EVERYWHERE = 0.95  # of the rows
JOINING = ("|", ";", ",")
FEW_NAMES = 3  # names with such a sign; fewer may be names that have one


def label_sets(view: View) -> Iterator[Finding]:
    """Say how many labels a row has, and find rows without one, and rows whose labels cannot be read."""
    if not view.multilabel:
        return
    if view.unreadable:
        rows = sorted(view.unreadable)
        message = f"{count(rows)} whose labels cannot be read: {view.unreadable[rows[0]]}"
        yield Finding("bad-labels", "error", message, rows, "mend them, or --bad-rows drop")
    numbers = [len(labels) for labels in view.labels]
    most = max(numbers, default=0)
    different = len({frozenset(labels) for labels in view.labels})
    rows = [row for row, number in zip(view.rows, numbers, strict=True) if number == most]
    mean = sum(numbers) / max(len(numbers), 1)
    message = (
        f"{mean:.2f} labels a row, {most} at most; {several(different, 'different set', 'different sets')} of them"
    )
    for sentence in view.notes:
        yield Finding("multi-label", "note", sentence)
    yield Finding("labels-per-row", "note", message, rows[:1])
    bare = [row for row, number in zip(view.rows, numbers, strict=True) if not number and row not in view.unreadable]
    if bare:
        message = f"{count(bare)} without a label ({len(bare) / len(numbers):.1%})"
        yield Finding("no-label", "note", message, bare, "they count as rows to which no label applies")
    common = [name for name, number in view.counts.items() if number >= EVERYWHERE * len(numbers)]
    if common:
        message = f"{several(len(common), 'label', 'labels')} of nearly every row: {some(sorted(common))}"
        yield Finding("label-everywhere", "note", message, [], "does it tell anything?")


def joined_labels(view: View) -> Iterator[Finding]:
    """Find names such as ``a|b`` and ``b|c``, whose parts come back in other names: several labels in one cell."""
    if view.multilabel:
        return
    for sign in JOINING:
        joined = [name for name in view.counts if sign in name]
        parts = Counter(part.strip() for name in view.counts for part in {*name.split(sign)})
        shared = [part for name in joined for part in name.split(sign) if parts[part.strip()] > 1]
        if len(joined) >= FEW_NAMES and len(shared) > sum(name.count(sign) + 1 for name in joined) / 2:
            message = f"{len(joined)} labels look like several in one, as {max(joined, key=view.counts.__getitem__)!r}"
            yield Finding("joined-labels", "note", message, view.of_class(joined), f"--label-separator '{sign}'")
            return


def inseparable_labels(view: View) -> Iterator[Finding]:
    """Find labels that always stand together, and labels that never stand without another one."""
    if not view.multilabel:
        return
    held: dict[str, set[int]] = defaultdict(set)
    for k, labels in enumerate(view.labels):
        for name in labels:
            held[name].add(k)
    pairs: list[tuple[str, str]] = []
    within: list[tuple[str, str]] = []
    for name in sorted(name for name, rows in held.items() if len(rows) >= FEW):
        beside = set.intersection(*({*view.labels[k]} for k in held[name])) - {name}
        for other in sorted(beside):
            if len(held[other]) > len(held[name]):
                within.append((name, other))
            elif name < other:
                pairs.append((name, other))
    if pairs:
        listed = "; ".join(f"{one!r} and {other!r} ({len(held[one])} rows)" for one, other in pairs[:5])
        message = f"{several(len(pairs), 'pair', 'pairs')} of labels that always occur together: {listed}"
        rows = sorted({view.rows[k] for one, _ in pairs for k in held[one]})
        yield Finding("labels-together", "warning", message, rows, "nothing tells them apart: make one of them")
    if within:
        listed = "; ".join(f"{one!r} ({len(held[one])}) with {other!r}" for one, other in within[:5])
        message = f"{several(len(within), 'label', 'labels')} never without another one: {listed}"
        rows = sorted({view.rows[k] for one, _ in within for k in held[one]})
        yield Finding("label-within", "note", message, rows, "right if one includes the other, as a part its whole")
