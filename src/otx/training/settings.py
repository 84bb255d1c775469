"""What can be set about training. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How gradients change the weights."""

    name: Literal["adamw", "sgd"] = "adamw"
    """AdamW forgives a rough learning rate; SGD with momentum needs less memory."""
    lr: float = 1e-3
    """Peak learning rate. Higher learns faster until it diverges."""
    weight_decay: float = 0.05
    """Pull towards zero; biases and normalisation layers (one-dimensional parameters) are left out."""
    momentum: float = 0.9
    """Momentum of SGD (Nesterov's); AdamW's first beta."""
    lr_scales: dict[str, float] = field(default_factory=dict)
    """Factor on the learning rate of parameters whose name starts with the key, for example a backbone's; 0 freezes."""
    clip_norm: float = 0.0
    """Gradients longer than this are shortened to it; 0 leaves them alone."""


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """How the learning rate moves: up in a straight line, flat if wanted, then down in half a cosine, step by step."""

    warmup_steps: int | Literal["auto"] = "auto"
    """Optimiser steps of the way up; auto: a tenth of the run, at most 500."""
    flat: float = 0.0
    """Share of the way after the warm-up on which the peak is kept, from 0 to 1. More learns more and settles later."""
    final_ratio: float = 0.02
    """Learning rate at the end, relative to the peak."""


@dataclass(frozen=True, kw_only=True)
class UnlabeledSettings:
    """How images without labels are learned from, where `unlabeled_data_root` names some."""

    threshold: float = 0.8
    """Confidence from which on the averaged weights' prediction counts as a label. Lower: more labels, more wrong."""
    weight: float = 1.0
    """Of the loss on them, relative to that on the labelled images."""
    ramp: float = 0.25
    """Share of the run during which the weight grows from 0, while the predictions are worth little."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a model is trained."""

    max_epochs: int | Literal["auto"] = "auto"
    """Passes over the training images; the learning rate reaches its end with the last one."""
    steps: int = 2000
    """Optimiser steps that `max_epochs: auto` aims at. More learns better and takes longer."""
    time: float = 0.0
    """Seconds that the run may take; epochs are planned to fill it, the last in part. 0: no bound, `steps` decides."""
    ram: float = 0.0
    """GiB of memory that the training process may take on the CPU; batches are made smaller until it does. 0: what is
    free."""
    patience: int | Literal["auto"] = "auto"
    """Epochs without a better validation after which training stops; 0 never stops early."""
    val_interval: int = 1
    """Validate each so many epochs, and after the last one."""
    accumulate: int | Literal["auto"] = "auto"
    """Batches whose gradients make one optimiser step: a larger effective batch for the same memory."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """Of several processes: each has the whole model (ddp), or its part of each weight, for large models (fsdp)."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """Arithmetic of the forward pass: bfloat16 halves memory and is faster where the hardware has it; auto measures."""
    channels_last: bool | Literal["auto"] = "auto"
    """Keep images as NHWC in memory, faster for most convolutions; auto measures."""
    ema_decay: float = 0.0
    """Decay per step of the averaged copy of the weights that is validated and kept, below 1; 0 keeps none."""
    mixup: float = 0.0
    """Mix each image of a batch with another, by a share from Beta(a, a); 0.2 mixes a little, 0 not at all."""
    cutmix: float = 0.0
    """Likewise, but paste a piece of the other; where both are set, each batch gets one of them by chance."""
    freeze_backbone: bool | Literal["auto"] = "auto"
    """Train the head alone, a classifier's on features that are computed once; auto: where the time is too short."""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    unlabeled: UnlabeledSettings = field(default_factory=UnlabeledSettings)
    tensorboard: bool = True
    """Write the curves for TensorBoard too."""
