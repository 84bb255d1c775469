"""Datumaro's VOC reader, given the images and annotation files that were found, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from datumaro.components.annotation import AnnotationType, Bbox, LabelCategories
from datumaro.components.dataset_base import DatasetItem, SubsetBase
from datumaro.plugins.data_formats.voc.base import VocBase
from datumaro.plugins.data_formats.voc.format import VocTask

from otx.data.formats.reading import collecting, set_image
from otx.data.problems import Problems
from otx.data.tree import DataTree

if TYPE_CHECKING:
    from datumaro.components.importer import ImportContext


class _Reader(VocBase):
    """Reads boxes; classes become known as they are met (VOC declares them nowhere)."""

    def __init__(
        self, root: str, xmls_without_suffix: Iterable[str], declared: Iterable[str], ctx: ImportContext
    ) -> None:
        SubsetBase.__init__(self, ctx=ctx)
        self._task = VocTask.voc_detection
        self._coordinate_mode = "voc-one-based"
        self._anno_dir = root
        self._image_dir = f"{root}/none"  # <filename> is joined to it, but images are found by us
        self._path = ""
        self._categories = {AnnotationType.label: LabelCategories.from_iterable(dict.fromkeys(declared))}
        self._items = dict.fromkeys(xmls_without_suffix)

    def _get_label_id(self, label: str) -> int:
        labels = self._categories[AnnotationType.label]
        position: int | None = labels.find(label.strip())[0]
        return labels.add(label.strip()) if position is None else position


def read_annotations(
    tree: DataTree, xml_of: Mapping[str, str], declared: Iterable[str], wanted: Iterable[str], problems: Problems
) -> tuple[list[DatasetItem], list[str]]:
    """Read the boxes of images.

    Args:
        tree: Where the files are.
        xml_of: Image -> its annotation file.
        declared: Classes that the data set names outside its annotations.
        wanted: The images to read; those without annotation file have no objects.
        problems: Takes what cannot be read.

    Returns:
        One item per image, and the class names that its annotations index.
    """
    image_of = {xml_of[image].removesuffix(".xml"): image for image in wanted if image in xml_of}
    ctx = collecting(problems, lambda item_id: f"{item_id}.xml")
    reader = _Reader(str(tree.root), image_of, declared, ctx)
    items: list[DatasetItem] = list(reader)
    for item in items:
        set_image(item, tree, image_of[item.id])
    if not _one_based(items):
        for box in _boxes(items):
            box.points = [box.points[0] + 1, box.points[1] + 1, *box.points[2:]]
    for image in wanted:
        if image not in xml_of:
            item = DatasetItem(id=image)
            set_image(item, tree, image)
            items.append(item)
    return items, [entry.name for entry in reader.categories()[AnnotationType.label]]


def _boxes(items: Iterable[DatasetItem]) -> Iterable[Bbox]:
    return (box for item in items for box in item.annotations)


def _one_based(items: Iterable[DatasetItem]) -> bool:
    """VOC counts pixels from 1; a file with a box that starts at 0 was written by a tool that counts from 0."""
    return all(min(box.points[:2]) >= 0 for box in _boxes(items))
