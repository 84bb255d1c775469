"""`otx predict`: predictions on images, videos, cameras and streams, as JSON and as pictures."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor

from otx.core.atomic import replacing_list
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.data.frames import Medium, is_live, read_frames
from otx.data.media import is_medium, media_below
from otx.data.shards import record_of
from otx.data.videos import BrokenVideoError, is_video
from otx.engine.given import Given
from otx.engine.opening import OpenedModel, locate, open_model
from otx.engine.results import PredictResult
from otx.report.coco import CocoIds, read_coco_ids
from otx.report.predictions import write_predictions
from otx.runtime.exported import ExportedModel
from otx.runtime.stream import TOGETHER, predict_files
from otx.runtime.whole_image import Prediction, Run, predict_image
from otx.training.device import resolve_device

OnBroken = Callable[[Medium, UserError], None]

ONE_OBJECT = "this model was trained on single objects: each picture was taken for one object that fills it"


def predict(
    given: Given,
    source: str,
    checkpoint: Path | None,
    threshold: float | None,
    coco: Path | None = None,
    *,
    pictures: bool = True,
) -> PredictResult:
    """Write `predict/predictions.json` and the pictures.

    Args:
        given: Knows the work dir and the device.
        source: An image or video file, a folder, a glob pattern, a camera or a stream.
        checkpoint: The model file; None takes the best checkpoint of the work dir.
        threshold: Score below which objects are left out; None takes the model's own.
        coco: Annotations whose ids `predict/coco_results.json` gets; None writes none.
        pictures: Draw the predictions.

    Raises:
        UserError: No image is found, or one cannot be read, or the annotations are not about these images and classes.
    """
    began = time.perf_counter()
    if threshold is not None and not 0 <= threshold <= 1:
        raise UserError(f"--threshold: expected a score from 0 to 1, found {threshold}")
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given, throughput=True)
    sources = _sources(source, opened.model.input_spec, workspace.root / "predict")
    limit = opened.model.threshold if threshold is None else threshold
    skipped: list[str] = []
    skip = given.plan()["on_bad_data"] == "skip"
    on_broken = (lambda file, _: skipped.append(str(file))) if skip else None
    notes = [ONE_OBJECT] if opened.model.input_spec.object_margin else []
    media = _media(sources, opened.model.input_spec, on_broken, notes)
    ids = _coco_ids(coco, opened, sources, limit, notes) if coco else None
    folder, labels = workspace.folder("predict"), opened.model.label_info
    results = folder / "coco_results.json"
    results.unlink(missing_ok=True)  # of other predictions
    with (
        write_predictions(folder, opened.spec.load("draw"), labels, pictures=pictures) as writer,
        replacing_list(results, indent=None) if ids else nullcontext() as write_result,
    ):
        try:
            for medium, prediction in _predictions(opened, media, given, on_broken):
                for record in prediction.records(labels, limit):
                    writer.add(medium, record)
                    if ids and write_result:
                        for result in ids.results(record):
                            write_result(result)
        except KeyboardInterrupt:
            if not writer.count:
                raise
            notes.append(f"stopped by Ctrl-C: the predictions on the {writer.count} images before are kept")
    return PredictResult(
        work_dir=workspace.root,
        predictions=folder / "predictions.json",
        pictures=folder if pictures else None,
        coco=results if ids else None,
        checkpoint=path,
        threshold=limit,
        images=writer.count,
        skipped=skipped,
        note="\n".join(notes),
        seconds=time.perf_counter() - began,
    )


def find_media(source: str, spec: InputSpec, output: Path, *, frames: bool = False) -> list[Path]:
    """What a file name, a folder (searched to the bottom) or a glob pattern stands for, sorted.

    Args:
        source: As the user wrote it.
        spec: Of the model: it takes images, or videos and folders of frames.
        output: The folder that is written to; what lies in it is left out, for it may be overwritten.
        frames: A model of images takes the frames of videos too.

    Raises:
        UserError: There is nothing that the model takes, or nothing but what lies in the output.
    """
    path = Path(source)
    if path.is_file() or record_of(path) is not None:
        files = [path]
    elif path.is_dir():
        files = media_below(path, spec, frames=frames)
    else:
        found = map(Path, glob.glob(source, recursive=True))  # noqa: PTH207 - an absolute pattern
        files = sorted(one for one in found if is_medium(one, spec, frames=frames))
    if not files:
        kind = "video" if spec.frames > 1 else "image or video" if frames else "image"
        a = "a" if kind == "video" else "an"
        msg = f"--input: expected {a} {kind} file, a folder of them or a glob pattern; found no {kind} at {source!r}"
        raise UserError(msg)
    out = output.resolve()
    outside = [one for one in files if out not in (*one.resolve().parents, *(one.parent.resolve() / "_").parents)]
    if not outside:
        raise UserError(f"--input: all at {source!r} lies in {out}, where this command writes: name another --work_dir")
    return outside


def _sources(source: str, spec: InputSpec, output: Path) -> list[Path] | list[str]:
    if not is_live(source):
        return find_media(source, spec, output, frames=True)
    if spec.frames > 1:
        raise UserError("--input: expected video files, because the model takes whole clips; found a camera or stream")
    return [source]


def _coco_ids(
    file: Path, opened: OpenedModel, sources: list[Path] | list[str], threshold: float, notes: list[str]
) -> CocoIds:
    """What the results of these sources are called in an annotation file; all that does not fit is refused here."""
    if not {"bboxes", "scores"} <= {field.name for field in fields(opened.spec.load("prediction"))}:
        raise UserError(
            f"--coco: COCO's results are objects with boxes and scores, found a model of {opened.spec.title.lower()}; "
            "what it predicts is in predictions.json"
        )
    ids = read_coco_ids(file, opened.model.label_info)
    left_out = len(set(ids.images.values()) - ids.of_inputs(sources))
    if left_out:
        notes.append(
            f"{left_out} images of {file} are not among the input: whoever evaluates the results on all of its images "
            "counts their objects as missed"
        )
    if threshold > 0:
        notes.append(
            f"objects with a score below {threshold:.3g} are not in the COCO results: for average precision as "
            "otx test measures it, predict with --threshold 0"
        )
    return ids


def _media(
    sources: list[Path] | list[str], spec: InputSpec, on_broken: OnBroken | None, notes: list[str]
) -> Iterable[Medium]:
    """What the model is shown, one after the other; a model of images gets the frames of a video."""
    if spec.frames == 1 and any(map(_has_frames, sources)):
        return _frame_by_frame(sources, on_broken, notes)
    return [Path(source) for source in sources]


def _has_frames(source: Path | str) -> bool:
    return isinstance(source, str) or is_video(source)


def _frame_by_frame(sources: Iterable[Path | str], on_broken: OnBroken | None, notes: list[str]) -> Iterator[Medium]:
    """Images, and the frames of videos; of one that breaks, those before are kept and `notes` tells of it."""
    for source in sources:
        if isinstance(source, Path) and not is_video(source):
            yield source
            continue
        count = 0
        try:
            for frame in read_frames(source):
                yield frame
                count += 1
        except BrokenVideoError as error:
            if count:
                notes.append(f"{error}; the predictions on the {count} frames before are kept")
            elif on_broken is None or isinstance(source, str):
                raise
            else:
                on_broken(source, error)


def _predictions(
    opened: OpenedModel, media: Iterable[Medium], given: Given, on_broken: OnBroken | None
) -> Iterable[tuple[Medium, Prediction]]:
    if isinstance(opened.model, ExportedModel):
        together = TOGETHER if isinstance(media, list) else 1  # frames are in memory while they wait
        return predict_files(opened.model, media, on_broken=on_broken, together=together)
    return _predict_by_torch(opened, media, resolve_device(given.plan()["device"]), on_broken)


def _predict_by_torch(
    opened: OpenedModel, media: Iterable[Medium], device: torch.device, on_broken: OnBroken | None
) -> Iterator[tuple[Medium, Prediction]]:
    run = torch_run(opened, device)
    for medium in media:
        try:
            prediction = predict_image(medium, opened.model.input_spec, opened.spec, run)
        except UserError as error:
            if on_broken is None:
                raise
            on_broken(medium, error)
            continue
        yield medium, prediction


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
