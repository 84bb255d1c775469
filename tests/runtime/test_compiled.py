"""What a compiled graph leaves behind in the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Without the process's one core: of the first graph's signal stack nothing is left when the second gives it back.
SCRIPT = """
import signal, sys
from pathlib import Path
from otx.runtime.compiled import CompiledGraph, read_graph

signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
first = CompiledGraph(read_graph(Path(sys.argv[1])))
second = CompiledGraph(read_graph(Path(sys.argv[1])))
del first
del second
signal.raise_signal(signal.SIGUSR1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="signal stacks are Linux's")
def test_a_signal_is_handled_after_graphs_were_freed_in_the_order_they_were_made(classifier_file):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(classifier_file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
