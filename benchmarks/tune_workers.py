"""How much sooner two workers of `otx tune` that share a database are done with the trials of one.

    python benchmarks/tune_workers.py --data_root DIR [--trials N] [--max_epochs N] [--workers N] [--set KEY=VALUE ...]

Starts PostgreSQL for itself, on a socket in a temporary folder. Each worker has one thread on a core of its own. Run
it on an idle machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def database() -> Iterator[str]:
    """The URL of a database that nobody else sees."""
    tools = {name: shutil.which(name) or "" for name in ("initdb", "postgres", "pg_isready")}
    if not all(tools.values()):
        sys.exit("PostgreSQL is not installed: initdb, postgres and pg_isready must be on the PATH")
    root = tempfile.mkdtemp(prefix="otx")
    said: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": root}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(root, "nobody")
        said |= {"user": "nobody", "extra_groups": []}
    subprocess.run([tools["initdb"], "-D", "data", "-U", "otx", "-A", "trust", "--no-sync"], check=True, **said)
    server = subprocess.Popen([tools["postgres"], "-D", "data", "-k", root, "-c", "listen_addresses="], **said)
    try:
        while subprocess.run([tools["pg_isready"], "-h", root], check=False, **said).returncode:
            time.sleep(0.2)
        yield f"postgresql://otx@/postgres?host={root}"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(root)


def search(workers: int, options: argparse.Namespace, url: str, folder: Path) -> dict[str, Any]:
    """Seconds until all workers are done, and what they found."""
    words = [sys.executable, "-m", "otx", "tune", "--data_root", str(options.data_root), "--pretrained", "false"]
    words += ["--max_trials", str(options.trials), "--max_epochs", str(options.max_epochs), "--budget", "5h"]
    words += ["--work_dir", str(folder / f"search_{workers}"), "--storage", url, "--json"]
    words += [word for setting in options.set for word in ("--set", setting)]
    cores = sorted(os.sched_getaffinity(0))
    began = time.perf_counter()
    running = []
    for place in range(workers):
        os.sched_setaffinity(0, {cores[place % len(cores)]})
        variables = {**os.environ, "OMP_NUM_THREADS": "1"}
        running.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=variables))
    os.sched_setaffinity(0, cores)
    found = [json.loads(process.communicate()[0]) for process in running]
    states = [trial["state"] for trial in found[0]["trials"]]
    best = found[0]["best"]["value"]
    return {"workers": workers, "seconds": round(time.perf_counter() - began), "states": states, "best": best}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Two workers of otx tune against one.")
    parser.add_argument("--data_root", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--max_epochs", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of otx tune")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database() as url:
        rows = [search(workers, options, url, Path(folder)) for workers in (1, options.workers)]
    ratio = round(rows[1]["seconds"] / rows[0]["seconds"], 3)
    print(json.dumps({"benchmark": "tune_workers", "ratio": ratio, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
