"""A classification run small enough to be killed a hundred times: coloured squares, a convolution and a linear layer.

As a script, it trains in forks of its own, some of which kill themselves.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision import tv_tensors

from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.metric import MetricResult
from otx.data.unlabeled import UnlabeledBatchDataEntity
from otx.tasks.multi_class_classification.entity import (
    MultiClassClsBatchDataEntity,
    MultiClassClsBatchPredEntity,
    MultiClassClsDataEntity,
)
from otx.tasks.multi_class_classification.model import OTXMultiClassClsModel
from otx.tasks.multi_class_classification.pseudo_labels import pseudo_labels
from otx.training.pseudo_labels import Unlabeled
from otx.training.randomness import mix
from otx.training.settings import OptimizerSettings, ScheduleSettings, TrainingSettings, UnlabeledSettings

LABELS = LabelInfo(("red", "green", "blue"))
SPEC = InputSpec(height=16, width=16)


class Network(nn.Module):
    """Has what makes exact resuming hard: batch statistics, dropout, shared weights, a buffer found in validation."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.mix = nn.Conv2d(8, 8, 1)
        self.again = self.mix
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(8, classes)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.again(self.mix(self.stem(pixels)))
        return self.head(self.dropout(features.mean(dim=(2, 3))))


class TinyClassifier(OTXMultiClassClsModel):
    found: torch.Tensor

    def __init__(self, label_info: LabelInfo = LABELS, input_spec: InputSpec = SPEC, arch: str = "") -> None:
        super().__init__(label_info, input_spec, arch)
        self.register_buffer("found", torch.tensor(0.5))

    def create_model(self) -> nn.Module:
        return Network(len(self.label_info))

    def customize_inputs(self, batch: MultiClassClsBatchDataEntity) -> dict[str, Any]:
        return {"pixels": self.normalize(batch.images)}

    def adopt_validation(self, result: MetricResult) -> None:
        self.found = torch.tensor(result.values["accuracy"])


class Accuracy:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.right = self.all = 0
        self.confidence = 0.0

    def update(self, prediction: MultiClassClsBatchPredEntity, truth: MultiClassClsBatchDataEntity) -> None:
        self.right += int((prediction.scores.argmax(1) == truth.labels).sum())
        self.confidence += float(prediction.scores.gather(1, truth.labels[:, None]).sum())
        self.all += len(truth.labels)

    def compute(self) -> MetricResult:
        return MetricResult({"accuracy": self.right / self.all, "confidence": self.confidence / self.all})


class Squares(Dataset[MultiClassClsDataEntity]):
    """Each sample is a pure function of seed, epoch and index, as OTX's data room makes them."""

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed = length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: tuple[int, int]) -> MultiClassClsDataEntity:
        epoch, index = key
        generator = torch.Generator().manual_seed(mix(self.seed, epoch, index))
        label = index % len(LABELS)
        image = torch.randint(0, 120, (3, *SPEC.size), generator=generator, dtype=torch.uint8)
        image[label] += 60
        info = ImageInfo(index=index, height=SPEC.height, width=SPEC.width)
        return MultiClassClsDataEntity(image=tv_tensors.Image(image), img_info=info, label=torch.tensor(label))


class Order(Sampler[tuple[int, int]]):
    def __init__(self, length: int, shuffle: bool) -> None:
        self.length, self.shuffle, self.epoch = length, shuffle, 0
        self.start = (0, 0)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def start_at(self, epoch: int, images: int) -> None:
        self.epoch, self.start = epoch, (epoch, images)

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed(mix(7, self.epoch))
        order = torch.randperm(self.length, generator=generator).tolist() if self.shuffle else range(self.length)
        skipped = self.start[1] if self.epoch == self.start[0] else 0
        return ((self.epoch if self.shuffle else 0, index) for index in order[skipped:])


class TinyData:
    def __init__(self, train: int = 26, val: int = 9, workers: int = 0, batch_size: int = 4) -> None:
        self.sizes = {"train": train, "val": val}
        self.batch_size = batch_size
        self.workers = workers

    def loader(self, subset: str, train: bool) -> DataLoader[Any]:
        length = self.sizes[subset]
        return DataLoader(
            Squares(length, seed=1 if subset == "train" else 2),
            batch_size=self.batch_size,
            sampler=Order(length, shuffle=train),
            num_workers=self.workers,
            persistent_workers=bool(self.workers),
            collate_fn=MultiClassClsBatchDataEntity.collate,
        )


def tiny_model() -> TinyClassifier:
    torch.manual_seed(0)
    return TinyClassifier()


def tiny_unlabeled() -> Unlabeled:
    """Squares without their labels; the other view of one is darker."""
    squares = Squares(22, seed=3)

    def batches(step: int) -> Iterator[UnlabeledBatchDataEntity]:
        for number in count(step):
            samples = [squares[number, (4 * number + place) % len(squares)] for place in range(4)]
            batch = MultiClassClsBatchDataEntity.collate(samples)
            yield UnlabeledBatchDataEntity(batch.images, batch.imgs_info, strong=batch.images // 2)

    return Unlabeled(len(squares), batches, pseudo_labels)


def tiny_settings(**changes: Any) -> TrainingSettings:
    defaults: dict[str, Any] = {
        "max_epochs": 3,
        "patience": 0,
        "accumulate": 2,
        "precision": "32",
        "channels_last": True,
        "ema_decay": 0.9,
        "optimizer": OptimizerSettings(lr=0.01, clip_norm=1.0, lr_scales={"model.stem": 0.5}),
        "schedule": ScheduleSettings(warmup_steps=2),
        "unlabeled": UnlabeledSettings(threshold=0.36),
        "tensorboard": False,
    }
    return TrainingSettings(**(defaults | changes))


def _plan_kill(moment: str) -> None:
    """Die by SIGKILL before the n-th call of a function, "name:n"."""
    import otx.core.atomic as atomic
    from otx.training.module import TrainingModule

    owners = {
        "training_step": TrainingModule,
        "validation_step": TrainingModule,
        "on_save_checkpoint": TrainingModule,
        "_flush": atomic,
        "replace": Path,
    }
    name, count = moment.split(":")
    original = getattr(owners[name], name)
    calls = 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owners[name], name, dying)


def train(
    folder: Path,
    *,
    resume: bool = False,
    workers: int = 0,
    kill_at: str = "",
    kill_after: float = 0.0,
    save_seconds: float | None = None,
    unlabeled: bool = False,
) -> None:
    from otx.training import keeper
    from otx.training.fit import fit

    if save_seconds is not None:
        keeper.SAVE_SECONDS = save_seconds
    if kill_at:
        _plan_kill(kill_at)
    if kill_after:
        threading.Timer(kill_after, os.kill, (os.getpid(), signal.SIGKILL)).start()
    fit(
        tiny_model(), TinyData(workers=workers), Accuracy(), tiny_settings(), folder,
        model_name="tiny/classifier", monitor="confidence", seed=5, resume=resume, show=False,
        unlabeled=tiny_unlabeled() if unlabeled else None,
    )  # fmt: skip


def serve() -> None:
    """Run each line of standard input in a fork, which saves it the import of Lightning; answer how it ended."""
    import otx.training.fit  # noqa: F401

    for line in sys.stdin:
        orders = json.loads(line)
        child = os.fork()
        if not child:
            try:
                train(Path(orders.pop("folder")), **orders)
            except BaseException:  # noqa: BLE001 - a fork must not run into the loop of its parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
