"""`otx shard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from otx.cli.lines import duration, quoted, shown
from otx.cli.options import DataFormat, Option
from otx.cli.outcome import Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from otx.engine.results import ShardResult

EXAMPLES = """\
  otx shard --data_root my_data --output my_shards
  otx shard --data_root my_data --output my_shards --json"""


def run(
    *,
    data_root: Annotated[Path | None, Option("Folder of the data set.", "DIR", "data", required=True)] = None,
    data_format: DataFormat = None,
    output: Annotated[
        Path | None,
        Option("Folder for the shards, new or empty, outside of the data set.", "DIR", "output", required=True),
    ] = None,
) -> Outcome:
    """Run `otx shard`; its `--help` says what the options mean."""
    from otx.engine import Engine

    assert output is not None
    result = Engine(data_root, data_format=data_format).shard(output)
    return Outcome(document=result.to_json(), show=lambda console: _show(result, console))


def _show(result: ShardResult, console: Console) -> None:
    shards = f"{result.shards} shard{'s' if result.shards > 1 else ''}"
    size = f"{result.size / 2**20:.1f} MiB in {duration(result.seconds)}"
    console.print(
        f"shards    {result.pictures} pictures in {shards}, {result.files} other files copied; {size}\n"
        f"data set  {shown(result.data_root)}\nnext      otx train --data_root {quoted(result.data_root)}",
        soft_wrap=True,
    )
