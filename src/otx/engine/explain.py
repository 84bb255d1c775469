"""`otx explain`: maps of why images get their predictions, with the proof that they are more than chance."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from torch import Tensor

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.data.media import media_picture, read_media
from otx.engine.given import Given
from otx.engine.opening import OpenedModel, locate, open_model
from otx.engine.predict import find_media
from otx.engine.results import ExplainResult
from otx.explain.explainer import Explainer
from otx.report.pictures import FileNames, write_explanations
from otx.training.device import resolve_device
from otx.transforms.fit import fit_alone


def explain(given: Given, source: str, checkpoint: Path | None) -> ExplainResult:
    """Write `explain/scores.json`, the maps and the pictures.

    Args:
        given: Knows the work dir, the device and the seed.
        source: An image file, a folder, or a glob pattern.
        checkpoint: The model file; None takes the best checkpoint of the work dir.

    Raises:
        UserError: The task cannot be explained, no image is found, or one cannot be read.
    """
    began = time.perf_counter()
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given)
    if not opened.spec.saliency:
        msg = f"{path} is a model of the task {opened.spec.task}, which has no maps that would explain a prediction"
        raise UserError(msg)
    plan, model = given.plan(), opened.model
    if not opened.exported:
        model = model.to(resolve_device(plan["device"]))
    explainer = Explainer(model, opened.spec, seed=plan["seed"])
    files = find_media(source, model.input_spec, workspace.root / "explain")
    folder, names = workspace.folder("explain"), FileNames()
    records: list[dict[str, Any]] = []
    skipped: list[str] = []
    for file in track(files, "explain", console=Console(stderr=True), transient=True):
        try:
            fitted = _read(file, model.input_spec)
        except UserError:
            if plan["on_bad_data"] != "skip":
                raise
            skipped.append(str(file))
            continue
        records.append(_explain_image(explainer, opened, *fitted, folder / names.of(str(file))))
    maps = [entry for record in records for entry in record["explanations"]]
    return ExplainResult(
        work_dir=workspace.root,
        scores=workspace.write_json("explain/scores.json", records),
        pictures=folder,
        checkpoint=path,
        images=len(records),
        maps=len(maps),
        evidence=sum(entry["evidence"] for entry in maps),
        skipped=skipped,
        seconds=time.perf_counter() - began,
    )


def _read(file: Path, spec: InputSpec) -> tuple[Tensor, ImageInfo]:
    images, info = fit_alone(read_media(file, spec), str(file), spec)
    if spec.tile and max(info.height, info.width) > spec.tile:
        raise UserError(
            f"{file} is {info.width} x {info.height}, but the model looks at tiles of {spec.tile} pixels, and can only "
            "explain what it sees in one: give the part in question as a file of its own"
        )
    return images, info


def _explain_image(
    explainer: Explainer, opened: OpenedModel, images: Tensor, info: ImageInfo, stem: Path
) -> dict[str, Any]:
    """The entry of `scores.json`, once the maps and the picture are written."""
    labels, raw = opened.model.label_info, explainer.run(images)
    (prediction,) = explainer.decode(raw, images, [info]).records(labels, opened.model.threshold)
    found = explainer.explain(images, info, raw)
    entries = []
    for one in found:
        file = stem.with_name(f"{stem.name}_class{one.label}.npy")
        np.save(file, one.map.numpy().astype(np.float16))
        kept = {key: round(value, 5) for key, value in asdict(one.faithfulness).items()}
        entries.append(
            {
                "label": labels.names[one.label],
                "score": round(one.score, 5),
                "method": one.method,
                "map": str(file),
                "evidence": one.faithfulness.is_evidence,
                **kept,
            }
        )
    tile = opened.spec.load("draw")(media_picture(Path(info.path)), prediction, labels, "prediction")
    picture = stem.with_name(f"{stem.name}.jpg")
    write_explanations(tile, info.path, entries, [one.map.numpy() for one in found], picture)
    record = {"image": info.path, "width": info.width, "height": info.height, "picture": str(picture)}
    return record | {"explanations": entries}
