"""Does an exported file predict like the model? Measured on the user's own images, by the task's own metric."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from otx.core.atomic import write_atomic
from otx.core.entity import OTXBatchDataEntity
from otx.core.model import OTXModel
from otx.core.task import TaskSpec
from otx.deploy.difference import Difference, difference
from otx.deploy.settings import MAX_DROP, PARITY_IMAGES, Tolerance
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
    """

    metric: str | None
    reference: float | None
    exported: float | None
    drop_relative: float | None
    max_drop: float
    max_abs_diff: float
    images: int
    passed: bool
    reasons: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write `parity.json`."""
        write_atomic(path, json.dumps(asdict(self), indent=2) + "\n")


def compare(
    model: OTXModel[Any, Any],
    exported: ExportedModel,
    batches: Iterable[OTXBatchDataEntity[Any]],
    *,
    tolerance: Tolerance | None,
    max_drop: float = MAX_DROP,
    max_images: int = PARITY_IMAGES,
    measure: bool = True,
) -> Parity:
    """Run both on the same batches and compare raw outputs and the task's metric.

    Args:
        model: The reference: a torch model on any device in any mode, which is left as it was, or an exported one.
        exported: What is judged.
        batches: Images as the model is evaluated on, with truth if `measure`.
        tolerance: For raw outputs; None where they are meant to differ, as after quantisation.
        max_drop: Share of the metric that may be lost.
        max_images: Batches are taken until there are this many images.
        measure: Compare the task's metric too.
    """
    metrics = _Metrics(exported.spec, model) if measure else None
    found = Difference()
    images = 0
    reasons: list[str] = []
    with _evaluating(model), torch.no_grad():
        reference_graph, device = _raw_function(model), _device(model)
        for batch in batches:
            if not images and (reasons := _fixed_batch(exported.model, batch.graph_inputs(), tolerance)):
                break
            placed = batch.to(device)
            raw, other = reference_graph(**placed.graph_inputs()), exported.model(**batch.graph_inputs())
            found += difference(raw, other, tolerance or Tolerance(difference=1.0, unmatched=1.0))
            if metrics is not None:
                metrics.update(model(placed).to("cpu"), exported(batch), batch)
            images += batch.batch_size
            if images >= max_images:
                break
    reasons += found.breaches(tolerance) if tolerance is not None else []
    if not images and not reasons:
        reasons.append("there was no image to compare on")
    return _judge(metrics, found, images, reasons, max_drop)


class _Metrics:
    """The task's metric, once for each side."""

    def __init__(self, spec: TaskSpec, model: OTXModel[Any, Any]) -> None:
        metric = spec.load("metric")
        self.name = spec.monitor
        self.sign = 1.0 if spec.monitor_mode == "max" else -1.0
        self.sides = (metric(model.label_info), metric(model.label_info))

    def update(self, prediction: Any, other: Any, truth: Any) -> None:  # noqa: ANN401 - the task's own entities
        self.sides[0].update(prediction, truth)
        self.sides[1].update(other, truth)

    def values(self) -> tuple[float, float, float]:
        """The metric of both sides, and what is lost relative to the first."""
        reference, other = (side.compute().values[self.name] for side in self.sides)
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


def _raw_function(model: OTXModel[Any, Any]) -> RawFunction:
    return model.model if isinstance(model, ExportedModel) else model.export_graph()


def _device(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


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
