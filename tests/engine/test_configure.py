"""The whole plan of a run, from data to the last open setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.generated import write_coco

from otx.core.errors import OTXError
from otx.engine import Engine


@pytest.mark.framework("transformers")
def test_overlays_lie_over_the_recipe_of_the_task(tmp_path: Path) -> None:
    write_coco(tmp_path)
    plan = Engine(tmp_path, model="transformers/dfine_nano", pretrained=True).configure()
    assert plan.choices["training.steps"].reason == "detection/finetune"
    assert plan.choices["training.optimizer.lr"].reason == "detection/detr"
    assert plan.choices["data.batch_size"].reason == "detection"


@pytest.mark.framework("transformers")
def test_the_backbone_is_slowed_down_only_where_it_comes_pretrained(tmp_path: Path) -> None:
    write_coco(tmp_path)
    key, scales = "training.optimizer.lr_scales", {"model.model.backbone": 0.5}
    told = {"model": "transformers/dfine_nano", "pretrained": False}
    assert Engine(tmp_path, **told | {"pretrained": True}).configure()[key] == scales
    scratch = Engine(tmp_path, **told).configure().choices[key]
    assert (scratch.value, scratch.origin) == ({}, "auto")
    assert Engine(tmp_path, **told, settings={key: scales}).configure()[key] == scales


@pytest.mark.framework("torchvision")
def test_only_what_must_be_measured_stays_open(tmp_path: Path) -> None:
    write_coco(tmp_path)
    plan = Engine(tmp_path, pretrained=False).configure(max_epochs=3)
    still = {key for key, choice in plan.choices.items() if choice.value == "auto"}
    assert still == {"device", "devices", "training.precision", "training.channels_last", "data.cache"}
    assert all(choice.reason for choice in plan.choices.values())


def test_data_without_any_object_cannot_be_trained_on(tmp_path: Path) -> None:
    write_coco(tmp_path)
    for path in (tmp_path).rglob("*.json"):
        path.write_text(path.read_text().replace('"annotations": [', '"annotations": [], "unused": ['))
    with pytest.raises(OTXError) as caught:
        Engine(tmp_path, task="DETECTION", pretrained=False).configure()
    assert "otx check" in str(caught.value)
