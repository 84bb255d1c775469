"""Shards: a few large files that hold the pictures of a data root, written by `otx shard`, read with LitData.

A picture in a shard keeps the path that its file had below the data root, though no file is there. What reads pictures
asks here, and gets the bytes of a file or of a record. Nothing is unpickled: each record is the bytes of a file, and
shards that say otherwise are refused. LitData and torch are imported when the first record is read.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from otx.core.errors import UserError, require

MANIFEST = "otx_shards.json"
FOLDER = "otx_shards.data"
VERSION = 1
AGAIN = "make the shards again: otx shard --data_root DIR --output DIR"
CONFIG = {
    "data_format": ["bytes"],
    "data_spec": '[1, {"type": null, "context": null, "children_spec": []}]',
    "item_loader": "PyTreeLoader",
    "types": "bytes",
}
"""What LitData's index says of shards whose records are bytes. It would unpickle others, or import what they name."""

Head = tuple[int, int, int, str]
"""Height, width, channels and type of a picture."""


class Record(NamedTuple):
    """A picture in a shard.

    Attributes:
        number: Its place in all shards.
        checksum: CRC-32 of its bytes.
        head: What the head of the file says; None where it could not be read.
    """

    number: int
    checksum: int
    head: Head | None


@dataclass(frozen=True)
class Shards:
    """The shards of a data root.

    Attributes:
        root: The data root.
        records: By path relative to the root.
        files: Names of the shards.
        ends: Number of records up to the end of each.
    """

    root: Path
    records: dict[str, Record]
    files: tuple[str, ...]
    ends: tuple[int, ...]

    def read(self, name: str) -> bytes:
        """The bytes of a picture. Opens and closes its shard, so that workers share nothing and memory keeps nothing.

        Raises:
            UserError: The shard is damaged.
        """
        reader, loader, place = self._litdata
        record = self.records[name]
        shard = bisect_right(self.ends, record.number)
        file = self.root / FOLDER / self.files[shard]
        try:
            raw = reader.read_item_bytes(place(record.number, shard), self.ends[shard - 1] if shard else 0)
            data = bytes(loader.load_item_from_bytes(raw, shard))
        except Exception as error:
            raise _damaged(file, f"{type(error).__name__}: {error}") from error
        if zlib.crc32(data) != record.checksum:
            raise _damaged(file, f"{name} has another checksum than when it was written")
        return data

    @cached_property
    def _litdata(self) -> tuple[Any, Any, Any]:
        from litdata.streaming.item_loader import PyTreeLoader
        from litdata.streaming.reader import BinaryReader
        from litdata.streaming.sampler import ChunkedIndex

        loader = PyTreeLoader()
        reader = BinaryReader(str(self.root / FOLDER), item_loader=loader)
        reader.get_length()  # reads the index
        return reader, loader, ChunkedIndex


def open_data(path: Path) -> BinaryIO:
    """A file below a data root, or the record of that path, to read from.

    Raises:
        OSError: There is neither.
        UserError: The shard is damaged.
    """
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        if (found := _find(path)) is None:
            raise
        return io.BytesIO(found[0].read(found[1]))


def read_data(path: Path) -> bytes:
    """All bytes of what `open_data` opens.

    Raises:
        OSError: As `open_data`.
        UserError: As `open_data`.
    """
    with open_data(path) as file:
        return file.read()


def record_of(path: Path) -> Record | None:
    """What is known of a picture in a shard without reading it; None for a file, and for nothing."""
    found = _find(path)
    return None if found is None else found[0].records[found[1]]


def records_below(folder: Path) -> list[str]:
    """Paths of the pictures that shards hold of a folder, relative to it; none of a folder of files.

    Raises:
        UserError: The shards are damaged, or a name leads out of the folder or to a file beside the shards.
    """
    for above in (folder, *folder.parents):
        if shards := shards_at(above):
            start = f"{folder.relative_to(above).as_posix()}/".removeprefix("./")
            names = [name for name in shards.records if name.startswith(start)]
            for name in names:
                # A link at that place would be followed out of the root.
                if os.path.isabs(name) or os.path.normpath(name) != name or name[:2] == "..":  # noqa: PTH117
                    raise UserError(f"{above / MANIFEST}: expected paths inside the data root, found {name!r}")
                if os.path.lexists(above / name):
                    raise UserError(
                        f"{above / name} is in the shards of {above}, but there is a file, too; remove one of them"
                    )
            return [name[len(start) :] for name in names]
    return []


def shards_at(root: Path) -> Shards | None:
    """The shards of a data root; None for one of files.

    Raises:
        UserError: They are damaged, unfinished, or of another version.
    """
    try:
        changed = (root / MANIFEST).stat().st_mtime_ns
    except OSError as error:
        if (root / FOLDER).is_dir():
            raise UserError(
                f"{root}: the shards are unfinished, {MANIFEST} is missing; delete the folder and {AGAIN}"
            ) from error
        return None
    return _open(root, changed)


def _find(path: Path) -> tuple[Shards, str] | None:
    if os.path.exists(path):  # noqa: PTH110 - Path is three times slower, and this runs per image
        return None
    for folder in path.parents:
        if shards := shards_at(folder):
            name = path.relative_to(folder).as_posix()
            return (shards, name) if name in shards.records else None
    return None


@lru_cache(maxsize=4)
def _open(root: Path, changed: int) -> Shards:  # noqa: ARG001 - shards that were written anew are others
    require("litdata", "shards")
    manifest = _json(root / MANIFEST)
    if manifest.get("version") != VERSION:
        raise UserError(f"{root / MANIFEST}: expected version {VERSION}, found {manifest.get('version')}; {AGAIN}")
    index = _json(root / FOLDER / "index.json")
    _refuse_code(root, index.get("config"))
    try:
        records = {
            str(name): Record(number, checksum, _head(*head) if head else None)
            for number, (name, checksum, head) in enumerate(manifest["records"])
        }
        shards = [(str(one["filename"]), int(one["chunk_bytes"]), int(one["chunk_size"])) for one in index["chunks"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(root / MANIFEST, repr(error)) from error
    for name, length, _ in shards:
        _check_file(root, name, length)
    ends = tuple(accumulate(count for _, _, count in shards))
    if ends[-1:] != (len(records),):
        raise _damaged(root / MANIFEST, f"it lists {len(records)} pictures, the shards hold {sum(ends[-1:])}")
    return Shards(root, records, tuple(name for name, _, _ in shards), ends)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(path, f"expected an object, found {type(content).__name__}")
    return content


def _head(height: int, width: int, channels: int, kind: str) -> Head:
    return int(height), int(width), int(channels), str(kind)


def _refuse_code(root: Path, config: Any) -> None:  # noqa: ANN401 - JSON
    found = config if isinstance(config, dict) else {}
    said = {key: value for key, value in found.items() if value is not None and key != "chunk_bytes"}
    if said != CONFIG:
        keys = sorted(key for key in {*said, *CONFIG} if said.get(key) != CONFIG.get(key))
        odd = ", ".join(f"{key} = {said.get(key)!r}" for key in keys)
        raise UserError(
            f"{root / FOLDER / 'index.json'}: expected records of plain bytes, as otx shard writes them, found {odd}; "
            "refused, because reading it might run what it names"
        )


def _check_file(root: Path, name: str, length: int) -> None:
    path = root / FOLDER / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{path} is a shard outside of the data root, which is not read")
    if not path.is_file():
        raise _damaged(path, "it is missing")
    if path.stat().st_size != length:
        raise _damaged(path, f"expected {length} bytes, found {path.stat().st_size}")


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: the shards are damaged: {reason}; {AGAIN}")
