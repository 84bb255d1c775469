"""What OpenVINO leaves behind in the thread."""

from __future__ import annotations

import subprocess
import sys

import pytest

TWO = """
import signal, sys
from pathlib import Path
import openvino as ov
from otx.runtime.compiled import CompiledGraph, read_graph
from otx.runtime.openvino_core import signal_stack_kept

signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
path = Path(sys.argv[1])
"""
OURS = """
first, second = CompiledGraph(read_graph(path)), CompiledGraph(read_graph(path))
del first
del second
"""
THEIRS = """
with signal_stack_kept():
    first, second = ov.Core().compile_model(path, "CPU"), ov.Core().compile_model(path, "CPU")
    del first
    del second
"""


@pytest.mark.skipif(sys.platform != "linux", reason="signal stacks are Linux's")
@pytest.mark.parametrize("body", [OURS, THEIRS])
def test_a_signal_is_handled_after_graphs_were_freed_in_the_order_they_were_made(classifier_file, body) -> None:
    script = f"{TWO}{body}signal.raise_signal(signal.SIGUSR1)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(classifier_file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
