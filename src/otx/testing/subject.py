"""A model of a catalog row beside real samples of its task, to be checked."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from otx.core.catalog import ModelRow
from otx.core.entity import OTXBatchDataEntity, OTXDataEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.model import OTXModel
from otx.core.task import TaskSpec
from otx.data.index import DataIndex, build_index
from otx.data.media import read_media
from otx.data.objects import ObjectItem, cut_out, object_index
from otx.data.source import open_source
from otx.frameworks.build import build_model
from otx.tasks import task_spec
from otx.transforms.fit import FitToInput


@dataclass(frozen=True)
class Subject:
    """What the checks look at.

    Attributes:
        row: The catalog row.
        spec: Its task.
        model: Built from the row with random weights; the checks train it a little.
        samples: Samples with annotations, at the model's size.
        empty: A sample without annotations, or None for a task that has none.
    """

    row: ModelRow
    spec: TaskSpec
    model: OTXModel[Any, Any]
    samples: Sequence[OTXDataEntity]
    empty: OTXDataEntity | None

    @property
    def batch(self) -> OTXBatchDataEntity[Any]:
        """All samples with annotations."""
        return self.collate(self.samples)

    def collate(self, samples: Sequence[OTXDataEntity]) -> OTXBatchDataEntity[Any]:
        """A batch of these samples."""
        batch: OTXBatchDataEntity[Any] = self.spec.load("batch").collate(samples)
        return batch

    def build(self, labels: LabelInfo) -> OTXModel[Any, Any]:
        """Another model of the row, with other random weights."""
        torch.manual_seed(1)
        return build_model(self.row, labels, self.model.input_spec, pretrained=False)[0]


def make_subject(row: ModelRow, size: tuple[int, int] | None = None, images: int = 4, seed: int = 0) -> Subject:
    """Build a row's model, and samples from the demonstration set of its task.

    Args:
        row: The row to check.
        size: Height and width to build at; None: the row's own.
        images: Number of images in the batch.
        seed: Decides the model's random weights.
    """
    spec = task_spec(row.task)
    index = _demo(row.task)
    input_spec = row.input_spec.with_size(*size) if size else row.input_spec
    torch.manual_seed(seed)
    model = build_model(row, index.labels, input_spec, pretrained=False)[0]
    reader = spec.load("reader")()
    samples: list[OTXDataEntity] = []
    empty = None
    for item in object_index(index, reader, input_spec).subsets["train"]:
        annotated = len(reader.label_ids(item.annotation)) > 0
        if annotated and len(samples) < images:
            samples.append(_sample(item, reader, input_spec))
        elif not annotated and empty is None:
            empty = _sample(item, reader, input_spec)
    return Subject(row, spec, model, samples, empty)


def _sample(item: Any, reader: Any, input_spec: InputSpec) -> OTXDataEntity:  # noqa: ANN401 - of any task
    image = read_media(item.path, input_spec, random=True)
    info = ImageInfo(path=str(item.path), height=item.height, width=item.width)
    sample: OTXDataEntity = reader.entity(image, info, item.annotation)
    return FitToInput(input_spec)(cut_out(sample, item.region) if isinstance(item, ObjectItem) else sample)


@cache
def _demo(task: str) -> DataIndex:
    """The task's demonstration set, made once per process."""
    spec = task_spec(task)
    root = Path(tempfile.mkdtemp(prefix="otx-testing-"))
    spec.load("demo")(root)
    return build_index(open_source(root), spec.load("reader")(), on_bad_data="error", seed=0, split_file=None)
