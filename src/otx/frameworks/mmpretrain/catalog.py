"""Classifiers of MMPretrain: some rows, and any of its configs by look-up.

A name is `mmpretrain/CONFIG`. Weights are trained from random ones (see `otx.frameworks.mmdet.catalog`).
"""

from __future__ import annotations

from dataclasses import replace

from otx.core.catalog import ModelRow
from otx.core.input_spec import InputSpec, ResizeMode
from otx.frameworks.classification import TASKS, for_task

AUGMENTATION = "otx.frameworks.mmpretrain.augmentation:build_augmentation"
CROP = 224 / 256
"""What the configs cut out of the shorter side."""


def _row(name: str, parameters: int, spec: InputSpec, task: str) -> ModelRow:
    row = ModelRow(
        name=f"mmpretrain/{name}",
        task="",
        adapter="otx.frameworks.mmpretrain.classifier:MMPretrain",
        arch=name,
        input_spec=spec,
        parameters=parameters,
        extra="mmpretrain",
    )
    return for_task(row, task)


SPEC = InputSpec(height=224, width=224, resize=ResizeMode.CENTER_CROP, crop_ratio=CROP)
ROWS = tuple(
    _row(name, parameters, SPEC, task)
    for task in TASKS
    for name, parameters in (
        ("resnet18_8xb32_in1k", 11_689_512),
        ("mobilenet-v2_8xb32_in1k", 3_504_872),
        ("efficientnet-b0_8xb32_in1k", 5_288_548),
    )
)


def lookup(name: str, task: str) -> ModelRow | None:
    """The row of any classifier of MMPretrain, from its config.

    Raises:
        MissingExtraError: MMPretrain is not installed.
        UserError: It has no such config; the message names the nearest.
    """
    if task not in TASKS:
        return None
    from otx.frameworks.openmmlab import build_network, input_spec, load_config, step_argument

    config = load_config("mmpretrain", name)
    if config.model.type != "ImageClassifier":
        return None
    size = int(step_argument(config, "crop_size") or step_argument(config, "scale") or 224)
    spec = replace(input_spec("mmpretrain", name, (size, size), ResizeMode.CENTER_CROP), crop_ratio=SPEC.crop_ratio)
    network = build_network("mmpretrain", name, 1000, {})
    return _row(name, sum(parameter.numel() for parameter in network.parameters()), spec, task)
