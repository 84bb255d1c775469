"""Makes Lightning write and read its checkpoints without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.plugins import CheckpointIO

from otx.training.state_file import read_state, write_state


class SafetensorsIO(CheckpointIO):
    """Lightning's whole checkpoint (weights, loops, callbacks, optimisers) as one safetensors file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:  # noqa: ANN401
        """Write atomically; the previous file stands until the new one does."""
        write_state(Path(path), checkpoint)

    def load_checkpoint(
        self,
        path: Any,  # noqa: ANN401
        map_location: Any | None = None,  # noqa: ANN401
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read what `save_checkpoint` wrote; its receivers move it to their device.

        Raises:
            UserError: The file is damaged.
        """
        return read_state(Path(path))

    def remove_checkpoint(self, path: Any) -> None:  # noqa: ANN401
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)
