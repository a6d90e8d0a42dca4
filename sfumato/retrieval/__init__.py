"""Retrieval of sentences: a question must find the sentence that holds its answer. Needs no torch by itself."""

from sfumato.retrieval.build import build as build
from sfumato.retrieval.task import Corpus as Corpus
from sfumato.retrieval.task import Questions as Questions
from sfumato.retrieval.task import Task as Task

__all__ = ["Corpus", "Questions", "Task", "build"]
