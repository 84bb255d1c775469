"""Labels that a subset lacks, that nobody uses, or that stand alone: every classification task takes them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.generated import Picture, write_datumaro
from torch import nn

from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType
from otx.data.images import read_image
from otx.data.index import DataIndex, build_index
from otx.data.source import open_source
from otx.engine.autoconfig import choose_task
from otx.recipes.plan import Plan
from otx.tasks import task_spec, task_specs
from otx.transforms.fit import FitToInput

TASKS = (OTXTaskType.MULTI_CLASS_CLS, OTXTaskType.MULTI_LABEL_CLS, OTXTaskType.H_LABEL_CLS)
SPEC = InputSpec(height=8, width=8)


def index_of(root: Path, task: str) -> DataIndex:
    reader = task_spec(task).load("reader")()
    return build_index(open_source(root), reader, on_bad_data="error", seed=0, split_file=None)


def batch_of(index: DataIndex, task: str, subset: Any) -> Any:
    spec = task_spec(task)
    reader, fit = spec.load("reader")(), FitToInput(SPEC)
    infos = [ImageInfo(path=str(item.path), height=item.height, width=item.width) for item in index.subsets[subset]]
    samples = [
        fit(reader.entity(read_image(item.path), info, item.annotation))
        for item, info in zip(index.subsets[subset], infos, strict=True)
    ]
    return spec.load("batch").collate(samples)


def goes_the_whole_way(root: Path, task: str) -> dict[str, dict[str, float]]:
    """One step on train and the metric over val; gives the figures per class."""
    index, spec = index_of(root, task), task_spec(task)

    class Linear(spec.load("model")):  # type: ignore[misc]  # of each task
        def create_model(self) -> nn.Module:
            return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, len(self.label_info)))

        def customize_inputs(self, batch: Any) -> dict[str, Any]:
            return {"input": self.normalize(batch.images)}

    assert not index.why_not_trainable()
    model = Linear(index.labels, SPEC)
    total = model.train()(batch_of(index, task, "train")).total
    total.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
    metric, val = spec.load("metric")(index.labels), batch_of(index, task, "val")
    with torch.no_grad():
        metric.update(model.eval()(val), val)
        result = metric.compute()
        model.adopt_validation(result)
        assert model(val).records(index.labels, 0.0)
    assert all(math.isfinite(value) for value in result.values.values())
    return dict(result.per_class)


@pytest.mark.parametrize("task", TASKS)
def test_labels_that_validation_lacks_or_that_nobody_uses(tmp_path: Path, task: str) -> None:
    made = [Picture(f"t{number}", "train", label=label) for number, label in enumerate(("star", "box", "star"))]
    write_datumaro(tmp_path, [*made, Picture("v", "val", label="star"), Picture("e", "test", label="star")])
    index = index_of(tmp_path, task)
    assert index.labels.names == ("box", "Disc", "star")
    assert index.class_counts["train"] == (1, 0, 2)
    assert index.class_counts["val"] == (0, 0, 1)
    goes_the_whole_way(tmp_path, task)


@pytest.mark.parametrize("task", TASKS)
def test_one_label_only(tmp_path: Path, task: str) -> None:
    subsets = ("train", "train", "val", "test")
    made = [Picture(f"p{number}", subset, label="star") for number, subset in enumerate(subsets)]
    write_datumaro(tmp_path, made, labels=("star",))
    assert set(goes_the_whole_way(tmp_path, task)) == {"star"}


def test_images_without_any_label_are_negatives_of_several_labels(tmp_path: Path) -> None:
    made = [Picture("a", "train", label="star"), Picture("b", "train"), Picture("c", "val"), Picture("d", "test")]
    write_datumaro(tmp_path, made)
    assert goes_the_whole_way(tmp_path, OTXTaskType.MULTI_LABEL_CLS) == {}
    assert len(index_of(tmp_path, OTXTaskType.MULTI_LABEL_CLS).subsets["train"]) == 2
    assert index_of(tmp_path, OTXTaskType.MULTI_CLASS_CLS).problems.counts() == {"image without a label left out": 3}


@pytest.mark.parametrize(
    ("label", "layout", "task"),
    [
        ("star", {"groups": [["star", "box", "Disc"]]}, OTXTaskType.MULTI_CLASS_CLS),
        ("star", {"groups": [["star"], ["box"], ["Disc"]]}, OTXTaskType.MULTI_LABEL_CLS),
        ("star,box", {}, OTXTaskType.MULTI_LABEL_CLS),
        ("star", {"parents": {"star": "box"}}, OTXTaskType.H_LABEL_CLS),
        ("star", {"groups": [["star", "box"], ["Disc"]]}, OTXTaskType.H_LABEL_CLS),
    ],
)
def test_groups_and_parents_decide_the_task(tmp_path: Path, label: str, layout: dict[str, Any], task: str) -> None:
    write_datumaro(tmp_path, [Picture("a", "train", label=label), Picture("b", "val", label=label)], **layout)
    assert choose_task(Plan(), open_source(tmp_path).evidence, task_specs()).task == task


def test_boxes_serve_several_labels_on_demand(tmp_path: Path) -> None:
    write_datumaro(tmp_path)
    source = open_source(tmp_path)
    assert choose_task(Plan(), source.evidence, task_specs()).task == OTXTaskType.DETECTION
    index = index_of(tmp_path, OTXTaskType.MULTI_LABEL_CLS)
    assert sum(index.class_counts["train"]) > len(index.subsets["train"])


def test_a_model_brings_its_tree_to_data_that_has_none(tmp_path: Path) -> None:
    write_datumaro(tmp_path / "tree", [Picture("a", "train", label="star")], parents={"star": "box"})
    write_datumaro(tmp_path / "flat", [Picture("a", "test", label="star")])
    write_datumaro(tmp_path / "other", [Picture("a", "test", label="star")], parents={"star": "Disc"})
    reader = task_spec(OTXTaskType.H_LABEL_CLS).load("reader")()
    labels = reader.label_info(open_source(tmp_path / "tree").categories)
    flat = open_source(tmp_path / "flat")
    flat.use_labels(labels)
    index = build_index(flat, reader, on_bad_data="error", seed=0, split_file=None)
    assert index.labels == labels
    assert index.class_counts["test"] == (1, 0, 1)
    with pytest.raises(ValueError, match="another tree of labels than the model: it puts 'star' below 'Disc', but"):
        open_source(tmp_path / "other").use_labels(labels)
