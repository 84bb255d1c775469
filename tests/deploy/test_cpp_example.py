"""The C++ example of a bundle, built against the pip package's runtime, gives the bundle's expected answer."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openvino.utils import get_cmake_path
from PIL import Image
from tests.explain.conftest import MODELS, RED, SPEC, Classifier, Detector

from otx.core.input_spec import ResizeMode
from otx.core.label_info import LabelInfo
from otx.deploy import bundle
from otx.deploy.export import export

pytestmark = [
    pytest.mark.slow,  # compiles
    pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("c++")), reason="no cmake or no C++ compiler here"),
]
SQUARE = {mode: replace(SPEC, resize=mode, crop_ratio=0.9) for mode in ResizeMode}
OBLONG = {mode: replace(spec, width=48) for mode, spec in SQUARE.items()}
CASES = {
    "labels": MODELS["labels"],
    **{f"classes, {mode}": lambda spec=spec: Classifier(RED, spec) for mode, spec in OBLONG.items()},
    **{f"boxes, {mode}": lambda spec=spec: Detector(LabelInfo(('a "b"',)), spec) for mode, spec in SQUARE.items()},
    "masks": MODELS["masks"],
}


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources, build = Path(bundle.__file__).with_name("cpp"), tmp_path_factory.mktemp("build")
    done = run("cmake", "-S", sources, "-B", build, f"-DOpenVINO_DIR={get_cmake_path()}")
    assert done.returncode == 0, done.stderr
    done = run("cmake", "--build", build)
    assert done.returncode == 0, done.stdout + done.stderr
    return build / "example"


@pytest.fixture
def packed(tmp_path: Path, facts: bundle.Facts) -> Any:
    pixels = np.random.default_rng(0).integers(80, 120, (90, 150, 3), dtype=np.uint8)
    pixels[40:62, 20:60], pixels[10:30, 100:140] = (250, 10, 10), (220, 20, 30)
    Image.fromarray(pixels).save(tmp_path / "photo.png")

    def pack(case: str) -> Path:
        model = export((CASES | MODELS)[case]().eval(), tmp_path / "model.xml")
        return bundle.write_bundle(model, [tmp_path / "photo.png"], facts).with_suffix("")

    return pack


@pytest.mark.parametrize("case", CASES)
def test_the_example_says_what_the_runner_says(case: str, example: Path, packed: Any) -> None:
    folder = packed(case)
    done = run(example, folder, folder / "test" / "picture.ppm")
    assert done.stderr == ""
    (found,), (expected,) = json.loads(done.stdout), json.loads((folder / "test" / "expected.json").read_text())
    assert (found["width"], found["height"]) == (150, 90)
    key = "labels" if "labels" in expected else "objects"
    assert expected[key]
    for one, other in zip(found[key], expected[key], strict=True):
        assert one["label"] == other["label"]
        assert one["score"] == pytest.approx(other["score"], abs=0.005)
        assert one.get("bbox") == pytest.approx(other.get("bbox"), abs=0.02)


def test_of_other_outputs_shape_and_range_are_printed(example: Path, packed: Any) -> None:
    folder = packed("pixels")
    (found,) = json.loads(run(example, folder, folder / "test" / "picture.ppm").stdout)
    assert found["logits"]["shape"] == "[1,2,32,32]"
    assert found["logits"]["lowest"] < 0 < found["logits"]["highest"]


def test_what_is_no_picture_is_refused(example: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.ppm").write_bytes(b"P6\n4 4\n255\n123")
    for words, message in {
        (tmp_path, tmp_path / "cut.ppm"): "cut.ppm: the picture is cut off",
        (tmp_path, example): "example: expected an 8-bit binary PPM file",
        (): "usage: example BUNDLE PICTURE.ppm",
    }.items():
        done = run(example, *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
