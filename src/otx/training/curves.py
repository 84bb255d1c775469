"""The course of a training as files: `metrics.csv` with one row per epoch, and the same for TensorBoard."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otx.core.atomic import replacing

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TRAILING = ("lr", "seconds", "images_per_second")


def write_metrics(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write all rows so far; columns are the keys in the order in which they first came up."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    # Time and speed read best at the end, also when metrics come up later.
    columns.sort(key=lambda key: key in TRAILING)
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


class TensorBoardCurves:
    """Writes scalars for TensorBoard, which is imported when the first epoch is over.

    Args:
        folder: Where the event file goes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: SummaryWriter | None = None

    def add(self, row: dict[str, Any]) -> None:
        """Write one row of `metrics.csv`; of a resumed run, epochs that are done again are taken back first."""
        from torch.utils.tensorboard import SummaryWriter

        epoch = row["epoch"]
        if self._writer is None:
            self._writer = SummaryWriter(str(self.folder), purge_step=epoch)
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(f"{_group(name)}/{name}", value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Finish the event file."""
        if self._writer is not None:
            self._writer.close()


def _group(name: str) -> str:
    if name in ("seconds", "images_per_second"):
        return "speed"
    return "train" if name == "lr" or name.startswith(("train_", "loss_")) else "val"
