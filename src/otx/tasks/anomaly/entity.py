"""What an anomaly sample has: whether it is normal, and where it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.frames import to_original
from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo
from otx.core.records import image_record, object_entries

LABELS = LabelInfo(("Normal", "Anomalous"))
NORMAL, ANOMALOUS = range(2)


@dataclass
class AnomalyDataEntity(OTXDataEntity):
    """One image, normal or not.

    Attributes:
        label: () int64, 0 for normal and 1 for anomalous.
        mask: (H, W) uint8, 1 where the defect is; empty where nobody has drawn one.
        defect: Kind of the defect, as its folder is called; empty for normal images.
    """

    label: Tensor
    mask: tv_tensors.Mask
    defect: str

    def __post_init__(self) -> None:
        if self.label.ndim != 0 or self.mask.shape != self.image.shape[-2:]:
            self.refuse(
                f"one label and a mask of {tuple(self.image.shape[-2:])}, got {self.label.tolist()} and "
                f"{tuple(self.mask.shape)}"
            )


@dataclass
class AnomalyBatchDataEntity(OTXBatchDataEntity[AnomalyDataEntity]):
    """A batch of images, normal or not.

    Attributes:
        labels: (B,) int64, 0 for normal and 1 for anomalous.
        masks: (B, H, W) uint8, 1 where the defect is, in pixels of `images`.
        defects: Kind of the defect of each image; empty for normal ones.
    """

    stacked: ClassVar[tuple[str, ...]] = ("labels", "masks")

    labels: Tensor
    masks: Tensor
    defects: list[str]

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """Label and defect of each image in the form of `predictions.json`; the map is 255 inside the mask."""
        return [
            _record(info, [{"label": labels.names[index]}], mask * 255.0)
            for info, index, mask in zip(self.imgs_info, self.labels.tolist(), self.masks.cpu(), strict=True)
        ]


@dataclass
class AnomalyBatchPredEntity(AnomalyBatchDataEntity, OTXBatchPredEntity[AnomalyDataEntity]):
    """What a model says of a batch; `labels` and `masks` are what lies above the thresholds, `defects` are unknown.

    Scores are brought to a scale on which 0.5 is the threshold and validation filled a range of 1. They are not cut at
    0 and 1, so that images beyond can still be ranked; `records` cuts them.

    Attributes:
        scores: (B,) how anomalous each image is: 0.5 is the threshold for images.
        anomaly_maps: (B, H, W) how anomalous each pixel of `images` is: 0.5 is the threshold for pixels.
    """

    scores: Tensor
    anomaly_maps: Tensor

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """Both labels of each image, the likelier one first, and its map in pixels of the original image.

        Args:
            labels: Normal and anomalous.
            threshold: Score from which an image is anomalous; 0.5 is the one found in validation.
        """
        records = []
        for info, value, heat in zip(self.imgs_info, self.scores.tolist(), self.anomaly_maps.cpu(), strict=True):
            score = min(max(value, 0.0), 1.0)
            found = [
                {"label": labels.names[NORMAL], "score": round(1 - score, 5)},
                {"label": labels.names[ANOMALOUS], "score": round(score, 5)},
            ]
            records.append(_record(info, found[:: -1 if score >= threshold else 1], heat.clamp(0, 1) * 255))
        return records


@dataclass
class AnomalyDetBatchDataEntity(AnomalyBatchDataEntity):
    """The like, with a box around each connected part of a mask."""

    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """As without boxes, and `objects`."""
        boxes = [to_original(boxes_of(mask)[0], info) for mask, info in zip(self.masks, self.imgs_info, strict=True)]
        return [
            record | {"objects": _objects(found, labels)}
            for record, found in zip(super().truth_records(labels), boxes, strict=True)
        ]


@dataclass
class AnomalyDetBatchPredEntity(AnomalyBatchPredEntity, AnomalyDetBatchDataEntity):
    """The like, with a box around each connected part of the map above the threshold.

    Attributes:
        bboxes: Per image (N, 4) XYXY in pixels of the *original* image, best score first.
        box_scores: Per image (N,) the highest value of the map inside.
    """

    bboxes: list[tv_tensors.BoundingBoxes] = field(default_factory=list)
    box_scores: list[Tensor] = field(default_factory=list)

    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """As without boxes, and `objects` with at least that score."""
        records = super().records(labels, threshold)
        for record, boxes, scores in zip(records, self.bboxes, self.box_scores, strict=True):
            keep = scores >= threshold
            record["objects"] = _objects(boxes.as_subclass(Tensor)[keep], labels, scores[keep].clamp(0, 1))
        return records


def boxes_of(mask_HW: Tensor, heat_HW: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(N, 4) XYXY around the connected parts of a mask, and (N,) the highest value of a map in each, best first."""
    mask = mask_HW.cpu().numpy().astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask)
    corners = stats[1:, : cv2.CC_STAT_AREA].astype(np.float32)
    corners[:, 2:] += corners[:, :2]
    values = mask if heat_HW is None else heat_HW.detach().cpu().numpy()
    peaks = torch.tensor([float(values[parts == part].max()) for part in range(1, count)])
    order = peaks.argsort(descending=True, stable=True)
    return torch.from_numpy(corners)[order], peaks[order]


def _objects(boxes: Tensor, labels: LabelInfo, scores: Tensor | None = None) -> list[dict[str, Any]]:
    return object_entries(labels, torch.full((len(boxes),), ANOMALOUS), boxes, scores)


def _record(info: ImageInfo, labels: list[dict[str, Any]], map_HW: Tensor) -> dict[str, Any]:
    heat = _in_original(map_HW.detach().float().numpy(), info)
    return image_record(info, labels=labels, anomaly_map=heat)


def _in_original(map_HW: npt.NDArray[np.float32], info: ImageInfo) -> npt.NDArray[np.uint8]:
    """A map in pixels of the model's input as 8-bit values in pixels of the original image."""
    (scale_x, scale_y), (left, top) = info.scale, info.offset
    # From the centre of a pixel to the centre of a pixel.
    matrix = np.array([[scale_x, 0, left + (scale_x - 1) / 2], [0, scale_y, top + (scale_y - 1) / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(map_HW, matrix, (info.width, info.height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped.round().astype(np.uint8)
