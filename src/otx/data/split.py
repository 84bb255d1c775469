"""Splits images at random such that every class is in each subset in its share; made once, then read from its file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from otx.core.atomic import write_atomic
from otx.core.errors import UserError
from otx.data.subset_names import SUBSETS, SubsetName

SHARES: dict[SubsetName, dict[SubsetName, float]] = {"train": {"val": 0.15, "test": 0.15}, "test": {"val": 0.5}}
"""By the subset that is split: the share of its images that a subset gets when the data set has none."""


def make_split(
    label_ids: Mapping[str, Sequence[int]], missing: Sequence[SubsetName], seed: int, split_from: SubsetName = "train"
) -> dict[SubsetName, list[str]]:
    """Take the missing subsets out of images, the rest is `split_from`, as a rule the training images.

    Images are dealt class by class, the rarest class first (after Sechidis et al. 2011, "On the stratification of
    multi-label data"), each to the subset that lacks most of the class's share. No class goes without training images,
    and each subset gets an image, as far as there are enough.

    Args:
        label_ids: Image -> class indices of its labels or objects, in any number.
        missing: Subsets to make.
        seed: Decides the order in which images of a class are dealt.
        split_from: Subset that the images are of.

    Returns:
        Subset -> images, sorted.
    """
    order = sorted(label_ids)
    np.random.default_rng(seed).shuffle(order)
    shares = {name: SHARES[split_from][name] for name in missing}
    wanted = _sizes(len(order), shares)
    groups = {image: set(label_ids[image]) for image in order}
    images_of: dict[int | None, list[str]] = {}
    for image in order:
        for label in groups[image] or (None,):
            images_of.setdefault(label, []).append(image)
    placed: dict[str, SubsetName] = {}
    filled: Counter[SubsetName] = Counter()
    rarest_first = sorted(images_of, key=lambda label: (label is None, len(images_of[label]), label or 0))
    for label in rarest_first:
        _deal(images_of[label], shares, wanted, placed, filled)
    _fill(order, groups, wanted, placed, filled)
    subsets: dict[SubsetName, list[str]] = {name: [] for name in (split_from, *missing)}
    for image in sorted(order):
        subsets[placed[image] if placed[image] in missing else split_from].append(image)
    return subsets


def _sizes(count: int, shares: Mapping[SubsetName, float]) -> dict[SubsetName, int]:
    """How many images each subset gets: at least one each, in the order given, after one for training."""
    sizes: dict[SubsetName, int] = {}
    for position, (name, share) in enumerate(shares.items()):
        enough = count >= position + 2
        sizes[name] = max(1, round(share * count)) if enough else 0
    return sizes


def _deal(
    images: Sequence[str],
    shares: Mapping[SubsetName, float],
    wanted: Mapping[SubsetName, int],
    placed: dict[str, SubsetName],
    filled: Counter[SubsetName],
) -> None:
    """Deal the images of one class: its share (rounded) to each subset that has room, the others to training."""
    have = Counter(placed[image] for image in images if image in placed)
    free = [image for image in images if image not in placed]
    keep_for_training = 0 if have["train"] else 1
    for name, share in shares.items():
        take = min(round(share * len(images)) - have[name], wanted[name] - filled[name], len(free) - keep_for_training)
        for image in free[: max(0, take)]:
            placed[image] = name
            filled[name] += 1
        free = free[max(0, take) :]
    placed |= dict.fromkeys(free, "train")


def _fill(
    order: Sequence[str],
    groups: Mapping[str, set[int]],
    wanted: Mapping[SubsetName, int],
    placed: dict[str, SubsetName],
    filled: Counter[SubsetName],
) -> None:
    """Move training images into subsets that rounding left short, those first that training can spare best."""
    training = Counter(label for image in order if placed[image] == "train" for label in groups[image])
    for name, size in wanted.items():
        while filled[name] < size:
            spare = [image for image in order if placed[image] == "train"]
            best = max(spare, key=lambda image: min((training[label] for label in groups[image]), default=len(order)))
            scarce = any(training[label] < 2 for label in groups[best])
            if len(spare) < 2 or (scarce and filled[name]):
                break
            placed[best] = name
            filled[name] += 1
            training.subtract(groups[best])


def write_split(path: Path, subsets: Mapping[SubsetName, Sequence[str]], seed: int) -> None:
    """Write a split such that it is there as a whole or not at all."""
    document = {"seed": seed, "subsets": {name: list(images) for name, images in subsets.items()}}
    write_atomic(path, json.dumps(document, indent=1))


def read_split(path: Path, images: Collection[str]) -> dict[SubsetName, list[str]]:
    """Read a split and make sure that it is about these images.

    Raises:
        UserError: The file is no split, or is about other images.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        subsets = {name: [str(image) for image in document["subsets"].get(name, [])] for name in SUBSETS}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"expected a split file {{'seed': ..., 'subsets': {{'train': [...], ...}}}} in {path}: {error!r}"
        raise UserError(msg) from error
    listed = [image for members in subsets.values() for image in members]
    twice = [image for image, count in Counter(listed).items() if count > 1]
    gone, new = sorted(set(listed) - set(images)), sorted(set(images) - set(listed))
    for what, wrong in (("listed twice", twice), ("no longer in the data", gone), ("not in the split", new)):
        if wrong:
            raise UserError(
                f"the split {path} does not fit the data: {len(wrong)} images are {what}, for example {wrong[0]}. "
                "Delete the file to split anew."
            )
    return {name: members for name, members in subsets.items() if members}
