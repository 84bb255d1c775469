"""The demonstration set: a tree with a label of its own beside it, the same each time, and it is learned."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from tests.tasks.hierarchical_classification.trees import TREE

from otx.data.index import build_index
from otx.data.source import open_source
from otx.engine.demo import demo
from otx.tasks.hierarchical_classification.demo import LABELS, write_demo
from otx.tasks.hierarchical_classification.draw import draw
from otx.tasks.hierarchical_classification.reader import HLabelClsReader

BELOW_CHANCE = 0.06
"""A digit is guessed right in one of ten cases, and whether it is underlined in six."""


def test_images_have_a_digit_below_its_parity(tmp_path: Path) -> None:
    write_demo(tmp_path)
    reader = HLabelClsReader()
    index = build_index(open_source(tmp_path), reader, on_bad_data="error", seed=0, split_file=None)
    assert not list(index.problems)
    assert set(index.labels.names) == set(LABELS)
    assert index.labels.path("7") == ("odd", "7")
    assert index.labels.path("underlined") == ("underlined",)
    assert [group.exclusive for group in index.labels.groups].count(False) == 1
    found = [{index.labels.names[i] for i in reader.label_ids(item.annotation)} for item in index.subsets["train"]]
    assert all(len(names - {"underlined"}) == 2 for names in found)
    assert 0.3 < sum("underlined" in names for names in found) / len(found) < 0.5


def test_the_same_seed_gives_the_same_set(tmp_path: Path) -> None:
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_demo(tmp_path / folder, seed=seed)
    content = {
        folder: [path.read_bytes() for path in sorted((tmp_path / folder).rglob("*.*"))] for folder in ("a", "b", "c")
    }
    assert content["a"] == content["b"] != content["c"]


def test_paths_are_drawn_one_label_below_the_other() -> None:
    image = Image.new("RGB", (64, 64))
    record = {"labels": [{"label": "fruit", "score": 0.9}, {"label": "kiwi", "score": 0.8}]}
    child = {"labels": [{"label": "kiwi", "score": 0.8}]}
    drawn, alone = (draw(image, one, TREE) for one in (record, child))
    assert drawn.size == alone.size == (384, 384)
    rows = [max(y for y in range(384) if any(picture.getpixel((2, y)))) for picture in (drawn, alone)]
    assert rows[0] > rows[1] > 0
    assert draw(image, {"labels": []}, TREE, "truth").height > 384


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.framework("timm")
def test_the_demo_learns_and_its_ir_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = demo("H_LABEL_CLS")
    assert result.metrics["accuracy"] > 5 * BELOW_CHANCE
    assert result.metrics_exported == pytest.approx(result.metrics, abs=0.002)
    assert result.parity is not None
    assert result.parity["passed"]
