"""`otx predict`: predictions on image files, as JSON and as pictures."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from otx.core.entity import OTXBatchPredEntity
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.data.images import read_image
from otx.data.tree import IMAGE_SUFFIXES
from otx.engine.given import Given
from otx.engine.opening import OpenedModel, locate, open_model
from otx.engine.results import PredictResult
from otx.report.pictures import write_predictions
from otx.runtime.exported import ExportedModel
from otx.runtime.stream import predict_files
from otx.training.device import resolve_device
from otx.transforms.fit import fit_image

if TYPE_CHECKING:
    from collections.abc import Callable


Prediction = OTXBatchPredEntity[Any]


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
    files = find_images(source)
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given.model, throughput=True)
    limit = opened.model.threshold if threshold is None else threshold
    skipped: list[str] = []
    skip = given.plan()["on_bad_data"] == "skip"
    on_broken = (lambda file, _: skipped.append(str(file))) if skip else None
    records: list[dict[str, Any]] = []
    for _, prediction in _predictions(opened, files, given, on_broken):
        records += prediction.records(opened.model.label_info, limit)
    folder = workspace.folder("predict")
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
        seconds=time.perf_counter() - began,
    )


def find_images(source: str) -> list[Path]:
    """Image files that a file name, a folder (searched to the bottom) or a glob pattern stands for, sorted.

    Raises:
        UserError: There is none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    found = path.rglob("*") if path.is_dir() else map(Path, glob.glob(source, recursive=True))  # noqa: PTH207 - an absolute pattern
    files = sorted(file for file in found if file.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        msg = f"--input: expected an image file, a folder of images or a glob pattern; found no image at {source!r}"
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
    """One image after the other through the very graph that would be exported."""
    model = opened.model.to(device).eval()
    graph, decode, settings = model.export_graph(), opened.spec.load("decode"), model.decode_settings()
    bare_inputs = opened.spec.load("batch").bare_inputs
    for file in files:
        try:
            original = read_image(file, model.input_spec.pixels)
        except UserError as error:
            if on_broken is None:
                raise
            on_broken(file, error)
            continue
        image, scale, offset = fit_image(original, model.input_spec)
        height, width = original.shape[-2:]
        info = ImageInfo(path=str(file), height=height, width=width, scale=scale, offset=offset)
        images = image.unsqueeze(0).to(device)
        with torch.inference_mode():
            yield file, decode(graph(**bare_inputs(images)), images, [info], **settings)
