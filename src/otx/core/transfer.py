"""Taking over weights: tensors by key and shape, rows of the head by label name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from otx.core.errors import UserError
from otx.core.label_info import LabelInfo
from otx.core.model import OTXModel
from otx.core.stem import RGB_CHANNELS, adapt_filters


@dataclass(frozen=True, kw_only=True)
class TransferReport:
    """What a model took over, and what it did not.

    Attributes:
        loaded: Number of tensors that were taken over, wholly or for the known labels.
        coverage: Share of the parameters outside the label rows that was taken over, in [0, 1]; 1 if there are none.
        fresh: Keys of the network that keep their initial values, because the state has none or another shape.
        unused: Keys of the state that have no place in the model.
        kept_labels: Labels whose rows were taken over.
        new_labels: Labels whose rows keep their initial values.
        dropped_labels: Labels of the state that the model does not have.
    """

    loaded: int
    coverage: float
    fresh: tuple[str, ...]
    unused: tuple[str, ...]
    kept_labels: tuple[str, ...] = ()
    new_labels: tuple[str, ...] = ()
    dropped_labels: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report in words, one finding a line."""
        findings = [f"{self.loaded} tensors loaded ({self.coverage:.0%} of the parameters outside the head)"]
        for text, names in (
            ("tensors newly initialised", self.fresh),
            ("tensors of the file not used", self.unused),
            ("labels kept", self.kept_labels),
            ("labels new", self.new_labels),
            ("labels dropped", self.dropped_labels),
        ):
            if names:
                shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
                findings.append(f"{len(names)} {text}: {shown}")
        return findings


def transfer(
    model: OTXModel[Any, Any], state: Mapping[str, Tensor], state_labels: LabelInfo | None, part: str = ""
) -> TransferReport:
    """Load what fits of a state dict; rows of labels with the same name move to their new place.

    Args:
        model: Gets the weights, in place. What does not fit keeps its values; filters for RGB are adapted.
        state: Tensors by keys of the model's state dict.
        state_labels: Labels that the state was trained on; None where they are unknown, then label rows stay as
            they are, whatever their shape: row 0 of a stranger's file is not our first label.
        part: Submodule of the network that the state is for; `coverage` counts only that.
    """
    own = model.state_dict()
    rows = model.label_rows(len(model.label_info))
    state_rows = model.label_rows(len(state_labels)) if state_labels else {}
    merged: dict[str, Tensor] = {}
    for key, tensor in own.items():
        if key not in state:
            continue
        if key not in rows:
            weight = state[key]
            if weight.ndim > 2 and (weight.shape[1], tensor.shape[1]) == (RGB_CHANNELS, model.input_spec.channels):
                weight = adapt_filters(weight, tensor.shape[1])
            if weight.shape == tensor.shape:
                merged[key] = weight
        elif state_labels and _same_kind(state[key], tensor, state_rows[key], rows[key]):
            merged[key] = tensor.clone()
            for source, target in (
                _label_pairs(state_labels, model.label_info, state_rows[key], rows[key]),
                (_shared(state[key], state_rows[key]), _shared(tensor, rows[key])),
            ):
                merged[key][target] = state[key][source].to(tensor)
    model.load_state_dict(own | merged)
    return TransferReport(
        loaded=len(merged),
        coverage=_coverage(model, merged, rows, part),
        fresh=tuple(key for key in own if key not in merged and _is_weight(key)),
        unused=tuple(key for key in state if key not in own),
        **_label_changes(state_labels if rows else None, model.label_info),
    )


def require_fit(report: TransferReport, source: str, *, least: float = 0.8) -> None:
    """Refuse weights that are not for this model, instead of training on mostly random ones.

    Args:
        report: What was taken over.
        source: File or address, for the message.
        least: Share of the parameters outside the head that must have been taken over.

    Raises:
        UserError: Too little fits; the message names some of the keys on both sides.
    """
    if report.coverage >= least:
        return
    raise UserError(
        f"the weights of {source} are not for this model: expected them to fill at least {least:.0%} of its parameters "
        f"outside the head, found {report.coverage:.0%}. Without weights: {', '.join(report.fresh[:3])}; "
        f"in the file, but not in the model: {', '.join(report.unused[:3]) or 'nothing (the shapes differ)'}"
    )


def _is_weight(key: str) -> bool:
    """Whether the key is the network's, and not a counter of batch norm that many weight files lack."""
    return key.startswith("model.") and not key.endswith("num_batches_tracked")


def _same_kind(source: Tensor, target: Tensor, source_rows: Tensor, target_rows: Tensor) -> bool:
    """Whether both tensors are laid out as the architecture says, each for its own number of labels."""
    shared = len(target) - target_rows.numel()
    return source.shape[1:] == target.shape[1:] and len(source) - source_rows.numel() == shared


def _label_pairs(
    source_labels: LabelInfo, target_labels: LabelInfo, source_rows: Tensor, target_rows: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows of the source, and where each of them belongs in the target, for the labels that both have."""
    both = [name for name in target_labels.names if name in source_labels.names]
    source = source_rows[[source_labels.names.index(name) for name in both]]
    target = target_rows[[target_labels.names.index(name) for name in both]]
    return source.flatten(), target.flatten()


def _shared(tensor: Tensor, rows: Tensor) -> Tensor:
    """Rows that belong to no label, in order: background, padding."""
    free = torch.ones(len(tensor), dtype=torch.bool)
    free[rows.flatten()] = False
    return free.nonzero().flatten()


def _coverage(model: OTXModel[Any, Any], merged: Mapping[str, Tensor], rows: Mapping[str, Tensor], part: str) -> float:
    prefix = f"model.{part}." if part else "model."
    sizes = {
        key: parameter.numel()
        for key, parameter in model.named_parameters(remove_duplicate=False)
        if key.startswith(prefix) and key not in rows
    }
    return sum(size for key, size in sizes.items() if key in merged) / sum(sizes.values()) if sizes else 1.0


def _label_changes(before: LabelInfo | None, after: LabelInfo) -> dict[str, tuple[str, ...]]:
    if before is None:
        return {}
    return {
        "kept_labels": tuple(name for name in after.names if name in before.names),
        "new_labels": tuple(name for name in after.names if name not in before.names),
        "dropped_labels": tuple(name for name in before.names if name not in after.names),
    }
