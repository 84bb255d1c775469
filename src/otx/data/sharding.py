"""Writes a data root again as shards: its pictures in a few large files, everything else as it is."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otx.core.atomic import write_atomic
from otx.core.errors import UserError, require
from otx.data.deep_images import TIFF_STARTS
from otx.data.images import BrokenImageError, image_head
from otx.data.shards import FOLDER, MANIFEST, VERSION, Head, records_below
from otx.data.source import DataSource, open_source
from otx.data.tree import IMAGE_SUFFIXES, DataTree, suffix, walk_data

SHARD_BYTES = 64 << 20
"""A picture that is larger stays a file, which can be read in parts."""
PICTURES = IMAGE_SUFFIXES - {".npy", ".tif", ".tiff"}
"""The others are mapped into memory, window by window."""

Show = Callable[[list[str]], Iterable[str]]


@dataclass(frozen=True)
class Sharded:
    """What was written.

    Attributes:
        pictures: Number of pictures in the shards.
        shards: Number of shards.
        files: Number of files that were copied: annotations, videos, frames of clips, TIFF, arrays.
        size: Bytes of all.
    """

    pictures: int
    shards: int
    files: int
    size: int


def write_shards(root: Path, output: Path, data_format: str | None = None, *, show: Show = iter) -> Sharded:
    """Write the shards of a data root; what was begun is removed again if it fails.

    Args:
        root: The data root, which must be one that can be read.
        output: A new or empty folder outside of it.
        data_format: Overrules the recognition of the format.
        show: Hands on the files one by one, and shows how far it is.

    Raises:
        MissingExtraError: LitData is not installed.
        UserError: The data root or the output is not as it should be, or there is too little room.
    """
    require("litdata", "shards")
    output = output.resolve()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(
            f"expected a new or empty folder for the shards, found files in {output}; name another, or delete it"
        )
    tree = walk_data(root)
    _refuse(tree, output)
    sizes = {name: path.stat().st_size for name, path in tree.files.items()}
    _refuse_to_fill(output, sum(sizes.values()))
    clips = _clips(open_source(root, data_format))
    pictures = [
        name
        for name, path in tree.files.items()
        if suffix(name) in PICTURES and path.parent not in clips and sizes[name] < SHARD_BYTES and not _is_tiff(path)
    ]
    if not pictures:
        raise UserError(
            f"{tree.root}: no pictures to put into shards; videos, clips of frames, TIFF and arrays are read in parts"
        )
    try:
        records, shards = _write_records(tree, pictures, output, show)
        others = [name for name in tree.files if name not in records]
        for name in show(others):
            target = output / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree.files[name], target)
        write_atomic(output / MANIFEST, json.dumps({"version": VERSION, "records": list(records.values())}))
    except BaseException:
        shutil.rmtree(output, ignore_errors=True)
        raise
    return Sharded(len(pictures), shards, len(others), sum(sizes.values()))


def _refuse(tree: DataTree, output: Path) -> None:
    if output.is_relative_to(tree.root):
        raise UserError(f"expected a folder for the shards outside of the data root, found {output} in {tree.root}")
    if records_below(tree.root):
        raise UserError(f"{tree.root} has its pictures in shards already")
    if tree.leaving:
        link, target = next(iter(tree.leaving.items()))
        raise UserError(
            f"{tree.root}: {len(tree.leaving)} symbolic links lead out of the data root and are not followed, for "
            f"example {link} to {target}; put the files in their place, or delete the links"
        )


def _refuse_to_fill(output: Path, size: int) -> None:
    free = shutil.disk_usage(next(folder for folder in (output, *output.parents) if folder.exists())).free
    if free < size:
        raise UserError(f"{output}: the shards need {size / 2**30:.1f} GiB, and there are {free / 2**30:.1f} GiB free")


def _clips(source: DataSource) -> set[Path]:
    """Folders whose pictures are the frames of a clip."""
    items: Iterable[Any] = (
        (item for members in source.subsets.values() for item in members) if source.evidence.videos else ()
    )
    return {Path(item.media.path) for item in items if item.media is not None}


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in TIFF_STARTS


def _write_records(
    tree: DataTree, pictures: list[str], output: Path, show: Show
) -> tuple[dict[str, tuple[str, int, Head | None]], int]:
    """The shards, by LitData.

    Returns:
        By name what the manifest says, in the order of the records; the number of shards.
    """
    from litdata.streaming.serializers import BytesSerializer
    from litdata.streaming.writer import BinaryWriter

    # First among LitData's, or a picture might be taken for something to decode.
    writer: Any = BinaryWriter(str(output / FOLDER), chunk_bytes=SHARD_BYTES, serializers={"bytes": BytesSerializer()})
    records: dict[str, tuple[str, int, Head | None]] = {}
    for number, name in enumerate(show(pictures)):
        data = tree.files[name].read_bytes()
        writer.add_item(number, data)
        records[name] = (name, zlib.crc32(data), _head(tree.files[name]))
        (output / name).parent.mkdir(parents=True, exist_ok=True)  # so that the layout can still be seen
    writer.done()
    writer.merge()
    return records, len(list((output / FOLDER).glob("*.bin")))


def _head(path: Path) -> Head | None:
    try:
        height, width, pixels = image_head(path)
    except BrokenImageError:
        return None  # training says so, as it does with a file
    return height, width, pixels.channels, pixels.dtype
