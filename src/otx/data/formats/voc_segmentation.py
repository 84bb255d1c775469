"""Pascal VOC's segmentation: a mask per image in `SegmentationClass`, and lists in `ImageSets/Segmentation`."""

from __future__ import annotations

from datumaro.plugins.data_formats.voc.format import VocLabel
from datumaro.util.mask_tools import generate_colormap

from otx.data.formats.label_map import LabelMap, as_colour, label_map_of
from otx.data.formats.mask_files import read_masks
from otx.data.formats.reading import Part, Reading
from otx.data.formats.voc import Entries, assign_subsets
from otx.data.problems import MISSING_IMAGE, Problems
from otx.data.tree import DataTree, folder_of, stem

LOOKED_FOR = "a folder SegmentationClass with a .png per image"


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    masks = [path for path in tree.with_suffix(".png") if path.split("/")[-2:-1] == ["SegmentationClass"]]
    if not masks:
        return "found no such folder"
    entries = Entries()
    for mask in masks:
        above = mask.rpartition("SegmentationClass/")[0]
        folders = (f"{above}JPEGImages", f"{above}images")
        image = next((image for image in tree.images_by_stem[stem(mask)] if folder_of(image) in folders), None)
        if image is None:
            entries.problems.add(MISSING_IMAGE, mask, f"there is no image {above}JPEGImages/{stem(mask)}.*", bad=True)
        else:
            entries.file_of[image] = mask
    source = assign_subsets(tree, entries, ("Segmentation", "Main"))
    return Reading(
        reason=f"{len(masks)} masks in SegmentationClass{source}",
        images=frozenset(entries.file_of),
        problems=entries.problems,
        read=lambda problems: _read(tree, entries, problems),
    )


def _read(tree: DataTree, entries: Entries, problems: Problems) -> list[Part]:
    own = any(label_map_of(tree, mask) for mask in entries.file_of.values())
    return read_masks(tree, entries.file_of, entries.subset_of, problems, None if own else _label_map())


def _label_map() -> LabelMap:
    """The 21 classes of the challenge and their colours, where the data set has no label map of its own."""
    names = {label.value: label.name for label in VocLabel if label.name != "ignored"}
    colours = generate_colormap(256)
    return LabelMap(by_value=names, by_colour={as_colour(*map(int, colours[i])): name for i, name in names.items()})
