"""Handwriting for the demonstration sets."""

from __future__ import annotations

import numpy as np

from otx.data.digits import VISIBLE, handwriting, noisy_ground, paste, scaled


def test_no_handwriting_is_in_two_subsets() -> None:
    pieces = [{(glyph.digit, glyph.ink.tobytes()) for glyph in handwriting(s)} for s in ("train", "val", "test")]
    assert sum(len(handwriting(s)) for s in ("train", "val", "test")) == 1797
    assert not pieces[0] & pieces[1]
    assert not pieces[0] & pieces[2]
    assert not pieces[1] & pieces[2]


def test_every_subset_has_every_digit() -> None:
    for subset in ("train", "val", "test"):
        assert {glyph.digit for glyph in handwriting(subset)} == set(range(10))


def test_the_box_spans_the_visible_ink() -> None:
    rng = np.random.default_rng(0)
    ground = noisy_ground(rng, 100, 120)
    before, glyph = ground.copy(), handwriting("train")[0]
    placed = paste(rng, ground, glyph, 50, (30, 20))
    left, top, right, bottom = placed.box
    assert placed.ink.shape == (bottom - top, right - left)
    assert scaled(glyph, 50).shape[0] == 50
    assert all(placed.ink.max(axis=axis)[[0, -1]].min() > VISIBLE for axis in (0, 1))
    changed = np.abs(ground - before).max(axis=2)
    assert changed[top:bottom, left:right].max() > 50
    changed[top:bottom, left:right] = 0
    assert changed.max() < 45
