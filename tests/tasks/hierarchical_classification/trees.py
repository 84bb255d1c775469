"""A tree with all that a tree can have: exclusive groups below each other, and labels that stand for themselves."""

from __future__ import annotations

from otx.core.label_info import LabelGroup, LabelInfo

NAMES = ("apple", "bird", "fruit", "kiwi", "old", "ripe", "veg", "leek")
TREE = LabelInfo(
    NAMES,
    (
        LabelGroup("kind", ("fruit", "veg", "bird")),
        LabelGroup("age", ("old",), exclusive=False),
        LabelGroup("which", ("apple", "kiwi"), parent="fruit"),
        LabelGroup("state", ("ripe",), parent="fruit", exclusive=False),
        LabelGroup("only", ("leek",), parent="veg", exclusive=False),
    ),
)


def flags(*names: str) -> list[bool]:
    return [name in names for name in NAMES]
