"""anomalib's networks behind typed inputs: fitted in a pass or trained, from pretrained features or random ones."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from otx.core.errors import UserError
from otx.core.image_info import ImageInfo
from otx.frameworks import catalog
from otx.frameworks.anomalib.catalog import ROWS, TASKS
from otx.frameworks.anomalib.memory import far_apart
from otx.frameworks.build import build_model
from otx.tasks.anomaly.entity import LABELS, AnomalyBatchDataEntity

SEGMENTATION = "ANOMALY_SEGMENTATION"
SIZE = 64


def batch_of(count=6, *, defect=False, light=0, seed=0):
    """Stripes; the last image has a blotch if `defect`."""
    generator = torch.Generator().manual_seed(seed)
    stripes = 60 + 80 * (torch.arange(SIZE) // 8 % 2).view(1, 1, 1, SIZE)
    images = stripes + torch.randint(0, 12, (count, 3, SIZE, SIZE), generator=generator) + light
    if defect:
        images[-1, :, 24:40, 24:40] = 30
    return AnomalyBatchDataEntity(
        images=images.to(torch.uint8),
        imgs_info=[ImageInfo(height=SIZE, width=SIZE)] * count,
        labels=torch.zeros(count, dtype=torch.long),
        masks=torch.zeros(count, SIZE, SIZE, dtype=torch.uint8),
        defects=[""] * count,
    )


def built(name, pretrained=False):
    row = catalog().get(f"anomalib/{name}", SEGMENTATION)
    torch.manual_seed(0)
    return build_model(row, LABELS, row.input_spec.with_size(SIZE, SIZE), pretrained)


def fitted(name):
    model, _ = built(name)
    for seed in range(3):
        assert not model.train()(batch_of(seed=seed)).losses
    model.finish_epoch()
    return model.eval()


def test_each_model_solves_the_three_tasks():
    names = {row.name for row in ROWS}
    assert len(ROWS) == 3 * len(names)
    for name in names:
        for task in TASKS:
            assert catalog().get(name, task).task == task
    assert (
        build_model(catalog().get("anomalib/stfpm_resnet18", TASKS[1]), LABELS, ROWS[0].input_spec, False)[0].task
        == (TASKS[1])
    )


@pytest.mark.parametrize("name", ["padim_random", "patchcore_resnet18"])
def test_a_blotch_is_hotter_than_stripes(name):
    prediction = fitted(name)(batch_of(defect=True, seed=7))
    assert prediction.scores.argmax() == 5
    peak = int(prediction.anomaly_maps[5].argmax())
    assert 16 <= peak // SIZE <= 48
    assert 16 <= peak % SIZE <= 48


def test_random_features_are_normalised_by_image():
    norms = {type(module) for module in built("padim_random")[0].modules() if "Norm" in type(module).__name__}
    assert nn.BatchNorm2d not in norms
    assert nn.InstanceNorm2d in norms


def test_memory_is_bounded_and_starts_anew_each_epoch():
    model = fitted("patchcore_resnet18")
    features = 18 * (SIZE // 8) ** 2
    assert len(model.model.memory_bank) == features // 10
    model.options["most"] = 20
    model.train()(batch_of())
    model.finish_epoch()
    assert len(model.model.memory_bank) == 20


def test_remembered_features_leave_no_kind_out():
    kinds = torch.arange(500) % 5
    features = torch.randn(5, 16, generator=torch.Generator().manual_seed(0))[kinds] * 9 + torch.randn(500, 16)
    assert sorted(kinds[far_apart(features, 5)].tolist()) == [0, 1, 2, 3, 4]
    assert len(set(far_apart(features, 100).tolist())) == 100


def test_patchcore_for_any_batch_is_anomalibs_own():
    model = fitted("patchcore_resnet18")
    images = model.normalize(batch_of(defect=True).images)
    own = super(type(model.model), model.model).forward(images)
    # Squares: of a distance near nothing, half of the digits are rounded off.
    assert torch.allclose(model.model(images).square(), own.anomaly_map.square(), atol=1e-3)


@pytest.mark.parametrize("name", ["padim_resnet18", "patchcore_resnet18", "stfpm_resnet18"])
def test_pretrained_features_come_from_the_cache(fill_hub, name):
    network = timm.create_model("resnet18")
    fill_hub("timm/resnet18.a1_in1k", network.state_dict())
    model, report = built(name, pretrained=True)
    extractor = model.model.teacher_model if "stfpm" in name else model.model.feature_extractor
    found = extractor.feature_extractor.state_dict()
    assert torch.equal(found["layer2.0.conv1.weight"], network.layer2[0].conv1.weight)
    assert report is not None
    assert report.coverage == 1.0


def test_offline_without_weights_the_error_says_what_to_do(hub):
    with pytest.raises(UserError, match="--pretrained false"):
        built("padim_resnet18", pretrained=True)
    with pytest.raises(UserError, match="there are no pretrained weights for anomalib/padim_random"):
        built("padim_random", pretrained=True)


def test_only_the_student_learns():
    model, _ = built("stfpm_resnet18")
    model.train()(batch_of()).total.backward()
    moved = {name.split(".")[1] for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert moved == {"student_model"}
