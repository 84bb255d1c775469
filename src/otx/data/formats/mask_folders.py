"""Masks beside images: files of the same name in another folder, or with a suffix such as `_mask`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from otx.data.formats.mask_files import MOST_VALUES, read_masks, scan
from otx.data.formats.reading import Reading
from otx.data.subset_names import UNASSIGNED, subset_of_folder
from otx.data.tree import DataTree, stem, suffix

LOOKED_FOR = "a mask per image (.png with a value or a colour per class), of the same name or with a suffix like _mask"

LOSSLESS = frozenset({".bmp", ".gif", ".png", ".tif", ".tiff"})
_WORD = r"(?:annot|annotation|gt|label|mask|seg|segmentation|target|truth)s?"
_SUFFIXES = [
    re.compile(rf"(.+)[_.-]({form})", re.IGNORECASE) for form in (_WORD, rf"[a-z]+_{_WORD}", "anno", "groundtruth", "L")
]
"""Of the last, `anno` is GlaS's and `L` CamVid's."""
_FOLDER = re.compile(rf"{_WORD}|segmentation[a-z]+", re.IGNORECASE)


@dataclass(frozen=True)
class _Group:
    """Files of one folder and one suffix, and the folder of the images that they may be masks of."""

    folder: str
    ending: str
    images: str
    mask_of: dict[str, str]

    def __str__(self) -> str:
        return (self.folder or ".") + (f"/*_{self.ending}" if self.ending else "")


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    if panoptic := next((path for path in tree.with_suffix(".json") if _is_panoptic(tree, path)), ""):
        return f"found masks of segments, not of classes: {panoptic} says whose each is, which is not read"
    groups = _groups(tree)
    best: dict[str, _Group] = {}
    for group in sorted(groups, key=lambda one: (-len(one.mask_of), one.folder, one.ending)):
        best.setdefault(group.images, group)
    if not best:
        return "found no masks that go with images"
    mask_of = {image: mask for group in best.values() for image, mask in group.mask_of.items()}
    masks = {mask for group in groups for mask in group.mask_of.values()}
    images = [image for folder in best for image in tree.image_folders[folder] if image not in masks]
    subset_of = {image: subset_of_folder(image) or UNASSIGNED for image in images}
    other = sorted({str(group) for group in groups if best[group.images] is not group})
    return Reading(
        reason=f"{len(mask_of)} masks in {', '.join(sorted({str(group) for group in best.values()}))}"
        + (f"; not read: {', '.join(other)}, about the same images" if other else ""),
        images=frozenset(images),
        read=lambda problems: read_masks(tree, mask_of, subset_of, problems),
    )


def _is_panoptic(tree: DataTree, path: str) -> bool:
    """Whether a file is COCO's of panoptic segmentation, in whose masks a colour is the number of a segment."""
    return b'"segments_info"' in tree.files[path].read_bytes()


def _groups(tree: DataTree) -> list[_Group]:
    """Mask-like files that share their names with images of another folder, or of the same but for a suffix."""
    files: dict[tuple[str, str], dict[str, str]] = {}
    for path in tree.images:
        if suffix(path) in LOSSLESS:
            name, folder = stem(path), path.rpartition("/")[0]
            files.setdefault((folder, ""), {})[name] = path
            for match in filter(None, (form.fullmatch(name) for form in _SUFFIXES)):
                files.setdefault((folder, match.group(2)), {})[match.group(1)] = path
    partners = {key: _partners(tree, names) for key, names in files.items()}
    # Only files that have partners are opened.
    like_masks = {
        key for key, names in files.items() if partners[key] and _few_values(tree, next(iter(names.values())))
    }
    groups = []
    for folder, ending in sorted(like_masks):
        votes = {}
        for other, count in partners[folder, ending].items():
            # Where images have few values too, only the names tell which are the masks.
            told_apart = bool(ending or is_named_for_masks(folder)) and not is_named_for_masks(other)
            if (ending or other != folder) and (told_apart or (other, "") not in like_masks):
                votes[other] = (count, _shared_parts(folder, other), other)
        if not votes:
            continue
        images = max(votes, key=lambda other: votes[other])
        located = {stem(image): image for image in tree.image_folders[images]}
        names = files[folder, ending]
        mask_of = {located[name]: path for name, path in names.items() if name in located}
        if 2 * len(mask_of) >= len(names):
            groups.append(_Group(folder, ending, images, mask_of))
    return groups


def _partners(tree: DataTree, names: dict[str, str]) -> Counter[str]:
    """Folder -> how many of its images have one of these names."""
    return Counter(
        other.rpartition("/")[0]
        for name, path in names.items()
        for other in tree.images_by_stem.get(name, ())
        if other != path
    )


def is_named_for_masks(folder: str) -> bool:
    """Whether the name of a folder says that masks are in it."""
    words = re.split(r"[^a-z]+", folder.casefold())
    return any(_FOLDER.fullmatch(word) for word in words)


def _shared_parts(folder: str, other: str) -> int:
    return len(set(folder.split("/")) & set(other.split("/")))


def _few_values(tree: DataTree, path: str) -> bool:
    found = scan(tree.files[path])
    return not found.error and len(found.pixels) <= MOST_VALUES
