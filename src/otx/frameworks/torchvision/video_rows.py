"""Action classifiers of torchvision, trained on Kinetics-400 at 15 frames a second."""

from __future__ import annotations

from otx.core.catalog import ModelRow, Weights
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.task import OTXTaskType

BSD = "BSD-3-Clause"
MEAN, STD = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)


def _video(name: str, parameters: int, weights: str, *, frames: int = 16, frame_step: int = 2) -> ModelRow:
    return ModelRow(
        name=f"torchvision/{name}",
        task=OTXTaskType.ACTION_CLASSIFICATION,
        adapter=f"otx.frameworks.torchvision.video:{'TorchvisionVideo' if weights else 'TorchvisionSlimVideo'}",
        arch=name,
        input_spec=InputSpec(
            height=112,
            width=112,
            mean=MEAN,
            std=STD,
            resize=ResizeMode.CENTER_CROP if weights else ResizeMode.STRETCH,
            crop_ratio=112 / 128 if weights else 1.0,
            multiple_of=16,
            frames=frames,
            frame_step=frame_step,
        ),
        parameters=parameters,
        licence=BSD,
        weights=Weights(torchvision=weights, licence=BSD, trained_on="Kinetics-400", labels=400) if weights else None,
        explainable=False,
    )


ROWS = (
    # Learns from random weights on some hundred videos in minutes.
    _video("mc3_10_slim", 5_277_264, "", frames=8),
    _video("mc3_18", 11_695_440, "MC3_18_Weights.KINETICS400_V1"),
    _video("r2plus1d_18", 31_505_325, "R2Plus1D_18_Weights.KINETICS400_V1"),
    _video("r3d_18", 33_371_472, "R3D_18_Weights.KINETICS400_V1"),
)
