"""What a data set knows of an image before it is read. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """One image or video.

    Attributes:
        path: The file, or the folder with the frames of a clip, which is proven to lie below the data root.
        height: Rows in pixels, as the image is shown.
        width: Columns in pixels, as the image is shown.
        annotation: The compact form of the task's reader.
    """

    path: Path
    height: int
    width: int
    annotation: Any
