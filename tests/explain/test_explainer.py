"""Maps point at what decides, the same from torch and from an exported file, and chance is called chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.explain.conftest import CELL, MODELS, PLACE, SIDE
from torch import Tensor

from otx.core.image_info import ImageInfo
from otx.core.model import OTXModel
from otx.deploy.export import export
from otx.explain.explainer import Explainer, Explanation
from otx.explain.masks import faithfulness, rise
from otx.runtime.exported import load_exported
from otx.tasks import task_spec

HERE = ImageInfo(path="a.png", height=SIDE, width=SIDE)


def explain(model: OTXModel[Any, Any], image: Tensor, info: ImageInfo = HERE) -> list[Explanation]:
    explainer = Explainer(model, task_spec(model.task), pairs=64)
    return explainer.explain(image, info, explainer.run(image))


def in_square(map_HW: Tensor, margin: int = 0) -> Tensor:
    top, left = PLACE
    rows, columns = (slice(max(0, first - margin), first + CELL + margin) for first in (top, left))
    return map_HW[rows, columns]


def test_each_task_points_at_what_decides_from_torch_and_from_an_exported_file_alike(
    planted: OTXModel[Any, Any], image: Tensor, tmp_path: Path
) -> None:
    exported = load_exported(export(planted, tmp_path / "model.xml"))
    pairs = list(zip(explain(planted, image), explain(exported, image), strict=True))
    for ours, theirs in pairs:
        assert (ours.label, ours.method) == (theirs.label, theirs.method)
        assert torch.corrcoef(torch.stack([ours.map.flatten(), theirs.map.flatten()]))[0, 1] >= 0.99
        assert abs(ours.faithfulness.gain - theirs.faithfulness.gain) < 0.01
    red = next(ours for ours, _ in pairs if ours.label == (planted.task == "ANOMALY_SEGMENTATION"))
    assert red.faithfulness.is_evidence
    assert in_square(red.map).mean() > 2 * red.map.mean()
    assert in_square(red.map, margin=2).max() == red.map.max()


def test_a_quadrant_that_decides_is_the_brightest(image: Tensor) -> None:
    (red, *_) = explain(MODELS["classes"](), image)
    half = SIDE // 2
    quadrants = {
        (top, left): float(red.map[top : top + half, left : left + half].mean())
        for top in (0, half)
        for left in (0, half)
    }
    assert max(quadrants, key=lambda place: quadrants[place]) == (half, 0)
    assert red.method == "rise"


def test_a_map_in_another_place_is_no_evidence(image: Tensor) -> None:
    def ask(masks_MHW: Tensor) -> Tensor:
        return torch.stack([in_square(mask).mean() for mask in masks_MHW]).unsqueeze(1)

    random = torch.Generator().manual_seed(0)
    right = rise(ask, (SIDE, SIDE), random, 64)[0]
    wrong, noise = right.flip(0, 1), torch.randn(SIDE, SIDE, generator=random)
    assert faithfulness(right, ask, 0, random).is_evidence
    for map_HW in (wrong, noise, torch.zeros(SIDE, SIDE)):
        assert not faithfulness(map_HW, ask, 0, random).is_evidence


def test_a_model_that_does_not_look_has_no_evidence(image: Tensor) -> None:
    blind = MODELS["classes"]()
    torch.nn.init.zeros_(blind.model.sharpness)
    (plain,) = explain(blind, image)
    assert not plain.faithfulness.is_evidence


def test_maps_are_in_pixels_of_the_original_image(image: Tensor) -> None:
    info = ImageInfo(path="a.png", height=2 * SIDE, width=3 * SIDE, scale=(1 / 3, 1 / 2))
    (red,) = explain(MODELS["boxes"](), image, info)
    assert red.map.shape == (2 * SIDE, 3 * SIDE)
    row, column = divmod(int(red.map.argmax()), 3 * SIDE)
    assert (row // 2 // CELL, column // 3 // CELL) == (PLACE[0] // CELL, PLACE[1] // CELL)


def test_where_nothing_is_found_there_is_nothing_to_explain(image: Tensor) -> None:
    assert explain(MODELS["boxes"](), torch.full_like(image, 100)) == []
    assert explain(MODELS["anomaly"](), torch.full_like(image, 100)) == []


def test_outputs_that_point_elsewhere_give_way_to_altering_the_image(image: Tensor) -> None:
    class Shifted(type(MODELS["boxes"]())):  # type: ignore[misc]
        def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:
            raw = super().raw_outputs(outputs, images)
            return raw | {"boxes": raw["boxes"] + torch.tensor([12.0, -15.0, 12.0, -15.0, 0.0])}

    shifted = Shifted(MODELS["boxes"]().label_info, MODELS["boxes"]().input_spec)
    (red,) = explain(shifted, image)
    assert red.method == "rise"
    assert in_square(red.map).mean() > 2 * red.map.mean()
