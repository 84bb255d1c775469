"""The typed base of every model that is prompted: an adapter brings an encoder and a decoder, the rest is done here.

An adapter of a network family writes `create_model`, which gives a `PromptNetwork`.

Shapes: B images, N prompts of 2 points, C classes, D channels of the features, h and w cells of their last level.
Where a recipe freezes the encoder (`lr_scales` 0), the features of an image are computed once in a run.

The references are what makes the model find things without a prompt (zero-shot, as PerSAM and Matcher do:
https://arxiv.org/abs/2305.03048): the mean feature of the objects of each class, and of everything else, which training
gathers in each epoch without any gradient. With the option `zero_shot` that is all there is to training: one pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from otx.core.entity import OTXBatchLossEntity
from otx.core.feature_cache import FeatureCache, Features
from otx.core.model import OTXModel
from otx.core.raw_graph import GraphInput, RawGraph
from otx.core.task import OTXTaskType
from otx.tasks.visual_prompting.decode import decode
from otx.tasks.visual_prompting.entity import (
    FILLING,
    OBJECT,
    OWN,
    PromptBatchDataEntity,
    PromptBatchPredEntity,
    box_prompts,
    point_prompts,
    random_points,
    stack_prompts,
)

MOST_OBJECTS = 16
"""Objects of an image that a training step asks for; others have their turn in another epoch."""
JITTER = 0.1
"""Standard deviation of the corners of training's boxes, in sides of the box; at most `MOST_JITTER` pixels."""
MOST_JITTER = 20.0
FOCAL_WEIGHT = 2.0
"""Of the focal loss. SAM's is 20; with 2, random weights do not begin by finding nothing anywhere."""
DICE_WEIGHT = 5.0
"""SAM's is 1; with 5, four images were learned by heart in fewer steps from random weights."""
TEMPERATURE = 0.05
"""Of the softmax over cosines with the references."""
OWN_GRID = 8
"""The model asks itself for at most so many rows and columns of points, each in its own part of the image."""
OWN_OVERLAP = 0.5
"""IoU of boxes above which two of its finds are the same object."""
SURE = 0.5
"""Score from which a find of its own counts."""


class PromptOutputs(NamedTuple):
    """What a `PromptNetwork` answers.

    Attributes:
        features: What it was fed.
        prompts: (B, N, 2, 3) likewise.
        masks: (B, N, height, width) logits, over the model's input at any resolution.
        scores: (B, N) overlap that each mask is expected to have with its object.
    """

    features: Features
    prompts: Tensor
    masks: Tensor
    scores: Tensor


class PromptNetwork(nn.Module, ABC):
    """An encoder of images, and what answers prompts by its features.

    Attributes:
        encoder: (B, 3, H, W) normalised images -> features by level, the last one (B, D, h, w).
        channels: D.
    """

    encoder: nn.Module
    channels: int

    @abstractmethod
    def segment(self, features: Features, points: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        """Answer prompts; must trace with any B and N.

        Args:
            features: Of the encoder.
            points: (B, N, 2, 2) x and y in pixels of the model's input.
            kinds: (B, N, 2) what each point says, see `entity.py`; never `OWN`.

        Returns:
            `masks` and `scores` of `PromptOutputs`.
        """

    def forward(self, features: Features, prompts: Tensor) -> PromptOutputs:
        """Answer prompts, among them those that the model made for itself."""
        kinds = prompts[..., 2]
        kinds = torch.where(kinds == OWN, torch.full_like(kinds, OBJECT), kinds)
        return PromptOutputs(features, prompts, *self.segment(features, prompts[..., :2], kinds))


class OTXVisualPromptingModel(OTXModel[PromptBatchDataEntity, PromptBatchPredEntity]):
    """A prompted model of any framework.

    Attributes:
        references: Buffer: (C + 1, D) sum of the features of each class and, last, of the background over the last
            epoch; their directions count.
    """

    task = OTXTaskType.VISUAL_PROMPTING
    more_inputs = (GraphInput("prompts", (-1, 2, 3)),)
    model: PromptNetwork
    references: Tensor
    _gathered: Tensor

    def complete(self) -> None:
        """Add the references."""
        super().complete()
        self._cache = FeatureCache()
        self.register_buffer("references", torch.zeros(len(self.label_info) + 1, self.model.channels))
        self.register_buffer("_gathered", torch.zeros_like(self.references), persistent=False)
        if self.options.get("zero_shot"):
            self.requires_grad_(False)

    def load_state_dict(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - torch's own
        """Other weights make other features."""
        self._cache.clear()
        return super().load_state_dict(*args, **options)

    @abstractmethod
    def create_model(self) -> PromptNetwork:
        """Build the framework's network with random weights."""

    def customize_inputs(self, batch: PromptBatchDataEntity) -> dict[str, Any]:
        """Features of the images, and prompts: random ones in training mode, else those of evaluation.

        In eval mode the model asks itself where an image has no prompt.
        """
        features = self._features(batch.images)
        asked = [_random_prompts(*pair) for pair in zip(batch.bboxes, batch.masks, strict=True)]
        prompts = stack_prompts(asked if self.training else batch.prompts())
        if not self.training and not all(len(labels) for labels in batch.labels):
            prompts = torch.cat([prompts, self._own_prompts(features[-1])], dim=1)
        return {"features": features, "prompts": prompts}

    def customize_outputs(
        self, outputs: PromptOutputs, batch: PromptBatchDataEntity
    ) -> PromptBatchPredEntity | OTXBatchLossEntity:
        """Losses in training mode, none for zero-shot, else masks in pixels of the original images."""
        if not self.training:
            return decode(self._raw(outputs), batch.images, batch.imgs_info, **self.decode_settings())
        self._gather_references(outputs.features[-1], batch)
        return OTXBatchLossEntity({} if self.options.get("zero_shot") else _losses(outputs, batch))

    def forward(self, batch: PromptBatchDataEntity) -> PromptBatchPredEntity | OTXBatchLossEntity:
        """Losses in training mode, for some objects of each image; predictions in eval mode."""
        return super().forward(_some_objects(batch) if self.training else batch)

    def export_graph(self) -> nn.Module:
        """The network from pixels and prompts to the outputs of `decode.py`; it asks itself in any case."""
        return RawGraph(self, self._raw_from_images)

    def _raw_from_images(self, images: Tensor, prompts: Tensor) -> dict[str, Tensor]:
        features = self.model.encoder(self.normalize(images))
        return self._raw(self.model(features, torch.cat([prompts, self._own_prompts(features[-1])], dim=1)))

    def _raw(self, outputs: PromptOutputs) -> dict[str, Tensor]:
        return {
            "masks": outputs.masks,
            "scores": outputs.scores,
            "classes": self._classes(outputs.features[-1], outputs.masks),
            "asked": outputs.prompts,
        }

    def decode_settings(self) -> dict[str, Any]:
        """Overlap above which two finds of the model's own are one."""
        return {"own_overlap": OWN_OVERLAP}

    @property
    def threshold(self) -> float:
        """Score from which a find of the model's own counts; what was asked for is always answered."""
        return SURE

    def label_rows(self, labels: int) -> Mapping[str, Tensor]:
        """A reference for each label; that of the background is shared."""
        return {"references": torch.arange(labels).unsqueeze(1)}

    def _features(self, images: Tensor) -> Features:
        """Of the encoder, and from memory where it is frozen."""
        if any(parameter.requires_grad for parameter in self.model.encoder.parameters()):
            features: Features = self.model.encoder(self.normalize(images))
            return features
        encoder = self.model.encoder.eval()
        return self._cache(lambda new: encoder(self.normalize(new)), images)

    @torch.no_grad()
    def _gather_references(self, features_BDhw: Tensor, batch: PromptBatchDataEntity) -> None:
        """Gather the mean feature of each object for its class, and that of the rest of each image as background."""
        seen = torch.zeros_like(self.references)
        with torch.autocast(features_BDhw.device.type, enabled=False):
            cells = F.normalize(features_BDhw.float(), dim=1).flatten(2)
            for cells_DK, masks, labels in zip(cells, batch.masks, batch.labels, strict=True):
                covered_NK = _on_cells(masks.as_subclass(Tensor).float(), features_BDhw)
                seen.index_add_(0, labels, F.normalize(covered_NK @ cells_DK.T, dim=1))
                free_K = 1 - covered_NK.sum(0).clamp_max(1)
                seen[-1] += F.normalize(cells_DK @ free_K, dim=0)
        self._gathered.add_(seen)

    def finish_epoch(self) -> None:
        """Take what has been gathered as the references; a class that the epoch did not show keeps its own."""
        shown = self._gathered.any(dim=1, keepdim=True)
        self.references.copy_(torch.where(shown, self._gathered, self.references))
        self._gathered.zero_()

    def _similarity(self, features: Tensor) -> Tensor:
        """(..., D) features -> (..., C + 1) how surely they are of each class, the last one being the background."""
        cosines = F.normalize(features, dim=-1) @ F.normalize(self.references, dim=1).T
        return (cosines / TEMPERATURE).softmax(dim=-1)

    def _classes(self, features_BDhw: Tensor, masks_BNhw: Tensor) -> Tensor:
        """(B, N, C + 1) how surely the pixels of each mask are of each class."""
        covered = _on_cells(masks_BNhw.sigmoid(), features_BDhw)
        return self._similarity(covered @ F.normalize(features_BDhw, dim=1).flatten(2).transpose(1, 2))

    def _own_prompts(self, features_BDhw: Tensor) -> Tensor:
        """(B, K, 2, 3) a point in each part of the image, where it looks most like an object by the references.

        The place is a mean over the cells of the part, weighted by that likeness, and so without ties or jumps: a
        converted graph finds the same one.
        """
        height, width = features_BDhw.shape[-2:]
        step = -(-max(height, width) // OWN_GRID)
        likeness = 1 - self._similarity(features_BDhw.permute(0, 2, 3, 1))[..., -1]
        weights = (likeness.unsqueeze(1) * 10).exp()
        y, x = (torch.arange(side, device=weights.device) + 0.5 for side in (height, width))
        stride_y, stride_x = self.input_spec.height / height, self.input_spec.width / width
        total = F.avg_pool2d(weights, step, ceil_mode=True)
        places = [
            (F.avg_pool2d(weights * centre, step, ceil_mode=True) / total).flatten(1)
            for centre in ((x * stride_x).view(1, 1, 1, -1), (y * stride_y).view(1, 1, -1, 1))
        ]
        points = torch.stack(places, dim=-1)
        return point_prompts(points.flatten(0, 1), OWN).reshape(-1, points.shape[1], 2, 3)


def _some_objects(batch: PromptBatchDataEntity) -> PromptBatchDataEntity:
    """The batch with at most `MOST_OBJECTS` objects per image, drawn at random."""
    drawn = [torch.randperm(len(labels), device=labels.device)[:MOST_OBJECTS] for labels in batch.labels]
    changes: dict[str, Any] = {
        name: [rows.as_subclass(Tensor)[chosen] for rows, chosen in zip(getattr(batch, name), drawn, strict=True)]
        for name in ("bboxes", "labels", "masks")
    }
    return replace(batch, **changes)


def _on_cells(masks: Tensor, features_BDhw: Tensor) -> Tensor:
    """(..., h * w) the share of each cell of the features that masks (..., height, width) cover."""
    height, width = features_BDhw.shape[-2:]
    return F.adaptive_avg_pool2d(masks, (height, width)).flatten(-2)


def _random_prompts(boxes: Tensor, masks: Tensor) -> Tensor:
    """(N, 2, 3) prompts as in the training of SAM: a box that is a little off, or some pixel of the object."""
    boxes_N4 = boxes.as_subclass(Tensor).float()
    sides = (boxes_N4[:, 2:] - boxes_N4[:, :2]).repeat(1, 2)
    noise = (torch.randn_like(boxes_N4) * JITTER * sides).clamp(-MOST_JITTER, MOST_JITTER)
    by_point = torch.rand(len(boxes_N4), 1, 1, device=boxes_N4.device) < 0.5
    points = point_prompts(random_points(masks.as_subclass(Tensor), boxes_N4))
    return torch.where(by_point, points, box_prompts(boxes_N4 + noise))


def _losses(outputs: PromptOutputs, batch: PromptBatchDataEntity) -> dict[str, Tensor]:
    """Focal and dice loss of the masks, and the error of the expected overlap, as in the training of SAM."""
    there = outputs.prompts[:, :, 0, 2] != FILLING
    truth = torch.cat([masks.as_subclass(Tensor) for masks in batch.masks]).float()
    logits = F.interpolate(outputs.masks[there].unsqueeze(1).float(), truth.shape[-2:], mode="bilinear").squeeze(1)
    if not len(truth):
        nothing = outputs.masks.sum() * 0.0
        return {"focal": nothing, "dice": nothing, "overlap": nothing}
    likely = logits.sigmoid()
    both, either = (likely * truth).sum((1, 2)), likely.sum((1, 2)) + truth.sum((1, 2))
    found = logits > 0
    hits, pixels = (found * truth).sum((1, 2)), found.sum((1, 2))
    overlap = hits / (pixels + truth.sum((1, 2)) - hits).clamp_min(1)
    error = F.mse_loss(outputs.scores[there].float(), overlap, reduction="none")
    # Empty masks do not count: at first all are, and a sigmoid that has learned 0 for long stays there.
    judged = pixels > 0
    return {
        "focal": FOCAL_WEIGHT * sigmoid_focal_loss(logits, truth, reduction="mean"),
        "dice": DICE_WEIGHT * (1 - (2 * both + 1) / (either + 1)).mean(),
        "overlap": (error * judged).sum() / judged.sum().clamp_min(1),
    }
