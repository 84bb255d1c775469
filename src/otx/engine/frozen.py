"""Training of the head alone, on features that the frozen backbone computes once."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import torch

from otx.core.classifier import OTXClassifier
from otx.core.entity import SampleT
from otx.core.feature_cache import LIMIT
from otx.core.model import OTXModel
from otx.data.datamodule import OTXDataModule
from otx.data.images import BrokenImageError
from otx.data.index import DataIndex
from otx.data.item import Item
from otx.data.own import OwnItem
from otx.data.subset_names import SubsetName
from otx.engine.reading import ReadData
from otx.recipes.plan import Plan
from otx.transforms.fields import Draw

logger = logging.getLogger(__name__)

WATCHED: tuple[SubsetName, ...] = ("train", "val")
RECIPE = "features"
"""Laid over the others where features are computed once."""


def can_remember(plan: Plan, model: OTXModel[Any, Any]) -> bool:
    """Whether features of an image may be computed once: not if the user wants it augmented each time."""
    augmented = plan["training.mixup"] or plan["training.cutmix"] or plan.choices["transforms.train"].origin == "user"
    return isinstance(model, OTXClassifier) and not augmented


def remember_features(
    model: OTXModel[Any, Any], data: ReadData, datamodule: OTXDataModule, device: torch.device
) -> OTXDataModule | None:
    """Loaders like those of a data module, with features in place of the images.

    Args:
        model: Its backbone is frozen.
        data: What the data module was made of.
        datamodule: Gives the images as they are evaluated.
        device: Where to compute.

    Returns:
        None where the features are not all that the head needs, or more than memory should hold.
    """
    assert isinstance(model, OTXClassifier)
    began, used = time.monotonic(), 0
    was_training = model.training
    model.to(device).train()
    subsets: dict[SubsetName, tuple[Item, ...]] = {}
    for subset in WATCHED:
        items: list[OwnItem] = []
        rest = _samples(datamodule, subset)
        while chunk := list(islice(rest, int(datamodule.settings.eval_batch_size))):
            features = model.features(datamodule.batch_type.collate(chunk).to(device))
            used += 0 if features is None else features.nbytes
            if features is None or used > LIMIT:
                return None
            samples = [replace(sample, image=row) for sample, row in zip(chunk, features.cpu(), strict=True)]
            items += [_item(samples, position, data.index, subset) for position in range(len(samples))]
        subsets[subset] = tuple(items)
    model.train(was_training)
    logger.info("features  of %d images in %.1f s", sum(map(len, subsets.values())), time.monotonic() - began)
    fed = copy.copy(datamodule)
    fed.index = replace(data.index, subsets=subsets)
    fed.train_transform = fed.eval_transform = _unchanged
    fed.settings = replace(datamodule.settings, workers=0)
    return fed


def _samples(datamodule: OTXDataModule, subset: SubsetName) -> Iterator[Any]:
    dataset = datamodule.dataset(subset, train=False)
    for index in range(len(dataset)):
        try:
            yield dataset[0, index]
        except BrokenImageError:
            if datamodule.on_bad_data == "error":
                raise


def _item(samples: list[Any], position: int, index: DataIndex, subset: SubsetName) -> OwnItem:
    item = index.subsets[subset][samples[position].img_info.index]
    return OwnItem(item.path, item.height, item.width, item.annotation, samples, position)


def _unchanged(sample: SampleT, draw: Draw) -> SampleT:  # noqa: ARG001 - a transform
    return sample
