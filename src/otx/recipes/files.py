"""Recipe files: YAML with a `base`, merged before anything is parsed. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from otx.core.errors import UserError, nearest
from otx.recipes.settings import DEFAULTS, check_key

FOLDER = Path(__file__).parent


def recipe_names() -> list[str]:
    """Names of the recipes that OTX brings, for example `detection/detr`."""
    return sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.yaml"))


def read_recipe(name_or_path: str | Path) -> dict[str, Any]:
    """Settings of a recipe and of its bases, by dotted key; what stands nearer to the named file wins.

    Args:
        name_or_path: Name of a recipe of OTX, or a YAML file, beside which the file of a base is looked for.

    Raises:
        UserError: There is no such recipe, it is not valid YAML, has an unknown key, or is its own base.
    """
    return _read(_locate(name_or_path, Path()), ())


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise UserError(f"{path}: a recipe cannot be its own base ({' -> '.join(str(p) for p in (*seen, path))})")
    text = path.read_text(encoding="utf-8")
    values = parse_yaml(text, str(path))
    base = values.pop("base", None)
    inherited = _read(_locate(base, path.parent), (*seen, path)) if base else {}
    return inherited | values


def _locate(name_or_path: str | Path, folder: Path) -> Path:
    path = folder / name_or_path
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise UserError(f"expected a recipe file, found none at {path}")
        return path.resolve()
    own = FOLDER / f"{name_or_path}.yaml"
    if not own.is_file():
        raise UserError(f"unknown recipe {str(name_or_path)!r}.{nearest(str(name_or_path), recipe_names())}")
    return own


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """Settings by dotted key from YAML text; each key is checked, errors name the line.

    Raises:
        UserError: The text is not YAML, not a mapping, or has an unknown key.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not valid YAML: {error}") from error
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{where}: expected a mapping of settings, found {text.strip()[:40]!r}")
    values: dict[str, Any] = {}
    try:
        _collect(root, "", where, values)
    except yaml.YAMLError as error:
        raise UserError(f"{where}: a recipe holds plain values only: {error}") from error
    return values


def _collect(node: yaml.MappingNode, prefix: str, where: str, values: dict[str, Any]) -> None:
    for key_node, value_node in node.value:
        key = f"{prefix}{key_node.value}"
        is_section = any(known.startswith(f"{key}.") for known in DEFAULTS)
        if isinstance(value_node, yaml.MappingNode) and is_section:
            _collect(value_node, f"{key}.", where, values)
            continue
        if key != "base":
            check_key(key, f"{where}:{key_node.start_mark.line + 1}")
        constructor = yaml.SafeLoader("")
        values[key] = constructor.construct_object(value_node, deep=True)
