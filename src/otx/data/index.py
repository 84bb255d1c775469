"""A data set as one task sees it: per subset the images, their sizes and their compact annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from otx.core.errors import UserError
from otx.core.input_spec import RGB, PixelFormat
from otx.core.label_info import LabelInfo
from otx.data.collector import collector_paused
from otx.data.images import BrokenImageError
from otx.data.item import Item
from otx.data.media import media_head
from otx.data.problems import BROKEN_IMAGE, BROKEN_VIDEO, Problems
from otx.data.reader import ChoosingReader, TaskReader
from otx.data.source import DataSource
from otx.data.split import SHARES, make_split, read_split, write_split
from otx.data.subset_names import SUBSETS, UNASSIGNED, SubsetName
from otx.data.videos import BrokenVideoError

if TYPE_CHECKING:
    import datumaro as dm


@dataclass(frozen=True)
class DataIndex:
    """All that training and testing need to know of a data set.

    Attributes:
        labels: The classes.
        subsets: Images by subset; a subset may be empty.
        class_counts: Objects (or labels) per class, by subset.
        problems: Everything that was found wrong, in the files and in this step.
        split_origin: Where the subsets come from, in words.
        pixels: What its images are made of; they are all alike.
        split: Images by subset where OTX had to split, as the split file has them; None where the data set is split.
    """

    labels: LabelInfo
    subsets: dict[SubsetName, tuple[Item, ...]]
    class_counts: dict[SubsetName, tuple[int, ...]]
    problems: Problems
    split_origin: str
    split: dict[SubsetName, list[str]] | None = None
    pixels: PixelFormat = RGB

    def why_not_trainable(self) -> str:
        """Why nothing can be learned from the data set; "" if it can be trained on."""
        train = self.subsets["train"]
        if not train:
            there = ", ".join(f"{len(items)} for {name}" for name, items in self.subsets.items() if items)
            return f"there are no training images ({there or _summary(self.problems)})"
        if not sum(self.class_counts["train"]):
            return f"none of the {len(train)} training images has an object or label"
        if not self.subsets["val"]:
            return f"there are no validation images, and {len(train)} training image is too little to take some from"
        return ""


@dataclass(frozen=True)
class _Found:
    """An indexed image with what the split needs to know of it."""

    name: str
    item: Item
    pixels: PixelFormat
    label_ids: tuple[int, ...]


@collector_paused()
def build_index(
    source: DataSource,
    reader: TaskReader[Any],
    *,
    on_bad_data: Literal["error", "skip"],
    seed: int,
    split_file: Path | None,
    labels: LabelInfo | None = None,
) -> DataIndex:
    """Let a task's reader look at each image's annotations, and make the subsets that the data set lacks.

    Args:
        source: The opened data root.
        reader: Reader of the task.
        on_bad_data: What to do about images and annotations that cannot be used: stop, or leave them out and count.
        seed: Decides the split.
        split_file: The split is written there, or read from there if it exists. None: it is not kept.
        labels: Classes of a model that the data must fit; None takes those of the data.

    Raises:
        UserError: Something is bad and `on_bad_data` is `error`; or there are no classes; or the split file does not
            fit.
    """
    if isinstance(reader, ChoosingReader):
        source.keep_classes(reader.classes(source.categories), reader.unused)
    if labels is not None:
        source.use_labels(labels)
    problems = Problems(source.problems)
    labels = _labels(source, reader, stop=on_bad_data == "error")
    found: dict[str, list[_Found]] = {}
    seen: dict[str, str] = {}
    for subset, items in source.subsets.items():
        for item in items:
            first = seen.setdefault(item.id, subset)
            if first != subset:
                problems.add("image in two subsets", item.id, f"in {first} and in {subset}")
            one = _look_at(item, reader, labels, problems)
            if one is not None:
                found.setdefault(subset, []).append(one)
    pixels = _same_pixels(found, problems)
    if on_bad_data == "error" and problems.bad():
        raise UserError(problems.refusal(source.root))
    subsets, origin, split = _subsets(found, problems, seed, split_file, source.split_from)
    ordered = {name: sorted(subsets.get(name, []), key=lambda one: one.name) for name in SUBSETS}
    class_counts = {name: _class_counts(ordered[name], len(labels)) for name in SUBSETS}
    if source.split_from == "train" and ordered["train"]:
        _note_classes_to_miss(labels, class_counts, problems)
    return DataIndex(
        labels=labels,
        subsets={name: tuple(one.item for one in ordered[name]) for name in SUBSETS},
        class_counts=class_counts,
        problems=problems,
        split_origin=origin,
        split=split,
        pixels=pixels,
    )


def _labels(source: DataSource, reader: TaskReader[Any], *, stop: bool) -> LabelInfo:
    try:
        return reader.label_info(source.categories)
    except UserError as error:
        if stop and source.problems.bad():  # there may be no classes because of them
            raise UserError(source.problems.refusal(source.root)) from error
        raise UserError(f"{source.root}: {error}") from error


def _look_at(item: dm.DatasetItem, reader: TaskReader[Any], labels: LabelInfo, problems: Problems) -> _Found | None:
    if item.media is None:
        return None  # the missing image has been reported
    path = Path(item.media.path)
    try:
        height, width, pixels = media_head(path)
    except BrokenImageError as error:
        kind = BROKEN_VIDEO if isinstance(error, BrokenVideoError) else BROKEN_IMAGE
        problems.add(kind, item.id, str(error), bad=True)
        return None
    declared = item.media.size if getattr(item.media, "has_size", False) else (height, width)  # videos have none
    if declared != (height, width):
        message = f"{declared[1]}x{declared[0]} in the annotation file, {width}x{height} in the image"
        problems.add("size differs from the annotation file's", item.id, message)
    annotation = reader.annotation(item, labels, (height, width), _reporter(item.id, problems))
    if annotation is None:
        return None
    indexed = Item(path, height, width, annotation)
    return _Found(item.id, indexed, pixels, tuple(reader.label_ids(annotation)))


def _same_pixels(found: dict[str, list[_Found]], problems: Problems) -> PixelFormat:
    """What most images are made of; the others are taken out of `found`, because no model can be fed with both."""
    counts = Counter(one.pixels for ones in found.values() for one in ones)
    usual = counts.most_common(1)[0][0] if counts else RGB
    for subset, ones in found.items():
        for one in (one for one in ones if one.pixels != usual):
            problems.add("image of another kind", one.name, f"{one.pixels}, most have {usual}", bad=True)
        found[subset] = [one for one in ones if one.pixels == usual]
    return usual


def _reporter(where: str, problems: Problems) -> Callable[[str], None]:
    def report(phrase: str) -> None:
        kind, _, details = phrase.partition(": ")
        problems.add(kind, where, details)

    return report


def _summary(problems: Problems) -> str:
    return ", ".join(f"{count} x {kind}" for kind, count in problems.counts().items()) or "no image is listed"


def _subsets(
    found: dict[str, list[_Found]], problems: Problems, seed: int, split_file: Path | None, split_from: SubsetName
) -> tuple[dict[SubsetName, list[_Found]], str, dict[SubsetName, list[str]] | None]:
    """The subsets of the data set, and those that it lacks taken out of `split_from`, as a rule its training images."""
    for name in found.keys() - {*SUBSETS, UNASSIGNED}:
        problems.add("subset not used", name, f"{len(found[name])} images; known are {', '.join(SUBSETS)}")
    subsets: dict[SubsetName, list[_Found]] = {name: found.get(name, []) for name in SUBSETS}
    missing: list[SubsetName] = [name for name in SHARES[split_from] if not subsets[name]]
    pool = {one.name: one for one in (*found.get(UNASSIGNED, []), *subsets[split_from])}
    if not pool or not missing:
        return subsets | {split_from: [*pool.values()]}, "as in the data", None
    if split_file is not None and split_file.exists():
        split = read_split(split_file, pool)
        how = f"read from {split_file}"
    else:
        split = make_split({name: one.label_ids for name, one in pool.items()}, missing, seed, split_from)
        how = f"stratified, seed {seed}"
        if split_file is not None:
            write_split(split_file, split, seed)
            how += f", written to {split_file}"
    made = {name: [pool[image] for image in images] for name, images in split.items()}
    taken = " and ".join(name for name in missing if made.get(name))
    if not taken:
        return subsets | made, f"as in the data, which has too few images to take any from {split_from}", None
    return subsets | made, f"{taken} taken from {split_from if subsets[split_from] else 'all images'} ({how})", split


def _note_classes_to_miss(
    labels: LabelInfo, class_counts: Mapping[SubsetName, Sequence[int]], problems: Problems
) -> None:
    """Report the classes that are measured and cannot be learned."""
    for index, name in enumerate(labels.names):
        if not class_counts["train"][index]:
            there = [f"{class_counts[subset][index]} for {subset}" for subset in SUBSETS if class_counts[subset][index]]
            if there:
                problems.add("class without training images", name, ", ".join(there))


def _class_counts(found: list[_Found], classes: int) -> tuple[int, ...]:
    counts = Counter(label for one in found for label in one.label_ids)
    return tuple(counts[index] for index in range(classes))
