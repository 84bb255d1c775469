"""How much memory there is, and how much this process has taken."""

from __future__ import annotations

import math
import re
from pathlib import Path

GIB = 2**30
CONTAINERS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Where Linux says what a container may take and has taken, in its second and first version."""


def available() -> float:
    """GiB that a process can still take, by the machine and its container; infinite where the system does not say."""
    free = [_kilobytes(Path("/proc/meminfo"), "MemAvailable")]
    for most, taken in CONTAINERS:
        try:
            free.append(int(Path(most).read_text(encoding="ascii")) - int(Path(taken).read_text(encoding="ascii")))
        except (OSError, ValueError):  # no such file, or the word "max"
            continue
    return min(free) / GIB


def peak() -> float:
    """GiB that this process had in memory at most; infinite where the system does not say."""
    # Not getrusage: its peak is at least what the parent process had when it started this one.
    return _kilobytes(Path("/proc/self/status"), "VmHWM") / GIB


def resident() -> float:
    """GiB that this process has in memory now; infinite where the system does not say."""
    return _kilobytes(Path("/proc/self/status"), "VmRSS") / GIB


def _kilobytes(path: Path, name: str) -> float:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", path.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return math.inf
    return int(found[1]) * 1024 if found else math.inf
