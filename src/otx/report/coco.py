"""Predictions in COCO's results format (cocodataset.org/#format-results), with the ids of an annotation file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from otx.core.errors import UserError
from otx.core.label_info import LabelInfo
from otx.core.masks import from_polygons, to_json

SHOWN = 3
"""Names in a message."""


@dataclass(frozen=True)
class CocoIds:
    """How an annotation file calls images and classes.

    Attributes:
        path: The file.
        images: The parts of each `file_name` -> id.
        categories: Name of each class of the model -> id.
    """

    path: Path
    images: Mapping[tuple[str, ...], Any]
    categories: Mapping[str, Any]

    def of_inputs(self, inputs: Sequence[Path | str]) -> set[Any]:
        """The ids of images that are to be predicted.

        Raises:
            UserError: The file does not list one of them.
        """
        ids = {source: self.image_id(source) for source in inputs}
        unknown = [str(source) for source, image_id in ids.items() if image_id is None]
        if unknown:
            listed = ", ".join("/".join(name) for name in list(self.images)[:SHOWN])
            raise UserError(
                f"--coco: expected inputs that end with a 'file_name' of {self.path}, such as {listed}; found "
                f"{len(unknown)} of {len(inputs)} that do not: {', '.join(unknown[:SHOWN])}. "
                "Name the annotations of these images, or only the images of these annotations."
            )
        return set(ids.values())

    def image_id(self, source: Path | str) -> Any:  # noqa: ANN401 - a number, in most files
        """The id of the image whose `file_name` a path ends with, the longest one; None if there is none."""
        parts = Path(source).absolute().parts
        return next((self.images[parts[i:]] for i in range(len(parts)) if parts[i:] in self.images), None)

    def results(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        """An entry for each object of a record of `predictions.json`."""
        ids, size = {"image_id": self.image_id(record["image"])}, (record["height"], record["width"])
        return [ids | self._result(entry, size) for entry in record["objects"]]

    def _result(self, entry: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
        left, top, right, bottom = entry["bbox"]
        result = {
            "category_id": self.categories[entry["label"]],
            "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
            "score": entry["score"],
        }
        if "mask" in entry:
            result["segmentation"] = entry["mask"]
        if "polygon" in entry:
            result["segmentation"] = to_json(from_polygons([entry["polygon"]], size))
        if "keypoints" in entry:
            result["keypoints"] = [value for point in entry["keypoints"] for value in point]
        return result


def read_coco_ids(path: Path, labels: LabelInfo) -> CocoIds:
    """The ids of an annotation file, or of any JSON with `images` and `categories` as COCO has them.

    Args:
        path: The file.
        labels: Of the model.

    Raises:
        UserError: It is no such file, calls two images or classes by one name, or lacks a class of the model.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        images = [(PurePath(str(one["file_name"])).parts, one["id"]) for one in content["images"]]
        named = [(str(one["name"]).strip(), one["id"]) for one in content["categories"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"--coco: expected a JSON file with 'images' (id, file_name) and 'categories' (id, name), found "
            f"{type(error).__name__}: {error} in {path}"
        ) from error
    categories = _once(named, path, "name of a category")
    missing = [name for name in labels.names if name not in categories]
    if missing:
        raise UserError(
            f"--coco: expected the classes of the model among the 'categories' of {path}, which are "
            f"{', '.join(list(categories)[:10]) or 'none'}; found none for {', '.join(missing[:10])}"
        )
    return CocoIds(path, _once(images, path, "file_name"), {name: categories[name] for name in labels.names})


def _once(pairs: Iterable[tuple[Any, Any]], path: Path, what: str) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            msg = f"--coco: expected each {what} once in {path}, found {name!r} twice: ids {found[name]}, {value}"
            raise UserError(msg)
        found[name] = value
    return found
