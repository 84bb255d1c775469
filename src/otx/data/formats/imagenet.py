"""ImageNet-like folders: `[train|val|test/]class/image`; a class may have folders of its own below it."""

from __future__ import annotations

from otx.data.formats.class_folders import ClassFolders, class_folders
from otx.data.formats.reading import Part, Reading
from otx.data.problems import Problems
from otx.data.tree import DataTree

NAME = "imagenet"
LOOKED_FOR = "one folder of images per class, in the data root or in folders train, val, test"


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    if not tree.images:
        return "found no images"
    folders = class_folders(tree.images, "image")
    if isinstance(folders, str):
        return folders
    return Reading(
        format=NAME,
        reason=folders.reason,
        images=frozenset(tree.images),
        explicit=False,
        read=lambda problems: _read(tree, folders, problems),
    )


def _read(tree: DataTree, folders: ClassFolders, problems: Problems) -> list[Part]:
    """Datumaro's own reader of this format loses images that differ in their suffix only, and follows links out."""
    from datumaro.components.media import Image

    return folders.parts("image", problems, lambda image: Image.from_file(path=str(tree.files[image])))
