"""Several processes train one model as one would; the first one writes, and a failure of any is told."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import pytest
import tiny_processes
import torch
from safetensors.torch import load_file
from tests.generated import write_image_folders

from otx.core.errors import OTXError, UserError
from otx.engine import Engine
from otx.training.processes import VARIABLES, agree, companions, place


def test_two_processes_learn_what_one_learns_and_one_goes_on(tmp_path):
    alone = tiny_processes.train(tmp_path / "alone", 2)
    with companions(2, partial(tiny_processes.train, tmp_path / "shared", 2)):
        assert place().size == 2
        together = tiny_processes.train(tmp_path / "shared", 2)
    assert place().size == 1
    assert (tmp_path / "shared" / "train.log").read_text().count("epoch 2/2") == 1
    assert len((tmp_path / "shared" / "metrics.csv").read_text().splitlines()) == 3
    assert together.best_metrics == pytest.approx(alone.best_metrics, abs=1e-5)
    weights, expected = load_file(together.last_path), load_file(alone.last_path)
    for name, tensor in expected.items():
        torch.testing.assert_close(weights[name], tensor, atol=1e-5, rtol=1e-4)
    assert tiny_processes.train(tmp_path / "shared", 3, resume=True).epochs_done == 3


def test_two_processes_keep_to_a_time_that_one_of_them_has_measured(tmp_path):
    with companions(2, partial(tiny_processes.train, tmp_path, 2, seconds=4)):
        together = tiny_processes.train(tmp_path, 2, seconds=4)
    assert together.epochs_done > 2
    assert not together.stopped_early


def test_what_fails_beside_is_the_error():
    with pytest.raises(OTXError, match="process 2 of 2 failed: no such thing"), companions(2, tiny_processes.be_wrong):
        agree(None)


@pytest.mark.slow
def test_what_is_killed_beside_is_the_error():
    with pytest.raises(OTXError, match="process 2 of 2 failed: it was killed"), companions(2, tiny_processes.be_killed):
        assert [agree(None), agree(None)]


@pytest.fixture
def started(monkeypatch):
    """As if torchrun had started two."""
    for name, value in zip(VARIABLES, ("127.0.0.1", "1", "0", "2", "0", "2"), strict=True):
        monkeypatch.setenv(name, value)


def engine(tmp_path, **given):
    write_image_folders(tmp_path / "data")
    return Engine(tmp_path / "data", pretrained=False, device="cpu", work_dir=tmp_path / "run", **given)


def test_another_number_than_were_started_is_refused(tmp_path, started):
    with pytest.raises(UserError, match="devices = 3, but 2 processes were started"):
        engine(tmp_path, devices=3).train()


def test_no_device_is_refused(tmp_path):
    with pytest.raises(UserError, match="at least 1, got 0"):
        engine(tmp_path, devices=0).train()


def test_several_seeds_are_for_one_process(tmp_path, started):
    with pytest.raises(UserError, match="--seeds"):
        engine(tmp_path).train_seeds(2)


@pytest.mark.slow
@pytest.mark.framework("timm")
def test_the_command_by_itself_and_under_torchrun(tmp_path):
    data = write_image_folders(tmp_path / "data").root
    size = ["--set", "model.input_size=[64,64]", "--set", "data.batch_size=4", "--model", "timm/resnet10t"]
    words = ["train", "--data_root", str(data), "--work_dir", str(tmp_path / "run"), "--json", "--device", "cpu", *size]
    more = ["--pretrained", "false", "--set", "training.precision=32", "--set", "training.channels_last=true"]

    def run(*command: str) -> dict:
        printed = subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(printed)  # one document, though there are two processes

    first = run("otx", *words, *more, "--max_epochs", "2", "--devices", "2")
    torchrun = ["torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "otx"]
    second = run(*torchrun, *words, "--resume", "--max_epochs", "3")
    assert (first["epochs"], second["epochs"]) == (2, 3)
    tested = Engine(work_dir=tmp_path / "run", device="cpu").test(split="val")  # in one process
    assert tested.metrics == pytest.approx(second["metrics"], abs=1e-6)
    assert "devices:\n  value: 2" in (tmp_path / "run" / "plan.yaml").read_text()
    assert {file.name for file in (tmp_path / "run" / "checkpoints").glob("*.safetensors")} == {
        "best.safetensors", "last.safetensors", "resume.safetensors", "resume.previous.safetensors",
    }  # fmt: skip
