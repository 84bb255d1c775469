"""`otx serve`."""

from __future__ import annotations

from typing import Annotated

from otx.cli.lines import shown
from otx.cli.options import Option, OwnModel, TrainedFrom, WorkDir
from otx.cli.outcome import Outcome

EXAMPLES = """\
  otx serve --checkpoint otx-workspace/latest/export/model.xml
  otx serve --host 0.0.0.0 --port 9000"""


def run(
    *,
    checkpoint: TrainedFrom = None,
    model: OwnModel = None,
    host: Annotated[
        str, Option("Address to listen on; 0.0.0.0 lets other machines in (default: 127.0.0.1).", "HOST", "server")
    ] = "127.0.0.1",
    port: Annotated[int, Option("Port to listen on; 0 takes a free one (default: 8000).", "N", "server")] = 8000,
    work_dir: WorkDir = None,
) -> Outcome:
    """Run `otx serve`; its `--help` says what the options mean."""
    from otx.engine import Engine

    result = Engine(model=model, work_dir=work_dir).serve(checkpoint, host=host, port=port)
    return Outcome(
        document=result.to_json(),
        show=lambda console: console.print(f"{shown(result.checkpoint)} is no longer served at {result.url}"),
    )
