"""What a run may be told when it goes on, and what becomes of it when it is told something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tests.generated import write_image_folders

from otx.core.errors import UserError
from otx.engine import Engine
from otx.recipes.plan import Plan

FIXED: dict[str, Any] = {
    "model.input_size": [32, 32],
    "data.workers": 0,
    "training.precision": "32",
    "training.channels_last": False,
}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    write_image_folders(tmp_path / "data")
    return Engine(
        tmp_path / "data", model="timm/resnet10t", pretrained=False, work_dir=tmp_path / "run", settings=FIXED
    )


@pytest.mark.framework("timm")
def test_what_is_refused_leaves_the_plan_as_it_was(engine: Engine, tmp_path: Path) -> None:
    engine.train(max_epochs=2)
    before = (tmp_path / "run" / "plan.yaml").read_bytes()
    engine.given.settings["data.batch_size"] = 4
    with pytest.raises(UserError, match="batches in an epoch: was 4, is 2"):
        engine.train(resume=True)
    del engine.given.settings["data.batch_size"]
    with pytest.raises(UserError, match="2 epochs are done or begun already, more than the 1"):
        engine.train(max_epochs=1, resume=True)
    assert (tmp_path / "run" / "plan.yaml").read_bytes() == before
    assert engine.train(resume=True).epochs == 2


@pytest.mark.framework("timm")
def test_the_same_step_in_smaller_batches_is_accepted(engine: Engine, tmp_path: Path) -> None:
    engine.given.settings["data.batch_size"] = 4
    engine.train(max_epochs=1)
    engine.given.settings |= {"data.batch_size": 2, "training.accumulate": 2, "training.patience": 0}
    assert engine.train(max_epochs=2, resume=True).epochs == 2
    plan = Plan.read(tmp_path / "run" / "plan.yaml")
    assert (plan["data.batch_size"], plan["training.accumulate"], plan["training.patience"]) == (2, 2, 0)


@pytest.mark.framework("timm")
def test_one_process_at_a_time_trains_in_a_work_dir(engine: Engine, tmp_path: Path) -> None:
    partial = tmp_path / "run" / "checkpoints" / "last.safetensors.partial"
    partial.parent.mkdir(parents=True)
    partial.touch()
    with FileLock(tmp_path / "run" / "train.lock"), pytest.raises(UserError, match="another process trains in"):
        engine.train(max_epochs=1, resume=True)
    assert partial.is_file()
