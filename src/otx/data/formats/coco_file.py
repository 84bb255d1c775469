"""One JSON file of annotations (COCO's or Datumaro's own), before Datumaro reads it."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from otx.core.errors import UserError
from otx.data.subset_names import UNASSIGNED, subset_of_path
from otx.data.tree import Absent, DataTree, folder_of, stem, suffix


@dataclass
class Document:
    """One annotation file.

    Attributes:
        path: Relative path of the JSON file.
        content: The parsed JSON.
        subset: Which subset it is about.
        located: Image id -> relative path of the image, or why there is none.
    """

    path: str
    content: dict[str, Any]
    subset: str
    located: dict[Any, str | Absent]

    @property
    def images(self) -> set[str]:
        """Relative paths of the images that are there."""
        return {place for place in self.located.values() if isinstance(place, str)}


def find_documents(
    tree: DataTree,
    marks: Sequence[str],
    flaw: Callable[[Any], str],
    listed: Callable[[dict[str, Any]], Iterable[tuple[Any, str]]],
) -> tuple[list[Document], list[str]]:
    """The JSON files of a format, and a line on each of the others.

    Args:
        tree: Where they are looked for.
        marks: Keys that a file of the format has; one that lacks them is not parsed.
        flaw: Why a content is not of the format, as the predicate of a sentence; empty if it is.
        listed: Id and name of each image that a content lists.

    Raises:
        UserError: A file is broken, and was of the format once; the message names the line.
    """
    documents: list[Document] = []
    others: list[str] = []
    for path in tree.with_suffix(".json"):
        data = tree.files[path].read_bytes()
        missing = [repr(mark) for mark in marks if f'"{mark}"'.encode() not in data]
        content: Any = None if missing else _parse(tree, path, data)
        why = f"has no {' and no '.join(missing)}" if missing else flaw(content)
        if why:
            others.append(f"{path} {why}")
        else:
            subset = subset_of_path(path) or UNASSIGNED
            documents.append(Document(path, content, subset, _located(tree, path, subset, listed(content))))
    return documents, others


def none_among(others: Sequence[str], kind: str) -> str:
    """What to say when no file of a kind (`.json`) is of a format."""
    return f"found no such file among {len(others)} {kind}: {'; '.join(others[:3])}" if others else f"found no {kind}"


def _parse(tree: DataTree, path: str, data: bytes) -> Any:  # noqa: ANN401 - JSON
    import orjson  # Datumaro brings it

    try:
        return orjson.loads(data.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError as error:
        number = next((word for word in ("NaN", "Infinity") if error.doc.startswith(word, error.pos)), "")
        why = f"{number} is not in JSON, write null or leave the entry out" if number else error.msg
        msg = f"{tree.files[path]}:{error.lineno}: broken JSON, {why} (column {error.colno})"
        raise UserError(msg) from error


def _located(tree: DataTree, path: str, subset: str, listed: Iterable[tuple[Any, str]]) -> dict[Any, str | Absent]:
    """Where the images lie that a document lists; a name without a suffix stands for any image of that stem."""
    folder = folder_of(path)
    above = folder_of(folder)
    shared = f"{above}/" if above else ""
    folders = [f"{shared}{images}{name}" for name in (stem(path), subset) for images in ("images/", "")]
    folders = [*dict.fromkeys([*folders, f"{shared}images", folder, above, ""])]
    wanted = subset_of_path(path)
    located: dict[Any, str | Absent] = {}
    for image_id, name in listed:
        find = tree.locate if suffix(name) else tree.locate_image
        located.setdefault(image_id, find(name, folders, wanted))
    return located
