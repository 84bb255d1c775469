"""The catalog of models: frozen rows, found without importing any framework. Imports no torch.

A name stands for one network. Where it serves several tasks it has a row for each of them, and the task decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from otx.core.errors import UserError, nearest, require
from otx.core.input_spec import InputSpec


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where pretrained weights come from: exactly one of `hub`, `torchvision` and `url`.

    Attributes:
        hub: Hugging Face repository id whose `model.safetensors` holds the weights.
        torchvision: Torchvision's name, for example `ResNet18_Weights.IMAGENET1K_V1`; torchvision knows the address.
        url: Address of a file whose name ends in `-` and the first eight digits or more of its SHA-256.
        licence: SPDX id of the weights.
        trained_on: Data set, for example `ImageNet-1k` or `COCO`.
        labels: Number of classes of the head in the file; 0 if it has none.
        part: Submodule of the network that the file is for, for example `backbone.body`; empty for the whole of it.
    """

    hub: str = ""
    torchvision: str = ""
    url: str = ""
    licence: str
    trained_on: str
    labels: int = 0
    part: str = ""

    def __post_init__(self) -> None:
        if [bool(place) for place in (self.hub, self.torchvision, self.url)].count(True) != 1:
            raise UserError(f"expected exactly one of hub, torchvision and url, got {self}")

    @property
    def source(self) -> str:
        """Where the file is, for messages."""
        if self.hub:
            return f"https://huggingface.co/{self.hub}"
        return f"torchvision's {self.torchvision}" if self.torchvision else self.url


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One model that OTX offers.

    Attributes:
        name: `framework/variant`, what the user types.
        task: The task it solves.
        adapter: Reference to the `OTXModel` subclass, `package.module:Class`.
        arch: The framework's own name of the architecture, handed to the adapter.
        options: What else the adapter needs to know to build this variant; plain JSON values.
        input_spec: Default size and the normalisation of its weights.
        parameters: Number of parameters with the default head.
        licence: SPDX id of the code.
        weights: Pretrained weights, or None where there are none.
        recipe: Overlay on the task's base recipe, for example `detection/detr`; empty for none.
        package: Importable package that the adapter needs; as a rule that of the framework's name.
        extra: Extra of `pip install otx[...]` that brings it; empty if a base dependency.
        rgb_only: Cannot be built for another number of channels.
        exportable: Has a working OpenVINO and ONNX export with a dynamic batch.
        quantizable: Post-training quantisation by NNCF works.
        explainable: `otx explain` gives maps for its predictions.
        tileable: May be run on tiles.
    """

    name: str
    task: str
    adapter: str
    arch: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    input_spec: InputSpec
    parameters: int
    licence: str = "Apache-2.0"
    weights: Weights | None = None
    recipe: str = ""
    package: str = ""
    extra: str = ""
    rgb_only: bool = False
    exportable: bool = True
    quantizable: bool = True
    explainable: bool = True
    tileable: bool = False

    def __post_init__(self) -> None:
        if not self.package:
            object.__setattr__(self, "package", self.name.partition("/")[0])

    def require(self) -> None:
        """Make sure that the framework is installed.

        Raises:
            MissingExtraError: It is not; the message says what to install.
        """
        require(self.package, self.extra or self.package)


Lookup = Callable[[str, str], ModelRow | None]


@dataclass
class Catalog:
    """Rows by name and task, look-ups for names that a framework knows beyond its rows, and its augmentation."""

    _rows: dict[tuple[str, str], ModelRow] = field(default_factory=dict)
    _lookups: dict[str, Lookup] = field(default_factory=dict)
    _augmentations: dict[str, str] = field(default_factory=dict)

    def register(self, row: ModelRow) -> None:
        """Add a row.

        Raises:
            UserError: The name is taken for that task, or has no framework.
        """
        if "/" not in row.name:
            raise UserError(f"expected a model name 'framework/variant', got {row.name!r}")
        if (row.name, row.task) in self._rows:
            raise UserError(f"model {row.name!r} is registered twice for {row.task}")
        self._rows[row.name, row.task] = row

    def register_lookup(self, framework: str, lookup: Lookup) -> None:
        """Let a framework answer for names `framework/...` that have no row.

        Raises:
            UserError: The framework has a look-up already.
        """
        if framework in self._lookups:
            raise UserError(f"framework {framework!r} has a look-up already")
        self._lookups[framework] = lookup

    def register_augmentation(self, framework: str, builder: str) -> None:
        """Let recipes take the augmentation of a framework.

        Args:
            framework: What a recipe names.
            builder: Reference to a function of the kind of `otx.transforms.pipeline:build_transform`.
        """
        self._augmentations[framework] = builder

    def augmentation(self, framework: str) -> str:
        """The reference that a framework was registered with.

        Raises:
            UserError: It has no augmentation; the message names those that have.
        """
        if framework not in self._augmentations:
            raise UserError(f"no augmentation of {framework!r}.{nearest(framework, self._augmentations)}")
        return self._augmentations[framework]

    def __iter__(self) -> Iterator[ModelRow]:
        return iter(sorted(self._rows.values(), key=lambda row: (row.task, row.name)))

    def find(self, task: str | None = None, pattern: str = "") -> list[ModelRow]:
        """Rows of a task (None: of all) whose name contains the pattern."""
        return [row for row in self if task in (None, row.task) and pattern.lower() in row.name.lower()]

    def get(self, name: str, task: str) -> ModelRow:
        """The row of that name, or what its framework makes of it.

        Raises:
            UserError: Nobody knows the name, or it solves another task.
            MissingExtraError: The framework is not installed.
        """
        row = self._rows.get((name, task))
        others = [solved for known, solved in self._rows if known == name]
        if row is None and others:
            raise UserError(f"model {name!r} solves {', '.join(others)}, but the task is {task}")
        if row is None and "/" in name:
            lookup = self._lookups.get(name.split("/", maxsplit=1)[0])
            row = lookup(name.split("/", 1)[1], task) if lookup else None
        if row is None:
            known = [other.name for other in self.find(task)]
            raise UserError(f"unknown model {name!r} for {task}.{nearest(name, known)}")
        row.require()
        return row


def by_tasks(rows: Iterable[ModelRow]) -> dict[tuple[str, ...], list[ModelRow]]:
    """Rows for a table: those that serve the same tasks together, and each name once (that of its first task)."""
    of_name: dict[str, list[ModelRow]] = {}
    for row in rows:
        of_name.setdefault(row.name, []).append(row)
    tables: dict[tuple[str, ...], list[ModelRow]] = {}
    for same in of_name.values():
        tables.setdefault(tuple(row.task for row in same), []).append(same[0])
    return tables
