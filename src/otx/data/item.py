"""What a data set knows of an image before it is read. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Item(Protocol):
    """An image or video as the index of the data set knows it, for example `otx.data.index.IndexedItem`."""

    @property
    def path(self) -> Path:
        """The file, or the folder of frames."""

    @property
    def annotation(self) -> Any:  # noqa: ANN401 - each task has its own compact form
        """What the task's reader made of the annotations."""

    @property
    def height(self) -> int:
        """Rows in pixels."""

    @property
    def width(self) -> int:
        """Columns in pixels."""
