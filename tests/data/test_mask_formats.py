"""Data sets with a class per pixel: how they are recognised, what their values mean, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.generated import write_voc

from otx.core.errors import UserError
from otx.data.formats import label_map, mask_folders
from otx.data.index import build_index
from otx.data.source import DataSource, open_source
from otx.data.tree import walk_data
from otx.tasks.semantic_segmentation.reader import SegmentationReader

SIZE = (12, 20)
CLASSES = ("background", "cup", "pen")
PALETTE = [0, 0, 0, 200, 10, 10, 10, 200, 10]


def photo(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)


def values(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Background, a cup, a pen and a border that is to be ignored."""
    pixels = np.zeros(size, np.uint8)
    pixels[2:6, 3:9], pixels[7:11, 5:19], pixels[:, :1] = 1, 2, 255
    return pixels


def mask(path: Path, pixels: np.ndarray | None = None, *, palette: list[int] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values() if pixels is None else pixels)
    if palette:
        image = image.copy()
        image.putpalette(palette + [0] * (768 - len(palette)))  # fewer entries would save fewer bits of each value
    image.save(path)


def in_colours(pixels: np.ndarray) -> np.ndarray:
    table = np.full((256, 3), (224, 224, 192), np.uint8)
    table[:3] = np.array(PALETTE, np.uint8).reshape(3, 3)
    return table[pixels]


def decoded(source: DataSource) -> list[np.ndarray]:
    """The mask of each image, as classes of the data set in the order of `CLASSES`, 255 where it is ignored."""
    reader = SegmentationReader()
    index = build_index(source, reader, on_bad_data="error", seed=0, split_file=None)
    order = np.full(256, 255, np.uint8)
    for position, name in enumerate(index.labels.names):
        order[position] = CLASSES.index(name)
    import torch
    from torchvision import tv_tensors

    from otx.core.image_info import ImageInfo

    found = []
    for item in (item for items in index.subsets.values() for item in items):
        image = tv_tensors.Image(torch.zeros(3, item.height, item.width, dtype=torch.uint8))
        entity = reader.entity(image, ImageInfo(height=item.height, width=item.width), item.annotation)
        found.append(order[entity.mask.numpy()])
    return found


META = json.dumps({"label_map": dict(enumerate(CLASSES))})
VOC_MAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncup:200,10,10::\npen:10,200,10::\n"


def folders(root: Path) -> None:
    for subset in ("train", "val", "test"):
        photo(root / subset / "images" / "1.jpg")
        mask(root / subset / "masks" / "1.png")
    (root / "dataset_meta.json").write_text(META)


def suffixes(root: Path) -> None:
    for subset in ("train", "val", "test"):
        photo(root / subset / "1.png")
        mask(root / subset / "1_mask.png", palette=PALETTE)
    (root / "classes.txt").write_text("\n".join(CLASSES))


def colours(root: Path) -> None:
    for subset in ("train", "val", "test"):
        photo(root / "pictures" / subset / "1.png")
        mask(root / "what is there" / subset / "1.png", in_colours(values()))
    (root / "class_dict.csv").write_text("name,r,g,b\nbackground,0,0,0\ncup,200,10,10\npen,10,200,10\n")


def grey(root: Path) -> None:
    """Values that were saved in three equal channels."""
    for subset in ("train", "val", "test"):
        photo(root / subset / "images" / "1.jpg")
        mask(root / subset / "labels" / "1.png", np.repeat(values()[..., None], 3, axis=2))
    (root / "labels.txt").write_text("\n".join(CLASSES))


def voc(root: Path) -> None:
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    for name, subset in (("1", "train"), ("2", "val"), ("3", "test")):
        photo(root / "JPEGImages" / f"{name}.jpg")
        mask(root / "SegmentationClass" / f"{name}.png", palette=PALETTE)
        mask(root / "SegmentationObject" / f"{name}.png", palette=PALETTE)
        (root / "ImageSets" / "Segmentation" / f"{subset}.txt").write_text(f"{name}\n")
    (root / "labelmap.txt").write_text(VOC_MAP)


def voc_shuffled(root: Path) -> None:
    """The colours of the palette say other classes than the order of the label map."""
    voc(root)
    lines = VOC_MAP.splitlines()
    (root / "labelmap.txt").write_text("\n".join([lines[3], lines[1], lines[2]]))


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (folders, "mask_folders"),
        (suffixes, "mask_folders"),
        (colours, "mask_folders"),
        (grey, "mask_folders"),
        (voc, "voc_segmentation"),
        (voc_shuffled, "voc_segmentation"),
    ],
)
def test_the_same_masks_in_any_form(tmp_path: Path, write: Callable[[Path], None], name: str) -> None:
    write(tmp_path)
    source = open_source(tmp_path)
    assert source.format == name
    assert source.evidence.annotations == {"class_mask": 9}
    (ignored,) = source.problems
    assert (ignored.kind, ignored.message) == ("pixels of masks ignored", "5.00% of their pixels")
    assert sorted(source.subsets) == ["test", "train", "val"]
    masks = decoded(source)
    assert len(masks) == 3
    for found in masks:
        np.testing.assert_array_equal(found, values())


def test_cityscapes_ignores_what_cityscapes_ignores(tmp_path: Path) -> None:
    ids = np.zeros(SIZE, np.uint8)
    ids[:4], ids[4:8] = 7, 26  # road, car; the rest is unlabelled
    for subset in ("train", "val", "test"):
        photo(tmp_path / "leftImg8bit" / subset / "ulm" / "ulm_1_leftImg8bit.png")
        mask(tmp_path / "gtFine" / subset / "ulm" / "ulm_1_gtFine_labelIds.png", ids)
        mask(tmp_path / "gtFine" / subset / "ulm" / "ulm_1_gtFine_color.png", in_colours(values()))
    source = open_source(tmp_path)
    assert source.format == "cityscapes"
    index = build_index(source, SegmentationReader(), on_bad_data="error", seed=0, split_file=None)
    assert len(index.labels) == 19
    assert [index.labels.names[label] for label in index.subsets["val"][0].annotation.present] == ["car", "road"]

    train_ids = np.full(SIZE, 255, np.uint8)
    train_ids[:4], train_ids[4:8] = 0, 13
    instances = ids.astype(np.uint16)
    instances[4:8, :9], instances[4:8, 9:] = 26_000, 26_001
    for kind, pixels in (("instanceIds", instances), ("labelTrainIds", train_ids)):
        for path in list(tmp_path.rglob("*Ids.png")):
            mask(path.with_name(f"ulm_1_gtFine_{kind}.png"), pixels)
            path.unlink(missing_ok=path.stem.endswith(kind))
            mask(path.with_name(f"ulm_1_gtFine_{kind}.png"), pixels)
        again = build_index(open_source(tmp_path), SegmentationReader(), on_bad_data="error", seed=0, split_file=None)
        assert again.subsets["val"][0].annotation.present == index.subsets["val"][0].annotation.present


def test_without_names_each_value_is_a_class_and_white_is_what_is_looked_for(tmp_path: Path) -> None:
    for number in range(4):
        photo(tmp_path / "a" / "images" / f"{number}.jpg")
        mask(tmp_path / "a" / "masks" / f"{number}.png")
        photo(tmp_path / "b" / "images" / f"{number}.jpg")
        mask(tmp_path / "b" / "masks" / f"{number}.png", (values() == 1).astype(np.uint8) * 255)
    reader = SegmentationReader()
    assert reader.label_info(open_source(tmp_path / "a").categories).names == ("0", "1", "2")
    assert reader.label_info(open_source(tmp_path / "b").categories).names == ("background", "foreground")
    (tmp_path / "b" / "classes.txt").write_text("table\ncup\n")
    assert reader.label_info(open_source(tmp_path / "b").categories).names == ("cup", "table")


WHITE = np.zeros(SIZE, np.uint8)
WHITE[2:6, 3:15] = 255


@pytest.mark.parametrize(
    ("odd", "names", "ignored"),
    [
        ((254,), ("background", "foreground"), False),
        ((1,), ("background", "foreground"), False),
        ((128,) * 40, ("0", "128", "255"), False),
        ((85,) * 30 + (170,) * 30, ("0", "85", "170", "255"), False),
        ((1,) * 40 + (11,) * 30, ("0", "1", "11"), True),
    ],
)
def test_white_is_ignored_only_beside_ids_of_classes(
    tmp_path: Path, odd: tuple[int, ...], names: tuple[str, ...], ignored: bool
) -> None:
    for number in range(4):
        photo(tmp_path / "images" / f"{number}.jpg")
        pixels = WHITE.copy()
        if number == 0:
            pixels[8:].flat[: len(odd)] = odd
        mask(tmp_path / "masks" / f"{number}.png", pixels)
    source = open_source(tmp_path)
    index = build_index(source, SegmentationReader(), on_bad_data="error", seed=0, split_file=None)
    assert index.labels.names == names
    assert ("pixels of masks ignored" in source.problems.counts()) == ignored
    greys = [one for one in source.problems if one.kind.startswith("grey pixels")]
    assert [(one.where, one.message) for one in greys] == ([("masks/0.png", str(odd[0]))] if len(odd) == 1 else [])
    if len(odd) == 1:
        (tmp_path / "classes.txt").write_text("table\ncup\n")
        named = open_source(tmp_path)
        assert label_map_counts(named) == ({"cup": 4, "table": 4} if odd == (254,) else {"cup": 1, "table": 4})


def label_map_counts(source: DataSource) -> dict[str, int]:
    """In how many images each class is."""
    index = build_index(source, SegmentationReader(), on_bad_data="error", seed=0, split_file=None)
    counts = np.sum(list(index.class_counts.values()), axis=0).tolist()
    return dict(zip(index.labels.names, counts, strict=True))


def test_a_mask_with_a_negative_value_is_named(tmp_path: Path) -> None:
    folders(tmp_path)
    photo(tmp_path / "train" / "images" / "2.jpg")
    mask(tmp_path / "train" / "masks" / "2.tif", values().astype(np.int32) - 1)
    assert ("unreadable annotation", "train/masks/2.tif") in {
        (one.kind, one.where) for one in open_source(tmp_path).problems
    }


def test_what_is_wrong_is_said_with_the_file(tmp_path: Path) -> None:
    folders(tmp_path)
    for number in range(2, 6):
        photo(tmp_path / "train" / "images" / f"{number}.jpg")
    mask(tmp_path / "train" / "masks" / "2.png", values((14, 20)))
    mask(tmp_path / "train" / "masks" / "3.png", values() + 7)
    (tmp_path / "train" / "masks" / "4.png").write_bytes(b"no picture")
    found = {(one.kind, one.where): one for one in open_source(tmp_path).problems}
    bad = found["mask of another size than its image", "train/masks/2.png"]
    assert bad.bad
    assert bad.message == "20x14, but train/images/2.jpg is 20x12"
    # 255 + 7 wraps to 6, which is no class either.
    assert found["mask value that is no class, ignored", "train/masks/3.png"].message == "6, 7, 8, 9"
    assert ("image whose mask holds no class left out", "train/images/3.jpg") in found
    assert found["unreadable annotation", "train/masks/4.png"].bad
    assert not found["image without a mask left out", "train/images/5.jpg"].bad
    assert ("pixels of masks ignored", "all masks") in found
    assert len(found) == 6


def test_a_mask_without_its_image_is_missing_it(tmp_path: Path) -> None:
    voc(tmp_path)
    mask(tmp_path / "SegmentationClass" / "9.png", palette=PALETTE)
    (found,) = [one for one in open_source(tmp_path).problems if one.bad]
    assert (found.kind, found.where) == ("missing image", "SegmentationClass/9.png")


def test_pictures_of_few_values_are_no_masks(tmp_path: Path) -> None:
    """Black and white digits in folders of their classes share their names."""
    for folder in ("zero", "one"):
        for number in range(4):
            mask(tmp_path / folder / f"{number}.png", (values() == 1).astype(np.uint8) * 255)
    assert mask_folders.find(walk_data(tmp_path)) == "found no masks that go with images"
    assert open_source(tmp_path).format == "imagenet"


def test_boxes_beside_masks_stay_a_detection_set_unless_format_or_task_are_named(tmp_path: Path) -> None:
    written = write_voc(tmp_path)
    (picture, image), *_ = written.images.items()
    with Image.open(image) as opened:
        mask(tmp_path / "SegmentationClass" / f"{picture}.png", np.ones(opened.size[::-1], np.uint8))
    assert open_source(tmp_path).format == "voc"
    for source in (open_source(tmp_path, "voc_segmentation"), open_source(tmp_path, preferred=("voc_segmentation",))):
        assert source.evidence.annotations == {"class_mask": 1}
    assert "voc: possible too" in (why := "\n".join(source.why))
    assert "but it does not carry the task" in why


@pytest.mark.parametrize(("file", "text"), [("dataset_meta.json", "[1]"), ("labelmap.txt", ":1,2,3::")])
def test_a_label_map_that_cannot_be_read_is_named(tmp_path: Path, file: str, text: str) -> None:
    folders(tmp_path)
    (tmp_path / "train" / file).write_text(text)
    with pytest.raises(UserError, match=f"names of classes.*{file}"):
        open_source(tmp_path)


def test_label_maps_of_all_kinds(tmp_path: Path) -> None:
    texts = {
        "dataset_meta.json": json.dumps({"labels": [*CLASSES, "void"], "segmentation_colors": [[0, 0, 0], [1, 2, 3]]}),
        "labelmap.txt": "background:0,0,0::\ncup:1,2,3::\npen:::\nvoid:9,9,9::\n",
        "label_colors.txt": "0 0 0 background\n1 2 3 cup\npen\nvoid\n",
        "classes.txt": "\n".join([*CLASSES, "void"]),
    }
    texts |= {
        "class_names.txt": "0 background\n1 cup\n2 pen\n3 void\n",
        "codes.txt": "0: background\n1: cup\n2: pen\n3: void\n",
        "id2label.json": json.dumps({"0": "background", "1": "cup", "2": "pen", "3": "void"}),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        read = label_map.read_label_map(walk_data(tmp_path), name)
        assert read.by_value == {0: "background", 1: "cup", 2: "pen", 3: None}
        assert read.names == list(CLASSES)
        assert (name in {"classes.txt", "class_names.txt", "codes.txt", "id2label.json"}) == (not read.by_colour)
        assert read.by_colour.get(0x010203, "cup") == "cup"


def test_classes_that_have_no_names_are_said_to_have_none(tmp_path: Path) -> None:
    for number in range(4):
        photo(tmp_path / "images" / f"{number}.jpg")
        mask(tmp_path / "labels" / f"{number}.png")
    (problem,) = [one for one in open_source(tmp_path).problems if one.kind == "class names are missing"]
    assert "3 classes are called 0, 1, 2; a classes.txt" in problem.message
    (tmp_path / "class_names.txt").write_text("\n".join(CLASSES))
    source = open_source(tmp_path)
    assert "class names are missing" not in source.problems.counts()
    assert {*SegmentationReader().label_info(source.categories).names} == {*CLASSES}


def test_masks_of_camvid(tmp_path: Path) -> None:
    for subset in ("train", "val", "test"):
        for number in range(2):
            photo(tmp_path / subset / f"{subset}{number}.png")
            mask(tmp_path / f"{subset}_labels" / f"{subset}{number}_L.png", in_colours(values()))
    colours = (", ".join(map(str, PALETTE[3 * i : 3 * i + 3])) for i in range(3))
    rows = (f"{name}, {colour}" for name, colour in zip(CLASSES, colours, strict=True))
    (tmp_path / "class_dict.csv").write_text("\n".join(["name, r, g, b", *rows]))
    source = open_source(tmp_path)
    assert source.format == "mask_folders"
    assert {name: len(items) for name, items in source.subsets.items()} == {"train": 2, "val": 2, "test": 2}
    assert {*SegmentationReader().label_info(source.categories).names} == {*CLASSES}


def test_colours_that_are_numbers_of_segments_are_no_classes(tmp_path: Path) -> None:
    """COCO's panoptic masks, and such as nothing explains."""
    rng = np.random.default_rng(0)
    for number in range(4):
        photo(tmp_path / "train2017" / f"{number}.jpg")
        colours = rng.integers(0, 255, (40, 3), dtype=np.uint8)
        mask(tmp_path / "annotations" / "panoptic_train2017" / f"{number}.png", colours[rng.integers(0, 40, SIZE)])
    with pytest.raises(UserError, match=r"the masks have \d+ colours.*class_dict.csv"):
        open_source(tmp_path)
    listed = {"images": [], "annotations": [{"image_id": 1, "segments_info": []}], "categories": []}
    (tmp_path / "annotations" / "panoptic_train2017.json").write_text(json.dumps(listed))
    with pytest.raises(UserError, match=r"masks of segments, not of classes: annotations/panoptic_train2017.json"):
        open_source(tmp_path)
