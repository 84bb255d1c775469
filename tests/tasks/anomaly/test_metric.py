"""Figures agree with scikit-learn, and thresholds found in validation end up where the model applies them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_recall_curve, roc_auc_score

from otx.core.bootstrap import DRAWS, bootstrap
from otx.core.image_info import ImageInfo
from otx.tasks.anomaly.decode import decode
from otx.tasks.anomaly.entity import LABELS, AnomalyBatchDataEntity
from otx.tasks.anomaly.metric import (
    AnomalyClassificationMetric,
    AnomalyDetectionMetric,
    AnomalySegmentationMetric,
)

NEUTRAL = {"image_threshold": 0.5, "pixel_threshold": 0.5, "normalization_scale": 1.0}


def batch_of(masks, labels=None, defects=None):
    masks = torch.as_tensor(np.asarray(masks), dtype=torch.uint8)
    labels = masks.flatten(1).any(dim=1).long() if labels is None else torch.tensor(labels)
    return AnomalyBatchDataEntity(
        images=torch.zeros(len(masks), 3, *masks.shape[1:], dtype=torch.uint8),
        imgs_info=[ImageInfo(path=f"{i}.png", height=masks.shape[1], width=masks.shape[2]) for i in range(len(masks))],
        labels=labels,
        masks=masks,
        defects=defects or ["hole" if label else "" for label in labels.tolist()],
    )


def updated(maps, truth, metric=AnomalySegmentationMetric, settings=NEUTRAL):
    found = metric(LABELS)
    raw = {"anomaly_map": torch.as_tensor(np.asarray(maps, np.float32)).unsqueeze(1)}
    found.update(decode(raw, truth.images, truth.imgs_info, **settings), truth)
    return found


def measured(maps, truth, metric=AnomalySegmentationMetric, settings=NEUTRAL):
    return updated(maps, truth, metric, settings).compute()


@pytest.fixture
def noisy():
    """Twelve images, half of them with a square that is a little hotter than the noise around it."""
    rng = np.random.default_rng(0)
    masks = np.zeros((12, 24, 24), np.uint8)
    for index in range(6):
        top, left = rng.integers(2, 14, 2)
        masks[index, top : top + 6, left : left + 6] = 1
    return rng.normal(0, 1, masks.shape) + 1.2 * masks, masks


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e4])
def test_figures_are_those_of_scikit_learn_on_any_scale(noisy, unit):
    maps, masks = noisy
    values = measured(maps * unit, batch_of(masks)).values
    scores, labels = maps.max(axis=(1, 2)), masks.any(axis=(1, 2))
    assert values["image_auroc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
    assert values["pixel_auroc"] == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=2e-4)
    for name, truth, heat in (("image", labels, scores), ("pixel", masks.ravel(), maps.ravel())):
        precision, recall, _ = precision_recall_curve(truth, heat)
        best = (2 * precision * recall / np.maximum(precision + recall, 1e-9)).max()
        assert values[f"{name}_f1"] == pytest.approx(best, abs=1e-3)
        chosen = heat * unit >= values[f"{name}_threshold"]
        assert 2 * (chosen & (truth > 0)).sum() / (chosen.sum() + truth.sum()) == pytest.approx(best, abs=1e-3)


def test_small_regions_count_as_much_as_large_ones():
    masks = np.zeros((2, 32, 32), np.uint8)
    masks[0, :16, :16] = 1
    masks[0, 24:26, 24:26] = 1
    maps = masks.astype(np.float32)
    assert measured(maps, batch_of(masks)).values["pro"] == pytest.approx(1.0)
    maps[0, 24:26, 24:26] = -1.0
    values = measured(maps, batch_of(masks)).values
    assert values["pro"] == pytest.approx(0.5, abs=1e-6)
    assert values["pixel_auroc"] > 0.98


def test_overlap_is_that_of_all_thresholds(noisy):
    """The definition, threshold by threshold."""
    maps, masks = noisy
    curve = []
    for threshold in np.sort(np.unique(maps))[::-1]:
        found = maps >= threshold
        overlap = np.mean([found[i][masks[i] > 0].mean() for i in range(6)])
        curve.append((found[masks == 0].mean(), overlap))
    rate, overlap = np.array(curve).T
    grid = np.linspace(0, 0.3, 3001)
    expected = np.trapezoid(np.interp(grid, rate, overlap), grid) / 0.3
    assert measured(maps, batch_of(masks)).values["pro"] == pytest.approx(expected, abs=2e-3)


def test_each_kind_of_defect_has_its_figures(noisy):
    maps, masks = noisy
    kinds = ["hole", "hole", "dent", "dent", "dent", "dent"] + [""] * 6
    per_class = measured(maps, batch_of(masks, defects=kinds)).per_class
    assert list(per_class) == ["dent", "hole"]
    chosen = [0, 1, *range(6, 12)]
    expected = roc_auc_score(masks[chosen].any(axis=(1, 2)), maps[chosen].max(axis=(1, 2)))
    assert per_class["hole"]["image_auroc"] == pytest.approx(expected)
    classification = measured(maps, batch_of(masks, defects=kinds), AnomalyClassificationMetric).per_class
    assert list(classification["hole"]) == ["image_auroc"]


def test_defects_without_a_mask_do_not_spoil_the_pixels(noisy):
    maps, masks = noisy
    unknown = np.concatenate([masks, np.zeros_like(masks[:1])])
    hot = np.concatenate([maps, np.full_like(maps[:1], 9.0)])
    values = measured(hot, batch_of(unknown, labels=[1] * 6 + [0] * 6 + [1])).values
    assert values["pixel_auroc"] == measured(maps, batch_of(masks)).values["pixel_auroc"]
    assert values["score_range"] == pytest.approx(9.0 - maps.min(), rel=1e-5)


def test_one_side_alone_is_no_reason_to_fail():
    normal = measured(np.random.default_rng(0).normal(size=(4, 8, 8)), batch_of(np.zeros((4, 8, 8))))
    assert normal.values["image_auroc"] == normal.values["pro"] == normal.values["image_f1"] == 0.0
    assert all(np.isfinite(list(normal.values.values())))
    bad = measured(np.ones((2, 8, 8)), batch_of(np.ones((2, 8, 8))))
    assert bad.values["image_f1"] == 1.0


def test_choices_of_one_kind_of_image_are_not_in_the_interval():
    """Of twelve images with one normal one, a third of all choices are without it."""
    masks = np.ones((12, 8, 8))
    masks[0] = 0
    draws = bootstrap(updated(masks, batch_of(masks)))
    assert set(draws["image_auroc"]) == {1.0}
    assert DRAWS / 2 < len(draws["image_auroc"]) < 0.8 * DRAWS
    assert bootstrap(updated(masks[1:], batch_of(masks[1:]))) == {}


def test_watched_figure_comes_first():
    assert AnomalyClassificationMetric.names[0] == "image_auroc"
    assert AnomalySegmentationMetric.names[0] == "pixel_auroc"
    assert AnomalyDetectionMetric.names[0] == "pro"
