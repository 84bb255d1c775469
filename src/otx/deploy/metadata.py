"""What travels inside an exported file: OTX's own section, and the keys of the public openvino-model-api package."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.model import OTXModel
from otx.deploy.graph import PIXEL_TYPES
from otx.runtime.metadata import SECTION, ExportInfo
from otx.tasks import task_spec

MODEL_API_SECTION = "model_info"


def sections(model: OTXModel[Any, Any], model_name: str = "") -> dict[str, dict[str, str]]:
    """All metadata of an exported file as strings, by section and key.

    Args:
        model: What is exported.
        model_name: Name of its catalog row.
    """
    info = ExportInfo(
        version=version("otx"),
        task=str(model.task),
        model=model_name,
        labels=model.label_info,
        input_spec=model.input_spec,
        decode=model.decode_settings(),
        score_threshold=model.threshold,
        batch="1" if model.exports_batch_of_one else "free",
        float_parts=model.float_parts,
    )
    own = {SECTION: info.to_strings()}
    return own | {MODEL_API_SECTION: _model_api(info)} if task_spec(info.task).model_api_type else own


def _model_api(info: ExportInfo) -> dict[str, str]:
    """The keys by which openvino-model-api 0.4 feeds the graph and reads its outputs.

    It expects RGB, like the graph. The graph normalises by itself, so `mean_values` and `scale_values` are left out.
    Labels are split at blanks there, so blanks become underscores; OTX's own section has the true names.
    """
    spec = task_spec(info.task)
    names = ("background", *info.labels.names) if spec.model_api_background else info.labels.names
    keys = {
        "model_type": spec.model_api_type,
        "labels": " ".join("_".join(name.split()) or "_" for name in names),
        "label_ids": " ".join(str(index) for index in range(len(names))),
        "confidence_threshold": repr(info.score_threshold),
        "resize_type": _model_api_resize(info.input_spec),
        "pad_value": str(info.input_spec.pad_value),
        "input_dtype": PIXEL_TYPES[info.input_spec.dtype],
        "reverse_input_channels": "False",
        "embedded_processing": "False",
        "output_raw_scores": "True",
    }
    if "nms_iou" in info.decode:
        overlap = info.decode["nms_iou"]
        keys["nms_execute"] = str(overlap is not None)
        keys["iou_threshold"] = repr(overlap if overlap is not None else 1.0)
    if "max_detections" in info.decode:
        keys["nms_max_predictions"] = str(info.decode["max_detections"])
    if spec.model_api_labels is not None:
        keys |= spec.model_api_labels(info.labels)
    return keys | {key: value.format(**info.decode) for key, value in spec.model_api.items()}


def _model_api_resize(spec: InputSpec) -> str:
    """The nearest rule that openvino-model-api has; it resizes without antialias.

    Its `crop` takes the largest square, so ours with a `crop_ratio` below 1 sees a little less of the image, and for an
    oblong input it is wrong by its own account of width and height.
    """
    if spec.resize is ResizeMode.LETTERBOX:
        return "fit_to_window"
    return "crop" if spec.resize is ResizeMode.CENTER_CROP and spec.height == spec.width else "standard"
