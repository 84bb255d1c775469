"""From Datumaro's annotations to objects with outlines."""

from __future__ import annotations

from otx.tasks.instance_segmentation.reader import InstanceSegReader


class PromptReader(InstanceSegReader):
    """Reads what instance segmentation does: the objects that are asked for."""
