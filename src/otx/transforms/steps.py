"""Turns the steps of a recipe into objects; a wrong name or argument is an error that names the right one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from otx.core.entity import SampleT
from otx.core.errors import UserError, nearest
from otx.core.input_spec import RGB, InputSpec
from otx.transforms.color import RandomColorTwist
from otx.transforms.fields import Draw, Step, like, pixel_fields, plain
from otx.transforms.fit import FitToInput
from otx.transforms.mosaic import Mosaic
from otx.transforms.zoom import RandomZoom

OURS: dict[str, Callable[..., Step]] = {
    step.__name__: step for step in (FitToInput, Mosaic, RandomColorTwist, RandomZoom)
}
ONLY_PICTURES = (
    "AugMix", "ColorJitter", "RandAugment", "RandomAdjustSharpness", "RandomAutocontrast", "RandomEqualize",
    "RandomGrayscale", "RandomInvert", "RandomPhotometricDistort", "RandomPosterize", "RandomSolarize",
    "TrivialAugmentWide",
)  # fmt: skip
"""Steps that change colours by the rules of 8-bit RGB."""
_ANY_PIXELS = (
    "CenterCrop", "ElasticTransform", "GaussianBlur", "Pad", "RandomAffine", "RandomChannelPermutation", "RandomCrop",
    "RandomErasing", "RandomHorizontalFlip", "RandomIoUCrop", "RandomPerspective", "RandomResize", "RandomResizedCrop",
    "RandomRotation", "RandomShortestSize", "RandomVerticalFlip", "RandomZoomOut", "Resize", "ScaleJitter",
)  # fmt: skip
IN_PIXELS = ("CenterCrop", "ElasticTransform", "GaussianBlur", "Pad", "RandomCrop")
"""Steps of another effect on an image that was decoded smaller."""
TORCHVISION = {name: getattr(v2, name) for name in (*ONLY_PICTURES, *_ANY_PIXELS)}
NEEDLESS = {
    "Normalize": "the model normalises by its own mean and standard deviation",
    "ToDtype": "images stay as they are until the model normalises them",
    "ToImage": "samples hold images already",
    "ToTensor": "samples hold images already",
    "SanitizeBoundingBoxes": "objects that vanish are removed after the last step",
    "ClampBoundingBoxes": "boxes are clipped by the steps that move them",
}
CORNERS = "corners of the image"
SIZES = ("size", "target_size")
"""Arguments for which a recipe may write `input`, the size of the model's input."""


def make_step(settings: Mapping[str, Any], spec: InputSpec) -> Step:
    """Build one step from its name and its arguments.

    A step of torchvision without an argument `p` takes one nevertheless: the probability of doing anything.

    Args:
        settings: `{"name": "RandomHorizontalFlip", "p": 0.5}`.
        spec: Of the model that is fed.

    Raises:
        UserError: There is no such step, or it does not take such arguments.
    """
    arguments = dict(settings)
    name = arguments.pop("name", None)
    if not isinstance(name, str):
        msg = f"a transform step needs a name, got {dict(settings)}; write {{name: RandomHorizontalFlip, p: 0.5}}"
        raise UserError(msg)
    for key in SIZES:
        if arguments.get(key) == "input":
            arguments[key] = list(spec.size)
    if name in OURS:
        step: Step = _build(name, OURS[name], {"input_spec": spec}, arguments)
        return step
    if name in ONLY_PICTURES and spec.pixels != RGB:
        msg = f"transform step {name!r} is for 8-bit RGB, but images have {spec.pixels}; RandomColorTwist takes any"
        raise UserError(msg)
    if name in TORCHVISION:
        return TorchvisionStep(name, _build_torchvision(name, arguments))
    if name in NEEDLESS:
        raise UserError(f"remove the transform step {name!r}: {NEEDLESS[name]}")
    raise UserError(f"unknown transform step {name!r}.{nearest(name, [*OURS, *TORCHVISION])}")


@dataclass(frozen=True)
class TorchvisionStep:
    """A transform of torchvision on a sample.

    Attributes:
        name: For messages.
        transform: Any transform of `torchvision.transforms.v2`.
    """

    name: str
    transform: v2.Transform

    def __call__(self, sample: SampleT, draw: Draw) -> SampleT:
        """Apply it to the image and to everything that lies in its pixels.

        Raises:
            UserError: It cannot be applied to such a sample; the message names step and image.
        """
        pixels: dict[str, tv_tensors.TVTensor] = pixel_fields(sample)
        points = [name for name, value in pixels.items() if isinstance(value, tv_tensors.KeyPoints)]
        corners = {CORNERS: _corners(sample.image)} if points else {}
        try:
            moved = _shifted(self.transform(_shifted(pixels, -sample.mask_fill) | corners), sample.mask_fill)
            if not points:
                return replace(sample, **moved)
            flipped = _flipped(moved.pop(CORNERS))
            for name in points:
                moved[name] = like(moved[name], plain(moved[name]) + flipped)
            height, width = moved["image"].shape[-2:]
            return replace(sample, **moved).settle((0, 0, width, height), mirrored=bool(flipped.any()))
        except (TypeError, ValueError, RuntimeError) as error:
            msg = f"transform step {self.name!r} failed on {sample.img_info.path or 'an image'}: {error}"
            raise UserError(msg) from error


def _shifted(pixels: dict[str, tv_tensors.TVTensor], step: int) -> dict[str, Any]:
    """Masks with all values changed by a step, modulo 256.

    Torchvision fills masks with zeros; the value that they shall be filled with is made zero and back again.
    """
    if not step:
        return dict(pixels)
    return {
        name: like(value, plain(value) + step % 256) if isinstance(value, tv_tensors.Mask) else value
        for name, value in pixels.items()
    }


def _corners(image: Tensor) -> tv_tensors.KeyPoints:
    """Three corners of an image, which tell where a transform has sent it."""
    height, width = image.shape[-2:]
    return tv_tensors.KeyPoints([[0, 0], [width, 0], [0, height]], dtype=torch.float32, canvas_size=(height, width))


def _flipped(corners: Tensor) -> Tensor:
    """(x, y) with 1 for the axis along which a transform has mirrored the image, else 0.

    That is also what keypoints must be moved by afterwards: torchvision flips them as the numbers of pixels, from 0 to
    width - 1, whereas a point here lies between 0 and the width, as the edges of boxes do.
    """
    origin, across, down = plain(corners)
    (a, b), (c, d) = (across - origin).tolist(), (down - origin).tolist()
    if a * d - b * c >= 0:
        return torch.zeros(2)
    return torch.tensor([1.0, 0.0]) if a < 0 else torch.tensor([0.0, 1.0])


def _build_torchvision(name: str, arguments: dict[str, Any]) -> v2.Transform:
    transform = TORCHVISION[name]
    parameters = inspect.signature(transform).parameters
    if "fill" in arguments and "fill" in parameters:
        arguments = arguments | {"fill": {tv_tensors.Mask: 0, "others": arguments["fill"]}}
    if "p" in arguments and "p" not in parameters:
        rest = {key: value for key, value in arguments.items() if key != "p"}
        return v2.RandomApply([_build(name, transform, {}, rest)], p=arguments["p"])
    built: v2.Transform = _build(name, transform, {}, arguments)
    return built


def _build(name: str, make: Callable[..., Any], given: dict[str, Any], arguments: dict[str, Any]) -> Any:  # noqa: ANN401
    """Call a constructor; `given` is what the recipe does not say."""
    parameters = inspect.signature(make).parameters
    free = [key for key in parameters if key not in given]
    unknown = [key for key in arguments if key not in free]
    if unknown:
        hint = nearest(unknown[0], free) or " It takes none."
        raise UserError(f"transform step {name!r} has no argument {unknown[0]!r}.{hint}")
    missing = [key for key in free if parameters[key].default is inspect.Parameter.empty and key not in arguments]
    if missing:
        hint = f"; `{missing[0]}: input` means the model's size" if missing[0] in SIZES else ""
        raise UserError(f"transform step {name!r} needs the argument {missing[0]!r}{hint}")
    try:
        return make(**{key: value for key, value in given.items() if key in parameters}, **arguments)
    except (TypeError, ValueError) as error:
        raise UserError(f"transform step {name!r} does not take {arguments}: {error}") from error
