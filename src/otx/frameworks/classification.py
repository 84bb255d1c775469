"""What frameworks share whose networks classify images: each serves all tasks of the kind. Imports no torch."""

from __future__ import annotations

from dataclasses import replace

from otx.core.catalog import ModelRow
from otx.core.task import OTXTaskType

TASKS: dict[str, tuple[str, bool]] = {
    OTXTaskType.MULTI_CLASS_CLS: ("Classifier", False),
    OTXTaskType.MULTI_LABEL_CLS: ("MultiLabelClassifier", True),
    OTXTaskType.H_LABEL_CLS: ("HierarchicalClassifier", False),
}
"""How the name of the adapter ends, and whether it has to see the whole image."""


def for_task(row: ModelRow, task: str) -> ModelRow:
    """The row of a network for a task; its `adapter` lacks the end of the name, and its task is not said yet."""
    ending, whole = TASKS[task]
    spec = row.input_spec.whole() if whole else row.input_spec
    return replace(row, task=task, adapter=row.adapter + ending, input_spec=spec)
