"""Typed samples, batches, predictions and losses: what flows between data, model and metric (seed, figure 1).

A task subclasses the first three with the fields that its samples *have*; there are no optional fields.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar, cast

import torch
from torch import Tensor
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.label_info import LabelInfo


@dataclass
class OTXDataEntity:
    """One sample of a data set.

    Attributes:
        image: (C, H, W) pixels, or (K, T, C, H, W), those of K clips of a video; uint8 through the whole pipeline,
            because the model normalises by its `InputSpec`.
        img_info: Where the image comes from and how it was resized.
        per_object: Names of the fields that have one row per object, in the same order; a step that drops an object
            drops its row in each of them. Boxes, where there are any, are among them.
        mask_fill: What masks hold where a step shows more than the image has.
        measured_at_original: Names of the fields that stay in pixels of the original image where nothing is trained,
            because the task's metric measures there and resizing them would lose something.
        placeless: Nothing in it has a place in the image, which may then be decoded smaller than its file has it.
    """

    per_object: ClassVar[tuple[str, ...]] = ()
    mask_fill: ClassVar[int] = 0
    measured_at_original: ClassVar[tuple[str, ...]] = ()
    placeless: ClassVar[bool] = False

    image: tv_tensors.Image | tv_tensors.Video
    img_info: ImageInfo

    def refuse(self, found: str) -> NoReturn:
        """Say what a sample was expected to have, what it has, and which one it is.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"expected {found} for {self.img_info.path or 'an image without a path'}")

    def settle(self, shown: tuple[float, float, float, float], *, mirrored: bool = False) -> Self:
        """What else changes once the pixels have moved; steps that move them call it, and most samples have nothing.

        Args:
            shown: Left, top, right and bottom of what the image still shows of the one before, in its new pixels.
            mirrored: Left and right have changed places.
        """
        return self


SampleT = TypeVar("SampleT", bound=OTXDataEntity)


@dataclass
class OTXBatchDataEntity(ABC, Generic[SampleT]):
    """A batch of samples of equal image size.

    Attributes:
        images: (B, C, H, W) pixels, not normalised; (B K, T, C, H, W) where each sample has K clips.
        imgs_info: One per sample.
        stacked: Names of the fields that are one tensor with a row per sample; other fields are lists.
    """

    stacked: ClassVar[tuple[str, ...]] = ()

    images: Tensor
    imgs_info: list[ImageInfo]

    @property
    def batch_size(self) -> int:
        """Number of images."""
        return len(self.imgs_info)

    @classmethod
    def collate(cls, samples: Sequence[SampleT]) -> Self:
        """Put samples together; an image without annotations is a legal sample.

        A field of the batch is made of that of the samples, whose name may lack the plural's `s`.
        """
        columns: dict[str, Any] = {}
        for name in cls._truth_fields():
            column = [getattr(sample, name if hasattr(sample, name) else name[:-1]) for sample in samples]
            columns[name] = torch.stack(column) if name in cls.stacked else column
        images = cls.join_images([sample.image.as_subclass(Tensor) for sample in samples])
        return cls(images=images, imgs_info=[sample.img_info for sample in samples], **columns)

    @classmethod
    def join_images(cls, images: list[Tensor]) -> Tensor:
        """The `images` of a batch from those of its samples."""
        return torch.stack(images)

    @classmethod
    def of_images(cls, images: Tensor) -> Self:
        """A batch of (B, C, H, W) images of which nothing else is known, not even where they come from."""
        nothing: dict[str, Any] = {name: torch.empty(0) if name in cls.stacked else [] for name in cls._truth_fields()}
        return cls(images=images, imgs_info=[], **nothing)

    @classmethod
    def _truth_fields(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.name not in ("images", "imgs_info")]

    @abstractmethod
    def truth_records(self, labels: LabelInfo) -> list[dict[str, Any]]:
        """The annotations of each image in the form of `predictions.json`, in pixels of the original image."""

    def graph_inputs(self) -> dict[str, Tensor]:
        """What an exported graph of the task is fed for this batch, by name: `images`, and its `more_inputs`."""
        return {"images": self.images}

    @classmethod
    def bare_inputs(cls, images: Tensor) -> dict[str, Tensor]:
        """The like for (B, C, H, W) images of which nothing is known."""
        return {"images": images}

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """The batch on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The batch in page-locked memory; torch's DataLoader calls this."""
        return self._map(lambda tensor: tensor.pin_memory())

    def pick(self, positions: list[int]) -> Self:
        """A batch of some of the images."""
        changes: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changes[field.name] = _keep_type(value, value[positions])
            elif isinstance(value, list) and len(value) == self.batch_size:
                changes[field.name] = [value[position] for position in positions]
        return replace(self, **changes)

    def _map(self, change: Any) -> Self:  # noqa: ANN401 - Callable[[Tensor], Tensor] would hide tv_tensors
        changes: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changes[field.name] = _keep_type(value, change(value))
            elif isinstance(value, list) and value and isinstance(value[0], Tensor):
                changes[field.name] = [_keep_type(tensor, change(tensor)) for tensor in value]
        return replace(self, **changes)


def _keep_type(before: Tensor, after: Tensor) -> Tensor:
    if isinstance(before, tv_tensors.TVTensor) and not isinstance(after, tv_tensors.TVTensor):
        return cast("Tensor", tv_tensors.wrap(after, like=before))
    return after


@dataclass
class OTXBatchPredEntity(OTXBatchDataEntity[SampleT]):
    """Predictions of a batch; coordinates are in pixels of the *original* images, whatever the model was fed."""

    def without_images(self) -> Self:
        """The predictions without the pixels that they were made from: the tiles of a large image are many."""
        return replace(self, images=self.images.new_empty((0,)))

    @abstractmethod
    def records(self, labels: LabelInfo, threshold: float) -> list[dict[str, Any]]:
        """The predictions of each image in the form of `predictions.json`.

        Args:
            labels: Names of the classes.
            threshold: Score in [0, 1] below which an object is left out; classifications ignore it.

        Returns:
            Per image a dict with `objects` or `labels`, as documented in `docs/predictions.md`. A value may be an array
            of 8-bit pixels (H, W) or (H, W, 3), which `predict` writes to a file and replaces by its path.
        """


@dataclass
class OTXBatchLossEntity:
    """Training losses of a batch.

    Attributes:
        losses: Named scalar losses, already weighted; their sum is what is minimised. None: the model only looked.
    """

    losses: dict[str, Tensor]

    @property
    def total(self) -> Tensor:
        """The scalar to minimise."""
        return torch.stack(list(self.losses.values())).sum() if self.losses else torch.zeros(())
