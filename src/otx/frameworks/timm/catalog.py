"""Classifiers of timm: rows chosen for accuracy per millisecond on Intel CPUs, and any other timm name by look-up.

Sizes, normalisation, crop and licences are those of timm's own `pretrained_cfg`; the tests compare them. Weights whose
licence forbids commercial use (ConvNeXt V2, FastViT, DINOv3) have no row; ask for them by their full name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec, ResizeMode
from otx.frameworks.classification import TASKS, for_task

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,) * 3, (0.5,) * 3)
"""Mean and standard deviation."""
ADAPTER = "otx.frameworks.timm.classifier:Timm"


def _network(
    name: str,
    tag: str,
    parameters: int,
    *,
    size: int = 224,
    pixels: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET,
    crop: float = 0.875,
    multiple_of: int = 32,
    licence: str = "Apache-2.0",
    trained_on: str = "ImageNet-1k",
    labels: int = 1000,
) -> ModelRow:
    return ModelRow(
        name=f"timm/{name}",
        task="",
        adapter=ADAPTER,
        arch=f"{name}.{tag}",
        input_spec=InputSpec(
            height=size,
            width=size,
            mean=pixels[0],
            std=pixels[1],
            resize=ResizeMode.CENTER_CROP,
            crop_ratio=crop,
            multiple_of=multiple_of,
        ),
        parameters=parameters,
        weights=Weights(hub=f"timm/{name}.{tag}", licence=licence, trained_on=trained_on, labels=labels),
    )


_NETWORKS = (
    _network("mobilenetv4_conv_small", "e2400_r224_in1k", 3_774_024),
    _network("mobilenetv4_conv_medium", "e500_r224_in1k", 9_715_512, crop=0.95),
    _network("efficientnet_b0", "ra4_e3600_r224_in1k", 5_288_548, pixels=HALF, crop=0.9),
    _network("tf_efficientnetv2_b0", "in1k", 7_139_704, size=192),
    # The best of fifteen small networks where images are small and weights random (64 pixels, CIFAR-10).
    _network("resnet10t", "c3_in1k", 5_435_488, size=176),
    _network("resnet18", "a1_in1k", 11_689_512, crop=0.95),
    _network("resnet50", "a1_in1k", 25_557_032, crop=0.95),
    _network("regnety_008_tv", "tv2_in1k", 6_432_512, crop=0.965, licence="BSD-3-Clause"),
    _network("convnext_atto", "d2_in1k", 3_695_520),
    _network("repvit_m0_9", "dist_450e_in1k", 5_489_328, crop=0.95),
    _network("vit_tiny_patch16_224", "augreg_in21k_ft_in1k", 5_717_416, pixels=HALF, crop=0.9, multiple_of=16),
    # Made for 518 pixels; timm's filter brings its position embeddings to any size.
    _network(
        "vit_small_patch14_reg4_dinov2",
        "lvd142m",
        22_014_952,
        crop=1.0,
        multiple_of=14,
        trained_on="LVD-142M, self-supervised",
        labels=0,
    ),
)

ROWS = tuple(for_task(row, task) for task in TASKS for row in _NETWORKS)


def lookup(name: str, task: str) -> ModelRow | None:
    """The row of any timm model, with or without the tag of its weights, from timm's own tables.

    Raises:
        UserError: timm does not have it; the message names the nearest.
    """
    if task not in TASKS:
        return None
    import timm
    import torch

    from otx.frameworks.timm_networks import facts, weights

    known = facts(name)
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=1000)
    row = ModelRow(
        name=f"timm/{name}",
        task="",
        adapter=ADAPTER,
        arch=name,
        input_spec=_input_spec(known, getattr(network, "patch_embed", None)),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        weights=weights(known),
    )
    return for_task(row, task)


def _input_spec(facts: PretrainedCfg, patch_embed: object) -> InputSpec:
    channels, height, width = facts.input_size
    crop = facts.crop_mode == "center"
    patch = getattr(patch_embed, "patch_size", 32)
    patch = patch if isinstance(patch, int) else int(patch[0])
    return InputSpec(
        height=height,
        width=width,
        channels=channels,
        mean=tuple(facts.mean),
        std=tuple(facts.std),
        resize=ResizeMode.CENTER_CROP if crop else ResizeMode.STRETCH,
        crop_ratio=facts.crop_pct if crop else 1.0,
        multiple_of=patch if patch > 4 else 32,  # small patches are merged further down
    )
