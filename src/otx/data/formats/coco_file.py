"""One annotation file of a COCO data set, before Datumaro reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from otx.core.errors import UserError
from otx.data.problems import MISSING_IMAGE, OUTSIDE, Problems
from otx.data.subset_names import subset_of_path
from otx.data.tree import DataTree, NotLocatedError


@dataclass
class Document:
    """One annotation file.

    Attributes:
        path: Relative path of the JSON file.
        content: The parsed JSON.
        subset: Which subset it is about.
        located: Image id -> relative path of the image, "" if it is missing; nothing if it lies outside the root.
        problems: Images that could not be located.
    """

    path: str
    content: dict[str, Any]
    subset: str
    located: dict[int, str] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)


def parse_json(tree: DataTree, path: str, others: list[str]) -> Any:  # noqa: ANN401 - JSON
    """Content of a JSON file; None, and a line in `others`, if it is broken and cannot have been COCO.

    Raises:
        UserError: It is broken, and was COCO once; the message names the line.
    """
    import orjson  # Datumaro brings it

    try:
        return orjson.loads(tree.files[path].read_bytes())
    except orjson.JSONDecodeError as error:
        text = tree.files[path].read_text(encoding="utf-8", errors="replace")
        if '"annotations"' in text and '"images"' in text:
            msg = f"{tree.files[path]}:{error.lineno}: broken JSON, {error.msg} (column {error.colno})"
            raise UserError(msg) from error
        others.append(f"{path} is broken JSON (line {error.lineno}: {error.msg})")
        return None


def locate_images(tree: DataTree, document: Document) -> None:
    """Find the files of the images that a document lists, wherever they lie, and note those that are not there."""
    folder = document.path.rpartition("/")[0]
    above = folder.rpartition("/")[0]
    subset = document.subset
    shared = f"{above}/" if above else ""
    folders = [f"{shared}images/{subset}", f"{shared}{subset}", f"{shared}images", folder, above, ""]
    folders = [*dict.fromkeys(folders)]
    wanted = subset_of_path(document.path)
    for image in document.content["images"]:
        try:
            path = tree.locate(str(image.get("file_name")), folders, wanted)
        except NotLocatedError as error:
            kind = OUTSIDE if error.outside else MISSING_IMAGE
            document.problems.add(kind, f"{document.path}, image {image.get('id')}", str(error), bad=True)
            if error.outside:
                continue
            path = ""
        document.located.setdefault(image.get("id"), path)
