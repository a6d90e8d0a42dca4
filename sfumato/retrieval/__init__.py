"""Retrieval of sentences: a question must find the sentence that holds its answer.

What needs PyTorch is imported when it is first used: ``fit`` and ``Retriever``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sfumato.retrieval.build import build as build
from sfumato.retrieval.candidates import read_corpus as read_corpus
from sfumato.retrieval.task import Corpus as Corpus
from sfumato.retrieval.task import Questions as Questions
from sfumato.retrieval.task import Task as Task

if TYPE_CHECKING:
    from sfumato.retrieval.fitting import fit as fit
    from sfumato.retrieval.index import Index as Index
    from sfumato.retrieval.retriever import Retriever as Retriever

__all__ = ["Corpus", "Index", "Questions", "Retriever", "Task", "build", "fit", "read_corpus"]

_LAZY = {"fit": "fitting", "Index": "index", "Retriever": "retriever"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
