"""Raw outputs of an anomaly graph -> scores and maps; the same code for torch, OpenVINO and ONNX.

Raw output: `anomaly_map` (B, 1, H, W) in pixels of the model's input, higher where the image is less like normal ones,
on a scale of the model's own. The score of an image is the highest value of its map. openvino-model-api's
`AnomalyDetection` reads it too: it subtracts the same thresholds and divides by the same scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import wraps
from typing import Any

from torch import Tensor
from torchvision import tv_tensors

from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.tasks.anomaly.entity import AnomalyBatchPredEntity, AnomalyDetBatchPredEntity, boxes_of


def decode(
    raw: Mapping[str, Tensor],
    images: Tensor,
    imgs_info: Sequence[ImageInfo],
    *,
    image_threshold: float,
    pixel_threshold: float,
    normalization_scale: float,
) -> AnomalyBatchPredEntity:
    """Scores and maps on a scale on which 0.5 is the threshold.

    Args:
        raw: Outputs of the graph, see the top of this file.
        images: (B, C, H, W) what the graph was fed.
        imgs_info: One per image.
        image_threshold: Highest value of a map from which an image is anomalous.
        pixel_threshold: Value from which a pixel is anomalous.
        normalization_scale: What becomes 1.
    """
    maps_BHW, unit = raw["anomaly_map"].float().squeeze(1), normalization_scale
    # Divided first: subtracting the threshold from tiny values would lose their digits.
    scores = maps_BHW.amax(dim=(1, 2)) / unit + (0.5 - image_threshold / unit)
    anomaly_maps = maps_BHW / unit + (0.5 - pixel_threshold / unit)
    return AnomalyBatchPredEntity(
        images=images,
        imgs_info=list(imgs_info),
        labels=(scores >= 0.5).long(),
        masks=(anomaly_maps >= 0.5).byte(),
        defects=[""] * len(imgs_info),
        scores=scores,
        anomaly_maps=anomaly_maps,
    )


@wraps(decode, assigned=())  # the runtime asks for the names of its settings
def decode_boxes(*inputs: Any, **settings: Any) -> AnomalyDetBatchPredEntity:  # noqa: ANN401 - those of `decode`
    """The like, with a box around each connected part of the map above its threshold."""
    found = decode(*inputs, **settings)
    bboxes, scores = [], []
    for mask, heat, info in zip(found.masks, found.anomaly_maps, found.imgs_info, strict=True):
        boxes, peaks = boxes_of(mask, heat)
        size = (info.height, info.width)
        bboxes.append(tv_tensors.BoundingBoxes(to_original(boxes, info), format="XYXY", canvas_size=size))
        scores.append(peaks)
    return AnomalyDetBatchPredEntity(**vars(found), bboxes=bboxes, box_scores=scores)
