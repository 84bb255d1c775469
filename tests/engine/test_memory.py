"""A batch that does not fit is halved until it does; the step stays the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from otx.core.errors import OTXError
from otx.engine import Engine
from otx.engine.memory import is_out_of_memory
from otx.recipes.plan import Plan
from otx.tasks import task_spec
from otx.training.module import TrainingModule
from otx.training.state_file import read_state


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("digits")
    task_spec("MULTI_CLASS_CLS").load("demo")(root)
    for picture in sorted(root.rglob("*.png")):
        if int(picture.stem) % 12:
            picture.unlink()
    return root


@pytest.fixture
def engine(data_root: Path, tmp_path: Path) -> Engine:
    fixed: dict[str, Any] = {
        "model.input_size": [32, 32],
        "data.batch_size": 16,
        "data.workers": 0,
        "training.precision": "32",
        "training.channels_last": False,
    }
    return Engine(data_root, model="timm/resnet10t", pretrained=False, work_dir=tmp_path / "run", settings=fixed)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Lets batches up to a size through, from the n-th step on; gives the sizes of the steps that were tried."""

    def limit(most: int, after: int = 0) -> list[int]:
        original, tried = TrainingModule.training_step, []

        def step(module: TrainingModule, batch: Any, batch_idx: int) -> Any:
            tried.append(batch.batch_size)
            if batch.batch_size > most and len(tried) > after:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return original(module, batch, batch_idx)

        monkeypatch.setattr(TrainingModule, "training_step", step)
        return tried

    return limit


@pytest.mark.framework("timm")
def test_batches_are_halved_until_they_fit_and_make_the_same_step(
    engine: Engine, fits: Callable[..., list[int]], tmp_path: Path
) -> None:
    tried = fits(4)
    assert engine.train(max_epochs=1).epochs == 1
    assert tried[:3] == [16, 8, 4]
    assert max(tried[3:]) == 4
    plan = Plan.read(tmp_path / "run" / "plan.yaml")
    assert (plan["data.batch_size"], plan["training.accumulate"]) == (4, 4)
    assert plan.choices["data.batch_size"].origin == "auto"
    assert "ran out of memory" in plan.choices["training.accumulate"].reason


@pytest.mark.framework("timm")
def test_out_of_memory_in_the_middle_goes_on_from_what_was_kept(
    engine: Engine, fits: Callable[..., list[int]], tmp_path: Path
) -> None:
    tried = fits(8, after=12)
    assert engine.train(max_epochs=4).epochs == 4
    plan = Plan.read(tmp_path / "run" / "plan.yaml")
    assert (plan["data.batch_size"], plan["training.accumulate"]) == (8, 2)
    epoch, smaller = tried[: tried.index(10) + 1], tried[tried.index(8) :]
    assert tried == epoch * 2 + [16] + smaller
    assert sum(smaller) == 2 * sum(epoch)
    state = read_state(tmp_path / "run" / "checkpoints" / "resume.safetensors")
    assert state["global_step"] == 4 * len(epoch)


@pytest.mark.framework("timm")
def test_one_image_that_does_not_fit_is_an_error(engine: Engine, fits: Callable[..., list[int]]) -> None:
    fits(0)
    with pytest.raises(OTXError, match="one image at a time"):
        engine.train(max_epochs=1)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_what_is_out_of_memory(error: Exception, found: bool) -> None:
    assert is_out_of_memory(error) is found
