"""Video networks see time, and their parameters fit the published weight files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.refs import resolve
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.tasks.action_classification.entity import ActionClsBatchDataEntity

LABELS = LabelInfo(("a", "b", "c"))
ROWS = catalog().find(OTXTaskType.ACTION_CLASSIFICATION)


def built(name: str, frames: int = 4) -> Any:
    row = catalog().get(name, OTXTaskType.ACTION_CLASSIFICATION)
    torch.manual_seed(0)
    return build_model(row, LABELS, replace(row.input_spec.with_size(32, 32), frames=frames), pretrained=False)[0]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.framework(name.split("/")[0]))
        for name in ("torchvision/mc3_10_slim", "transformers/videomae_small")
    ],
)
def test_the_order_of_frames_matters(name: str) -> None:
    model = built(name).eval()
    forward = torch.randint(0, 256, (1, 4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    clips = torch.cat([forward, forward.flip(1)])
    batch = ActionClsBatchDataEntity(clips, [ImageInfo(height=32, width=32)] * 2, torch.zeros(2, dtype=torch.long))
    with torch.no_grad():
        scores = model(batch).scores
    assert not torch.allclose(scores[0], scores[1], atol=1e-5)


@pytest.mark.parametrize("row", [row for row in ROWS if row.weights], ids=lambda row: row.name)
def test_the_published_file_fits(row: Any) -> None:
    with torch.device("meta"):
        model, _ = build_model(row, LABELS, row.input_spec, pretrained=False)
        file = resolve("torchvision.models:get_model")(row.arch, weights=None, num_classes=400).state_dict()
    converted = model.convert_pretrained(file)
    assert converted.keys() == model.state_dict().keys()
    head = model.label_rows(400).keys()
    for key, tensor in model.state_dict().items():
        assert key in head or converted[key].shape == tensor.shape
