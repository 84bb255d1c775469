"""Classifiers of MMPretrain with its own loss, and its steps on our samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.generated import pictures, write_image_folders
from torchvision import tv_tensors

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.task import OTXTaskType
from otx.data.seeding import seeded
from otx.engine import Engine
from otx.frameworks import catalog
from otx.frameworks.build import build_model
from otx.tasks.detection.entity import DetDataEntity
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity, MultiClassClsDataEntity

pytest.importorskip("mmpretrain", reason="pip install 'otx[mmpretrain]'")

from otx.frameworks.mmpretrain.augmentation import OFFER, build_augmentation

CLS = OTXTaskType.MULTI_CLASS_CLS
LABELS = LabelInfo(("a", "b", "c"))
SPEC = InputSpec(height=64, width=96)
NEEDED: dict[str, dict[str, Any]] = {
    "AutoAugment": {"policies": "imagenet"},
    "CenterCrop": {"crop_size": 32},
    "ColorJitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.2},
    "ColorTransform": {"magnitude": 0.5},
    "Cutout": {"shape": 8},
    "Brightness": {"magnitude": 0.5},
    "Contrast": {"magnitude": 0.5},
    "EfficientNetRandomCrop": {"scale": 48},
    "GaussianBlur": {"radius": 1},
    "Pad": {"size": "input"},
    "Posterize": {"bits": 4},
    "RandAugment": {"policies": "timm_increasing", "num_policies": 2, "magnitude_level": 7},
    "RandomApply": {"transforms": [{"type": "Invert", "prob": 1.0}]},
    "RandomChoice": {"transforms": [[{"type": "Invert"}], [{"type": "Equalize"}]]},
    "RandomCrop": {"crop_size": 32},
    "RandomFlip": {"prob": 0.5},
    "RandomResize": {"scale": "input", "ratio_range": [0.5, 2.0]},
    "RandomResizedCrop": {"scale": "input"},
    "Resize": {"scale": "input"},
    "ResizeEdge": {"scale": 40},
    "Rotate": {"angle": 20},
    "Sharpness": {"magnitude": 0.5},
    "Shear": {"magnitude": 0.3},
    "Solarize": {"thr": 128},
    "SolarizeAdd": {"magnitude": 50},
    "Translate": {"magnitude": 0.2},
}


def sample() -> MultiClassClsDataEntity:
    pixels = torch.randint(0, 256, (3, 60, 100), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    info = ImageInfo(height=60, width=100, path="made.png")
    return MultiClassClsDataEntity(image=tv_tensors.Image(pixels), img_info=info, label=torch.tensor(2))


def built(name: str) -> Any:
    row = catalog().get(name, CLS)
    torch.manual_seed(0)
    return build_model(row, LABELS, row.input_spec.with_size(64, 64), pretrained=False)[0]


def batch() -> MultiClassClsBatchDataEntity:
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    infos = [ImageInfo(height=64, width=64)] * 4
    return MultiClassClsBatchDataEntity(images=images, imgs_info=infos, labels=torch.tensor([0, 1, 2, 1]))


@pytest.mark.parametrize("name", ["resnet18_8xb32_in1k", "mobilenet-v3-small_8xb128_in1k"])
def test_loss_and_predictions_are_mmpretrains_own(name: str) -> None:
    from mmpretrain.structures import DataSample

    model, truth = built(f"mmpretrain/{name}"), batch()
    inputs = model.normalize(truth.images)
    samples = [DataSample().set_gt_label(label) for label in truth.labels]
    own = model.model
    model.train()
    torch.manual_seed(1)
    expected = own.loss(inputs, samples)["loss"]
    torch.manual_seed(1)
    assert model(truth).total.item() == pytest.approx(expected.item(), rel=1e-6)
    model.eval()
    with torch.no_grad():
        found = model(truth)
        predicted = own.predict(inputs, None)
    for scores, theirs in zip(found.scores, predicted, strict=True):
        assert torch.allclose(scores, theirs.pred_score, atol=1e-6)


@pytest.mark.parametrize("row", [row for row in catalog() if row.package == "mmpretrain"], ids=lambda row: row.name)
def test_rows_are_what_the_look_up_says(row: ModelRow) -> None:
    from otx.frameworks.mmpretrain.catalog import lookup

    assert lookup(row.arch, row.task) == row


def test_what_is_no_classifier_is_unknown() -> None:
    with pytest.raises(UserError, match="unknown model 'mmpretrain/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k'"):
        catalog().get("mmpretrain/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k", CLS)


@pytest.mark.parametrize("name", OFFER.steps)
def test_every_step_on_offer_works(name: str) -> None:
    transform = build_augmentation([{"name": name, **NEEDED.get(name, {})}], SPEC)
    for seed in range(3):
        with seeded(seed):
            result = transform(sample())
        assert (result.image.shape, result.image.dtype) == ((3, *SPEC.size), torch.uint8)
        assert result.label == 2


def test_hue_turns_both_ways() -> None:
    """mmcv's own function fails with NumPy 2 where it is turned back."""
    import mmcv

    build_augmentation([], SPEC)
    pixels = sample().image.permute(1, 2, 0).numpy()
    back = mmcv.adjust_hue(mmcv.adjust_hue(pixels, -0.25), 0.25)
    assert abs(back.astype(int) - pixels).mean() < 4


def test_boxes_are_refused() -> None:
    plain = sample()
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[1.0, 1, 9, 9]]), format="XYXY", canvas_size=(60, 100))
    with pytest.raises(UserError, match="steps of mmpretrain do not move 'bboxes'"):
        build_augmentation([{"name": "RandomFlip", "prob": 1.0}], SPEC)(
            DetDataEntity(plain.image, plain.img_info, boxes, torch.tensor([0]))
        )


def test_its_steps_feed_a_model_of_another_framework(tmp_path: Path) -> None:
    write_image_folders(tmp_path / "data", pictures({"train": 12, "val": 4}))
    engine = Engine(
        tmp_path / "data",
        model="timm/resnet10t",
        pretrained=False,
        work_dir=tmp_path / "run",
        settings={
            "model.input_size": [32, 32],
            "data.batch_size": 4,
            "data.workers": 1,
            "training.precision": "32",
            "training.channels_last": False,
            "transforms.framework": "mmpretrain",
            "transforms.train": [
                {"name": "RandomResizedCrop", "scale": "input"},
                {"name": "RandAugment", "policies": "timm_increasing", "num_policies": 2, "magnitude_level": 5},
            ],
        },
    )
    assert 0 <= engine.train(max_epochs=1).metrics["accuracy"] <= 1
