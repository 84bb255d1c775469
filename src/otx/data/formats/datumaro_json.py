"""Datumaro's own JSON: files with `categories` and a list `items`; images anywhere below the root."""

from __future__ import annotations

from typing import Any

from otx.data.formats.coco_file import Document, find_documents, locate_images, none_among
from otx.data.formats.reading import Part, Reading
from otx.data.problems import Problems
from otx.data.tree import DataTree

NAME = "datumaro"
LOOKED_FOR = "a .json file with 'categories' and a list 'items'"
_MARKS = ("categories", "items")


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    documents, others = find_documents(tree, _MARKS, _flaw)
    if not documents:
        return none_among(others)
    for document in documents:
        locate_images(tree, document, ((item["id"], _image_name(item)) for item in document.content["items"]))
    listed = sum(len(document.content["items"]) for document in documents)
    return Reading(
        format=NAME,
        reason=f"{', '.join(document.path for document in documents[:4])} list {listed} images",
        images=frozenset(image for document in documents for image in document.located.values() if image),
        read=lambda problems: _read(tree, documents, problems),
    )


def _flaw(content: Any) -> str:  # noqa: ANN401 - JSON
    known = (
        isinstance(content, dict)
        and isinstance(content.get("categories"), dict)
        and isinstance(content.get("items"), list)
        and all(isinstance(item, dict) and isinstance(item.get("id"), str | int) for item in content["items"])
    )
    return "" if known else "has no list 'items' of objects with an id"


def _image_name(item: dict[str, Any]) -> str:
    image = item.get("image")
    return str((isinstance(image, dict) and image.get("path")) or item["id"])


def _read(tree: DataTree, documents: list[Document], problems: Problems) -> list[Part]:
    from otx.data.formats.datumaro_items import read_items

    parts = []
    for document in documents:
        problems.extend(document.problems)
        parts.append(read_items(document, tree, problems))
    return parts
