"""Opens a data root: which format it is in is found from its content, and Datumaro reads it. Imports no torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from otx.core.errors import UserError, nearest
from otx.core.evidence import Evidence
from otx.core.label_info import LabelInfo
from otx.core.rotated_boxes import rectangles_among
from otx.data.collector import collector_paused
from otx.data.formats.reading import Format, Part, Reading
from otx.data.problems import OUTSIDE, Problems
from otx.data.reader import label_categories
from otx.data.subset_names import UNASSIGNED, SubsetName, subset_name, subset_of_folder
from otx.data.tree import DataTree, folder_of, walk_data
from otx.data.unknown_format import describe_unknown

if TYPE_CHECKING:
    import datumaro as dm

FORMATS = (
    "coco", "voc", "yolo", "dota", "datumaro", "labelme", "cvat", "csv", "cityscapes", "voc_segmentation", "mvtec",
    "mask_folders", "kinetics", "video_folders", "imagenet",
)  # fmt: skip
"""The formats that are looked for. Of several explicit ones the one that explains most images wins, then the first."""
_TABLES = (".csv", ".json", ".mat", ".txt", ".xml")
_ABOUT = re.compile(r"readme|licen[cs]e|copying|requirements|note", re.IGNORECASE)
_MODULES = {"datumaro": "datumaro_json", "csv": "csv_labels"}
"""Where the name of a format is that of a library."""


@dataclass
class DataSource:
    """A data set as its files have it, before a task looks at it.

    Attributes:
        root: The data root, symbolic links resolved.
        format: Name of the format, one of `FORMATS`.
        evidence: Counts from which tasks judge whether the data set is meant for them.
        why: Which formats were considered, and why this one was taken; for the user.
        subsets: Items by subset: `train`, `val`, `test`, `unassigned`, or a name that OTX makes no use of. An item's
            `id` is the path of its image relative to the root, `media.path` the real path, which lies below the root;
            `media` is None where the image is missing.
        categories: The classes, sorted by name (numbers by value), the same for every format.
        problems: What is wrong with the files; `build_index` adds what is wrong with images and annotations.
        split_from: Subset that those are taken from which the data set lacks.
    """

    root: Path
    format: str
    evidence: Evidence
    why: list[str]
    subsets: dict[str, list[dm.DatasetItem]]
    categories: dm.CategoriesInfo
    problems: Problems = field(default_factory=Problems)
    split_from: SubsetName = "train"

    def keep_classes(self, kept: Sequence[str], reason: str) -> None:
        """Leave out the other classes with their annotations; what has no class stays.

        Args:
            kept: Names, in the order of the data set.
            reason: Why the others are of no use, for the problems.
        """
        from datumaro import AnnotationType, LabelCategories

        own = [entry.name for entry in self.categories[AnnotationType.label]]
        left_out = {label for label, name in enumerate(own) if name not in kept}
        if not left_out:
            return
        items = [item for members in self.subsets.values() for item in members]
        counts: Counter[int] = Counter()
        for item in items:
            labels = [getattr(one, "label", None) for one in item.annotations]
            counts.update(label for label in labels if label in left_out)
            item.annotations = [
                one for one, label in zip(item.annotations, labels, strict=True) if label not in left_out
            ]
        for label in sorted(left_out):
            self.problems.add(f"class left out, {reason}", own[label], f"{counts[label]} annotations")
        if points := self.categories.get(AnnotationType.points):
            points.items = {label: entry for label, entry in points.items.items() if label not in left_out}
        places = {name: place for place, name in enumerate(kept)}
        _relabel(items, self.categories, [places.get(name, -1) for name in own])
        self.categories |= {AnnotationType.label: LabelCategories.from_iterable(kept)}

    def use_labels(self, labels: LabelInfo) -> None:
        """Let the annotations index other classes in another order, those of a model, by name; its tree is taken too.

        Args:
            labels: All classes; the data set may lack some.

        Raises:
            UserError: The data set has a class that is not among them, or below another one.
        """
        from datumaro import AnnotationType

        names = list(labels.names)
        own = {entry.name: entry.parent for entry in self.categories[AnnotationType.label]}
        unknown = [name for name in own if name not in names]
        if unknown:
            known = ", ".join(names)
            msg = f"{self.root} has labels that the model does not know: {', '.join(unknown)}. It knows: {known}"
            raise UserError(msg)
        moved = [name for name, parent in own.items() if parent and labels.groups and parent != labels.parents[name]]
        if moved:
            below = f"{own[moved[0]]!r}, but the model below {labels.parents[moved[0]]!r}"
            msg = f"{self.root} has another tree of labels than the model: it puts {moved[0]!r} below {below}"
            raise UserError(msg)
        items = (item for members in self.subsets.values() for item in members)
        _relabel(items, self.categories, [names.index(name) for name in own])
        self.categories |= label_categories(labels)


@collector_paused()
def open_source(root: Path, data_format: str | None = None, preferred: Sequence[str] = ()) -> DataSource:
    """Recognise the format of a data root and read its annotations (not its images).

    Args:
        root: Folder of the data set.
        data_format: Name of the format, where the user knows better.
        preferred: Names of formats that come before others, because they can carry the task that the user named, the
            best first.

    Raises:
        UserError: There is no such folder or format, no format fits, or an annotation file is broken.
    """
    if data_format is not None and data_format not in FORMATS:
        raise UserError(f"unknown data format {data_format!r}.{nearest(data_format, FORMATS)}")
    tree = walk_data(Path(root))
    name, reading, why = _choose(tree, data_format, preferred)
    problems = reading.problems
    for link, target in tree.leaving.items():
        problems.add(OUTSIDE, link, f"symbolic link to {target}", bad=True)
    for path in tree.unread:
        problems.add("picture in a format that is not read", path, "convert it to JPEG or PNG")
    if reading.listed:
        _note_unlisted(tree, reading, problems)
    parts = reading.read(problems)
    categories = _merge_categories(parts, problems)
    subsets = _by_subset(parts, reading.explicit, problems)
    return DataSource(
        root=tree.root,
        format=name,
        evidence=_evidence(name, subsets, categories),
        why=why,
        subsets=subsets,
        categories=categories,
        problems=problems,
        split_from=reading.split_from,
    )


def _choose(tree: DataTree, data_format: str | None, preferred: Sequence[str]) -> tuple[str, Reading, list[str]]:
    found = {name: _format(name).find(tree) for name in ([data_format] if data_format else FORMATS)}
    readings = {name: reading for name, reading in found.items() if isinstance(reading, Reading)}
    if not readings:
        missing = {name: (_format(name).LOOKED_FOR, str(text)) for name, text in found.items()}
        raise UserError(describe_unknown(tree, missing, _recognised_below(tree) if not data_format else {}))
    best = _best(readings, preferred)
    _refuse_several_data_sets(tree, best, readings)
    taken = readings[best]
    if data_format:
        return best, taken, [f"{best}: asked for; {taken.reason}"]
    why = [f"{best}: {taken.reason} (taken)", *([] if taken.explicit else _silent_files(best, tree))]
    for name, other in found.items():
        if isinstance(other, str):
            why.append(f"{name}: {other}")
        elif name != best:
            why.append(f"{name}: possible too ({other.reason}), {_verdict(best, name, readings, preferred)}")
    return best, taken, why


def _silent_files(name: str, tree: DataTree) -> list[str]:
    """A line on files that may have labels, or an official split, where names of folders are taken for the labels."""
    files = [path for path in tree.with_suffix(*_TABLES) if not _ABOUT.search(path.rpartition("/")[2])]
    more = f" and {len(files) - 3} more" if files[3:] else ""
    return [f"{name}: the names of folders are the labels; not read: {', '.join(files[:3])}{more}"] if files else []


def _format(name: str) -> Format:
    # Imported when a folder is there to be read: their libraries take longer than to say that there is none.
    return cast("Format", import_module(f"otx.data.formats.{_MODULES.get(name, name)}"))


def _best(readings: Mapping[str, Reading], preferred: Sequence[str] = ()) -> str:
    # max() keeps the first of equals, and the formats stand in order of preference, those of the task before others.
    ordered = [*(name for name in preferred if name in readings), *readings]
    return max(ordered, key=lambda name: (name in preferred, readings[name].explicit, len(readings[name].images)))


def _verdict(best: str, other: str, readings: Mapping[str, Reading], preferred: Sequence[str]) -> str:
    if best in preferred and other not in preferred:
        return "but it does not carry the task"
    if readings[best].explicit > readings[other].explicit:
        return "but the annotation files say more"
    counts = f"it explains {len(readings[other].images)} images, {best} {len(readings[best].images)}"
    return f"{counts}; --data_format {other} takes it instead"


def _refuse_several_data_sets(tree: DataTree, best: str, readings: Mapping[str, Reading]) -> None:
    images = readings[best].images
    others = [name for name, one in readings.items() if one.explicit and one.images and not one.images & images]
    if others and images:
        each = [
            f"  {name}: {readings[name].reason}\n    --data_root {_shared_folder(tree, readings[name])}"
            for name in (best, *others)
        ]
        msg = f"{tree.root} holds several data sets, about different images. Name one of them:\n" + "\n".join(each)
        raise UserError(msg)


def _note_unlisted(tree: DataTree, reading: Reading, problems: Problems) -> None:
    """Count the images beside those that are read, about which the annotation files say nothing."""
    for folder in sorted({*map(folder_of, reading.images)}):
        there = tree.image_folders.get(folder, [])
        left = [image for image in there if image not in reading.images]
        if left:
            message = f"{len(left)} of {len(there)}, for example {left[0]}"
            problems.add("images that no annotation file is about left out", folder or ".", message)


def _shared_folder(tree: DataTree, reading: Reading) -> Path:
    tops = {image.split("/")[0] for image in reading.images}
    return tree.root / tops.pop() if len(tops) == 1 else tree.root


def _recognised_below(tree: DataTree) -> dict[str, str]:
    """Folders right below the root that are data sets by themselves -> their format."""
    below: dict[str, str] = {}
    tops = {path.split("/")[0] for path in tree.files if "/" in path}
    for top in sorted(top for top in tops if not subset_name(top))[:20]:  # of a subset alone nobody would make a model
        inside = walk_data(tree.root / top)
        found = {name: _format(name).find(inside) for name in FORMATS}
        if readings := {name: one for name, one in found.items() if isinstance(one, Reading)}:
            below[top] = _best(readings)
    return below


def _merge_categories(parts: Sequence[Part], problems: Problems) -> dm.CategoriesInfo:
    """Give all parts the same classes in the same order, and let their annotations index them."""
    from datumaro import AnnotationType, LabelCategories

    names = sorted({name for part in parts for name in part.labels}, key=label_order)
    parents: dict[str, str] = {}
    groups: dict[str, Any] = {}
    merged: dict[Any, Any] = {}
    for part in parts:
        _relabel(part.items, part.categories, [names.index(name) for name in part.labels])
        points = part.categories.get(AnnotationType.points)
        if points is not None:
            known = merged.setdefault(AnnotationType.points, points).items
            for label, entry in points.items.items():
                if known.setdefault(label, entry).labels != entry.labels:
                    both = f"{', '.join(known[label].labels)} and {', '.join(entry.labels)}"
                    raise UserError(f"the annotation files declare different keypoints for {names[label]}: {both}")
        if AnnotationType.mask in part.categories:
            merged.setdefault(AnnotationType.mask, part.categories[AnnotationType.mask])
        own = part.categories.get(AnnotationType.label, LabelCategories())
        for entry in own:
            if entry.parent and entry.parent not in names:
                problems.add("parent class is not declared", part.subset, f"{entry.name} below {entry.parent}")
            elif entry.parent and parents.setdefault(entry.name, entry.parent) != entry.parent:
                kept = parents[entry.name]
                problems.add("class with two parents", part.subset, f"{entry.name}: {kept} and {entry.parent}")
        for group in own.label_groups:
            known = groups.setdefault(group.name, group)
            known.labels = [name for name in dict.fromkeys([*known.labels, *group.labels]) if name in names]
    labels = LabelCategories.from_iterable((name, parents.get(name, "")) for name in names)
    labels.label_groups = list(groups.values())
    return merged | {AnnotationType.label: labels}


def _by_subset(parts: Sequence[Part], explicit: bool, problems: Problems) -> dict[str, list[dm.DatasetItem]]:
    """The items by subset, each image once in each.

    Where an annotation file does not say which subset an image belongs to, its folder does. An image that has a subset
    is not dealt out once more because another file, about all images, lists it too.
    """
    subsets: dict[str, dict[str, dm.DatasetItem]] = {}
    for part in parts:
        for item in part.items:
            by_folder = explicit and part.subset == UNASSIGNED and subset_of_folder(folder_of(item.id))
            members = subsets.setdefault(by_folder or part.subset, {})
            if members.setdefault(item.id, item) is not item:
                problems.add("image listed twice, put together", item.id)
                _put_together(members[item.id], item)
    named = {image for name, members in subsets.items() if name != UNASSIGNED for image in members}
    for image in [image for image in subsets.get(UNASSIGNED, ()) if image in named]:
        problems.add("image of a subset left out where it is listed without one", image)
        del subsets[UNASSIGNED][image]
    return {name: list(members.values()) for name, members in subsets.items() if members}


def _put_together(item: dm.DatasetItem, other: dm.DatasetItem) -> None:
    """Add what is said of an image elsewhere; an object of the same class and box is the same object."""
    known = {_content(one): one.group for one in item.annotations}
    same = {one.group: known[_content(one)] for one in other.annotations if _content(one) in known and one.group}
    last = max((one.group for one in item.annotations), default=0)
    for one in other.annotations:
        if _content(one) not in known:
            one.group = same.get(one.group, one.group and one.group + last)
            item.annotations.append(one)


def _content(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - Datumaro's annotations have no common type
    """What tells an annotation of an image from the others; masks are not compared."""
    place = id(annotation) if annotation.type.name == "mask" else tuple(getattr(annotation, "points", ()))
    return annotation.type, getattr(annotation, "label", None), place


def _relabel(items: Iterable[dm.DatasetItem], categories: dm.CategoriesInfo, new: Sequence[int]) -> None:
    """Give annotations, and the keypoints of classes, new class indices, in place."""
    from datumaro import AnnotationType

    if points := categories.get(AnnotationType.points):
        points.items = {new[label]: entry for label, entry in points.items.items()}
    for item in items:
        for annotation in item.annotations:
            if getattr(annotation, "label", None) is not None:  # captions have none, and boxes may lack one
                annotation.label = new[annotation.label]


def label_order(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort key of class names: without regard to case, numbers in a name by their value."""
    words = re.split(r"(\d+)", name.casefold())
    return [(not word.isdecimal(), int(word) if word.isdecimal() else 0, word) for word in words if word], name


def _evidence(format_name: str, subsets: dict[str, list[dm.DatasetItem]], categories: dm.CategoriesInfo) -> Evidence:
    from datumaro import AnnotationType
    from datumaro.components.media import Video

    counts: Counter[str] = Counter()
    items = unlabelled = max_image_labels = videos = 0
    for item in (item for members in subsets.values() for item in members):
        items += 1
        unlabelled += not item.annotations
        videos += isinstance(item.media, Video)
        # The polygons of one object count once; whole-image labels and annotations without a group stand alone.
        whole = AnnotationType.label
        kinds = {
            (_kind(one), -1 - position if one.type is whole else one.group or -1 - position)
            for position, one in enumerate(item.annotations)
        }
        counts.update(kind for kind, _ in kinds)
        max_image_labels = max(max_image_labels, sum(kind == whole.name for kind, _ in kinds))
    rectangles, slanted = _rectangles(item for members in subsets.values() for item in members)
    labels = categories[AnnotationType.label]
    return Evidence(
        format=format_name,
        items=items,
        annotations=dict(sorted(counts.items())),
        unlabelled=unlabelled,
        max_image_labels=max_image_labels,
        label_groups=tuple(sorted((len(group.labels) for group in labels.label_groups), reverse=True)),
        parents=sum(bool(entry.parent) for entry in labels),
        rectangles=rectangles,
        slanted=slanted,
        videos=videos,
    )


def _kind(annotation: Any) -> str:  # noqa: ANN401 - Datumaro's annotations have no common type
    """Its type; a mask that says where a class is, and not where an object of it is, is a kind of its own."""
    kind: str = annotation.type.name
    return "class_mask" if hasattr(annotation, "index_mask") and not annotation.group else kind


def _rectangles(items: Iterable[dm.DatasetItem]) -> tuple[int, int]:
    from datumaro import AnnotationType

    outlines = (one for item in items for one in item.annotations if one.type is AnnotationType.polygon)
    return rectangles_among(np.array([one.points for one in outlines if len(one.points) == 8]))
