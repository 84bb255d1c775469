"""A frozen backbone stays as it is, and a classifier's is run once per image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.generated import pictures, write_image_folders

from otx.core.errors import UserError
from otx.engine import Engine, measure
from otx.engine import train as engine_train
from otx.recipes.plan import Plan
from otx.training.budget import EpochTime
from otx.training.module import TrainingModule

MODEL = """
import torch
from torch import nn
from otx.core.input_spec import InputSpec
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel


class Network(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.token = nn.Parameter(torch.ones(8))
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(8, classes)

    def forward(self, pixels):
        return self.fc(self.stem(pixels) * self.token)


class Small(OTXMultiClassClsModel):
    default_input = InputSpec(height=32, width=32)

    def create_model(self):
        return Network(len(self.label_info))

    def customize_inputs(self, batch):
        return {"pixels": self.normalize(batch.images)}

    def label_rows(self, labels):
        return {f"model.fc.{kind}": torch.arange(labels)[:, None] for kind in ("weight", "bias")}


class Whole(Small):
    def logits(self, outputs):
        return 2 * outputs["last"]

    def create_model(self):
        class Dressed(Network):
            def forward(self, pixels):
                return {"last": super().forward(pixels)}
        return Dressed(len(self.label_info))


class Mute(Small):
    def label_rows(self, labels):
        return {}
"""
FIXED = {"training.precision": "32", "training.channels_last": False}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "small.py").write_text(MODEL)
    write_image_folders(folder / "data", pictures())
    run(folder, "first", pretrained=False).train(max_epochs=1)
    return folder


def run(place: Path, name: str, model: str = "Small", pretrained: object = None, **settings: object) -> Engine:
    first = place / "first/checkpoints/best.safetensors"
    return Engine(
        place / "data", model=f"{place / 'small.py'}:{model}", work_dir=place / name,
        pretrained=first if pretrained is None else pretrained, settings={**FIXED, **settings},
    )  # fmt: skip


def weights(place: Path, name: str, file: str = "last") -> dict[str, torch.Tensor]:
    return load_file(place / name / "checkpoints" / f"{file}.safetensors")


@pytest.mark.parametrize(
    ("model", "settings", "remembered"),
    [
        ("Small", {}, True),
        ("Small", {"transforms.train": [{"name": "RandomHorizontalFlip", "p": 0.5}]}, False),
        ("Whole", {}, False),
    ],
)
def test_only_the_head_changes(place: Path, model: str, settings: dict[str, object], remembered: bool) -> None:
    name = f"{model}-{remembered}"
    result = run(place, name, model, **{"training.freeze_backbone": True, **settings}).train(max_epochs=3)
    before, after = weights(place, "first", "best"), weights(place, name)
    assert {key for key in before if not torch.equal(before[key], after[key])} == {"model.fc.weight", "model.fc.bias"}
    assert ("origin: recipe\n  reason: features" in (result.work_dir / "plan.yaml").read_text()) == remembered
    assert result.metrics == run(place, name, model).test(split="val").metrics


def test_each_image_is_seen_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = TrainingModule.training_step

    def step(self: TrainingModule, batch: Any, index: int) -> object:
        seen.append(batch.images.ndim)
        return original(self, batch, index)

    monkeypatch.setattr(TrainingModule, "training_step", step)
    run(place, "seen", **{"training.freeze_backbone": True}).train(max_epochs=3)
    assert set(seen) == {2}


def test_a_resumed_run_ends_like_an_unbroken_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = {"training.freeze_backbone": True, "training.ema_decay": 0.9}
    run(place, "unbroken", **frozen).train(max_epochs=3)
    original, steps = TrainingModule.training_step, iter(range(1000))

    def step(self: TrainingModule, batch: object, index: int) -> object:
        if self.epoch_number == 3 and next(steps) == 1:
            raise KeyboardInterrupt
        return original(self, batch, index)

    monkeypatch.setattr(TrainingModule, "training_step", step)
    with pytest.raises(Exception, match="stopped with 2 of 3 epochs"):
        run(place, "broken", **frozen).train(max_epochs=3)
    run(place, "broken", **frozen).train(max_epochs=3, resume=True)
    one, other = weights(place, "unbroken"), weights(place, "broken")
    assert all(torch.equal(one[key], other[key]) for key in one)


def begin(model: Any, *_: object, callbacks: list[Any], **__: object) -> None:
    """In place of training: only its beginning."""
    for callback in callbacks:
        callback.on_train_start(None, None)
    pytest.fail(f"would train, frozen: {bool(model.frozen)}")


@pytest.mark.parametrize(("epoch", "frozen"), [(1e5, True), (1e3, False)])
def test_too_little_time_freezes(place: Path, monkeypatch: pytest.MonkeyPatch, epoch: float, frozen: bool) -> None:
    measured = iter([epoch, 1e3])
    monkeypatch.setattr(measure, "seconds_per_epoch", lambda *_, **__: EpochTime(next(measured), 0.0))
    monkeypatch.setattr(engine_train, "fit", begin)
    name = f"timed-{frozen}"
    with pytest.raises(pytest.fail.Exception, match=str(frozen)):
        run(place, name).train(time=9e4)
    choice = Plan.read(place / name / "plan.yaml").choices["training.freeze_backbone"]
    assert (choice.value, choice.origin) == (frozen, "auto")
    assert "epochs of the whole network fit in the time" in choice.reason


@pytest.mark.framework("timm")
def test_too_little_time_takes_a_smaller_input(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def seconds(_model: object, loaders: Any, *_: object, **__: object) -> EpochTime:
        return EpochTime(float(next(iter(loaders[0])).images.shape[-1] ** 2), 0.0)

    monkeypatch.setattr(measure, "seconds_per_epoch", seconds)
    monkeypatch.setattr(engine_train, "fit", begin)
    with pytest.raises(pytest.fail.Exception, match="would train"):
        Engine(
            place / "data", model="timm/resnet10t", work_dir=place / "smaller", pretrained=False, settings=FIXED
        ).train(time=6e4)
    plan = Plan.read(place / "smaller" / "plan.yaml")
    assert plan["model.input_size"] == [64, 64]  # instead of 128
    assert "fit in the time" in plan.choices["model.input_size"].reason
    assert plan["training.max_epochs"] >= 10


def test_what_cannot_be_frozen_is_refused(place: Path) -> None:
    with pytest.raises(UserError, match=r"expected a backbone that has learned something, .* is false \(given\)"):
        run(place, "frozen", pretrained=False, **{"training.freeze_backbone": True}).configure()
    with pytest.raises(UserError, match=r"Mute has no head that OTX could train alone"):
        run(place, "frozen", "Mute", **{"training.freeze_backbone": True}).train()
    assert run(place, "frozen").configure().choices["training.freeze_backbone"].value is False


@pytest.mark.framework("torchvision")
def test_a_detector_keeps_its_backbone() -> None:
    from otx.core.input_spec import InputSpec
    from otx.core.label_info import LabelInfo
    from otx.frameworks.torchvision.fcos import TorchvisionFCOS

    model = TorchvisionFCOS(LabelInfo(("a",)), InputSpec(height=64, width=64), "fcos_resnet50_fpn")
    model.freeze_backbone()
    model.train()
    trained = {name.split(".")[2] for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained == {"head"}
    assert not any(module.training for module in model.model.detector.backbone.modules())
    assert model.training
    assert model.model.detector.head.training


@pytest.mark.framework("torchvision")
def test_a_pyramid_that_no_weights_are_for_is_trained() -> None:
    from otx.core.label_info import LabelInfo
    from otx.frameworks.build import build_model, find_row

    row = find_row("torchvision/fcos_mobilenetv4_conv_small", "DETECTION")
    model, _ = build_model(row, LabelInfo(("a",)), row.input_spec, False)
    model.freeze_backbone()
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert frozen == {name for name, _ in model.named_parameters() if name.startswith(f"model.{row.weights.part}.")}
