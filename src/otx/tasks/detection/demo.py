"""A detection set made of handwritten digits, in COCO's format."""

from __future__ import annotations

from pathlib import Path

from otx.data.digit_scenes import write_scenes


def write_demo(root: Path, seed: int = 0) -> None:
    """Write `images/{train,val,test}` and `annotations/instances_{train,val,test}.json`; same seed, same set."""
    write_scenes(root, seed, lambda _: {})
