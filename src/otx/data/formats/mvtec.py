"""MVTec AD: `train/good`, `test/good`, `test/<defect>` and, where there are masks, `ground_truth/<defect>`.

BTAD calls `good` `ok`, other sets `normal`.

Training images are normal ones only, and there is no validation subset, so that one is taken from `test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otx.core.errors import UserError
from otx.data.formats.reading import Part, Reading, by_subset, image_item
from otx.data.images import read_mask
from otx.data.problems import Problems
from otx.data.subset_names import SubsetName, subset_name
from otx.data.tree import DataTree, stem

LOOKED_FOR = "normal images in train/good (or normal, ok) and others in test/<defect>, in the data root or below it"

GOOD = "good"
_GOOD_NAMES = frozenset({GOOD, "normal", "ok"})
MASKS = "ground_truth"
NORMAL, ANOMALOUS = "Normal", "Anomalous"
DEFECT = "defect"
"""Attribute of a label that names the kind of the defect; empty for normal images."""
MASK_FILE = "file"
"""Attribute of a mask: the real path of its file."""


@dataclass
class Category:
    """The files of one category.

    Attributes:
        folder: Where it lies, with a slash, or "" for the data root.
        images: Image -> subset and kind, which is `good` or that of the defect.
        normal: What it calls `good`.
        masks: Kind of defect and stem -> mask.
    """

    folder: str
    images: dict[str, tuple[SubsetName, str]] = field(default_factory=dict)
    normal: str = GOOD
    masks: dict[tuple[str, str], str] = field(default_factory=dict)

    def kinds(self, subset: SubsetName) -> list[str]:
        """What the images of a subset show, sorted."""
        return sorted({kind for name, kind in self.images.values() if name == subset})


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`.

    Raises:
        UserError: There are several categories; nothing else looks like that.
    """
    categories = [one for one in _categories(tree).values() if GOOD in one.kinds("train")]
    wrong = {one.folder: reason for one in categories if (reason := _why_not(one))}
    fitting = [one for one in categories if one.folder not in wrong]
    if not fitting:
        return next(iter(wrong.values()), "found no images in train/good")
    if len(fitting) > 1:
        each = "\n".join(f"  --data_root {tree.root / one.folder}" for one in fitting)
        msg = f"{tree.root} holds {len(fitting)} categories of MVTec AD, and one is trained at a time:\n{each}"
        raise UserError(msg)
    (category,) = fitting
    return Reading(
        reason=f"normal images in {category.folder}train/{category.normal}, others in test "
        f"({', '.join(category.kinds('test'))}), {len(category.masks) or 'no'} masks",
        images=frozenset([*category.images, *category.masks.values()]),
        explicit=bool(category.masks),
        split_from="test",
        read=lambda problems: _read(tree, category, problems),
    )


def _why_not(category: Category) -> str:
    """What makes a folder with images in `train/good` something else than a category; "" if it is one."""
    others = [kind for kind in category.kinds("train") if kind != GOOD]
    if others:
        return f"found training images beside those in train/good: {', '.join(others)}"
    if not set(category.kinds("test") + category.kinds("val")) - {GOOD}:
        return "found train/good, but no folder test/<defect> with images"
    return ""


def _categories(tree: DataTree) -> Mapping[str, Category]:
    """Folder -> category, for the data root and the folders below it."""
    found: dict[str, Category] = {}
    for image in tree.images:
        parts = image.split("/")
        if len(parts) < 3:
            continue
        folder = "".join(f"{part}/" for part in parts[:-3])
        category = found.setdefault(folder, Category(folder))
        top, kind, name = parts[-3:]
        subset = subset_name(top)
        if subset is not None:
            if kind.casefold() in _GOOD_NAMES:
                category.normal, kind = kind, GOOD
            category.images[image] = (subset, kind)
        elif top == MASKS:
            category.masks[kind, stem(name).removesuffix("_mask")] = image
    return found


def _read(tree: DataTree, category: Category, problems: Problems) -> list[Part]:
    """Datumaro has a reader for each of three tasks; this one serves all, and leaves the masks on the disk."""
    from datumaro import Label, Mask  # late: the reader of anomaly shares the names above

    labels = (NORMAL, ANOMALOUS)
    items = []
    left = dict(category.masks)
    for image, (subset, kind) in category.images.items():
        defect = "" if kind == GOOD else kind
        index = labels.index(ANOMALOUS if defect else NORMAL)
        annotations = [Label(index, attributes={DEFECT: defect})]
        mask = left.pop((kind, stem(image)), None) if defect and subset != "train" else None
        if mask is not None:
            file = tree.files[mask]
            annotations.append(Mask(lambda file=file: read_mask(file), label=index, attributes={MASK_FILE: str(file)}))
        elif defect and category.masks:
            problems.add("defect without a mask", image, f"expected it in {category.folder}{MASKS}/{kind}")
        items.append(image_item(tree, image, annotations))
    for mask in left.values():
        problems.add("mask without an image", mask)
    return by_subset(items, {image: subset for image, (subset, _) in category.images.items()}, labels)
