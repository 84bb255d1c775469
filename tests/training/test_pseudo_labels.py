"""The averaged weights label images for the network that is trained."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_fitted import Rememberer
from tiny_training import LABELS, SPEC, Accuracy, TinyData, tiny_model, tiny_settings, tiny_unlabeled

from otx.core.errors import UserError
from otx.training.average import WeightAverage
from otx.training.fit import fit
from otx.training.pseudo_labels import Teacher
from otx.training.settings import UnlabeledSettings

NO_BOUND = UnlabeledSettings(threshold=0.0, ramp=0.5, weight=2.0)


def train(folder: Path, model: Any = None, unlabeled: Any = None, resume: bool = False, **settings: Any) -> Path:
    result = fit(
        model or tiny_model(), TinyData(), Accuracy(), tiny_settings(**settings), folder,
        model_name="tiny/classifier", monitor="confidence", show=False, resume=resume, unlabeled=unlabeled,
    )  # fmt: skip
    return result.last_path


def teacher(settings: UnlabeledSettings, model: Any) -> Teacher:
    return Teacher(tiny_unlabeled(), settings, model, WeightAverage(model, 0.9), lambda batch: batch)


def test_the_average_labels_one_view_and_the_network_learns_from_the_other() -> None:
    model = tiny_model().train()
    one = teacher(NO_BOUND, model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # what is trained says nothing any more; the average does
    seen: list[Any] = []
    hook = model.register_forward_pre_hook(lambda module, inputs: seen.append((module.training, inputs[0])))
    loss, share = one.loss(3, 1.0)
    hook.remove()
    (looks, weak), (learns, lesson) = seen
    assert (looks, learns, share) == (False, True, 1.0)
    assert torch.equal(weak.images // 2, lesson.images)
    with one.average.applied(), torch.no_grad():
        assert torch.equal(model.eval()(weak).labels, lesson.labels)
    loss.backward()
    assert model.model.head.bias.grad.abs().sum() > 0


def test_the_weight_ramps_up_and_few_labels_weigh_little() -> None:
    model = tiny_model().train()
    model.model.dropout.p = 0.0
    full, _ = teacher(NO_BOUND, model).loss(0, 0.5)
    half, _ = teacher(NO_BOUND, model).loss(0, 0.25)
    assert half.item() == pytest.approx(full.item() / 2)
    two = teacher(NO_BOUND, model)
    label = two.unlabeled.label
    two.unlabeled = replace(two.unlabeled, label=lambda prediction, bound: label(prediction, bound).pick([0, 1]))
    loss, share = two.loss(0, 1.0)
    assert share == 0.5
    assert 0 < float(loss) < float(full)


def test_a_single_image_is_not_learned_from() -> None:
    model = tiny_model().train()
    for kept in ([], [2]):
        one = teacher(NO_BOUND, model)
        label = one.unlabeled.label
        one.unlabeled = replace(one.unlabeled, label=lambda *given, kept=kept, label=label: label(*given).pick(kept))
        loss, share = one.loss(0, 1.0)
        assert (float(loss), share) == (0.0, 0.0)


def test_metrics_have_the_loss_and_the_share(tmp_path: Path) -> None:
    train(tmp_path / "with", unlabeled=tiny_unlabeled())
    rows = list(csv.DictReader((tmp_path / "with/metrics.csv").open()))
    assert all(0 <= float(row["pseudo_labelled"]) <= 1 and float(row["loss_unlabelled"]) >= 0 for row in rows)
    assert any(float(row["loss_unlabelled"]) for row in rows)
    train(tmp_path / "without")
    assert "pseudo_labelled" not in (tmp_path / "without/metrics.csv").read_text()


def test_in_bf16_the_average_labels_and_not_the_network() -> None:
    model = tiny_model().train()
    one = teacher(NO_BOUND, model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    weak = next(iter(one.unlabeled.batches(0)))
    with one.average.applied(), torch.autocast("cpu", torch.bfloat16):
        expected = model.eval()(weak).scores
    seen: list[torch.Tensor] = []
    label = one.unlabeled.label
    one.unlabeled = replace(one.unlabeled, label=lambda said, bound: seen.append(said.scores) or label(said, bound))
    with torch.autocast("cpu", torch.bfloat16):
        model.train()(next(iter(TinyData().loader("train", train=True))))  # autocast now knows the network's weights
        loss, _ = one.loss(0, 1.0)
    assert torch.equal(seen[0], expected)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_what_cannot_learn_from_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected training\.ema_decay above 0, got 0: the averaged weights label"):
        train(tmp_path / "a", unlabeled=tiny_unlabeled(), ema_decay=0.0)
    with pytest.raises(UserError, match="this model is fitted in one pass and learns from no labels"):
        train(tmp_path / "b", Rememberer(LABELS, SPEC), unlabeled=tiny_unlabeled(), ema_decay=0.0)
    with pytest.raises(UserError, match=r"training\.unlabeled: expected threshold and ramp within \[0, 1\]"):
        teacher(UnlabeledSettings(weight=0.0), tiny_model())


def test_other_images_are_another_run(tmp_path: Path) -> None:
    train(tmp_path, unlabeled=tiny_unlabeled(), max_epochs=1)
    with pytest.raises(UserError, match="unlabelled images: was 22, is 21"):
        train(tmp_path, unlabeled=replace(tiny_unlabeled(), images=21), resume=True, max_epochs=2)
