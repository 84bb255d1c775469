"""Masks of a class per pixel, one file per image: looked through once, and read again when a sample is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from datumaro.components.annotation import AnnotationType, ExtractedMask, MaskCategories
from PIL import Image

from otx.core.errors import UserError
from otx.core.masks import IGNORED
from otx.data.formats.label_map import LabelMap, as_colour, label_map_of, read_label_map
from otx.data.formats.reading import Part, by_subset, image_item
from otx.data.images import BrokenImageError, image_size
from otx.data.problems import BAD_ANNOTATION, Problems
from otx.data.shards import open_data
from otx.data.tree import DataTree

VOID_COLOUR = as_colour(224, 224, 192)
"""VOC's colour of pixels that are to be ignored."""
WITHOUT_MASK = "image without a mask left out"
MOST_VALUES = 64
"""Pictures have more values or colours than this, masks fewer."""
STRAY_SHARE = 0.01
"""Black and white masks may hold so many other values, which editors and resizing leave at edges."""

_INDEX_MODES = frozenset({"1", "L", "P", "I", "I;16"})
Pixels = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class MaskFile:
    """The pixels of a mask, decoded when they are asked for, as Datumaro's `index_mask` wants it.

    Attributes:
        path: The file.
        coloured: A class has a colour, and not a value.
    """

    path: Path
    coloured: bool

    def __call__(self) -> Pixels:
        """(H, W) values, or colours as 0xRRGGBB."""
        with open_data(self.path) as file, Image.open(file) as image:
            return _pixels(image, coloured=self.coloured)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look at a mask file has shown.

    Attributes:
        size: Height and width.
        coloured: It has no values of classes, only colours.
        pixels: How many pixels have each value, or each colour, that occurs.
        palette: The colours of the values, if the file has a palette.
        error: Why it cannot be read; empty if it can.
    """

    size: tuple[int, int] = (0, 0)
    coloured: bool = False
    pixels: Mapping[int, int] = field(default_factory=dict)
    palette: Mapping[int, int] = field(default_factory=dict)
    error: str = ""


def scan(path: Path) -> Scan:
    """Decode a mask once."""
    try:
        with open_data(path) as file, Image.open(file) as image:
            coloured = image.mode not in _INDEX_MODES
            pixels = _pixels(image, coloured=coloured)
            table = image.getpalette("RGB") if image.mode == "P" else None
        counts = _counts(pixels, coloured=coloured)
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise what they like
        return Scan(error=f"{path}: cannot be read as a mask: {error}")
    colours = np.array(table or [], dtype=np.int32).reshape(-1, 3).tolist()
    palette = {value: as_colour(*colours[value]) for value in counts if value < len(colours)}
    height, width = pixels.shape
    return Scan((height, width), coloured, counts, palette)


def _counts(pixels: Pixels, *, coloured: bool) -> dict[int, int]:
    if coloured:
        values, counts = np.unique(pixels, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))
    table = np.bincount(pixels.ravel())  # beats sorting where values are small, and refuses those below 0
    return {int(value): int(table[value]) for value in np.flatnonzero(table)}


def _pixels(image: Image.Image, *, coloured: bool) -> Pixels:
    if not coloured:
        return np.asarray(image).astype(np.int32)
    channels_HWC = np.asarray(image.convert("RGB")).astype(np.int32)
    return channels_HWC[..., 0] << 16 | channels_HWC[..., 1] << 8 | channels_HWC[..., 2]


def read_masks(
    tree: DataTree,
    mask_of: Mapping[str, str],
    subset_of: Mapping[str, str],
    problems: Problems,
    label_map: LabelMap | None = None,
) -> list[Part]:
    """Items with an `ExtractedMask` for each class that occurs in an image.

    Pixels whose value stands for no class belong to none of the masks: they are ignored in training and testing.

    Args:
        tree: Where the files are.
        mask_of: Image -> its mask.
        subset_of: Image -> its subset. Images that have no mask are left out and reported.
        problems: Takes what cannot be used.
        label_map: What the values mean; None: as the nearest label map says, and without one each value is a class.
    """
    for image in subset_of.keys() - mask_of.keys():
        problems.add(WITHOUT_MASK, image)
    scans = _sound(tree, mask_of, problems)
    meanings = _meanings(tree, scans, label_map, problems)
    distinct = {id(meaning): meaning for meaning in meanings.values()}
    labels = [*dict.fromkeys(name for meaning in distinct.values() for name in meaning.names)]
    items = []
    ignored = total = 0
    for image, mask in mask_of.items():
        if mask not in scans or image not in subset_of:
            continue
        names, unknown = _classes(scans[mask], meanings[mask])
        coloured = scans[mask].coloured
        if unknown:
            listed = ", ".join(f"0x{value:06x}" if coloured else str(value) for value in unknown[:5])
            problems.add("mask value that is no class, ignored", mask, listed)
        if not names:
            problems.add("image whose mask holds no class left out", image, mask)
            continue
        total += sum(scans[mask].pixels.values())
        ignored += sum(count for value, count in scans[mask].pixels.items() if value not in names)
        file = MaskFile(tree.files[mask], coloured)
        masks = [ExtractedMask(file, index=value, label=labels.index(name)) for value, name in names.items()]
        items.append(image_item(tree, image, masks))
    if ignored:
        problems.add("pixels of masks ignored", "all masks", f"{ignored / total:.2%} of their pixels")
    return by_subset(items, subset_of, labels, {AnnotationType.mask: MaskCategories()})


def _sound(tree: DataTree, mask_of: Mapping[str, str], problems: Problems) -> dict[str, Scan]:
    """Look through the masks, and keep those that can be read and have the size of their image."""
    image_of = {mask: image for image, mask in mask_of.items()}
    with ThreadPoolExecutor() as pool:  # decoding needs no interpreter
        scans = dict(zip(image_of, pool.map(scan, [tree.files[mask] for mask in image_of]), strict=True))
    for mask, image in image_of.items():
        found = scans[mask]
        try:
            height, width = image_size(tree.files[image])
        except BrokenImageError:
            continue  # the index of the data set reports it
        if found.error:
            problems.add(BAD_ANNOTATION, mask, found.error, bad=True)
        elif found.size != (height, width):
            message = f"{found.size[1]}x{found.size[0]}, but {image} is {width}x{height}"
            problems.add("mask of another size than its image", mask, message, bad=True)
        else:
            continue
        del scans[mask]
    return scans


def _meanings(
    tree: DataTree, scans: Mapping[str, Scan], label_map: LabelMap | None, problems: Problems
) -> dict[str, LabelMap]:
    """The label map of each mask."""
    if label_map is not None:
        return dict.fromkeys(scans, label_map)
    paths = {mask: label_map_of(tree, mask) for mask in scans}
    maps = {path: read_label_map(tree, path) for path in set(paths.values()) if path}
    pixels = _pixels_of_values(scans.values())
    if not any(one.coloured for one in scans.values()) and _black_and_white(pixels):
        # 255 is white here: the one thing that is looked for.
        strays = pixels.keys() - {0, IGNORED}
        maps = {path: one if strays & one.by_value.keys() else _with_white(one) for path, one in maps.items()}
        maps[""] = LabelMap(by_value={value: "foreground" if value > IGNORED / 2 else "background" for value in pixels})
        for mask in (mask for mask, path in paths.items() if not path and scans[mask].pixels.keys() & strays):
            listed = ", ".join(map(str, sorted(scans[mask].pixels.keys() & strays)[:5]))
            problems.add("grey pixels in a black and white mask, read as the nearer of the two", mask, listed)
    else:
        maps[""] = _each_value([scans[mask] for mask, path in paths.items() if not path])
        if names := maps[""].names:
            called = ", ".join(names[:5]) + (", ..." if names[5:] else "")
            unnamed = next(mask for mask, path in paths.items() if not path)
            message = f"{len(names)} classes are called {called}"
            cure = "a classes.txt above it names them, one a line in the order of the values"
            problems.add("class names are missing", unnamed, f"{message}; {cure}")
    return {mask: maps[path] for mask, path in paths.items()}


def _pixels_of_values(scans: Iterable[Scan]) -> Counter[int]:
    """Value -> how many pixels of all masks that are not in colour have it."""
    pixels: Counter[int] = Counter()
    for one in scans:
        if not one.coloured:
            pixels.update(one.pixels)
    return pixels


def _black_and_white(pixels: Counter[int]) -> bool:
    """Whether masks show one thing in white, but for a few strays.

    Small objects of other classes beside pixels to ignore look alike; those are not so few beside the latter.
    """
    strays = pixels.total() - pixels[0] - pixels[IGNORED]
    most = pixels[IGNORED] if _stands_apart(pixels) else pixels.total()
    return min(pixels[0], pixels[IGNORED]) > 0 and strays <= STRAY_SHARE * most


def _stands_apart(values: Iterable[int]) -> bool:
    """Whether 255 lies far above all other values, as beside 0, 1, 2, or is one in a row of greys, as 0, 128, 255."""
    others = sorted({0, *values} - {IGNORED})
    return IGNORED - others[-1] > 2 * max((high - low for low, high in pairwise(others)), default=0)


def _with_white(label_map: LabelMap) -> LabelMap:
    values = {IGNORED: label_map.by_value.get(1), **label_map.by_value}
    return LabelMap(by_value=values, by_colour=label_map.by_colour)


def _each_value(scans: Sequence[Scan]) -> LabelMap:
    """Every value, or every colour, is a class, and its name is what it looks like.

    Raises:
        UserError: There are so many colours that most are no class, but edges or the numbers of objects.
    """
    values = _pixels_of_values(scans).keys()
    colours = {colour for one in scans if one.coloured for colour in one.pixels}
    if len(colours) > MOST_VALUES:
        cure = "write a class_dict.csv above them, with the head 'name,r,g,b' and a line for each class"
        raise UserError(f"the masks have {len(colours)} colours, and no file says which of them are classes: {cure}")
    return LabelMap(
        by_value={value: str(value) for value in sorted(values - ({IGNORED} if _stands_apart(values) else set()))},
        by_colour={colour: f"#{colour:06x}" for colour in sorted(colours - {VOID_COLOUR})},
    )


def _classes(found: Scan, label_map: LabelMap) -> tuple[dict[int, str], list[int]]:
    """The class of each value that has one, and the values that mean nothing known."""
    known = label_map.by_colour
    silent = {VOID_COLOUR, IGNORED * 0x010101} if found.coloured else {IGNORED}
    values = [value for value in found.pixels if value not in silent]
    if known and found.palette and all(found.palette.get(value) in known for value in values):
        # Where the label map names the colours of the palette, they count more than the order of its entries.
        table = {value: known[found.palette[value]] for value in values}
    elif found.coloured:
        # Without colours in the label map these are values that were saved as grey.
        table = dict(known or {value * 0x010101: name for value, name in label_map.by_value.items()})
    else:
        table = dict(label_map.by_value)
    names = {value: name for value in found.pixels if (name := table.get(value))}
    return names, [value for value in values if value not in table]
