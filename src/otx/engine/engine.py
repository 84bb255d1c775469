"""The Engine: every verb of OTX behind one object, for every task and framework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from otx.engine.given import Given, absolute_text, as_path, training_settings
from otx.engine.results import (
    BenchmarkResult,
    CheckResult,
    CompareResult,
    ExplainResult,
    ExportResult,
    OptimizeResult,
    PredictResult,
    SeedsResult,
    ServeResult,
    ShardResult,
    TestResult,
    TrainResult,
    TuneResult,
)

if TYPE_CHECKING:
    from otx.core.model import OTXModel
    from otx.data.own import OwnData
    from otx.recipes.plan import Plan


class Engine:
    """Train a model on a folder of images and bring it to the device.

    Only `data_root` is needed; whatever else is left out is chosen for you and explained in `plan.yaml`.

    Args:
        data_root: Folder of the data set; any supported format, found from its content.
        model: Catalog name, `FILE.py:Class`, or an `OTXModel` object; checkpoints of the last two need it said again.
        task: Name of the task, if the content of the data allows more than one reading.
        work_dir: Where to write. Training makes one if None; the other verbs then use the latest.
        data_format: Overrules the recognition of the format.
        config: A recipe file of yours, laid over the recipe of the task.
        pretrained: Start from pretrained weights: true, false, a local file, or auto.
        seed: Seeds everything random.
        device: Where to train.
        devices: Processes that train together, each on a device of its own or on its part of the processor; a script
            that asks for several needs `if __name__ == "__main__":`, as `multiprocessing` does. Each has the whole
            model, or its part where `settings` has `{"training.strategy": "fsdp"}` in place of "ddp".
        on_bad_data: What to do with images that cannot be read.
        data: Datasets of your own in place of `data_root`.
        unlabeled_data_root: Folder of images without labels to learn from, too; for classification with one label and
            for detection.
        settings: Any other setting by its dotted key, as `--set` takes them.

    Examples:
        >>> engine = Engine(data_root="my_images")
        >>> engine.train(max_epochs=20).metrics
        >>> engine.export().model
    """

    def __init__(
        self,
        data_root: str | Path | None = None,
        *,
        model: str | OTXModel[Any, Any] | None = None,
        task: str | None = None,
        work_dir: str | Path | None = None,
        data_format: str | None = None,
        config: str | Path | None = None,
        pretrained: bool | str | Path | None = None,
        seed: int | None = None,
        device: Literal["auto", "cpu", "xpu", "cuda"] | None = None,
        devices: int | None = None,
        on_bad_data: Literal["error", "skip"] | None = None,
        data: OwnData | None = None,
        unlabeled_data_root: str | Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        values = {
            "data_root": absolute_text(data_root),
            "unlabeled_data_root": absolute_text(unlabeled_data_root),
            "data_format": data_format,
            "task": str(task) if task is not None else None,  # a member of OTXTaskType is a str, too
            "seed": seed,
            "device": device,
            "devices": devices,
            "on_bad_data": on_bad_data,
            "model.name": model if isinstance(model, str) else None,
            "model.pretrained": str(pretrained) if isinstance(pretrained, Path) else pretrained,
        }
        self.given = Given(
            work_dir=as_path(work_dir),
            config=as_path(config),
            model=None if isinstance(model, str) else model,
            data=data,
            settings={key: value for key, value in values.items() if value is not None} | dict(settings or {}),
        )

    def check(self) -> CheckResult:
        """Look into the data root: what it holds, what is wrong with it, whether it can be trained on.

        A named work dir gets the report as `data/report.json`.

        Raises:
            UserError: There is no such folder, its format is unknown, or the named task or format does not exist.
        """
        from otx.engine.check import check

        return check(self.given.plan(), self.given.work_dir)

    def shard(self, output: str | Path) -> ShardResult:
        """Write the data root again with its pictures in shards, few large files; the result is a data root, too.

        Args:
            output: A new or empty folder, outside of the data root.

        Raises:
            UserError: The data root or the output is not as it should be, or there is too little room.
        """
        from otx.engine.shard import shard

        return shard(self.given.plan(), Path(output))

    def configure(
        self,
        *,
        max_epochs: int | None = None,
        precision: Literal["auto", "32", "bf16"] | None = None,
        tile: bool | Literal["auto"] | None = None,
    ) -> Plan:
        """The plan that `train` would follow, without training; what must be measured stays open.

        Args:
            max_epochs: As in `train`.
            precision: As in `train`.
            tile: As in `train`.

        Raises:
            UserError: The data or a setting is wrong.
        """
        from otx.engine.configure import configure
        from otx.engine.reading import read_data

        plan = self.given.plan(training_settings(tile=tile, max_epochs=max_epochs, precision=precision))
        configure(plan, read_data(plan, own=self.given.data), self.given.model)
        return plan

    def train(
        self,
        *,
        max_epochs: int | None = None,
        precision: Literal["auto", "32", "bf16"] | None = None,
        tile: bool | Literal["auto"] | None = None,
        time: float | None = None,
        ram: float | None = None,
        resume: bool = False,
    ) -> TrainResult:
        """Train, and keep the best and the last checkpoint.

        Args:
            max_epochs: Passes over the training images; chosen from the amount of data if None.
            precision: Arithmetic of training; measured if None.
            tile: Cut images into tiles, in training and wherever the model is used; chosen by the size of objects if
                None.
            time: Seconds that the run may take; as much training as fits is planned, and kept to while it runs.
            ram: GiB of memory that its process may take on the CPU; batches are made smaller until it does.
            resume: Go on with an interrupted run; a run that never started starts.

        Raises:
            UserError: The data, a setting or the work dir is wrong.
        """
        from otx.engine.train import train

        result = train(
            self.given,
            training_settings(tile=tile, max_epochs=max_epochs, precision=precision, time=time, ram=ram),
            resume=resume,
        )
        self.given.work_dir = result.work_dir
        return result

    def train_seeds(
        self,
        seeds: int,
        *,
        max_epochs: int | None = None,
        precision: Literal["auto", "32", "bf16"] | None = None,
        tile: bool | Literal["auto"] | None = None,
        time: float | None = None,
        ram: float | None = None,
        resume: bool = False,
    ) -> SeedsResult:
        """Train with several seeds, in subfolders of the work dir, and say how far apart they end.

        Args:
            seeds: How many; the Engine's seed is the first, and the following whole numbers are the others.
            max_epochs: As in `train`.
            precision: As in `train`.
            tile: As in `train`.
            time: As in `train`, for each seed.
            ram: As in `train`.
            resume: Go on with the repetition of the work dir, or with the newest that was interrupted.

        Raises:
            UserError: As in `train`; or there is nothing to repeat.
        """
        from otx.engine.repeat import repeat

        result = repeat(
            self.given,
            training_settings(tile=tile, max_epochs=max_epochs, precision=precision, time=time, ram=ram),
            seeds,
            resume=resume,
        )
        self.given.work_dir = result.work_dir
        return result

    def test(self, checkpoint: str | Path | None = None, *, split: str = "test") -> TestResult:
        """Measure a checkpoint or an exported model on a subset.

        Args:
            checkpoint: `.safetensors` of a training, or an exported `.xml` or `.onnx`; None takes the best.
            split: `train`, `val` or `test`.

        Raises:
            UserError: There is no such checkpoint or subset.
        """
        from otx.engine.test import test

        return test(self.given, as_path(checkpoint), split)

    def compare(self, first: str | Path, second: str | Path) -> CompareResult:
        """Say whether one tested model is better than another, or whether it was the luck of the test images.

        Args:
            first: Work dir of a run that was tested, or its `metrics.json`.
            second: The like, tested on the same images.

        Raises:
            UserError: One of them was not tested, or not on the same images.
        """
        from otx.engine.compare import compare

        return compare(Path(first), Path(second))

    def predict(
        self,
        input: str | Path,  # noqa: A002 - the word of the command line
        checkpoint: str | Path | None = None,
        *,
        threshold: float | None = None,
        coco: str | Path | None = None,
        pictures: bool = True,
    ) -> PredictResult:
        """Predict on image or video files, write `predictions.json` and pictures.

        Args:
            input: An image or video file, a folder of them, a glob pattern; for a model of images also a camera
                (`camera:0`) or a stream (`rtsp://`, `http(s)://`).
            checkpoint: As in `test`.
            threshold: Score in [0, 1] below which objects are left out; None takes the one found in validation.
            coco: Annotations of the images in COCO's format: `coco_results.json` is written too, with their image and
                category ids.
            pictures: Draw the predictions on the images or videos, which may take longer than to predict.

        Raises:
            UserError: Nothing is found, or one cannot be read, or the annotations are not about these images and
                classes.
        """
        from otx.engine.predict import predict

        return predict(self.given, str(input), as_path(checkpoint), threshold, as_path(coco), pictures=pictures)

    def export(
        self,
        checkpoint: str | Path | None = None,
        *,
        format: Literal["openvino", "onnx"] = "openvino",  # noqa: A002 - the word of the command line
        precision: Literal["fp32", "fp16"] = "fp32",
        max_drop: float = 0.01,
        bundle: bool = False,
    ) -> ExportResult:
        """Export a checkpoint and prove on validation images that the file equals it.

        Args:
            checkpoint: `.safetensors` of a training; None takes the best.
            format: OpenVINO IR or ONNX.
            precision: Of the stored weights.
            max_drop: Largest relative drop of the task's metric that passes.
            bundle: Pack the OpenVINO model with all that is needed to run it without OTX: a runner, a model card, a
                test picture with its answer, the layout of OpenVINO Model Server.

        Raises:
            OTXError: The exported model is not equal enough; it is kept apart under a name that says so.
            UserError: A bundle is asked for that its runner would not serve.
        """
        from otx.engine.export import export

        return export(self.given, as_path(checkpoint), format, precision, max_drop, bundle=bundle)

    def optimize(
        self,
        checkpoint: str | Path | None = None,
        *,
        method: Literal["ptq", "accuracy", "qat"] = "ptq",
        max_drop: float = 0.01,
    ) -> OptimizeResult:
        """Quantise a checkpoint or an OpenVINO IR to INT8 and prove on validation images that it keeps the metric.

        Args:
            checkpoint: `.safetensors` of a training, or an exported `.xml`; None takes the best checkpoint.
            method: `ptq` takes the first of several ways that keeps the metric, the quickest first; `accuracy` begins
                with the one that turns layers back to floating point one by one; `qat` trains a checkpoint on for a
                few epochs with its quantisers in.
            max_drop: Largest relative drop of the task's metric that passes.

        Raises:
            OTXError: No way keeps the metric; the best file is kept apart under a name that says so.
            UserError: The model cannot be quantised or not be trained on, or there are too few images to calibrate on.
        """
        from otx.engine.optimize import optimize

        return optimize(self.given, as_path(checkpoint), method, max_drop)

    def tune(
        self, budget: float, *, max_epochs: int | None = None, max_trials: int | None = None, storage: str | None = None
    ) -> TuneResult:
        """Search for the settings that train best; what is tried stands in the recipe, under `tuning.search`.

        Args:
            budget: Seconds for the whole search.
            max_epochs: Of each trial; as in `train`.
            max_trials: Stop after so many trials, those of other workers and of earlier calls included.
            storage: URL of a database, so that several processes or machines share one study; None keeps it in the
                work dir, where the same call goes on with it.

        Raises:
            OTXError: The recipe itself could not be trained within the budget.
            UserError: The data, a setting, the search space or the database is wrong.
        """
        from otx.engine.tune import tune

        return tune(self.given, training_settings(max_epochs=max_epochs), budget, storage, max_trials)

    def explain(
        self,
        input: str | Path,  # noqa: A002 - the word of the command line
        checkpoint: str | Path | None = None,
    ) -> ExplainResult:
        """Show which parts of images the predictions rest on, as maps that are compared with random ones.

        Args:
            input: An image file, a folder of them, or a glob pattern.
            checkpoint: As in `test`.

        Raises:
            UserError: The task cannot be explained, nothing is found, or an image cannot be read.
        """
        from otx.engine.explain import explain

        return explain(self.given, str(input), as_path(checkpoint))

    def serve(self, checkpoint: str | Path | None = None, *, host: str = "127.0.0.1", port: int = 8000) -> ServeResult:
        """Serve a model over HTTP until the process gets SIGINT or SIGTERM.

        Args:
            checkpoint: As in `test`.
            host: Address to listen on.
            port: 0 takes a free one.

        Raises:
            UserError: There is no such model, it takes clips, or the port is taken.
        """
        from otx.engine.serve import serve

        return serve(self.given, as_path(checkpoint), host, port)

    def benchmark(
        self, checkpoint: str | Path | None = None, *, seconds: float = 3.0, batch_size: int | None = None
    ) -> BenchmarkResult:
        """Time and measure the forms of a model: torch, OpenVINO in FP32, FP16 and INT8, ONNX Runtime.

        Args:
            checkpoint: `.safetensors` of a training, whose exports are made for the purpose (INT8 is what `optimize`
                left in the work dir), or one exported file; None takes the best checkpoint.
            seconds: How long each timing takes.
            batch_size: Images at a time for the throughput, of the forms that take more than one; None: one in
                OpenVINO, eight elsewhere.

        Raises:
            UserError: There is no such model or no data for it.
        """
        from otx.engine.benchmark import benchmark

        return benchmark(self.given, as_path(checkpoint), seconds, batch_size)
