"""Export that proves itself: a file gets its name only when it predicts like the model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from otx.core.entity import OTXBatchDataEntity
from otx.core.errors import OTXError
from otx.core.model import OTXModel
from otx.deploy.export import export
from otx.deploy.parity import Parity, compare
from otx.deploy.settings import MAX_DROP, PARITY_FILE, PARITY_IMAGES, TOLERANCES, ExportPrecision
from otx.runtime.exported import load_exported

UNPROVEN = "unproven"
FAILED = "failed-parity"


class ParityError(OTXError):
    """An exported file does not predict like the model; the work is done, but its result must not be used.

    Attributes:
        parity: The figures.
    """

    def __init__(self, parity: Parity, path: Path) -> None:
        self.parity = parity
        super().__init__(
            f"the exported model does not predict like the checkpoint on {parity.images} images: "
            f"{'; '.join(parity.reasons)}. It was put aside as {path}; figures are in {path.with_name(PARITY_FILE)}."
        )


def export_proven(
    model: OTXModel[Any, Any],
    batches: Iterable[OTXBatchDataEntity[Any]],
    path: Path,
    *,
    precision: ExportPrecision = "fp32",
    model_name: str = "",
    max_drop: float = MAX_DROP,
    max_images: int = PARITY_IMAGES,
    measure: bool = True,
) -> Parity:
    """Export, compare with the model on real images, and only then give the file its name.

    `parity.json` beside it has the figures. What an earlier export left under that name is removed first.

    Args:
        model: Any model; it is not touched.
        batches: Validation images as the model is evaluated on, with truth if `measure`.
        path: The file to write, `.xml` or `.onnx`.
        precision: How weights are stored.
        model_name: Name of the catalog row, kept in the file for people.
        max_drop: Share of the metric that may be lost.
        max_images: How many images to compare on.
        measure: Compare the task's metric too.

    Raises:
        ParityError: They differ; the file is kept as `<name>.failed-parity.<suffix>`.
        OTXError: The network cannot be converted.
    """
    for old in (path, _renamed(path, UNPROVEN), _renamed(path, FAILED)):
        _remove(old)
    path.with_name(PARITY_FILE).unlink(missing_ok=True)

    candidate = export(model, _renamed(path, UNPROVEN), precision=precision, model_name=model_name)
    parity = compare(
        model,
        load_exported(candidate),
        batches,
        tolerance=TOLERANCES[precision],
        max_drop=max_drop,
        max_images=max_images,
        measure=measure,
    )
    parity.write(path.with_name(PARITY_FILE))
    if not parity.passed:
        raise ParityError(parity, _move(candidate, _renamed(path, FAILED)))
    _move(candidate, path)
    return parity


def _renamed(path: Path, word: str) -> Path:
    return path.with_name(f"{path.stem}.{word}{path.suffix}")


def _files(path: Path) -> list[Path]:
    """The file, and for an IR the weights, which have to be in place first."""
    return [path.with_suffix(".bin"), path] if path.suffix == ".xml" else [path]


def _move(source: Path, target: Path) -> Path:
    for old, new in zip(_files(source), _files(target), strict=True):
        old.replace(new)
    return target


def _remove(path: Path) -> None:
    for file in reversed(_files(path)):
        file.unlink(missing_ok=True)
