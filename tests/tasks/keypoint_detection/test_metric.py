"""Similarity of keypoints by COCO's rules, and what counts as correct."""

from __future__ import annotations

import numpy as np
import pytest

from otx.core.keypoints import Skeleton
from otx.core.label_info import LabelInfo
from otx.tasks.keypoint_detection.metric import KeypointMetric, oks, sigmas

BOX = [20.0, 20.0, 70.0, 60.0]
POINTS = [[30.0, 30.0, 2.0], [40.0, 25.0, 2.0], [60.0, 50.0, 1.0]]
SIDED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
PERSON = ("nose", *(f"{side}_{part}" for part in SIDED for side in ("left", "right")))


def moved(points: list[list[float]], by: float) -> list[list[float]]:
    return [[x + by, y, visible] for x, y, visible in points]


def measured(
    labels: LabelInfo, prediction: object, truth: object
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    metric = KeypointMetric(labels)
    metric.update(prediction, truth)  # type: ignore[arg-type]
    result = metric.compute()
    return result.values, result.per_class


def test_a_perfect_prediction(labels, make_prediction, make_truth) -> None:
    prediction = make_prediction([BOX], [POINTS], [1], [0.8])
    values, per_class = measured(labels, prediction, make_truth([BOX], [POINTS], [1]))
    assert [values[name] for name in ("oks_map", "oks_map_50", "pck", "pck_10", "f1")] == pytest.approx([1.0] * 5)
    assert values["f1_threshold"] == pytest.approx(0.4)
    assert list(per_class) == ["dog"]
    assert per_class["dog"]["pck left_ear"] == 1


@pytest.mark.parametrize(("by", "pck", "pck_10"), [(4, 1, 1), (8, 1, 0), (12, 0, 0)])
def test_pck_is_relative_to_the_longer_side(labels, make_prediction, make_truth, by, pck, pck_10) -> None:
    truth, prediction = make_truth([BOX], [POINTS], [0]), make_prediction([BOX], [moved(POINTS, by)], [0], [0.8])
    values, _ = measured(labels, prediction, truth)
    assert (values["pck"], values["pck_10"]) == (pck, pck_10)


def test_a_miss_weighs_less_for_an_object_of_a_larger_area(labels, make_prediction, make_truth) -> None:
    prediction = make_prediction([BOX], [moved(POINTS, 6)], [0], [0.8])
    small, large = (
        measured(labels, prediction, make_truth([BOX], [POINTS], [0], [area]))[0]["oks_map"] for area in (500.0, 2000.0)
    )
    assert small < large


def test_a_keypoint_that_is_not_labelled_does_not_matter(labels, make_prediction, make_truth) -> None:
    truth = make_truth([BOX], [[*POINTS[:2], [0.0, 0.0, 0.0]]], [0])
    prediction = make_prediction([BOX], [POINTS], [0], [0.8])
    values, per_class = measured(labels, prediction, truth)
    assert values["oks_map"] == values["pck"] == pytest.approx(1.0)
    assert "pck right_ear" not in per_class["cat"]


def test_objects_without_keypoints_and_their_detections_are_left_out(labels, make_prediction, make_truth) -> None:
    other = [120.0, 20.0, 170.0, 60.0]
    unlabelled = [[0.0, 0.0, 0.0]] * 3
    truth = make_truth([BOX, other], [POINTS, unlabelled], [0, 0])
    prediction = make_prediction([other, BOX], [moved(POINTS, 100), POINTS], [0, 0], [0.9, 0.8])
    values, _ = measured(labels, prediction, truth)
    assert values["oks_map"] == values["f1"] == pytest.approx(1.0)


@pytest.mark.parametrize("boxes", [[], [[120.0, 20.0, 170.0, 60.0]]])
def test_missed_objects_have_missed_keypoints(labels, make_prediction, make_truth, boxes) -> None:
    truth = make_truth([BOX], [POINTS], [0])
    prediction = make_prediction(boxes, [moved(POINTS, 100)] * len(boxes), [0] * len(boxes), [0.9] * len(boxes))
    values, _ = measured(labels, prediction, truth)
    assert values["oks_map"] == values["pck"] == values["f1"] == 0


def test_the_wrong_class_is_a_miss(labels, make_prediction, make_truth) -> None:
    truth, prediction = make_truth([BOX], [POINTS], [0]), make_prediction([BOX], [POINTS], [1], [0.9])
    values, _ = measured(labels, prediction, truth)
    assert values["oks_map"] == values["pck"] == 0


def test_similarity_is_that_of_coco() -> None:
    from faster_coco_eval import COCO, COCOeval_faster

    rng = np.random.default_rng(0)
    truth, found = rng.uniform(10, 90, (2, 17, 2)), rng.uniform(10, 90, (3, 17, 2))
    visible, areas = rng.integers(0, 3, (2, 17)), np.array([900.0, 2500.0])
    entries = [
        {
            "id": i + 1, "image_id": 1, "category_id": 1, "area": areas[i], "bbox": [0, 0, 100, 100], "iscrowd": 0,
            "keypoints": np.hstack([truth[i], visible[i][:, None]]).ravel().tolist(),
            "num_keypoints": int((visible[i] > 0).sum()),
        }
        for i in range(2)
    ]  # fmt: skip
    detections = [
        {
            "id": i + 1, "image_id": 1, "category_id": 1, "area": 1.0, "bbox": [0, 0, 100, 100], "score": 0.9 - i / 10,
            "keypoints": np.hstack([found[i], np.ones((17, 1))]).ravel().tolist(),
        }
        for i in range(3)
    ]  # fmt: skip
    frame = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "person"}]}
    evaluation = COCOeval_faster(
        COCO(frame | {"annotations": entries}), COCO(frame | {"annotations": detections}), "keypoints"
    )
    evaluation._prepare()
    theirs = np.asarray(evaluation.computeOks(1, 1))
    distances = np.linalg.norm(found[:, None] - truth, axis=-1)
    np.testing.assert_allclose(oks(distances, areas, (visible > 0).astype(int), sigmas(PERSON)), theirs, atol=1e-6)


def test_sigmas_of_a_person_are_coco_s_and_those_of_others_are_alike() -> None:
    assert sigmas(PERSON)[[0, 1, 11]].tolist() == [0.026, 0.025, 0.107]
    assert len(set(sigmas(("head", "tail")).tolist())) == 1
    assert len(set(sigmas(PERSON[:16]).tolist())) == 1


def test_nothing_at_all_is_zero() -> None:
    values = KeypointMetric(LabelInfo(("a",), keypoints=Skeleton(("x",)))).compute().values
    assert values["oks_map"] == values["pck"] == 0
