"""Freed memory is kept: a tensor of the size of one that was freed costs no new pages."""

import platform
import subprocess
import sys

import pytest

from otx.training.allocator import keep_freed_memory

PAGES = """
import resource, torch
from otx.training.allocator import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
for _ in range(30):
    torch.ones(16 * 2**20)  # 64 MiB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(16 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(*, keep: bool) -> int:
    done = subprocess.run([sys.executable, "-c", PAGES.format(keep=keep)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator of glibc")
def test_freed_memory_is_used_again() -> None:
    assert new_pages(keep=False) > 1000
    assert new_pages(keep=True) < 100


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
