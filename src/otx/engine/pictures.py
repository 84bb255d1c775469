"""What a run shows of its data and its predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader

from otx.core.label_info import LabelInfo
from otx.core.model import OTXModel
from otx.core.task import TaskSpec
from otx.engine.reading import ReadData
from otx.report.pictures import write_batch, write_comparison
from otx.training.evaluate import predict_pairs

MOST_PAIRS = 8


def draw_batch(batch: Any, spec: TaskSpec, labels: LabelInfo, path: Path) -> None:  # noqa: ANN401 - of any task
    """Draw samples as the model gets them in training, augmented, with their truth."""
    write_batch(batch, path, spec.load("draw"), labels)


def draw_pairs(model: OTXModel[Any, Any], data: ReadData, loader: DataLoader[Any], path: Path) -> None:
    """Draw truth beside prediction for the first images of a loader."""
    labels, draw = model.label_info, data.spec.load("draw")
    truths: list[dict[str, Any]] = []
    predictions: list[dict[str, Any]] = []
    for batch, prediction in predict_pairs(model, loader):
        truths += batch.truth_records(labels)
        predictions += prediction.records(labels, model.threshold)
        if len(truths) >= MOST_PAIRS:
            break
    write_comparison(truths[:MOST_PAIRS], predictions[:MOST_PAIRS], path, draw, labels, picture=data.picture)
