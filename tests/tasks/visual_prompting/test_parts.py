"""Objects and their prompts, from the reader to the metric and the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datumaro import DatasetItem
from datumaro.components.annotation import Bbox, Mask, Polygon
from PIL import Image
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.masks import from_json, to_pixels
from otx.tasks.instance_segmentation.entity import InstanceSegDataEntity
from otx.tasks.instance_segmentation.reader import InstanceSegAnnotation
from otx.tasks.visual_prompting.decode import decode
from otx.tasks.visual_prompting.draw import draw
from otx.tasks.visual_prompting.entity import (
    BOTTOM_RIGHT,
    FILLING,
    NOTHING,
    OBJECT,
    OWN,
    TOP_LEFT,
    PromptBatchDataEntity,
    point_prompts,
    random_points,
)
from otx.tasks.visual_prompting.metric import PromptMetric
from otx.tasks.visual_prompting.reader import PromptReader

LABELS = LabelInfo(("fig", "nut"))
SIZE = (20, 30)


def square(left: int, top: int, side: int) -> list[float]:
    return [left, top, left + side, top, left + side, top + side, left, top + side]


def read(*annotations: object) -> tuple[InstanceSegAnnotation, list[str]]:
    told: list[str] = []
    item = DatasetItem(id="a", annotations=list(annotations))
    return PromptReader().annotation(item, LABELS, SIZE, told.append), told


def sample(*squares: tuple[int, int, int], empty: bool = False) -> InstanceSegDataEntity:
    outlines = [Polygon(square(*one), label=i % 2) for i, one in enumerate(squares)]
    annotation, _ = read(*outlines)
    info = ImageInfo(path="a.png", height=SIZE[0], width=SIZE[1])
    return PromptReader().entity(tv_tensors.Image(torch.zeros(3, *SIZE, dtype=torch.uint8)), info, annotation)


def answers(batch: PromptBatchDataEntity, logits: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Raw outputs of a graph that gives these masks, at full resolution, to the prompts of the batch."""
    asked = batch.graph_inputs()["prompts"]
    images, prompts = asked.shape[:2]
    masks = torch.full((images, prompts, *SIZE), -9.0)
    for target, given in zip(masks, logits, strict=True):
        target[: len(given)] = given
    classes = torch.tensor([0.1, 0.8, 0.1]).expand(images, prompts, 3)
    return {"masks": masks, "scores": torch.full((images, prompts), 1.5), "classes": classes, "asked": asked}


class TestReader:
    def test_parts_of_a_group_are_one_object_and_boxes_beside_outlines_say_nothing(self) -> None:
        annotation, told = read(
            Polygon(square(1, 1, 4), label=1, group=7),
            Polygon(square(10, 1, 4), label=1, group=7),
            Bbox(1, 1, 13, 4, label=1, group=7),
            Mask(np.pad(np.ones((5, 5)), ((5, 10), (5, 20))), label=0),
        )
        assert annotation.labels.tolist() == [1, 0]
        assert to_pixels(annotation.rles, SIZE).sum(axis=(1, 2)).tolist() == [32, 25]
        assert told == []

    def test_an_object_without_an_outline_cannot_be_asked_for(self) -> None:
        annotation, told = read(Bbox(1, 1, 4, 4, label=0))
        assert told == ["object without an outline left out"]
        assert not annotation.rles

    def test_a_sample_has_one_row_per_object_in_each_field(self) -> None:
        found = sample((1, 1, 4), (10, 5, 8))
        assert found.bboxes.tolist() == [[1, 1, 5, 5], [10, 5, 18, 13]]
        assert found.masks.shape == (2, *SIZE)


class TestPrompts:
    def test_evaluation_asks_by_box_and_by_point_in_turn(self) -> None:
        batch = PromptBatchDataEntity.collate([sample((1, 1, 4), (10, 5, 8)), sample()])
        prompts = batch.graph_inputs()["prompts"]
        assert prompts.shape == (2, 2, 2, 3)
        assert prompts[0, 0].tolist() == [[1, 1, TOP_LEFT], [5, 5, BOTTOM_RIGHT]]
        assert prompts[0, 1, :, 2].tolist() == [OBJECT, NOTHING]
        assert (prompts[0, 1, 0, :2] - torch.tensor([14.0, 9.0])).abs().max() <= 0.5
        assert (prompts[1, :, :, 2] == FILLING).all()

    def test_nothing_is_asked_where_nothing_is_known(self) -> None:
        inputs = PromptBatchDataEntity.bare_inputs(torch.zeros(2, 3, 8, 8))
        assert (inputs["prompts"][..., 2] == FILLING).all()

    def test_random_points_lie_on_their_object(self) -> None:
        found = sample((1, 1, 4), (10, 5, 8))
        for _ in range(20):
            for (x, y), mask in zip(random_points(found.masks, found.bboxes).tolist(), found.masks, strict=True):
                assert mask[int(y), int(x)]

    def test_an_object_without_pixels_is_asked_for_at_the_middle_of_its_box(self) -> None:
        found = sample((1, 1, 4))
        assert random_points(torch.zeros_like(found.masks), found.bboxes).tolist() == [[3.0, 3.0]]


class TestAnswers:
    def test_each_prompt_has_its_mask_whatever_its_score(self) -> None:
        batch = PromptBatchDataEntity.collate([sample((1, 1, 4), (10, 5, 8)), sample((2, 2, 6))])
        logits = [sample_.masks.float() * 18 - 9 for sample_ in (sample((1, 1, 4), (10, 5, 8)), sample((2, 2, 6)))]
        found = decode(answers(batch, logits), batch.images, batch.imgs_info, own_overlap=0.5)
        assert [len(masks) for masks in found.rles] == [2, 1]
        metric = PromptMetric(LABELS)
        metric.update(found, batch)
        assert metric.compute().values == {"miou": 1.0, "dice": 1.0, "miou_box": 1.0, "miou_point": 1.0}
        record = found.records(LABELS, 1.1)[0]
        assert [entry["label"] for entry in record["objects"]] == ["nut", "nut"]  # what it looks like, not the truth
        assert record["objects"][0]["prompt"] == {"bbox": [1, 1, 5, 5]}
        assert record["objects"][1]["bbox"] == [10, 5, 18, 13]
        assert to_pixels([from_json(record["objects"][1]["mask"])], SIZE).sum() == 64

    def test_what_the_model_found_by_itself_is_suppressed_and_filtered(self) -> None:
        batch = PromptBatchDataEntity.collate([sample()])
        raw = answers(batch, [torch.zeros(0, *SIZE)])
        own = point_prompts(torch.tensor([[3.0, 3.0], [4.0, 4.0], [12.0, 8.0]]), OWN)
        masks = torch.full((3, *SIZE), -9.0)
        masks[:2, 1:5, 1:5] = 9.0
        masks[2, 5:13, 10:18] = 9.0
        raw = {
            "masks": torch.cat([raw["masks"], masks[None]], dim=1),
            "scores": torch.tensor([[0.0, 0.7, 0.9, 0.4]]),
            "classes": torch.tensor([0.4, 0.5, 0.1]).expand(1, 4, 3),  # some object, whichever of the two
            "asked": torch.cat([raw["asked"], own[None]], dim=1),
        }
        found = decode(raw, batch.images, batch.imgs_info, own_overlap=0.5)
        assert found.scores[0].tolist() == pytest.approx([0.81, 0.36])
        kept = found.records(LABELS, 0.5)[0]["objects"]
        assert [entry["prompt"] for entry in kept] == [{"own_point": [4.0, 4.0]}]

    def test_half_a_mask_is_half_the_iou_and_two_thirds_the_dice(self) -> None:
        batch = PromptBatchDataEntity.collate([sample((2, 2, 8))])
        half = batch.masks[0].float() * 18 - 9
        half[:, :6] = -9
        found = decode(answers(batch, [half]), batch.images, batch.imgs_info, own_overlap=0.5)
        metric = PromptMetric(LABELS)
        metric.update(found, batch)
        result = metric.compute()
        assert result.values["miou"] == pytest.approx(0.5)
        assert result.values["dice"] == pytest.approx(2 / 3)
        assert result.per_class == {"fig": {"iou": pytest.approx(0.5), "dice": pytest.approx(2 / 3)}}

    def test_masks_and_prompts_are_drawn(self) -> None:
        batch = PromptBatchDataEntity.collate([sample((1, 1, 6), (12, 5, 8))])
        plain = Image.new("RGB", (SIZE[1], SIZE[0]), "grey")
        record = batch.truth_records(LABELS)[0]
        picture = np.asarray(draw(plain, record, LABELS))
        bare = np.asarray(draw(plain, record | {"objects": []}, LABELS))
        changed = (picture != bare).any(axis=-1)
        height, width = changed.shape
        row, column = round(9.5 / SIZE[0] * height), round(18.5 / SIZE[1] * width)
        assert changed[row, column], "the inside of the second square is tinted"
        assert not changed[-2, 2], "the ground is left alone"
