"""How well normal and anomalous images, and pixels, can be told apart; memory does not grow with the pixels.

Pixels are counted in bins that lie as close together as the numbers with 9 binary digits do, over the whole range of
floats, so that no range has to be known beforehand. Written out here because torchmetrics, which anomalib's metrics are
made of, takes four seconds of CPU time to import; the tests compare with scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from otx.core.metric import LabelMetric, MetricResult, Times
from otx.tasks.anomaly.entity import AnomalyBatchDataEntity, AnomalyBatchPredEntity
from otx.tasks.anomaly.spec import CLASSIFICATION, DETECTION, SEGMENTATION

DROPPED_BITS = 14
"""Of the 32 of a float: 9 binary digits are left, and exponent and sign."""
BINS = 1 << (32 - DROPPED_BITS)
PRO_LIMIT = 0.3
"""`pro` is a mean over the thresholds at which less than this share of the normal pixels is called anomalous."""

Floats = npt.NDArray[np.floating[Any]]


@dataclass
class Pixels:
    """Pixels by bin of their value.

    Attributes:
        normal: Number of normal pixels.
        defects: Number of anomalous pixels by kind of defect.
        regions: Anomalous pixels, each weighted by one over the area of its connected region.
        region_count: Number of connected regions.
        low: The least value of all.
        high: The greatest value of all.
    """

    normal: Floats = field(default_factory=lambda: np.zeros(BINS))
    defects: dict[str, Floats] = field(default_factory=dict)
    regions: Floats = field(default_factory=lambda: np.zeros(BINS))
    region_count: int = 0
    low: float = np.inf
    high: float = -np.inf

    def add(self, heat_HW: Floats, mask_HW: npt.NDArray[np.uint8], defect: str, *, known: bool) -> None:
        """Take in an image; one whose mask is not `known` gives its range alone."""
        self.low, self.high = min(self.low, float(heat_HW.min())), max(self.high, float(heat_HW.max()))
        if not known:
            return
        bins = _bins(heat_HW)
        inside = mask_HW > 0
        self.normal += np.bincount(bins[~inside], minlength=BINS)
        if not inside.any():
            return
        counts = np.bincount(bins[inside], minlength=BINS)
        self.defects[defect] = self.defects.get(defect, 0.0) + counts
        count, parts, stats, _ = cv2.connectedComponentsWithStats(mask_HW)
        weights = 1.0 / stats[parts[inside], cv2.CC_STAT_AREA]
        self.regions += np.bincount(bins[inside], weights=weights, minlength=BINS)
        self.region_count += count - 1

    @property
    def anomalous(self) -> Floats:
        """Number of anomalous pixels of all kinds."""
        return np.asarray(sum(self.defects.values(), np.zeros(BINS)))


class AnomalyMetric(LabelMetric):
    """AUROC and best F1 over images and over pixels, the overlap per region, and figures per kind of defect.

    `*_auroc` is the area under the ROC curve. `*_f1` is the best over all thresholds, and `*_threshold` is where, on
    the scale of the predictions, on which 0.5 is what the model itself applies. `pro` is the mean share of each
    connected region that is found, over false positive rates up to 0.3 (Bergmann et al. 2021, "The MVTec Anomaly
    Detection Dataset"). `score_range` is the difference between the hottest pixel and the coldest. Pixels are those of
    the model's input; defects without a mask are left out of the figures over pixels. Where only one of the two sides
    is there, a figure is 0.

    Attributes:
        names: The figures, the one to watch first.
    """

    names: ClassVar[tuple[str, ...]]

    def reset(self) -> None:
        """Forget all batches."""
        self._scores: list[float] = []
        self._labels: list[int] = []
        self._defects: list[str] = []
        self._pixels = Pixels()

    def update(self, prediction: AnomalyBatchPredEntity, truth: AnomalyBatchDataEntity) -> None:
        """Add a batch."""
        labels = truth.labels.tolist()
        self._scores += prediction.scores.tolist()
        self._labels += labels
        self._defects += truth.defects
        maps, masks = prediction.anomaly_maps.float().cpu().numpy(), truth.masks.cpu().numpy()
        for heat, mask, label, defect in zip(maps, masks, labels, truth.defects, strict=True):
            self._pixels.add(heat, mask, defect, known=not label or bool(mask.any()))

    @property
    def images(self) -> int:
        """How many were added."""
        return len(self._scores)

    def values(self, times_N: Times | None = None) -> dict[str, float]:
        """The figures over images, each so many times; those over pixels are kept for all images together.

        A choice of images that are all normal or all anomalous has no figures: nothing could be told apart.
        """
        scores, labels = np.array(self._scores), np.array(self._labels, dtype=bool)
        if times_N is not None:
            scores, labels = np.repeat(scores, times_N), np.repeat(labels, times_N)
            if len(np.unique(labels)) < 2:
                return {}
        values, negatives, positives = _by_value(scores, labels)
        f1, threshold = _best_f1(values, negatives, positives)
        return {"image_auroc": _auroc(negatives, positives), "image_f1": f1, "image_threshold": threshold}

    def compute(self) -> MetricResult:
        """Figures over all batches."""
        pixels = self._pixels
        pixel_f1, pixel_threshold = _best_f1(_edges(), pixels.normal, pixels.anomalous)
        found = self.values() | {
            "pixel_auroc": _auroc(pixels.normal, pixels.anomalous),
            "pixel_f1": pixel_f1,
            "pixel_threshold": pixel_threshold,
            "pro": _pro(pixels),
            "score_range": pixels.high - pixels.low if self._scores else 0.0,
        }
        return MetricResult({name: found[name] for name in self.names}, self._per_defect())

    def _per_defect(self) -> dict[str, dict[str, float]]:
        """Each kind of defect against all normal images, and its pixels against all normal pixels."""
        kinds, labels = np.array(self._defects), np.array(self._labels, dtype=bool)
        scores, figures = np.array(self._scores), {}
        for kind in sorted(set(kinds[labels].tolist())) if len(labels) else ():
            chosen = ~labels | (kinds == kind)
            figures[kind] = {"image_auroc": _auroc(*_by_value(scores[chosen], labels[chosen])[1:])}
            if "pixel_auroc" in self.names and kind in self._pixels.defects:
                figures[kind]["pixel_auroc"] = _auroc(self._pixels.normal, self._pixels.defects[kind])
        return figures


class AnomalyClassificationMetric(AnomalyMetric):
    """The figures over images."""

    names = CLASSIFICATION


class AnomalySegmentationMetric(AnomalyMetric):
    """All figures; the area under the ROC curve of the pixels is watched."""

    names = SEGMENTATION


class AnomalyDetectionMetric(AnomalyMetric):
    """All figures; the overlap per region is watched, in which small defects count as much as large ones."""

    names = DETECTION


def _bins(values: Floats) -> npt.NDArray[np.int64]:
    """The bin of each value: its leading bits, in the order of the values."""
    bits = np.ascontiguousarray(values, np.float32).view(np.int32)
    # Negative floats are ordered the other way round.
    ordered = np.where(bits < 0, ~bits ^ np.int32(-(2**31)), bits) >> DROPPED_BITS
    return ordered.astype(np.int64) + BINS // 2


def _edges() -> Floats:
    """The least value of each bin."""
    ordered = (np.arange(BINS, dtype=np.int64) - BINS // 2) << DROPPED_BITS
    bits = ordered.astype(np.int32)
    return np.where(bits < 0, ~bits ^ np.int32(-(2**31)), bits).view(np.float32)


def _by_value(scores: Any, positive: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:  # noqa: ANN401
    """Distinct scores in rising order, and how many negatives and positives have each."""
    values, index = np.unique(np.asarray(scores, np.float64), return_inverse=True)
    counts = [np.bincount(index[side], minlength=len(values)).astype(float) for side in (~positive, positive)]
    return values, counts[0], counts[1]


def _auroc(negatives: Floats, positives: Floats) -> float:
    """The chance that a positive ranks above a negative, ties counted half; counts are by rising value."""
    below = np.cumsum(negatives) - negatives
    pairs = negatives.sum() * positives.sum()
    return float((positives * (below + negatives / 2)).sum() / pairs) if pairs else 0.0


def _best_f1(values: Floats, negatives: Floats, positives: Floats) -> tuple[float, float]:
    """The best F1 and its threshold, half-way to the next lower value, so that rounding does not flip a decision.

    Without positives nothing shall be called one: the threshold is the highest value.
    """
    there = negatives + positives > 0
    values, negatives, positives = values[there], negatives[there], positives[there]
    if not positives.sum():
        return 0.0, float(values[-1]) if len(values) else 0.5
    hits = np.cumsum(positives[::-1])[::-1]
    alarms = hits + np.cumsum(negatives[::-1])[::-1]
    f1 = 2 * hits / (alarms + positives.sum())
    best = int(f1.argmax())
    below = values[best - 1] if best else values[best]
    return float(f1[best]), float((float(values[best]) + float(below)) / 2)


def _pro(pixels: Pixels) -> float:
    """Area under the overlap per region against the false positive rate up to `PRO_LIMIT`, as a share of it."""
    total = pixels.normal.sum()
    if not total or not pixels.region_count:
        return 0.0
    rate = np.append(0.0, np.cumsum(pixels.normal[::-1])) / total
    overlap = np.append(0.0, np.cumsum(pixels.regions[::-1])) / pixels.region_count
    inside = rate <= PRO_LIMIT
    limit = float(np.interp(PRO_LIMIT, rate, overlap))
    area = np.trapezoid(np.append(overlap[inside], limit), np.append(rate[inside], PRO_LIMIT))
    return float(area / PRO_LIMIT)
