"""LabelMe: one JSON file per image, with a list `shapes` and an `imagePath`.

Datumaro's reader of this name is for the XML of LabelMe's former web tool.
"""

from __future__ import annotations

import base64
import io
import math
from codecs import BOM_UTF8
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from datumaro.components.annotation import Annotation, Bbox, Label, Polygon
from PIL import Image

from otx.data.formats.coco_file import none_among
from otx.data.formats.outlines import check_window, ellipse, mask_of_window
from otx.data.formats.reading import Part, Reading, assign, by_subset, listed_item, reading_annotation
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, subset_of_folder
from otx.data.tree import Absent, DataTree, folder_of, stem

LOOKED_FOR = "a .json file per image with a list 'shapes' and an 'imagePath'"
_MARKS = ("shapes", "imagePath")
_OUTLINES = ("polygon", "rotation")
_SHAPES = (*_OUTLINES, "rectangle", "circle", "mask")
_Size = tuple[int, int] | None


@dataclass
class Sheet:
    """One annotation file.

    Attributes:
        image: Relative path of its image, or why there is none.
        shapes: Its objects, as the file has them.
        flags: Names of the marks that are set for the whole image.
        size: Height and width of the image as the file has them.
    """

    image: str | Absent
    shapes: list[dict[str, Any]]
    flags: list[str]
    size: _Size


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    sheets: dict[str, Sheet] = {}
    problems = Problems()
    for path in tree.with_suffix(".json"):
        data = tree.files[path].read_bytes()
        missing = [repr(mark) for mark in _MARKS if f'"{mark}"'.encode() not in data]
        if missing:
            problems.add("JSON file left out that is not LabelMe's", path, f"has no {' and no '.join(missing)}")
            continue
        with reading_annotation(problems, path):
            sheets[path] = _sheet(tree, path, orjson.loads(data.removeprefix(BOM_UTF8)))
    if not sheets:
        return none_among([f"{one.where} {one.message}" for one in problems], ".json")
    return Reading(
        reason=f"{len(sheets)} .json with shapes in {', '.join(sorted({*map(folder_of, sheets)})) or 'the root'}",
        images=frozenset(sheet.image for sheet in sheets.values() if isinstance(sheet.image, str)),
        listed=True,
        problems=problems,
        read=lambda problems: _read(tree, sheets, problems),
    )


def _sheet(tree: DataTree, path: str, content: Any) -> Sheet:  # noqa: ANN401 - JSON
    """What is kept of a file; the copy of the image in it is not.

    Raises:
        ValueError: It is not LabelMe's.
    """
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise ValueError("expected an object with a list 'shapes'")  # noqa: TRY004 - a file is wrong, no argument
    size = content.get("imageHeight"), content.get("imageWidth")
    both = (int(size[0]), int(size[1])) if size[0] and size[1] else None
    flags = [str(name).strip() for name, is_set in (content.get("flags") or {}).items() if is_set]
    return Sheet(_image_of(tree, path, str(content.get("imagePath") or "")), content["shapes"], flags, both)


def _image_of(tree: DataTree, path: str, name: str) -> str | Absent:
    """The image that a file names, or else, where images were moved or renamed, the one of the file's own name."""
    subset = subset_of_folder(folder_of(path))
    named = tree.locate(name, [folder_of(path), ""], subset)
    same = tree.locate_image(stem(path), [folder_of(path)], subset) if isinstance(named, Absent) else named
    return named if isinstance(same, Absent) else same


def _read(tree: DataTree, sheets: dict[str, Sheet], problems: Problems) -> list[Part]:
    items = []
    labels: dict[str, int] = {}
    subset_of: dict[str, str] = {}
    about_objects = any(sheet.shapes for sheet in sheets.values())
    for path, sheet in sheets.items():
        items.append(listed_item(tree, sheet.image, path, problems, sheet.size))
        assign(items[-1].id, subset_of_folder(folder_of(path)) or UNASSIGNED, path, subset_of, problems)
        for name in sheet.flags:
            if about_objects:
                problems.add("flag of an image left out, where images have shapes", path, name)
            else:
                items[-1].annotations.append(Label(labels.setdefault(name, len(labels))))
        groups: dict[Any, int] = {}
        for number, shape in enumerate(sheet.shapes, start=1):
            where = f"{path}, shape {number}"
            with reading_annotation(problems, where):
                kind, name = shape.get("shape_type") or "polygon", str(shape["label"]).strip()
                if kind not in _SHAPES:
                    problems.add(f"shape left out that is no box and no outline: {kind}", where, name)
                elif kind in _OUTLINES and len(shape["points"]) < 3:
                    problems.add("polygon of fewer than 3 points dropped", where)
                else:
                    annotation = _annotation(kind, shape, sheet.size)
                    annotation.label = labels.setdefault(name, len(labels))
                    # The shapes of a class and a group are one object; any other shape is an object by itself.
                    key = number if shape.get("group_id") is None else (name, str(shape["group_id"]))
                    annotation.group = groups.setdefault(key, len(groups) + 1)
                    items[-1].annotations.append(annotation)
    return by_subset(items, subset_of, list(labels))


def _annotation(kind: str, shape: dict[str, Any], size: _Size) -> Annotation:
    points = np.array(shape["points"], np.float64).reshape(-1, 2)
    if kind in _OUTLINES:
        return Polygon(points.ravel().tolist())
    if len(points) < 2:
        raise ValueError(f"expected 2 points of a {kind}, found {shape['points']}")
    if kind == "circle":  # its centre, and a point on it
        radius = math.dist(points[0], points[1])
        return ellipse((points[0, 0], points[0, 1]), (radius, radius))
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    if kind == "rectangle":
        return Bbox(left, top, right - left, bottom - top)
    with Image.open(io.BytesIO(base64.b64decode(shape["mask"])), formats=["PNG"]) as picture:
        height, width = size or (0, 0)
        check_window((picture.height, picture.width), int(left), int(top), (height, width))
        return mask_of_window(np.asarray(picture.convert("L")) > 0, int(left), int(top), (height, width))
