"""CSV files as people and tools write them: any order of columns, any separator, no head, several classes in a cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datumaro import AnnotationType
from PIL import Image

from otx.data.source import DataSource, open_source
from otx.tasks import task_spec

HEIGHT, WIDTH = 40, 60


def write(root: Path, head: str, row: str, count: int = 8) -> list[str]:
    """Images, and a CSV with a row for each."""
    names = [f"p{i}" for i in range(count)]
    for name in names:
        path = root / "images" / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)).save(path)
    rows = [row.format(i=i, name=name, label=("rose", "tulip")[i % 2], number=i % 2) for i, name in enumerate(names)]
    (root / "list.csv").write_text("\n".join([*([head] if head else []), *rows, ""]))
    return names


def found(source: DataSource) -> dict[str, list[str]]:
    labels = [entry.name for entry in source.categories[AnnotationType.label]]
    items = (item for members in source.subsets.values() for item in members)
    return {Path(item.id).stem: sorted(labels[one.label] for one in item.annotations) for item in items}


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (",filename,label", "{i},{name}.jpg,{label}"),
        ("label,image", "{label},images/{name}.jpg"),
        ("image;label", "{name}.jpg;{label}"),
        ("image\tlabel", "{name}.jpg\t{label}"),
        ("", "images/{name}.jpg,{label}"),
        ("lesion,image_id,dx,age", "L{i},{name},{label},40"),
        ("Width,Height,ClassId,Class Name,Path", "60,40,{number},{label},images/{name}.jpg"),
    ],
)
def test_columns_stand_in_any_order(tmp_path: Path, head: str, row: str) -> None:
    names = write(tmp_path, head, row)
    source = open_source(tmp_path)
    assert source.format == "csv"
    assert found(source) == {name: [("rose", "tulip")[i % 2]] for i, name in enumerate(names)}
    assert task_spec("MULTI_CLASS_CLS").claim(source.evidence) is not None
    assert not source.problems


@pytest.mark.parametrize(
    ("head", "cells", "separator"),
    [
        ("Id,Target", ["0 16", "3", "0 3"], " "),
        ("image,labels", ["rust scab", "rust", "scab"], " "),
        ("image,tags", ["clear primary", "haze primary", "clear primary water", "haze water", "haze"], " "),
        ("image,Finding Labels", ["Edema|Mass", "No Finding", "Edema"], "|"),
        ("image,label", ["Golden Retriever", "Flat-coated Retriever", "Pug"], ""),
        ("image,label", ["tench, Tinca tinca", "goldfish, Carassius auratus"], ""),
    ],
)
def test_several_classes_in_a_cell(tmp_path: Path, head: str, cells: list[str], separator: str) -> None:
    names = write(tmp_path, "", "", 20)
    rows = [f'{name}.jpg,"{cells[i % len(cells)]}"' for i, name in enumerate(names)]
    (tmp_path / "list.csv").write_text("\n".join([head, *rows]))
    source = open_source(tmp_path)
    expected = [cell.split(separator) if separator else [cell] for cell in cells]
    assert found(source) == {name: expected[i % len(cells)] for i, name in enumerate(names)}
    claim = task_spec("MULTI_LABEL_CLS").claim(source.evidence)
    assert (claim is not None) == bool(separator)


def test_a_row_that_is_there_twice_gives_one_label(tmp_path: Path) -> None:
    write(tmp_path, "image,label", "{name}.jpg,{label}")
    text = (tmp_path / "list.csv").read_text()
    (tmp_path / "list.csv").write_text(text + "p0.jpg,rose\n")
    assert open_source(tmp_path).evidence.max_image_labels == 1


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max", "{name},{label},{number},R1,10,5,30,20"),
        ("filename,x1,y1,x2,y2,class", "{name}.jpg,10,5,30,20,{label}"),
        ("", "images/{name}.jpg,10,5,30,20,{label}"),
    ],
)
def test_boxes_under_other_heads(tmp_path: Path, head: str, row: str) -> None:
    write(tmp_path, head, row)
    negative = row.format(i=9, name="p7", label="", number="").replace("10,5,30,20", ",,,")
    lines = (tmp_path / "list.csv").read_text().splitlines()
    (tmp_path / "list.csv").write_text("\n".join([*lines[:-1], negative]))
    source = open_source(tmp_path)
    assert source.evidence.annotations == {"bbox": 7}
    assert source.evidence.unlabelled == 1
    assert not source.problems
    box = next(iter(source.subsets.values()))[0].annotations[0]
    assert list(box.points) == [10, 5, 30, 20]


def test_boxes_in_fractions_of_the_image_are_named(tmp_path: Path) -> None:
    write(tmp_path, "image,class,xmin,ymin,xmax,ymax", "{name}.jpg,{label},0.1,0.2,0.5,0.75")
    problem = open_source(tmp_path).problems[0]
    assert (problem.kind, problem.where, problem.bad) == ("unreadable annotation", "list.csv:2", True)
    assert "in pixels, found the fractions 0.1, 0.2, 0.5, 0.75" in problem.message
