"""CVAT for images 1.1: XML with the root `<annotations>`, the labels in `<meta>`, and an `<image>` for each image.

Datumaro's reader of this format joins the names of images to paths, and a tag or shape that it cannot read ends it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from datumaro.components.annotation import AnnotationType, PointsCategories
from defusedxml import ElementTree

from otx.core.errors import UserError
from otx.data.formats.coco_file import none_among
from otx.data.formats.cvat_shapes import READERS, Element, Size
from otx.data.formats.reading import Part, Reading, assign, by_subset, listed_item, reading_annotation
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_path
from otx.data.tree import Absent, DataTree, folder_of, grouped

LOOKED_FOR = "an .xml file whose root is <annotations>, with an <image> for each image"
_LOOKED_AT = 10
"""Of the XML files of a folder; a folder of VOC's has thousands."""


@dataclass
class Document:
    """One annotation file.

    Attributes:
        path: Relative path of the XML file.
        root: Its content.
        images: Each image with its subset and its relative path, or why there is none.
    """

    path: str
    root: Element
    images: list[tuple[Element, str, str | Absent]]


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    documents: list[Document] = []
    others: list[str] = []
    for inside in grouped(tree.with_suffix(".xml"), folder_of).values():
        for path in inside if any(_is_annotations(tree, path) for path in inside[:_LOOKED_AT]) else ():
            root = _parse(tree, path) if _is_annotations(tree, path) else None
            if root is None:
                others.append(f"{path} has another root than <annotations>")
            elif root.find("image") is None:
                others.append(f"{path} has no <image>{', but the <track>s of a video' * bool(root.findall('track'))}")
            else:
                documents.append(Document(path, root, [_located(tree, path, one) for one in root.findall("image")]))
    if not documents:
        return none_among(others, ".xml") if others else "found no .xml whose root is <annotations>"
    listed = sum(len(document.images) for document in documents)
    names = ", ".join(document.path for document in documents[:4])
    return Reading(
        reason="; ".join([f"{names} list {listed} images", *(f"not read: {other}" for other in others[:3])]),
        images=frozenset(image for one in documents for *_, image in one.images if isinstance(image, str)),
        listed=True,
        read=lambda problems: [part for one in documents for part in _read(tree, one, problems)],
    )


def _is_annotations(tree: DataTree, path: str) -> bool:
    with tree.files[path].open("rb") as stream:
        return re.search(rb"<annotations\b", stream.read(2000)) is not None


def _parse(tree: DataTree, path: str) -> Element:
    try:
        return ElementTree.parse(tree.files[path]).getroot()
    except (SyntaxError, ValueError) as error:  # defusedxml's own are ValueErrors
        raise UserError(f"{tree.files[path]}: broken XML, {str(error) or type(error).__name__}") from error


def _located(tree: DataTree, path: str, image: Element) -> tuple[Element, str, str | Absent]:
    """An image with its subset and its place; CVAT puts images into `images`, or into `images/<subset>`."""
    said = str(image.get("subset") or "").strip()
    subset = subset_name(said) or subset_of_path(path)
    folders = [folder or "." for folder in (folder_of(path), folder_of(folder_of(path)))]
    places = [f"{folder}/{below}" for folder in folders for below in (f"images/{said}", "images", said, "")]
    named = said if said.casefold() != "default" else ""
    return image, subset_name(said) or named or subset or UNASSIGNED, tree.locate(image.get("name", ""), places, subset)


def _read(tree: DataTree, document: Document, problems: Problems) -> list[Part]:
    """Read one annotation file, whose content is used up."""
    keypoints = _classes(document.root)
    labels = list(keypoints)
    items = []
    subset_of: dict[str, str] = {}
    for image, subset, place in document.images:
        where = f"{document.path}, image {image.get('id')}"
        with reading_annotation(problems, where):
            size: Size = (int(image.get("height", 0)), int(image.get("width", 0)))
            item = listed_item(tree, place, where, problems, size if all(size) else None)
            items.append(item)
            assign(item.id, subset, where, subset_of, problems)
            groups: dict[Any, int] = {}
            for number, shape in enumerate(image, start=1):
                entry = f"{where}, {shape.tag} {number}"
                name = str(shape.get("label", "")).strip()
                if shape.tag not in READERS:
                    problems.add(f"shape left out that is no box and no outline: {shape.tag}", entry, name)
                elif name not in keypoints:
                    problems.add("annotation of an unknown class", entry, f"label {name!r}", bad=True)
                else:
                    with reading_annotation(problems, entry):
                        annotation = READERS[shape.tag](shape, size, keypoints[name])
                        annotation.label = labels.index(name)
                        # The shapes of a class and a group are one object; any other is an object by itself.
                        key = number if shape.get("group_id", "0") == "0" else (name, shape.get("group_id"))
                        annotation.group = groups.setdefault(key, len(groups) + 1) if shape.tag != "tag" else 0
                        item.annotations.append(annotation)
    document.root.clear()  # freed before the next file is read
    points = PointsCategories()
    for position, names in enumerate(keypoints.values()):
        points.add(position, names)
    categories = {AnnotationType.points: points} if any(keypoints.values()) else {}
    return by_subset(items, subset_of, labels, categories)


def _classes(root: Element) -> dict[str, list[str]]:
    """The declared classes in their order, each with the names of its keypoints, which are labels below it."""
    found: dict[str, list[str]] = {}
    for label in root.iterfind("meta//label"):
        name, parent = (str(label.findtext(tag) or "").strip() for tag in ("name", "parent"))
        if not parent:
            found.setdefault(name, [])
        elif name not in found.setdefault(parent, []):
            found[parent].append(name)
    return found
