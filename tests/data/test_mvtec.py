"""MVTec AD folders: found from their names, with masks or without, one category at a time."""

from __future__ import annotations

import pytest
from PIL import Image
from tests.generated import write_mvtec

from otx.core.errors import UserError
from otx.data.index import build_index
from otx.data.source import open_source
from otx.tasks.anomaly.reader import AnomalyReader


def index_of(root, **settings):
    source = open_source(root)
    return source, build_index(
        source, AnomalyReader(), on_bad_data="error", seed=0, split_file=settings.get("split_file")
    )


@pytest.mark.parametrize("above", [False, True])
def test_the_category_and_the_folder_above_are_the_same_data_set(tmp_path, above):
    write_mvtec(tmp_path / "nut")
    source, index = index_of(tmp_path if above else tmp_path / "nut")
    assert source.format == "mvtec"
    assert source.evidence.annotations == {"label": 16, "mask": 8}
    assert {name: len(items) for name, items in index.subsets.items()} == {"train": 4, "val": 6, "test": 6}
    assert not len(index.problems)
    assert index.labels.names == ("Normal", "Anomalous")


def test_the_category_may_lie_deeper(tmp_path):
    write_mvtec(tmp_path / "mvtec_anomaly_detection" / "nut")
    assert open_source(tmp_path).evidence.annotations == {"label": 16, "mask": 8}
    write_mvtec(tmp_path / "mvtec_anomaly_detection" / "screw")
    with pytest.raises(UserError, match=r"--data_root .*/mvtec_anomaly_detection/screw"):
        open_source(tmp_path)


@pytest.mark.parametrize("name", ["ok", "normal", "Normal"])
def test_normal_images_have_other_names_too(tmp_path, name):
    write_mvtec(tmp_path, masks=False)
    for subset in ("train", "test"):
        (tmp_path / subset / "good").rename(tmp_path / subset / name)
    source, index = index_of(tmp_path)
    assert source.format == "mvtec"
    assert any(f"train/{name}" in why for why in source.why)
    assert index.class_counts == {"train": (4, 0), "val": (2, 4), "test": (2, 4)}


def test_half_of_test_becomes_validation(tmp_path):
    split = tmp_path / "split.json"
    _, index = index_of(write_mvtec(tmp_path / "nut"), split_file=split)
    assert index.class_counts == {"train": (4, 0), "val": (2, 4), "test": (2, 4)}
    assert "val taken from test" in index.split_origin
    _, again = index_of(tmp_path / "nut", split_file=split)
    assert [item.path for item in again.subsets["val"]] == [item.path for item in index.subsets["val"]]
    assert "read from" in again.split_origin


def test_a_validation_folder_is_used_as_it_is(tmp_path):
    write_mvtec(tmp_path)
    (tmp_path / "test" / "good").rename(tmp_path / "held")
    (tmp_path / "validation").mkdir()
    (tmp_path / "held").rename(tmp_path / "validation" / "good")
    _, index = index_of(tmp_path)
    assert index.class_counts == {"train": (4, 0), "val": (4, 0), "test": (0, 8)}
    assert index.split_origin == "as in the data"


def test_without_masks_the_folders_still_say_it(tmp_path):
    source, index = index_of(write_mvtec(tmp_path, masks=False))
    assert source.format == "mvtec"
    assert source.evidence.annotations == {"label": 16}
    assert {item.annotation.defect for item in index.subsets["test"]} == {"", "scratch", "dent"}


def test_two_classes_to_learn_are_no_normal_training(tmp_path):
    source = open_source(write_mvtec(tmp_path, train=("good", "bad"), test=("good", "bad"), masks=False))
    assert source.format == "imagenet"
    assert any("beside those in train/good: bad" in why for why in source.why)


def test_only_normal_images_are_no_anomaly_set(tmp_path):
    with pytest.raises(UserError, match="no folder test/<defect> with images"):
        open_source(write_mvtec(tmp_path, test=("good",)))


def test_several_categories_are_named(tmp_path):
    write_mvtec(tmp_path / "nut")
    write_mvtec(tmp_path / "screw")
    with pytest.raises(UserError) as caught:
        open_source(tmp_path)
    assert "2 categories of MVTec AD" in str(caught.value)
    assert f"--data_root {tmp_path}/screw" in str(caught.value)


def test_masks_that_do_not_match_are_counted(tmp_path):
    write_mvtec(tmp_path)
    masks = sorted((tmp_path / "ground_truth" / "scratch").iterdir())
    masks[0].rename(masks[0].with_name("0999_mask.png"))
    masks[1].write_bytes(b"no image")
    Image.new("L", (20, 15), 255).save(masks[2])
    _, index = index_of(tmp_path)
    assert index.problems.counts() == {
        "defect without a mask": 1,
        "mask without an image": 1,
        "image with a broken mask left out": 1,
        "mask resized to its image": 1,
    }
    assert len(index.subsets["val"]) + len(index.subsets["test"]) == 11
