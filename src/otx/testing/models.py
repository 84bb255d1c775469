"""The contract of `OTXModel`, as checks that say what it wants where it is not kept.

from otx.testing.models import check_model
check_model(row)                    # everything, at the row's own size
check_model(row, size=(96, 96))     # quicker
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from otx.core.catalog import ModelRow
from otx.core.entity import OTXBatchDataEntity, OTXBatchLossEntity
from otx.core.errors import OTXError
from otx.core.image_info import ImageInfo
from otx.core.input_spec import ResizeMode
from otx.core.label_info import LabelGroup
from otx.core.tiles import Window
from otx.core.transfer import transfer
from otx.deploy.difference import difference
from otx.deploy.export import export
from otx.deploy.openvino_file import save
from otx.deploy.quantize import Quantizer
from otx.deploy.settings import Tolerance
from otx.explain.explainer import Explainer
from otx.frameworks.build import build_model
from otx.runtime.exported import load_exported
from otx.testing.subject import Subject, make_subject
from otx.training.module import is_trained

TOLERANCE = Tolerance(difference=1e-3, unmatched=0.02)
"""Of raw outputs relative to their largest magnitude, of scores absolute; near-tied queries may swap."""
ROUNDING = 1e-3
"""Difference of the outputs of equal models, relative to their largest magnitude."""


class ContractError(AssertionError):
    """A model does not keep the contract; the message says what it wants and what was found."""


def check_model(row: ModelRow, *, size: tuple[int, int] | None = None, steps: int = 40, quantize: bool = True) -> None:
    """Build a row's model and put it through every check.

    Args:
        row: A catalog row, or one made for the purpose; its adapter is built with random weights.
        size: Height and width of the input; None: the row's own.
        steps: The most training steps on one repeated batch, within which the loss must fall by a tenth.
        quantize: Check the flag `quantizable` too, which takes as long as all the others.

    Raises:
        ContractError: Checks failed; the message lists all of them.
    """
    subject = make_subject(row, size)
    failures = []
    for check in CHECKS:
        if check is quantize_flag and not quantize:
            continue
        try:
            if check is loss_falls:
                loss_falls(subject, steps)
            else:
                check(subject)
        except ContractError as error:
            failures.append(f"{check.__name__}: {error}")
    if failures:
        raise ContractError(f"{row.name} does not keep the contract of OTXModel:\n- " + "\n- ".join(failures))


def typed_losses(subject: Subject) -> None:
    """In training mode `forward` gives an `OTXBatchLossEntity` of finite scalars that can be differentiated.

    A model without trainable parameters gives none: it only looks.
    """
    losses = _losses(subject, subject.batch)
    subject.model.finish_epoch()
    _expect(
        is_trained(subject.model) == bool(losses.losses),
        f"expected losses from a model with trainable parameters and none from others, got {list(losses.losses)}",
    )


def is_fitted(subject: Subject) -> None:
    """A model without trainable parameters is fitted by an epoch: the same state after the same one, else another."""
    if is_trained(subject.model):
        return
    states = []
    for samples in (subject.samples, subject.samples[:-1], subject.samples):
        torch.manual_seed(0)
        _losses(subject, subject.collate(samples))
        subject.model.finish_epoch()
        states.append({key: tensor.clone() for key, tensor in subject.model.state_dict().items()})
    whole, part, again = states
    _expect(
        _same(whole, again),
        "expected the same state after the same epoch: does finish_epoch forget what it was fitted to?",
    )
    _expect(not _same(whole, part), "expected finish_epoch to fit the model to the epoch, found the same state")


def loss_falls(subject: Subject, steps: int = 40) -> None:
    """AdamW on one repeated batch brings the total down by a tenth, or to half of what it has risen to."""
    if not is_trained(subject.model):
        return
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(subject.model.parameters(), lr=1e-3)
    totals: list[float] = []
    for _ in range(steps):
        total = _losses(subject, subject.batch).total
        totals.append(total.item())
        # Three in a row: noise in the loss (denoising, dropout) is no learning. Where targets depend on predictions
        # (RTMDet), there is nothing to lose at first, and the loss rises before it falls.
        if max(totals[-3:]) < max(0.9 * totals[0], 0.5 * max(totals)):
            return
        optimizer.zero_grad()
        torch.autograd.backward(total)
        torch.nn.utils.clip_grad_norm_(subject.model.parameters(), 10.0)
        optimizer.step()
    raise ContractError(
        f"expected the loss on a repeated batch to fall by a tenth in {steps} steps of AdamW, "
        f"found {max(totals):.3g} -> {totals[-1]:.3g}; is the truth in pixels of the model's input?"
    )


def typed_predictions(subject: Subject) -> None:
    """In eval mode `forward` gives the task's prediction entity, whose records are JSON, and the same each time."""
    first, second = (_predict(subject, subject.batch) for _ in range(2))
    expected = subject.spec.load("prediction")
    _expect(
        isinstance(first, expected),
        f"expected forward in eval mode to give {expected.__name__}, got {type(first).__name__}",
    )
    _expect(
        first.imgs_info == subject.batch.imgs_info,
        "expected a prediction for each image of the batch, with its imgs_info in the same order",
    )
    records = [json.dumps(found.records(subject.model.label_info, 0.0), default=_pixels) for found in (first, second)]
    _expect(records[0] == records[1], "expected the same predictions for the same batch in eval mode")


def batch_of_one(subject: Subject) -> None:
    """In eval mode an image is seen alone as it is seen in a batch."""
    whole = _raw(subject, subject.batch.graph_inputs())
    alone = _raw(subject, {name: value[:1] for name, value in subject.batch.graph_inputs().items()})
    _agree({name: tensor[:1] for name, tensor in whole.items()}, alone, "a batch of one and the same image in a batch")


def empty_image(subject: Subject) -> None:
    """An image without annotations is a legal sample, beside others and in a batch that has no annotation at all."""
    if subject.empty is None:
        return
    for other in (subject.samples[0], subject.empty):
        batch = subject.collate([subject.empty, other])
        losses = _losses(subject, batch)
        if is_trained(subject.model):
            torch.autograd.backward(losses.total)
        _predict(subject, batch)


def rgb_only_flag(subject: Subject) -> None:
    """Rows take images of five channels, except those that say `rgb_only`."""
    half = (0.5,) * 5
    spec = replace(subject.model.input_spec, channels=5, mean=half, std=half)
    images = subject.batch.images[..., [0, 1, 2, 0, 1], :, :].float()
    try:
        model, _ = build_model(replace(subject.row, rgb_only=False), subject.model.label_info, spec, pretrained=False)
        if not is_trained(model):
            model.train()(replace(subject.batch, images=images))
            model.finish_epoch()
        with torch.no_grad():
            model.eval().export_graph()(**(subject.batch.graph_inputs() | {"images": images}))
    except (OTXError, RuntimeError, ValueError) as error:
        _expect(subject.row.rgb_only, f"expected the row to take five channels, or to say rgb_only; found: {error}")
    else:
        _expect(not subject.row.rgb_only, "the row says rgb_only, but five channels work: set rgb_only=False")


def export_flag(subject: Subject) -> None:
    """`exportable` rows give the same raw outputs from OpenVINO, for another batch size too; the others do not."""
    try:
        found = _export_difference(subject)
    except (OTXError, RuntimeError) as error:
        found = str(error)
    failure = f": expected OpenVINO to give what torch gives, {found}" if found else ""
    _expect_flag(subject, "exportable", failure, "the export works")


def quantize_flag(subject: Subject) -> None:
    """NNCF quantises the exported graph of `quantizable` rows into one that runs; that of the others it does not."""
    try:
        found = _quantization_failure(subject)
    except (OTXError, RuntimeError, ValueError) as error:
        found = str(error) or type(error).__name__
    failure = f": expected an INT8 graph with finite outputs, found: {found}" if found else ""
    _expect_flag(subject, "quantizable", failure, "quantisation works")


def explain_flag(subject: Subject) -> None:
    """Each label that an `explainable` row predicts gets a map; the task of the others has nothing to explain."""
    can = bool(subject.spec.saliency)
    _expect_flag(subject, "explainable", "" if can else ", but its task has no saliency", "its task is")
    if not can:
        return
    images, info = subject.batch.images[:1], subject.batch.imgs_info[0]
    explainer = Explainer(subject.model.eval(), subject.spec, pairs=2)
    found = explainer.explain(images, info, explainer.run(images))
    broken = [one.label for one in found if not one.map.isfinite().all() or one.map.shape != (info.height, info.width)]
    _expect(not broken, f"expected finite maps of the size of the original image, found others for the labels {broken}")


def tileable_flag(subject: Subject) -> None:
    """`tileable` rows are of a task that merges tiles, and may be fed with any part of an image; the others are not."""
    can = bool(subject.spec.merge) and subject.row.input_spec.resize is not ResizeMode.CENTER_CROP
    failure = "" if can else ", but its task or its resize rule does not allow it"
    _expect_flag(subject, "tileable", failure, "its task merges tiles")
    if not can:
        return
    tile = _predict(subject, subject.batch).pick([0])
    height, width = tile.imgs_info[0].height, tile.imgs_info[0].width
    whole = ImageInfo(path="whole", height=height, width=width + width // 2)
    merged = subject.spec.load("merge")(
        [tile, tile], [Window(0, 0, height, width), Window(0, width // 2, height, width)], whole
    )
    records = merged.records(subject.model.label_info, 0.0)
    _expect(
        merged.imgs_info == [whole] and (records[0]["height"], records[0]["width"]) == (whole.height, whole.width),
        f"expected the merged prediction to be about the whole image, found {merged.imgs_info}",
    )


def state_round_trip(subject: Subject) -> None:
    """The state dict goes through safetensors into a new model that predicts the same."""
    # As checkpoints are written: weights that layers share stand under each of their names.
    state = {key: tensor.clone().contiguous() for key, tensor in subject.model.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file(state, file)
        state = load_file(file)
    twin = subject.build(subject.model.label_info)
    twin.load_state_dict(state)
    graphs = [model.eval().export_graph() for model in (subject.model, twin)]
    with torch.no_grad():
        ours, theirs = (graph(**subject.batch.graph_inputs()) for graph in graphs)
    # Not bit for bit: where the weights lie in memory can decide which kernel multiplies them.
    same = all((ours[name] - theirs[name]).abs().max() <= ROUNDING * ours[name].abs().max() for name in ours)
    _expect(same, "expected the same outputs from a new model with the same state dict: is a buffer not persistent?")


def label_transfer(subject: Subject) -> None:
    """A checkpoint of other labels keeps the rows of the labels that both have, wherever they stand."""
    labels = subject.model.label_info
    rows = subject.model.label_rows(len(labels))
    if not rows:
        return
    names = ("__new 1", *reversed(labels.names), "__new 2")
    groups = (*labels.groups, LabelGroup("__new", (names[0], names[-1]))) if labels.groups else ()
    more = replace(labels, names=names, groups=groups)
    wider = subject.build(more)
    report = transfer(wider, subject.model.state_dict(), labels)
    _expect(
        report.coverage == 1.0 and set(report.new_labels) == {"__new 1", "__new 2"},
        f"expected everything but two new labels to be taken over, found: {'; '.join(report.lines())}",
    )
    ours, theirs, moved = subject.model.state_dict(), wider.state_dict(), wider.label_rows(len(more))
    for key, places in rows.items():
        new_places = moved[key][[more.names.index(name) for name in labels.names]]
        _expect(
            torch.equal(ours[key][places], theirs[key][new_places]),
            f"expected the rows of {key} to follow their labels; label_rows says where they are",
        )
        _expect(
            len(theirs[key]) - moved[key].numel() == len(ours[key]) - places.numel(),
            f"expected label_rows to name all rows of {key} that depend on the number of labels",
        )


CHECKS: tuple[Callable[[Subject], None], ...] = (
    typed_losses,
    loss_falls,
    is_fitted,
    typed_predictions,
    batch_of_one,
    empty_image,
    rgb_only_flag,
    export_flag,
    quantize_flag,
    explain_flag,
    tileable_flag,
    state_round_trip,
    label_transfer,
)


def _expect(kept: bool, message: str) -> None:
    if not kept:
        raise ContractError(message)


def _expect_flag(subject: Subject, flag: str, failure: str, works: str) -> None:
    """A flag of the row is right both ways: `failure` says why what it promises is not so; empty if it is."""
    if getattr(subject.row, flag):
        _expect(not failure, f"the row says {flag}{failure}")
    else:
        _expect(bool(failure), f"the row says not {flag}, but {works}: set {flag}=True")


def _losses(subject: Subject, batch: OTXBatchDataEntity[Any]) -> OTXBatchLossEntity:
    losses: Any = subject.model.train()(batch)
    _expect(
        isinstance(losses, OTXBatchLossEntity),
        f"expected forward in training mode to give OTXBatchLossEntity, got {type(losses).__name__}",
    )
    for name, loss in losses.losses.items():
        finite = loss.ndim == 0 and bool(torch.isfinite(loss))
        _expect(finite, f"expected finite scalar losses, found {name} = {loss.tolist()}")
    trainable = losses.total.requires_grad or not is_trained(subject.model)
    _expect(trainable, "expected the total loss to depend on trainable parameters")
    typed: OTXBatchLossEntity = losses
    return typed


def _same(state: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(state[key], other[key]) for key in state)


def _pixels(value: Any) -> Any:  # noqa: ANN401 - whatever JSON cannot hold
    _expect(
        isinstance(value, np.ndarray) and value.dtype == np.uint8,
        f"expected records of JSON values and arrays of 8-bit pixels, found {type(value).__name__}",
    )
    return value.tolist()


def _predict(subject: Subject, batch: OTXBatchDataEntity[Any]) -> Any:  # noqa: ANN401 - of any task
    with torch.no_grad():
        return subject.model.eval()(batch)


def _raw(subject: Subject, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    with torch.no_grad():
        raw: dict[str, Tensor] = subject.model.eval().export_graph()(**inputs)
    return raw


def _export_difference(subject: Subject) -> str:
    """In words what is wrong with the exported graph; empty if nothing."""
    with tempfile.TemporaryDirectory() as folder:
        exported = load_exported(export(subject.model, Path(folder) / "model.xml"))
        for size in (subject.batch.batch_size, 1):
            inputs = {name: value[:size] for name, value in subject.batch.graph_inputs().items()}
            found = _breaches(_raw(subject, inputs), exported.model(**inputs))
            if found:
                return f"found with a batch of {size}: {found}"
    return ""


def _quantization_failure(subject: Subject) -> str:
    """In words what is wrong with the quantised graph of the second rung, if that of the first is broken too."""
    images = [subject.batch.pick([position]) for position in range(subject.batch.batch_size)]
    with tempfile.TemporaryDirectory() as folder:
        quantizer = Quantizer(export(subject.model, Path(folder) / "model.xml"), images, images, max_drop=1.0)
        for rung in (quantizer.default, quantizer.mixed):
            path = Path(folder) / f"{rung.__name__}.xml"
            save(rung(), path, "fp32")
            outputs = load_exported(path).model(**subject.batch.graph_inputs())
            if all(bool(torch.isfinite(values).all()) for values in outputs.values()):
                return ""
    return "the outputs are not finite"


def _agree(ours: dict[str, Tensor], theirs: dict[str, Tensor], what: str) -> None:
    found = _breaches(ours, theirs)
    _expect(not found, f"expected the same outputs from {what}, found: {found}")


def _breaches(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> str:
    return "; ".join(difference(ours, theirs, TOLERANCE).breaches(TOLERANCE))
