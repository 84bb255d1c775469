"""ImageNet-like folders: `[train|val|test/]class/image`; a class may have folders of its own below it.

Datumaro's own reader of this format loses images that differ in their suffix only, and follows links out.
"""

from __future__ import annotations

from datumaro.components.media import Image

from otx.data.formats.class_folders import class_folders
from otx.data.formats.reading import Reading
from otx.data.tree import DataTree

LOOKED_FOR = "one folder of images per class, in the data root or in folders train, val, test"


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    if not tree.images:
        return "found no images"
    return class_folders(tree.images, "image", tree.images, lambda path: Image.from_file(path=str(tree.files[path])))
