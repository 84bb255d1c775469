"""Logits in the input's frame become masks of the original image's size."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.tasks.semantic_segmentation import decode as module
from otx.tasks.semantic_segmentation.decode import decode
from otx.transforms.fit import fit_image


def logits_of(mask: torch.Tensor, classes: int) -> torch.Tensor:
    return 10.0 * F.one_hot(mask.long(), classes).permute(2, 0, 1).float().unsqueeze(0)


@pytest.mark.parametrize("resize", list(ResizeMode))
@pytest.mark.parametrize("size", [(40, 60), (130, 90), (64, 64)])
def test_each_pixel_comes_back_to_its_place(resize: ResizeMode, size: tuple[int, int]) -> None:
    spec = InputSpec(height=64, width=64, resize=resize, crop_ratio=0.8)
    image = torch.zeros(3, *size, dtype=torch.uint8)
    image[:, size[0] // 4 : size[0] // 2, size[1] // 3 :] = 255
    fitted, scale, offset = fit_image(image, spec)
    info = ImageInfo(height=size[0], width=size[1], scale=scale, offset=offset)
    prediction = decode({"logits": logits_of(fitted[0] > 127, 2)}, fitted.unsqueeze(0), [info])
    (mask,) = prediction.masks
    assert mask.shape == size
    assert mask.dtype == torch.uint8
    wrong = (mask == 1) != (image[0] > 0)
    assert wrong.float().mean() < 0.04
    # Wrong are only pixels at a border: nothing is shifted.
    inner = F.max_pool2d((image[:1] > 0).float().unsqueeze(0), 5, 1, 2)[0, 0] == 0
    inner |= -F.max_pool2d(-(image[:1] > 0).float().unsqueeze(0), 5, 1, 2)[0, 0] == 1
    assert not wrong[inner].any()


def test_classes_in_portions_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(2, 9, 16, 16, generator=torch.Generator().manual_seed(0))
    infos = [ImageInfo(height=37, width=23, scale=(16 / 23, 16 / 37)), ImageInfo(height=16, width=16)]
    whole = decode({"logits": logits}, logits, infos).masks
    assert torch.equal(whole[1], logits[1].argmax(dim=0).to(torch.uint8))
    monkeypatch.setattr(module, "LOGITS_AT_ONCE", 2 * 37 * 23)
    assert all(map(torch.equal, decode({"logits": logits}, logits, infos).masks, whole))
