"""Every task folder is made alike, and what its row names exists."""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import otx.tasks
from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity, OTXDataEntity
from otx.core.errors import UserError
from otx.core.evidence import Evidence
from otx.core.label_info import LabelInfo
from otx.core.model import OTXModel
from otx.core.task import PARTS, OTXTaskType, TaskSpec
from otx.recipes.files import read_recipe
from otx.tasks import task_specs

FILES = {f"{name}.py" for name in ("__init__", "spec", "entity", "reader", "model", "metric", "decode", "draw", "demo")}
FOLDERS = sorted(path for path in Path(otx.tasks.__path__[0]).iterdir() if (path / "spec.py").exists())
ALL_FILES = [path for folder in FOLDERS for path in folder.glob("*.py")]
SPECS = list(task_specs().values())

# For each task: content that is meant for it, and content that is not.
MADE_FOR = {
    OTXTaskType.SEMANTIC_SEGMENTATION: Evidence(format="mask_folders", items=5, annotations={"class_mask": 9}),
    OTXTaskType.DETECTION: Evidence(format="coco", items=5, annotations={"bbox": 9}),
    OTXTaskType.KEYPOINT_DETECTION: Evidence(format="coco", items=5, annotations={"bbox": 9, "points": 9}),
    OTXTaskType.INSTANCE_SEGMENTATION: Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 8}),
    OTXTaskType.ROTATED_DETECTION: Evidence(format="dota", items=5, annotations={"rotated_bbox": 9}),
    OTXTaskType.MULTI_CLASS_CLS: Evidence(format="imagenet", items=5, annotations={"label": 5}, max_image_labels=1),
    OTXTaskType.ACTION_CLASSIFICATION: Evidence(
        format="kinetics", items=5, annotations={"label": 5}, max_image_labels=1, videos=5
    ),
    OTXTaskType.H_LABEL_CLS: Evidence(
        format="datumaro", items=5, annotations={"label": 5}, max_image_labels=1, label_groups=(2, 2, 2), parents=4
    ),
    OTXTaskType.MULTI_LABEL_CLS: Evidence(format="csv", items=5, annotations={"label": 9}, max_image_labels=3),
    OTXTaskType.ANOMALY_CLASSIFICATION: Evidence(format="mvtec", items=5, annotations={"label": 5}, max_image_labels=1),
    OTXTaskType.ANOMALY_SEGMENTATION: Evidence(
        format="mvtec", items=5, annotations={"label": 5, "mask": 3}, max_image_labels=1
    ),
}
BY_NAME = {
    OTXTaskType.ANOMALY_DETECTION: Evidence(format="mvtec", items=5, annotations={"label": 5, "mask": 3}),
    OTXTaskType.VISUAL_PROMPTING: Evidence(format="coco", items=5, annotations={"polygon": 9}),
}
"""For each task that has to be asked for: content that it can be trained on, and that suits another task better."""
NOT_MADE_FOR = {
    OTXTaskType.SEMANTIC_SEGMENTATION: [
        Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 9}),
        Evidence(format="coco", items=5, annotations={"bbox": 9, "mask": 9}),
    ],
    OTXTaskType.INSTANCE_SEGMENTATION: [
        Evidence(format="coco", items=5, annotations={"bbox": 9}),
        Evidence(format="dota", items=5, annotations={"rotated_bbox": 9}),
    ],
    OTXTaskType.VISUAL_PROMPTING: [Evidence(format="coco", items=5, annotations={"bbox": 9})],
    OTXTaskType.ROTATED_DETECTION: [
        Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 9}),
        Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 9}, rectangles=9),
        Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 9}, rectangles=3, slanted=3),
    ],
    OTXTaskType.DETECTION: [Evidence(format="imagenet", items=5, annotations={"label": 5}, max_image_labels=1)],
    OTXTaskType.KEYPOINT_DETECTION: [Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 9})],
    OTXTaskType.MULTI_CLASS_CLS: [
        Evidence(format="coco", items=5, annotations={"bbox": 9}),
        Evidence(format="datumaro", items=5, annotations={"label": 9}, max_image_labels=3),
        Evidence(format="datumaro", items=5, annotations={"label": 5, "bbox": 1}, max_image_labels=1),
        Evidence(format="imagenet", items=5, annotations={}),
        Evidence(format="kinetics", items=5, annotations={"label": 5}, max_image_labels=1, videos=5),
    ],
    OTXTaskType.ACTION_CLASSIFICATION: [
        Evidence(format="imagenet", items=5, annotations={"label": 5}, max_image_labels=1),
        Evidence(format="kinetics", items=5, annotations={"label": 9}, max_image_labels=2, videos=5),
    ],
    OTXTaskType.H_LABEL_CLS: [
        Evidence(format="datumaro", items=5, annotations={"label": 5}, max_image_labels=1, label_groups=(3,)),
        Evidence(format="datumaro", items=5, annotations={"label": 9}, max_image_labels=2, label_groups=(1, 1)),
        Evidence(format="datumaro", items=5, annotations={"label": 5, "bbox": 3}, max_image_labels=1, parents=2),
    ],
    OTXTaskType.MULTI_LABEL_CLS: [
        Evidence(format="coco", items=5, annotations={"bbox": 9}),
        Evidence(format="imagenet", items=5, annotations={"label": 5}, max_image_labels=1),
        Evidence(format="datumaro", items=5, annotations={"label": 5}, max_image_labels=1, label_groups=(3,)),
        Evidence(format="datumaro", items=5, annotations={"label": 9}, max_image_labels=2, parents=2),
    ],
    OTXTaskType.ANOMALY_CLASSIFICATION: [
        Evidence(format="imagenet", items=5, annotations={"label": 5}, max_image_labels=1)
    ],
    OTXTaskType.ANOMALY_SEGMENTATION: [
        Evidence(format="mvtec", items=5, annotations={"label": 5}, max_image_labels=1),
        Evidence(format="coco", items=5, annotations={"mask": 5}),
    ],
    OTXTaskType.ANOMALY_DETECTION: [Evidence(format="mvtec", items=5, annotations={"label": 5}, max_image_labels=1)],
}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_task_folders_have_the_same_files(folder: Path) -> None:
    specs = [spec for spec in SPECS if f".{folder.name}." in spec.reader]
    own_demo = any(f".{folder.name}." in spec.demo for spec in specs)  # or one of another task, by reference
    files = FILES - (set() if own_demo else {"demo.py"})
    for part in ("merge", "saliency", "plain", "pseudo_labels"):
        files |= {f"{part}.py"} if any(f".{folder.name}." in getattr(spec, part) for spec in specs) else set()
    assert {path.name for path in folder.glob("*.py")} == files
    assert {path.name for path in folder.iterdir()} - files <= {"__pycache__"}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.task)
class TestRow:
    def test_every_part_exists(self, spec: TaskSpec) -> None:
        parts = {part: spec.load(part) for part in PARTS}
        assert issubclass(parts["sample"], OTXDataEntity)
        assert issubclass(parts["batch"], OTXBatchDataEntity)
        assert issubclass(parts["prediction"], OTXBatchPredEntity)
        assert issubclass(parts["prediction"], parts["batch"])
        assert issubclass(parts["model"], OTXModel)
        assert parts["model"].task in {other.task for other in SPECS if other.model == spec.model}
        assert all(dataclasses.is_dataclass(parts[part]) for part in ("sample", "batch", "prediction"))
        for method in ("label_info", "annotation", "label_ids", "entity"):
            assert callable(getattr(parts["reader"](), method))

    def test_the_metric_says_what_the_row_promises(self, spec: TaskSpec) -> None:
        result = spec.load("metric")(LabelInfo(tuple("abcdefg"))).compute()
        assert list(result.values) == list(spec.metrics)
        assert spec.monitor == spec.metrics[0]
        json.dumps(dataclasses.asdict(result), allow_nan=False)

    def test_decode_and_draw_have_the_common_form(self, spec: TaskSpec) -> None:
        parameters = list(inspect.signature(spec.load("decode")).parameters.values())
        assert [p.name for p in parameters[:3]] == ["raw", "images", "imgs_info"]
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters[3:])
        assert list(inspect.signature(spec.load("draw")).parameters) == ["image", "record", "labels", "title"]

    def test_the_claim_fires(self, spec: TaskSpec) -> None:
        evidence = MADE_FOR.get(spec.task) or BY_NAME[spec.task]
        claim = spec.claim(evidence)
        assert claim is not None
        assert "5" in claim.reason
        others = [other.claim(evidence) for other in SPECS if other is not spec]
        wins = all(other is None or other.fit < claim.fit for other in others)
        assert wins == (spec.task in MADE_FOR)
        assert (0.5 < claim.fit <= 1) == wins

    def test_the_claim_does_not_fire(self, spec: TaskSpec) -> None:
        for evidence in NOT_MADE_FOR[spec.task]:
            assert spec.claim(evidence) is None


def test_outlines_make_detection_give_way() -> None:
    claim = task_specs()[OTXTaskType.DETECTION].claim
    boxes = claim(Evidence(format="coco", items=5, annotations={"bbox": 9}))
    both = claim(Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 9}))
    outlines = claim(Evidence(format="coco", items=5, annotations={"polygon": 9}))
    assert boxes is not None
    assert both is not None
    assert outlines is not None
    assert boxes.fit > both.fit > outlines.fit


def test_few_outlines_make_instance_segmentation_give_way() -> None:
    few = Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 3})
    claims = {spec.task: spec.claim(few) for spec in SPECS}
    detection, instances = claims[OTXTaskType.DETECTION], claims[OTXTaskType.INSTANCE_SEGMENTATION]
    assert detection is not None
    assert instances is not None
    assert detection.fit > instances.fit


def test_labels_in_groups_of_their_own_are_not_one_of_several() -> None:
    evidence = Evidence(
        format="datumaro", items=5, annotations={"label": 5}, max_image_labels=1, label_groups=(1, 1, 1)
    )
    claims = {spec.task: claim for spec in SPECS if (claim := spec.claim(evidence)) is not None}
    assert max(claims, key=lambda task: claims[task].fit) == OTXTaskType.MULTI_LABEL_CLS


def test_polygons_that_are_slanted_rectangles_are_rotated_boxes() -> None:
    evidence = Evidence(format="coco", items=5, annotations={"bbox": 9, "polygon": 9}, rectangles=9, slanted=4)
    claims = {spec.task: claim.fit for spec in SPECS if (claim := spec.claim(evidence))}
    assert max(claims, key=lambda task: claims[task]) == OTXTaskType.ROTATED_DETECTION


def test_specs_readers_drawing_and_demos_need_no_torch() -> None:
    files = ("spec", "reader", "draw", "demo")
    modules = [f"otx.tasks.{path.parent.name}.{name}" for name in files for path in ALL_FILES if path.stem == name]
    program = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.task)
def test_recipes_of_a_row_are_there(spec: TaskSpec) -> None:
    assert read_recipe(spec.recipe)
    assert not spec.finetune or read_recipe(spec.finetune)


OWN: dict[str, Any] = {
    "task": "PRESENCE",
    "title": "Presence",
    "claim": lambda _: None,
    "metrics": ("map", "f1"),
    "formats": ("coco",),
    "model_api_type": "",
    "default_model": "presence/small",
    "default_model_from_scratch": "presence/small",
}


def test_a_row_names_what_is_not_at_its_usual_place() -> None:
    spec = TaskSpec(**OWN, package="my.presence", stem="Presence", merge=".tiles:join", demo="other.demo:write_demo")
    assert (spec.sample, spec.reader) == ("my.presence.entity:PresenceDataEntity", "my.presence.reader:PresenceReader")
    assert (spec.model, spec.draw) == ("my.presence.model:OTXPresenceModel", "my.presence.draw:draw")
    assert (spec.merge, spec.demo, spec.plain) == ("my.presence.tiles:join", "other.demo:write_demo", "")
    assert (spec.recipe, spec.finetune, spec.monitor) == ("presence", "", "map")


def test_a_row_may_name_everything() -> None:
    named = {part: f"mine:{part}" for part in PARTS}
    spec = TaskSpec(**OWN, **named, recipe="mine.yaml", monitor="f1")
    assert {part: getattr(spec, part) for part in PARTS} == named
    assert (spec.recipe, spec.monitor) == ("mine.yaml", "f1")


def test_a_row_that_names_too_little_is_refused() -> None:
    with pytest.raises(UserError, match="task PRESENCE lacks draw, recipe: name them"):
        TaskSpec(**OWN, **{part: f"mine:{part}" for part in PARTS if part != "draw"})
