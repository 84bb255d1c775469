"""Reads a data root for a task: format, task, labels, subsets, and the pipelines that feed a model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otx.core.errors import UserError
from otx.core.input_spec import InputSpec
from otx.core.label_info import LabelInfo
from otx.core.refs import resolve
from otx.core.task import TaskSpec
from otx.engine.autoconfig import choose_task, preferred_formats
from otx.frameworks import catalog
from otx.recipes.plan import Plan
from otx.recipes.settings import AUTO
from otx.tasks import task_specs

if TYPE_CHECKING:
    from PIL import Image

    from otx.data.datamodule import OTXDataModule
    from otx.data.index import DataIndex
    from otx.data.own import OwnData
    from otx.data.source import DataSource
    from otx.data.tiling import Tiling


@dataclass(frozen=True)
class ReadData:
    """A data set, read for a task.

    Attributes:
        source: The data set as Datumaro sees it.
        spec: The task.
        reader: The task's reader.
        index: Labels, subsets and problems.
        own: Where the samples come from if not from files.
    """

    source: DataSource
    spec: TaskSpec
    reader: Any
    index: DataIndex
    own: OwnData | None = None

    def picture(self, path: Path) -> Image.Image:
        """What is shown of an item."""
        from otx.data.media import media_picture

        return media_picture(path) if self.own is None else self.own.picture(path)


def open_root(plan: Plan) -> DataSource:
    """The data root that a plan names, in the format that it names, or else in the one that suits the task best.

    Raises:
        UserError: There is no data root, or it is in no known format.
    """
    from otx.data.source import open_source

    if not plan["data_root"]:
        raise UserError("no data set: name its folder with --data_root DIR")
    data_format = None if plan["data_format"] == AUTO else plan["data_format"]
    return open_source(Path(plan["data_root"]), data_format, preferred_formats(plan, task_specs()))


def read_data(
    plan: Plan, *, split_file: Path | None = None, labels: LabelInfo | None = None, own: OwnData | None = None
) -> ReadData:
    """Read the data root that the plan names; the task is chosen from its content if it is open.

    Args:
        plan: Takes the choices.
        split_file: A split that OTX made before, to be used again.
        labels: Classes of a model that the data must fit; None takes those of the data.
        own: A data set of the user's own in place of the data root.

    Raises:
        UserError: There is no data root, or what is in there cannot be used.
    """
    from otx.data.index import build_index

    if own is not None:
        return _read_own(plan, own, labels)
    source = open_root(plan)
    plan.choose("data_format", source.format, "; ".join(source.why))
    spec = choose_task(plan, source.evidence, task_specs())
    reader = spec.load("reader")()
    index = build_index(
        source, reader, on_bad_data=plan["on_bad_data"], seed=plan["seed"], split_file=split_file, labels=labels
    )
    if labels is not None and index.labels.keypoints.names != labels.keypoints.names:
        found, known = (", ".join(side.keypoints.names) or "none" for side in (index.labels, labels))
        raise UserError(f"{source.root} has other keypoints than the model: expected {known}, found {found}")
    return ReadData(source, spec, reader, index)


def _read_own(plan: Plan, own: OwnData, labels: LabelInfo | None) -> ReadData:
    from otx.core.evidence import Evidence
    from otx.data.own import OwnReader, own_index
    from otx.data.source import DataSource

    named = [key for key in ("data_root", "data_format", "data.tile") if plan.choices[key].origin == "user"]
    if named and plan[named[0]]:
        msg = f"{named[0]} = {plan[named[0]]!r} is about a folder of files, but the Engine was given data of its own"
        raise UserError(msg)
    plan.choose("task", own.task, "that of the data given to the Engine")
    plan.choose("data.tile", False, "the data were given to the Engine as samples, which are taken whole")
    spec = choose_task(plan, Evidence(format="own", items=0, annotations={}), task_specs())
    index = own_index(own, spec.load("sample"))
    if labels is not None and index.labels != labels:
        found, known = (", ".join(side.names) for side in (index.labels, labels))
        msg = f"the data given to the Engine has other labels than the model: expected {known}, found {found}"
        raise UserError(msg)
    why = "given to the Engine"
    plan.choose("data_format", "own", why)
    evidence = Evidence(format="own", items=sum(map(len, index.subsets.values())), annotations={})
    source = DataSource(root=Path("data"), format="own", evidence=evidence, why=[why], subsets={}, categories={})
    return ReadData(source, spec, OwnReader(), index, own)


def make_tiling(data: ReadData, input_spec: InputSpec) -> Tiling | None:
    """How images are cut into tiles; None if the model takes them whole."""
    from otx.data.tiling import Tiling

    if not input_spec.tile:
        return None
    return Tiling(data.reader, data.spec.load("batch"), data.spec.load("merge"), input_spec)


def make_datamodule(plan: Plan, data: ReadData, input_spec: InputSpec) -> OTXDataModule:
    """The loaders of all subsets, as the plan says."""
    from otx.data.datamodule import OTXDataModule
    from otx.data.media import read_media
    from otx.data.objects import object_index
    from otx.training.processes import place
    from otx.transforms.fit import FitToInput

    settings = plan.settings()
    learnt, tested = least_sides(plan, data, input_spec)
    augmentation = resolve(catalog().augmentation(settings.transforms.framework))
    return OTXDataModule(
        object_index(data.index, data.reader, input_spec),
        data.reader,
        data.spec.load("batch"),
        augmentation(settings.transforms.train, input_spec),
        FitToInput(input_spec, evaluation=True),
        train_read=partial(read_media, spec=input_spec, random=True, least_side=learnt),
        eval_read=partial(read_media, spec=input_spec, least_side=tested),
        settings=settings.data,
        seed=settings.seed,
        tiling=make_tiling(data, input_spec),
        on_bad_data=settings.on_bad_data,
        rank=place().rank,
        world=place().size,
    )


def least_sides(plan: Plan, data: ReadData, input_spec: InputSpec) -> tuple[int, int]:
    """How short a side of an image may get when it is decoded smaller, for training and for evaluation; 0: not at all.

    In evaluation only images whose annotations have no places in them are: the others are measured in their own pixels.
    """
    from otx.transforms.steps import IN_PIXELS

    settings = plan.settings().transforms
    placeless = bool(data.spec.load("sample").placeless)
    # What a recipe says in pixels is meant in those of the file, and steps of other frameworks may all do so.
    in_pixels = any(step.get("name") in IN_PIXELS for step in settings.train) or (
        settings.framework != "torchvision" and not placeless
    )
    parts = input_spec.tile or input_spec.object_margin
    # A crop of a quarter of the image keeps all that the model can see of it.
    learnt = 0 if in_pixels or parts else 2 * input_spec.least_side
    return learnt, input_spec.least_side if placeless else 0
