"""Augmentation by MMDetection, MMPretrain or MMSegmentation: samples are turned into theirs before, and back after.

What has one row per object, whatever it is, is represented by the number of its row in place of a label, so the steps
filter, join and order rows without having to know them.
"""

from __future__ import annotations

import copy
import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.entity import OTXDataEntity, SampleT
from otx.core.errors import UserError, nearest
from otx.core.input_spec import InputSpec
from otx.frameworks.openmmlab import load_library
from otx.transforms.fields import Draw, boxes_of, pixel_fields, plain
from otx.transforms.pipeline import Pipeline

TRIES = 10
"""A step that finds nothing it may do gives no sample; it is asked again so often."""
NEEDLESS = ("Collect", "DefaultFormatBundle", "ImageToTensor", "LoadAnnotations", "LoadImageFromFile", "Normalize",
            "PackDetInputs", "PackInputs", "PackSegInputs", "ToTensor")  # fmt: skip


Objects = Callable[[Tensor, Tensor | None], dict[str, Any]]


@dataclass(frozen=True)
class Offer:
    """What a library offers.

    Attributes:
        library: `mmdet`, `mmpretrain` or `mmseg`.
        steps: Names of the classes that a recipe may name.
        others: How many other samples a step mixes in, where it does.
        height_first: Steps that take a size as height and width; the others take width and height.
        defaults: Arguments that differ from the library's, by step.
        objects: Makes of boxes (N, 4) and masks (N, H, W) or None what the steps move; None where they move no boxes.
        moves_masks: Whether all steps move the mask of an image along.
    """

    library: str
    steps: tuple[str, ...]
    others: Mapping[str, int] = field(default_factory=dict)
    height_first: tuple[str, ...] = ()
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    objects: Objects | None = None
    moves_masks: bool = False


def build_pipeline(offer: Offer, steps: Sequence[Mapping[str, Any]], input_spec: InputSpec) -> Pipeline:
    """Build the pipeline that a recipe declares with the steps of a library.

    Args:
        offer: Of the library.
        steps: Name and arguments of each step; `input` stands for the model's size, lists become tuples.
        input_spec: Of the model.

    Raises:
        MissingExtraError: The library is not installed.
        UserError: It has no such step, or the step does not take such arguments.
    """
    load_library(offer.library)
    _mend_hue()
    importlib.import_module(f"{offer.library}.datasets.transforms")
    return Pipeline([OpenMMLabSteps(offer, steps, input_spec)] if steps else [], input_spec)


class OpenMMLabSteps:
    """Steps of a library in a row, as one step over entities.

    Args:
        offer: Of the library.
        steps: As in `build_pipeline`.
        input_spec: Of the model.
    """

    def __init__(self, offer: Offer, steps: Sequence[Mapping[str, Any]], input_spec: InputSpec) -> None:
        self.offer = offer
        self.steps = [(str(step.get("name")), _make(offer, step, input_spec)) for step in steps]

    def __call__(self, sample: SampleT, draw: Draw) -> SampleT:
        """Apply all steps; their randomness is NumPy's and Python's, which the data set seeds per item as torch's.

        Raises:
            UserError: A step cannot be applied to such a sample; the message names step and image.
        """
        rows: list[tuple[OTXDataEntity, int]] = []
        results = _to_results(self.offer, sample, rows)
        for name, step in self.steps:
            count = self.offer.others.get(name, 0)
            others = [_to_results(self.offer, other, rows) for other in draw(count)] if count else []
            try:
                results = _applied(step, results, others)
                _check_rows(results)
            except Exception as error:  # cv2.error, AssertionError, KeyError, ...: whatever a library raises
                path = sample.img_info.path or "an image"
                msg = f"step {name!r} of {self.offer.library} failed on {path}: {str(error) or type(error).__name__}"
                raise UserError(msg) from error
        return _to_entity(results, sample, rows)


def _applied(step: Any, results: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ANN401
    results["img"] = np.ascontiguousarray(results["img"])  # some steps leave views behind that others cannot take
    for _ in range(TRIES):
        # A copy, because a step may have changed it before it finds that it gives nothing.
        more = {"mix_results": others} if others else {}
        changed: dict[str, Any] | None = step(copy.deepcopy({**results, **more}))
        if changed is not None:
            changed.pop("mix_results", None)
            return changed
    raise ValueError(f"it gives nothing in {TRIES} tries")


def _check_rows(results: dict[str, Any]) -> None:
    if "gt_masks" in results and len(results["gt_masks"]) != len(results["gt_bboxes"]):
        raise ValueError("it changes boxes without their masks")


def _to_results(offer: Offer, sample: OTXDataEntity, rows: list[tuple[OTXDataEntity, int]]) -> dict[str, Any]:
    """A sample as a library's steps read it; its objects are added to `rows`."""
    if sample.image.ndim != 3:
        raise UserError(f"steps of OpenMMLab take images, not clips ({sample.img_info.path})")
    pixels = pixel_fields(sample)
    height, width = (int(side) for side in sample.image.shape[-2:])
    results: dict[str, Any] = {
        "img": _turned(plain(sample.image).permute(1, 2, 0).numpy()),
        "img_shape": (height, width),
        "ori_shape": (height, width),
        "img_path": sample.img_info.path,
        "height": height,
        "width": width,
        "scale_factor": (1.0, 1.0),
        "ignore_index": 255,
        "seg_fields": [],
    }
    masks = None
    for name, value in pixels.items():
        if not _moves(offer, value):
            raise UserError(f"steps of {offer.library} do not move {name!r}; take transforms of torchvision")
        if isinstance(value, tv_tensors.Mask) and name in sample.per_object:
            masks = plain(value)
        elif isinstance(value, tv_tensors.Mask):
            results |= {"gt_seg_map": plain(value).numpy().copy(), "seg_fields": ["gt_seg_map"]}
    boxes = boxes_of(sample)
    if boxes is not None and offer.objects is not None:
        numbers = np.arange(len(rows), len(rows) + len(boxes))
        rows += [(sample, row) for row in range(len(boxes))]
        results |= offer.objects(plain(boxes).clone(), masks)
        results |= {"gt_bboxes_labels": numbers, "gt_ignore_flags": np.zeros(len(boxes), bool)}
    return results


def _to_entity(results: dict[str, Any], sample: SampleT, rows: list[tuple[OTXDataEntity, int]]) -> SampleT:
    image = results["img"] if results["img"].ndim == 3 else results["img"][..., None]
    size = (int(image.shape[0]), int(image.shape[1]))
    changes: dict[str, Any] = {"image": tv_tensors.Image(_pixels(image, sample.image.dtype))}
    for name, value in pixel_fields(sample).items():
        if isinstance(value, tv_tensors.BoundingBoxes):
            boxes = results["gt_bboxes"].tensor.to(value.dtype).reshape(-1, 4)
            changes[name] = tv_tensors.BoundingBoxes(boxes, format=value.format, canvas_size=size)
        elif isinstance(value, tv_tensors.Mask):
            masks = results["gt_masks"].masks if name in sample.per_object else results["gt_seg_map"]
            changes[name] = tv_tensors.Mask(torch.from_numpy(np.ascontiguousarray(masks)).to(value.dtype))
    kept = [rows[int(number)] for number in results.get("gt_bboxes_labels", ())]
    for name in set(sample.per_object) - set(changes):
        values = [getattr(owner, name)[row] for owner, row in kept]
        empty = getattr(sample, name)[:0]
        changes[name] = torch.stack(values) if isinstance(empty, Tensor) and values else values or empty
    return replace(sample, **changes)


def _moves(offer: Offer, value: tv_tensors.TVTensor) -> bool:
    if isinstance(value, tv_tensors.BoundingBoxes):
        return offer.objects is not None and value.format is tv_tensors.BoundingBoxFormat.XYXY
    return isinstance(value, tv_tensors.Image) or (isinstance(value, tv_tensors.Mask) and offer.moves_masks)


def _turned(pixels_HWC: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """RGB to BGR, which the libraries' colour steps reckon with, or back; a copy in any case."""
    return np.array(pixels_HWC[..., ::-1] if pixels_HWC.shape[2] == 3 else pixels_HWC, order="C")


def _pixels(image_HWC: npt.NDArray[Any], dtype: torch.dtype) -> Tensor:
    if image_HWC.dtype.kind == "f" and not dtype.is_floating_point:  # some steps leave floats behind
        image_HWC = np.clip(np.rint(image_HWC), 0, torch.iinfo(dtype).max)
    return torch.from_numpy(_turned(image_HWC)).permute(2, 0, 1).contiguous().to(dtype)


def _make(offer: Offer, settings: Mapping[str, Any], spec: InputSpec) -> Any:  # noqa: ANN401 - a library's transform
    from mmengine.registry import DefaultScope

    name = settings.get("name")
    given = {key: _argument(offer, name, value, spec, key) for key, value in settings.items() if key != "name"}
    _check_name(offer, name)
    defaults = offer.defaults.get(str(name), {})
    registry = importlib.import_module(f"{offer.library}.registry").TRANSFORMS
    try:
        with warnings.catch_warnings(action="ignore"), DefaultScope.overwrite_default_scope(offer.library):
            return registry.build({"type": name, **defaults, **given})
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        msg = f"step {name!r} of {offer.library} does not take {given}: {str(error) or type(error).__name__}"
        raise UserError(msg) from error


def _check_name(offer: Offer, name: Any) -> None:  # noqa: ANN401 - whatever a recipe holds
    if name in NEEDLESS:
        raise UserError(f"remove the step {name!r}: images are read and handed on by OTX, and normalised by the model")
    if str(name).startswith("Cached"):
        msg = f"write {str(name).removeprefix('Cached')!r}: a cache would make samples depend on those before them"
        raise UserError(msg)
    if name not in offer.steps:
        raise UserError(f"unknown step {name!r} of {offer.library}.{nearest(str(name), offer.steps)}")


def _argument(offer: Offer, name: Any, value: Any, spec: InputSpec, key: str) -> Any:  # noqa: ANN401 - from YAML
    """A value of a recipe as the library wants it; steps within steps must be on offer, too."""
    if value == "input":
        return spec.size if name in offer.height_first else spec.size[::-1]
    if isinstance(value, Mapping):
        if "type" in value:
            _check_name(offer, value["type"])
        inner = value.get("type", name)
        return {part: _argument(offer, inner, entry, spec, part) for part, entry in value.items()}
    if isinstance(value, list):
        members = [_argument(offer, name, entry, spec, key) for entry in value]
        plain_values = all(isinstance(entry, (int, float)) for entry in members)
        return tuple(members) if plain_values and key != "prob" else members
    return value


def _mend_hue() -> None:
    """Put a function in the place of mmcv's, which fails with NumPy 2 where hue is turned back."""
    import mmcv

    def adjust_hue(img: npt.NDArray[Any], hue_factor: float, **_: object) -> npt.NDArray[Any]:
        hue, *rest = cv2.split(cv2.cvtColor(img, cv2.COLOR_RGB2HSV_FULL))
        turned = (hue.astype(np.int16) + int(hue_factor * 255)) % 256
        merged = cv2.merge([turned.astype(np.uint8), *rest])
        return np.asarray(cv2.cvtColor(merged, cv2.COLOR_HSV2RGB_FULL)).astype(img.dtype)

    mmcv.adjust_hue = adjust_hue
