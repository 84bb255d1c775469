"""Models of torchvision, and any other of its classifiers by look-up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otx.core.catalog import ModelRow, Weights
from otx.core.errors import UserError, nearest
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import OTXTaskType
from otx.frameworks.classification import TASKS, for_task
from otx.frameworks.torchvision import two_stage_rows

HALF = (0.5, 0.5, 0.5)
BSD = "BSD-3-Clause"


def _detector(
    name: str,
    adapter: str,
    parameters: int,
    weights: Weights | None,
    *,
    size: int,
    arch: str = "",
    options: dict[str, Any] | None = None,
    mean: tuple[float, ...] | None = None,
) -> ModelRow:
    spec = InputSpec(height=size, width=size)
    return ModelRow(
        name=f"torchvision/{name}",
        task=OTXTaskType.DETECTION,
        adapter=f"otx.frameworks.torchvision.{adapter}",
        arch=arch or name,
        options=options or {},
        input_spec=replace(spec, mean=mean, std=mean) if mean else spec,
        parameters=parameters,
        licence=BSD,
        weights=weights,
        tileable=True,
    )


def _coco(name: str) -> Weights:
    return Weights(torchvision=f"{name}_Weights.COCO_V1", licence=BSD, trained_on="COCO", labels=91, part="detector")


def _fcos(name: str, backbone: str, parameters: int, weights: Weights | None, *, size: int, **body: Any) -> ModelRow:  # noqa: ANN401 - timm's own arguments
    """FCOS with a narrow pyramid (64 channels, strides 8, 16, 32) and a light head over a timm backbone."""
    options = {"backbone": backbone, "backbone_options": body, "stages": [2, 3, 4], "channels": 64, "convs": 2}
    return _detector(name, "fcos:TorchvisionFCOS", parameters, weights, size=size, arch="fcos", options=options)


def _imagenet(name: str) -> Weights:
    part = "detector.backbone.body"
    return Weights(hub=f"timm/{name}", licence="Apache-2.0", trained_on="ImageNet-1k", labels=1000, part=part)


def _classifier(name: str, weights: str, parameters: int, *, size: int = 224, resize: int) -> ModelRow:
    return ModelRow(
        name=f"torchvision/{name}",
        task="",
        adapter="otx.frameworks.torchvision.classifier:Torchvision",
        arch=name,
        input_spec=InputSpec(height=size, width=size, resize=ResizeMode.CENTER_CROP, crop_ratio=size / resize),
        parameters=parameters,
        licence=BSD,
        weights=Weights(torchvision=weights, licence=BSD, trained_on="ImageNet-1k", labels=1000),
    )


def _segmenter(name: str, weights: str, parameters: int) -> ModelRow:
    return ModelRow(
        name=f"torchvision/{name}",
        task=OTXTaskType.SEMANTIC_SEGMENTATION,
        adapter="otx.frameworks.torchvision.segmenter:TorchvisionSegmenter",
        arch=name,
        input_spec=InputSpec(height=512, width=512),
        parameters=parameters,
        licence=BSD,
        weights=Weights(torchvision=f"{weights}.COCO_WITH_VOC_LABELS_V1", licence=BSD, trained_on="COCO", labels=21),
        tileable=True,
    )


def _video(name: str, parameters: int, weights: str, *, frames: int = 16) -> ModelRow:
    """Trained on Kinetics-400 at 15 frames a second."""
    return ModelRow(
        name=f"torchvision/{name}",
        task=OTXTaskType.ACTION_CLASSIFICATION,
        adapter=f"otx.frameworks.torchvision.video:{'TorchvisionVideo' if weights else 'TorchvisionSlimVideo'}",
        arch=name,
        input_spec=InputSpec(
            height=112,
            width=112,
            mean=(0.43216, 0.394666, 0.37645),
            std=(0.22803, 0.22145, 0.216989),
            resize=ResizeMode.CENTER_CROP if weights else ResizeMode.STRETCH,
            crop_ratio=112 / 128 if weights else 1.0,
            multiple_of=16,
            frames=frames,
            frame_step=2,
        ),
        parameters=parameters,
        licence=BSD,
        weights=Weights(torchvision=weights, licence=BSD, trained_on="Kinetics-400", labels=400) if weights else None,
        explainable=False,
    )


_CLASSIFIERS = (
    _classifier("resnet18", "ResNet18_Weights.IMAGENET1K_V1", 11_689_512, resize=256),
    _classifier("resnet50", "ResNet50_Weights.IMAGENET1K_V2", 25_557_032, resize=232),
    _classifier("mobilenet_v3_small", "MobileNet_V3_Small_Weights.IMAGENET1K_V1", 2_542_856, resize=256),
    _classifier("mobilenet_v3_large", "MobileNet_V3_Large_Weights.IMAGENET1K_V2", 5_483_032, resize=232),
    _classifier("convnext_tiny", "ConvNeXt_Tiny_Weights.IMAGENET1K_V1", 28_589_128, resize=236),
    _classifier("efficientnet_v2_s", "EfficientNet_V2_S_Weights.IMAGENET1K_V1", 21_458_488, size=384, resize=384),
)
ROWS = (
    # Learns from random weights on some hundred images in minutes: all channels of the ResNet are halved.
    _fcos("fcos_resnet18_slim", "resnet18", 3_151_893, None, size=320, channels=[32, 64, 128, 256]),
    _fcos("fcos_resnet18", "resnet18", 11_542_101, _imagenet("resnet18.a1_in1k"), size=512),
    _fcos(
        "fcos_mobilenetv4_conv_small",
        "mobilenetv4_conv_small",
        1_641_589,
        _imagenet("mobilenetv4_conv_small.e2400_r224_in1k"),
        size=512,
    ),
    _detector(
        "ssdlite320_mobilenet_v3_large",
        "anchor_based:TorchvisionSSD",
        3_301_460,
        _coco("SSDLite320_MobileNet_V3_Large"),
        size=320,
        mean=HALF,
    ),
    _detector("fcos_resnet50_fpn", "fcos:TorchvisionFCOS", 32_297_365, _coco("FCOS_ResNet50_FPN"), size=640),
    _detector(
        "retinanet_resnet50_fpn_v2",
        "anchor_based:TorchvisionRetinaNet",
        37_970_740,
        _coco("RetinaNet_ResNet50_FPN_V2"),
        size=640,
    ),
    *(for_task(row, task) for task in TASKS for row in _CLASSIFIERS),
    _segmenter("lraspp_mobilenet_v3_large", "LRASPP_MobileNet_V3_Large_Weights", 3_221_538),
    _segmenter("deeplabv3_mobilenet_v3_large", "DeepLabV3_MobileNet_V3_Large_Weights", 11_025_477),
    *two_stage_rows.ROWS,
    # Learns from random weights on some hundred videos in minutes.
    _video("mc3_10_slim", 5_277_264, "", frames=8),
    _video("mc3_18", 11_695_440, "MC3_18_Weights.KINETICS400_V1"),
    _video("r2plus1d_18", 31_505_325, "R2Plus1D_18_Weights.KINETICS400_V1"),
    _video("r3d_18", 33_371_472, "R3D_18_Weights.KINETICS400_V1"),
)


def lookup(name: str, task: str) -> ModelRow | None:
    """The row of any classifier of torchvision, from torchvision's own tables.

    Raises:
        UserError: Torchvision does not have it; the message names the nearest.
    """
    if task not in TASKS:
        return None
    from torchvision import models

    if name not in models.list_models(module=models):
        raise UserError(f"torchvision has no classifier {name!r}.{nearest(name, models.list_models(module=models))}")
    weights: Any = models.get_model_weights(name)["DEFAULT"]
    crop = weights.transforms()
    row = _classifier(
        name, str(weights), weights.meta["num_params"], size=crop.crop_size[0], resize=crop.resize_size[0]
    )
    spec = replace(row.input_spec, mean=tuple(crop.mean), std=tuple(crop.std))
    return for_task(replace(row, input_spec=spec), task)
