"""An adapter with the least to write goes the whole way: losses, predictions, thresholds, graph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import tv_tensors

from otx.core.entity import OTXBatchLossEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.tasks.detection.decode import decode, topk_detections
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity
from otx.tasks.detection.model import OTXDetectionModel


class Grid(nn.Module):
    """A toy network that scores fixed cells; like torchvision's it returns losses in training mode."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, classes, kernel_size=8, stride=8)

    def forward(self, pixels: Tensor, truths: list[Tensor] | None = None) -> Tensor | dict[str, Tensor]:
        scores = self.head(pixels).flatten(2).transpose(1, 2).sigmoid()
        return scores if truths is None else {"score": scores.mean() - sum(map(len, truths))}


class GridDetector(OTXDetectionModel):
    nms_iou = 0.5

    def create_model(self) -> nn.Module:
        return Grid(len(self.label_info))

    def customize_inputs(self, batch: DetBatchDataEntity) -> dict[str, Any]:
        pixels = {"pixels": self.normalize(batch.images)}
        return pixels | {"truths": batch.labels} if self.training else pixels

    def losses(self, outputs: dict[str, Tensor], batch: DetBatchDataEntity) -> dict[str, Tensor]:
        return outputs

    def raw_outputs(self, outputs: Tensor, images: Tensor) -> dict[str, Tensor]:
        top, left = torch.meshgrid(torch.arange(0, 16, 8), torch.arange(0, 16, 8), indexing="ij")
        cells = torch.stack([left, top, left + 8, top + 8], dim=-1).float().view(1, 4, 4)
        return topk_detections(cells.expand(outputs.shape[0], -1, -1), outputs, 5)


@pytest.fixture
def model() -> GridDetector:
    torch.manual_seed(0)
    return GridDetector(LabelInfo(("cat", "dog")), InputSpec(height=16, width=16), "", {"any": 1})


@pytest.fixture
def batch() -> DetBatchDataEntity:
    info = ImageInfo(height=32, width=32, scale=(0.5, 0.5))
    box = tv_tensors.BoundingBoxes(torch.tensor([[0.0, 0.0, 8.0, 8.0]]), format="XYXY", canvas_size=(16, 16))
    images = torch.randint(0, 255, (2, 3, 16, 16), dtype=torch.uint8)
    return DetBatchDataEntity(images, [info, info], [box, box[:0]], [torch.tensor([1]), torch.tensor([])])


def test_training_mode_gives_losses(model: GridDetector, batch: DetBatchDataEntity) -> None:
    loss = model.train()(batch)
    assert isinstance(loss, OTXBatchLossEntity)
    assert -1 < loss.total < 0


def test_eval_mode_gives_what_the_exported_graph_and_decode_give(
    model: GridDetector, batch: DetBatchDataEntity
) -> None:
    found = model.eval()(batch)
    assert isinstance(found, DetBatchPredEntity)
    raw = model.export_graph()(batch.images)
    again = decode(raw, batch.images, batch.imgs_info, **model.decode_settings())
    assert found.records(model.label_info, 0) == again.records(model.label_info, 0)
    assert found.bboxes[0].max() == 32


def test_the_graph_traces_and_shares_the_weights(model: GridDetector, batch: DetBatchDataEntity) -> None:
    graph = model.eval().export_graph()
    assert {id(tensor) for tensor in graph.parameters()} == {id(tensor) for tensor in model.parameters()}
    traced = torch.jit.trace(graph, batch.images, strict=False)
    torch.testing.assert_close(traced(batch.images[:1].repeat(3, 1, 1, 1)), graph(batch.images[:1].repeat(3, 1, 1, 1)))


def test_the_threshold_of_validation_travels_in_the_state(model: GridDetector) -> None:
    assert model.threshold == 0.5
    model.adopt_validation(MetricResult({"map": 0.1}))
    assert model.threshold == 0.5
    model.adopt_validation(MetricResult({"f1_threshold": 0.25}))
    assert model.threshold == 0.25
    assert float(model.state_dict()["score_threshold"]) == 0.25


def test_settings_of_decoding_name_its_arguments(model: GridDetector) -> None:
    assert model.decode_settings() == {"nms_iou": 0.5, "max_detections": 100}
    assert model.options == {"any": 1}
