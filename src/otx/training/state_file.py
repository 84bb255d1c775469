"""Nested state in one safetensors file without pickle: tensors as tensors, everything else as JSON in the header.

The two halves are one file, so that they cannot come apart, and a checksum tells a damaged file from a whole one.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from otx.core.atomic import replacing
from otx.core.errors import UserError

FORMAT = 1
_HEADER = "otx_state"
_LAYOUTS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
    "channels_last_3d": torch.channels_last_3d,
}


def previous(path: Path) -> Path:
    """Where the file lies that was the newest before the one at `path`."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def write_state(path: Path, state: dict[str, Any], keep: Path | None = None) -> None:
    """Write nested dicts, lists and tuples of tensors and JSON values, atomically.

    Args:
        path: The file.
        state: What to write.
        keep: Where the file that was there goes; for an instant it is there alone.

    Raises:
        TypeError: A leaf is neither a tensor nor a JSON value; the message says where.
    """
    packer = _Packer()
    tree = packer.pack(state, "")
    header = {"format": FORMAT, "crc32": _checksum(packer.tensors), "tree": tree}
    with replacing(path) as partial:
        save_file(packer.tensors, partial, {_HEADER: json.dumps(header)})
        if keep is not None and path.is_file():
            path.replace(keep)


def read_state(path: Path) -> dict[str, Any]:
    """Inverse of `write_state`; tensors are on the CPU, in the memory layout they had.

    Raises:
        UserError: The file is damaged, or not such a file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()[_HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        whole = header["format"] == FORMAT and header["crc32"] == _checksum(tensors)
        state = _unpack(header["tree"], tensors) if whole else None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(_damaged(path)) from error
    if state is None:
        raise UserError(_damaged(path))
    return cast("dict[str, Any]", state)


def _damaged(path: Path) -> str:
    return (
        f"{path} is damaged or was not written by this version of OTX, so training cannot go on from it. "
        "Checkpoints beside it still stand (best.safetensors, last.safetensors); "
        "train again in another work dir, starting from one of them with --pretrained FILE if you like."
    )


class _Packer:
    """Takes the tensors out of a tree; what is left is JSON."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._names: dict[tuple[Any, ...], str] = {}

    def pack(self, value: Any, where: str) -> Any:  # noqa: ANN401 - any leaf; that is the point
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, Tensor):
            return self._tensor(value, where)
        if isinstance(value, list):
            return [self.pack(item, f"{where}.{i}") for i, item in enumerate(value)]
        if isinstance(value, tuple):
            return {"@tuple": self.pack(list(value), where)}
        if isinstance(value, dict):
            return self._dict(value, where)
        msg = f"expected tensors and JSON values in a checkpoint, found {type(value).__name__} at {where[1:]!r}"
        raise TypeError(msg)

    def _dict(self, value: dict[Any, Any], where: str) -> dict[str, Any]:
        if all(type(key) is str and not key.startswith("@") for key in value):
            return {key: self.pack(item, f"{where}.{key}") for key, item in value.items()}
        return {"@items": [[self.pack(k, where), self.pack(v, f"{where}.{k}")] for k, v in value.items()]}

    def _tensor(self, tensor: Tensor, where: str) -> dict[str, str]:
        layout = next((n for n, f in _LAYOUTS.items() if _is_laid_out(tensor, f)), "contiguous")
        identity = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride(), tensor.device)
        # Weights that are shared in the model are one tensor in the file.
        name = self._names.setdefault(identity, where[1:]) if tensor.numel() else where[1:]
        if name not in self.tensors:
            self.tensors[name] = tensor.detach().cpu().contiguous()
        return {"@tensor": name, "layout": layout}


def _is_laid_out(tensor: Tensor, layout: torch.memory_format) -> bool:
    rank = {torch.channels_last: 4, torch.channels_last_3d: 5}.get(layout, tensor.ndim)
    return tensor.ndim == rank and tensor.is_contiguous(memory_format=layout)


def _unpack(tree: Any, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    if isinstance(tree, list):
        return [_unpack(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "@tensor" in tree:
        # A copy: the file may be replaced while the tensor is in use.
        return tensors[tree["@tensor"]].clone().contiguous(memory_format=_LAYOUTS[tree["layout"]])
    if "@tuple" in tree:
        return tuple(_unpack(tree["@tuple"], tensors))
    if "@items" in tree:
        return {_unpack(key, tensors): _unpack(value, tensors) for key, value in tree["@items"]}
    return {key: _unpack(value, tensors) for key, value in tree.items()}


def _checksum(tensors: dict[str, Tensor]) -> int:
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, zlib.crc32(name.encode(), value))
    return value
