"""The work dir of a run: where each verb writes, and which run is the latest. Imports no torch."""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from otx.core.atomic import write_atomic
from otx.core.errors import UserError

logger = logging.getLogger(__name__)

HOME = Path("otx-workspace")
PACKAGES = ("torch", "torchvision", "lightning", "datumaro", "openvino", "timm", "transformers", "numpy")


@dataclass(frozen=True)
class Workspace:
    """A work dir, laid out as `docs/work-dir.md` describes.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def plan(self) -> Path:
        """`plan.yaml`: every setting with origin and reason."""
        return self.root / "plan.yaml"

    @property
    def best(self) -> Path:
        """The best checkpoint."""
        return self.root / "checkpoints" / "best.safetensors"

    @property
    def resume_state(self) -> Path:
        """Everything that an interrupted training needs to go on."""
        return self.root / "checkpoints" / "resume.safetensors"

    @property
    def split(self) -> Path:
        """The split of the data that OTX made, if it had to."""
        return self.root / "data" / "split.json"

    def folder(self, name: str) -> Path:
        """A folder for the results of a verb, made if absent."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, content: object) -> Path:
        """Write a result file below the root."""
        path = self.root / name
        write_atomic(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return path

    def write_environment(self) -> None:
        """Write `env.json`: what the run ran on."""
        versions: dict[str, str | None] = {}
        for package in ("otx", *PACKAGES):
            try:
                versions[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                versions[package] = None
        facts = {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpu_count": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
            "argv": sys.argv,
            "packages": versions,
        }
        self.write_json("env.json", facts)


def new_workspace(work_dir: Path | None, task: str, model: str) -> Workspace:
    """Make the work dir of a new training run.

    Args:
        work_dir: The folder to use; None makes one in `otx-workspace/` and points `otx-workspace/latest` at it.
        task: Goes into the name.
        model: Goes into the name.

    Raises:
        UserError: The folder holds a run already.
    """
    if work_dir is None:
        short = re.sub(r"[^A-Za-z0-9_.]+", "_", Path(model).name if Path(model).is_absolute() else model)
        stem = f"{time.strftime('%Y%m%d_%H%M%S')}-{task.lower()}-{short}"
        root = _make_unused(HOME / stem)
    else:
        root = work_dir
        if (root / "plan.yaml").exists():
            raise UserError(
                f"{root} holds a training run already. Go on with it (--resume), "
                "or name another --work_dir; nothing is overwritten."
            )
        root.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(root.absolute())
    if work_dir is None:
        _point_latest(root)
    return workspace


def new_study(work_dir: Path | None, name: str) -> Workspace:
    """The work dir of several trainings: a new one in `otx-workspace/`, or the named one, in which earlier ones go on.

    Args:
        work_dir: The folder to use; None makes one.
        name: What they are.

    Raises:
        UserError: The folder holds a training run.
    """
    root = work_dir or _make_unused(HOME / f"{time.strftime('%Y%m%d_%H%M%S')}-{name.lower()}")
    if (root / "plan.yaml").exists():
        raise UserError(f"{root} holds a training run; name another --work_dir for several trainings")
    root.mkdir(parents=True, exist_ok=True)
    return Workspace(root.absolute())


def existing_workspace(work_dir: Path | None) -> Workspace:
    """The work dir of an earlier run: the named one, else the latest.

    Raises:
        UserError: There is none.
    """
    if work_dir is not None:
        if not work_dir.is_dir():
            raise UserError(f"expected a work dir at {work_dir}, found none")
        return Workspace(work_dir.absolute())
    latest = HOME / "latest"
    if not latest.is_dir():
        msg = f"no run found in {HOME.absolute()}. Train first (otx train --data_root DIR), or name one with --work_dir"
        raise UserError(msg)
    return Workspace(latest.resolve())


def _make_unused(path: Path) -> Path:
    """A folder of this name, or of the next that another process has not made."""
    candidate, number = path, 2
    while True:
        try:
            candidate.mkdir(parents=True)
        except FileExistsError:
            candidate = path.with_name(f"{path.name}-{number}")
            number += 1
        else:
            return candidate


def _point_latest(root: Path) -> None:
    fresh = HOME / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    try:
        fresh.symlink_to(root.name, target_is_directory=True)
        fresh.replace(HOME / "latest")
    except OSError as error:  # a folder of that name, or a disk without links
        fresh.unlink(missing_ok=True)
        logger.warning("%s/latest: %s; the next verbs find this run by --work_dir %s", HOME, error.strerror, root)
