"""Models of Hugging Face transformers, each as the arguments of its configuration: nothing is fetched to build one.

The values are those of the published checkpoints (`config.json` of the repositories named below). Both families of
detectors take images scaled to [0, 1] without further normalisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import OTXTaskType
from otx.frameworks.transformers import prompting_rows

STAGES = ["stage1", "stage2", "stage3", "stage4"]


def _detector(name: str, arch: str, hub: str, parameters: int, options: Mapping[str, Any]) -> ModelRow:
    return ModelRow(
        name=f"transformers/{name}",
        task=OTXTaskType.DETECTION,
        adapter="otx.frameworks.transformers.detr:TransformersDETR",
        arch=arch,
        options=options,
        input_spec=InputSpec(height=640, width=640, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        parameters=parameters,
        weights=Weights(hub=hub, licence="Apache-2.0", trained_on="COCO", labels=80),
        recipe="detection/detr",
        extra="transformers",
        tileable=True,
    )


def _segformer(size: str, parameters: int, options: dict[str, Any]) -> ModelRow:
    """NVIDIA's licence forbids commercial use of the published weights, so the rows have none; a file can be given."""
    return ModelRow(
        name=f"transformers/segformer_{size}",
        task=OTXTaskType.SEMANTIC_SEGMENTATION,
        adapter="otx.frameworks.transformers.segformer:TransformersSegformer",
        arch="segformer",
        options=options,
        input_spec=InputSpec(height=512, width=512),
        parameters=parameters,
        recipe="semantic_segmentation/transformer",
        tileable=True,
        extra="transformers",
    )


def _mask2former(name: str, backbone: dict[str, Any], parameters: int, *, size: int) -> ModelRow:
    """The published weights have a licence of their own (`other`), so the rows have none; a file can be given."""
    return ModelRow(
        name=f"transformers/{name}",
        task=OTXTaskType.INSTANCE_SEGMENTATION,
        adapter="otx.frameworks.transformers.mask_queries:TransformersMaskQueries",
        arch="mask2former",
        options={"backbone_config": {**backbone, "out_features": STAGES}},
        input_spec=InputSpec(height=size, width=size),
        parameters=parameters,
        extra="transformers",
        tileable=True,
    )


def _vitpose(name: str, hidden: int, parameters: int, weights: Weights | None, *, simple: bool = True) -> ModelRow:
    backbone = {"hidden_size": hidden, "num_hidden_layers": 12, "num_attention_heads": 12, "out_indices": [12]}
    return ModelRow(
        name=f"transformers/{name}",
        task=OTXTaskType.KEYPOINT_DETECTION,
        adapter="otx.frameworks.transformers.vitpose:TransformersViTPose",
        arch="vitpose",
        options={"backbone_config": backbone, "use_simple_decoder": simple},
        input_spec=InputSpec(height=256, width=192, resize=ResizeMode.LETTERBOX, object_margin=1.25),
        parameters=parameters,
        weights=weights,
        recipe="keypoint_detection/top_down",
        explainable=False,
        extra="transformers",
    )


# VideoMAE's own weights are CC-BY-NC-4.0, so the row does not name them.
_VIDEOMAE = ModelRow(
    name="transformers/videomae_small",
    task=OTXTaskType.ACTION_CLASSIFICATION,
    adapter="otx.frameworks.transformers.video:TransformersVideoMAE",
    arch="videomae",
    options={"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536, "use_mean_pooling": True},
    input_spec=InputSpec(height=224, width=224, frames=16, frame_step=4),
    parameters=22_033_936,
    explainable=False,
    extra="transformers",
)


# HGNetV2-B0 and -B2 as D-FINE uses them; what is not named is the default of `HGNetV2Config`.
_HGNET_B0: dict[str, Any] = {
    "model_type": "hgnet_v2",
    "hidden_sizes": [128, 256, 512, 1024],
    "stem_channels": [3, 16, 16],
    "stage_in_channels": [16, 64, 256, 512],
    "stage_mid_channels": [16, 32, 64, 128],
    "stage_out_channels": [64, 256, 512, 1024],
    "stage_num_blocks": [1, 1, 2, 1],
    "stage_numb_of_layers": [3, 3, 3, 3],
    "use_learnable_affine_block": True,
    "out_indices": [2, 3, 4],
}
_HGNET_B2 = _HGNET_B0 | {
    "hidden_sizes": [192, 384, 768, 1536],
    "stem_channels": [3, 24, 32],
    "stage_in_channels": [32, 96, 384, 768],
    "stage_mid_channels": [32, 64, 128, 256],
    "stage_out_channels": [96, 384, 768, 1536],
    "stage_num_blocks": [1, 1, 3, 1],
    "stage_numb_of_layers": [4, 4, 4, 4],
}
_RESNET_18: dict[str, Any] = {
    "model_type": "rt_detr_resnet",
    "hidden_sizes": [64, 128, 256, 512],
    "depths": [2, 2, 2, 2],
    "layer_type": "basic",
    "out_indices": [2, 3, 4],
}

ROWS = (
    _detector(
        "dfine_nano",
        "d_fine",
        "ustc-community/dfine-nano-coco",
        3_782_693,
        {
            "backbone_config": _HGNET_B0 | {"out_indices": [3, 4]},
            "encoder_in_channels": [512, 1024],
            "encoder_hidden_dim": 128,
            "encoder_ffn_dim": 512,
            "encode_proj_layers": [1],
            "feat_strides": [16, 32],
            "hidden_expansion": 0.34,
            "depth_mult": 0.5,
            "d_model": 128,
            "num_feature_levels": 2,
            "decoder_in_channels": [128, 128],
            "decoder_ffn_dim": 512,
            "decoder_layers": 3,
            "decoder_n_points": [6, 6],
        },
    ),
    _detector(
        "dfine_small",
        "d_fine",
        "ustc-community/dfine-small-coco",
        10_321_877,
        {
            "backbone_config": _HGNET_B0,
            "encoder_in_channels": [256, 512, 1024],
            "hidden_expansion": 0.5,
            "depth_mult": 0.34,
            "decoder_layers": 3,
            "decoder_n_points": [3, 6, 3],
        },
    ),
    _detector(
        "dfine_medium",
        "d_fine",
        "ustc-community/dfine-medium-coco",
        19_590_064,
        {
            "backbone_config": _HGNET_B2,
            "encoder_in_channels": [384, 768, 1536],
            "depth_mult": 0.67,
            "decoder_layers": 4,
            "decoder_n_points": [3, 6, 3],
        },
    ),
    _detector(
        "rtdetr_v2_r18",
        "rt_detr_v2",
        "PekingU/rtdetr_v2_r18vd",
        20_184_464,
        {
            "backbone_config": _RESNET_18,
            "encoder_in_channels": [128, 256, 512],
            "hidden_expansion": 0.5,
            "decoder_layers": 3,
        },
    ),
    _detector("rtdetr_v2_r50", "rt_detr_v2", "PekingU/rtdetr_v2_r50vd", 42_944_620, {}),
    _mask2former(
        "mask2former_resnet18",
        {"model_type": "resnet", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic"},
        30_957_147,
        size=320,
    ),
    _mask2former(
        "mask2former_swin_tiny",
        {
            "model_type": "swin",
            "embed_dim": 96,
            "depths": [2, 2, 6, 2],
            "num_heads": [3, 6, 12, 24],
            "window_size": 7,
            "drop_path_rate": 0.3,
        },
        47_425_749,
        size=384,
    ),
    *prompting_rows.ROWS,
    _segformer("b0", 3_719_541, {}),
    _segformer("b1", 13_682_645, {"hidden_sizes": [64, 128, 320, 512]}),
    _VIDEOMAE,
    _vitpose("vitpose_small", 384, 24_290_577, None, simple=False),
    _vitpose(
        "vitpose_base",
        768,
        85_912_337,
        Weights(hub="usyd-community/vitpose-base-simple", licence="Apache-2.0", trained_on="COCO"),
    ),
)
