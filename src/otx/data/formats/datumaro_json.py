"""Datumaro's own JSON: files with `categories` and a list `items`; images anywhere below the root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from datumaro import CategoriesInfo
from datumaro.components.annotation import Annotation, AnnotationType, RotatedBbox
from datumaro.components.contexts.importer import ImportContext, ImportErrorPolicy
from datumaro.components.dataset_base import DatasetItem
from datumaro.plugins.data_formats.datumaro.base import JsonReader

from otx.core.errors import UserError
from otx.data.formats.coco_file import Document, find_documents, none_among
from otx.data.formats.reading import Part, Reading, listed_item, reading_annotation
from otx.data.problems import Problems
from otx.data.tree import DataTree

LOOKED_FOR = "a .json file with 'categories' and a list 'items'"
_MARKS = ("categories", "items")


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    documents, others = find_documents(tree, _MARKS, _flaw, _listed)
    if not documents:
        return none_among(others, ".json")
    listed = sum(len(document.content["items"]) for document in documents)
    return Reading(
        reason=f"{', '.join(document.path for document in documents[:4])} list {listed} images",
        images=frozenset().union(*(document.images for document in documents)),
        listed=True,
        read=lambda problems: [_read(document, tree, problems) for document in documents],
    )


def _flaw(content: Any) -> str:  # noqa: ANN401 - JSON
    known = (
        isinstance(content, dict)
        and isinstance(content.get("categories"), dict)
        and isinstance(content.get("items"), list)
        and all(isinstance(item, dict) and isinstance(item.get("id"), str | int) for item in content["items"])
    )
    return "" if known else "has no list 'items' of objects with an id"


def _listed(content: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    for item in content["items"]:
        image = item.get("image")
        yield item["id"], str((isinstance(image, dict) and image.get("path")) or item["id"])


class _Annotations(JsonReader, ImportErrorPolicy):
    """Datumaro's reader of annotations; images are none of its business, so no path of the file is ever joined."""

    def __init__(self) -> None:
        self._ctx = ImportContext(error_policy=self)
        self._subset = ""

    def report_annotation_error(self, error: Exception, *, item_id: tuple[Any, str]) -> NoReturn:
        """Raise what Datumaro has caught."""
        raise error

    def read(self, entry: dict[str, Any]) -> list[Annotation]:
        """The annotation that an entry of the file stands for."""
        if entry.get("type") == AnnotationType.rotated_bbox.name:  # Datumaro knows the kind, but not in this format
            rest = {key: entry.get(key) or 0 for key in ("id", "group", "z_order")}
            attributes = entry.get("attributes") or {}
            return [RotatedBbox(*entry["points"], label=entry.get("label_id"), attributes=attributes, **rest)]
        read: list[Annotation] = self._load_annotations({"annotations": [entry]})
        return read

    @classmethod
    def read_categories(cls, content: dict[str, Any]) -> CategoriesInfo:
        """What Datumaro makes of the `categories` of a file."""
        categories: CategoriesInfo = cls._load_categories({"categories": content})
        return categories


def _read(document: Document, tree: DataTree, problems: Problems) -> Part:
    """Read one annotation file, whose content is used up."""
    categories, new_ids = _categories(document, problems)
    reader = _Annotations()
    items: dict[Any, DatasetItem] = {}
    for entry in document.content["items"]:
        image = f"{document.path}, image {entry['id']}"
        place = document.located[entry["id"]]
        if entry["id"] in items:
            problems.add("image id given twice", image, str(place))
            continue
        items[entry["id"]] = item = listed_item(tree, place, image, problems, _size(entry.get("image")))
        item.attributes = entry.get("attr") or {}
        for number, annotation in enumerate(entry.get("annotations") or (), start=1):
            where = f"{image}, annotation {number}"
            with reading_annotation(problems, where):
                for one in reader.read(annotation):
                    if _has_known_label(one, new_ids, where, problems):
                        item.annotations.append(one)
    labels = [label.name for label in categories[AnnotationType.label]]
    return Part(document.subset, labels, list(items.values()), categories)


def _has_known_label(annotation: Any, new_ids: list[int], where: str, problems: Problems) -> bool:  # noqa: ANN401
    """Let an annotation index the merged classes, in place; False: its class is not declared."""
    label = getattr(annotation, "label", None)
    if label is None:
        return True
    if not 0 <= label < len(new_ids):
        problems.add("annotation of an unknown class", where, f"label_id {label!r}", bad=True)
        return False
    annotation.label = new_ids[label]
    return True


def _size(image: Any) -> tuple[int, int] | None:  # noqa: ANN401 - JSON
    """Height and width, where the file has them."""
    size = image.get("size") if isinstance(image, dict) else None
    return (int(size[0]), int(size[1])) if isinstance(size, list) and len(size) == 2 else None


def _categories(document: Document, problems: Problems) -> tuple[CategoriesInfo, list[int]]:
    """What Datumaro makes of the categories, names made unique, and for each `label_id` of the file the new one."""
    content = document.content["categories"]
    declared = content.get("label") or {}
    unique: dict[str, dict[str, Any]] = {}
    new_ids: list[int] = []
    for position, entry in enumerate(declared.get("labels") or ()):
        name = str(entry.get("name", "")).strip() if isinstance(entry, dict) else ""
        if not name:
            raise UserError(f"expected a 'name' in each of the labels of {document.path}, found {entry!r}")
        if name in unique:
            problems.add("class name given twice, merged", document.path, f"{name!r} (label {position})")
        unique.setdefault(name, {"name": name, "parent": str(entry.get("parent") or "").strip()})
        new_ids.append(list(unique).index(name))
    groups = [
        {"name": str(group["name"]), "labels": [str(name).strip() for name in group["labels"]]}
        | {"group_type": str(group.get("group_type") or "exclusive")}
        for group in declared.get("label_groups") or ()
        if group.get("labels")
    ]
    points = content.get("points") or {"items": []}
    points["items"] = [entry | {"label_id": new_ids[int(entry["label_id"])]} for entry in points["items"]]
    kept = {"label": {"labels": list(unique.values()), "label_groups": groups}}
    if points["items"]:
        kept["points"] = points
    try:
        return _Annotations.read_categories(kept), new_ids
    except (KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise UserError(f"cannot read the categories of {document.path}: {type(error).__name__}: {error}") from error
