"""Makes Lightning write and read its checkpoints without pickle."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lightning.pytorch.plugins import CheckpointIO

from otx.core.errors import UserError
from otx.training.state_file import previous, read_state, write_state

logger = logging.getLogger(__name__)


class SafetensorsIO(CheckpointIO):
    """Lightning's whole checkpoint (weights, loops, callbacks, optimisers) as one safetensors file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write atomically, and keep the file before it as `previous`."""
        write_state(Path(path), checkpoint, keep=previous(Path(path)))

    def load_checkpoint(
        self, path: str | Path, map_location: object = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read what `save_checkpoint` wrote, or if it is damaged the one before; receivers move it to their device.

        Raises:
            UserError: Both are damaged.
        """
        before = previous(Path(path))
        try:
            return read_state(Path(path))
        except UserError as error:
            if not before.is_file():
                raise
            try:
                state = read_state(before)
            except UserError:
                raise error from None
            logger.warning("%s is damaged: going on from %s, which was saved before it", path, before.name)
            Path(path).unlink(missing_ok=True)  # the next save would keep it in the place of the whole one
            return state

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)
