"""A table's figure in the layout of its paper, drawn from what ``table.json`` holds."""

from sfumato.reproduction.figures.drawing import FIGURE_FILES, draw, save_figure, unreadable

__all__ = ["FIGURE_FILES", "draw", "save_figure", "unreadable"]
