"""Predicts and measures, with torch models and exported ones alike; nothing of Lightning is needed for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from otx.core.metric import MetricResult, TaskMetric
from otx.core.model import BatchT, OTXModel, PredT


def evaluate(
    model: OTXModel[BatchT, PredT],
    loader: Iterable[BatchT],
    metric: TaskMetric[PredT, BatchT],
    device: torch.device | str = "cpu",
) -> MetricResult:
    """Metrics of a model over the batches of a loader.

    Args:
        model: In any mode; it is left in the one it was in.
        loader: Batches with truth.
        metric: Is reset first.
        device: Where the model predicts; an exported model stays on the CPU of torch.
    """
    metric.reset()
    for batch, prediction in predict_pairs(model, loader, device):
        metric.update(prediction, batch)
    return metric.compute()


def predict(
    model: OTXModel[BatchT, PredT], loader: Iterable[BatchT], device: torch.device | str = "cpu"
) -> Iterator[PredT]:
    """Predictions, batch by batch, while the loader is read."""
    return (prediction for _, prediction in predict_pairs(model, loader, device))


def predict_pairs(
    model: OTXModel[BatchT, PredT], loader: Iterable[BatchT], device: torch.device | str = "cpu"
) -> Iterator[tuple[BatchT, PredT]]:
    """Each batch, on the device, with its predictions; where batches are of tiles, each image, on the CPU."""
    merger = getattr(loader, "merger", None)
    if merger is not None:
        merger.reset()
    was_training = model.training
    model.to(device).eval()
    try:
        for batch in loader:
            placed = batch.to(device, non_blocking=True) if batch.images.device != torch.device(device) else batch
            # Not around the yield: the caller must not find itself in inference mode.
            with torch.inference_mode():
                prediction = model(placed)
            if merger is None:
                yield placed, prediction
            else:
                yield from merger.add(prediction)
        if merger is not None:
            yield from merger.flush()
    finally:
        model.train(was_training)
