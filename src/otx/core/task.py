"""The tasks of OTX and what each of them is made of (seed, figure 1). Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from otx.core.errors import UserError
from otx.core.evidence import Claim, Evidence
from otx.core.label_info import LabelInfo
from otx.core.refs import resolve


class OTXTaskType(StrEnum):
    """The deep-learning task that a data set poses and a model solves."""

    MULTI_CLASS_CLS = "MULTI_CLASS_CLS"
    MULTI_LABEL_CLS = "MULTI_LABEL_CLS"
    H_LABEL_CLS = "H_LABEL_CLS"
    DETECTION = "DETECTION"
    ROTATED_DETECTION = "ROTATED_DETECTION"
    INSTANCE_SEGMENTATION = "INSTANCE_SEGMENTATION"
    SEMANTIC_SEGMENTATION = "SEMANTIC_SEGMENTATION"
    KEYPOINT_DETECTION = "KEYPOINT_DETECTION"
    ANOMALY_CLASSIFICATION = "ANOMALY_CLASSIFICATION"
    ANOMALY_DETECTION = "ANOMALY_DETECTION"
    ANOMALY_SEGMENTATION = "ANOMALY_SEGMENTATION"
    ACTION_CLASSIFICATION = "ACTION_CLASSIFICATION"
    VISUAL_PROMPTING = "VISUAL_PROMPTING"


PARTS = {
    "sample": ".entity:{stem}DataEntity",
    "batch": ".entity:{stem}BatchDataEntity",
    "prediction": ".entity:{stem}BatchPredEntity",
    "reader": ".reader:{stem}Reader",
    "model": ".model:OTX{stem}Model",
    "metric": ".metric:{stem}Metric",
    "decode": ".decode:decode",
    "draw": ".draw:draw",
    "demo": ".demo:write_demo",
}
"""What every task has, and where it is in the task's package unless the row says otherwise."""
OPTIONAL_PARTS = ("plain", "pseudo_labels", "merge", "saliency")


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """The one row that ties a task to its entities, reader, model base, metric, decoding and drawing.

    Heavy parts are references (`package.module:name`, see `otx.core.refs`), so a table of tasks costs no torch. A row
    with a `package` names only those that are not where `PARTS` has them, and may name them from there: `.merge:merge`.

    Attributes:
        task: An `OTXTaskType`, or a name in capitals that a package from outside gives to a task of its own.
        title: Its name in prose, for example `Object detection`.
        package: Where its parts are; empty where the row names them all.
        stem: What the names of its classes have in common, for example `Det` of `DetBatchDataEntity`.
        sample: `OTXDataEntity` subclass.
        batch: `OTXBatchDataEntity` subclass.
        prediction: `OTXBatchPredEntity` subclass.
        reader: `otx.data.reader.TaskReader` implementation.
        model: `OTXModel` subclass that is the typed base of the task's models.
        metric: `otx.core.metric.TaskMetric` class, built as `metric(label_info)`.
        decode: Function from raw graph outputs to the prediction entity (see `OTXModel.export_graph`).
        plain: The like with numpy and OpenCV alone, for deployment bundles: function from the outputs of one image and
            what the file says (see `otx.deploy.runner`) to its entry of `predictions.json`, in a module that imports
            nothing else, and of OTX only such modules; empty where there is none, and then there are no bundles.
        pseudo_labels: Function from a prediction and a threshold to a batch of the images of which it is sure, with
            their labels; empty where there is none, and then nothing is learned from images without labels.
        merge: Function from the predictions on the tiles of an image to one on the image, `merge(predictions, windows,
            info)`; empty where images cannot be cut into tiles, and then the reader needs no `cut`.
        draw: Function that draws a record of `predictions.json` on an image.
        saliency: `otx.core.saliency.Saliency` subclass: what there is to explain in a prediction; empty where there is
            nothing, and then the task's models are not `explainable`.
        claim: Says how well the content of a data set fits the task, or None if it does not.
        recipe: Name of the base recipe, a file of `otx/recipes/`, as a rule that of the package; the path of a YAML
            file where the task is a package of its own.
        finetune: The like, to be laid over `recipe` when training starts from pretrained weights; empty for none.
        monitor: Metric that decides which checkpoint is the best; as a rule the first of `metrics`.
        monitor_mode: Whether a higher or a lower value of `monitor` is better.
        metrics: Names of the reported metrics, `monitor` first.
        formats: Data formats that can carry the task.
        model_api_type: `model_type` of the public openvino-model-api package that reads the exported model;
            empty where it has none for the task.
        model_api: What else that package has to be told, by its own keys, for example `{"multilabel": "True"}`; a
            decode setting is named in braces.
        model_api_labels: What it has to be told of the labels beyond their names, by its own keys.
        model_api_background: That package counts the labels of this type from 1, behind a background of its own.
        default_model: Catalog row to train when its pretrained weights can be had.
        default_model_from_scratch: Catalog row that learns from random weights on little data.
        demo: Function that writes a demonstration data set made from scikit-learn's digits.
    """

    task: str
    title: str
    package: str = ""
    stem: str = ""
    sample: str = ""
    batch: str = ""
    prediction: str = ""
    reader: str = ""
    model: str = ""
    metric: str = ""
    decode: str = ""
    plain: str = ""
    pseudo_labels: str = ""
    merge: str = ""
    draw: str = ""
    saliency: str = ""
    claim: Callable[[Evidence], Claim | None] = field(repr=False)
    recipe: str = ""
    finetune: str = ""
    monitor: str = ""
    monitor_mode: Literal["max", "min"] = "max"
    metrics: tuple[str, ...]
    formats: tuple[str, ...]
    model_api_type: str
    model_api: Mapping[str, str] = field(default_factory=dict, hash=False)
    model_api_labels: Callable[[LabelInfo], Mapping[str, str]] | None = field(default=None, repr=False)
    model_api_background: bool = False
    default_model: str
    default_model_from_scratch: str
    demo: str = ""

    def __post_init__(self) -> None:
        usual = {part: ref.format(stem=self.stem) for part, ref in PARTS.items()} if self.package else {}
        parts = {part: getattr(self, part) or usual.get(part, "") for part in (*PARTS, *OPTIONAL_PARTS)}
        full = {part: self.package + ref if ref.startswith(".") else ref for part, ref in parts.items()}
        full["recipe"] = self.recipe or self.package.rpartition(".")[2]
        full["monitor"] = self.monitor or self.metrics[0]
        missing = [name for name in (*PARTS, "recipe") if not full[name]]
        if missing:
            raise UserError(f"task {self.task} lacks {', '.join(missing)}: name them, or the package that has them")
        for name, value in full.items():
            object.__setattr__(self, name, value)

    def load(self, part: str) -> Any:  # noqa: ANN401 - the type depends on the part
        """Import one of the parts that this row names, for example `spec.load("metric")`."""
        return resolve(getattr(self, part))
