"""Detectors of MMDetection: some rows, and any of its configs by look-up.

A name is `mmdet/CONFIG`, without the ending. Weights are trained from random ones: those that OpenMMLab offers are
pickles of more than tensors, which OTX does not open (docs/decisions/0006-weight-files.md).
"""

from __future__ import annotations

from otx.core.catalog import ModelRow
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import OTXTaskType

ADAPTERS: dict[str, str] = {
    OTXTaskType.DETECTION: "otx.frameworks.mmdet.detector:MMDetCompatibleModel",
    OTXTaskType.INSTANCE_SEGMENTATION: "otx.frameworks.mmdet.instance_segmenter:MMDetInstanceSegModel",
}
AUGMENTATION = "otx.frameworks.mmdet.augmentation:build_augmentation"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PIXELS = ((0.0,) * 3, (round(1 / 255, 9),) * 3)


def _row(
    name: str, task: str, spec: InputSpec, parameters: int = 0, *, exportable: bool = True, rgb_only: bool = False
) -> ModelRow:
    return ModelRow(
        name=f"mmdet/{name}",
        task=task,
        adapter=ADAPTERS[task],
        arch=name,
        input_spec=spec,
        parameters=parameters,
        extra="mmdet",
        rgb_only=rgb_only,
        exportable=exportable,
        quantizable=exportable,
        tileable=True,
    )


def _spec(mean: tuple[float, ...], std: tuple[float, ...], size: int = 640) -> InputSpec:
    return InputSpec(height=size, width=size, mean=mean, std=std, resize=ResizeMode.LETTERBOX)


DET, SEG = OTXTaskType.DETECTION, OTXTaskType.INSTANCE_SEGMENTATION
COCO: dict[str, int] = {DET: 80, SEG: 90}
"""Labels with which parameters are counted, as for all rows of the task."""
ROWS = (
    _row("rtmdet_tiny_8xb32-300e_coco", DET, _spec(*IMAGENET), 4_896_168),
    _row("rtmdet_s_8xb32-300e_coco", DET, _spec(*IMAGENET), 8_886_924),
    _row("yolox_tiny_8xb8-300e_coco", DET, _spec(*PIXELS, size=416), 5_055_855, rgb_only=True),
    _row("yolox_s_8xb8-300e_coco", DET, _spec(*PIXELS), 8_968_255, rgb_only=True),
    _row("atss_r50_fpn_1x_coco", DET, _spec(*IMAGENET), 32_295_322),
    _row("rtmdet-ins_tiny_8xb32-300e_coco", SEG, _spec(*IMAGENET), 5_641_097, exportable=False),
    _row("mask-rcnn_r50_fpn_1x_coco", SEG, _spec(*IMAGENET), 44_450_156, exportable=False),
)


def lookup(name: str, task: str) -> ModelRow | None:
    """The row of any detector of MMDetection, from its config.

    Raises:
        MissingExtraError: MMDetection is not installed.
        UserError: It has no such config; the message names the nearest.
    """
    if task not in ADAPTERS:
        return None
    from torch.nn import Conv2d

    from otx.frameworks.openmmlab import build_network, input_spec, load_config, pipeline, step_argument

    config = load_config("mmdet", name)
    with_masks = any(step.get("with_mask") for step in pipeline(config, "train"))
    finds_boxes = "bbox_head" in config.model or "bbox_head" in config.model.get("roi_head", {})
    asks_for_words = "language_model" in config.model  # and would fetch one
    if with_masks != (task == SEG) or not finds_boxes or asks_for_words:
        return None
    from otx.frameworks.mmdet.dense import is_dense

    network = build_network("mmdet", name, COCO[task], {})
    scale = step_argument(config, "scale") or step_argument(config, "img_scale") or (640, 640)
    size = max(32, round(min(scale) / 32) * 32)
    return _row(
        name,
        task,
        input_spec("mmdet", name, (size, size), ResizeMode.LETTERBOX),
        sum(parameter.numel() for parameter in network.parameters()),
        exportable=task == DET and is_dense(network),
        rgb_only=not any(isinstance(layer, Conv2d) and layer.in_channels == 3 for layer in network.modules()),
    )
