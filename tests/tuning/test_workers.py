"""Two `otx tune` processes share a study in PostgreSQL, on a server of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.generated import write_image_folders

from otx.core.errors import MissingExtraError
from otx.tuning import study

WORKER = """
import math, os, pathlib, sys, time, yaml
from otx.engine import tune
from otx.tuning import search, study

study.HEARTBEAT_SECONDS = 1
root, together = pathlib.Path(sys.argv[1]), int(sys.argv[2])

def run_verb(arguments, folder, name, *, go_on=lambda: True):
    with (folder / name).open("a") as stream:
        stream.write(f"{os.getpid()}\\n")
    (root / f"here-{os.getpid()}").touch()
    while len(list(root.glob("here-*"))) < together:  # 9: for ever
        time.sleep(0.05)
    time.sleep(0.2)
    rate = yaml.safe_load((folder / "recipe.yaml").read_text())["training"]["optimizer"]["lr"]
    return {"metrics": {"accuracy": math.exp(-abs(math.log(rate / 0.01)))}}

search.run_verb = tune.run_verb = run_verb
from otx.cli.main import main
sys.argv[1:] = sys.argv[3:]
main()
"""
"""The command `otx` whose trainings take no time, but wait until so many workers are there."""
SEARCH = '{"training.optimizer.lr": {"factor": 30}}'


@pytest.fixture(scope="module")
def url():
    """A database, on a socket that nobody else sees."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("no PostgreSQL on this machine")
    user = {"user": "nobody", "extra_groups": []} if os.getuid() == 0 else {}  # it refuses to run as root
    root = tempfile.mkdtemp(prefix="otx")  # not pytest's: only its owner may enter that, and its path may be too long
    if user:
        shutil.chown(root, "nobody")
    said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": root, **user}
    subprocess.run(["initdb", "-D", "data", "-U", "otx", "-A", "trust", "--no-sync"], check=True, **said)
    server = subprocess.Popen(["postgres", "-D", "data", "-k", root, "-c", "listen_addresses=", "-F"], **said)
    try:
        while subprocess.run(["pg_isready", "-h", root], check=False, **said).returncode and server.poll() is None:
            time.sleep(0.1)
        yield f"postgresql://otx@/postgres?host={root}"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(root)


@pytest.fixture
def worker(tmp_path, url):
    write_image_folders(tmp_path / "data")
    started = []

    def start(together: int) -> subprocess.Popen[str]:
        own = [str(tmp_path), str(together)]
        given = ["tune", "--data_root", str(tmp_path / "data"), "--work_dir", str(tmp_path / tmp_path.name)]
        more = ["--budget", "5m", "--max_trials", "7", "--pretrained", "false", "--set", f"tuning.search={SEARCH}"]
        words = [sys.executable, "-c", WORKER, *own, *given, *more, "--storage", url, "--json"]
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def begun(root: Path, name: str) -> dict[str, list[str]]:
    """Folder -> processes that began a training or a test in it."""
    return {path.parent.name: path.read_text().split() for path in root.glob(f"*/{name}")}


@pytest.mark.slow
@pytest.mark.framework("timm")
def test_both_do_their_share_and_nothing_is_done_twice(worker, tmp_path):
    workers = [worker(together=2), worker(together=2)]
    results = [json.loads(process.communicate()[0]) for process in workers]
    assert [process.returncode for process in workers] == [0, 0]
    by = begun(tmp_path / tmp_path.name / "trials", "train")
    assert sorted(by) == [f"{number:03}" for number in range(7)]
    assert all(len(pids) == 1 for pids in by.values())
    assert {pids[0] for pids in by.values()} == {str(process.pid) for process in workers}
    confirmed = begun(tmp_path / tmp_path.name / "confirm", "test")
    assert len(confirmed) == 2
    assert all(len(pids) == 1 for pids in confirmed.values())
    one, other = results
    assert len(one["trials"]) == len(other["trials"]) == 7
    assert (one["default"], one["best"]) == (other["default"], other["best"])


@pytest.mark.slow
@pytest.mark.framework("timm")
def test_one_that_is_killed_does_not_stop_the_other_which_does_its_trial_again(worker, tmp_path):
    killed = worker(together=9)
    root = tmp_path / tmp_path.name
    while not begun(root / "trials", "train"):
        assert killed.poll() is None
        time.sleep(0.1)
    killed.kill()
    killed.communicate()
    other = worker(together=1)
    result = json.loads(other.communicate()[0])
    by = begun(root / "trials", "train")
    assert by.pop("000") == [str(killed.pid), str(other.pid)]
    assert list(by.values()) == [[str(other.pid)]] * 6
    assert [trial["state"] for trial in result["trials"]] == ["complete"] * 7


def test_a_database_without_driver_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"otx\[postgres\]"):
        study.open_study("s", "postgresql://host/db", tmp_path, (), mode="max", seed=0, epochs=3, asked={})
