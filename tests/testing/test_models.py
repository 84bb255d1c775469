"""The catalog is the test list; and the kit notices what it is for."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from otx.core.catalog import ModelRow
from otx.core.entity import OTXBatchLossEntity
from otx.core.input_spec import InputSpec
from otx.core.task import OTXTaskType
from otx.frameworks import catalog
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel
from otx.testing.models import ContractError, check_model

QUICK = {
    "anomalib/padim_random": (64, 64),
    "mmdet/rtmdet_tiny_8xb32-300e_coco": (64, 64),
    "mmpretrain/resnet18_8xb32_in1k": (32, 32),
    "mmseg/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024": (64, 64),
    "smp/fpn_resnet18_slim": (64, 64),
    "timm/mobilenetv4_conv_small": (64, 64),
    "torchvision/fcos_resnet18_slim": (96, 96),
    "torchvision/keypointrcnn_resnet18_slim": (96, 96),
    "torchvision/ssdlite320_mobilenet_v3_large": (96, 96),
    "torchvision/mc3_10_slim": (32, 32),
    "torchvision/maskrcnn_resnet18_slim": (96, 96),
    "torchvision/rotated_maskrcnn_resnet18_slim": (96, 96),
    "torchvision/mobilenet_v3_small": (64, 64),
    "transformers/dfine_nano": (96, 96),
    "transformers/edgetam_slim": (96, 96),
    "transformers/sam_vit_tiny": (96, 96),
}


@pytest.mark.parametrize(
    "row", [row for row in catalog() if row.name in QUICK], ids=lambda row: f"{row.task} {row.name}"
)
def test_quick_rows(row: ModelRow) -> None:
    check_model(row, size=QUICK[row.name], quantize=False)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("row", list(catalog()), ids=lambda row: f"{row.task} {row.name}")
def test_every_row(row: ModelRow) -> None:
    step = row.input_spec.multiple_of
    side = -(-128 // step) * step if step else None
    check_model(row, size=(side, side) if side else None)


class Sound(OTXMultiClassClsModel):
    """A tiny network that keeps the contract."""

    def create_model(self) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(self.width, len(self.label_info)))

    @property
    def width(self) -> int:
        return 16 * self.input_spec.channels

    def customize_inputs(self, batch: Any) -> dict[str, Any]:
        return {"input": self.normalize(batch.images)}

    def label_rows(self, labels: int) -> dict[str, Tensor]:
        return {f"model.2.{kind}": torch.arange(labels).unsqueeze(1) for kind in ("weight", "bias")}


class Colourful(Sound):
    width = 48


class Deaf(Sound):
    def losses(self, outputs: Any, batch: Any) -> dict[str, Tensor]:
        return {"nothing": outputs.sum() * 0.0}


class Relapsing(Sound):
    """Rises, and comes back a part of the way."""

    steps = 0

    def losses(self, outputs: Any, batch: Any) -> dict[str, Tensor]:
        self.steps += 1
        return {"wave": outputs.sum() * 0.0 + (1.0 if self.steps < 3 else 2.0 if self.steps < 9 else 1.5)}


class Blown(Sound):
    def losses(self, outputs: Any, batch: Any) -> dict[str, Tensor]:
        return {"huge": outputs.sum() * float("inf")}


class Untyped(Sound):
    def customize_outputs(self, outputs: Any, batch: Any) -> Any:
        return outputs if not self.training else super().customize_outputs(outputs, batch)


class Moody(Sound):
    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:
        return {"logits": outputs + torch.rand_like(outputs)}


class Social(Sound):
    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:
        return {"logits": outputs - outputs.mean(dim=0)}


class Forgetful(Sound):
    def create_model(self) -> nn.Module:
        network = super().create_model()
        network.register_buffer("shift", torch.rand(1) + 1, persistent=False)
        return network

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:
        return {"logits": outputs * self.model.shift}


class Mislabelled(Sound):
    def label_rows(self, labels: int) -> dict[str, Tensor]:
        return {"model.2.weight": torch.arange(labels).unsqueeze(1)}


class Frozen(Sound):
    """Looks at values in Python, so that the trace holds the answer to one question only."""

    def raw_outputs(self, outputs: Any, images: Tensor) -> dict[str, Tensor]:
        return {"logits": outputs if self.training else torch.tensor(outputs.tolist())}


class Fitted(Sound):
    """Remembers the mean of each label's images of an epoch."""

    def create_model(self) -> nn.Module:
        self.seen: list[tuple[Tensor, Tensor]] = []
        return super().create_model().requires_grad_(requires_grad=False)

    def customize_outputs(self, outputs: Any, batch: Any) -> Any:
        if not self.training:
            return super().customize_outputs(outputs, batch)
        self.seen.append((batch.images.float().mean(dim=(1, 2, 3)), batch.labels))
        return OTXBatchLossEntity({})

    def finish_epoch(self) -> None:
        for values, labels in self.seen:
            self.model[2].bias += torch.zeros_like(self.model[2].bias).index_add(0, labels, values)
        self.seen.clear()


class Anew(Fitted):
    def finish_epoch(self) -> None:
        self.model[2].bias.zero_()
        super().finish_epoch()


class Idle(Fitted):
    def finish_epoch(self) -> None:
        self.seen.clear()


class Silent(Sound):
    def customize_outputs(self, outputs: Any, batch: Any) -> Any:
        return OTXBatchLossEntity({}) if self.training else super().customize_outputs(outputs, batch)


def row_of(adapter: type[OTXMultiClassClsModel], **changes: Any) -> ModelRow:
    row = ModelRow(
        name=f"mine/{adapter.__name__}",
        task=OTXTaskType.MULTI_CLASS_CLS,
        adapter=f"{adapter.__module__}:{adapter.__name__}",
        arch="",
        input_spec=InputSpec(height=32, width=32),
        parameters=0,
        package="torch",
    )
    return dataclasses.replace(row, **changes)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows name adapters by module, and a test module is not importable by its name."""
    import otx.frameworks.build

    monkeypatch.setattr(
        otx.frameworks.build,
        "resolve",
        lambda ref, real=otx.frameworks.build.resolve: (
            globals()[ref.split(":")[1]] if ref.startswith(f"{__name__}:") else real(ref)
        ),
    )


def test_a_sound_model_passes() -> None:
    check_model(row_of(Sound))


def test_a_sound_model_that_is_fitted_passes() -> None:
    check_model(row_of(Anew), quantize=False)


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        (Deaf, "loss_falls: expected the loss on a repeated batch to fall"),
        (Relapsing, "loss_falls: expected the loss on a repeated batch to fall"),
        (Blown, "typed_losses: expected finite scalar losses, found huge = "),
        (Untyped, "typed_predictions: expected forward in eval mode to give MultiClassClsBatchPredEntity"),
        (Moody, "typed_predictions: expected the same predictions for the same batch"),
        (Social, "batch_of_one: expected the same outputs from a batch of one"),
        (Forgetful, "state_round_trip: expected the same outputs from a new model"),
        (Mislabelled, "label_transfer: expected everything but two new labels to be taken over"),
        (Frozen, "export_flag: the row says exportable"),
        (Fitted, "is_fitted: expected the same state after the same epoch"),
        (Idle, "is_fitted: expected finish_epoch to fit the model"),
        (Silent, "typed_losses: expected the total loss to depend on trainable parameters"),
        (Colourful, "rgb_only_flag: expected the row to take five channels, or to say rgb_only"),
    ],
)
def test_breaches_are_noticed(adapter: type[OTXMultiClassClsModel], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_model(row_of(adapter), steps=12)


def test_flags_are_true_both_ways() -> None:
    check_model(row_of(Frozen, exportable=False, quantizable=False), steps=12)
    with pytest.raises(ContractError, match="the row says not exportable, but the export works"):
        check_model(row_of(Sound, exportable=False, quantizable=False), steps=12)
    with pytest.raises(ContractError, match="the row says not quantizable, but quantisation works"):
        check_model(row_of(Sound, quantizable=False), steps=12)
    with pytest.raises(ContractError, match="the row says quantizable: expected an INT8 graph"):
        check_model(row_of(Frozen), steps=12)
    with pytest.raises(ContractError, match="the row says not explainable, but its task is"):
        check_model(row_of(Sound, explainable=False), steps=12, quantize=False)
    check_model(row_of(Colourful, rgb_only=True))
    with pytest.raises(ContractError, match="the row says tileable, but its task or its resize rule"):
        check_model(row_of(Sound, tileable=True), steps=12)
    with pytest.raises(ContractError, match="the row says rgb_only, but five channels work"):
        check_model(row_of(Sound, rgb_only=True), steps=12)
