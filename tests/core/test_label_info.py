"""Labels with groups and parents: what is refused, and the way through JSON and Datumaro's categories."""

from __future__ import annotations

import json

import datumaro as dm
import pytest
from datumaro.components.annotation import GroupType

from otx.core.errors import UserError
from otx.core.label_info import LabelGroup, LabelInfo
from otx.data.reader import label_categories, label_hierarchy

TREE = LabelInfo(
    ("apple", "fruit", "kiwi", "leaf", "root", "veg"),
    (
        LabelGroup("kind", ("fruit", "veg")),
        LabelGroup("extras", ("leaf", "root"), exclusive=False),
        LabelGroup("which", ("apple", "kiwi"), parent="fruit"),
    ),
)


def categories(
    parents: dict[str, str], groups: dict[str, list[str]] | None = None, **kinds: GroupType
) -> dm.CategoriesInfo:
    declared = dm.LabelCategories.from_iterable(parents.items())
    for name, labels in (groups or {}).items():
        declared.add_label_group(name, labels, kinds.get(name, GroupType.EXCLUSIVE))
    return {dm.AnnotationType.label: declared}


def test_groups_go_through_json_and_categories() -> None:
    assert LabelInfo.from_dict(json.loads(json.dumps(TREE.to_dict()))) == TREE
    assert label_hierarchy(label_categories(TREE)) == TREE
    flat = LabelInfo(("a", "b"))
    assert flat.to_dict() == {"names": ["a", "b"]}
    assert LabelInfo.from_dict(flat.to_dict()) == flat


def test_paths_and_questions() -> None:
    assert TREE.path("kiwi") == ("fruit", "kiwi")
    assert TREE.path("veg") == ("veg",)
    assert TREE.questions() == TREE.groups
    assert LabelInfo(("a", "b")).questions() == (LabelGroup("", ("a", "b")),)
    assert not LabelInfo(("a",)).questions()[0].exclusive


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([LabelGroup("x", ("a",))], "expected each label in one group"),
        ([LabelGroup("x", ("a", "b")), LabelGroup("y", ("b",))], "expected each label in one group"),
        ([LabelGroup("x", ("a",), parent="b"), LabelGroup("y", ("b",))], "the labels a lie below 'b', which does not"),
    ],
)
def test_groups_that_make_no_tree(groups: list[LabelGroup], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LabelInfo(("a", "b"), tuple(groups))


def test_siblings_without_a_group_exclude_each_other() -> None:
    found = label_hierarchy(categories({"a": "x", "b": "x", "c": "y", "x": "", "y": ""}))
    assert [(group.labels, group.parent, group.exclusive) for group in found.groups] == [
        (("x", "y"), "", True),
        (("a", "b"), "x", True),
        (("c",), "y", False),
    ]


def test_a_group_below_several_parents_is_one_for_each() -> None:
    parents = {"a": "x", "b": "y", "c": "x", "d": "y", "x": "", "y": ""}
    found = label_hierarchy(categories(parents, {"fine": ["a", "b", "c", "d"], "coarse": ["x", "y"]}))
    assert [(group.name, group.labels, group.parent) for group in found.groups] == [
        ("coarse", ("x", "y"), ""),
        ("fine", ("a", "c"), "x"),
        ("fine", ("b", "d"), "y"),
    ]


def test_only_exclusive_groups_exclude() -> None:
    found = label_hierarchy(
        categories({"a": "", "b": "", "c": ""}, {"x": ["a", "b"], "y": ["c"]}, x=GroupType.INCLUSIVE)
    )
    assert [group.exclusive for group in found.groups] == [False, False]


def test_parents_in_a_circle_are_refused() -> None:
    with pytest.raises(UserError, match="does not stand above"):
        label_hierarchy(categories({"a": "b", "b": "a", "c": ""}))
