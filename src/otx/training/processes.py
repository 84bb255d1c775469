"""Several processes that train one model: which one this is, how others are started, and how they agree.

What `torchrun`, SLURM or `companions` start runs the same code everywhere; the first one writes, prints and decides.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import distributed

from otx.core.errors import OTXError

if TYPE_CHECKING:
    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
"""By which `torchrun` tells a process who it is."""
SLURM_VARIABLE = "SLURM_NTASKS"
"""Which SLURM sets in each process that it starts."""
ENDING_SECONDS = 60.0
"""Companions have this long to end after the first process."""
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Of a process among those that train together.

    Attributes:
        rank: Its number; 0 is the first, which writes, prints and decides.
        size: How many there are.
        local_rank: Its number among those of its machine.
        local_size: How many there are on its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


def launcher() -> ClusterEnvironment | None:
    """What started this process as one of several, in Lightning's terms."""
    if os.environ.keys() >= set(VARIABLES):
        from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

        return TorchElasticEnvironment()
    if SLURM_VARIABLE not in os.environ:
        return None  # without the import of Lightning, which takes longer than a prediction
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    return SLURMEnvironment() if SLURMEnvironment.detect() else None


def place() -> Place:
    """Which of how many processes this one is."""
    started = launcher()
    if started is None or started.world_size() < 2:
        return Place()
    local = os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE") or started.world_size()
    return Place(started.global_rank(), started.world_size(), started.local_rank(), int(local))


def agree(value: T) -> T:
    """What the first process gives, in all of them; the first call connects them."""
    started, here = launcher(), place()
    if started is None or here.size == 1:
        return value
    if not distributed.is_initialized():
        os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = started.main_address, str(started.main_port)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, rank=here.rank, world_size=here.size)
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


@contextmanager
def companions(count: int, work: Callable[[], object]) -> Iterator[None]:
    """Makes this process the first of several on this machine; the others do `work`.

    Args:
        count: How many, with this one.
        work: Can be pickled. Takes part in each `agree` and each step of this process.

    Raises:
        OTXError: One of them failed.
    """
    context = multiprocessing.get_context("spawn")
    threads = torch.get_num_threads()
    share = max(1, threads // count)
    facts = ["127.0.0.1", str(_free_port()), "0", str(count), "0", str(count)]
    pipes, processes = [], []
    for rank in range(1, count):
        ours, theirs = context.Pipe(duplex=False)
        own = dict(zip(VARIABLES, facts, strict=True)) | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        process = context.Process(target=_accompany, args=(own, share, theirs, work))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        _ready(pipes)
        os.environ.update(zip(VARIABLES, facts, strict=True))
        torch.set_num_threads(share)
        agree(None)
        yield
    except RuntimeError as error:  # of the connection, if it was another process that failed
        _raise_failure(pipes, error)
        raise
    else:
        for process in processes:
            process.join(ENDING_SECONDS)
    finally:
        for process in processes:
            process.terminate()
        if distributed.is_initialized():
            distributed.destroy_process_group()
        torch.set_num_threads(threads)
        for name in VARIABLES:
            os.environ.pop(name, None)


def _accompany(variables: dict[str, str], threads: int, pipe: Connection, work: Callable[[], object]) -> None:
    os.environ.update(variables)
    torch.set_num_threads(threads)
    try:
        pipe.send("")
        agree(None)
        work()
    except OTXError as error:
        pipe.send(str(error))
        raise SystemExit(1) from None
    except Exception:  # noqa: BLE001 - the first process tells of it
        pipe.send(traceback.format_exc(limit=-3))
        raise SystemExit(1) from None


def _ready(pipes: list[Connection]) -> None:
    """Wait until all have started; connecting to one that never will would take half an hour."""
    for pipe in pipes:
        try:
            pipe.recv()
        except EOFError:
            raise OTXError("a process for --devices could not be started; what it said stands above") from None


def _raise_failure(pipes: list[Connection], error: Exception) -> None:
    for number, pipe in enumerate(pipes, start=2):
        try:
            failure = pipe.recv() if pipe.poll() else ""
        except EOFError:
            failure = "it was killed"
        if failure and "Connection" not in failure:
            raise OTXError(f"process {number} of {len(pipes) + 1} failed: {failure}") from error


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
