"""`otx test` on the images that the training has not seen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.generated import SORTED_LABELS, write_image_folders
from tests.runtime.conftest import INFO, write_classifier

from otx.core.label_info import LabelInfo
from otx.engine import Engine
from otx.engine.reading import read_data


@pytest.mark.parametrize("root", ["link", "data/../data", "data"])
def test_the_split_of_the_run_counts_however_its_data_root_is_named(tmp_path: Path, root: str) -> None:
    write_image_folders(tmp_path / "data", subsets=False)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    file = tmp_path / "run" / "data" / "split.json"
    plan = Engine(tmp_path / "data").given.plan()
    read_data(plan, split_file=file)
    plan.write(tmp_path / "run" / "plan.yaml")
    split = json.loads(file.read_text())
    split["subsets"]["train"] += split["subsets"]["test"][1:]
    split["subsets"]["test"] = split["subsets"]["test"][:1]
    file.write_text(json.dumps(split))
    model = write_classifier(tmp_path / "model.xml", replace(INFO, labels=LabelInfo(SORTED_LABELS)))
    assert Engine(tmp_path / root, work_dir=tmp_path / "run").test(model).images == 1
