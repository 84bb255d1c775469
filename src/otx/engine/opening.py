"""Opens what an earlier verb has left: a checkpoint or an exported file as a model, and the work dir it lies in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otx.core.errors import UserError
from otx.core.task import TaskSpec
from otx.engine.given import Given
from otx.engine.workspace import HOME, Workspace, existing_workspace
from otx.tasks import task_spec

if TYPE_CHECKING:
    from otx.core.catalog import ModelRow
    from otx.core.model import OTXModel

EXPORTED = {".xml", ".onnx"}


@dataclass(frozen=True)
class OpenedModel:
    """A model ready to predict.

    Attributes:
        path: The file that it came from.
        model: The model, in eval mode.
        spec: Its task.
        name: Name of its catalog row.
        exported: Whether it is an exported file, run by OpenVINO.
        row: What it was built from; None for an exported file and for a model object of the user's own.
    """

    path: Path
    model: OTXModel[Any, Any]
    spec: TaskSpec
    name: str
    exported: bool
    row: ModelRow | None = None


def locate(work_dir: Path | None, checkpoint: Path | None) -> tuple[Workspace, Path]:
    """The work dir to write to, and the model file to take; a work dir that is not there is made by what writes to it.

    Args:
        work_dir: Named by the user; None takes the one that the checkpoint lies in, else a new one.
        checkpoint: Named by the user; None takes the best of the work dir.

    Raises:
        UserError: There is no such file or work dir.
    """
    if checkpoint is None:
        workspace = existing_workspace(work_dir)
        return workspace, workspace.best
    if not checkpoint.is_file():
        msg = f"expected a checkpoint (.safetensors) or an exported model (.xml, .onnx), found none at {checkpoint}"
        raise UserError(msg)
    around = checkpoint.resolve().parent.parent
    if work_dir is None and (around / "plan.yaml").is_file():
        return Workspace(around), checkpoint
    made = HOME / f"{time.strftime('%Y%m%d_%H%M%S')}-{checkpoint.stem}"
    numbered = (made.with_name(f"{made.name}-{number}") for number in count(2))
    root = work_dir or next(one for one in chain([made], numbered) if not one.exists())
    return Workspace(root.absolute()), checkpoint


def open_model(path: Path, given: Given, *, throughput: bool = False) -> OpenedModel:
    """The model in a file.

    Args:
        path: `.safetensors`, `.xml` or `.onnx`.
        given: Has the model object that a checkpoint is loaded into, if the user gave one, or the name of the class in
            a file of code that the checkpoint is of.
        throughput: Prepare an exported model for many images at once.

    Raises:
        UserError: The file is none of these, is damaged, or names a model that is not at hand, or code that the user
            did not name.
    """
    if path.suffix in EXPORTED:
        from otx.runtime.exported import load_exported

        exported = load_exported(path, hint="THROUGHPUT" if throughput else "LATENCY")
        return OpenedModel(path, exported, exported.spec, exported.info.model, exported=True)

    from otx.frameworks.build import build_model, find_row
    from otx.frameworks.user_file import is_user_file, require_named
    from otx.training.checkpoint import load_model, read_meta

    meta = read_meta(path)
    spec = task_spec(meta.task)
    row = None
    if given.model is not None:
        model = given.model
    else:
        named = str(given.settings.get("model.name", ""))
        require_named(meta.model, named, path)
        if named and named != meta.model and not is_user_file(meta.model):
            raise UserError(f"{path} is of {meta.model}, not of {named}; a checkpoint says by itself what it is of")
        row = find_row(named if is_user_file(meta.model) else meta.model, spec.task)
        model, _ = build_model(row, meta.labels, meta.input_spec, pretrained=False)
    load_model(path, model)
    return OpenedModel(path, model.eval(), spec, row.name if row else meta.model, exported=False, row=row)
