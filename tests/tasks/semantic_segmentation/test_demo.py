"""The demonstration set: deterministic, recognised, with every digit in every subset."""

from __future__ import annotations

import hashlib
from pathlib import Path

from otx.core.task import OTXTaskType
from otx.data.index import build_index
from otx.data.source import open_source
from otx.tasks import task_specs
from otx.tasks.semantic_segmentation.demo import IMAGES, write_demo
from otx.tasks.semantic_segmentation.reader import SegmentationReader


def test_it_is_a_segmentation_set_and_the_same_seed_gives_the_same_one(tmp_path: Path) -> None:
    def digest(folder: Path) -> str:
        return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.rglob("*.png")))).hexdigest()

    for name, seed in (("a", 0), ("same", 0), ("other", 1)):
        write_demo(tmp_path / name, seed)
    assert digest(tmp_path / "a") == digest(tmp_path / "same") != digest(tmp_path / "other")

    source = open_source(tmp_path / "a")
    claims = {spec.task: claim.fit for spec in task_specs().values() if (claim := spec.claim(source.evidence))}
    assert max(claims, key=lambda task: claims[task]) == OTXTaskType.SEMANTIC_SEGMENTATION
    index = build_index(source, SegmentationReader(), on_bad_data="error", seed=0, split_file=None)
    assert index.labels.names == (*"0123456789", "background")
    assert not list(index.problems)
    for subset, count in IMAGES.items():
        assert len(index.subsets[subset]) == count
        assert min(index.class_counts[subset]) >= 3
