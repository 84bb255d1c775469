"""Semantic segmenters of MMSegmentation: some rows, and any of its configs by look-up.

A name is `mmseg/CONFIG`. Weights are trained from random ones (see `otx.frameworks.mmdet.catalog`).
"""

from __future__ import annotations

from otx.core.catalog import ModelRow
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import OTXTaskType

AUGMENTATION = "otx.frameworks.mmseg.augmentation:build_augmentation"


def _row(name: str, parameters: int, spec: InputSpec) -> ModelRow:
    return ModelRow(
        name=f"mmseg/{name}",
        task=OTXTaskType.SEMANTIC_SEGMENTATION,
        adapter="otx.frameworks.mmseg.segmenter:MMSegCompatibleModel",
        arch=name,
        input_spec=spec,
        parameters=parameters,
        extra="mmseg",
        tileable=True,
    )


SPEC = InputSpec(height=512, width=512)
ROWS = (
    _row("fcn_hr18s_4xb2-40k_cityscapes-512x1024", 3_939_851, SPEC),
    _row("ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024", 5_734_538, SPEC),
    _row("segformer_mit-b0_8xb2-160k_ade20k-512x512", 3_720_565, SPEC),
)


def lookup(name: str, task: str) -> ModelRow | None:
    """The row of any segmenter of MMSegmentation that gives a map of classes, from its config.

    Raises:
        MissingExtraError: MMSegmentation is not installed.
        UserError: It has no such config; the message names the nearest.
    """
    if task not in {row.task for row in ROWS}:
        return None
    from otx.frameworks.openmmlab import build_network, input_spec, load_config

    if load_config("mmseg", name).model.type not in {"EncoderDecoder", "CascadeEncoderDecoder"}:
        return None
    network = build_network("mmseg", name, 21, {})
    from mmseg.models.decode_heads.decode_head import BaseDecodeHead

    if not isinstance(getattr(network, "decode_head", None), BaseDecodeHead):
        return None
    spec = input_spec("mmseg", name, SPEC.size, ResizeMode.STRETCH)
    return _row(name, sum(parameter.numel() for parameter in network.parameters()), spec)
