"""Does an exported file predict like the model? Measured on the user's own images, by the task's own metric."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from otx.core.atomic import write_atomic
from otx.core.entity import OTXBatchDataEntity
from otx.core.model import OTXModel
from otx.core.task import TaskSpec
from otx.deploy.difference import Difference, difference
from otx.deploy.settings import MAX_DROP, Tolerance
from otx.runtime.exported import ExportedModel

RawFunction = Callable[..., dict[str, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Result of a comparison; `parity.json` holds exactly this.

    Attributes:
        metric: Name of the metric, or None where nothing was measured.
        reference: Its value by the model.
        exported: Its value by the exported file.
        drop_relative: What is lost, as a share of `reference`; negative where the exported file is better.
        max_drop: What may be lost.
        max_abs_diff: Largest absolute difference of a raw output (of a score, for detections).
        images: Number of images compared.
        passed: Whether the exported file may be used.
        reasons: Why not.
        outputs: Largest difference by output, relative to its largest magnitude (absolute, of the scores of `boxes`).
        milliseconds: Of an image on this machine, by `reference` and `exported`; the median.
        name: What was judged.
        detail: What else there is to say about it.
    """

    metric: str | None = None
    reference: float | None = None
    exported: float | None = None
    drop_relative: float | None = None
    max_drop: float
    max_abs_diff: float = 0.0
    images: int = 0
    passed: bool = False
    reasons: tuple[str, ...] = ()
    outputs: Mapping[str, float] = field(default_factory=dict)
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    name: str = "exported model"
    detail: str = ""

    @property
    def drop(self) -> float:
        """What is lost, for comparing: infinite where nothing was measured."""
        return inf if self.drop_relative is None else self.drop_relative

    def write(self, path: Path, **more: Any) -> None:  # noqa: ANN401 - JSON values
        """Write `parity.json`, with whatever else there is to say."""
        write_atomic(path, json.dumps(asdict(self) | more, indent=2) + "\n")


def compare(
    model: OTXModel[Any, Any],
    exported: ExportedModel,
    batches: Iterable[OTXBatchDataEntity[Any]],
    *,
    tolerance: Tolerance | None,
    max_drop: float = MAX_DROP,
    measure: bool = True,
    value: float | None = None,
) -> Parity:
    """Run both on the same batches and compare raw outputs and the task's metric.

    Args:
        model: The reference: a torch model on any device in any mode, which is left as it was, or an exported one.
        exported: What is judged.
        batches: Images as the model is evaluated on, with truth if `measure`.
        tolerance: For raw outputs; None where they are meant to differ, as after quantisation.
        max_drop: Share of the metric that may be lost.
        measure: Compare the task's metric too.
        value: The metric of the checkpoint on these images, where `model` is its export; the drop is counted from it.
    """
    metrics = _Metrics(exported.spec, model, value) if measure else None
    found = Difference()
    images = 0
    reasons: list[str] = []
    times: dict[str, list[float]] = {"reference": [], "exported": []}
    with _evaluating(model), torch.no_grad():
        reference_graph: RawFunction = model.model if isinstance(model, ExportedModel) else model.export_graph()
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        for batch in batches:
            if not images and (reasons := _fixed_batch(exported.model, batch.graph_inputs(), tolerance)):
                break
            placed = batch.to(device)
            raw = _timed(times["reference"], reference_graph, placed)
            other = _timed(times["exported"], exported.model, batch)
            found += difference(raw, other, tolerance or Tolerance(difference=1.0, unmatched=1.0))
            if metrics is not None:
                decoded = exported.decode(other, batch.images, batch.imgs_info)
                metrics.update(model(placed).to("cpu"), decoded, batch)
            images += batch.batch_size
    reasons += found.breaches(tolerance) if tolerance is not None else []
    if not images and not reasons:
        reasons.append("there was no image to compare on")
    milliseconds = {side: statistics.median(seconds) * 1e3 for side, seconds in times.items() if seconds}
    return replace(_judge(metrics, found, images, reasons, max_drop), milliseconds=milliseconds)


def _timed(times: list[float], graph: RawFunction, batch: OTXBatchDataEntity[Any]) -> dict[str, Tensor]:
    """Raw outputs for a batch; notes the seconds that one image took."""
    inputs, began = batch.graph_inputs(), time.perf_counter()
    raw = graph(**inputs)
    times.append((time.perf_counter() - began) / batch.batch_size)
    return raw


class _Metrics:
    """The task's metric, once for each side."""

    def __init__(self, spec: TaskSpec, model: OTXModel[Any, Any], reference: float | None) -> None:
        metric = spec.load("metric")
        self.reference = reference
        self.name = spec.monitor
        self.sign = 1.0 if spec.monitor_mode == "max" else -1.0
        self.sides = (metric(model.label_info), metric(model.label_info))

    def update(self, prediction: Any, other: Any, truth: Any) -> None:  # noqa: ANN401 - the task's own entities
        self.sides[0].update(prediction, truth)
        self.sides[1].update(other, truth)

    def values(self) -> tuple[float, float, float]:
        """The metric of both sides, and what is lost relative to the first."""
        reference, other = (side.compute().values[self.name] for side in self.sides)
        reference = reference if self.reference is None else self.reference
        lost = self.sign * (reference - other)
        return reference, other, lost / abs(reference) if reference else lost


def _judge(metrics: _Metrics | None, found: Difference, images: int, reasons: list[str], max_drop: float) -> Parity:
    reference = other = drop = None
    if metrics is not None and images:
        reference, other, drop = metrics.values()
        if not drop <= max_drop:
            reasons.append(f"{metrics.name} falls from {reference:.4f} to {other:.4f}, by {drop:.1%}")
    return Parity(
        metric=metrics.name if metrics is not None else None,
        reference=reference,
        exported=other,
        drop_relative=drop,
        max_drop=max_drop,
        max_abs_diff=found.max_abs,
        images=images,
        passed=not reasons,
        reasons=tuple(reasons),
        outputs=found.outputs,
    )


def _fixed_batch(graph: nn.Module, inputs: dict[str, Tensor], tolerance: Tolerance | None) -> list[str]:
    """Whether the graph gives an image the same answer alone and in company; traces can lose the rest of a batch."""
    size = max(2, len(inputs["images"]))
    company = {name: value if len(value) == size else torch.cat([value, value]) for name, value in inputs.items()}
    try:
        alone, together = graph(**{name: value[:1] for name, value in company.items()}), graph(**company)
    except RuntimeError as error:
        return [f"the graph cannot run on a batch of {size}: {error}"]
    if any(len(output) != size for output in together.values()):
        return [f"the graph answers for {len(next(iter(together.values())))} of {size} images of a batch"]
    if tolerance is None:
        return []
    first = {name: output[:1] for name, output in together.items()}
    return [f"alone and in a batch, {breach}" for breach in difference(alone, first, tolerance).breaches(tolerance)]


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode for a while; each submodule gets its own mode back, because some may be frozen."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
