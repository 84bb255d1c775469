"""Anomaly models of anomalib; each solves the three tasks of the family.

A model with weights looks at images through a network that was trained on ImageNet, as the papers do. Those whose name
ends in `random` do without: random features tell defects from normal images too, if less well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType

TASKS = (OTXTaskType.ANOMALY_CLASSIFICATION, OTXTaskType.ANOMALY_DETECTION, OTXTaskType.ANOMALY_SEGMENTATION)
SQUARE = InputSpec(height=256, width=256)
LAYERS = ["layer1", "layer2", "layer3"]
RESNET18 = Weights(hub="timm/resnet18.a1_in1k", licence="Apache-2.0", trained_on="ImageNet-1k", labels=1000)


def _rows(
    name: str,
    adapter: str,
    parameters: int,
    options: dict[str, Any],
    *,
    arch: str = "resnet18",
    part: str = "",
    recipe: str = "",
    input_spec: InputSpec = SQUARE,
    rgb_only: bool = False,
) -> tuple[ModelRow, ...]:
    return tuple(
        ModelRow(
            name=f"anomalib/{name}",
            task=task,
            adapter=f"otx.frameworks.anomalib.{adapter}",
            arch=arch,
            options=options,
            input_spec=input_spec,
            parameters=parameters,
            weights=replace(RESNET18, part=part) if part else None,
            recipe=recipe,
            rgb_only=rgb_only,
            extra="anomalib",
        )
        for task in TASKS
    )


def _fitted(name: str, adapter: str, parameters: int, options: dict[str, Any], part: str = "") -> tuple[ModelRow, ...]:
    return _rows(name, f"memory:{adapter}", parameters, options, part=part, recipe="anomaly/fitted")


PART = "feature_extractor.feature_extractor"
ROWS = (
    *_fitted("padim_resnet18", "Padim", 2_782_784, {"layers": LAYERS, "features": 100}, PART),
    *_fitted("padim_random", "Padim", 681_152, {"layers": LAYERS[:2], "features": 100, "random": True}),
    *_fitted("patchcore_resnet18", "Patchcore", 2_782_784, {"layers": LAYERS[1:], "share": 0.1, "most": 4096}, PART),
    *_rows(
        "stfpm_resnet18", "student_teacher:Stfpm", 5_565_568, {"layers": LAYERS}, part="teacher_model.feature_extractor"
    ),
    # Its autoencoder is made for this size, and the network normalises by itself.
    *_rows(
        "efficient_ad_small",
        "student_teacher:EfficientAd",
        8_058_628,
        {},
        arch="efficient_ad_small",
        recipe="anomaly/efficient_ad",
        input_spec=InputSpec(height=256, width=256, mean=(0.0,) * 3, std=(1.0,) * 3, multiple_of=0),
        rgb_only=True,
    ),
)
