"""Weights of a model on disk: a safetensors file that says in its header what it holds, and the same as JSON beside it.

Nothing is ever instantiated from such a file: the header names the task and the catalog row, and who loads it looks
these up in OTX's own tables. One that names a class in a file of code opens only where the user names that file too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import otx
from otx.core.atomic import replacing, write_atomic
from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.model import OTXModel

_HEADER = "otx"


@dataclass(frozen=True, kw_only=True)
class CheckpointMeta:
    """What a checkpoint holds.

    Attributes:
        task: Name of the task.
        model: Catalog name of the model.
        arch: The framework's name of the architecture.
        labels: Classes in output order.
        input_spec: What the model wants to be fed.
        epoch: Number of epochs trained.
        metrics: Of the validation after that epoch.
        otx_version: Who wrote it.
    """

    task: str
    model: str
    arch: str
    labels: LabelInfo
    input_spec: InputSpec
    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    otx_version: str = otx.__version__

    @classmethod
    def of(cls, model: OTXModel[Any, Any], name: str, epoch: int = 0, metrics: dict[str, float] | None = None) -> Self:
        """Describe a model of the given catalog name."""
        return cls(
            task=str(model.task),
            model=name,
            arch=model.arch,
            labels=model.label_info,
            input_spec=model.input_spec,
            epoch=epoch,
            metrics=metrics or {},
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON form; a metric that is not a number is null."""
        metrics = {key: value if math.isfinite(value) else None for key, value in self.metrics.items()}
        nested = {"labels": self.labels.to_dict(), "input_spec": self.input_spec.to_dict(), "metrics": metrics}
        return asdict(self) | nested

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        nested = {
            "labels": LabelInfo.from_dict(data["labels"]),
            "input_spec": InputSpec.from_dict(data["input_spec"]),
            "metrics": {key: math.nan if value is None else value for key, value in data["metrics"].items()},
        }
        return cls(**(data | nested))


def save_model(path: Path, weights: Mapping[str, Tensor], meta: CheckpointMeta) -> None:
    """Write a model's weights and buffers as `*.safetensors`, and what they are beside it as `*.json`, atomically."""
    tensors: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in weights.items():
        storage = tensor.untyped_storage().data_ptr()
        # Weights that layers share are written once for each, so that any reader finds every name.
        tensors[name] = tensor.detach().clone() if storage in seen else tensor.detach()
        tensors[name] = tensors[name].cpu().contiguous()
        seen.add(storage)
    header = json.dumps(meta.to_dict(), sort_keys=True)
    with replacing(path) as partial:
        save_file(tensors, partial, {_HEADER: header})
    write_atomic(path.with_suffix(".json"), json.dumps(meta.to_dict(), indent=2, ensure_ascii=False) + "\n")


def read_meta(path: Path) -> CheckpointMeta:
    """What a checkpoint holds, without reading its weights.

    Raises:
        UserError: There is no such file, or it is not a checkpoint of OTX.
    """
    return CheckpointMeta.from_dict(_read_header(path))


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights and buffers of a checkpoint, as a state dict on the CPU.

    Raises:
        UserError: There is no such file, or it is not a checkpoint of OTX.
    """
    _read_header(path)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a dict


def load_model(path: Path, model: OTXModel[Any, Any]) -> None:
    """Put the weights and buffers of a checkpoint into a model of the same architecture and labels.

    Raises:
        UserError: There is no such checkpoint, or it is of another architecture.
    """
    try:
        model.load_state_dict(read_state(path))
    except RuntimeError as error:
        meta = read_meta(path)
        msg = f"{path} holds weights of {meta.model} for {len(meta.labels)} labels, which do not fit: {error}"
        raise UserError(msg) from error


def _read_header(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"expected a checkpoint at {path}, found none. Train first: otx train --data_root DIR")
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {})[_HEADER])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        msg = f"{path} is damaged or not a checkpoint of OTX (best.safetensors or last.safetensors of a work dir)"
        raise UserError(msg) from error
    return header
