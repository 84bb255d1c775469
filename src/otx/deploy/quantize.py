"""Ways to make an exported graph INT8 by NNCF, as a ladder: each rung keeps more of the metric, and costs more time."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from otx.core.entity import OTXBatchDataEntity
from otx.core.errors import OTXError
from otx.data.loader import BatchLoader
from otx.deploy.graph import INPUT_NAME
from otx.runtime.compiled import read_graph
from otx.runtime.exported import load_exported
from otx.runtime.metadata import SECTION
from otx.runtime.openvino_core import openvino_core, signal_stack_kept

Feed = dict[str, npt.NDArray[Any]]
Images = BatchLoader | Sequence[OTXBatchDataEntity[Any]]
"""Batches of one, to be gone through more than once."""

NOISY_SHARE = 0.1
"""Of the quantised inputs of layers; the rung of ignored scopes leaves the noisiest in floating point."""
PROBES = 8
"""Images on which noise is measured."""
MOST_REVERTED = 10
"""Layers that accuracy-aware quantisation may turn back; each costs a validation."""
LAYERS = {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MatMul"}


class Quantizer:
    """Makes INT8 graphs of one exported model.

    They take one image at a time: OpenVINO 2026.4 kills the process (division by zero) where a quantised FCOS is
    compiled for a free batch, and a fixed one is faster by 10 to 20 %.

    Args:
        path: The floating-point IR.
        calibration: Images from which the ranges of activations are taken, in batches of one.
        validation: Images on which accuracy-aware quantisation measures the metric, in batches of one.
        max_drop: What may be lost of the metric there.

    Attributes:
        detail: What there is to say about the last graph.
    """

    def __init__(self, path: Path, calibration: Images, validation: Images, max_drop: float) -> None:
        self.path = path
        self.base = load_exported(path)
        self.names = [port.any_name for port in read_graph(path).outputs]
        self.calibration = calibration
        self.validation = validation
        self.max_drop = max_drop
        self.detail = ""

    def default(self) -> Any:  # noqa: ANN401 - openvino is untyped, here and below
        """Symmetric activations, corrected means."""
        return self._quantize()

    def histogram(self) -> Any:  # noqa: ANN401
        """Likewise, with ranges that lose least of the activations' histograms, in place of the means of extremes."""
        nncf = nncf_library()
        estimators = nncf.quantization.range_estimator.RangeEstimatorParametersSet
        ranges = nncf.AdvancedQuantizationParameters(activations_range_estimator_params=estimators.HISTOGRAM)
        return self._quantize(advanced_parameters=ranges)

    def mixed(self, **settings: Any) -> Any:  # noqa: ANN401
        """Asymmetric activations, the patterns of transformers, outliers smoothed into the weights."""
        nncf = nncf_library()
        return self._quantize(preset=nncf.QuantizationPreset.MIXED, model_type=nncf.ModelType.TRANSFORMER, **settings)

    def full_bias_correction(self, **settings: Any) -> Any:  # noqa: ANN401
        """The same, with the error of each layer corrected on what the quantised layers before it give."""
        return self.mixed(fast_bias_correction=False, **settings)

    def ignored_scopes(self) -> Any:  # noqa: ANN401
        """The same, with the layers left in floating point whose inputs lose most."""
        noisy = noisiest_layers(self.mixed(), (_feeds(batch)[0] for batch in self.calibration), NOISY_SHARE)
        # NNCF corrects biases fully in no graph that branches, such as Keypoint R-CNN's.
        branches = any(node.get_type_name() == "If" for node in read_graph(self.path).get_ops())
        rung = self.mixed if branches else self.full_bias_correction
        graph = rung(ignored_scope=self._floating(noisy))
        self.detail = f"in floating point: {', '.join(noisy)}"
        return graph

    def accuracy_aware(self) -> Any:  # noqa: ANN401
        """Layers are turned back to floating point, those first that cost most, until the metric is within the drop."""
        nncf = nncf_library()
        restorer = nncf.quantization.advanced_parameters.AdvancedAccuracyRestorerParameters
        return self._run(
            nncf.quantize_with_accuracy_control,
            self._dataset(self.calibration),
            validation_dataset=self._dataset(self.validation),
            validation_fn=self._measure,
            max_drop=self.max_drop,
            drop_type=nncf.DropType.RELATIVE,
            subset_size=len(self.calibration),
            ignored_scope=self._floating(),
            advanced_accuracy_restorer_parameters=restorer(
                max_num_iterations=MOST_REVERTED, ranking_subset_size=min(PROBES, len(self.validation))
            ),
        )

    def weights_only(self) -> Any:  # noqa: ANN401
        """Weights in 8 bits, arithmetic in floating point: a quarter of the size, little speed."""
        nncf = nncf_library()
        return self._run(nncf.compress_weights, mode=nncf.CompressWeightsMode.INT8_ASYM, ignored_scope=self._floating())

    def trained(self, *, path: Path, detail: str) -> Any:  # noqa: ANN401
        """The graph of a model that was trained with its quantisers, no rung of the ladder.

        Args:
            path: Its export.
            detail: What there is to say about its training.
        """
        self.detail = detail
        return _of_one_image(path)

    def _floating(self, layers: Sequence[str] = ()) -> Any:  # noqa: ANN401
        """What stays in floating point: the model's own parts, and these layers."""
        parts = [rf".*{re.escape(part)}[./].*" for part in self.base.info.float_parts]
        return nncf_library().IgnoredScope(names=list(layers), patterns=parts, validate=False)

    def _quantize(self, **settings: Any) -> Any:  # noqa: ANN401
        settings = {"ignored_scope": self._floating(), "subset_size": len(self.calibration), **settings}
        graph = self._run(nncf_library().quantize, self._dataset(self.calibration), **settings)
        if not _quantizers(graph):
            raise OTXError("no layer was quantised")
        return graph

    def _run(self, method: Callable[..., Any], *args: Any, **settings: Any) -> Any:  # noqa: ANN401
        nncf = nncf_library()
        self.detail = ""
        graph = _of_one_image(self.path)
        try:
            with signal_stack_kept(), redirect_stdout(sys.stderr):  # its cores, its progress
                return method(graph, *args, **settings)
        except (nncf.InternalError, nncf.ValidationError, nncf.UnsupportedModelError, RuntimeError) as error:
            raise OTXError(f"NNCF cannot do it: {error}") from error

    def _dataset(self, images: Images) -> Any:  # noqa: ANN401
        return nncf_library().Dataset(images, lambda batch: _feeds(batch)[0])

    def _measure(self, compiled: Any, batches: Iterable[OTXBatchDataEntity[Any]]) -> tuple[float, None]:  # noqa: ANN401
        """The metric of a compiled graph, higher is better, as NNCF wants it."""
        spec = self.base.spec
        metric = spec.load("metric")(self.base.label_info)
        for batch in batches:
            rows = [list(compiled(feed).values()) for feed in _feeds(batch)]
            raw = [torch.from_numpy(np.concatenate(parts)) for parts in zip(*rows, strict=True)]
            named = dict(zip(self.names, raw, strict=True))
            metric.update(self.base.decode(named, batch.images, batch.imgs_info), batch)
        value = float(metric.compute().values[spec.monitor])
        return (value if spec.monitor_mode == "max" else -value), None


Rung = Callable[[Quantizer], Any]
"""Gives an INT8 graph."""
LADDER: dict[str, Rung] = {
    "default preset": Quantizer.default,
    "histogram ranges": Quantizer.histogram,
    "mixed preset": Quantizer.mixed,
    "full bias correction": Quantizer.full_bias_correction,
    "ignored scopes": Quantizer.ignored_scopes,
    "accuracy-aware": Quantizer.accuracy_aware,
    "weights only": Quantizer.weights_only,
}
"""Name -> rung, in the order of climbing."""


def noisiest_layers(graph: Any, feeds: Iterator[Feed], share: float) -> list[str]:  # noqa: ANN401
    """Names of the layers whose quantised inputs have the lowest ratio of signal to noise, on a few images.

    Args:
        graph: A quantised graph; it gets further outputs.
        feeds: What it is fed.
        share: Of the quantised inputs, how many are noisy.
    """
    quantizers = [node for node in _quantizers(graph) if node.input_value(0).get_node().get_type_name() != "Constant"]
    layers = [_layers_behind(node) for node in quantizers]
    graph.add_outputs([port for node in quantizers for port in (node.input_value(0), node.output(0))])
    # Some share an input, and what is an output already is not added again: each is looked up.
    places = {_port_key(port.get_node().input_value(0)): place for place, port in enumerate(graph.outputs)}
    pairs = [(places[_port_key(node.input_value(0))], places[_port_key(node.output(0))]) for node in quantizers]
    compiled = openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    noise, signal = np.zeros(len(quantizers)), np.zeros(len(quantizers))
    for _, feed in zip(range(PROBES), feeds, strict=False):
        request.infer(feed)
        for index, pair in enumerate(pairs):
            exact, rounded = (request.get_output_tensor(place).data for place in pair)
            noise[index] += np.square(exact - rounded, dtype=np.float64).sum()
            signal[index] += np.square(exact, dtype=np.float64).sum()
    worst = np.argsort(-noise / np.maximum(signal, np.finfo(np.float64).tiny))
    order = [index for index in worst if layers[index]]  # what is left of sums and scales is nothing to be ignored
    return sorted(set().union(*(layers[index] for index in order[: max(1, round(share * len(order)))])))


def _of_one_image(path: Path) -> Any:  # noqa: ANN401
    graph = read_graph(path)
    graph.reshape({port.any_name: [1, *list(port.partial_shape)[1:]] for port in graph.inputs})
    graph.set_rt_info("1", [SECTION, "batch"])
    return graph


def _port_key(port: Any) -> tuple[str, int]:  # noqa: ANN401
    return port.get_node().get_friendly_name(), port.get_index()


def _quantizers(graph: Any) -> list[Any]:  # noqa: ANN401
    return [node for node in graph.get_ops() if node.get_type_name() == "FakeQuantize"]


def _layers_behind(quantizer: Any) -> set[str]:  # noqa: ANN401
    """Names of the layers that compute with what a quantiser gives."""
    found: set[str] = set()
    seen: set[str] = set()  # paths that part and meet again are without number in two-stage detectors
    waiting = [quantizer]
    while waiting:
        for target in (target for port in waiting.pop().outputs() for target in port.get_target_inputs()):
            node = target.get_node()
            if node.get_type_name() in LAYERS:
                found.add(node.get_friendly_name())
            elif node.get_type_name() != "FakeQuantize" and node.get_name() not in seen:
                seen.add(node.get_name())
                waiting.append(node)
    return found


def _feeds(batch: OTXBatchDataEntity[Any]) -> list[Feed]:
    """What a graph of one image is fed for a batch, image by image."""
    inputs = {name: value.numpy() for name, value in batch.graph_inputs().items()}
    images = np.moveaxis(inputs.pop("images"), -3, -1)
    return [{INPUT_NAME: images[i : i + 1], **{k: v[i : i + 1] for k, v in inputs.items()}} for i in range(len(images))]


def nncf_library() -> Any:  # noqa: ANN401 - untyped
    """The library, imported when it is needed: it takes seconds, and is an extra."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses CUDA on every CPU machine
    import nncf

    nncf.set_log_level(logging.ERROR)
    return nncf
