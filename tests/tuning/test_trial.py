"""A trial is a process of its own: its result is read, its failure is named, and it can be ended."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from otx.tuning import trial
from otx.tuning.trial import TrialEndedError, TrialFailedError, epochs_done, run_verb


def test_the_printed_document_comes_back(tmp_path):
    found = run_verb(["find", "--pattern", "timm/mobilenetv4_conv_small"], tmp_path, "find")
    assert found[0]["name"] == "timm/mobilenetv4_conv_small"


def test_a_failure_is_named_with_its_log(tmp_path):
    with pytest.raises(TrialFailedError, match=r"otx train failed \(.*train\.log\): .*data set"):
        run_verb(["train"], tmp_path, "train")


def test_it_is_ended_when_it_is_not_worth_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr(trial.sys, "executable", "/bin/sleep")
    monkeypatch.setattr(trial, "LAST_WORDS_SECONDS", 2.0)
    real = trial.subprocess.Popen
    monkeypatch.setattr(trial.subprocess, "Popen", lambda command, **more: real(["/bin/sleep", "60"], **more))
    began = time.monotonic()
    with pytest.raises(TrialEndedError):
        run_verb(["train"], tmp_path, "train", go_on=lambda: False)
    assert time.monotonic() - began < 10


def test_it_does_not_outlive_the_process_that_started_it():
    command = [sys.executable, "-m", "otx.tuning.leash", "find"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        process.stdin.close()  # as the system does with what a dead process had open
        assert process.wait(30) == 1


def test_epochs_are_read_while_they_come(tmp_path):
    path = tmp_path / "metrics.csv"
    assert epochs_done(path, "map") == []
    path.write_text("epoch,train_loss,map\n1,2.0,0.1\n2,1.5,\n3,1.0,0.25\n")
    assert epochs_done(path, "map") == [(1, 0.1), (3, 0.25)]
