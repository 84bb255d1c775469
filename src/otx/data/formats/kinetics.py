"""Kinetics: CSV or JSON files that name videos with their label and subset; each file is one clip, already cut.

Datumaro has a reader of this format, which takes any file whose name contains the id for the video.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from otx.data.formats.reading import Part, Reading
from otx.data.problems import BAD_ANNOTATION, MISSING_VIDEO, OUTSIDE, Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_path
from otx.data.tree import DataTree, NotLocatedError, suffix

NAME = "kinetics"
LOOKED_FOR = "CSV files with columns 'label' and 'youtube_id' beside videos of these names"


@dataclass(frozen=True)
class _Row:
    """What a file says about one video."""

    where: str
    video: str
    label: str
    split: str
    segment: tuple[str, str]


def find(tree: DataTree) -> Reading | str:
    """See `Format.find`."""
    if not tree.videos:
        return "found no videos"
    rows = [row for path in tree.with_suffix(".csv", ".json") for row in _rows(tree, path)]
    located = {row: video for row in rows if (video := _located(tree, row)) is not None}
    if not located:
        return f"found {len(tree.videos)} videos, and no CSV or JSON file that gives them labels"
    files = sorted({row.where.partition(":")[0] for row in rows})
    return Reading(
        format=NAME,
        reason=f"{len(rows)} videos listed in {', '.join(files[:3])}{', ...' if len(files) > 3 else ''}",
        images=frozenset(located.values()),
        read=lambda problems: _read(tree, rows, problems),
    )


def _rows(tree: DataTree, path: str) -> Iterator[_Row]:
    text = tree.read_text(path)
    if suffix(path) == ".csv":
        for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
            if not {"label", "youtube_id"} <= row.keys():
                return
            segment = (row.get("time_start") or "", row.get("time_end") or "")
            yield _Row(f"{path}:{number}", row["youtube_id"] or "", row["label"] or "", row.get("split") or "", segment)
        return
    content = json.loads(text) if '"segment"' in text else {}
    for video, entry in content.items() if isinstance(content, dict) else ():
        annotation = entry.get("annotations") if isinstance(entry, dict) else None
        if not isinstance(annotation, dict) or len(annotation.get("segment", ())) != 2:
            return
        start, end = map(str, annotation["segment"])
        yield _Row(f"{path}:{video}", video, annotation.get("label", ""), entry.get("subset", ""), (start, end))


def _read(tree: DataTree, rows: list[_Row], problems: Problems) -> list[Part]:
    from datumaro import DatasetItem, Label
    from datumaro.components.media import Video

    labels = sorted({row.label for row in rows if row.label})
    subsets: dict[str, Part] = {}
    for row in rows:
        if not row.label:
            problems.add(BAD_ANNOTATION, row.where, f"no label for {row.video!r}", bad=True)
            continue
        try:
            video = _locate(tree, row)
        except NotLocatedError as error:
            problems.add(OUTSIDE if error.outside else MISSING_VIDEO, row.where, str(error), bad=True)
            video = None
        subset = _subset(row) or UNASSIGNED
        item = DatasetItem(
            id=video or row.where,
            media=Video(str(tree.files[video])) if video else None,
            annotations=[Label(labels.index(row.label))],
        )
        subsets.setdefault(subset, Part(subset, labels, [])).items.append(item)
    return list(subsets.values())


def _subset(row: _Row) -> str | None:
    return subset_name(row.split) or subset_of_path(row.where.partition(":")[0])


def _located(tree: DataTree, row: _Row) -> str | None:
    try:
        return _locate(tree, row)
    except NotLocatedError:
        return None


def _locate(tree: DataTree, row: _Row) -> str:
    """The video of a row, whose file is named for the id, or for the id and the seconds of the segment.

    Raises:
        NotLocatedError: There is none, or several that fit equally well.
    """
    folder = row.where.rpartition("/")[0]
    folders = [f"{folder}/{row.split}".lstrip("/"), row.split, folder]
    subset = subset_name(row.split)
    names = [row.video]
    if all(re.fullmatch(r"\d+(\.\d+)?", second) for second in row.segment):
        start, end = (int(float(second)) for second in row.segment)
        names.insert(0, f"{row.video}_{start:06}_{end:06}")
    for name in names[:-1]:
        try:
            return tree.locate_video(name, folders, subset)
        except NotLocatedError:
            continue
    return tree.locate_video(names[-1], folders, subset)
