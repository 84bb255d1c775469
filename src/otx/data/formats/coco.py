"""COCO: JSON files of any name, with lists `images`, `annotations` and `categories`; images anywhere below the root."""

from __future__ import annotations

from typing import Any

from otx.data.formats.coco_file import Document, find_documents, locate_images, none_among
from otx.data.formats.reading import Part, Reading
from otx.data.problems import Problems
from otx.data.tree import DataTree

NAME = "coco"
LOOKED_FOR = "a .json file with lists 'images', 'annotations' and 'categories'"
_MARKS = ("images", "annotations")
_NAMED = 4


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    documents, others = find_documents(tree, _MARKS, _flaw)
    if not documents:
        return none_among(others)
    for document in documents:
        images = document.content["images"]
        locate_images(tree, document, ((image.get("id"), str(image["file_name"])) for image in images))
    documents, twins = _without_twins(documents)
    listed = sum(len(document.content["images"]) for document in documents)
    notes = [f"{twin.path} left out, it is about the same images as {kept.path}" for twin, kept in twins]
    notes += [f"not read: {other}" for other in others[:3]]
    names = ", ".join(document.path for document in documents[:_NAMED])
    if len(documents) > _NAMED:
        names += f" and {len(documents) - _NAMED} more"
    return Reading(
        format=NAME,
        reason="; ".join([f"{names} list{'s' if len(documents) == 1 else ''} {listed} images", *notes]),
        images=frozenset(image for document in documents for image in document.located.values() if image),
        read=lambda problems: _read(tree, documents, problems),
    )


def _flaw(content: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(content, dict):
        return f"holds a {type(content).__name__}"
    if not _is_coco(content):
        return f"holds the keys {', '.join(list(content)[:5])}"
    return "" if _has_objects(content) else "has no boxes, polygons or keypoints"


def _is_coco(content: dict[str, Any]) -> bool:
    lists = all(isinstance(content.get(key), list) for key in ("images", "annotations", "categories"))
    return lists and all(isinstance(image, dict) and "file_name" in image for image in content["images"])


def _has_objects(content: dict[str, Any]) -> bool:
    """Whether there is anything but captions; a file without annotations counts, its images are negatives."""
    some = [entry for entry in content["annotations"][:100] if isinstance(entry, dict)]
    return not some or any(entry.get(key) for entry in some for key in ("bbox", "segmentation", "keypoints"))


def _without_twins(documents: list[Document]) -> tuple[list[Document], list[tuple[Document, Document]]]:
    """Of several files about the same images of a subset keep the one with most annotations of objects.

    Returns:
        The documents to read, and pairs of a document that is left out and the one it repeats.
    """
    kept: list[Document] = []
    twins: list[tuple[Document, Document]] = []
    for document in sorted(documents, key=_weight, reverse=True):
        mine = set(document.located.values()) - {""}
        twin = next((one for one in kept if one.subset == document.subset and _overlap(mine, one) > 0.5), None)
        if twin:
            twins.append((document, twin))
        else:
            kept.append(document)
    return sorted(kept, key=lambda one: one.path), twins


def _overlap(images: set[str], other: Document) -> float:
    return len(images & set(other.located.values())) / max(1, len(images))


def _weight(document: Document) -> tuple[bool, int, str]:
    name = document.path.rpartition("/")[2]
    return (not name.startswith(("panoptic", "stuff")), len(document.content["annotations"]), document.path)


def _read(tree: DataTree, documents: list[Document], problems: Problems) -> list[Part]:
    from otx.data.formats.coco_document import read_document

    parts = []
    while documents:  # popped, so that each file's JSON is freed before the next is read
        document = documents.pop(0)
        problems.extend(document.problems)
        parts.append(read_document(document, tree, problems))
    return parts
