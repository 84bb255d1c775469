"""SAM and its successors: the same answers as the library's own `forward`, and its weight files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from otx.core.catalog import ModelRow
from otx.core.label_info import LabelInfo
from otx.frameworks.build import build_model
from otx.frameworks.transformers.prompting_rows import ROWS
from otx.frameworks.transformers.sam import drawn
from otx.tasks.visual_prompting.entity import box_prompts, point_prompts

LABELS = LabelInfo(("a", "b"))
SMALL = [row for row in ROWS if row.weights is None]
SIDE = 96


@pytest.fixture(params=SMALL, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> ModelRow:
    return request.param


def published(row: ModelRow, folder: Path) -> tuple[Any, Path]:
    """A network of the library, with the weights that its file has."""
    model, _ = build_model(row, LABELS, row.input_spec.with_size(SIDE, SIDE), False)
    network: Any = model._build()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    network.prompt_encoder.shared_embedding.load_state_dict(network.shared_image_embedding.state_dict())
    state = {key: value.clone() for key, value in network.state_dict().items() if "prompt_encoder.shared" not in key}
    save_file(state, folder / "model.safetensors")
    return network.eval(), folder / "model.safetensors"


@pytest.mark.parametrize("draws", [False, True])
def test_boxes_and_points_of_one_batch_are_answered_as_by_the_library(
    row: ModelRow, tmp_path: Path, *, draws: bool
) -> None:
    row = dataclasses.replace(row, options={**row.options, "draws": draws})
    network, file = published(row, tmp_path)
    model, report = build_model(row, LABELS, row.input_spec.with_size(SIDE, SIDE), file)
    assert report is not None
    assert report.coverage == 1.0
    assert not report.unused
    model.eval()
    pixels = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    box, point = torch.tensor([[10.0, 20.0, 60.0, 70.0]]), torch.tensor([[30.0, 40.0]])
    # The library counts from the centres of pixels.
    prompts = torch.cat([box_prompts(box + 0.5), point_prompts(point + 0.5)])[None]
    with torch.no_grad():
        found: Any = model.model(model.model.encoder(pixels), prompts)
        drawings = drawn(prompts[0, ..., :2], prompts[0, ..., 2], SIDE // 16, SIDE // 16)
        rough: list[dict[str, Any]] = [{"input_masks": each[None]} if draws else {} for each in drawings]
        by_box = network(pixels, input_boxes=box[None], multimask_output=False, **rough[0])
        labels = torch.ones(1, 1, 1, dtype=torch.int)
        asked = {"input_points": point[None, None], "input_labels": labels}
        by_point = network(pixels, multimask_output=False, **asked, **rough[1])
    for i, expected in enumerate((by_box, by_point)):
        # Filling, where SAM 2 has none, is one token more for the softmax; it is close to nothing, not nothing.
        scale = expected.pred_masks.abs().max()
        assert (found.masks[0, i] - expected.pred_masks[0, 0, 0]).abs().max() < 1e-3 * scale
        assert found.scores[0, i].item() == pytest.approx(expected.iou_scores.item(), rel=1e-3)


def test_a_prompt_is_drawn_where_it_points() -> None:
    prompts = torch.cat(
        [box_prompts(torch.tensor([[16.0, 32.0, 48.0, 80.0]])), point_prompts(torch.tensor([[70.0, 10.0]]))]
    )
    box, point = drawn(prompts[..., :2], prompts[..., 2], 6, 6).squeeze(1)
    assert box.shape == (24, 24)
    assert (box == 1).nonzero().amin(0).tolist() == [8, 4]
    assert (box == 1).sum() == 8 * 12
    assert divmod(int(point.argmax()), 24) == (2, 17)
    assert point[2, 0] < 0.1 < point[2, 10] < point[2, 14]


def test_a_frozen_encoder_runs_once_per_image(row: ModelRow) -> None:
    model, _ = build_model(row, LABELS, row.input_spec.with_size(SIDE, SIDE), False)
    runs = []
    model.model.encoder.register_forward_hook(lambda *_: runs.append(1))
    images = torch.randint(0, 255, (2, 3, SIDE, SIDE), dtype=torch.uint8)
    model.train()
    model._features(images)
    model._features(images)
    assert len(runs) == 2
    model.model.encoder.requires_grad_(False)
    first, second = model._features(images), model._features(images)
    assert len(runs) == 3
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    model.load_state_dict(model.state_dict())
    model._features(images)
    assert len(runs) == 4, "other weights make other features"
