"""What MMDetection, MMPretrain and MMSegmentation share: configs by name, networks from them, and what those are fed.

Only what lies in the installed package is read: no weights are fetched, and nothing is written.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from otx.core.errors import MissingExtraError, UserError, nearest, require
from otx.core.input_spec import InputSpec, ResizeMode

UNFROZEN = {"frozen_stages": -1, "norm_eval": False, "requires_grad": True, "pretrained": None}
"""Settings of configs that expect a pretrained backbone."""


def load_library(library: str) -> ModuleType:
    """Import `mmdet`, `mmpretrain` or `mmseg` with its networks, without compiled operators and without a word.

    Raises:
        MissingExtraError: It is not installed.
    """
    require(library, library)
    from otx.frameworks.mmcv_operators import install

    # Old names and habits of torch's, at each step.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"mm(cv|engine|det|pretrain|seg)\.")
    warnings.filterwarnings("ignore", category=UserWarning, message="torch.meshgrid")
    with warnings.catch_warnings(action="ignore"):
        install()
        # Models of text and image, which need transformers of old, and which all else does without.
        multimodal = "mmpretrain.models.multimodal"
        sys.modules.setdefault(multimodal, ModuleType(multimodal))
        importlib.import_module(f"{library}.models")
        from mmengine.logging import MMLogger

        MMLogger.get_instance("mmengine", log_level="WARNING")  # else it tells how each tensor was drawn
        return importlib.import_module(library)


@cache
def config_files(library: str) -> dict[str, Path]:
    """The configs that a library ships, by name; where two have the same, both by folder and name.

    Raises:
        MissingExtraError: The library is not installed.
    """
    found = importlib.util.find_spec(library)
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(library, library)
    root = Path(found.submodule_search_locations[0]) / ".mim" / "configs"
    paths = [path for path in sorted(root.rglob("*.py")) if "_base_" not in path.parts]
    names = [path.stem for path in paths]
    return {
        path.stem if names.count(path.stem) == 1 else str(path.relative_to(root).with_suffix("")): path
        for path in paths
    }


@cache
def load_config(library: str, name: str) -> Any:  # noqa: ANN401 - mmengine's Config
    """A config that a library ships.

    Raises:
        MissingExtraError: The library is not installed.
        UserError: It has no config of that name; the message names the nearest.
    """
    files = config_files(library)
    if name not in files:
        longer = [other for other in files if other.startswith(name)]
        raise UserError(f"{library} has no config {name!r}.{nearest(longer[0] if longer else name, files)}")
    from mmengine.config import Config

    config = Config.fromfile(str(files[name]), import_custom_modules=False)
    if "model" not in config:
        raise UserError(f"the config {name!r} of {library} has no model")
    return config


def build_network(library: str, name: str, labels: int, options: Mapping[str, Any]) -> nn.Module:
    """The network of a config, with random weights.

    It normalises nothing (the model that holds it does), trains from its first layer on, and needs one process only.

    Args:
        library: `mmdet`, `mmpretrain` or `mmseg`.
        name: Of the config.
        labels: Number of classes.
        options: Changes of the config by dotted key below `model`.
    """
    load_library(library)
    from mmengine.config import ConfigDict
    from mmengine.registry import DefaultScope

    settings = {key: value for key, value in load_config(library, name).model.items() if key != "data_preprocessor"}
    settings = _from_scratch(settings, labels)
    for key, value in options.items():
        *path, leaf = key.split(".")
        node = settings
        for part in path:
            node = node[part]
        node[leaf] = value
    registry = importlib.import_module(f"{library}.registry").MODELS
    # Some networks print while they are built.
    silent = redirect_stdout(io.StringIO())
    with silent, warnings.catch_warnings(action="ignore"), DefaultScope.overwrite_default_scope(library):
        network: Any = registry.build(ConfigDict(settings))
        network.init_weights()
    built: nn.Module = network
    return built


def wants_bgr(library: str, name: str) -> bool:
    """Whether the network of a config, and its weight file, take blue before green before red."""
    settings = _preprocessor(library, name)
    return not settings.get("bgr_to_rgb", settings.get("to_rgb", False))


def channels_as(images: Tensor, *, bgr: bool) -> Tensor:
    """(B, C, H, W) RGB, turned to BGR where that is wanted; other numbers of channels have no such order."""
    return images.flip(1) if bgr and images.shape[1] == 3 else images


def input_spec(library: str, name: str, size: tuple[int, int], resize: ResizeMode) -> InputSpec:
    """What the network of a config is fed: the normalisation is the config's, in the order of RGB.

    Args:
        library: `mmdet`, `mmpretrain` or `mmseg`.
        name: Of the config.
        size: Height and width.
        resize: How images are brought to it.
    """
    settings = _preprocessor(library, name)
    mean, std = settings.get("mean") or [0.0] * 3, settings.get("std") or [1.0] * 3
    if wants_bgr(library, name):
        mean, std = mean[::-1], std[::-1]
    return InputSpec(
        height=size[0],
        width=size[1],
        mean=tuple(round(value / 255, 9) for value in mean),
        std=tuple(round(value / 255, 9) for value in std),
        resize=resize,
        pad_value=int(settings.get("pad_value", 114)),
    )


def layers_named(network: nn.Module, *endings: str) -> tuple[str, ...]:
    """Names of the layers that end so, numbers behind left out: those with one channel per label."""
    return tuple(name for name, _ in network.named_modules() if name.rstrip("0123456789.").endswith(endings))


def pipeline(config: Any, subset: str = "test") -> list[Any]:  # noqa: ANN401 - mmengine's Config
    """The steps from a file to a sample that a config names for a subset."""
    loader = config.get(f"{subset}_dataloader") or {}
    data = loader.get("dataset", {})
    while "pipeline" not in data and "dataset" in data:
        data = data["dataset"]
    return list(data.get("pipeline", ()))


def step_argument(config: Any, key: str) -> Any:  # noqa: ANN401 - of any type
    """The argument of that name of the last step that has one, in the pipeline that a config tests with; else None."""
    found = [step[key] for step in pipeline(config) if step.get(key)]
    return found[-1] if found else None


def _preprocessor(library: str, name: str) -> dict[str, Any]:
    config = load_config(library, name)
    found: dict[str, Any] = config.model.get("data_preprocessor") or config.get("data_preprocessor") or {}
    return found


def _from_scratch(node: Any, labels: int) -> Any:  # noqa: ANN401 - a tree of plain values
    """The settings of a network for so many labels, without what asks for weights, frozen layers or more processes."""
    if isinstance(node, (list, tuple)):
        return type(node)(_from_scratch(value, labels) for value in node)
    if not isinstance(node, Mapping):
        return "BN" if node == "SyncBN" else node
    changed = {key: _from_scratch(value, labels) for key, value in node.items()}
    changed |= {key: value for key, value in UNFROZEN.items() if key in node}
    if node.get("type") == "Pretrained":
        return {}
    if "init_cfg" in changed:
        ways = changed["init_cfg"] if isinstance(changed["init_cfg"], list) else [changed["init_cfg"]]
        changed["init_cfg"] = [way for way in ways if way] or None
    weights = node.get("class_weight")
    if isinstance(weights, (list, tuple)):  # one per class of another data set, and perhaps one of the background
        uniform = len(set(weights[:-1])) == 1
        changed["class_weight"] = [*weights[:1]] * labels + [weights[-1]] if uniform else None
    if "num_classes" in node:
        changed["num_classes"] = labels
    return changed
