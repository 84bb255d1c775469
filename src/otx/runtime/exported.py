"""An exported file as a model like any other: typed batches in, typed predictions out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Self, cast

import torch
from torch import Tensor

from otx.core.entity import OTXBatchDataEntity, OTXBatchPredEntity
from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.core.model import OTXModel
from otx.core.task import TaskSpec
from otx.runtime.compiled import CompiledGraph, PerformanceHint, read_graph
from otx.runtime.metadata import ExportInfo, read_info
from otx.tasks import task_spec


class ExportedModel(OTXModel[OTXBatchDataEntity[Any], OTXBatchPredEntity[Any]]):
    """An OpenVINO IR or ONNX file that predicts like the checkpoint that it was exported from.

    It takes batches of its task and gives predictions of its task, but holds no weights that could be trained.

    Args:
        compile_graph: Makes the graph ready to run.
        info: What the file says about itself.
        spec: The task that it names.

    Attributes:
        info: What the file says about itself.
        spec: The task.

    Raises:
        UserError: The file asks for decode settings that the task does not have.
    """

    model: CompiledGraph

    def __init__(self, compile_graph: Callable[[], CompiledGraph], info: ExportInfo, spec: TaskSpec) -> None:
        self.task = spec.task
        self.info = info
        self.spec = spec
        self._compile_graph = compile_graph
        self._decode = _decoder(spec, info.decode)
        super().__init__(info.labels, info.input_spec)
        self.eval()

    def create_model(self) -> CompiledGraph:
        """Compile the graph of the file."""
        return self._compile_graph()

    def customize_inputs(self, batch: OTXBatchDataEntity[Any]) -> dict[str, Any]:
        """The pixels, and what else the graph takes; everything else happens inside it."""
        return dict(batch.graph_inputs())

    def customize_outputs(self, outputs: dict[str, Tensor], batch: OTXBatchDataEntity[Any]) -> OTXBatchPredEntity[Any]:
        """Raw outputs -> predictions, by the decode function of the task."""
        return self.decode(outputs, batch.images, batch.imgs_info)

    def decode(self, raw: dict[str, Tensor], images: Tensor, imgs_info: Sequence[ImageInfo]) -> OTXBatchPredEntity[Any]:
        """Raw outputs -> predictions in pixels of the original images.

        Args:
            raw: Outputs of the graph by name.
            images: (B, C, H, W) what the graph was fed.
            imgs_info: One per image.
        """
        return self._decode(raw, images.cpu(), imgs_info)

    def new_run(self) -> Callable[[Tensor, ImageInfo], OTXBatchPredEntity[Any]]:
        """What predicts an image on a request of its own, for one thread of several."""
        request, bare_inputs = self.model.new_request(), self.spec.load("batch").bare_inputs

        def run(images: Tensor, info: ImageInfo) -> OTXBatchPredEntity[Any]:
            with torch.inference_mode():
                return self.decode(self.model.run(bare_inputs(images), request), images, [info])

        return run

    def decode_settings(self) -> dict[str, Any]:
        """The settings that the file carries."""
        return dict(self.info.decode)

    @property
    def threshold(self) -> float:
        """The score threshold that the file carries."""
        return self.info.score_threshold

    def export_graph(self) -> NoReturn:
        """Refuse: there is nothing left to export.

        Raises:
            UserError: Always.
        """
        raise UserError("this model is an exported file already; give the checkpoint that it was made from")

    def train(self, mode: bool = True) -> Self:
        """Refuse training mode; eval mode is the only one.

        Raises:
            UserError: `mode` is true.
        """
        if mode:
            raise UserError("an exported model cannot be trained; give the checkpoint that it was made from")
        return super().train(mode)


def load_exported(
    path: Path, *, device: str = "CPU", hint: PerformanceHint = "LATENCY", precision: str = "f32"
) -> ExportedModel:
    """Load what `otx export` wrote; no other file is needed, and no class that the file names is ever built.

    Args:
        path: `.xml` with its `.bin` beside it, or `.onnx`; OpenVINO runs both.
        device: OpenVINO's name of the device.
        hint: `LATENCY` for batch after batch, `THROUGHPUT` for many requests at once.
        precision: Arithmetic; `f32` keeps to the checkpoint, empty leaves the choice to the device.

    Raises:
        UserError: The file is missing, broken, not written by OTX, or of a task that is not at hand.
    """
    ov_model = read_graph(path)
    info = read_info(ov_model, str(path))
    return ExportedModel(partial(CompiledGraph, ov_model, device, hint, precision), info, task_spec(info.task))


def _decoder(spec: TaskSpec, settings: dict[str, Any]) -> Callable[..., OTXBatchPredEntity[Any]]:
    decode = spec.load("decode")
    known = [p.name for p in inspect.signature(decode).parameters.values() if p.kind is p.KEYWORD_ONLY]
    if sorted(settings) != sorted(known):
        msg = f"the exported model has decode settings {sorted(settings)}, but {spec.task} takes {sorted(known)}"
        raise UserError(msg)
    return cast("Callable[..., OTXBatchPredEntity[Any]]", partial(decode, **settings))
