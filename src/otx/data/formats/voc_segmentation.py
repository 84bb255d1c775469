"""Pascal VOC's segmentation: a mask per image in `SegmentationClass`, and lists in `ImageSets/Segmentation`."""

from __future__ import annotations

from otx.data.formats.label_map import LabelMap, as_colour, label_map_of
from otx.data.formats.mask_files import read_masks
from otx.data.formats.reading import Part, Reading
from otx.data.formats.voc import Entries, assign_subsets
from otx.data.problems import MISSING_IMAGE, Problems
from otx.data.subset_names import UNASSIGNED, subset_of_folder
from otx.data.tree import DataTree, stem

NAME = "voc_segmentation"
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
        named = tree.images_by_stem[stem(mask)]
        image = next((image for image in named if image.rpartition("/")[0] in folders), None)
        if image is None:
            entries.problems.add(MISSING_IMAGE, mask, f"there is no image {above}JPEGImages/{stem(mask)}.*", bad=True)
        else:
            entries.file_of[image] = mask
    source = assign_subsets(tree, entries, ("Segmentation", "Main"))
    if not source:
        entries.subset_of = {image: subset_of_folder(mask) or UNASSIGNED for image, mask in entries.file_of.items()}
    return Reading(
        format=NAME,
        reason=f"{len(masks)} masks in SegmentationClass" + (f"; subsets from {source}" if source else ""),
        images=frozenset(entries.file_of),
        read=lambda problems: _read(tree, entries, problems),
    )


def _read(tree: DataTree, entries: Entries, problems: Problems) -> list[Part]:
    problems.extend(entries.problems)
    masks = entries.file_of.values()
    own = next((found for mask in masks if (found := label_map_of(tree, mask))), "")
    return read_masks(tree, entries.file_of, entries.subset_of, problems, None if own else _label_map())


def _label_map() -> LabelMap:
    """The 21 classes of the challenge and their colours, where the data set has no label map of its own."""
    from datumaro.plugins.data_formats.voc.format import VocLabel
    from datumaro.util.mask_tools import generate_colormap

    names = {label.value: label.name for label in VocLabel if label.name != "ignored"}
    colours = generate_colormap(256)
    return LabelMap(by_value=names, by_colour={as_colour(*map(int, colours[i])): name for i, name in names.items()})
