"""How a verb's function describes its options: `Annotated` parameters, read into a table. Imports nothing heavy."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from otx.cli.outcome import Outcome

Verb = Callable[..., Outcome]


@dataclass(frozen=True)
class Option:
    """What `--help` says about a parameter.

    Attributes:
        text: What it is for.
        metavar: Stands for its value; empty lists the choices of a Literal.
        group: Heading that it stands under.
        required: The command is wrong without it.
        bare: Its value may stand alone, without `--name`.
    """

    text: str
    metavar: str = ""
    group: str = "options"
    required: bool = False
    bare: bool = False


@dataclass(frozen=True)
class Argument:
    """An option as the parser needs it.

    Attributes:
        name: Of the parameter; the option is `--name`.
        kind: Its type, without the metadata.
        default: Its value when it is not given.
        option: What `--help` says.
    """

    name: str
    kind: Any
    default: Any
    option: Option

    @property
    def is_flag(self) -> bool:
        """Takes no value."""
        return self.kind is bool

    @property
    def is_list(self) -> bool:
        """May be given more than once."""
        return typing.get_origin(self.kind) is list

    @property
    def is_text(self) -> bool:
        """Takes its value as it is."""
        return set(parts(self.kind)) <= {str, type(None)}

    @property
    def metavar(self) -> str:
        """What stands for the value in `--help`."""
        return self.option.metavar or "{" + ",".join(self.choices) + "}"

    @property
    def choices(self) -> list[str]:
        """Values of a Literal."""
        literals = [part for part in parts(self.kind) if typing.get_origin(part) is Literal]
        return [str(value) for literal in literals for value in typing.get_args(literal)]

    @property
    def expected(self) -> str:
        """The type in words, for messages."""
        if self.is_list or self.is_text:
            return self.metavar
        words = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path", str: "a file"}
        names = self.choices + [words.get(part, str(part)) for part in parts(self.kind) if part in words]
        return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" or {names[-1]}"


def parts(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401 - types of any kind
    """The types of a union, or the one type."""
    is_union = isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
    return typing.get_args(kind) if is_union else (kind,)


JSON = Option("Print the result as one JSON document on stdout, everything else on stderr.", group="output")


def with_json(function: Verb) -> dict[str, Argument]:
    """The options of a verb, from the signature of its function, whose parameters are `Annotated[type, Option(...)]`.

    Every verb has `--json` besides.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    table = {}
    for name, parameter in inspect.signature(function).parameters.items():
        kind, option = typing.get_args(hints[name])
        table[name] = Argument(name, kind, parameter.default, option)
    return table | {"json": Argument("json", bool, default=False, option=JSON)}


# What several verbs share. A verb's function names its parameters and defaults itself.
WorkDir = typing.Annotated[Path | None, Option("Folder of the run (default: the latest run).", "DIR", "output")]
TrainedFrom = typing.Annotated[
    Path | None,
    Option(
        "Checkpoint (.safetensors) or exported model (.xml, .onnx) (default: the best checkpoint of the run).",
        "FILE",
        "model",
    ),
]
OwnModel = typing.Annotated[
    str | None,
    Option("Model of the checkpoint, if it is in a file of your own: that file is run.", "FILE.py:Class", "model"),
]
DataRoot = typing.Annotated[
    Path | None, Option("Folder of the data set (default: the one that was trained on).", "DIR", "data")
]
TaskName = typing.Annotated[
    str | None, Option("Name of the task, if the content of the data allows more than one.", "TASK", "data")
]
DataFormat = typing.Annotated[
    str | None, Option("Overrules the recognition of the format: coco, voc, yolo, imagenet.", "NAME", "data")
]
OnBadData = typing.Annotated[
    Literal["error", "skip"] | None,
    Option("Images that cannot be read: stop (default), or leave them out and count them.", group="data"),
]
MaxDrop = typing.Annotated[
    float, Option("Largest relative drop of the metric that passes (default: 0.01).", "X", "written model")
]
Seed = typing.Annotated[int | None, Option("Seeds everything random (default: 0).", "N", "training")]

# What otx train and the trials of otx tune are told.
TrainingData = typing.Annotated[Path | None, Option("Folder of the data set, in any supported format.", "DIR", "data")]
ModelName = typing.Annotated[
    str | None, Option("Model to train: a name of `otx find`, or FILE.py:Class.", "NAME", "model")
]
Pretrained = typing.Annotated[
    bool | str | None,
    Option("Start from pretrained weights (default: if the model has any).", "true|false|FILE", "model"),
]
Device = typing.Annotated[Literal["auto", "cpu", "xpu", "cuda"] | None, Option("Where to train.", group="training")]
RecipeFile = typing.Annotated[Path | None, Option("Recipe file, laid over the recipe of the task.", "FILE", "settings")]
