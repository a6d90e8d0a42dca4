"""From a set of questions of the catalogue to what each repeat of a table trains, chooses and tests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sfumato.architecture import Architecture
from sfumato.errors import InputError
from sfumato.method import Method
from sfumato.reproduction.table_parts import DataChoice, Scale, Setting
from sfumato.retrieval.in_batch_targets import check_in_batch
from sfumato.retrieval.lexical_names import LEXICAL
from sfumato.retrieval.retrieval_set import RetrievalSet, some_passages
from sfumato.retrieval.task import Task

Build = Callable[[str], Task]
FEW = 200  # questions of a smoke test


@dataclass(frozen=True, eq=False)
class RetrievalSource:
    """A set of questions as a table uses it: the task to train on, and another to test on, or a part of its own."""

    choice: DataChoice
    task: Task
    other: Task | None
    scale: Scale

    @classmethod
    def of(cls, choice: DataChoice, scale: Scale, build: Build) -> RetrievalSource:
        """Build the tasks that a table names; a smoke test searches a few passages only."""
        tasks = [build(name) for name in (choice.name, choice.test) if name is not None]
        if scale.rows is not None and scale.rows <= FEW:
            tasks = [some_passages(task, scale.rows) for task in tasks]
        return cls(choice, tasks[0], tasks[1] if len(tasks) > 1 else None, scale)

    def repeat(self, number: int, setting: Setting, variant: int | None = None) -> RetrievalSet:
        """Return what one repeat trains and tests on; ``number`` draws the questions that choose the epoch."""
        if setting.damage or self.choice.damage:
            raise InputError(f"data {self.choice.title!r} has questions, and damage is for texts with classes")
        sizes = {"rows": self.scale.rows, "tested": self.scale.test_rows}
        return RetrievalSet.of(self.choice.title, self.task, self.other, seed=number, **sizes)

    def check(self, models: Iterable[Architecture], methods: Iterable[Method]) -> None:
        """Raise if a model or a method of the table has no meaning in retrieval."""
        from sfumato.retrieval.dual_encoder import check_architecture

        for model in models:
            if model.name not in LEXICAL:
                check_architecture(model)
        for method in methods:
            check_in_batch(method)
