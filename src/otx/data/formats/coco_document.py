"""A COCO file that people really write, made into what Datumaro's COCO reader takes.

Datumaro asks for unique category names and for `iscrowd`, `bbox` and ids everywhere, reads category 0 as "no class",
and drops a whole annotation for one polygon of two points. Each of these is mended here and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset_base import SubsetBase
from datumaro.plugins.data_formats.coco.base import CocoInstancesBase
from datumaro.plugins.data_formats.coco.format import CocoTask

from otx.core.errors import UserError
from otx.data.formats.coco_file import Document
from otx.data.formats.reading import Part, collecting, set_image
from otx.data.problems import BAD_ANNOTATION, Problems
from otx.data.tree import DataTree

if TYPE_CHECKING:
    from datumaro.components.importer import ImportContext

_NUMBERS = frozenset({int, float})


class _Reader(CocoInstancesBase):
    """Datumaro's reader, fed with a parsed document and with images wherever they are."""

    def __init__(self, content: dict[str, Any], task: CocoTask, subset: str, ctx: ImportContext) -> None:
        SubsetBase.__init__(self, subset=subset, ctx=ctx)
        # Never opened: images are numbers by now, and get their paths afterwards. Datumaro resolves links in each path
        # that it makes, which is cheap here and a second per 10,000 images in a real folder.
        self._path = self._rootpath = self._images_dir = "/"
        self._task = task
        self._merge_instance_polygons = self._stream = False
        self._page_mapper = self._mask_dir = None
        self._label_map: dict[int, int] = {}
        self._load_label_categories(content["categories"], keep_original_ids=False)
        if task is CocoTask.person_keypoints:
            self._load_person_kp_categories(content["categories"])
        self._items = self._load_items(content)


def read_document(document: Document, tree: DataTree, problems: Problems) -> Part:
    """Read one annotation file.

    Args:
        document: The file; its content is used up.
        tree: Where the images are.
        problems: Takes what had to be mended, and what could not be.

    Raises:
        UserError: The categories cannot be understood.
    """
    content = document.content
    _name_keypoints(document, problems)
    keypoints = any(entry.get("keypoints") for entry in content["categories"] if isinstance(entry, dict))
    new_ids = _mend_categories(document, problems, keypoints=keypoints)
    ids = _mend_images(document, problems)
    content["annotations"] = [
        annotation
        for position, annotation in enumerate(content["annotations"])
        if _mend_annotation(annotation, position, new_ids=new_ids, images=ids, document=document, problems=problems)
    ]
    images = list(document.located.items())
    ctx = collecting(problems, lambda item_id: f"{document.path}, id {item_id}")
    task = CocoTask.person_keypoints if keypoints else CocoTask.instances
    reader = _Reader(content, task, document.subset, ctx)
    items = sorted(reader, key=lambda item: item.id)
    for item in items:
        item.annotations.reverse()  # Datumaro reads the list from its end
        image_id, path = images[int(item.id)]
        if path:
            set_image(item, tree, path)
        else:
            item.id, item.media = f"{document.path}, image {image_id}", None
    categories = reader.categories()
    return Part(document.subset, [entry.name for entry in categories[AnnotationType.label]], items, categories)


def _mend_categories(document: Document, problems: Problems, *, keypoints: bool) -> dict[Any, int]:
    """Give categories unique names and ids from 1 on.

    Returns:
        The id in the file -> the new id.
    """
    entries = document.content["categories"]
    if not all(isinstance(entry, dict) and "id" in entry and "name" in entry for entry in entries):
        msg = f"expected an 'id' and a 'name' in each of the 'categories' of {document.path}, found {entries[:3]}"
        raise UserError(msg)
    entries = _without_parent_class(entries, document, problems)
    unique: dict[str, dict[str, Any]] = {}
    new_ids: dict[Any, int] = {}
    for entry in sorted(entries, key=lambda one: (str(type(one["id"])), one["id"])):
        name = str(entry["name"]).strip()
        if name in unique:
            problems.add("class name given twice, merged", document.path, f"{name!r} (category {entry['id']})")
        else:
            unique[name] = {"id": len(unique) + 1, "name": name}
            if keypoints:
                unique[name] |= {"keypoints": entry.get("keypoints", []), "skeleton": entry.get("skeleton", [])}
        new_ids[entry["id"]] = unique[name]["id"]
    document.content["categories"] = list(unique.values())
    return new_ids


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


def _mend_images(document: Document, problems: Problems) -> dict[Any, int]:
    """Keep the images that lie in the data root, or would, under new ids.

    Returns:
        The id in the file -> the new id, or -1 where the image is left out.
    """
    kept: list[dict[str, Any]] = []
    new_ids: dict[Any, int] = {}
    for entry in document.content["images"]:
        image_id = entry.get("id")
        if image_id in new_ids:
            problems.add("image id given twice", f"{document.path}, image {image_id}", str(entry.get("file_name")))
            continue
        new_ids[image_id] = len(kept) if image_id in document.located else -1
        if new_ids[image_id] < 0:
            continue
        size = {key: int(entry[key]) for key in ("height", "width") if isinstance(entry.get(key), int | float)}
        kept.append({"id": len(kept), "file_name": f"{len(kept):09}"} | size)
    document.content["images"] = kept
    return new_ids


def _mend_annotation(
    annotation: Any,  # noqa: ANN401 - JSON
    position: int,
    *,
    new_ids: dict[Any, int],
    images: dict[Any, int],
    document: Document,
    problems: Problems,
) -> bool:
    """Bring an annotation into the form that Datumaro takes, in place; False: it cannot be used."""
    if not isinstance(annotation, dict):
        problems.add(BAD_ANNOTATION, f"{document.path}, annotation number {position + 1}", repr(annotation), bad=True)
        return False
    where = f"{document.path}, annotation {annotation.get('id', f'number {position + 1}')}"
    image, category = annotation.get("image_id"), annotation.get("category_id")
    if image not in images:
        problems.add("annotation of an image that is not listed", where, f"image_id {image!r}", bad=True)
        return False
    if category not in new_ids:
        problems.add("annotation of an unknown class", where, f"category_id {category!r}", bad=True)
        return False
    if images[image] < 0:
        return False  # the image outside the data root has been reported
    annotation["image_id"] = images[image]
    annotation["category_id"] = new_ids[category]
    annotation["id"] = position + 1
    annotation["iscrowd"] = int(bool(annotation.get("iscrowd")))
    annotation["bbox"] = annotation.get("bbox") or []
    segmentation = annotation.get("segmentation") or []
    if isinstance(segmentation, list):
        parts = [part for part in segmentation if isinstance(part, list) and len(part) >= 6]
        if len(parts) < sum(map(bool, segmentation)):
            problems.add("polygon of fewer than 3 points dropped", where)
        segmentation = parts
    annotation["segmentation"] = segmentation
    if annotation["bbox"] and not _is_box(annotation["bbox"]):
        problems.add(BAD_ANNOTATION, where, f"expected a bbox of 4 numbers, found {annotation['bbox']!r}", bad=True)
        return False
    return True


def _is_box(box: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(box, list) and len(box) == 4 and _NUMBERS.issuperset(map(type, box))
