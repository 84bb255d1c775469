"""One trial: `otx train` in a process of its own, watched epoch by epoch, and ended where it is not worth its time."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otx.core.errors import OTXError

POLL_SECONDS = 0.5
LAST_WORDS_SECONDS = 20.0
"""A process that is asked to end has this long to write what it has."""


class TrialEndedError(Exception):
    """The process was ended, because it was too slow or not good enough."""


class TrialFailedError(OTXError):
    """The process ended by itself, with an error."""


def run_verb(
    arguments: Sequence[str], folder: Path, name: str, *, go_on: Callable[[], bool] = lambda: True
) -> dict[str, Any]:
    """Run `otx VERB ... --json` in a process of its own, and give what it printed.

    A crash, a lack of memory or a kill ends that process and nothing else.

    Args:
        arguments: Verb and options.
        folder: Gets `NAME.json`, the result, and `NAME.log`, everything else.
        name: Of the files.
        go_on: Asked twice a second; false ends the process.

    Raises:
        TrialEndedError: `go_on` said no.
        TrialFailedError: The process failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    result, log = folder / f"{name}.json", folder / f"{name}.log"
    command = [sys.executable, "-m", "otx.tuning.leash", *arguments, "--json"]
    with result.open("w") as out, log.open("a") as err, _process(command, out, err) as process:
        while process.poll() is None:
            if not go_on():
                raise TrialEndedError
            time.sleep(POLL_SECONDS)
    if process.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        errors = [line for line in lines if line.startswith("error")] or lines[-1:]
        reason = errors[-1] if errors else f"exit status {process.returncode}"
        raise TrialFailedError(f"otx {arguments[0]} failed ({log}): {reason}")
    document: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return document


@contextmanager
def _process(command: list[str], out: Any, err: Any) -> Iterator[subprocess.Popen[bytes]]:  # noqa: ANN401 - files
    with subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.PIPE, start_new_session=True) as process:  # noqa: S603 - our own command
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(LAST_WORDS_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def epochs_done(metrics_csv: Path, monitor: str) -> list[tuple[int, float]]:
    """Epoch and value of each validation of a training so far."""
    if not metrics_csv.is_file():
        return []
    with metrics_csv.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [(int(row["epoch"]), float(row[monitor])) for row in rows if row.get(monitor) and row.get("epoch")]
