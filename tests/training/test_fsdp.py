"""One model shared out among processes: the weights, the files and the way on are those of one process."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import tiny_processes
import torch
from safetensors.torch import load_file
from tests.generated import write_image_folders
from tiny_training import Accuracy, TinyClassifier, TinyData, tiny_model, tiny_settings
from torch import distributed, nn
from torch.distributed.fsdp import FSDPModule
from torch.torch_version import TorchVersion

from otx.core.errors import UserError
from otx.engine import Engine
from otx.training import fsdp
from otx.training.average import WeightAverage
from otx.training.checkpoint import load_model
from otx.training.fit import fit
from otx.training.fsdp import local, share_out, whole
from otx.training.processes import VARIABLES, companions
from otx.training.state_file import read_state

CPU = torch.device("cpu")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / "last.safetensors")


def assert_alike(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_two_that_share_a_model_learn_what_one_learns_and_go_on_for_each_other(tmp_path):
    alone = tiny_processes.train_blocks(tmp_path / "alone", "ddp")
    tiny_processes.train_blocks(tmp_path / "alone and stopped", "ddp", stop=1)
    with companions(2, partial(tiny_processes.share_blocks, tmp_path)):
        shared = tiny_processes.share_blocks(tmp_path)
    tiny_processes.train_blocks(tmp_path / "handed over", "ddp")

    assert shared.best_metrics == pytest.approx(alone.best_metrics, abs=1e-5)
    expected = weights(tmp_path / "alone")
    assert_alike(weights(tmp_path / "shared"), expected)
    assert_alike(weights(tmp_path / "handed over"), expected)
    assert_alike(weights(tmp_path / "alone and stopped"), expected)
    files = [tmp_path / run / "checkpoints" / "last.safetensors" for run in ("shared", "stopped")]
    assert files[0].read_bytes() == files[1].read_bytes()

    held, everything = zip(
        *(json.loads((tmp_path / "shared" / f"held_{rank}.json").read_text()) for rank in (0, 1)), strict=True
    )
    assert sum(held) == everything[0] == everything[1]
    assert max(held) < 0.55 * everything[0]
    states = [read_state(tmp_path / run / "checkpoints" / "resume.safetensors") for run in ("alone", "shared")]
    moments = [state["optimizer_states"][0]["state"] for state in states]
    shapes = [{n: {k: v.shape for k, v in known.items()} for n, known in each.items()} for each in moments]
    assert shapes[0] == shapes[1]
    assert states[0]["state_dict"].keys() == states[1]["state_dict"].keys()
    assert weights(tmp_path / "halves").keys() == expected.keys()
    load_model(shared.best_path, tiny_processes.BlockClassifier())  # as any other


@pytest.fixture
def alone():
    """Processes that are connected, though there is only one."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
        self.rest = nn.Linear(16, 16)


def test_what_repeats_and_is_large_enough_is_gathered_by_itself(alone, monkeypatch):
    monkeypatch.setattr(fsdp, "FEWEST", 70)
    model = nn.Module()
    model.stages = nn.ModuleList([Nested(), Nested()])
    model.tied = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
    model.also_tied = nn.Linear(8, 8)
    model.also_tied.weight = model.tied[1].weight
    model.small = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    model.single = nn.Sequential(nn.Linear(32, 32))
    share_out(model, CPU)
    assert {name for name, module in model.named_modules() if isinstance(module, FSDPModule)} == {
        "", "stages.0", "stages.1", "stages.0.blocks.0", "stages.0.blocks.1", "stages.1.blocks.0", "stages.1.blocks.1",
        "tied.0",
    }  # fmt: skip
    assert model.also_tied.weight is model.tied[1].weight


def test_the_average_of_a_shared_model_is_swapped_in_and_comes_back(alone):
    model = tiny_model()
    share_out(model, CPU)
    average = WeightAverage(model, decay=0.5)

    def head() -> torch.Tensor:
        return whole(model.state_dict())["model.head.weight"].clone()  # one process alone gathers without copying

    before = head()
    with torch.no_grad():
        local(model.model.head.weight).add_(1.0)
    average.update()
    after = head()
    with average.applied():
        between = head()
        assert torch.all(between > before)
        assert torch.all(between < after)
    assert torch.equal(head(), after)
    other = WeightAverage(tiny_model(), decay=0.5)
    other.load(average.state())
    assert torch.equal(other.state()["average"]["model.head.weight"], between)
    average.load(other.state())
    assert torch.equal(average.state()["average"]["model.head.weight"], between)


def test_what_torch_cannot_share_out_is_refused(alone):
    model = tiny_model()
    model.scale = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(UserError, match=r"cannot share out TinyClassifier: .*scalar(.|\n)*Set it to ddp"):
        share_out(model, CPU)


def test_an_older_torch_is_refused(monkeypatch):
    monkeypatch.setattr("torch.__version__", TorchVersion("2.13.1+cpu"))
    with pytest.raises(UserError, match=r"expected PyTorch 2.14 or later, found 2.13.1"):
        share_out(tiny_model(), CPU)


def test_one_process_has_nobody_to_share_with(tmp_path):
    with pytest.raises(UserError, match=r"strategy=fsdp: expected several processes(.|\n)*--devices N"):
        fit(
            TinyClassifier(), TinyData(), Accuracy(), tiny_settings(strategy="fsdp"), tmp_path, model_name="t/t",
            monitor="accuracy", show=False,
        )  # fmt: skip


def engine(tmp_path, strategy):
    write_image_folders(tmp_path / "data")
    given = {"training.strategy": strategy}
    return Engine(tmp_path / "data", pretrained=False, device="cpu", work_dir=tmp_path / "run", settings=given)


def test_the_engine_says_so_before_it_reads(tmp_path):
    with pytest.raises(UserError, match="expected several processes"):
        engine(tmp_path, "fsdp").train()
    assert not (tmp_path / "run").exists()


def test_an_unknown_strategy_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(UserError, match=r"'training.strategy': expected .*'ddp', 'fsdp'.*, got 'deepspeed'"):
        engine(tmp_path, "deepspeed").train()


def test_training_by_the_clock_is_refused_beside_it(tmp_path, monkeypatch):
    for name, value in zip(VARIABLES, ("127.0.0.1", "1", "0", "2", "0", "2"), strict=True):
        monkeypatch.setenv(name, value)  # as if torchrun had started two
    with pytest.raises(UserError, match=r"--time measures .* --max_epochs instead"):
        engine(tmp_path, "fsdp").train(time=600)


@pytest.mark.slow
@pytest.mark.framework("timm")
def test_the_command_shares_a_transformer_out(tmp_path):
    data = write_image_folders(tmp_path / "data").root
    command = [
        sys.executable,
        "-m",
        "otx",
        "train",
        "--data_root",
        str(data),
        "--work_dir",
        str(tmp_path / "run"),
        "--json",
    ]
    words = ["--model", "timm/vit_tiny_patch16_224", "--pretrained", "false", "--device", "cpu", "--devices", "2"]
    more = ["training.strategy=fsdp", "training.ema_decay=0.9", "data.batch_size=4", "model.input_size=[64,64]"]
    assigned = [word for one in more for word in ("--set", one)]
    run = [*command, *words, "--max_epochs", "2", *assigned]
    printed = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout)
    engine = Engine(work_dir=tmp_path / "run", device="cpu")
    assert engine.test(split="val").metrics == pytest.approx(printed["metrics"], abs=1e-6)
    assert engine.export().model.is_file()
