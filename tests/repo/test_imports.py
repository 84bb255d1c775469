"""What importing OTX costs and needs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pkgutil import walk_packages

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import otx

MODULES = sorted(module.name for module in walk_packages(otx.__path__, "otx.", onerror=lambda _: None))

# argv: how to treat the banned modules ("hide" them, or "report" that they got loaded), banned modules, modules to
# import. Prints one line for each thing that went wrong.
PROBE = """
import importlib, sys
from importlib import metadata
from importlib.machinery import PathFinder

how, banned, names = sys.argv[1], set(sys.argv[2].split(",")), sys.argv[3:]

class Blind(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in banned else super().find_spec(name, path, target)

if how == "hide":
    # Libraries look at the metadata of optional packages before they import them.
    owners = metadata.packages_distributions()
    hidden = {owner.lower().replace("_", "-") for module in banned for owner in owners.get(module, ())}
    find = metadata.Distribution.from_name.__func__

    def from_name(cls, name):
        if name.lower().replace("_", "-") in hidden:
            raise metadata.PackageNotFoundError(name)
        return find(cls, name)

    metadata.Distribution.from_name = classmethod(from_name)
    sys.meta_path = [Blind if finder is PathFinder else finder for finder in sys.meta_path]
for name in names:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(f"{name}: {error}")
    for loaded in sorted(banned & sys.modules.keys()) if how == "report" else ():
        print(f"{name} loads {loaded}")
        banned.remove(loaded)
"""


def probe(how: str, banned: set[str], names: list[str]) -> str:
    command = [sys.executable, "-c", PROBE, how, ",".join(sorted(banned)), *names]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def base_distributions() -> set[str]:
    """Canonical names of OTX and of everything that it requires without extras, directly or not."""
    found: set[tuple[str, str]] = set()
    queue = [("otx", "")]
    while queue:
        name, extra = queue.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for line in distribution(name).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                queue += [(canonicalize_name(requirement.name), part) for part in ("", *requirement.extras)]
    return {name for name, _ in found}


def modules_of_extras() -> set[str]:
    """Top-level modules in this environment that a base installation would not have."""
    base = base_distributions()
    return {
        module
        for module, owners in packages_distributions().items()
        if not base & {canonicalize_name(owner) for owner in owners}
    }


def test_every_module_imports_with_the_base_dependencies_alone() -> None:
    extras = modules_of_extras()
    assert {"transformers", "onnx", "nncf", "pytest"} <= extras
    assert not extras & {"torch", "numpy", "cv2", "timm", "lightning"}
    assert probe("hide", extras, MODULES) == ""


@pytest.mark.parametrize(
    ("rooms", "heavy"),
    [
        (
            ("otx.cli", "otx.recipes", "otx.core.catalog", "otx.core.errors", "otx.core.task"),
            {"torch", "datumaro", "cv2"},
        ),
        (("otx.runtime",), {"lightning", "pytorch_lightning", "datumaro", "timm"}),
    ],
    ids=["starts-without-torch", "runtime-is-light"],
)
def test_light_rooms_load_nothing_heavy(rooms: tuple[str, ...], heavy: set[str]) -> None:
    names = [name for name in MODULES if any(name == room or name.startswith(f"{room}.") for room in rooms)]
    assert {room for room in rooms if room in names} == set(rooms), "a room was renamed: tell this test"
    assert probe("report", heavy, names) == ""
