"""Segmenters of MMSegmentation with its own loss, and its steps on our samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.masks import IGNORED
from otx.core.task import OTXTaskType
from otx.data.seeding import seeded
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.tasks.semantic_segmentation.entity import SegBatchDataEntity, SegDataEntity

pytest.importorskip("mmseg", reason="pip install 'otx[mmseg]'")

from otx.frameworks.mmseg.augmentation import OFFER, build_augmentation

TASK = OTXTaskType.SEMANTIC_SEGMENTATION
LABELS = LabelInfo(("a", "b", "c"))
SPEC = InputSpec(height=64, width=96)
NEEDED: dict[str, dict[str, Any]] = {
    "RandomApply": {"transforms": [{"type": "CLAHE"}]},
    "RandomChoice": {"transforms": [[{"type": "CLAHE"}], [{"type": "RandomFlip", "prob": 1.0}]]},
    "RandomChoiceResize": {"scales": [[50, 50], [90, 60]]},
    "RandomCrop": {"crop_size": "input", "cat_max_ratio": 0.9},
    "RandomCutOut": {"prob": 1.0, "n_holes": 2, "cutout_shape": [8, 8], "seg_fill_in": 255},
    "RandomFlip": {"prob": 0.5},
    "RandomMosaic": {"prob": 1.0, "img_scale": "input"},
    "RandomResize": {"scale": "input", "ratio_range": [0.5, 2.0]},
    "RandomRotFlip": {"rotate_prob": 0.5, "flip_prob": 0.5, "degree": 10},
    "RandomRotate": {"prob": 1.0, "degree": 10, "seg_pad_val": 255},
    "Resize": {"scale": "input"},
    "ResizeShortestEdge": {"scale": 50, "max_size": 100},
}


def sample(height: int = 60, width: int = 100) -> SegDataEntity:
    """Bright where the mask says 1."""
    image = torch.full((3, height, width), 20, dtype=torch.uint8)
    image[:, 10:50, 20:70] = 220
    mask = tv_tensors.Mask((image[0] > 100).to(torch.uint8))
    return SegDataEntity(tv_tensors.Image(image), ImageInfo(height=height, width=width, path="made.png"), mask)


def built(name: str) -> Any:
    row = catalog().get(name, TASK)
    torch.manual_seed(0)
    return build_model(row, LABELS, row.input_spec.with_size(64, 64), pretrained=False)[0]


@pytest.mark.parametrize(
    "name", ["fcn_hr18s_4xb2-40k_cityscapes-512x1024", "segformer_mit-b0_8xb2-160k_ade20k-512x512"]
)
def test_loss_and_predictions_are_mmsegmentations_own(name: str) -> None:
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    model = built(f"mmseg/{name}")
    batch = SegBatchDataEntity.collate([sample(64, 64)] * 2)
    batch.masks[0][:5] = IGNORED
    inputs, own = model.normalize(batch.images), model.model
    facts = {"img_shape": (64, 64), "ori_shape": (64, 64), "pad_shape": (64, 64)}
    samples = [
        SegDataSample(gt_sem_seg=PixelData(data=mask.as_subclass(Tensor).long()[None]), metainfo=facts)
        for mask in batch.masks
    ]
    model.train()
    torch.manual_seed(1)
    theirs = {key: value for key, value in own.loss(inputs, samples).items() if "loss" in key}
    torch.manual_seed(1)
    ours = model(batch).losses
    assert {key: value.item() for key, value in ours.items()} == pytest.approx(
        {key: value.item() for key, value in theirs.items()}, rel=1e-6
    )
    model.eval()
    with torch.no_grad():
        found, predicted = model(batch), own.predict(inputs, samples)
    for mask, expected in zip(found.masks, predicted, strict=True):
        assert (mask.as_subclass(Tensor) == expected.pred_sem_seg.data[0]).float().mean() > 0.999


@pytest.mark.parametrize("row", [row for row in catalog() if row.package == "mmseg"], ids=lambda row: row.name)
def test_rows_are_what_the_look_up_says(row: ModelRow) -> None:
    from otx.frameworks.mmseg.catalog import lookup

    assert lookup(row.arch, TASK) == row


def test_what_gives_no_map_of_classes_is_unknown() -> None:
    with pytest.raises(UserError, match="unknown model"):
        catalog().get("mmseg/mask2former_r50_8xb2-90k_cityscapes-512x1024", TASK)


@pytest.mark.parametrize("name", OFFER.steps)
def test_masks_stay_on_their_regions(name: str) -> None:
    transform = build_augmentation([{"name": name, **NEEDED.get(name, {})}], SPEC)
    for seed in range(4):
        with seeded(seed):
            result = transform(sample(), lambda count: [sample()] * count)
        assert result.image.shape == (3, *SPEC.size)
        assert tuple(result.mask.shape) == SPEC.size
        mask, bright = result.mask.as_subclass(Tensor), result.image.float().mean(dim=0) > 110
        assert set(mask.unique().tolist()) <= {0, 1, IGNORED}
        assert ((mask == 1) == bright)[mask != IGNORED].float().mean() > 0.9
