"""The shape of a recipe: every key that a run can be told, and its type. Imports no torch."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser

from otx.core.errors import UserError, nearest
from otx.data.settings import DataSettings
from otx.training.settings import TrainingSettings
from otx.tuning.settings import TuningSettings

AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True)
class ModelSettings:
    """Which model is trained, and from what."""

    name: str = AUTO
    """`framework/variant` of the catalog, any name the framework knows, or `FILE.py:Class`."""
    pretrained: bool | str = AUTO
    """Start from pretrained weights: true, false, a local weight file, or auto (when the row's weights are at hand)."""
    input_size: list[int] | Literal["auto"] = AUTO
    """Height and width in pixels. Higher costs time and memory by its square and finds smaller things."""
    channels: int | Literal["auto"] = AUTO
    """Channels of the images that the model is fed: 1 makes RGB grey, 3 repeats grey; auto: those of the data."""
    max_value: float | Literal["auto"] = AUTO
    """Pixel value that is scaled to 1; auto: 255, or what the training images reach. Changes no pixel, clips none."""
    mean: list[float] | Literal["auto"] = AUTO
    """Per channel, of pixels that are scaled by max_value; auto: of the weights, or measured."""
    std: list[float] | Literal["auto"] = AUTO
    """Per channel, likewise."""


@dataclass(frozen=True)
class TransformSettings:
    """What happens to a sample before it meets the model."""

    framework: str = "torchvision"
    """Whose steps they are: torchvision (with those of otx.transforms), mmdet, mmpretrain or mmseg; for any model."""
    train: list[dict[str, Any]] = field(default_factory=list)
    """Augmentation steps by name of their class in the framework, with arguments."""


@dataclass(frozen=True)
class Settings:
    """All settings of a run, by section."""

    data_root: str = ""
    """Folder of the data set."""
    unlabeled_data_root: str = ""
    """Folder of images without labels, at any depth, that are learned from too; empty: none."""
    data_format: str = AUTO
    """Format of the data set, or auto: found from its content."""
    on_bad_data: Literal["error", "skip"] = "error"
    """What to do with images that cannot be read: stop, or leave them out and count them."""
    task: str = AUTO
    """Name of the task, or auto: found from the content of the data."""
    seed: int = 0
    """Seeds the split, the order of the data, the augmentation, the weights and dropout."""
    device: Literal["auto", "cpu", "xpu", "cuda"] = AUTO
    """Where to train."""
    devices: int | Literal["auto"] = AUTO
    """Processes that train together, each on a device or a part of the processor; they share each batch."""
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    transforms: TransformSettings = field(default_factory=TransformSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)


def leaves(section: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every setting below a section, in the order of declaration."""
    for entry in dataclasses.fields(section):  # type: ignore[arg-type]
        value = getattr(section, entry.name)
        key = f"{prefix}{entry.name}"
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{key}.")
        else:
            yield key, value


DEFAULTS: dict[str, Any] = dict(leaves(Settings()))
PATHS = ("data_root", "unlabeled_data_root", "model.pretrained")
"""Settings that name a file or a folder; `model.name` may."""
MINIMA = {
    "devices": 1,
    "data.batch_size": 1,
    "data.eval_batch_size": 1,
    "data.workers": 0,
    "data.cache": 0,
    "training.max_epochs": 1,
    "training.steps": 1,
    "training.time": 0,
    "training.ram": 0,
    "training.patience": 0,
    "training.val_interval": 1,
    "training.accumulate": 1,
}
"""Least numbers; 0 where it has a meaning of its own."""


def check_key(key: str, where: str) -> None:
    """Refuse a key that no setting has.

    Raises:
        UserError: Names the nearest right key, and where the wrong one stands.
    """
    if key not in DEFAULTS:
        raise UserError(f"{where}: unknown setting {key!r}.{_nearest_key(key)}")


def _nearest_key(key: str) -> str:
    section, _, leaf = key.rpartition(".")
    siblings = {k.rpartition(".")[2]: k for k in DEFAULTS if k.rpartition(".")[0] == section}
    hint = nearest(leaf, siblings)
    if siblings and "Did you mean" in hint:
        return f" Did you mean {siblings[hint.split(chr(39))[1]]!r}?"
    by_leaf = [k for k in DEFAULTS if k.rpartition(".")[2] == leaf]
    sections = {known.rpartition(".")[0] for known in DEFAULTS} - {""}
    return f" Did you mean {by_leaf[0]!r}?" if by_leaf else nearest(key, {*DEFAULTS, *sections})


def to_settings(values: dict[str, Any]) -> Settings:
    """Typed settings from values by dotted key.

    Raises:
        UserError: A value is not of its setting's type.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--settings", type=Settings)
    for key, value in values.items():
        _check_value(parser, key, value)
    parsed = parser.parse_object({"settings": nested(values)})
    return typing.cast("Settings", parser.instantiate_classes(parsed).settings)


def _check_value(parser: ArgumentParser, key: str, value: Any) -> None:  # noqa: ANN401 - it is what is checked
    try:
        parser.parse_object({"settings": nested({key: value})})
    except Exception as error:
        expected = _annotation(key)
        raise UserError(f"setting {key!r}: expected {expected}, got {value!r}") from error


def check_least(key: str, value: Any, where: str) -> None:  # noqa: ANN401 - settings have many types
    """Refuse a number that is too small.

    Raises:
        UserError: Names the least one, and where the wrong one stands.
    """
    if isinstance(value, int | float) and value < MINIMA.get(key, value):
        raise UserError(f"setting {key!r}: expected at least {MINIMA[key]}, got {value} ({where})")


def as_declared(key: str, value: Any) -> Any:  # noqa: ANN401 - settings have many types
    """A value as the setting means it.

    A number where the setting wants one of a few words is that word, because YAML reads `precision: 32` as a number.
    A path means the same from another folder.
    """
    is_path = key in PATHS or (key == "model.name" and str(value).partition(":")[0].endswith(".py"))
    if is_path and isinstance(value, str | Path) and value not in ("", AUTO):
        return str(Path(value).absolute())
    words = typing.get_args(_hint(key))
    return str(value) if type(value) is int and str(value) in words else value


def _hint(key: str) -> Any:  # noqa: ANN401 - a type
    owner: Any = Settings
    *sections, leaf = key.split(".")
    for section in sections:
        owner = typing.get_type_hints(owner)[section]
    return typing.get_type_hints(owner)[leaf]


def _annotation(key: str) -> str:
    hint = _hint(key)
    return str(getattr(hint, "__name__", hint)) if isinstance(hint, type) else str(hint).replace("typing.", "")


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """`{"a.b": 1}` -> `{"a": {"b": 1}}`."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, leaf = key.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = value
    return tree
