"""Small models whose weights are set by hand, so that they predict well without training, and images for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.deploy.bundle import Facts
from otx.tasks.detection.decode import topk_detections
from otx.tasks.detection.entity import DetBatchDataEntity
from otx.tasks.detection.model import OTXDetectionModel
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel

COLOURS = LabelInfo(("red", "very green", "blue <é>"))
SPEC = InputSpec(height=64, width=96)
CELL = 16


class ColourNet(nn.Module):
    """Logits are the mean of each colour channel, through a convolution and a batch norm as in real networks."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, classes, 3, padding=1, padding_mode="replicate", bias=False)
        self.norm = nn.BatchNorm2d(classes)
        nn.init.zeros_(self.conv.weight)
        self.conv.weight.data[range(3), range(3), 1, 1] = 1.0
        self.head = nn.Linear(classes, classes)
        self.head.weight.data = 3 * torch.eye(classes)
        self.head.bias.data = torch.zeros(classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(x)).mean((2, 3)))


class ColourClassifier(OTXMultiClassClsModel):
    """Names the dominant colour of an image."""

    def create_model(self) -> nn.Module:
        return ColourNet(len(self.label_info))

    def customize_inputs(self, batch):
        return {"x": self.normalize(batch.images)}


class CellNet(nn.Module):
    """How much of each colour is in each cell of a grid, as scores."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(CELL)
        self.sharpness = nn.Parameter(torch.tensor(6.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cells_BCHW = self.pool(x)
        others = (cells_BCHW.sum(1, keepdim=True) - cells_BCHW) / 2
        return torch.sigmoid(self.sharpness * (cells_BCHW - others - 1)).flatten(2).transpose(1, 2)


class ColourDetector(OTXDetectionModel):
    """Finds squares of pure colour that fill a cell of a grid."""

    nms_iou = 0.5
    max_detections = 20

    def create_model(self) -> nn.Module:
        return CellNet()

    def customize_inputs(self, batch):
        return {"x": self.normalize(batch.images)}

    def losses(self, outputs, batch):
        return {"nothing": outputs.sum() * 0}

    def raw_outputs(self, outputs, images):
        height, width = self.input_spec.size
        y, x = torch.meshgrid(torch.arange(0, height, CELL), torch.arange(0, width, CELL), indexing="ij")
        cells = torch.stack([x, y, x + CELL, y + CELL], dim=-1).reshape(-1, 4).float()
        return topk_detections(cells.unsqueeze(0).expand(images.shape[0], -1, -1), outputs, 30)


class ColourSegmenter(OTXSegmentationModel):
    """Names the dominant colour of each pixel."""

    def create_model(self) -> nn.Module:
        network = nn.Conv2d(3, len(self.label_info), 1, bias=False)
        network.weight.data = torch.eye(3).view(3, 3, 1, 1)
        return network

    def customize_inputs(self, batch):
        return {"input": self.normalize(batch.images)}


def cls_batch(count: int = 6, seed: int = 0) -> MultiClassClsBatchDataEntity:
    generator = np.random.default_rng(seed)
    labels = torch.arange(count) % 3
    images = torch.from_numpy(generator.integers(60, 140, (count, 3, *SPEC.size), dtype=np.uint8))
    for image, label in zip(images, labels, strict=True):
        image[label] += 60
    infos = [ImageInfo(height=SPEC.height, width=SPEC.width, path=f"{i}.png") for i in range(count)]
    return MultiClassClsBatchDataEntity(images=images, imgs_info=infos, labels=labels)


def det_batch(count: int = 6, seed: int = 0) -> DetBatchDataEntity:
    generator = np.random.default_rng(seed)
    images = torch.from_numpy(generator.integers(40, 60, (count, 3, *SPEC.size), dtype=np.uint8))
    boxes, labels = [], []
    for image in images:
        cells = generator.choice(SPEC.height // CELL * (SPEC.width // CELL), 3, replace=False)
        corners = [(int(c % (SPEC.width // CELL)) * CELL, int(c // (SPEC.width // CELL)) * CELL) for c in cells]
        for label, (x, y) in enumerate(corners):
            image[label, y : y + CELL, x : x + CELL] = 230 - 10 * label
        rows = torch.tensor([[x, y, x + CELL, y + CELL] for x, y in corners]).float()
        boxes.append(tv_tensors.BoundingBoxes(rows, format="XYXY", canvas_size=SPEC.size))
        labels.append(torch.arange(3))
    infos = [ImageInfo(height=SPEC.height, width=SPEC.width, path=f"{i}.png") for i in range(count)]
    return DetBatchDataEntity(images=images, imgs_info=infos, bboxes=boxes, labels=labels)


@pytest.fixture
def classifier() -> ColourClassifier:
    return ColourClassifier(COLOURS, SPEC)


@pytest.fixture
def detector() -> ColourDetector:
    model = ColourDetector(COLOURS, SPEC)
    model.score_threshold.fill_(0.35)
    return model


@pytest.fixture
def segmenter() -> ColourSegmenter:
    return ColourSegmenter(COLOURS, SPEC)


@pytest.fixture
def images_of_colours() -> MultiClassClsBatchDataEntity:
    return cls_batch()


@pytest.fixture
def images_of_squares() -> DetBatchDataEntity:
    return det_batch()


@pytest.fixture
def facts() -> Facts:
    parity = {"images": 4, "metric": "accuracy", "reference": 0.75, "exported": 0.75, "max_abs_diff": 1e-6}
    return Facts(
        data="colours",
        images={"train": 9, "val": 4},
        metrics={"val": {"accuracy": 0.75}},
        parity=parity,
        licences=["MIT"],
    )
