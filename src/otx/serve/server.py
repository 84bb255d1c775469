"""Runs an app until it is told to stop; what is under way then is finished."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from otx.core.errors import MissingExtraError, UserError
from otx.serve.service import Service

GRACE = 30
"""Seconds that requests under way have after a signal."""
CONNECTIONS = 128


def run_server(service: Service, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        service: The model.
        host: Address to listen on.
        port: 0 takes a free one.
        started: Told the address of the page.

    Raises:
        MissingExtraError: The packages of `otx[serve]` are not installed.
        UserError: The port is taken, or the address is none of this machine.
    """
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingExtraError(error.name or "fastapi", "serve") from error
    from otx.serve.app import create_app

    try:
        listening = socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        msg = f"cannot listen on {host}, port {port}: {error}. Name another one with --host or --port."
        raise UserError(msg) from error
    config = uvicorn.Config(
        create_app(service), log_level="warning", limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=GRACE
    )
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        started(f"http://{host}:{listening.getsockname()[1]}/")
        uvicorn.Server(config).run([listening])  # when it ends it raises its signal again, which is for nobody here
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listening.close()
