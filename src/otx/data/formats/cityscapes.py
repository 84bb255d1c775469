"""Cityscapes: `*_leftImg8bit` images with `*_gtFine_*Ids` masks, in folders of the subsets."""

from __future__ import annotations

import re

from datumaro.plugins.data_formats.cityscapes import CITYSCAPES_LABEL_MAP, TRAIN_CITYSCAPES_LABEL_MAP

from otx.data.formats.label_map import LabelMap
from otx.data.formats.mask_files import read_masks
from otx.data.formats.reading import Part, Reading
from otx.data.problems import Problems
from otx.data.subset_names import UNASSIGNED, subset_of_folder
from otx.data.tree import DataTree, stem

LOOKED_FOR = "masks *_gtFine_labelTrainIds.png, *_labelIds.png or *_instanceIds.png, and images *_leftImg8bit"

_MASK = re.compile(r"(.+)_gt(?:Fine|Coarse)_(labelTrainIds|labelIds|instanceIds)")
_IMAGE = "_leftImg8bit"


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    masks: dict[str, list[str]] = {kind: [] for kind in ("labelTrainIds", "labelIds", "instanceIds")}
    for path in tree.with_suffix(".png"):
        if match := _MASK.fullmatch(stem(path)):
            masks[match.group(2)].append(path)
    kind = max(masks, key=lambda one: len(masks[one]))  # of equals the first
    if not masks[kind]:
        return "found no such masks"
    subset_of = {path: subset_of_folder(path) or UNASSIGNED for path in tree.images if stem(path).endswith(_IMAGE)}
    return Reading(
        reason=f"{len(masks[kind])} masks *_{kind}.png",
        images=frozenset(subset_of),
        read=lambda problems: _read(tree, masks[kind], kind, subset_of, problems),
    )


def _read(tree: DataTree, masks: list[str], kind: str, subset_of: dict[str, str], problems: Problems) -> list[Part]:
    mask_of: dict[str, str] = {}
    for mask in masks:
        name = stem(mask).rsplit("_", 2)[0]
        image = tree.locate_image(f"{name}{_IMAGE}", subset=subset_of_folder(mask))
        if isinstance(image, str):
            mask_of[image] = mask
        else:
            problems.add(image.kind, mask, image.message, bad=True)
    return read_masks(tree, mask_of, subset_of, problems, _label_map(kind))


def _label_map(kind: str) -> LabelMap:
    """The 19 classes that Cityscapes evaluates; its other ids are ignored, as its own scripts do."""
    classes = [name for name in TRAIN_CITYSCAPES_LABEL_MAP if name != "background"]
    if kind == "labelTrainIds":
        return LabelMap(by_value=dict(enumerate(classes)))
    names = {i: name if name in classes else None for i, name in enumerate(CITYSCAPES_LABEL_MAP)}
    if kind == "instanceIds":
        # An object's value is a thousand times its class and a number.
        names |= {1000 * i + number: name for i, name in names.items() for number in range(1000) if i}
    return LabelMap(by_value=names)
