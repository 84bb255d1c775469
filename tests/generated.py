"""One small made-up data set, written in each data format.

All writers take the same pictures (see `pictures`), so what is read back can be compared between formats.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
from PIL import Image

from otx.tasks.action_classification.demo import write_video

LABELS = ("star", "box", "Disc")
"""In an order that is not the sorted one."""
SORTED_LABELS = ("box", "Disc", "star")
COUNTS = {"train": 8, "val": 3, "test": 4}


@dataclass(frozen=True)
class Picture:
    """A picture with its objects; boxes are (label, x1, y1, x2, y2) in whole pixels, x2 and y2 exclusive."""

    name: str
    subset: str
    height: int = 40
    width: int = 60
    boxes: tuple[tuple[str, int, int, int, int], ...] = ()
    label: str = ""
    """Whole-image label, for `write_image_folders`."""


@dataclass
class Written:
    """What a writer has written."""

    root: Path
    pictures: Sequence[Picture]
    images: dict[str, Path] = field(default_factory=dict)
    """Picture name -> image file."""


def pictures(
    counts: dict[str, int] | None = None, labels: Sequence[str] = LABELS, seed: int = 0, *, negatives: bool = True
) -> list[Picture]:
    """Pictures with one to three boxes; the last of each subset has none if `negatives`."""
    rng = np.random.default_rng(seed)
    made = []
    for subset, count in (COUNTS if counts is None else counts).items():
        for number in range(count):
            boxes = []
            for position in range(1 + number % 3):
                x, y = (int(value) for value in rng.integers(1, 30, 2))
                width, height = (int(value) for value in rng.integers(4, 10, 2))
                boxes.append((labels[(number + position) % len(labels)], x, y, x + width, y + height))
            if negatives and number == count - 1 and count > 2:
                boxes = []
            name = f"{subset}_{number:03}"
            made.append(Picture(name, subset, boxes=tuple(boxes), label=labels[number % len(labels)]))
    return made


def paint(path: Path, picture: Picture) -> Path:
    """Write the image file: noise, with a bright patch per box."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(picture.name))
    pixels = rng.integers(0, 90, (picture.height, picture.width, 3), np.uint8)
    for label, x1, y1, x2, y2 in picture.boxes:
        pixels[y1:y2, x1:x2] = 120 + 40 * (LABELS.index(label) if label in LABELS else 0)
    Image.fromarray(pixels).save(path)
    return path


def _by_subset(made: Iterable[Picture]) -> dict[str, list[Picture]]:
    subsets: dict[str, list[Picture]] = {}
    for picture in made:
        subsets.setdefault(picture.subset, []).append(picture)
    return subsets


def coco_document(made: Sequence[Picture], labels: Sequence[str] = LABELS, *, polygons: bool = False) -> dict[str, Any]:
    """The JSON of COCO, with gaps between the category ids and a category 0."""
    ids = {label: 7 * position for position, label in enumerate(labels)}
    annotations = []
    for number, picture in enumerate(made):
        for label, x1, y1, x2, y2 in picture.boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number + 100,
                    "category_id": ids[label],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                    "segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]] if polygons else [],
                }
            )
    return {
        "images": [
            {"id": number + 100, "file_name": f"{one.name}.jpg", "height": one.height, "width": one.width}
            for number, one in enumerate(made)
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()],
    }


def write_coco(
    root: Path,
    made: Sequence[Picture] | None = None,
    labels: Sequence[str] = LABELS,
    *,
    images: str = "images/{subset}/{name}.jpg",
    annotations: str = "annotations/instances_{subset}.json",
    polygons: bool = False,
) -> Written:
    """COCO; `images` and `annotations` say where the files go (without `{subset}`: one file for all)."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        path = root / images.format(subset=picture.subset, name=picture.name)
        written.images[picture.name] = paint(path, picture)
    for subset, members in (
        _by_subset(written.pictures) if "{subset}" in annotations else {"": list(written.pictures)}
    ).items():
        path = root / annotations.format(subset=subset)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(coco_document(members, labels, polygons=polygons), indent=1))
    return written


def voc_xml(picture: Picture, *, first_pixel: int = 1) -> str:
    """The XML of one picture; VOC's boxes are inclusive and count pixels from 1, other tools' count from 0."""
    objects = "".join(
        f"<object><name>{escape(label)}</name><bndbox><xmin>{x1 + first_pixel}</xmin><ymin>{y1 + first_pixel}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>\n"
        for label, x1, y1, x2, y2 in picture.boxes
    )
    return (
        f"<annotation>\n<filename>{picture.name}.jpg</filename>\n<size><width>{picture.width}</width>"
        f"<height>{picture.height}</height><depth>3</depth></size>\n{objects}</annotation>\n"
    )


def write_voc(
    root: Path,
    made: Sequence[Picture] | None = None,
    *,
    lists: bool = True,
    images: str = "JPEGImages/{name}.jpg",
    annotations: str = "Annotations/{name}.xml",
) -> Written:
    """Pascal VOC; `lists` writes `ImageSets/Main`."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        names = {"subset": picture.subset, "name": picture.name}
        written.images[picture.name] = paint(root / images.format(**names), picture)
        path = root / annotations.format(**names)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(voc_xml(picture))
    for subset, members in _by_subset(written.pictures).items() if lists else ():
        path = root / "ImageSets" / "Main" / f"{subset}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{picture.name}\n" for picture in members))
    return written


def yolo_text(picture: Picture, labels: Sequence[str] = LABELS) -> str:
    """The label file of one picture."""
    return "".join(
        f"{labels.index(label)} {(x1 + x2) / 2 / picture.width:.8f} {(y1 + y2) / 2 / picture.height:.8f} "
        f"{(x2 - x1) / picture.width:.8f} {(y2 - y1) / picture.height:.8f}\n"
        for label, x1, y1, x2, y2 in picture.boxes
    )


def write_yolo(
    root: Path,
    made: Sequence[Picture] | None = None,
    labels: Sequence[str] = LABELS,
    *,
    images: str = "images/{subset}",
    yaml: bool = True,
    empty_files: bool = True,
) -> Written:
    """The layout of Ultralytics; `images="{subset}/images"` is Roboflow's. Pictures without boxes get an empty file."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        folder = images.format(subset=picture.subset)
        written.images[picture.name] = paint(root / folder / f"{picture.name}.jpg", picture)
        path = root / folder.replace("images", "labels") / f"{picture.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if picture.boxes or empty_files:
            path.write_text(yolo_text(picture, labels))
    if yaml:
        lines = [f"{subset}: {images.format(subset=subset)}" for subset in _by_subset(written.pictures)]
        names = [f"  {number}: {name}" for number, name in enumerate(labels)]
        (root / "data.yaml").write_text("\n".join(["path: .", *lines, f"nc: {len(labels)}", "names:", *names]) + "\n")
    return written


def write_darknet(root: Path, made: Sequence[Picture] | None = None, labels: Sequence[str] = LABELS) -> Written:
    """The layout of darknet: `obj.data`, `obj.names`, a list per subset, labels beside the images."""
    written = Written(root, pictures() if made is None else made)
    config = [f"classes = {len(labels)}"]
    for subset, members in _by_subset(written.pictures).items():
        folder = f"obj_{subset}_data"
        for picture in members:
            written.images[picture.name] = paint(root / folder / f"{picture.name}.jpg", picture)
            (root / folder / f"{picture.name}.txt").write_text(yolo_text(picture, labels))
        (root / f"{subset}.txt").write_text("".join(f"data/{folder}/{picture.name}.jpg\n" for picture in members))
        config.append(f"{'valid' if subset == 'val' else subset} = data/{subset}.txt")
    (root / "obj.names").write_text("\n".join(labels) + "\n")
    (root / "obj.data").write_text("\n".join([*config, "names = data/obj.names", "backup = backup/"]) + "\n")
    return written


def write_image_folders(root: Path, made: Sequence[Picture] | None = None, *, subsets: bool = True) -> Written:
    """ImageNet-like folders, by the whole-image label of each picture."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        folder = root / picture.subset / picture.label if subsets else root / picture.label
        written.images[picture.name] = paint(folder / f"{picture.name}.jpg", picture)
    return written


def datumaro_document(
    made: Sequence[Picture], labels: Sequence[str] = LABELS, parents: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The JSON of Datumaro: boxes, and the whole-image labels (parted by commas) of pictures without boxes."""
    items = []
    for picture in made:
        boxes = [
            {"id": 0, "type": "bbox", "label_id": labels.index(label), "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for label, x1, y1, x2, y2 in picture.boxes
        ]
        whole = [] if boxes else [name for name in picture.label.split(",") if name]
        tags = [{"id": 0, "type": "label", "label_id": labels.index(label)} for label in whole]
        items.append(
            {
                "id": picture.name,
                "annotations": [entry | {"attributes": {}, "group": 0} for entry in boxes + tags],
                "image": {"path": f"{picture.name}.png", "size": [picture.height, picture.width]},
            }
        )
    parents = parents or {}
    declared = [{"name": name, "parent": parents.get(name, ""), "attributes": []} for name in labels]
    return {"dm_format_version": "1.0", "infos": {}, "categories": {"label": {"labels": declared}}, "items": items}


def write_datumaro(
    root: Path,
    made: Sequence[Picture] | None = None,
    labels: Sequence[str] = LABELS,
    *,
    images: str = "images/{subset}/{name}.png",
    parents: Mapping[str, str] | None = None,
    groups: Sequence[Sequence[str]] = (),
) -> Written:
    """Datumaro's own format, a JSON per subset; `groups` are exclusive."""
    written = Written(root, [replace(one, label="") for one in pictures()] if made is None else made)
    for picture in written.pictures:
        path = root / images.format(subset=picture.subset, name=picture.name)
        written.images[picture.name] = paint(path, picture)
    for subset, members in _by_subset(written.pictures).items():
        path = root / "annotations" / f"{subset}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        document = datumaro_document(members, labels, parents)
        document["categories"]["label"]["label_groups"] = [
            {"name": f"group {number}", "group_type": "exclusive", "labels": list(group)}
            for number, group in enumerate(groups)
        ]
        path.write_text(json.dumps(document, indent=1))
    return written


def write_csv(root: Path, made: Sequence[Picture] | None = None, labels: Sequence[str] = LABELS) -> Written:
    """A CSV per subset with a column per class, by the whole-image labels (parted by commas) of each picture."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        written.images[picture.name] = paint(root / "images" / picture.subset / f"{picture.name}.png", picture)
    for subset, members in _by_subset(written.pictures).items():
        rows = [
            ",".join([f"images/{subset}/{one.name}.png", *(str(int(name in one.label.split(","))) for name in labels)])
            for one in members
        ]
        (root / f"labels_{subset}.csv").write_text("\n".join([f"file,{','.join(labels)}", *rows]) + "\n")
    return written


def moving(count: int, height: int = 40, width: int = 60) -> list[Image.Image]:
    """Frames that say which they are: eight bars, dark and bright as the bits of their number."""
    frames = []
    for number in range(count):
        bits = np.array([number >> bit & 1 for bit in range(8)])
        bars = np.repeat(np.where(bits, 220, 30).astype(np.uint8), -(-width // 8))[:width]
        frames.append(Image.fromarray(np.tile(bars[None, :, None], (height, 1, 3))))
    return frames


def number_of(pixels_HWC: npt.NDArray[np.uint8]) -> int:
    """Which frame of `moving` it is."""
    bar = -(-pixels_HWC.shape[1] // 8)
    return sum(int(pixels_HWC[:, bit * bar : (bit + 1) * bar].mean() > 125) << bit for bit in range(8))


def write_videos(
    root: Path, made: Sequence[Picture] | None = None, *, subsets: bool = True, frames: int = 8
) -> Written:
    """Videos in class folders, by the whole-image label of each picture."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        folder = root / picture.subset / picture.label if subsets else root / picture.label
        folder.mkdir(parents=True, exist_ok=True)
        written.images[picture.name] = folder / f"{picture.name}.mp4"
        write_video(written.images[picture.name], moving(frames, picture.height, picture.width))
    return written


def write_frames(
    root: Path, made: Sequence[Picture] | None = None, *, subsets: bool = True, frames: int = 8
) -> Written:
    """As `write_videos`, with a folder of JPEGs for each video."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        clip = root / (picture.subset if subsets else "") / picture.label / picture.name
        clip.mkdir(parents=True, exist_ok=True)
        written.images[picture.name] = clip
        for number, frame in enumerate(moving(frames, picture.height, picture.width), start=1):
            frame.save(clip / f"frame_{number:04}.jpg")
    return written


def write_kinetics(root: Path, made: Sequence[Picture] | None = None) -> Written:
    """A CSV per subset, and folders of videos."""
    written = Written(root, pictures() if made is None else made)
    for subset, members in _by_subset(written.pictures).items():
        (root / subset).mkdir(parents=True, exist_ok=True)
        rows = ["label,youtube_id,time_start,time_end,split,is_cc"]
        for picture in members:
            written.images[picture.name] = root / subset / f"{picture.name}.mp4"
            write_video(written.images[picture.name], moving(8, picture.height, picture.width))
            rows.append(f"{picture.label},{picture.name},0,1,{subset},0")
        (root / f"{subset}.csv").write_text("\n".join(rows) + "\n")
    return written


def class_mask(picture: Picture, labels: Sequence[str] = LABELS) -> np.ndarray:
    """(H, W) 0 for background, and the position of the label, counted from 1, in each box."""
    mask = np.zeros((picture.height, picture.width), np.uint8)
    for label, x1, y1, x2, y2 in picture.boxes:
        mask[y1:y2, x1:x2] = 1 + labels.index(label)
    return mask


def write_masks(root: Path, made: Sequence[Picture] | None = None) -> Written:
    """Masks in folders beside the images', and the names of their values."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        place = f"{picture.subset}/{picture.name}"
        written.images[picture.name] = paint(root / "images" / f"{place}.jpg", picture)
        _save_mask(root / "masks" / f"{place}.png", class_mask(picture))
    (root / "classes.txt").write_text("\n".join(("background", *LABELS)))
    return written


def write_voc_masks(root: Path, made: Sequence[Picture] | None = None) -> Written:
    """Pascal VOC's segmentation, with lists and a label map."""
    written = Written(root, pictures() if made is None else made)
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for subset, members in _by_subset(written.pictures).items():
        for picture in members:
            written.images[picture.name] = paint(root / "JPEGImages" / f"{picture.name}.jpg", picture)
            _save_mask(root / "SegmentationClass" / f"{picture.name}.png", class_mask(picture))
        (lists / f"{subset}.txt").write_text("".join(f"{picture.name}\n" for picture in members))
    lines = [f"{name}:{50 * index},0,0::\n" for index, name in enumerate(("background", *LABELS))]
    (root / "labelmap.txt").write_text("".join(lines))
    return written


def write_cityscapes(root: Path, made: Sequence[Picture] | None = None) -> Written:
    """Cityscapes with training ids 1, 2 and 3 for the labels, and 0, which is road, around them."""
    written = Written(root, pictures() if made is None else made)
    for number, picture in enumerate(written.pictures):
        place = f"{picture.subset}/ulm/ulm_{number:04}"
        written.images[picture.name] = paint(root / "leftImg8bit" / f"{place}_leftImg8bit.png", picture)
        _save_mask(root / "gtFine" / f"{place}_gtFine_labelTrainIds.png", class_mask(picture))
    return written


def _save_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def write_mvtec(
    root: Path,
    *,
    train: Sequence[str] = ("good",) * 4,
    test: Sequence[str] = ("good",) * 4 + ("scratch",) * 6 + ("dent",) * 2,
    masks: bool = True,
) -> Path:
    """A category of MVTec AD; the kinds are those of the images in turn."""
    for subset, kinds in (("train", train), ("test", test)):
        for number, kind in enumerate(kinds):
            folder = root / subset / kind
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), (number, 0, 0)).save(folder / f"{number:04}.png")
            if masks and kind != "good":
                mask = np.zeros((30, 40), np.uint8)
                mask[5:15, 10:20] = 255
                _save_mask(root / "ground_truth" / kind / f"{number:04}_mask.png", mask)
    return root


def write_dota(root: Path, made: Sequence[Picture] | None = None) -> Written:
    """DOTA's layout: four corners per object, two lines of header in every file; no file for pictures without boxes."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        folder = root / picture.subset
        written.images[picture.name] = paint(folder / "images" / f"{picture.name}.jpg", picture)
        lines = [f"{x1} {y1} {x2} {y1} {x2} {y2} {x1} {y2} {label} 0" for label, x1, y1, x2, y2 in picture.boxes]
        if lines:
            path = folder / "labelTxt" / f"{picture.name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(["imagesource:GoogleEarth", "gsd:0.15", *lines]) + "\n")
    return written


def write_labelme(root: Path, made: Sequence[Picture] | None = None) -> Written:
    """LabelMe's files beside the images of each subset, with rectangles from any two opposite corners."""
    written = Written(root, pictures() if made is None else made)
    for picture in written.pictures:
        path = written.images[picture.name] = paint(root / picture.subset / f"{picture.name}.jpg", picture)
        shapes = [
            {"label": label, "points": [[x2, y1], [x1, y2]], "group_id": None, "shape_type": "rectangle", "flags": {}}
            for label, x1, y1, x2, y2 in picture.boxes
        ]
        sides = {"imageHeight": picture.height, "imageWidth": picture.width}
        content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": path.name, "imageData": None} | sides
        path.with_suffix(".json").write_text(json.dumps(content))
    return written


def cvat_xml(images: str, labels: Iterable[str] = LABELS) -> str:
    """A file of CVAT for images around its `<image>` elements; labels are names, or elements in full."""
    listed = "".join(name if "<" in name else f"<label><name>{name}</name></label>" for name in labels)
    return f"<annotations><meta><task><labels>{listed}</labels></task></meta>{images}</annotations>"


def write_cvat(root: Path, made: Sequence[Picture] | None = None) -> Written:
    """CVAT for images 1.1, as a project with subsets is exported."""
    written = Written(root, pictures() if made is None else made)
    images = ""
    for number, picture in enumerate(written.pictures):
        name = f"{picture.name}.jpg"
        written.images[picture.name] = paint(root / "images" / picture.subset / name, picture)
        boxes = "".join(
            f'<box label="{label}" occluded="0" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}" z_order="0"></box>'
            for label, x1, y1, x2, y2 in picture.boxes
        )
        sides = f'width="{picture.width}" height="{picture.height}"'
        images += f'<image id="{number}" name="{name}" subset="{picture.subset}" {sides}>{boxes}</image>'
    (root / "annotations.xml").write_text(cvat_xml(images))
    return written
