"""What an exported file says about itself, so that it can be run with no other file beside it.

An OpenVINO IR keeps it in `rt_info`, section `otx`; an ONNX file in `metadata_props`, keys `otx <name>`. OpenVINO shows
the latter as `rt_info`, section `framework`, so one reader serves both and needs no ONNX package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Self

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo

SECTION = "otx"


@dataclass(frozen=True, kw_only=True)
class ExportInfo:
    """Everything that is needed to feed an exported graph and to read its outputs.

    Attributes:
        version: OTX version that wrote the file.
        task: Name of the task.
        model: Name of the catalog row, for people; nothing is built from it.
        labels: Classes in output order.
        input_spec: Size and resize rule of the input; the normalisation is inside the graph already.
        decode: Keyword arguments of the task's decode function.
        score_threshold: Score below which objects are left out, as found in validation; 0 for tasks that have none.
        resize: Who brings images to the size: `runtime` or `graph`.
        batch: Images that the graph takes at a time: `free` or `1`.
        float_parts: Names in the graph of the parts that must not be quantised.
    """

    version: str
    task: str
    model: str
    labels: LabelInfo
    input_spec: InputSpec
    decode: dict[str, Any] = field(default_factory=dict)
    score_threshold: float = 0.0
    resize: str = "runtime"
    batch: str = "free"
    float_parts: tuple[str, ...] = ()

    def to_strings(self) -> dict[str, str]:
        """The form in which files keep it: plain ASCII by key, JSON where there is structure."""
        plain = vars(self) | {"labels": self.labels.to_dict(), "input_spec": self.input_spec.to_dict()}
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in plain.items()}

    @classmethod
    def from_strings(cls, strings: dict[str, str], where: str) -> Self:
        """Inverse of `to_strings`.

        Args:
            strings: By key.
            where: The file, for messages.

        Raises:
            UserError: Something is missing or cannot be read.
        """
        try:
            values: dict[str, Any] = {one.name: strings[one.name] for one in fields(cls)}
            values |= {key: make(json.loads(values[key])) for key, make in _FROM_JSON.items()}
            return cls(**values | {"score_threshold": float(strings["score_threshold"])})
        except (KeyError, TypeError, ValueError) as error:
            what = f"{type(error).__name__}: {error}"
            version = strings.get("version", "unknown")
            msg = f"{where}: cannot read the section 'otx' that OTX {version} wrote ({what}). Export the model again."
            raise UserError(msg) from error


_FROM_JSON: dict[str, Callable[[Any], Any]] = {
    "labels": LabelInfo.from_dict,
    "input_spec": InputSpec.from_dict,
    "decode": dict,
    "float_parts": tuple,
}


def served_name(model: str) -> str:
    """The name by which clients of a server know a model: the last part of its name in the catalog."""
    return re.split("[/:]", model)[-1] or "model"


def read_info(ov_model: Any, where: str) -> ExportInfo:  # noqa: ANN401 - openvino is untyped
    """Read what an exported file says about itself.

    Args:
        ov_model: The file as `openvino.Core.read_model` gives it.
        where: The file, for messages.

    Raises:
        UserError: OTX did not write the file, or wrote it in a way that this version cannot read.
    """
    strings = _section(ov_model, SECTION)
    if not strings:
        properties = _section(ov_model, "framework")
        prefix = f"{SECTION} "
        strings = {key.removeprefix(prefix): value for key, value in properties.items() if key.startswith(prefix)}
    if not strings:
        raise UserError(
            f"{where} was not exported by OTX: it has no section 'otx' that says what its inputs and outputs mean. "
            "Give a file that `otx export` wrote."
        )
    return ExportInfo.from_strings(strings, where)


def _section(ov_model: Any, name: str) -> dict[str, str]:  # noqa: ANN401 - openvino is untyped
    if not ov_model.has_rt_info([name]):
        return {}
    value = ov_model.get_rt_info([name]).value
    if not isinstance(value, dict):
        return {}
    return {str(key): str(getattr(entry, "value", entry)) for key, entry in value.items()}
