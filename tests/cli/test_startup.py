"""What must be quick loads nothing heavy; how quick it is, `benchmarks/cli_startup.py` says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from otx.cli.verbs import VERBS

HEAVY = {"torch", "torchvision", "lightning", "datumaro", "numpy", "openvino", "matplotlib", "jsonargparse"}
PROBE = """
import sys
from otx.cli.main import main
try:
    main(sys.argv[2:])
except SystemExit as stop:
    print("status", stop.code, file=sys.stderr)
print("loaded", sorted(set(sys.argv[1].split(",")) & sys.modules.keys()), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["--help"], [], ["--version"], ["find"], *([verb, "--help"] for verb in VERBS)])
def test_quick_commands_load_nothing_heavy(words: list[str]) -> None:
    command = [sys.executable, "-c", PROBE, ",".join(HEAVY), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "status 0\nloaded []\n"
    assert done.stdout.strip()


@pytest.mark.parametrize("verb", ["predict", "explain", "serve"])
def test_what_uses_a_model_loads_nothing_of_training(verb: str) -> None:
    probe = (
        f"import sys, otx.engine.{verb}; print(sorted({{'lightning', 'datumaro', 'matplotlib'}} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_python_m_otx_is_otx() -> None:
    done = subprocess.run([sys.executable, "-m", "otx", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("otx 3.")


@pytest.mark.parametrize(("words", "status"), [("find --json", 141), ("find", 1)], ids=["ours", "rich's"])
def test_a_reader_that_leaves_early_sees_no_traceback(words: str, status: int) -> None:
    # `true` is gone long before the list is written.
    shell = f"set -o pipefail; {sys.executable} -m otx {words} | true"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")
