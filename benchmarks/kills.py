"""Kills every phase of the work at random moments, goes on, and compares with runs that nobody killed.

    python benchmarks/kills.py 60 --data_root my_images --work_dir /tmp/kills

Trains, exports and optimises a small classifier once undisturbed, then again and again with SIGKILL; a phase that was
killed is started again with the same command (training with `--resume`). Checkpoints and graphs must be the same byte
for byte, but for the numbers of nodes that have no name. Every third round is one of `otx tune` instead, which must end
well. Prints a line for each phase, and exits with 1 if there was a difference.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SETTINGS = shlex.split(
    "--pretrained false --model timm/resnet10t --max_epochs 4 --device cpu --set model.input_size=[64,64] "
    "--set data.batch_size=16 --set training.precision=32 --set training.channels_last=true"
)
FILES = {
    "train": ["checkpoints/best.safetensors", "checkpoints/last.safetensors"],
    "export": ["export/model.xml", "export/model.bin"],
    "optimize": ["optimize/model.xml", "optimize/model.bin"],
}
SAVING = (
    "import otx.training.keeper as k; k.SAVE_SECONDS = 0.5; from otx.cli.main import main; raise SystemExit(main())"
)
"""The command `otx`, with saves in the middle of epochs that last seconds instead of minutes."""


def otx(words: list[str], log: Path, kill_after: float = 0.0) -> int:
    """Run a verb, with a SIGKILL after so many seconds, if any; its exit status (-9 if it was killed)."""
    with log.open("a") as stream:
        process = subprocess.Popen([sys.executable, "-c", SAVING, *words], stdout=stream, stderr=stream)
        try:
            return process.wait(kill_after or None)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def digests(run: Path, phase: str) -> list[str]:
    """Of the files that a phase leaves, without the numbers in the names that OpenVINO makes up for nodes."""
    found = [(run / name).read_bytes() for name in FILES[phase]]
    plain = [re.sub(rb"_\d+", b"", content) if content.startswith(b"<?xml") else content for content in found]
    return [hashlib.sha256(content).hexdigest()[:16] for content in plain]


def words_of(phase: str, data_root: Path, run: Path) -> list[str]:
    """The command of a phase."""
    if phase == "tune":
        own = ["--budget", "10m", "--max_trials", "3", "--data_root", str(data_root)]
        return ["tune", *own, *SETTINGS, "--work_dir", str(run)]
    if phase == "train":
        return ["train", "--data_root", str(data_root), *SETTINGS, "--work_dir", str(run), "--resume"]
    return [phase, "--work_dir", str(run), "--max_drop", "1"]


def main() -> int:
    """Do as many kills as asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int)
    parser.add_argument("--data_root", type=Path, required=True)
    parser.add_argument("--work_dir", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance, top = random.Random(given.seed), given.work_dir  # noqa: S311 - not for secrets
    top.mkdir(parents=True)
    seconds: dict[str, float] = {}
    for phase in ("train", "export", "optimize", "tune"):
        began = time.monotonic()
        status = otx(words_of(phase, given.data_root, top / ("tuned" if phase == "tune" else "whole")), top / "log")
        assert status == 0, f"{phase} fails without a kill; see {top / 'log'}"
        seconds[phase] = time.monotonic() - began
    kills = wrong = attempt = 0
    while kills < given.kills:
        attempt += 1
        run = top / f"run{attempt}"
        for phase in ("tune",) if attempt % 3 == 0 else ("train", "export", "optimize"):
            words = words_of(phase, given.data_root, run)
            for _ in range(3 if phase == "train" else 2):
                status = otx(words, top / "log", kill_after=chance.uniform(0.2, 1.0) * seconds[phase])
                kills += status == -signal.SIGKILL
            status = otx(words, top / "log")
            same = status == 0
            if same and phase != "tune":
                same = digests(run, phase) == digests(top / "whole", phase)
            wrong += not same
            print(json.dumps({"phase": phase, "kills": kills, "status": status, "same": same}), flush=True)
        if not wrong:
            shutil.rmtree(run)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
