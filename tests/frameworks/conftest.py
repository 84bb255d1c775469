"""Caches of weights that belong to the test."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the Hugging Face hub, and no network."""
    root = tmp_path / "hub"
    root.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(root))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return root


@pytest.fixture
def torch_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where torchvision's weights would be cached."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def put_into_hub(root: Path, repository: str, state: dict[str, torch.Tensor]) -> None:
    """Lay a weight file down as huggingface_hub would."""
    folder = root / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(snapshot.name)
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, snapshot / "model.safetensors")


@pytest.fixture
def fill_hub(hub: Path):
    """Puts weights into the cache: `fill_hub(repository, state)`."""
    return lambda repository, state: put_into_hub(hub, repository, state)
