"""Segment Anything and its successors, for single images.

SAM: https://arxiv.org/abs/2304.02643, SAM 2: https://arxiv.org/abs/2408.00714, EdgeTAM: https://arxiv.org/abs/2501.07256
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from otx.core.feature_cache import Features
from otx.tasks.visual_prompting.entity import FILLING, NOTHING
from otx.tasks.visual_prompting.model import OTXVisualPromptingModel, PromptNetwork

STRIDE = 16
"""Of the cells that the decoder looks at."""
FINER = 4
"""Cells of the finest level, and of the masks, to a side of one of these."""


class SamNetwork(PromptNetwork):
    """SAM's parts, put together so that boxes and points can be asked in one batch, which its own `forward` cannot.

    Args:
        network: `SamModel` of transformers.
        draws: Whether each prompt is drawn, too, and given as the rough mask that SAM takes. Published weights do
            not know such drawings; from random weights they spare learning where a point is.
    """

    def __init__(self, network: Any, *, draws: bool) -> None:  # noqa: ANN401 - a class per architecture
        super().__init__()
        self.draws = draws
        self.encoder: nn.Module = SamEncoder(network)
        self.prompt_encoder = network.prompt_encoder
        self.mask_decoder = network.mask_decoder
        self.channels = int(self.prompt_encoder.hidden_size)

    def segment(self, features: Features, points: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        """One mask per prompt."""
        images, prompts = points.shape[:2]
        height, width = features[-1].shape[-2:]
        dense = self.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1)
        if self.draws:
            dense = self.prompt_encoder.mask_embed(drawn(points.flatten(0, 1), kinds.flatten(0, 1), height, width))
        *fine, last = (level.repeat_interleave(prompts, 0) for level in features)
        masks, scores, *_ = self.mask_decoder(
            image_embeddings=last,
            image_positional_embeddings=self._places(height, width, last).expand(images * prompts, -1, -1, -1),
            sparse_prompt_embeddings=self._embed(points, kinds).flatten(0, 1).unsqueeze(1),
            dense_prompt_embeddings=dense,
            multimask_output=False,
            **({"high_resolution_features": fine} if fine else {}),
        )
        return masks.reshape(images, prompts, *masks.shape[-2:]), scores.reshape(images, prompts)

    def _places(self, height: int, width: int, like: Tensor) -> Tensor:
        """(1, D, h, w) embeddings of the cells' centres, by the same code as those of the points."""
        y, x = ((torch.arange(side).to(like) + 0.5) / side for side in (height, width))
        grid = torch.stack([x.expand(height, width), y.unsqueeze(1).expand(height, width)], dim=-1)
        embedded: Tensor = self.prompt_encoder.shared_embedding(grid)
        return embedded.permute(2, 0, 1).unsqueeze(0)

    def _embed(self, points: Tensor, kinds: Tensor) -> Tensor:
        """(B, N, P, D) embeddings of points of any kind."""
        encoder = self.prompt_encoder
        side = encoder.input_image_size
        embedded: Tensor = encoder.shared_embedding(points, (side, side))
        embedded = torch.where(kinds.unsqueeze(-1) == NOTHING, encoder.not_a_point_embed.weight, embedded)
        for kind, meaning in enumerate(self._meanings()):
            embedded = embedded + meaning * (kinds.unsqueeze(-1) == kind)
        return embedded * (kinds.unsqueeze(-1) != FILLING)

    def _meanings(self) -> list[Tensor]:
        return [embedding.weight for embedding in self.prompt_encoder.point_embed]


def drawn(points_N22: Tensor, kinds_N2: Tensor, height: int, width: int) -> Tensor:
    """(N, 1, 4 height, 4 width) rough masks: 1 within a box or on a point, and less with the distance from it."""
    first, second = points_N22.unbind(1)
    second = torch.where(kinds_N2[:, 1:] == NOTHING, first, second)
    outside = [
        torch.maximum(first[:, i : i + 1] - centres, centres - second[:, i : i + 1]).clamp_min(0)
        for i, side in enumerate((width, height))
        for centres in [(torch.arange(side * FINER).to(points_N22) + 0.5) * (STRIDE / FINER)]
    ]
    return torch.exp(-(outside[0].unsqueeze(1) + outside[1].unsqueeze(2)) / STRIDE).unsqueeze(1)


class SamEncoder(nn.Module):
    """SAM's encoder; its features have one level."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.vision = network.vision_encoder

    def forward(self, images: Tensor) -> Features:
        """(B, 3, H, W) normalised images -> features."""
        return [self.vision(images)[0]]


class Sam2Network(SamNetwork):
    """The like for SAM 2 and EdgeTAM, whose decoder sees two finer levels too."""

    def __init__(self, network: Any, *, draws: bool) -> None:  # noqa: ANN401
        super().__init__(network, draws=draws)
        self.encoder = Sam2Encoder(network)

    def _embed(self, points: Tensor, kinds: Tensor) -> Tensor:
        """It has been trained with a point that says nothing behind each box, too."""
        said = (kinds == NOTHING).any(dim=-1, keepdim=True)
        more = torch.where(said, torch.full_like(kinds[..., :1], FILLING), torch.full_like(kinds[..., :1], NOTHING))
        return super()._embed(torch.cat([points, points[..., :1, :]], dim=-2), torch.cat([kinds, more], dim=-1))

    def _meanings(self) -> list[Tensor]:
        return list(self.prompt_encoder.point_embed.weight)


class Sam2Encoder(nn.Module):
    """Vision encoder and the layers that bring its fine levels to the decoder's width, which are frozen with it."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.vision = network.vision_encoder
        self.fine = nn.ModuleList([network.mask_decoder.conv_s0, network.mask_decoder.conv_s1])
        del network.mask_decoder.conv_s0, network.mask_decoder.conv_s1
        self.no_memory = nn.Parameter(network.no_memory_embedding.detach().view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Features:
        """(B, 3, H, W) normalised images -> features, fine levels first."""
        *fine, last = self.vision(images, return_dict=True).fpn_hidden_states
        return [*(layer(level) for layer, level in zip(self.fine, fine, strict=True)), last + self.no_memory]


class TransformersSAM(OTXVisualPromptingModel):
    """SAM, SAM 2 or EdgeTAM; `arch` is transformers' model type, `options` go to the configurations of its parts."""

    def create_model(self) -> PromptNetwork:
        """Build the network from its configuration, with random weights, and put its parts together anew."""
        family = SamNetwork if self.arch == "sam" else Sam2Network
        return family(self._build(), draws=bool(self.options.get("draws")))

    def _build(self) -> Any:  # noqa: ANN401 - a class per architecture
        from transformers import AutoModelForMaskGeneration

        return AutoModelForMaskGeneration.from_config(self._config())

    def _config(self) -> Any:  # noqa: ANN401 - a class per architecture
        from transformers import AutoConfig

        side = self.input_spec.height
        vision = dict(self.options.get("vision_config", {}))
        if self.arch == "sam":
            # The library's defaults (1e-10, and a scale of half the width) only suit weights that are loaded.
            vision |= {"image_size": side, "initializer_range": 0.02}
            prompt: dict[str, Any] = {"image_embedding_size": side // STRIDE}
        else:
            vision["backbone_feature_sizes"] = [[side // stride] * 2 for stride in (4, 8, STRIDE)]
            prompt = {}
        # The answers to an unclear point (three masks, the best of them) are not trained, so they are not used either.
        decoder = {} if self.arch == "sam" else {"dynamic_multimask_via_stability": False}
        config = AutoConfig.for_model(
            self.arch,
            vision_config=vision,
            prompt_encoder_config=prompt | {"image_size": side} | dict(self.options.get("prompt_encoder_config", {})),
            mask_decoder_config=decoder | dict(self.options.get("mask_decoder_config", {})),
        )
        if self.arch == "sam":
            config.vision_config.scale = 1.0
        return config

    def convert_pretrained(self, state: Mapping[str, Tensor], part: str = "") -> dict[str, Tensor]:
        """The library's names of the parts -> ours."""
        moved = {
            "vision_encoder.": "encoder.vision.",
            "mask_decoder.conv_s0.": "encoder.fine.0.",
            "mask_decoder.conv_s1.": "encoder.fine.1.",
            "shared_image_embedding.": "prompt_encoder.shared_embedding.",
        }
        converted = {}
        for key, tensor in state.items():
            old = next((prefix for prefix in moved if key.startswith(prefix)), "")
            converted[moved.get(old, "") + key.removeprefix(old)] = tensor
        if "no_memory_embedding" in converted:
            converted["encoder.no_memory"] = converted.pop("no_memory_embedding").view(1, -1, 1, 1)
        return super().convert_pretrained(converted, part)
