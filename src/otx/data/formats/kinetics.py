"""Kinetics: CSV or JSON files that name videos with their label and subset; each file is one clip, already cut.

Datumaro has a reader of this format, which takes any file whose name contains the id for the video.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from datumaro import DatasetItem, Label
from datumaro.components.media import Video

from otx.data.formats.reading import Part, Reading
from otx.data.problems import BAD_ANNOTATION, Problems
from otx.data.subset_names import UNASSIGNED, subset_name, subset_of_path
from otx.data.tree import Absent, DataTree, folder_of, suffix

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
    rows: list[_Row] = []
    others: list[str] = []
    for path in tree.with_suffix(".csv", ".json"):
        try:
            rows += list(_rows(tree, path))
        except (csv.Error, ValueError) as error:  # about something else, as a rule
            others.append(f"{path}: {error}")
    located = {row: _locate(tree, row) for row in rows}
    images = frozenset(place for place in located.values() if isinstance(place, str))
    left_out = "".join(f"; not read: {other}" for other in others[:3])
    if not images:
        return f"found {len(tree.videos)} videos, and no CSV or JSON file that gives them labels{left_out}"
    files = sorted({row.where.partition(":")[0] for row in rows})
    return Reading(
        reason=f"{len(rows)} videos listed in {', '.join(files[:3])}{', ...' if len(files) > 3 else ''}{left_out}",
        images=images,
        read=lambda problems: _read(tree, located, problems),
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
        if not isinstance(annotation, dict) or not isinstance(annotation.get("segment"), list):
            return
        start, end = map(str, annotation["segment"])
        yield _Row(f"{path}:{video}", video, annotation.get("label", ""), entry.get("subset", ""), (start, end))


def _read(tree: DataTree, located: dict[_Row, str | Absent], problems: Problems) -> list[Part]:
    labels = sorted({row.label for row in located if row.label})
    parts: dict[str, Part] = {}
    for row, place in located.items():
        if not row.label:
            problems.add(BAD_ANNOTATION, row.where, f"no label for {row.video!r}", bad=True)
            continue
        item = DatasetItem(id=row.where, annotations=[Label(labels.index(row.label))])
        if isinstance(place, str):
            item.id, item.media = place, Video(str(tree.files[place]))
        else:
            problems.add(place.kind, row.where, place.message, bad=True)
        subset = subset_name(row.split) or subset_of_path(row.where.partition(":")[0]) or UNASSIGNED
        parts.setdefault(subset, Part(subset, labels, [])).items.append(item)
    return list(parts.values())


def _locate(tree: DataTree, row: _Row) -> str | Absent:
    """The video of a row, whose file is named for the id and the seconds of the segment, or for the id."""
    folder = folder_of(row.where)
    folders = [f"{folder}/{row.split}".lstrip("/"), row.split, folder]
    subset = subset_name(row.split)
    if all(re.fullmatch(r"\d+(\.\d+)?", second) for second in row.segment):
        start, end = (int(float(second)) for second in row.segment)
        place = tree.locate_image(f"{row.video}_{start:06}_{end:06}", folders, subset, video=True)
        if isinstance(place, str):
            return place
    return tree.locate_image(row.video, folders, subset, video=True)
