"""What each verb of the Engine returns: small, typed, with the paths of what was written. Imports no torch."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every verb returns, one without a work dir too."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable form, what `--json` prints."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self), default=os.fspath))
        return document


@dataclass(frozen=True, kw_only=True)
class VerbResult(Result):
    """What a verb with a work dir returns at least.

    Attributes:
        work_dir: Where everything was written.
    """

    work_dir: Path


@dataclass(frozen=True, kw_only=True)
class CheckResult(Result):
    """What a data root holds, and whether it can be trained on.

    Attributes:
        trainable: The verdict.
        task: The task that the data set is for; None if it fits none.
        report: Everything that was found: format, labels, counts, sizes, problems, and the reasons.
    """

    trainable: bool
    task: str | None
    report: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return self.report


@dataclass(frozen=True, kw_only=True)
class ShardResult(Result):
    """A data root whose pictures are in shards.

    Attributes:
        data_root: The folder that was written.
        pictures: Number of pictures in the shards.
        shards: Number of shards.
        files: Number of files that were copied as they are.
        size: Bytes of pictures and files.
        seconds: Wall-clock time.
    """

    data_root: Path
    pictures: int
    shards: int
    files: int
    size: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainResult(VerbResult):
    """Outcome of a training.

    Attributes:
        task: Name of the task.
        model: Name of the model.
        checkpoint: The best checkpoint, by `monitor` on the validation subset.
        last: The checkpoint of the last epoch.
        monitor: Name of the metric that decided.
        metrics: Validation metrics of the best checkpoint.
        epochs: Epochs done.
        stopped_early: Whether training ended before the planned epochs because it no longer improved.
        seconds: Wall-clock time of the training.
        budget: Seconds that it was asked to take, 0 if none; `budget_used` is the share that the whole run took.
        budget_used: See there; what went by before a resume is counted up to what it went on from.
        ram: GiB of memory that it was asked to take, 0 if none; `ram_used` is the share that its process took at most.
        ram_used: See there.
    """

    task: str
    model: str
    checkpoint: Path
    last: Path
    monitor: str
    metrics: dict[str, float]
    epochs: int
    stopped_early: bool
    seconds: float
    budget: float = 0.0
    budget_used: float = 0.0
    ram: float = 0.0
    ram_used: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SeedsResult(VerbResult):
    """The same training with several seeds.

    Attributes:
        monitor: Name of the metric that decided.
        metrics: By name the `mean` over the seeds, the `spread` (standard deviation) and the `values`, of validation.
        runs: A training each.
    """

    monitor: str
    metrics: dict[str, dict[str, Any]]
    runs: list[TrainResult]


@dataclass(frozen=True, kw_only=True)
class TestResult(VerbResult):
    """Metrics of a checkpoint or an exported model on a subset.

    Attributes:
        split: The subset that was used.
        metrics: Scalars by name.
        intervals: Ends of the 95 % interval of each over random choices of the images, where it has one.
        per_class: Label name -> metric name -> value.
        checkpoint: What was tested.
        images: Number of images.
        seconds: Wall-clock time.
    """

    __test__ = False  # not a pytest class

    split: str
    metrics: dict[str, float]
    intervals: dict[str, list[float]] = field(default_factory=dict)
    per_class: dict[str, dict[str, float]]
    checkpoint: Path
    images: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """What `test/metrics.json` holds: the same for the same model and data."""
        return {key: value for key, value in super().to_json().items() if key not in {"work_dir", "seconds"}}


@dataclass(frozen=True, kw_only=True)
class CompareResult(Result):
    """What `otx test` measured of two models on the same images, side by side.

    Attributes:
        first: As it was named.
        second: The like.
        split: The subset that both were tested on.
        images: Number of images.
        rows: Of each `metric` its values `first` and `second`, their `difference`, the 95 % `interval` of that over
            paired random choices of the images, and whether it is `significant`; None where there are no draws of it.
    """

    first: Path
    second: Path
    split: str
    images: int
    rows: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class PredictResult(VerbResult):
    """Predictions on files.

    Attributes:
        predictions: The `predictions.json` that was written.
        pictures: Folder with the drawn predictions; None where none were to be drawn.
        coco: The `coco_results.json` that was written; None where none was asked for.
        checkpoint: What predicted.
        threshold: Score below which objects were left out.
        images: Number of images.
        skipped: Files that could not be read.
        note: What to know of the predictions; empty where they are as anyone would expect.
        seconds: Wall-clock time.
    """

    predictions: Path
    pictures: Path | None = None
    coco: Path | None = None
    checkpoint: Path
    threshold: float
    images: int
    skipped: list[str] = field(default_factory=list)
    note: str = ""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ExplainResult(VerbResult):
    """Maps of what predictions on images rest on.

    Attributes:
        scores: The `scores.json` that was written.
        pictures: Folder with the maps, laid over the images and as arrays.
        checkpoint: What was explained.
        images: Number of images.
        maps: Number of maps, one for each label of an image.
        evidence: How many of them are better than random ones; the others are marked so, and not drawn.
        skipped: Files that could not be read.
        seconds: Wall-clock time.
    """

    scores: Path
    pictures: Path
    checkpoint: Path
    images: int
    maps: int
    evidence: int
    skipped: list[str] = field(default_factory=list)
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ServeResult(VerbResult):
    """What was served.

    Attributes:
        checkpoint: The model file.
        model: Name by which clients knew it.
        url: Of the page.
    """

    checkpoint: Path
    model: str
    url: str


@dataclass(frozen=True, kw_only=True)
class ExportResult(VerbResult):
    """An exported model and the proof that it equals the checkpoint.

    Attributes:
        model: The `.xml` or `.onnx` file.
        checkpoint: What was exported.
        format: `openvino` or `onnx`.
        precision: `fp32` or `fp16`.
        parity: Content of `parity.json`.
        bundle: The zip file, where it was asked for.
    """

    model: Path
    checkpoint: Path
    format: str
    precision: str
    parity: dict[str, Any]
    bundle: Path | None = None


@dataclass(frozen=True, kw_only=True)
class OptimizeResult(VerbResult):
    """A quantised model and the proof that it keeps the metric.

    Attributes:
        model: The `.xml` file.
        checkpoint: What was quantised.
        rung: Of the ladder, what passed.
        calibration_images: Number of images that the ranges of activations were taken from.
        parity: Content of `parity.json`.
    """

    model: Path
    checkpoint: Path
    rung: str
    calibration_images: int
    parity: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult(VerbResult):
    """How fast, how large and how good each form of a model is.

    Attributes:
        checkpoint: What was measured.
        metric: Name of the metric.
        split: Subset that it was measured on.
        images: Number of images.
        load: Of the machine before it began: work that others had for it.
        cores: That the process may use.
        rows: A form each: `name`, `device`, `latency_ms`, `images_per_second`, `cpu_ms`, `speed_up` against FP32 in
            OpenVINO, `batch_size`, `memory_mb`, `size_mb`, `metric`, `drop_relative` against the first, and a `note`
            where it failed, or takes one image at a time and more were asked for.
    """

    checkpoint: Path
    metric: str
    split: str
    images: int
    load: float
    cores: int
    rows: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class DemoResult(VerbResult):
    """Outcome of a demonstration, from making the data to predicting with the exported model.

    Attributes:
        task: Name of the task.
        model: Name of the model.
        data_root: The data set that was made.
        metrics: Of the checkpoint on the test subset.
        metrics_exported: Of the OpenVINO IR on the same.
        parity: Content of `parity.json`.
        seconds: Wall-clock time by step.
        exported: The OpenVINO IR.
        predictions: `predictions.json` of the test images.
        pictures: Folder with the drawn predictions.
        plots: Folder with curves, and with truth beside prediction.
    """

    task: str
    model: str
    data_root: Path
    metrics: dict[str, float]
    metrics_exported: dict[str, float]
    parity: dict[str, Any]
    seconds: dict[str, float]
    exported: Path
    predictions: Path
    pictures: Path
    plots: Path


@dataclass(frozen=True, kw_only=True)
class TuneResult(VerbResult):
    """Outcome of a search for settings.

    Attributes:
        monitor: The metric that decided.
        default: `value` of the recipe on validation images, `held_out`, and its `values`.
        best: The like of the best trial.
        wins: Whether the best trial beat the recipe on held-out data too, trained with another seed.
        recipe: File for `otx train --config`: the best trial's values if it wins, else the recipe's.
        trials: Each with `number`, `state`, `value`, `epochs`, `values` and `seconds`.
        plots: History and importance.
        seconds: Wall-clock time.
    """

    monitor: str
    default: dict[str, Any]
    best: dict[str, Any]
    wins: bool
    recipe: Path
    trials: list[dict[str, Any]]
    plots: list[Path]
    seconds: float
