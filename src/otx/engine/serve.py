"""`otx serve`: a model behind HTTP."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from otx.engine.given import Given
from otx.engine.opening import locate, open_model
from otx.engine.predict import torch_run
from otx.engine.results import ServeResult
from otx.runtime.exported import ExportedModel
from otx.runtime.metadata import served_name
from otx.serve.server import run_server
from otx.serve.service import Service
from otx.training.device import resolve_device

LOG = logging.getLogger(__name__)


def serve(given: Given, checkpoint: Path | None, host: str, port: int) -> ServeResult:
    """Serve until SIGINT or SIGTERM.

    Args:
        given: Knows the work dir and the device.
        checkpoint: The model file; None takes the best checkpoint of the work dir.
        host: Address to listen on.
        port: 0 takes a free one.

    Raises:
        UserError: There is no such model, it takes clips, or the port is taken.
    """
    workspace, path = locate(given.work_dir, checkpoint)
    opened = open_model(path, given, throughput=True)
    model = opened.model
    if isinstance(model, ExportedModel):
        new_run, threads = model.new_run, model.model.parallel_requests
    else:
        new_run, threads = partial(torch_run, opened, resolve_device(given.plan()["device"])), 1
    service = Service(
        name=served_name(opened.name),
        task=opened.spec,
        labels=model.label_info,
        spec=model.input_spec,
        threshold=model.threshold,
        new_run=new_run,
        threads=threads,
    )
    urls: list[str] = []

    def started(url: str) -> None:
        urls.append(url)
        LOG.info("%s is served at %s (KServe v2: %sv2/models/%s); Ctrl+C stops it", path, url, url, service.name)

    run_server(service, host, port, started)
    return ServeResult(work_dir=workspace.root, checkpoint=path, model=service.name, url=urls[0])
