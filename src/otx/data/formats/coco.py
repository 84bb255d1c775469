"""COCO: JSON files of any name, with lists `images`, `annotations` and `categories`; images anywhere below the root.

Annotations are read by Datumaro's own code, one by one. It asks for unique category names and for `iscrowd`, `bbox` and
ids everywhere, reads category 0 as "no class", and drops a whole annotation for one polygon of two points. Each of
these is mended here and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datumaro.components.annotation import Annotation, AnnotationType, PointsCategories
from datumaro.components.dataset_base import DatasetItem
from datumaro.plugins.data_formats.coco.base import CocoInstancesBase
from datumaro.plugins.data_formats.coco.format import CocoTask

from otx.core.errors import UserError
from otx.data.formats.coco_file import Document, find_documents, none_among
from otx.data.formats.reading import Part, Reading, listed_item, reading_annotation
from otx.data.problems import Problems
from otx.data.tree import DataTree

LOOKED_FOR = "a .json file with lists 'images', 'annotations' and 'categories'"
_MARKS = ("images", "annotations")
_FORMS = ("bbox", "segmentation", "keypoints")
_MOST_CROWDS = 0.2
"""Of the annotations of a file; COCO's own have one in a hundred."""
_NAMED = 4
_NUMBERS = frozenset({int, float})
_SIZE = ("height", "width")


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    documents, others = find_documents(tree, _MARKS, _flaw, _listed)
    if not documents:
        return none_among(others, ".json")
    documents, twins = _without_twins(documents)
    listed = sum(len(document.content["images"]) for document in documents)
    notes = [f"{twin.path} left out, it is about the same images as {kept.path}" for twin, kept in twins]
    notes += [f"not read: {other}" for other in others[:3]]
    names = ", ".join(document.path for document in documents[:_NAMED])
    if len(documents) > _NAMED:
        names += f" and {len(documents) - _NAMED} more"
    return Reading(
        reason="; ".join([f"{names} list{'s' if len(documents) == 1 else ''} {listed} images", *notes]),
        images=frozenset().union(*(document.images for document in documents)),
        listed=True,
        read=lambda problems: [_read(document, tree, problems) for document in documents],
    )


def _listed(content: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    return ((image.get("id"), str(image["file_name"])) for image in content["images"])


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
    some = [*_dicts(content["annotations"][:100])]
    return not some or any(entry.get(form) for entry in some for form in _FORMS)


def _without_twins(documents: list[Document]) -> tuple[list[Document], list[tuple[Document, Document]]]:
    """Of several files that say the same of the same images of a subset keep the one with most annotations of objects.

    Returns:
        The documents to read, and pairs of a document that is left out and the one it repeats.
    """
    kept: list[Document] = []
    twins: list[tuple[Document, Document]] = []
    for document in sorted(documents, key=_weight, reverse=True):
        twin = next((one for one in kept if _repeats(document, one)), None)
        if twin:
            twins.append((document, twin))
        else:
            kept.append(document)
    return sorted(kept, key=lambda one: one.path), twins


def _repeats(document: Document, other: Document) -> bool:
    if document.subset != other.subset or 2 * len(document.images & other.images) <= len(document.images):
        return False
    return not _is_about_objects(document) or _said(document) <= _said(other)


def _said(document: Document) -> set[tuple[str, str]]:
    """The classes of which a file has objects, each with the forms that they are given in."""
    names = {str(entry.get("id")): str(entry.get("name")) for entry in _dicts(document.content["categories"])}
    return {
        (names.get(str(entry.get("category_id")), ""), form)
        for entry in _dicts(document.content["annotations"])
        for form in _FORMS
        if entry.get(form)
    }


def _dicts(entries: list[Any]) -> Iterator[dict[str, Any]]:
    return (entry for entry in entries if isinstance(entry, dict))


def _is_about_objects(document: Document) -> bool:
    return not document.path.rpartition("/")[2].startswith(("panoptic", "stuff"))


def _weight(document: Document) -> tuple[bool, int, str]:
    return (_is_about_objects(document), len(document.content["annotations"]), document.path)


class _Annotations(CocoInstancesBase):
    """Datumaro's reader of annotations; images are none of its business, so no path of the file is ever joined."""

    def __init__(self, task: CocoTask) -> None:
        self._task = task
        self._merge_instance_polygons = False

    def _get_label_id(self, ann: dict[str, Any]) -> int:
        return int(ann["category_id"])

    def read(self, entry: dict[str, Any], size: dict[str, int]) -> list[Annotation]:
        """What an entry of the file stands for: its polygons, its box, its keypoints."""
        found: list[Annotation] = self._load_annotations(entry, size)
        return found


def _read(document: Document, tree: DataTree, problems: Problems) -> Part:
    """Read one annotation file, whose content is used up."""
    content = document.content
    _name_keypoints(document, problems)
    labels, label_of = _labels(document, problems)
    points = PointsCategories()
    for index, entry in enumerate(labels.values()):
        points.add(index, entry.get("keypoints", []), entry.get("skeleton", []))
    keypoints = any(entry.get("keypoints") for entry in labels.values())
    with_keypoints, without = _Annotations(CocoTask.person_keypoints), _Annotations(CocoTask.instances)
    items, sizes = _items(document, tree, problems)
    _clear_crowds(document, problems)
    for number, entry in enumerate(content["annotations"], start=1):
        name = entry.get("id") if isinstance(entry, dict) else None
        where = f"{document.path}, annotation {f'number {number}' if name is None else name}"
        with reading_annotation(problems, where):
            image, category = entry.get("image_id"), entry.get("category_id")
            if image not in items:
                problems.add("annotation of an image that is not listed", where, f"image_id {image!r}", bad=True)
            elif category not in label_of:
                problems.add("annotation of an unknown class", where, f"category_id {category!r}", bad=True)
            else:
                mended = _mended(entry, where, problems) | {"id": number, "category_id": label_of[category]}
                if keypoints and type(entry.get("area")) in _NUMBERS:
                    mended["attributes"] = {"area": entry["area"]}
                reader = with_keypoints if entry.get("keypoints") else without
                items[image].annotations += reader.read(mended, sizes[image])
    content.clear()  # freed before the next file is read
    categories = {AnnotationType.points: points} if keypoints else {}
    return Part(document.subset, list(labels), list(items.values()), categories)


def _labels(document: Document, problems: Problems) -> tuple[dict[str, dict[str, Any]], dict[Any, int]]:
    """The categories by their names, which are unique, and for each id of the file the place of its category."""
    entries = document.content["categories"]
    if not all(isinstance(entry, dict) and "id" in entry and "name" in entry for entry in entries):
        msg = f"expected an 'id' and a 'name' in each of the 'categories' of {document.path}, found {entries[:3]}"
        raise UserError(msg)
    unique: dict[str, dict[str, Any]] = {}
    label_of: dict[Any, int] = {}
    entries = _without_parent_class(entries, document, problems)
    for entry in sorted(entries, key=lambda one: (str(type(one["id"])), one["id"])):
        name = str(entry["name"]).strip()
        if unique.setdefault(name, entry) is not entry:
            problems.add("class name given twice, merged", document.path, f"{name!r} (category {entry['id']})")
        label_of[entry["id"]] = list(unique).index(name)
    return unique, label_of


def _name_keypoints(document: Document, problems: Problems) -> None:
    """Number the keypoints of categories that do not name them, as many as their annotations have."""
    counts: dict[Any, int] = {}
    for annotation in document.content["annotations"]:
        if isinstance(annotation, dict) and isinstance(annotation.get("keypoints"), list):
            category = annotation.get("category_id")
            counts[category] = max(counts.get(category, 0), len(annotation["keypoints"]) // 3)
    for entry in document.content["categories"]:
        if isinstance(entry, dict) and counts.get(entry.get("id")) and not entry.get("keypoints"):
            entry["keypoints"] = [str(number + 1) for number in range(counts[entry["id"]])]
            problems.add("keypoints without names, numbered", document.path, str(entry.get("name")))


def _clear_crowds(document: Document, problems: Problems) -> None:
    """Take the mark of crowds from masks where it is on so many that a tool marks each mask, as Datumaro does."""
    entries = document.content["annotations"]
    crowds = [one for one in _dicts(entries) if one.get("iscrowd") and isinstance(one.get("segmentation"), dict)]
    if len(crowds) > _MOST_CROWDS * len(entries):
        message = f"{len(crowds)} of {len(entries)} annotations; the masks are taken for objects"
        problems.add("crowd mark read as the form of a mask", document.path, message)
        for entry in crowds:
            entry["iscrowd"] = 0


def _without_parent_class(
    entries: list[dict[str, Any]], document: Document, problems: Problems
) -> list[dict[str, Any]]:
    """Leave out the class that Roboflow adds as everybody's supercategory and that no annotation uses."""
    parents = {entry.get("supercategory") for entry in entries if entry["name"] != entry.get("supercategory")}
    if len(entries) < 2 or not any(entry["name"] in parents for entry in entries):
        return entries
    used = {annotation.get("category_id") for annotation in document.content["annotations"]}
    kept = [entry for entry in entries if entry["name"] not in parents or entry["id"] in used]
    for entry in entries:
        if entry not in kept:
            problems.add("unused parent class left out", document.path, repr(entry["name"]))
    return kept


def _items(document: Document, tree: DataTree, problems: Problems) -> tuple[dict[Any, DatasetItem], dict[Any, Any]]:
    """An item without annotations for each image, and its size as the file has it, by the id in the file."""
    items: dict[Any, DatasetItem] = {}
    sizes: dict[Any, dict[str, int]] = {}
    for entry in document.content["images"]:
        image_id = entry.get("id")
        where = f"{document.path}, image {image_id}"
        if image_id in items:
            problems.add("image id given twice", where, str(entry["file_name"]))
            continue
        size = {key: int(entry[key]) for key in _SIZE if isinstance(entry.get(key), int | float)}
        both = (size["height"], size["width"]) if len(size) == len(_SIZE) else None
        items[image_id] = listed_item(tree, document.located[image_id], where, problems, both)
        sizes[image_id] = size
    return items, sizes


def _mended(entry: dict[str, Any], where: str, problems: Problems) -> dict[str, Any]:
    """An annotation in the form that Datumaro takes.

    Raises:
        ValueError: The box is none.
    """
    box, segmentation = entry.get("bbox") or [], entry.get("segmentation") or []
    if box and not (isinstance(box, list) and len(box) == 4 and _NUMBERS.issuperset(map(type, box))):
        raise ValueError(f"expected a bbox of 4 numbers, found {box!r}")
    if isinstance(segmentation, list):
        parts = [part for part in segmentation if isinstance(part, list) and len(part) >= 6]
        if len(parts) < sum(map(bool, segmentation)):
            problems.add("polygon of fewer than 3 points dropped", where)
        segmentation = parts
    return entry | {"iscrowd": bool(entry.get("iscrowd")), "bbox": box, "segmentation": segmentation}
