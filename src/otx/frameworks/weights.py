"""Pretrained weights: looked up in the caches, fetched once, read without running anything that a file holds.

Why `.pth` files are read at all, and only here: docs/decisions/0006-weight-files.md.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from otx.core.catalog import Weights
from otx.core.errors import UserError

logger = logging.getLogger(__name__)

HUB_FILE = "model.safetensors"
SUFFIXES = (".safetensors", ".pth", ".pt")
# What training scripts of the frameworks wrap a state dict in.
WRAPPERS = ("state_dict", "model", "model_state")


def fetch(weights: Weights) -> dict[str, Tensor]:
    """The tensors as the framework's file names them, from the cache or else from the network.

    Raises:
        UserError: They are not cached and cannot be downloaded, or the file is damaged.
    """
    return read_file(_cached(weights) or _download(weights))


def read_file(path: Path) -> dict[str, Tensor]:
    """The tensors of a weight file; nothing in it is executed.

    Raises:
        UserError: There is no such file, it is damaged, or it holds something other than tensors.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"expected a weight file ({', '.join(SUFFIXES)}), got {str(path)!r}")
    if not path.is_file():
        raise UserError(f"there is no weight file {str(path)!r}")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251 - the one place, see above
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError) as error:
        msg = f"cannot read the weights of {str(path)!r}: the file is damaged or holds more than tensors ({error})"
        raise UserError(msg) from error
    return _state_dict(content, path)


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:  # noqa: ANN401 - whatever the file holds
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)} if content else {}
    if not tensors:
        msg = f"expected a state dict in {str(path)!r}, plain or under {', '.join(WRAPPERS)}; found no tensors"
        raise UserError(msg)
    return tensors


def _cached(weights: Weights) -> Path | None:
    if weights.hub:
        found = try_to_load_from_cache(weights.hub, HUB_FILE)
        return Path(found) if isinstance(found, str) else None
    path = _torch_cache() / _address(weights).rsplit("/", 1)[-1]
    if not path.is_file():
        return None
    digits, found = _digits(path.name), _sha256(path)
    if not found.startswith(digits):
        msg = f"{path} is damaged: expected a SHA-256 that begins with {digits}, found {found[:8]}. Delete the file"
        raise UserError(msg)
    return path


def _download(weights: Weights) -> Path:
    logger.info("fetching pretrained weights from %s", weights.source)
    # Its five retries would fill the screen; the error below says it once.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        if weights.hub:
            return Path(hf_hub_download(weights.hub, HUB_FILE))
        address = _address(weights)
        path = _torch_cache() / address.rsplit("/", 1)[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(path), hash_prefix=_digits(path.name), progress=False)
    except (OSError, HfHubHTTPError, RuntimeError) as error:
        cache = constants.HF_HUB_CACHE if weights.hub else _torch_cache()
        raise UserError(
            f"the pretrained weights ({weights.source}) are not in the cache ({cache}) and cannot be downloaded: "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__}. Train from random weights with "
            f"--pretrained false, or give a file that you have ({', '.join(SUFFIXES)}) with --pretrained PATH"
        ) from error
    return path


def _address(weights: Weights) -> str:
    if weights.url:
        return weights.url
    from torchvision import models  # noqa: TID251 - the table of addresses, not a network

    return str(models.get_weight(weights.torchvision).url)


def _torch_cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _digits(name: str) -> str:
    match = re.search(r"-([0-9a-f]{8,64})\.\w+$", name)
    if match is None:
        msg = f"expected a weight file whose name ends in '-' and the first digits of its SHA-256, got {name!r}"
        raise UserError(msg)
    return match.group(1)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
