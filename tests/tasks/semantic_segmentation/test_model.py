"""The typed base: losses that leave ignored pixels alone, and logits of the input's size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import tv_tensors

from otx.core.entity import OTXBatchLossEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.masks import IGNORED, decode_rle
from otx.tasks.semantic_segmentation.entity import SegBatchDataEntity, SegDataEntity
from otx.tasks.semantic_segmentation.model import OTXSegmentationModel, dice_loss

LABELS = LabelInfo(("dark", "light"))


class Brightness(OTXSegmentationModel):
    """Light is light; at half the size of the input."""

    def create_model(self) -> nn.Module:
        return nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 2, 1))

    def customize_inputs(self, batch: SegBatchDataEntity) -> dict[str, Any]:
        return {"input": self.normalize(batch.images)}


def brightness() -> Brightness:
    model = Brightness(LABELS, InputSpec(height=16, width=16))
    weights = torch.tensor([-1.0, 1.0])
    model.model[1].weight.data = weights.view(2, 1, 1, 1).expand(2, 3, 1, 1).clone()
    model.model[1].bias.data.zero_()
    return model


def batch_of(*masks: Tensor) -> SegBatchDataEntity:
    samples = []
    for mask in masks:
        image = ((mask == 1) * 255).to(torch.uint8).expand(3, *mask.shape).clone()
        info = ImageInfo(height=mask.shape[0], width=mask.shape[1], path="a.png")
        truth = tv_tensors.Mask(mask.to(torch.uint8))
        samples.append(SegDataEntity(image=tv_tensors.Image(image), img_info=info, mask=truth))
    return SegBatchDataEntity.collate(samples)


def half() -> Tensor:
    mask = torch.zeros(16, 16)
    mask[:, 8:] = 1
    return mask


def test_predictions_have_the_size_of_the_original_and_the_records_of_the_truth() -> None:
    batch = batch_of(half(), 1 - half())
    prediction = brightness().eval()(batch)
    assert [mask.shape for mask in prediction.masks] == [(16, 16), (16, 16)]
    for found, true, mask in zip(
        prediction.records(LABELS, 0.5), batch.truth_records(LABELS), batch.masks, strict=True
    ):
        assert found == true
        assert [entry["area"] for entry in found["objects"]] == [128, 128]
        light = next(entry for entry in found["objects"] if entry["label"] == "light")
        assert (torch.from_numpy(decode_rle(light["mask"])) == (mask == 1)).all()
        assert light["bbox"] in ([8, 0, 16, 16], [0, 0, 8, 16])


def test_ignored_pixels_do_not_change_the_losses() -> None:
    model = brightness().train()
    known = batch_of(half())
    wrong = batch_of(half())
    wrong.masks[0][:4] = 1 - wrong.masks[0][:4]
    ignored = batch_of(half())
    ignored.masks[0][:4] = IGNORED
    losses = [model(batch) for batch in (known, wrong, ignored)]
    assert all(isinstance(one, OTXBatchLossEntity) and set(one.losses) == {"cross_entropy", "dice"} for one in losses)
    for name in ("cross_entropy", "dice"):
        right, spoiled, masked = (float(one.losses[name].detach()) for one in losses)
        assert masked == pytest.approx(right, abs=0.02)
        assert spoiled > right + 0.1


def test_a_batch_of_which_nothing_is_known_has_finite_losses() -> None:
    model = brightness().train()
    losses = model(batch_of(torch.full((16, 16), float(IGNORED))))
    assert float(losses.total.detach()) == pytest.approx(1.0)  # Dice of nothing
    torch.autograd.backward(losses.total)
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_a_rare_class_weighs_more_than_its_share() -> None:
    """4 of 100 pixels are light: the weights are sqrt(96) and sqrt(4) in place of 96 and 4."""
    model = brightness().train()
    mask = torch.zeros(10, 10)
    mask[:2, :2] = 1
    logits = torch.zeros(1, 2, 10, 10)
    logits[:, 0] = 2.0  # everything is taken for dark
    dark, light = (float(F.softplus(torch.tensor(gap))) for gap in (-2.0, 2.0))
    expected = (96**0.5 * dark + 4**0.5 * light) / (96**0.5 + 4**0.5)
    assert float(model.losses(logits, batch_of(mask))["cross_entropy"]) == pytest.approx(expected, rel=1e-5)


def test_dice_is_that_of_its_definition() -> None:
    truth, logits = torch.tensor([[[0, 0, 1, 2]]]), torch.full((1, 4, 1, 4), -50.0)
    for place, label in enumerate((0, 1, 1, 2)):
        logits[0, label, 0, place] = 50.0
    loss = dice_loss(logits, truth, torch.tensor([[[True, True, True, False]]]))
    # Class 0: 2 * 1 / (1 + 2); class 1: 2 * 1 / (2 + 1); class 2 is ignored and class 3 does not occur.
    assert float(loss) == pytest.approx(1 - 2 / 3, abs=1e-6)


@pytest.mark.parametrize("mask", [torch.zeros(1, 4, 4, dtype=torch.uint8), torch.zeros(4, 4)])
def test_a_sample_has_one_byte_per_pixel(mask: Tensor) -> None:
    info = ImageInfo(height=4, width=4, path="here.png")
    with pytest.raises(ValueError, match=r"expected a mask \(H, W\) of uint8.*here.png"):
        SegDataEntity(image=tv_tensors.Image(torch.zeros(3, 4, 4)), img_info=info, mask=tv_tensors.Mask(mask))
