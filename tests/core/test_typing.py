"""What "static typing" means here: the wrong batch for a task's model is an error of mypy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
from otx.core.entity import OTXBatchLossEntity
from otx.tasks.detection.entity import DetBatchDataEntity, DetBatchPredEntity
from otx.tasks.detection.model import OTXDetectionModel
from otx.tasks.multi_class_classification.entity import MultiClassClsBatchDataEntity

def feed(model: OTXDetectionModel, batch: {batch}) -> {result}:
    return model.forward(batch)
"""
WRONG_ARGUMENT = 'Argument 1 to "forward" of "OTXModel" has incompatible type "MultiClassClsBatchDataEntity"'
WRONG_RESULT = "Incompatible return value type"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize(
    ("batch", "result", "error"),
    [
        ("DetBatchDataEntity", "DetBatchPredEntity | OTXBatchLossEntity", ""),
        ("MultiClassClsBatchDataEntity", "DetBatchPredEntity | OTXBatchLossEntity", WRONG_ARGUMENT),
        ("DetBatchDataEntity", "MultiClassClsBatchDataEntity", WRONG_RESULT),
    ],
)
def test_a_model_takes_the_batches_of_its_task_only(
    tmp_path: Path, cache: Path, batch: str, result: str, error: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(batch=batch, result=result))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", "--cache-dir", str(cache)]
    # Errors in the files that the program imports are the business of `make lint`.
    command += ["--follow-imports", "silent", str(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (error in done.stdout) if error else (done.returncode == 0), done.stdout + done.stderr
    assert done.stdout.count("error:") == bool(error), done.stdout
