"""Draws the true or predicted label of a video on a sheet of its frames. Imports no torch."""

from __future__ import annotations

from otx.tasks.multi_class_classification.draw import draw

__all__ = ["draw"]
