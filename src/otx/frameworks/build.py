"""From a catalog row to a model with weights: the one place where networks are built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from otx.core.catalog import ModelRow
from otx.core.errors import UserError
from otx.core.input_spec import RGB, InputSpec
from otx.core.label_info import LabelInfo
from otx.core.model import OTXModel
from otx.core.refs import resolve
from otx.core.transfer import TransferReport, require_fit, transfer
from otx.frameworks import catalog
from otx.frameworks.user_file import is_user_file, user_row
from otx.frameworks.weights import fetch, read_file


def find_row(name: str, task: str) -> ModelRow:
    """What `--model` names: a catalog row, any model that its framework knows, or a class in the user's file.

    Raises:
        UserError: Nobody knows the name, or it solves another task.
        MissingExtraError: The framework is not installed.
    """
    return user_row(name, task) if is_user_file(name) else catalog().get(name, task)


def build_model(
    row: ModelRow, labels: LabelInfo, input_spec: InputSpec, pretrained: bool | Path
) -> tuple[OTXModel[Any, Any], TransferReport | None]:
    """The model of a row, with a head for these labels.

    Args:
        row: What to build.
        labels: Classes in output order.
        input_spec: Size and normalisation; `row.input_spec` or the same at another size.
        pretrained: True: the row's own weights; False: random weights; a path: a file of the framework, or a
            checkpoint of OTX, whose head is taken over by label name.

    Returns:
        The model, and what it took over; None where it is random.

    Raises:
        UserError: Weights are asked for that the row does not have, cannot be had, or are not for this model.
    """
    row.require()
    if row.rgb_only and input_spec.channels != RGB.channels:
        msg = f"{row.name} takes RGB images only, not {input_spec.channels} channels; take another model (otx find)"
        raise UserError(msg)
    model: OTXModel[Any, Any] = resolve(row.adapter)(labels, input_spec, row.arch, row.options)
    model.task = row.task
    if isinstance(pretrained, Path):
        return model, _load_file(model, pretrained, row.weights.part if row.weights else "")
    if not pretrained:
        return model, None
    if row.weights is None:
        msg = f"there are no pretrained weights for {row.name}: use --pretrained false, or a file (--pretrained PATH)"
        raise UserError(msg)
    state = model.convert_pretrained(fetch(row.weights), row.weights.part)
    report = transfer(model, state, None, row.weights.part)
    require_fit(report, row.weights.source)
    return model, report


def _load_file(model: OTXModel[Any, Any], path: Path, part: str) -> TransferReport:
    state = read_file(path)
    ours = len(state.keys() & model.state_dict().keys()) > len(state) / 2
    if ours:
        report = transfer(model, state, _labels_beside(path))
    else:
        report = transfer(model, model.convert_pretrained(state, part), None, part)
    require_fit(report, str(path))
    return report


def _labels_beside(checkpoint: Path) -> LabelInfo | None:
    """The labels of a checkpoint of OTX, from the JSON file of the same name; None if there is none."""
    path = checkpoint.with_suffix(".json")
    return LabelInfo.from_dict(json.loads(path.read_text())["labels"]) if path.is_file() else None
