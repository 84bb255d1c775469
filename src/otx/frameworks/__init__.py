"""Adapters to public model frameworks, one folder each, and the catalog of their models. Imports no torch."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from otx.core.catalog import Catalog

DEFAULT_AUGMENTATION = ("torchvision", "otx.transforms.pipeline:build_transform")
"""Belongs to no folder: models of every framework are trained with it."""


@cache
def catalog() -> Catalog:
    """Every model at hand: the folders of this package, and packages with an `otx.frameworks` entry point.

    A folder's `catalog.py` has `ROWS` and may have `lookup(name, task)` and `AUGMENTATION`, a reference to what builds
    its pipelines; an entry point names such a module.
    """
    modules = [
        (folder.name.rpartition(".")[2], importlib.import_module(f"{folder.name}.catalog"))
        for folder in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
        if folder.ispkg
    ]
    modules += [(entry.name, entry.load()) for entry in entry_points(group="otx.frameworks")]
    full = Catalog()
    full.register_augmentation(*DEFAULT_AUGMENTATION)
    for framework, module in modules:
        for row in module.ROWS:
            full.register(row)
        if hasattr(module, "lookup"):
            full.register_lookup(framework, module.lookup)
        if hasattr(module, "AUGMENTATION"):
            full.register_augmentation(framework, module.AUGMENTATION)
    return full
