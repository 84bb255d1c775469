"""Datumaro's YOLO reader, given the images and label files that were found, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from datumaro.components.annotation import Annotation, LabelCategories
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image
from datumaro.plugins.data_formats.yolo.base import YoloLooseBase

from otx.data.formats.reading import UnreadableImageError, collecting, set_image
from otx.data.images import BrokenImageError, image_size
from otx.data.problems import Problems
from otx.data.tree import DataTree

if TYPE_CHECKING:
    from datumaro.components.importer import ImportContext


class _Reader(YoloLooseBase):
    """Boxes are relative to the image as it is shown; Datumaro by itself takes its size from before the rotation."""

    def __init__(self, tree: DataTree, image_of: Mapping[str, str], names: list[str], ctx: ImportContext) -> None:
        self._tree = tree
        self._names = names
        self._image_of = image_of
        super().__init__(str(tree.root), urls=list(image_of), ctx=ctx)

    def _load_categories(self, names_path: str) -> LabelCategories:
        return LabelCategories.from_iterable(self._names)

    def _load_img_files(self, rootpath: str) -> dict[str, str]:
        return {label: str(self._tree.files[image]) for label, image in self._image_of.items()}

    def _get_fname(self, fpath: str) -> str:
        return fpath

    def _parse_annotations(self, anno_path: str, image: Image, label_categories: LabelCategories) -> list[Annotation]:
        try:
            image = Image.from_file(path=image.path, size=image_size(Path(image.path)))
        except BrokenImageError as error:
            raise UnreadableImageError(str(error)) from error
        found: list[Annotation] = super()._parse_annotations(str(self._tree.files[anno_path]), image, label_categories)
        return found


def read_labels(
    tree: DataTree,
    label_of: Mapping[str, str],
    names: Mapping[int, str],
    wanted: Iterable[str],
    problems: Problems,
) -> tuple[list[DatasetItem], list[str]]:
    """Read the boxes of images.

    Args:
        tree: Where the files are.
        label_of: Image -> its label file.
        names: Class id -> name; if empty, the classes are named after their ids.
        wanted: The images to read; those without a label file have no objects.
        problems: Takes what cannot be read.

    Returns:
        One item per image, and the class names that its annotations index.
    """
    image_of = {label_of[image]: image for image in wanted if image in label_of}
    highest = max(names, default=-1)
    if not names:
        highest = max((_highest_id(tree, path) for path in image_of), default=-1)
        problems.add("class names are missing", "data.yaml", f"classes are called class_0 to class_{highest}")
    labels = [names.get(number, f"class_{number}") for number in range(highest + 1)]
    unique = list(dict.fromkeys(labels))
    if len(unique) < len(labels):
        twice = sorted({name for name in unique if labels.count(name) > 1})
        problems.add("class name given twice, merged", "names", ", ".join(twice))
    # Datumaro wants unique names; ids are mapped to the merged classes below.
    reader = _Reader(tree, image_of, list(map(str, range(len(labels)))), collecting(problems, str))
    items: list[DatasetItem] = list(reader)
    for item in items:
        for annotation in item.annotations:
            annotation.label = unique.index(labels[annotation.label])
        set_image(item, tree, image_of[item.id])
    for image in wanted:
        if image not in label_of:
            item = DatasetItem(id=image)
            set_image(item, tree, image)
            items.append(item)
    return items, unique


def _highest_id(tree: DataTree, path: str) -> int:
    words = (line.split()[0] for line in tree.read_text(path).splitlines() if line.strip())
    return max((int(word) for word in words if word.isdigit()), default=-1)
