"""A few images of a subset that stand for all of it: every class alike, and the same ones each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def stratified(label_ids: Sequence[Sequence[int]], most: int, seed: int) -> list[int]:
    """Positions of at most so many items, taken from the classes in turn, the rarest first; in order.

    Args:
        label_ids: Class indices of each item, in any number; items without any are a class of their own.
        most: How many to take; all if there are no more.
        seed: Decides the order within a class.
    """
    order = np.random.default_rng(seed).permutation(len(label_ids)).tolist()
    members: dict[int, list[int]] = {}
    for position in order:
        for label in set(label_ids[position]) or {-1}:
            members.setdefault(label, []).append(position)
    queues = [iter(members[label]) for label in sorted(members, key=lambda label: (len(members[label]), label))]
    taken: set[int] = set()
    while queues and len(taken) < most:
        for queue in list(queues):
            position = next((other for other in queue if other not in taken), None)
            if position is None:
                queues.remove(queue)
            elif len(taken) < most:
                taken.add(position)
    return sorted(taken)
