"""A model object of the user's own must be made for the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.generated import SORTED_LABELS, pictures, write_coco, write_image_folders
from torch import nn

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.engine import Engine
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel


class Small(OTXMultiClassClsModel):
    def create_model(self):
        return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, len(self.label_info)))

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}


def small(labels: tuple[str, ...]) -> Small:
    return Small(LabelInfo(labels), InputSpec(height=32, width=32))


def test_its_plan_names_its_class_and_keeps_its_size(tmp_path: Path) -> None:
    write_image_folders(tmp_path, pictures())
    plan = Engine(tmp_path, model=small(SORTED_LABELS)).configure()
    assert plan["model.name"] == "Small"
    assert plan["model.input_size"] == [32, 32]


def test_labels_in_another_order_are_refused(tmp_path: Path) -> None:
    write_image_folders(tmp_path, pictures())
    with pytest.raises(UserError, match=r"in their order: box, Disc, star; .* was built for star, box, Disc"):
        Engine(tmp_path, model=small(("star", "box", "Disc"))).configure()


def test_another_task_is_refused(tmp_path: Path) -> None:
    write_coco(tmp_path, pictures())
    with pytest.raises(UserError, match="solves MULTI_CLASS_CLS, but the task is DETECTION"):
        Engine(tmp_path, model=small(SORTED_LABELS)).configure()
