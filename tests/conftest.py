"""What every test gets: no network, as many threads as there are cores, and the real data sets where they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Before anything imports torch, matplotlib or huggingface_hub: they read these once.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MPLBACKEND"] = "Agg"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A framework is a folder that may be deleted: what stands on its models is skipped, all else goes on."""
    for marker in item.iter_markers("framework"):
        for name in marker.args:
            if find_spec(f"otx.frameworks.{name}") is None:
                pytest.skip(f"there is no otx.frameworks.{name}")


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Gives the folder of a real data set by name, and skips the test on a machine that lacks it.

    The sets lie in OTX_SHARED_DATA, or else in shared/data beside the checkout.
    """
    root = Path(os.environ.get("OTX_SHARED_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        folder = root / name
        if not folder.is_dir():
            pytest.skip(f"no {name} in {root}; set OTX_SHARED_DATA to the folder of the real data sets")
        return folder

    return find
