"""The files below a data root: what is not in here is never opened, whatever an annotation file says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import Path, PurePosixPath

from otx.core.errors import UserError
from otx.data.problems import MISSING_IMAGE, MISSING_VIDEO, OUTSIDE
from otx.data.shards import FOLDER, MANIFEST, records_below
from otx.data.subset_names import SubsetName, subset_of_folder

IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".npy", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
UNREAD_SUFFIXES = frozenset(
    {".arw", ".cr2", ".cr3", ".dcm", ".dng", ".exr", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".psd", ".svg", ".tga"}
)
"""Of pictures that OTX does not decode."""
VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})
_ANNOTATION_SUFFIXES = frozenset({".csv", ".data", ".json", ".names", ".txt", ".xml", ".yaml", ".yml"})
_NOT_DATA = frozenset({"__MACOSX", "__pycache__", "lost+found", "otx-workspace", FOLDER, MANIFEST})
"""What is passed over; OTX's own may lie in the data root, and is full of pictures and JSON."""


@dataclass(frozen=True)
class Absent:
    """Stands for a file that an annotation names and that is not there, or may not be read.

    Attributes:
        kind: Of the problem: the file is missing, or would lie outside the data root.
        message: What is wrong with it.
    """

    kind: str
    message: str


@dataclass
class DataTree:
    """Files below a data root by their relative POSIX path.

    Attributes:
        root: The data root, symbolic links resolved.
        files: Relative path -> real path, which lies below `root` too.
        leaving: Relative path of a symbolic link that leads out of the root, or to nothing -> its target.
    """

    root: Path
    files: dict[str, Path] = field(default_factory=dict)
    leaving: dict[str, str] = field(default_factory=dict)

    @cached_property
    def images(self) -> list[str]:
        """Relative paths of all images."""
        return [path for path in self.files if suffix(path) in IMAGE_SUFFIXES]

    @cached_property
    def unread(self) -> list[str]:
        """Relative paths of the pictures in formats that are not decoded."""
        return [path for path in self.files if suffix(path) in UNREAD_SUFFIXES]

    @cached_property
    def videos(self) -> list[str]:
        """Relative paths of all video files."""
        return [path for path in self.files if suffix(path) in VIDEO_SUFFIXES]

    @cached_property
    def image_folders(self) -> dict[str, list[str]]:
        """Folder -> the images right inside it."""
        return grouped(self.images, folder_of)

    @cached_property
    def images_by_stem(self) -> dict[str, list[str]]:
        """File name without suffix -> the images of that name."""
        return grouped(self.images, stem)

    @cached_property
    def _videos_by_stem(self) -> dict[str, list[str]]:
        return grouped(self.videos, stem)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        return grouped(self.files, lambda path: path.rpartition("/")[2])

    def with_suffix(self, *suffixes: str) -> list[str]:
        """Relative paths of the files with one of the suffixes."""
        return [path for path in self.files if suffix(path) in suffixes]

    def read_text(self, path: str) -> str:
        """Text of a file of the tree.

        Raises:
            UserError: It is not UTF-8.
        """
        try:
            return self.files[path].read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"expected UTF-8 text in {self.root / path}: {error}") from error

    def lines(self, path: str) -> Iterator[tuple[str, str]]:
        """Where each line of a text file stands (`labels/1.txt:7`) and what it says, without blank ones."""
        for number, line in enumerate(self.read_text(path).splitlines(), start=1):
            if line.strip():
                yield f"{path}:{number}", line.strip()

    def locate(self, name: str, folders: Sequence[str] = ("",), subset: SubsetName | None = None) -> str | Absent:
        """The file of this tree that an annotation file means.

        Args:
            name: Relative or absolute path as written in an annotation file.
            folders: Folders it may be relative to; the first hit counts.
            subset: Subset that the annotation belongs to, which tells files of the same name apart.

        Returns:
            Its relative path, or why there is no such file, or not one that fits best.
        """
        name = name.strip().replace("\\", "/")
        name = name.removeprefix(f"{self.root}/")
        paths = [] if name.startswith("/") else [os.path.normpath(f"{folder or '.'}/{name}") for folder in folders]
        for path in paths:
            if path in self.files:
                return path
            if link := self._link_on(path):
                return Absent(OUTSIDE, f"{name!r} is reached through the link {link} -> {self.leaving[link]}")
        candidates = self._by_name.get(name.rpartition("/")[2])
        if candidates:
            return _best(name, candidates, subset)
        if name.startswith("/") or any(path.startswith("..") for path in paths):
            return Absent(OUTSIDE, f"{name!r} lies outside the data root")
        return Absent(MISSING_IMAGE, f"{name!r} is not below the data root")

    def _link_on(self, path: str) -> str | None:
        """The link that leads out of the tree, if a path is one or lies below one."""
        above = (path, *map(str, PurePosixPath(path).parents)) if self.leaving else ()
        return next((part for part in above if part in self.leaving), None)

    def locate_image(
        self, name: str, folders: Sequence[str] = ("",), subset: SubsetName | None = None, *, video: bool = False
    ) -> str | Absent:
        """As `locate`, for the image (or the video file) of the stem `name`, with any suffix."""
        candidates = (self._videos_by_stem if video else self.images_by_stem).get(name.rpartition("/")[2], [])
        for folder in folders:
            here = f"{folder}/{name}" if folder else name
            exact = [path for path in candidates if path.rpartition(".")[0] == here]
            if len(exact) == 1:
                return exact[0]
        if candidates:
            return _best(name, candidates, subset)
        kind, word = (MISSING_VIDEO, "video") if video else (MISSING_IMAGE, "image")
        return Absent(OUTSIDE if ".." in name else kind, f"there is no {word} {name}.* below the data root")


def _best(name: str, candidates: Sequence[str], subset: SubsetName | None) -> str | Absent:
    """The candidate that shares most of its folders' end with `name`; of equals the one in a folder of the subset."""
    wanted = [part for part in name.split("/")[-2::-1] if part not in ("", ".", "..")]
    fits = {}
    for path in candidates:
        shared = shared_start(path.split("/")[-2::-1], wanted)
        fits[path] = (shared, subset is not None and subset_of_folder(path) == subset)
    best = max(fits.values())
    winners = [path for path, fit in fits.items() if fit == best]
    if len(winners) > 1:
        return Absent(MISSING_IMAGE, f"{name!r} may be any of {', '.join(sorted(winners)[:3])}")
    return winners[0]


def suffix(path: str) -> str:
    """The suffix of a path in lower case, with the dot."""
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 - PurePath is ten times slower, and this runs per file


def stem(path: str) -> str:
    """The file name without folders and suffix."""
    return os.path.splitext(path.rpartition("/")[2])[0]  # noqa: PTH122


def is_hidden(path: PurePosixPath | Path) -> bool:
    """Whether a relative path leads through something hidden, or through what macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def folder_of(path: str) -> str:
    """The path without the file name; "" for a file right below the root."""
    return path.rpartition("/")[0]


def shared_start(one: Sequence[str], other: Sequence[str]) -> int:
    """Number of parts at the start that two paths have in common."""
    return sum(1 for _ in takewhile(lambda parts: parts[0] == parts[1], zip(one, other, strict=False)))


def grouped(paths: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    """Paths by what `key` says of them, in their order."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(key(path), []).append(path)
    return groups


def walk_data(root: Path) -> DataTree:
    """List what lies below a data root, in files or in shards, without leaving it.

    Symbolic links are followed only to places inside the root. Hidden files are passed over.

    Raises:
        UserError: There is no such folder, or its shards cannot be used.
    """
    if not root.is_dir():
        raise UserError(_no_folder(root))
    tree = DataTree(root.resolve())
    _walk(tree, str(tree.root), "", (str(tree.root),))
    if records := records_below(tree.root):
        tree.files |= {name: tree.root / name for name in records}
        tree.files = {name: tree.files[name] for name in sorted(tree.files, key=lambda path: path.split("/"))}
    return tree


def _no_folder(root: Path) -> str:
    if root.suffix.lower() in {".zip", ".tar", ".gz", ".tgz"}:
        return f"expected a folder as data root, found the archive {root}; unpack it: unzip {root} -d {root.stem}"
    if root.exists():
        return f"expected a folder as data root, found the file {root}; name the folder that holds it: {root.parent}"
    beside = sorted(path.name for path in root.parent.iterdir() if path.is_dir()) if root.parent.is_dir() else []
    there = f"; {root.parent} holds: {', '.join(beside[:10])}" if beside else ""
    return f"there is no data root {root}{there}"


def _walk(tree: DataTree, folder: str, prefix: str, above: tuple[str, ...]) -> None:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith(".") or entry.name in _NOT_DATA:
            continue
        path = prefix + entry.name
        real = entry.path
        if entry.is_symlink():
            real = os.path.realpath(entry.path)
            if real in above:
                continue
            if not real.startswith(f"{tree.root}/") or not os.path.exists(real):  # noqa: PTH110
                if entry.is_dir() or suffix(path) in IMAGE_SUFFIXES | VIDEO_SUFFIXES | _ANNOTATION_SUFFIXES:
                    tree.leaving[path] = real
                continue
        if entry.is_dir():
            _walk(tree, real, f"{path}/", (*above, real))
        elif entry.is_file():
            tree.files[path] = Path(real)
