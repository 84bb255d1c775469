"""What to tell a user whose data root is in no known format: what was looked for, what is there, what would help."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping

from otx.data.tree import DataTree, suffix

_PARTS_OF_A_SET = {"annotations", "imagesets", "images", "jpegimages", "labels", "train"}
_LINES = 12


def describe_unknown(tree: DataTree, missing: Mapping[str, tuple[str, str]], below: Mapping[str, str]) -> str:
    """The message.

    Args:
        tree: The files that are there.
        missing: Format -> what it looks for, and what it found instead.
        below: Folders right below the root that are data sets by themselves -> their format.
    """
    lines = [f"no known data format in {tree.root}", "Looked for:"]
    lines += [f"  {name}: {wanted}; {found}" for name, (wanted, found) in missing.items()]
    lines += ["Found there:", *(f"  {line}" for line in _outline(tree)), _advice(tree, below)]
    return "\n".join(lines)


def _outline(tree: DataTree) -> list[str]:
    """Each folder with the number of its files by suffix."""
    folders: dict[str, Counter[str]] = {}
    for path in tree.files:
        folders.setdefault(path.rpartition("/")[0], Counter())[suffix(path) or "no suffix"] += 1
    if not folders:
        return ["nothing (hidden files are passed over)"]
    lines = [
        f"{folder or '.'}/  {', '.join(f'{count} {kind}' for kind, count in kinds.most_common(4))}"
        for folder, kinds in sorted(folders.items())
    ]
    more = len(lines) - _LINES
    return [*lines[:_LINES], f"... and {more} more folders"] if more > 0 else lines


def _advice(tree: DataTree, below: Mapping[str, str]) -> str:
    from otx.data.formats.mask_folders import is_named_for_masks  # its libraries take long, and it is seldom asked

    root = shlex.quote(str(tree.root))
    if below:
        listed = "\n".join(f"  --data_root {root}/{shlex.quote(top)}  ({name})" for top, name in below.items())
        return f"Folders in it are data sets by themselves; name one of them:\n{listed}"
    archives = tree.with_suffix(".zip", ".tar", ".gz", ".tgz")
    if archives and not tree.images:
        file = shlex.quote(archives[0])
        return f"It seems to be packed. Unpack it: cd {root} && {'unzip' if file.endswith('.zip') else 'tar xf'} {file}"
    if tree.root.name.lower() in _PARTS_OF_A_SET:
        return f"This looks like one folder of a data set. Name the data set: --data_root {tree.root.parent}"
    if tree.images and (nearest := _nearest_of_files(tree)):
        return nearest
    if masks := [folder for folder in tree.image_folders if is_named_for_masks(folder)]:
        return (
            f"Nearest: mask_folders. Give each mask in {root}/{masks[0]} the name of its image, as a .png with a "
            "value or a colour per class (.jpg blurs them)"
        )
    if tree.image_folders.keys() == {""}:
        return (
            "Nearest: imagenet, one folder per class. For each class: "
            f"mkdir {root}/CLASS && mv {root}/IMAGES_OF_THAT_CLASS {root}/CLASS/"
        )
    if tree.videos:
        return (
            "Nearest: video_folders, one folder per class. For each class: "
            f"mkdir {root}/CLASS && mv {root}/VIDEOS_OF_THAT_CLASS {root}/CLASS/"
        )
    if not tree.images:
        if tree.unread:
            return f"Pictures like {tree.unread[0]} are not read. Convert them to JPEG or PNG, under the same names"
        return f"There are no images below it. Name the folder that holds images and annotations, not {root}"
    return (
        "Nearest: yolo. Put a .txt per image, with lines 'class x_centre y_centre width height' relative to the image, "
        f"in folders called labels beside those called images, and the class names in {root}/data.yaml"
    )


def _nearest_of_files(tree: DataTree) -> str:
    """Advice on files that may have the labels; "" if there are none."""
    if written := tree.with_suffix(".json", ".jsonl", ".xml"):
        first = shlex.quote(str(tree.files[written[0]]))
        return f"Nearest: coco. Ask the tool that wrote {written[0]} for COCO; what it holds: head -c 300 {first}"
    if tables := tree.with_suffix(".csv"):
        first = shlex.quote(str(tree.files[tables[0]]))
        forms = "a row per image with the columns image,label, or per object with image,xmin,ymin,xmax,ymax,label"
        return f"Nearest: csv. Give {first} {forms}, in pixels"
    return ""
