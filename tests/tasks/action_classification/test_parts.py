"""Clips of videos through collating, model, decoding, metric and pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import tv_tensors

from otx.core.entity import OTXBatchLossEntity
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.data.media import media_picture
from otx.tasks.action_classification.decode import decode
from otx.tasks.action_classification.demo import FRAMES, MOTIONS, PER_MOTION, write_demo
from otx.tasks.action_classification.draw import draw
from otx.tasks.action_classification.entity import ActionClsBatchDataEntity, ActionClsDataEntity
from otx.tasks.action_classification.metric import ActionClsMetric
from otx.tasks.action_classification.model import OTXActionClsModel

LABELS = LabelInfo(("cat", "dog", "emu"))
SPEC = InputSpec(height=8, width=8, frames=4)


class Linear(OTXActionClsModel):
    def create_model(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(4 * 3 * 8 * 8, len(self.label_info)))

    def customize_inputs(self, batch: Any) -> dict[str, Any]:
        return {"input": self.normalize(batch.images)}


def batch_of(clips: int, labels: tuple[int, ...] = (2, 0)) -> ActionClsBatchDataEntity:
    generator = torch.Generator().manual_seed(0)
    samples = [
        ActionClsDataEntity(
            image=tv_tensors.Video(torch.randint(0, 255, (clips, 4, 3, 8, 8), dtype=torch.uint8, generator=generator)),
            img_info=ImageInfo(path=f"{number}.mp4", height=8, width=8),
            label=torch.tensor(label),
        )
        for number, label in enumerate(labels)
    ]
    return ActionClsBatchDataEntity.collate(samples)


@pytest.fixture
def model() -> Linear:
    torch.manual_seed(0)
    return Linear(LABELS, SPEC)


@pytest.mark.parametrize("clips", [1, 3])
def test_every_clip_has_the_label_of_its_video(model: Linear, clips: int) -> None:
    batch = batch_of(clips)
    assert batch.images.shape == (2 * clips, 4, 3, 8, 8)
    assert batch.batch_size == 2
    loss = model.train()(batch)
    assert isinstance(loss, OTXBatchLossEntity)
    labels = torch.tensor([2] * clips + [0] * clips)
    expected = nn.functional.cross_entropy(model.model(model.normalize(batch.images)), labels, label_smoothing=0.1)
    torch.testing.assert_close(loss.total, expected)


def test_a_video_has_the_mean_of_its_clips(model: Linear) -> None:
    batch = batch_of(3)
    prediction: Any = model.eval()(batch)
    by_clip = model.export_graph()(batch.images)["logits"].softmax(dim=1).view(2, 3, 3)
    torch.testing.assert_close(prediction.clip_scores, by_clip)
    torch.testing.assert_close(prediction.scores, by_clip.mean(dim=1))
    assert prediction.labels.tolist() == by_clip.mean(dim=1).argmax(dim=1).tolist()
    assert [record["image"] for record in prediction.records(LABELS, 0.0)] == ["0.mp4", "1.mp4"]


def test_pixels_are_normalised_in_every_frame(model: Linear) -> None:
    batch = batch_of(2)
    frames = model.normalize(batch.images)
    torch.testing.assert_close(frames[1, 2], model.normalize(batch.images[1])[2])


def test_accuracy_by_video_and_by_clip() -> None:
    metric = ActionClsMetric(LABELS)
    logits = torch.tensor([[9.0, 0, 0], [9, 0, 0], [0, 0, 9], [0, 9, 0], [0, 9, 0], [0, 9, 0]])
    batch = batch_of(3, (0, 2))
    metric.update(decode({"logits": logits}, batch.images, batch.imgs_info), batch)
    result = metric.compute()
    assert result.values == pytest.approx({"accuracy": 0.5, "f1": 1 / 3, "clip_accuracy": 2 / 6})
    assert result.curves["confusion_matrix"] == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    metric.reset()
    assert metric.compute().values == {"accuracy": 0.0, "f1": 0.0, "clip_accuracy": 0.0}


def test_the_demo_is_the_same_for_the_same_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(folder: Path) -> str:
        return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.rglob("*.mp4")))).hexdigest()

    monkeypatch.setattr("otx.tasks.action_classification.demo.PER_MOTION", dict.fromkeys(PER_MOTION, 1))
    for name, seed in (("a", 0), ("same", 0), ("other", 1)):
        write_demo(tmp_path / name, seed)
    assert digest(tmp_path / "a") == digest(tmp_path / "same") != digest(tmp_path / "other")
    for subset in PER_MOTION:
        assert sorted(path.name for path in (tmp_path / "a" / subset).iterdir()) == sorted(MOTIONS)


def test_a_picture_shows_frames_and_the_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otx.tasks.action_classification.demo.PER_MOTION", {"train": 1})
    write_demo(tmp_path)
    sheet = media_picture(tmp_path / "train" / "left" / "left_000.mp4")
    assert sheet.width > sheet.height > 64 < FRAMES * 64
    drawn = draw(sheet, {"labels": [{"label": "dog", "score": 0.9}, {"label": "cat", "score": 0.1}]}, LABELS, "truth")
    assert drawn.width >= sheet.width
    assert drawn.height > sheet.height
