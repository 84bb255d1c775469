"""A JSON file of Datumaro, read by Datumaro's own code, annotation by annotation, with images wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datumaro.components.annotation import Annotation, AnnotationType, RotatedBbox
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image
from datumaro.plugins.data_formats.datumaro.base import JsonReader

from otx.core.errors import UserError
from otx.data.formats.coco_file import Document
from otx.data.formats.reading import Part, collecting
from otx.data.problems import BAD_ANNOTATION, Problems
from otx.data.tree import DataTree

if TYPE_CHECKING:
    import datumaro as dm
    from datumaro.components.importer import ImportContext


class _Annotations(JsonReader):
    """Datumaro's reader of annotations; images are none of its business, so no path of the file is ever joined."""

    def __init__(self, ctx: ImportContext) -> None:
        self._ctx = ctx
        self._subset = ""

    def read(self, entry: dict[str, Any]) -> list[Annotation]:
        """The annotation that an entry of the file stands for, or none if it is unreadable and has been reported."""
        if entry.get("type") == AnnotationType.rotated_bbox.name:  # Datumaro knows the kind, but not in this format
            rest = {key: entry.get(key) or 0 for key in ("id", "group", "z_order")}
            attributes = entry.get("attributes") or {}
            return [RotatedBbox(*entry["points"], label=entry.get("label_id"), attributes=attributes, **rest)]
        read: list[Annotation] = self._load_annotations({"annotations": [entry]})
        return read

    @classmethod
    def read_categories(cls, content: dict[str, Any]) -> dm.CategoriesInfo:
        """What Datumaro makes of the `categories` of a file."""
        categories: dm.CategoriesInfo = cls._load_categories({"categories": content})
        return categories


def read_items(document: Document, tree: DataTree, problems: Problems) -> Part:
    """Read one annotation file.

    Args:
        document: The file; its content is used up.
        tree: Where the images are.
        problems: Takes what cannot be read.

    Raises:
        UserError: The categories cannot be understood.
    """
    categories, new_ids = _categories(document, problems)
    where = ""
    reader = _Annotations(collecting(problems, lambda _: where))
    items: dict[Any, DatasetItem] = {}
    for entry in document.content["items"]:
        path = document.located.get(entry["id"])
        if path is None:
            continue  # the image outside the data root has been reported
        if entry["id"] in items:
            problems.add("image id given twice", f"{document.path}, image {entry['id']}", path)
            continue
        item = DatasetItem(id=path or f"{document.path}, image {entry['id']}", attributes=entry.get("attr") or {})
        for number, annotation in enumerate(entry.get("annotations") or ()):
            where = f"{document.path}, image {entry['id']}, annotation {number + 1}"
            for one in _read_one(reader, annotation, where, problems):
                if _has_known_label(one, new_ids, where, problems):
                    item.annotations.append(one)
        if path:
            item.media = Image.from_file(path=str(tree.files[path]), size=_size(entry.get("image")))
        items[entry["id"]] = item
    labels = [label.name for label in categories[AnnotationType.label]]
    return Part(document.subset, labels, list(items.values()), categories)


def _read_one(reader: _Annotations, entry: Any, where: str, problems: Problems) -> list[Annotation]:  # noqa: ANN401
    try:
        return reader.read(entry)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problems.add(BAD_ANNOTATION, where, f"{type(error).__name__}: {error}", bad=True)
        return []


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


def _categories(document: Document, problems: Problems) -> tuple[dm.CategoriesInfo, list[int]]:
    """What Datumaro makes of the categories, names made unique, and for each `label_id` of the file the new one."""
    content = document.content["categories"]
    declared = content.get("label") or {}
    unique: dict[str, dict[str, Any]] = {}
    new_ids: list[int] = []
    for position, entry in enumerate(declared.get("labels") or ()):
        name = str(entry.get("name", "")).strip() if isinstance(entry, dict) else ""
        if not name:
            msg = f"expected a 'name' in each of the labels of {document.path}, found {entry!r}"
            raise UserError(msg)
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
    kept = {"label": {"labels": list(unique.values()), "label_groups": groups}} | (
        {"points": points} if points["items"] else {}
    )
    try:
        return _Annotations.read_categories(kept), new_ids
    except (KeyError, TypeError, ValueError, NotImplementedError) as error:
        msg = f"cannot read the categories of {document.path}: {type(error).__name__}: {error}"
        raise UserError(msg) from error
