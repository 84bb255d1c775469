"""An exported graph, compiled by OpenVINO, as a module from images, and what else it takes, to named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import openvino as ov
import torch
from torch import Tensor, nn

from otx.core.errors import UserError
from otx.runtime.openvino_core import openvino_core

PerformanceHint = Literal["LATENCY", "THROUGHPUT"]
SUFFIXES = (".xml", ".onnx")


def read_graph(path: Path) -> Any:  # noqa: ANN401 - openvino is untyped
    """The graph of an IR (`.xml` with its `.bin`) or ONNX file as an `openvino.Model`.

    Raises:
        UserError: There is no such file, or OpenVINO cannot read it.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"expected an exported model ({' or '.join(SUFFIXES)}), got {path}")
    if not path.is_file():
        raise UserError(f"there is no exported model {path}")
    if path.suffix == ".xml" and not path.with_suffix(".bin").is_file():
        raise UserError(f"{path} has no weights beside it: expected {path.with_suffix('.bin').name} in the same folder")
    try:
        return openvino_core().read_model(path)
    except RuntimeError as error:
        raise UserError(f"OpenVINO cannot read {path}: {_last_line(error)}") from error


class CompiledGraph(nn.Module):
    """Runs an exported graph whose input `image` is (B, H, W, C) or (B, T, H, W, C); further inputs are float32.

    With a fixed B of 1 a batch is run image by image.

    Args:
        ov_model: As `read_graph` gives it.
        device: OpenVINO's name of the device: `CPU`, `GPU`, `NPU`, `AUTO`.
        hint: `LATENCY`: one request at a time, of any batch, shall be fast. `THROUGHPUT`: many requests at once, of one
            image each, which saves the 10 to 20 % that a free batch costs; larger batches are run image by image.
        precision: Arithmetic: `f32` agrees with training; `bf16`, `f16` or the device's own choice (empty) may not.

    Raises:
        UserError: The device does not exist or does not take the graph.
    """

    def __init__(
        self,
        ov_model: Any,  # noqa: ANN401 - openvino is untyped
        device: str = "CPU",
        hint: PerformanceHint = "LATENCY",
        precision: str = "f32",
    ) -> None:
        super().__init__()
        self.one_by_one = hint == "THROUGHPUT" or ov_model.input(0).partial_shape[0].is_static
        if self.one_by_one:
            ov_model.reshape({port.any_name: [1, *list(port.partial_shape)[1:]] for port in ov_model.inputs})
        # Those of the compiled graph may be others: where the last step was needless, its input's name comes first.
        self._names = [port.any_name for port in ov_model.outputs]
        # Two threads that are the first to look into a tensor can wait for each other for ever (OpenVINO 2026.4).
        _ = ov.Tensor(ov.Type.u8, ov.Shape([1])).data
        config: dict[str, str] = {"PERFORMANCE_HINT": hint}
        if precision:
            config["INFERENCE_PRECISION_HINT"] = precision
        try:
            self.compiled = openvino_core().compile_model(ov_model, device, config)
        except RuntimeError as error:
            raise UserError(f"OpenVINO cannot run the model on device {device!r}: {_last_line(error)}") from error
        self._inputs = [port.any_name for port in self.compiled.inputs]
        self._request = self.compiled.create_infer_request()

    @property
    def parallel_requests(self) -> int:
        """Number of requests in flight that use the device fully under its performance hint."""
        return int(self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def new_request(self) -> Any:  # noqa: ANN401 - openvino is untyped
        """A request of its own for a thread; `forward` has one that threads must not share."""
        return self.compiled.create_infer_request()

    def run(self, inputs: Mapping[str, Tensor], request: Any) -> dict[str, Tensor]:  # noqa: ANN401 - openvino is untyped
        """`images`, pixels with channels first, and further inputs by name -> raw outputs by name."""
        if self.one_by_one and len(inputs["images"]) > 1:
            rows = range(len(inputs["images"]))
            outputs = [self.run({name: value[i : i + 1] for name, value in inputs.items()}, request) for i in rows]
            return {name: torch.cat([output[name] for output in outputs]) for name in outputs[0]}
        for name, tensor in zip(self._inputs, request.input_tensors, strict=True):
            value = inputs[name] if name in inputs else inputs["images"].movedim(-3, -1)
            if tuple(tensor.shape) != tuple(value.shape):
                tensor.shape = tuple(value.shape)
            tensor.data[:] = value.numpy()
        request.infer()
        return {
            name: torch.from_numpy(tensor.data.copy())
            for name, tensor in zip(self._names, request.output_tensors, strict=True)
        }

    def forward(self, images: Tensor, **more: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) pixels or clips, and further inputs by name -> raw outputs by name, on the CPU."""
        inputs = {name: value.detach().cpu() for name, value in {"images": images, **more}.items()}
        return self.run(inputs, self._request)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
