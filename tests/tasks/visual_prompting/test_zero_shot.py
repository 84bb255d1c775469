"""Zero-shot: from masks of reference images, a network that is not trained finds the like in new ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision import tv_tensors

from otx.core.feature_cache import Features
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.masks import from_pixels, to_pixels
from otx.tasks.instance_segmentation.entity import InstanceSegDataEntity
from otx.tasks.visual_prompting.entity import PromptBatchDataEntity
from otx.tasks.visual_prompting.model import OTXVisualPromptingModel, PromptNetwork

LABELS = LabelInfo(("blue", "red"))
SIDE = 64
COLOURS = torch.tensor([[0, 0, 200], [200, 0, 0]], dtype=torch.uint8)


class Colours(nn.Module):
    """Looks at nothing but the colour of each cell of 4 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Features:
        return [nn.functional.avg_pool2d(images, 4) * self.unit]


class ByColour(PromptNetwork):
    """Answers a point with all cells of its colour."""

    channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Colours()

    def segment(self, features: Features, points: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        columns, rows = (points[..., 0, :] / 4).long().unbind(-1)
        images = torch.arange(len(points)).unsqueeze(1)
        asked_BNC = features[-1].permute(0, 2, 3, 1)[images, rows, columns]
        distances = (features[-1].unsqueeze(1) - asked_BNC[..., None, None]).norm(dim=2)
        return 9 - 90 * distances, torch.full(points.shape[:2], 0.9)


class Untrained(OTXVisualPromptingModel):
    def create_model(self) -> PromptNetwork:
        return ByColour()


def scene(*squares: tuple[int, int, int]) -> InstanceSegDataEntity:
    """Squares (label, left, top) of their colour on a grey ground."""
    image = torch.full((3, SIDE, SIDE), 120, dtype=torch.uint8)
    masks = torch.zeros(len(squares), SIDE, SIDE, dtype=torch.bool)
    for mask, (label, left, top) in zip(masks, squares, strict=True):
        mask[top : top + 20, left : left + 20] = True
        image[:, mask] = COLOURS[label][:, None]
    return InstanceSegDataEntity(
        image=tv_tensors.Image(image),
        img_info=ImageInfo(height=SIDE, width=SIDE),
        bboxes=tv_tensors.BoundingBoxes(
            torch.tensor([[x, y, x + 20, y + 20] for _, x, y in squares]).reshape(-1, 4),
            format="XYXY",
            canvas_size=(SIDE, SIDE),
        ),
        labels=torch.tensor([label for label, _, _ in squares], dtype=torch.int64),
        masks=tv_tensors.Mask(masks),
        rles=[from_pixels(mask) for mask in masks.numpy()],
    )


@pytest.fixture
def model() -> OTXVisualPromptingModel:
    spec = InputSpec(height=SIDE, width=SIDE, mean=(0.0,) * 3, std=(1.0,) * 3)
    return Untrained(LABELS, spec, options={"zero_shot": True})


def test_objects_like_those_of_the_references_are_found_and_named(model: OTXVisualPromptingModel) -> None:
    references = PromptBatchDataEntity.collate([scene((1, 4, 4)), scene((0, 30, 12), (1, 4, 36))])
    assert not model.train()(references).losses
    assert not any(parameter.requires_grad for parameter in model.parameters())
    model.finish_epoch()
    new = scene((0, 8, 40), (1, 40, 8))
    unasked = PromptBatchDataEntity.collate([scene()])
    unasked.images = new.image[None]
    with torch.no_grad():
        found = model.eval()(unasked)
    assert len(found.records(LABELS, model.threshold)[0]["objects"]) == 2
    for label, mask in zip(new.labels.tolist(), new.masks, strict=True):
        (place,) = (found.labels[0] == label).nonzero().flatten()[:1].tolist()
        pixels = torch.from_numpy(to_pixels([found.rles[0][place]], (SIDE, SIDE)))[0].bool()
        assert (pixels & mask).sum() / (pixels | mask).sum() > 0.8


def test_references_are_gathered_in_full_precision(model: OTXVisualPromptingModel) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        model.train()(PromptBatchDataEntity.collate([scene((1, 8, 8))]))
    model.finish_epoch()
    assert model.references[1].norm().item() == pytest.approx(1, abs=1e-5)


def test_references_are_those_of_the_last_epoch_that_showed_the_class(model: OTXVisualPromptingModel) -> None:
    for shown, expected in (((0, 0), [2, 0]), ((0,), [1, 0]), ((1,), [1, 1])):
        model.train()(PromptBatchDataEntity.collate([scene((label, 8, 8)) for label in shown]))
        model.finish_epoch()
        assert model.references[:2].norm(dim=1).tolist() == pytest.approx(expected, abs=1e-5)
    assert model.references[-1].norm() > 0


class OfOneValue(ByColour):
    """Masks of one logit everywhere, and the overlap that it expects of them."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit
        self.expected = nn.Parameter(torch.tensor(0.5))

    def segment(self, features: Features, points: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        masks = torch.full((*points.shape[:2], SIDE, SIDE), self.logit)
        return masks, self.expected.expand(points.shape[:2])


@pytest.mark.parametrize(("logit", "learns"), [(9.0, True), (-9.0, False)])
def test_the_expected_overlap_is_learned_from_masks_that_are_not_empty(logit: float, learns: bool) -> None:
    class Model(Untrained):
        def create_model(self) -> PromptNetwork:
            return OfOneValue(logit)

    model = Model(LABELS, InputSpec(height=SIDE, width=SIDE)).train()
    model(PromptBatchDataEntity.collate([scene((0, 4, 4))])).losses["overlap"].backward()
    assert bool(model.model.expected.grad) is learns
