"""How far a figure hangs on which images happened to be tested: the bootstrap over images. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from otx.core.metric import TaskMetric

DRAWS = 500
LEVEL = 0.95
FEWEST_IMAGES = 10
"""Of fewer, the choices are too much alike to show what chance does."""


def bootstrap(metric: TaskMetric[Any, Any]) -> dict[str, list[float]]:
    """Each figure on `DRAWS` random choices of as many images as there are, where images may come twice.

    The choices are the same for the same number of images, so the draws of two models on the same images make pairs.

    Args:
        metric: Has been updated with all images.

    Returns:
        Draws by name of the figure; none for figures that have no cheap way to it, or with too few images. Choices on
        which a figure has no value, as an AUROC without a normal image, are left out.
    """
    images, rng = metric.images, np.random.default_rng(0)
    if images < FEWEST_IMAGES:
        return {}
    share = np.full(images, 1 / images)
    values = [metric.values(rng.multinomial(images, share)) for _ in range(DRAWS)]
    draws = {name: [round(float(one[name]), 6) for one in values if name in one] for name in metric.values()}
    return {name: drawn for name, drawn in draws.items() if drawn}


def interval(draws: Sequence[float]) -> list[float]:
    """Low and high end of the middle `LEVEL` of the draws."""
    return [float(end) for end in np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).round(6)]
