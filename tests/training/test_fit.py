"""What a training writes, tells, and does when something goes wrong."""

from __future__ import annotations

import csv
import math
import os
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from tiny_training import Accuracy, TinyClassifier, TinyData, tiny_model, tiny_settings

from otx.core.entity import OTXBatchLossEntity
from otx.core.errors import OTXError, UserError
from otx.core.metric import MetricResult
from otx.training.checkpoint import read_meta, read_state
from otx.training.evaluate import evaluate, predict
from otx.training.fit import FitResult, InterruptedTrainingError, fit
from otx.training.module import DivergedError
from otx.training.report import EpochReport
from otx.training.settings import OptimizerSettings


def train(folder: Path, model: TinyClassifier | None = None, metric: Any = None, **changes: Any) -> FitResult:
    settings = tiny_settings(**changes.pop("settings", {}))
    arguments = {"model_name": "tiny/classifier", "monitor": "confidence", "show": False} | changes
    return fit(model or tiny_model(), TinyData(), metric or Accuracy(), settings, folder, **arguments)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


class Scripted(Accuracy):
    """Gives the scores that it was told to."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = list(scores)

    def compute(self) -> MetricResult:
        return MetricResult({"accuracy": self.scores.pop(0), "confidence": 0.5})


def test_it_learns_and_writes_what_it_did(tmp_path: Path) -> None:
    heard: list[EpochReport] = []
    settings = {"max_epochs": 12, "optimizer": OptimizerSettings(lr=0.03), "tensorboard": True}
    result = train(tmp_path, settings=settings, listeners=[heard.append])

    assert result.epochs_done == 12
    assert not result.stopped_early
    assert result.best_metrics["accuracy"] > 0.8
    table = rows(tmp_path)
    assert [row["epoch"] for row in table] == [str(n) for n in range(1, 13)]
    assert list(table[0]) == ["epoch", "train_loss", "accuracy", "confidence", "lr", "seconds", "images_per_second"]
    assert float(table[-1]["train_loss"]) < 0.7 * float(table[0]["train_loss"])
    assert float(table[-1]["lr"]) < 0.001
    assert [report.epoch for report in heard] == list(range(1, 13))
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert len(lines) == 13  # what bounds it, and its epochs
    assert "epoch 12/12  loss " in lines[-1]
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_checkpoints_say_what_they_are_and_hold_the_weights_that_were_validated(tmp_path: Path) -> None:
    model = tiny_model()
    result = train(tmp_path, model)
    meta = read_meta(result.best_path)
    assert (meta.task, meta.model, meta.epoch) == ("MULTI_CLASS_CLS", "tiny/classifier", result.best_epoch)
    assert meta.metrics == result.best_metrics
    assert meta.labels == model.label_info

    fresh = TinyClassifier()
    fresh.load_state_dict(read_state(result.best_path))
    for found in (model, fresh):
        again = evaluate(found, TinyData().loader("val", train=False), Accuracy())
        assert again.values == pytest.approx(result.best_metrics)
    assert float(fresh.found) == pytest.approx(result.best_metrics["accuracy"])


def test_the_best_epoch_is_the_first_of_the_best_scores(tmp_path: Path) -> None:
    metric = Scripted(0.2, 0.9, 0.9, math.nan)
    result = train(tmp_path, metric=metric, monitor="accuracy", settings={"max_epochs": 4})
    assert (result.best_epoch, result.best_metrics["accuracy"]) == (2, 0.9)
    assert read_meta(result.last_path).epoch == 4
    assert math.isnan(read_meta(result.last_path).metrics["accuracy"])


def test_less_can_be_better(tmp_path: Path) -> None:
    metric = Scripted(0.5, 0.1, 0.4)
    assert train(tmp_path, metric=metric, monitor="accuracy", monitor_mode="min").best_epoch == 2


def test_it_stops_when_patience_is_over_and_stays_stopped(tmp_path: Path) -> None:
    scores = Scripted(0.5, 0.6, 0.5, 0.6, 0.9)
    arguments: dict[str, Any] = {"monitor": "accuracy", "settings": {"max_epochs": 5, "patience": 2}}
    result = train(tmp_path, metric=scores, **arguments)
    assert (result.epochs_done, result.best_epoch, result.stopped_early) == (4, 2, True)
    again = train(tmp_path, metric=Scripted(), resume=True, **arguments)
    assert (again.epochs_done, again.best_epoch, again.stopped_early) == (4, 2, True)


def test_patience_is_over_at_a_validation_only(tmp_path: Path) -> None:
    settings = {"max_epochs": 7, "patience": 1, "val_interval": 2}
    result = train(tmp_path, metric=Scripted(0.5, 0.6, 0.6), monitor="accuracy", settings=settings)
    assert (result.epochs_done, result.best_epoch) == (6, 4)


def test_the_last_epoch_is_validated_whatever_the_interval(tmp_path: Path) -> None:
    train(tmp_path, settings={"max_epochs": 5, "val_interval": 2})
    assert [bool(row["accuracy"]) for row in rows(tmp_path)] == [False, True, False, True, True]


class Diverging(TinyClassifier):
    """Its loss is no number, and weights that are none would end the process in validation."""

    def customize_outputs(self, outputs: Any, batch: Any) -> Any:
        assert self.training, "validated with weights that are no numbers"
        return OTXBatchLossEntity({"nan": super().customize_outputs(outputs, batch).total * math.nan})


class Refusing(Diverging):
    """Fails over such weights in training, as an assignment of boxes does."""

    def customize_inputs(self, batch: Any) -> dict[str, Any]:
        if not torch.isfinite(next(self.parameters())).all():
            msg = "matrix contains invalid numeric entries"
            raise ValueError(msg)
        return super().customize_inputs(batch)


class Steep(Diverging):
    """Its loss is a number, the gradient of it is not."""

    def customize_outputs(self, outputs: Any, batch: Any) -> Any:
        assert self.training, "validated with weights that are no numbers"
        return OTXBatchLossEntity({"steep": (outputs.sum() * 0).nan_to_num().sqrt()})


@pytest.mark.parametrize("kind", [Diverging, Refusing, Steep])
@pytest.mark.parametrize("interval", [0.0, 30.0])
def test_a_loss_that_is_not_a_number_ends_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: float, kind: type[TinyClassifier]
) -> None:
    monkeypatch.setattr("otx.training.progress.LOG_INTERVAL", interval)
    with pytest.raises(DivergedError, match=r"not a number in epoch 1 .*training\.optimizer\.lr"):
        train(tmp_path, kind())
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_model_that_fails_over_its_batch_says_so_itself(tmp_path: Path) -> None:
    class Failing(TinyClassifier):
        def customize_outputs(self, outputs: Any, batch: Any) -> Any:
            msg = "out of luck"
            raise ValueError(msg)

    with pytest.raises(ValueError, match="out of luck"):
        train(tmp_path, Failing())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_somebody_who_stops_it_is_told_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    class Stop(Callback):
        def on_train_batch_start(self, trainer: Any, *rest: Any) -> None:
            if trainer.current_epoch == 1:
                os.kill(os.getpid(), number)

    # Tests that run in the background inherit that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(InterruptedTrainingError, match=r"1 of 3 epochs kept in .*--resume") as caught:
        train(tmp_path, callbacks=[Stop()])
    assert caught.value.exit_status == 130
    assert "resume" not in (tmp_path / "train.log").read_text()  # how to go on is for the verb to say
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert train(tmp_path, resume=True).epochs_done == 3


def test_what_is_still_auto_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'auto': max_epochs, precision"):
        train(tmp_path, settings={"max_epochs": "auto", "precision": "auto"})


def test_a_decay_of_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="below 1"):
        train(tmp_path, settings={"ema_decay": 1.0})


def test_a_metric_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OTXError, match=r"'map', is none of .*'accuracy', 'confidence'"):
        train(tmp_path, monitor="map")


def test_lightning_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(tmp_path, show=True)
    output = capfd.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 4, output.err  # what bounds it, and its epochs
    assert [str(warning.message) for warning in caught] == []


@pytest.mark.parametrize("settings", [{"precision": "bf16"}, {"channels_last": False}, {"ema_decay": 0.0}])
def test_other_ways_to_train(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert train(tmp_path, settings=settings).epochs_done == 3


def test_long_gradients_are_shortened(tmp_path: Path) -> None:
    lengths: list[float] = []

    class Measure(Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, *rest: Any) -> None:
            gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
            lengths.append(float(torch.nn.utils.get_total_norm(gradients)))

    settings = {"optimizer": OptimizerSettings(lr=0.01, clip_norm=1e-3), "accumulate": 1, "max_epochs": 1}
    train(tmp_path, settings=settings, callbacks=[Measure()])
    assert lengths == pytest.approx([1e-3] * 7, rel=1e-2)


def test_batches_and_weights_are_laid_out_as_told(tmp_path: Path) -> None:
    class Watch(Callback):
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
            for tensor in (batch.images, module.model.model.stem[0].weight):
                assert tensor.is_contiguous(memory_format=torch.channels_last)
            assert batch.images.dtype == torch.uint8

    train(tmp_path, callbacks=[Watch()])


def test_predicting_leaves_the_caller_and_the_model_as_they_were() -> None:
    model = tiny_model().train()
    for prediction in predict(model, TinyData().loader("val", train=False)):
        assert not torch.is_inference_mode_enabled()
        assert prediction.scores.sum(1).allclose(torch.ones(len(prediction.scores)))
    assert model.training
