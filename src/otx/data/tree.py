"""The files below a data root: what is not in here is never opened, whatever an annotation file says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from otx.core.errors import UserError
from otx.data.subset_names import SubsetName, subset_of_folder

IMAGE_SUFFIXES = frozenset({".bmp", ".jfif", ".jpeg", ".jpg", ".npy", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})
_ANNOTATION_SUFFIXES = frozenset({".csv", ".data", ".json", ".names", ".txt", ".xml", ".yaml", ".yml"})
_NOT_DATA = frozenset({"__MACOSX", "__pycache__", "lost+found", "otx-workspace"})
"""Folders that are passed over; OTX's own may lie in the data root, and is full of pictures and JSON."""


class NotLocatedError(LookupError):
    """A file that an annotation names is not there, or may not be read.

    Attributes:
        outside: It would lie outside the data root.
    """

    def __init__(self, message: str, *, outside: bool = False) -> None:
        super().__init__(message)
        self.outside = outside


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
    def videos(self) -> list[str]:
        """Relative paths of all video files."""
        return [path for path in self.files if suffix(path) in VIDEO_SUFFIXES]

    @cached_property
    def image_folders(self) -> dict[str, list[str]]:
        """Folder -> the images right inside it."""
        return _by_folder(self.images)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for path in self.files:
            names.setdefault(path.rpartition("/")[2], []).append(path)
        return names

    @cached_property
    def images_by_stem(self) -> dict[str, list[str]]:
        """File name without suffix -> the images of that name."""
        return _by_stem(self.images)

    @cached_property
    def _videos_by_stem(self) -> dict[str, list[str]]:
        return _by_stem(self.videos)

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
            msg = f"expected UTF-8 text in {self.root / path}: {error}"
            raise UserError(msg) from error

    def locate(self, name: str, folders: Sequence[str] = ("",), subset: SubsetName | None = None) -> str:
        """The file of this tree that an annotation file means.

        Args:
            name: Relative or absolute path as written in an annotation file.
            folders: Folders it may be relative to; the first hit counts.
            subset: Subset that the annotation belongs to, which tells files of the same name apart.

        Returns:
            Its relative path.

        Raises:
            NotLocatedError: There is no such file below the root, or several that fit equally well.
        """
        name = name.strip().replace("\\", "/")
        name = name.removeprefix(f"{self.root}/")
        if not name.startswith("/"):
            for folder in folders:
                path = os.path.normpath(f"{folder}/{name}" if folder else name)
                if path in self.files:
                    return path
                self._refuse_link(name, path)
        found = self._best(name, self._by_name.get(name.rpartition("/")[2], ()), subset)
        if found:
            return found
        if name.startswith("/") or any(
            os.path.normpath(f"{folder or '.'}/{name}").startswith("..") for folder in folders
        ):
            msg = f"{name!r} lies outside the data root"
            raise NotLocatedError(msg, outside=True)
        msg = f"{name!r} is not below the data root"
        raise NotLocatedError(msg)

    def locate_image(self, name: str, folders: Sequence[str] = ("",), subset: SubsetName | None = None) -> str:
        """As `locate`, for the image of the stem `name`, with any suffix."""
        return self._locate_stem("image", self.images_by_stem, name, folders, subset)

    def locate_video(self, name: str, folders: Sequence[str] = ("",), subset: SubsetName | None = None) -> str:
        """As `locate_image`, for a video file."""
        return self._locate_stem("video", self._videos_by_stem, name, folders, subset)

    def _locate_stem(
        self, kind: str, stems: dict[str, list[str]], name: str, folders: Sequence[str], subset: SubsetName | None
    ) -> str:
        candidates = stems.get(name.rpartition("/")[2], ())
        for folder in folders:
            here = f"{folder}/{name}" if folder else name
            exact = [path for path in candidates if path.rpartition(".")[0] == here]
            if len(exact) == 1:
                return exact[0]
        found = self._best(name, candidates, subset)
        if found:
            return found
        msg = f"there is no {kind} {name}.* below the data root"
        raise NotLocatedError(msg)

    def _refuse_link(self, name: str, path: str) -> None:
        """Raise if the path is, or lies below, a link that leads out."""
        if not self.leaving:
            return
        for part in (path, *map(str, PurePosixPath(path).parents)):
            if part in self.leaving:
                msg = f"{name!r} is reached through the link {part} -> {self.leaving[part]}"
                raise NotLocatedError(msg, outside=True)

    def _best(self, name: str, candidates: Sequence[str], subset: SubsetName | None) -> str | None:
        """The candidate that shares most of the path's end with `name`; of equals the one in a folder of the subset."""
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        wanted = [part for part in name.split("/") if part not in ("", ".", "..")]
        fits = {path: (_common_end(path, wanted), subset is not None and subset_of_folder(path) == subset)
                for path in candidates}  # fmt: skip
        best = max(fits.values())
        winners = [path for path, fit in fits.items() if fit == best]
        if len(winners) > 1:
            msg = f"{name!r} may be any of {', '.join(sorted(winners)[:3])}"
            raise NotLocatedError(msg)
        return winners[0]


def _common_end(path: str, wanted: list[str]) -> int:
    # The last part was compared before (by name or by stem).
    count = 0
    for mine, theirs in zip(reversed(path.split("/")[:-1]), reversed(wanted[:-1]), strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def suffix(path: str) -> str:
    """The suffix of a path in lower case, with the dot."""
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 - PurePath is ten times slower, and this runs per file


def stem(path: str) -> str:
    """The file name without folders and suffix."""
    return os.path.splitext(path.rpartition("/")[2])[0]  # noqa: PTH122


def _by_stem(paths: Iterable[str]) -> dict[str, list[str]]:
    stems: dict[str, list[str]] = {}
    for path in paths:
        stems.setdefault(stem(path), []).append(path)
    return stems


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    return folders


def walk_data(root: Path) -> DataTree:
    """List what lies below a data root, without leaving it.

    Symbolic links are followed only to places inside the root. Hidden files are passed over.

    Raises:
        UserError: There is no such folder.
    """
    if not root.is_dir():
        raise UserError(_no_folder(root))
    tree = DataTree(root.resolve())
    _walk(tree, str(tree.root), "", (str(tree.root),))
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
