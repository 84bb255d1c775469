"""The bundle runs without OTX and gives OTX's own answer; what its runner cannot serve is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from tests.runtime.conftest import INFO, write_classifier

from otx.core.errors import OTXError, UserError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import InputSpec, ResizeMode
from otx.core.label_info import LabelGroup, LabelInfo
from otx.deploy import runner
from otx.deploy.bundle import Facts, disagreements, require_bundle, runner_source, write_bundle
from otx.tasks import task_spec, task_specs
from otx.transforms.fit import fit_alone

SERVED = sorted(name for name, spec in task_specs().items() if spec.plain)
NAMES = LabelInfo(("normal", "anomalous", "other"))
TREE = LabelInfo(
    ("a", "b", "a1", "a2", "x"),
    (LabelGroup("", ("a", "b")), LabelGroup("", ("a1", "a2"), "a"), LabelGroup("", ("x",), exclusive=False)),
)
BLOCKED = "import runpy, sys; sys.modules.update(otx=None, torch=None); runpy.run_path('run.py', run_name='__main__')"


@pytest.mark.parametrize("size", [(64, 96), (224, 224), (500, 700)])
@pytest.mark.parametrize("mode", ResizeMode)
def test_pictures_are_fitted_as_otx_fits_them(mode: ResizeMode, size: tuple[int, int]) -> None:
    spec = InputSpec(height=size[0], width=size[1], resize=mode, crop_ratio=0.9)
    for photo in (load_sample_image("china.jpg"), load_sample_image("flower.jpg")[:301, :117]):
        pixels, way_back = runner.fit(photo, spec.to_dict())
        fitted, info = fit_alone(torch.from_numpy(photo.copy()).permute(2, 0, 1), "", spec)
        assert np.abs(pixels.astype(int) - fitted[0].permute(1, 2, 0).numpy()).max() <= 2
        assert tuple(way_back["scale"]) == pytest.approx(info.scale)
        assert tuple(way_back["offset"]) == info.offset
        assert tuple(way_back["size"]) == (info.width, info.height)


def detections(rng: np.random.Generator, **more: np.ndarray) -> dict[str, np.ndarray]:
    corners = rng.uniform(-5, 60, (60, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 30, (60, 2)), rng.uniform(0, 1, (60, 1))], axis=1)
    boxes[-5:, 4] = 0
    return {"boxes": boxes.astype(np.float32), "labels": rng.integers(0, 3, 60), **more}


def heat(rng: np.random.Generator) -> dict[str, np.ndarray]:
    spots = rng.normal(size=(1, 8, 12)).repeat(8, 1).repeat(8, 2)
    return {"anomaly_map": spots.astype(np.float32)}


ANOMALY = {"image_threshold": 1.5, "pixel_threshold": 1.0, "normalization_scale": 4.0}
GROUPS = [
    {"labels": [0, 1], "parent": -1, "exclusive": True},
    {"labels": [2, 3], "parent": 0, "exclusive": True},
    {"labels": [4], "parent": -1, "exclusive": False},
]
CASES = {
    "MULTI_CLASS_CLS": (lambda rng: {"logits": rng.normal(size=3).astype(np.float32)}, {}, NAMES, 0.0),
    "MULTI_LABEL_CLS": (lambda rng: {"logits": rng.normal(size=3).astype(np.float32)}, {}, NAMES, 0.5),
    "H_LABEL_CLS": (lambda rng: {"logits": rng.normal(size=5).astype(np.float32)}, {"groups": GROUPS}, TREE, 0.0),
    "DETECTION": (detections, {"nms_iou": 0.4, "max_detections": 20}, NAMES, 0.3),
    "DETECTION, no suppression": (detections, {"nms_iou": None, "max_detections": 20}, NAMES, 0.3),
    "INSTANCE_SEGMENTATION": (
        lambda rng: detections(rng, masks=rng.uniform(0, 1, (60, 7, 9)).astype(np.float32)),
        {"max_detections": 20},
        NAMES,
        0.3,
    ),
    "SEMANTIC_SEGMENTATION": (lambda rng: {"logits": rng.normal(size=(3, 64, 96)).astype(np.float32)}, {}, NAMES, 0.0),
    "ANOMALY_CLASSIFICATION": (heat, ANOMALY, LabelInfo(NAMES.names[:2]), 0.5),
    "ANOMALY_SEGMENTATION": (heat, ANOMALY, LabelInfo(NAMES.names[:2]), 0.5),
    "ANOMALY_DETECTION": (heat, ANOMALY, LabelInfo(NAMES.names[:2]), 0.5),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
def test_outputs_are_read_as_the_task_reads_them(case: str, seed: int) -> None:
    make, settings, labels, threshold = CASES[case]
    spec, raw = task_spec(case.partition(",")[0]), make(np.random.default_rng(seed))
    info = ImageInfo(width=150, height=100, scale=(0.6, 0.6))  # letterboxed: 4 rows of 64 are padding
    batch = {name: torch.from_numpy(value)[None] for name, value in raw.items()}
    (ours,) = spec.load("decode")(batch, torch.zeros(1, 3, 64, 96), [info], **settings).records(labels, threshold)
    about = {"labels": labels.to_dict(), "decode": settings, "score_threshold": threshold}
    about |= {"scale": np.array(info.scale), "offset": np.zeros(2), "size": np.array([info.width, info.height])}
    theirs = spec.load("plain")(raw, about)
    for key in ("labels", "objects"):
        for one, other in zip(ours.get(key, []), theirs.get(key, []), strict=True):
            assert one["label"] == other["label"]
            assert other.get("score", 0) == pytest.approx(one.get("score", 0), abs=2e-5)
            assert other.get("bbox", []) == pytest.approx(one.get("bbox", []), abs=0.02)
            assert same_masks(one, other)
    if "anomaly_map" in ours:
        assert np.abs(ours["anomaly_map"].astype(int) - theirs["anomaly_map"]).max() <= 1
    assert any(ours.get(key) for key in ("labels", "objects"))


def same_masks(one: dict, other: dict) -> bool:
    from otx.core.masks import decode_rle

    if "mask" not in one:
        return "mask" not in other
    return bool((decode_rle(one["mask"]) != decode_rle(other["mask"])).mean() < 0.001)


def test_every_case_is_there() -> None:
    assert {case.split(",")[0] for case in CASES} == set(SERVED)


@pytest.mark.parametrize("task", SERVED)
def test_the_runner_is_short_and_knows_nothing_of_otx(task: str) -> None:
    source = runner_source(task_spec(task))
    compile(source, "run.py", "exec")
    assert len(source.splitlines()) <= 100
    assert "import otx" not in source
    assert "from otx" not in source


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    from PIL import Image

    paths = [tmp_path / f"{name}.jpg" for name in ("china", "flower")]
    for path in paths:
        Image.fromarray(load_sample_image(path.name)).save(path)
    return paths


def test_the_zip_gives_the_expected_answer_without_otx(tmp_path: Path, facts: Facts, photos: list[Path]) -> None:
    archive = write_bundle(write_classifier(tmp_path / "model.xml"), photos, facts)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "elsewhere")
    folder = tmp_path / "elsewhere" / "bundle"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", BLOCKED, *words]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    done = run("test/picture.jpg")
    assert done.stderr == ""
    (found,), (expected,) = json.loads(done.stdout), json.loads((folder / "test/expected.json").read_text())
    scores = [{entry.pop("label"): entry["score"] for entry in record.pop("labels")} for record in (found, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)  # kernels of another thread count round otherwise
    assert found == expected
    wrong = run("nowhere.jpg")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == "nowhere.jpg: no such picture, or not one that OpenCV can read\n"
    assert "Usage: python run.py" in run().stderr

    assert (folder / "labels.txt").read_text().splitlines() == list(INFO.labels.names)
    assert [line.split("==")[0] for line in (folder / "requirements.txt").read_text().splitlines()] == [
        "openvino", "numpy", "opencv-python-headless",
    ]  # fmt: skip
    card = (folder / "model_card.md").read_text()
    assert all(part in card for part in ("9 train, 4 val", "| val | accuracy | 0.7500 |", "MIT", "48 x 32 pixels"))
    (served,) = json.loads((folder / "model_repository/config.json").read_text())["model_config_list"]
    assert served["config"] == {"name": "hand", "base_path": "/models/hand"}
    assert {path.name for path in (folder / "model_repository/hand/1").iterdir()} == {"model.xml", "model.bin"}


def test_a_runner_that_disagrees_is_not_packed(
    tmp_path: Path, facts: Facts, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(task):
        return runner_source(task).replace("IMREAD_COLOR_RGB", "IMREAD_COLOR_BGR")

    monkeypatch.setattr("otx.deploy.bundle.runner_source", swapped)
    with pytest.raises(OTXError, match=r"runner of the bundle disagrees with OTX on .*: .*red 0\.\d+ and 0\.\d+"):
        write_bundle(write_classifier(tmp_path / "model.xml"), photos, facts)
    assert not (tmp_path / "bundle").exists()
    assert not (tmp_path / "bundle.zip").exists()
    monkeypatch.setattr("otx.deploy.bundle.runner_source", lambda _: "raise SystemExit('out of order')")
    with pytest.raises(OTXError, match="the runner of the bundle fails: out of order"):
        write_bundle(write_classifier(tmp_path / "model.xml"), photos, facts)


def test_a_missing_label_counts_as_the_threshold() -> None:
    def record(*labels: tuple[str, float]) -> dict:
        return {"width": 4, "height": 4, "objects": [{"label": name, "score": score} for name, score in labels]}

    assert disagreements(record(("cat", 0.9), ("dog", 0.31)), record(("cat", 0.91)), 0.3) == []
    assert disagreements(record(("cat", 0.9)), record(("dog", 0.9)), 0.3) == [
        "cat 0.9000 and 0.3000",
        "dog 0.3000 and 0.9000",
    ]


@pytest.mark.parametrize(
    ("task", "change", "message"),
    [
        ("DETECTION", {"tile": 400}, "it wants tiles"),
        ("DETECTION", {"dtype": "uint16"}, "it takes 3 channels of uint16"),
        ("MULTI_CLASS_CLS", {"frames": 8}, "it looks at clips"),
        ("KEYPOINT_DETECTION", {}, "has no decoding in numpy"),
    ],
)
def test_what_the_runner_cannot_serve_is_refused(task: str, change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        require_bundle(task_spec(task), replace(InputSpec(height=64, width=64), **change))
