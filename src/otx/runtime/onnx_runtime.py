"""An ONNX file run by ONNX Runtime instead of OpenVINO, as a model like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from otx.runtime.compiled import CompiledGraph, read_graph
from otx.runtime.exported import ExportedModel
from otx.runtime.metadata import read_info
from otx.tasks import task_spec


class OnnxRuntimeGraph(nn.Module):
    """From (B, C, H, W) pixels, and further inputs by name, to raw outputs by name.

    Args:
        path: The ONNX file.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        super().__init__()
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def forward(self, images: Tensor, **more: Tensor) -> dict[str, Tensor]:
        """Run the graph on the CPU."""
        feed = {"image": images.movedim(-3, -1).contiguous(), **more}
        if self.session.get_inputs()[0].shape[0] == 1:
            rows = [self._run({name: value[i : i + 1] for name, value in feed.items()}) for i in range(len(images))]
            return {name: torch.cat([row[name] for row in rows]) for name in self.names}
        return self._run(feed)

    def _run(self, feed: dict[str, Tensor]) -> dict[str, Tensor]:
        values = self.session.run(self.names, {name: value.numpy() for name, value in feed.items()})
        return {name: torch.from_numpy(value) for name, value in zip(self.names, values, strict=True)}


def load_onnx(path: Path) -> ExportedModel:
    """Load an ONNX file that `otx export` wrote, to be run by ONNX Runtime.

    Raises:
        UserError: The file is missing, broken, or not written by OTX.
    """
    info = read_info(read_graph(path), str(path))
    graph: Any = OnnxRuntimeGraph(path)  # it stands in for one that OpenVINO has compiled
    return ExportedModel(lambda: cast("CompiledGraph", graph), info, task_spec(info.task))
