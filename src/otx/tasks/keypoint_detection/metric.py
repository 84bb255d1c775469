"""Average precision by the rules of COCO with keypoint similarity for overlap, and the share of correct keypoints."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torchvision.ops import box_iou

from otx.core.average_precision import MATCH_IOU, Floats, Ints, ObjectMetric
from otx.core.frames import to_original
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult, Times
from otx.tasks.keypoint_detection.entity import KeypointBatchDataEntity, KeypointBatchPredEntity

COCO_PERSON = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}
"""How far annotators of COCO lie apart for each part of a body, relative to the size of the person."""
OTHER_SIGMA = 0.067
"""The mean of COCO's 17, for keypoints about which nothing is known."""
PCK_SHARES = {"pck": 0.2, "pck_10": 0.1}
"""Distance up to which a keypoint is correct, as a share of the longer side of the true box."""


class KeypointMetric(ObjectMetric):
    """Mean average precision over object keypoint similarity (OKS) 0.50 to 0.95, PCK, and F1 at the best threshold.

    Everything is measured in pixels of the original images, on keypoints that are labelled. Objects without any are
    left out, and so are detections of them. PCK (`pck` at 20 %, `pck_10` at 10 % of the longer side of the true box)
    counts the keypoints of all true objects; an object is looked for in the detection of its class that overlaps with
    its box most, by a half at least, and if there is none its keypoints count as missed.

    Args:
        label_info: Classes in output order, with the keypoints.
    """

    def __init__(self, label_info: LabelInfo) -> None:
        super().__init__(label_info)
        self.sigmas = sigmas(label_info.keypoints.names)

    def reset(self) -> None:
        """Forget all batches."""
        super().reset()
        # Of each image, by class and keypoint: how many are labelled, and how many correct by each share.
        self._pck: list[Floats] = []

    def update(self, prediction: KeypointBatchPredEntity, truth: KeypointBatchDataEntity) -> None:
        """Add a batch."""
        for i, info in enumerate(truth.imgs_info):
            true_boxes = to_original(_plain(truth.bboxes[i]), info)
            true_points, visible = to_original(_plain(truth.keypoints[i]), info).numpy(), truth.visible[i].cpu().numpy()
            boxes, points = _plain(prediction.bboxes[i]), _plain(prediction.keypoints[i]).numpy()
            labels, true_labels = prediction.labels[i].cpu().numpy(), truth.labels[i].cpu().numpy()
            overlap = box_iou(boxes, true_boxes).numpy() * (labels[:, None] == true_labels)
            known = visible.any(axis=1)
            kept = overlap[:, known].max(axis=1, initial=0.0) >= overlap.max(axis=1, initial=0.0)
            sides = (true_boxes[:, 2:] - true_boxes[:, :2]).numpy()[known]
            true_points, visible, true_labels = true_points[known], visible[known].clip(0, 1), true_labels[known]
            distances_DTK = np.linalg.norm(points[kept][:, None] - true_points, axis=-1)
            similarity_DT = oks(distances_DTK, truth.areas[i].cpu().numpy()[known], visible, self.sigmas)
            scores = prediction.scores[i].cpu().numpy()[kept]
            self.found.add(similarity_DT, labels[kept], scores, true_labels)
            self._add_pck(
                overlap[np.ix_(kept, known)], distances_DTK / sides.max(axis=1)[:, None], visible, true_labels
            )

    def _add_pck(self, overlap_DT: Floats, distances_DTK: Floats, visible_TK: Ints, labels_T: Ints) -> None:
        counts = np.zeros((1 + len(PCK_SHARES), len(self.label_info), visible_TK.shape[1]))
        self._pck.append(counts)
        np.add.at(counts[0], labels_T, visible_TK)
        if not overlap_DT.size:
            return
        best_T = overlap_DT.argmax(axis=0)
        rows_T = np.arange(len(best_T))
        found_T = overlap_DT[best_T, rows_T] >= MATCH_IOU
        for index, share in enumerate(PCK_SHARES.values(), start=1):
            correct_TK = (distances_DTK[best_T, rows_T] <= share) * visible_TK * found_T[:, None]
            np.add.at(counts[index], labels_T, correct_TK)

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """Figures over the images, each so many times."""
        labelled, *correct = self._counts(times_N).sum(axis=(1, 2))
        pck = {name: float(count / max(labelled, 1)) for name, count in zip(PCK_SHARES, correct, strict=True)}
        return self.found.values(times_N, "oks_") | pck

    def _counts(self, times_N: Times | None = None) -> Floats:
        """How many keypoints are labelled, and how many correct by each share, by class and keypoint."""
        shape = (1 + len(PCK_SHARES), len(self.label_info), len(self.label_info.keypoints))
        times = np.ones(self.images) if times_N is None else times_N
        return np.asarray(np.tensordot(times, np.reshape(self._pck, (self.images, *shape)), 1))

    def compute(self) -> MetricResult:
        """Figures over all batches."""
        found = super().compute()
        names, keypoints = self.label_info.names, self.label_info.keypoints.names
        labelled_CK, correct_CK = self._counts()[:2]
        for i in self.found.present():
            shares = correct_CK[i] / np.maximum(labelled_CK[i], 1)
            found.per_class[names[i]] |= {"pck": float(correct_CK[i].sum() / max(labelled_CK[i].sum(), 1))}
            labelled = zip(keypoints, shares, labelled_CK[i], strict=True)
            found.per_class[names[i]] |= {f"pck {name}": float(share) for name, share, count in labelled if count}
        return found


def sigmas(names: tuple[str, ...]) -> Floats:
    """Tolerance of each keypoint relative to the size of an object: COCO's for its person, else the same for all."""
    parts = [name.removeprefix("left_").removeprefix("right_") for name in names]
    if len(parts) == 17 and set(parts) == set(COCO_PERSON):
        return np.array([COCO_PERSON[part] for part in parts])
    return np.full(len(names), OTHER_SIGMA)


def oks(distances_DTK: Floats, areas_T: Floats, visible_TK: Ints, sigmas_K: Floats) -> Floats:
    """Object keypoint similarity in [0, 1] of each detection with each true object (cocodataset.org/#keypoints-eval).

    Args:
        distances_DTK: In pixels.
        areas_T: In square pixels.
        visible_TK: Which keypoints are labelled; at least one of each object.
        sigmas_K: Tolerance of each keypoint.
    """
    spread_TK = 2 * areas_T[:, None] * (2 * sigmas_K) ** 2
    near_DTK = np.exp(-(distances_DTK**2) / np.maximum(spread_TK, 1e-9)) * visible_TK
    similarity: Floats = near_DTK.sum(axis=-1) / np.maximum(visible_TK.sum(axis=-1), 1)
    return similarity


def _plain(value: Tensor) -> Tensor:
    return value.as_subclass(Tensor).cpu()
