"""`otx predict`: predictions on image or video files, as JSON and as pictures."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from otx.core.entity import OTXBatchPredEntity
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.data.media import is_medium, media_below
from otx.engine.given import Given
from otx.engine.opening import OpenedModel, locate, open_model
from otx.engine.results import PredictResult
from otx.report.pictures import FileNames, write_arrays, write_predictions
from otx.runtime.exported import ExportedModel
from otx.runtime.stream import predict_files
from otx.runtime.whole_image import Run, predict_image
from otx.training.device import resolve_device

if TYPE_CHECKING:
    from collections.abc import Callable


Prediction = OTXBatchPredEntity[Any]

ONE_OBJECT = "this model was trained on single objects: each picture was taken for one object that fills it"


def predict(given: Given, source: str, checkpoint: Path | None, threshold: float | None) -> PredictResult:
    """Write `predict/predictions.json` and the pictures.

    Args:
        given: Knows the work dir and the device.
        source: An image file, a folder, or a glob pattern.
        checkpoint: The model file; None takes the best checkpoint of the work dir.
        threshold: Score below which objects are left out; None takes the model's own.

    Raises:
        UserError: No image is found, or one cannot be read.
    """
    began = time.perf_counter()
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given.model, throughput=True)
    files = find_media(source, opened.model.input_spec)
    limit = opened.model.threshold if threshold is None else threshold
    skipped: list[str] = []
    skip = given.plan()["on_bad_data"] == "skip"
    on_broken = (lambda file, _: skipped.append(str(file))) if skip else None
    folder, names = workspace.folder("predict"), FileNames()
    records: list[dict[str, Any]] = []
    for _, prediction in _predictions(opened, files, given, on_broken):
        found = prediction.records(opened.model.label_info, limit)
        write_arrays(found, folder, names)  # at once: those of many images would fill the memory
        records += found
    written = workspace.write_json("predict/predictions.json", records)
    write_predictions(records, folder, opened.spec.load("draw"), opened.model.label_info)
    return PredictResult(
        work_dir=workspace.root,
        predictions=written,
        pictures=folder,
        checkpoint=path,
        threshold=limit,
        images=len(records),
        skipped=skipped,
        note=ONE_OBJECT if opened.model.input_spec.object_margin else "",
        seconds=time.perf_counter() - began,
    )


def find_media(source: str, spec: InputSpec) -> list[Path]:
    """What a file name, a folder (searched to the bottom) or a glob pattern stands for, sorted.

    Args:
        source: As the user wrote it.
        spec: Of the model: it takes images, or videos and folders of frames.

    Raises:
        UserError: There is nothing that the model takes.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    found = map(Path, glob.glob(source, recursive=True))  # noqa: PTH207 - an absolute pattern
    files = media_below(path, spec) if path.is_dir() else sorted(one for one in found if is_medium(one, spec))
    if not files:
        kind = "image" if spec.frames == 1 else "video"
        a = "an" if kind == "image" else "a"
        msg = f"--input: expected {a} {kind} file, a folder of {kind}s or a glob pattern; found no {kind} at {source!r}"
        raise UserError(msg)
    return files


def _predictions(
    opened: OpenedModel, files: list[Path], given: Given, on_broken: Callable[[Path, UserError], None] | None
) -> Iterable[tuple[Path, Prediction]]:
    if isinstance(opened.model, ExportedModel):
        return predict_files(opened.model, files, on_broken=on_broken)
    return _predict_by_torch(opened, files, resolve_device(given.plan()["device"]), on_broken)


def _predict_by_torch(
    opened: OpenedModel,
    files: list[Path],
    device: torch.device,
    on_broken: Callable[[Path, UserError], None] | None,
) -> Iterator[tuple[Path, Prediction]]:
    run = torch_run(opened, device)
    for file in files:
        try:
            prediction = predict_image(file, opened.model.input_spec, opened.spec, run)
        except UserError as error:
            if on_broken is None:
                raise
            on_broken(file, error)
            continue
        yield file, prediction


def torch_run(opened: OpenedModel, device: torch.device) -> Run:
    """What predicts by the very graph that would be exported, one image after the other."""
    model = opened.model.to(device).eval()
    graph, decode, settings = model.export_graph(), opened.spec.load("decode"), model.decode_settings()
    bare_inputs = opened.spec.load("batch").bare_inputs

    def run(images: Tensor, info: ImageInfo) -> Prediction:
        images = images.to(device)
        with torch.inference_mode():
            prediction: Prediction = decode(graph(**bare_inputs(images)), images, [info], **settings)
            return prediction

    return run
