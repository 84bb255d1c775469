"""Stands in for the compiled operators of MMCV, so that its wheel without them (mmcv-lite) serves MMDetection.

`mmcv.ops` asks for all its operators when it is imported. Those that detectors call are made of torchvision's here; any
other raises when it is called. Where a compiled MMCV is installed this stands aside.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NoReturn

import torch
from torch import Tensor
from torchvision.ops import nms, roi_align, roi_pool, sigmoid_focal_loss

from otx.core.errors import UserError

COMPILED = "mmcv._ext"


def install() -> None:
    """Make `import mmcv.ops` work; once is enough."""
    if COMPILED not in sys.modules and importlib.util.find_spec(COMPILED) is None:
        sys.modules[COMPILED] = _Operators(COMPILED)


class _Operators(ModuleType):
    """Has every operator that MMCV may ask for."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_: Any, **__: Any) -> NoReturn:  # noqa: ANN401
            msg = f"this model needs the compiled operator {name!r} of mmcv, which OTX does not replace; take another"
            raise UserError(msg)

        return OPERATORS.get(name, missing)


def _nms(boxes_N4: Tensor, scores_N: Tensor, *, iou_threshold: float, offset: int) -> Tensor:
    """Indices, best first; with an offset of 1 a box reaches over its last pixel."""
    reach = boxes_N4.new_tensor([0, 0, offset, offset])
    return nms(boxes_N4 + reach, scores_N, iou_threshold)


def _roi_align(features: Tensor, rois_R5: Tensor, settings: Mapping[str, Any]) -> Tensor:
    if settings["pool_mode"] != 1:
        raise UserError("this model pools boxes by their maximum, which needs a compiled mmcv; take another")
    size, more = (settings["aligned_height"], settings["aligned_width"]), ("sampling_ratio", "aligned")
    return roi_align(features, rois_R5, size, settings["spatial_scale"], **{name: settings[name] for name in more})


def _roi_align_forward(features: Tensor, rois_R5: Tensor, output: Tensor, *_: Tensor, **settings: Any) -> None:  # noqa: ANN401
    output.copy_(_roi_align(features, rois_R5, settings))


def _roi_align_backward(gradient: Tensor, rois_R5: Tensor, *places: Tensor, **settings: Any) -> None:  # noqa: ANN401
    into = places[-1]
    into.copy_(_gradient(lambda features: _roi_align(features, rois_R5, settings), into, gradient))


def _roi_pool_forward(features: Tensor, rois_R5: Tensor, output: Tensor, *_: Tensor, **settings: Any) -> None:  # noqa: ANN401
    size = (settings["pooled_height"], settings["pooled_width"])
    output.copy_(roi_pool(features, rois_R5, size, settings["spatial_scale"]))


def _focal_loss_forward(
    logits_NC: Tensor, target_N: Tensor, weight: Tensor, output: Tensor, *, gamma: float, alpha: float
) -> None:
    output.copy_(sigmoid_focal_loss(logits_NC, _one_hot(target_N, logits_NC), alpha, gamma) * _or_one(weight))


def _focal_loss_backward(
    logits_NC: Tensor, target_N: Tensor, weight: Tensor, into: Tensor, *, gamma: float, alpha: float
) -> None:
    truth_NC = _one_hot(target_N, logits_NC)
    ones = torch.ones_like(logits_NC) * _or_one(weight)
    into.copy_(_gradient(lambda x: sigmoid_focal_loss(x, truth_NC, alpha, gamma), logits_NC, ones))


def _gradient(function: Callable[[Tensor], Tensor], at: Tensor, outer: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = at.detach().clone().requires_grad_()
        return torch.autograd.grad(function(leaf), leaf, outer)[0]


def _one_hot(target_N: Tensor, logits_NC: Tensor) -> Tensor:
    """Class indices, of which the first beyond the classes is the background."""
    return (target_N.unsqueeze(1) == torch.arange(logits_NC.shape[1], device=target_N.device)).to(logits_NC)


def _or_one(weight: Tensor) -> Tensor:
    return weight if weight.numel() else weight.new_ones(())


OPERATORS: dict[str, Callable[..., Any]] = {
    "nms": _nms,
    "roi_align_forward": _roi_align_forward,
    "roi_align_backward": _roi_align_backward,
    "roi_pool_forward": _roi_pool_forward,
    "sigmoid_focal_loss_forward": _focal_loss_forward,
    "sigmoid_focal_loss_backward": _focal_loss_backward,
}
