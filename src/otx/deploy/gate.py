"""Files that prove themselves: one gets its name only when it predicts like the model."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from otx.core.entity import OTXBatchDataEntity
from otx.core.errors import OTXError
from otx.core.model import OTXModel
from otx.deploy.export import export
from otx.deploy.openvino_file import save
from otx.deploy.parity import Parity, compare
from otx.deploy.quantize import LADDER, Images, Quantizer, Rung
from otx.deploy.settings import MAX_DROP, TOLERANCES, ExportPrecision, parity_file
from otx.runtime.exported import load_exported

logger = logging.getLogger(__name__)

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
            f"the {parity.name} does not predict like the checkpoint on {parity.images} validation images: "
            f"{'; '.join(parity.reasons)}. It was put aside as {path}; figures are in {parity_file(path)}."
        )


def export_proven(
    model: OTXModel[Any, Any],
    batches: Iterable[OTXBatchDataEntity[Any]],
    path: Path,
    *,
    precision: ExportPrecision = "fp32",
    model_name: str = "",
    max_drop: float = MAX_DROP,
    measure: bool = True,
) -> Parity:
    """Export, compare with the model on real images, and only then give the file its name.

    `parity_file(path)` has the figures. What an earlier export left under that name is removed first.

    Args:
        model: Any model; it is not touched.
        batches: Validation images as the model is evaluated on, with truth if `measure`.
        path: The file to write, `.xml` or `.onnx`.
        precision: How weights are stored.
        model_name: Name of the catalog row, kept in the file for people.
        max_drop: Share of the metric that may be lost.
        measure: Compare the task's metric too.

    Raises:
        ParityError: They differ; the file is kept as `<name>.failed-parity.<suffix>`.
        OTXError: The network cannot be converted.
    """
    clear(path)
    candidate = export(model, _renamed(path, UNPROVEN), precision=precision, model_name=model_name)
    parity = compare(
        model, load_exported(candidate), batches, tolerance=TOLERANCES[precision], max_drop=max_drop, measure=measure
    )
    parity.write(parity_file(path))
    if not parity.passed:
        raise ParityError(parity, _move(candidate, _renamed(path, FAILED)))
    _move(candidate, path)
    return parity


def quantize_proven(
    base: Path,
    batches: Images,
    calibration: Images,
    path: Path,
    *,
    rungs: Mapping[str, Rung] = LADDER,
    max_drop: float = MAX_DROP,
    earlier: Parity | None = None,
) -> Parity:
    """Quantise an IR by the first rung of the ladder that keeps the metric, and only then give the file its name.

    `parity.json` beside it has the figures of each rung that was tried.

    Args:
        base: The floating-point IR.
        batches: Validation images with truth, in batches of one.
        calibration: Training images, likewise.
        path: The `.xml` to write.
        rungs: Those to try by name, in their order.
        max_drop: Share of the metric that may be lost.
        earlier: The comparison of `base` with the checkpoint on the same images; the drop is then the checkpoint's.

    Raises:
        ParityError: No rung keeps the metric; the best file is kept as `<name>.failed-parity.xml`.
    """
    clear(path)
    quantizer = Quantizer(base, calibration, batches, max_drop)
    tried = [earlier] if earlier is not None else []
    best: Parity | None = None
    for name, rung in rungs.items():
        began = time.perf_counter()
        parity = _try(name, rung, quantizer, _renamed(path, UNPROVEN), earlier)
        logger.info("%s: %s (%.0f s)", parity.name, "; ".join(parity.reasons) or "passed", time.perf_counter() - began)
        tried.append(parity)
        if parity.images and (best is None or parity.passed or parity.drop < best.drop):
            best = parity
            _move(_renamed(path, UNPROVEN), _renamed(path, FAILED))
        if parity.passed:
            break
    _remove(_renamed(path, UNPROVEN))
    if best is None:
        raise OTXError(f"the model cannot be quantised: {'; '.join(reason for one in tried for reason in one.reasons)}")
    best.write(parity_file(path), comparisons=[asdict(one) for one in tried])
    if not best.passed:
        raise ParityError(best, _renamed(path, FAILED))
    _move(_renamed(path, FAILED), path)
    return best


def _try(name: str, rung: Rung, quantizer: Quantizer, candidate: Path, earlier: Parity | None) -> Parity:
    """Make a rung's file and judge it; what NNCF cannot do fails."""
    name = f"INT8 model ({name})"
    try:
        save(rung(quantizer), candidate, "fp32")
    except OTXError as error:
        return Parity(name=name, max_drop=quantizer.max_drop, reasons=(str(error),))
    parity = compare(
        quantizer.base,
        load_exported(candidate),
        quantizer.validation,
        tolerance=None,
        max_drop=quantizer.max_drop,
        value=earlier.reference if earlier is not None else None,
    )
    return replace(parity, name=name, detail=quantizer.detail)


def attempts(path: Path) -> list[Path]:
    """The names under which an export or quantisation writes a file, of which `clear` leaves none."""
    return [path, _renamed(path, UNPROVEN), _renamed(path, FAILED)]


def clear(path: Path) -> None:
    """Remove what an earlier attempt has left, which must not pass for this one's."""
    for old in attempts(path):
        _remove(old)
    parity_file(path).unlink(missing_ok=True)


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
