"""One JSON file of annotations (COCO's or Datumaro's own), before Datumaro reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from otx.core.errors import UserError
from otx.data.problems import MISSING_IMAGE, OUTSIDE, Problems
from otx.data.subset_names import UNASSIGNED, subset_of_path
from otx.data.tree import DataTree, NotLocatedError, stem, suffix


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
    located: dict[Any, str] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)


def find_documents(
    tree: DataTree, marks: Sequence[str], flaw: Callable[[Any], str]
) -> tuple[list[Document], list[str]]:
    """The JSON files of a format, and a line on each of the others.

    Args:
        tree: Where they are looked for.
        marks: Keys that a file of the format has.
        flaw: Why a content is not of the format, as the predicate of a sentence; empty if it is.
    """
    documents: list[Document] = []
    others: list[str] = []
    for path in tree.with_suffix(".json"):
        content = parse_json(tree, path, others, marks)
        if content is None:
            continue
        if why := flaw(content):
            others.append(f"{path} {why}")
        else:
            documents.append(Document(path, content, subset_of_path(path) or UNASSIGNED))
    return documents, others


def none_among(others: Sequence[str]) -> str:
    """What to say when no JSON file is of a format."""
    return f"found no such file among {len(others)} .json: {'; '.join(others[:3])}" if others else "found no .json"


def parse_json(tree: DataTree, path: str, others: list[str], marks: Sequence[str]) -> Any:  # noqa: ANN401 - JSON
    """Content of a JSON file; None, and a line in `others`, if it cannot be of the format.

    Args:
        tree: Where the file is.
        path: Its relative path.
        others: Takes what was found instead.
        marks: Keys that a file of the format has; one that lacks them is not parsed.

    Raises:
        UserError: It is broken, and was of the format once; the message names the line.
    """
    import orjson  # Datumaro brings it

    data = tree.files[path].read_bytes()
    missing = [mark for mark in marks if f'"{mark}"'.encode() not in data]
    if missing:
        others.append(f"{path} has no {' and no '.join(map(repr, missing))}")
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        msg = f"{tree.files[path]}:{error.lineno}: broken JSON, {error.msg} (column {error.colno})"
        raise UserError(msg) from error


def locate_images(tree: DataTree, document: Document, listed: Iterable[tuple[Any, str]]) -> None:
    """Find the files of the images that a document lists, wherever they lie, and note those that are not there.

    Args:
        tree: Where they are looked for.
        document: Gets their paths.
        listed: Id and name of each image; a name without a suffix stands for the image of that stem.
    """
    folder = document.path.rpartition("/")[0]
    above = folder.rpartition("/")[0]
    shared = f"{above}/" if above else ""
    names = (stem(document.path), document.subset)
    folders = [f"{shared}{images}{name}" for name in names for images in ("images/", "")]
    folders = [*dict.fromkeys([*folders, f"{shared}images", folder, above, ""])]
    wanted = subset_of_path(document.path)
    for image_id, name in listed:
        find = tree.locate if suffix(name) else tree.locate_image
        try:
            path = find(name, folders, wanted)
        except NotLocatedError as error:
            kind = OUTSIDE if error.outside else MISSING_IMAGE
            document.problems.add(kind, f"{document.path}, image {image_id}", str(error), bad=True)
            if error.outside:
                continue
            path = ""
        document.located.setdefault(image_id, path)
