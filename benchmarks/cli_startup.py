"""How long the command line takes to answer: `otx --help`, `otx find` and each `otx VERB --help`.

    python benchmarks/cli_startup.py [--json]

Each command is started several times in a fresh process after one start that does not count; the medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from otx.cli.verbs import VERBS

LIMIT = 0.5
"""Seconds that none of these commands may take (issue 2)."""
COMMANDS = [["--help"], ["find"], ["find", "--json"], *([verb, "--help"] for verb in VERBS)]


def measure(words: list[str], runs: int) -> dict[str, Any]:
    """Median wall and CPU seconds of a command, and its peak memory."""
    walls, cpus, peak = [], [], 0
    for number in range(runs + 1):
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "otx", *words], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"otx {' '.join(words)} exits with {process.returncode}")
        if number:
            walls.append(wall)
            cpus.append(usage.ru_utime + usage.ru_stime)
            peak = max(peak, usage.ru_maxrss)
    return {
        "command": f"otx {' '.join(words)}",
        "wall_seconds": round(statistics.median(walls), 4),
        "cpu_seconds": round(statistics.median(cpus), 4),
        "peak_mib": round(peak / 1024, 1),
        "limit_seconds": LIMIT,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Start-up time of the command line.")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--runs", type=int, default=7, help="starts per command (default: 7)")
    options = parser.parse_args()
    rows = [measure(words, options.runs) for words in COMMANDS]
    if options.json:
        print(json.dumps({"benchmark": "cli_startup", "rows": rows}, indent=2))
        return
    print(f"{'command':<22} {'wall s':>8} {'CPU s':>8} {'MiB':>6}   (limit {LIMIT} s)")
    for row in rows:
        figures = f"{row['wall_seconds']:8.3f} {row['cpu_seconds']:8.3f} {row['peak_mib']:6.0f}"
        print(f"{row['command']:<22} {figures}{'   too slow' if row['wall_seconds'] >= LIMIT else ''}")


if __name__ == "__main__":
    main()
