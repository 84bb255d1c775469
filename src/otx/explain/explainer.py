"""A model of any task, as a checkpoint or an exported file, with the maps that explain what it predicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from otx.core.entity import OTXBatchPredEntity
from otx.core.frames import map_to_original
from otx.core.image_info import ImageInfo
from otx.core.model import OTXModel
from otx.core.saliency import Saliency
from otx.core.task import TaskSpec
from otx.explain.masks import PAIRS, Ask, Faithfulness, faithfulness, rise
from otx.runtime.exported import ExportedModel

Raw = Mapping[str, Tensor]
Method = Literal["outputs", "rise"]

TOGETHER = 16
"""Altered images in a batch."""


@dataclass(frozen=True)
class Explanation:
    """Why an image got a label.

    Attributes:
        label: Class index.
        score: Confidence of the prediction.
        method: `outputs`: the map is what the model itself says of places. `rise`: it comes from altering the image.
        map: (H, W) in pixels of the original image, higher where it speaks more for the label.
        faithfulness: Whether it is evidence.
    """

    label: int
    score: float
    method: Method
    map: Tensor
    faithfulness: Faithfulness


class Explainer:
    """Explains predictions of a model through the graph that is exported, so that a file of it gives the same maps.

    Args:
        model: In eval mode, on its device.
        spec: Its task, which has a `saliency`.
        seed: Decides the random masks.
        pairs: Number of random masks, and of their opposites, of the method that alters the image.
    """

    def __init__(self, model: OTXModel[Any, Any], spec: TaskSpec, *, seed: int = 0, pairs: int = PAIRS) -> None:
        exported = isinstance(model, ExportedModel)
        self._graph = model.model if exported else model.export_graph()
        self._device = next((tensor.device for tensor in model.buffers()), torch.device("cpu"))
        self._decode = partial(spec.load("decode"), **model.decode_settings())
        self._bare_inputs = spec.load("batch").bare_inputs
        self._saliency: Callable[..., Saliency[Any]] = spec.load("saliency")
        self._threshold, self._seed, self._pairs = model.threshold, seed, pairs

    def run(self, images: Tensor) -> Raw:
        """Raw outputs for (B, C, H, W) pixels of the model's size."""
        with torch.inference_mode():
            raw: Raw = self._graph(**self._bare_inputs(images.to(self._device)))
        return {name: tensor.cpu() for name, tensor in raw.items()}

    def decode(self, raw: Raw, images: Tensor, infos: Sequence[ImageInfo]) -> OTXBatchPredEntity[Any]:
        """Raw outputs -> predictions in pixels of what each `ImageInfo` describes."""
        found: OTXBatchPredEntity[Any] = self._decode(raw, images, list(infos))
        return found

    def explain(self, images: Tensor, info: ImageInfo, raw: Raw) -> list[Explanation]:
        """A map for each label of a prediction.

        What the outputs say of places costs nothing and comes first; where it is no better than chance, or there is
        none, the image is altered. The better map is kept.

        Args:
            images: (1, C, H, W) pixels of the model's size.
            info: Where the image comes from.
            raw: What `run` has given for it.
        """
        size = (int(images.shape[-2]), int(images.shape[-1]))
        here = ImageInfo(path=info.path, height=size[0], width=size[1])
        saliency = self._saliency(self.decode(raw, images, [here]), raw, self._threshold)
        if not saliency.labels:
            return []
        ask = self._ask(images, here, saliency)
        random = torch.Generator().manual_seed(self._seed)
        own_LHW = saliency.maps()
        best = [] if own_LHW is None else _judged(own_LHW, "outputs", ask, random)
        if not all(kept.is_evidence for *_, kept in best) or not best:
            altered = _judged(rise(ask, size, random, self._pairs), "rise", ask, random)
            best = [max(pair, key=lambda found: found[2].gain) for pair in zip(best or altered, altered, strict=True)]
        return [
            Explanation(label, score, method, map_to_original(map_HW[None], info, "bilinear")[0], kept)
            for label, score, (map_HW, method, kept) in zip(saliency.labels, saliency.scores, best, strict=True)
        ]

    def _ask(self, images: Tensor, here: ImageInfo, saliency: Saliency[Any]) -> Ask:
        pixels = images.float()
        rest = pixels.mean(dim=(-2, -1), keepdim=True)  # what takes the place of pixels that are left out

        def ask(masks_MHW: Tensor) -> Tensor:
            answers = []
            for some in torch.split(masks_MHW, TOGETHER):
                altered = rest + some.unsqueeze(1) * (pixels - rest)
                altered = altered if images.dtype.is_floating_point else altered.round().to(images.dtype)
                answers.append(saliency.support(self.decode(self.run(altered), altered, [here] * len(some))))
            return torch.cat(answers)

        return ask


def _judged(
    maps_LHW: Tensor, method: Method, ask: Ask, random: torch.Generator
) -> list[tuple[Tensor, Method, Faithfulness]]:
    return [(one, method, faithfulness(one, ask, label, random)) for label, one in enumerate(maps_LHW)]
