"""`otx shard`: a data root again, as a few large files. Imports no torch."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from otx.core.errors import UserError
from otx.data.sharding import write_shards
from otx.engine.results import ShardResult
from otx.recipes.plan import Plan
from otx.recipes.settings import AUTO


def shard(plan: Plan, output: Path) -> ShardResult:
    """Write the data root again with its pictures in shards; it is left as it is.

    Args:
        plan: Names the data root, and its format if the user said so.
        output: A new or empty folder.

    Raises:
        UserError: The data root or the output is not as it should be, or there is too little room.
    """
    if not plan["data_root"]:
        raise UserError("no data set: name its folder with --data_root DIR")
    began = time.perf_counter()
    data_format = None if plan["data_format"] == AUTO else plan["data_format"]
    show = partial(track, description="shard", console=Console(stderr=True))
    written = write_shards(Path(plan["data_root"]), output, data_format, show=show)
    return ShardResult(data_root=output.absolute(), seconds=time.perf_counter() - began, **vars(written))
