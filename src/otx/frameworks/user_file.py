"""Models of the user's own: `--model my_model.py:MyDetector`."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from otx.core.catalog import ModelRow
from otx.core.errors import UserError, nearest
from otx.core.input_spec import InputSpec
from otx.core.model import OTXModel
from otx.tasks import task_spec


def is_user_file(name: str) -> bool:
    """Whether a model name means a class in a Python file."""
    return name.partition(":")[0].endswith(".py")


def require_named(name: str, named: str, where: Path) -> None:
    """Make sure that the user named the code that a file names; it may lie in another folder by now.

    Args:
        name: What the checkpoint or plan is of.
        named: The model that the user named in this call; anything else if none.
        where: The checkpoint or plan.

    Raises:
        UserError: It is a class in a file, and the user did not name it.
    """
    if is_user_file(name) and Path(named).name != Path(name).name:
        raise UserError(
            f"{where} is of {name}, code that OTX runs only when you name it; if you trust it: --model {name}"
        )


def user_row(name: str, task: str) -> ModelRow:
    """The row of a class in the user's own file, as if it stood in the catalog.

    The class says what it wants to be fed: `default_input = InputSpec(height=..., width=...)`.

    Args:
        name: `FILE.py:Class`.
        task: The task that it must solve.

    Raises:
        UserError: See `load_user_class`, or the class does not say what it wants to be fed.
    """
    file, _, class_name = name.partition(":")
    adapter = load_user_class(Path(file), class_name, task)
    input_spec = getattr(adapter, "default_input", None)
    if not isinstance(input_spec, InputSpec):
        msg = f"expected {name} to say its input as a class attribute: default_input = InputSpec(height=..., width=...)"
        raise UserError(msg)
    return ModelRow(
        name=name,
        task=task,
        adapter=f"{adapter.__module__}:{class_name}",
        arch="",
        input_spec=input_spec,
        parameters=0,
        licence="unknown",
        package="torch",
        tileable=True,
    )


def load_user_class(path: Path, name: str, task: str) -> type[OTXModel[Any, Any]]:
    """Import a model class from a Python file.

    This runs the file. Its name must come from the user's command or code, never from data or a checkpoint.

    Raises:
        UserError: There is no such file or class, the file fails, or the class is no model of the task.
    """
    module = _import(path)
    classes = {key: value for key, value in vars(module).items() if isinstance(value, type)}
    offered = [key for key, value in classes.items() if issubclass(value, OTXModel) and not inspect.isabstract(value)]
    found = classes.get(name)
    if found is None:
        raise UserError(f"there is no class {name!r} in {path}.{nearest(name, offered)}")
    if not issubclass(found, OTXModel):
        raise UserError(f"expected {name} of {path} to be an OTXModel, for example class {name}(OTXDetectionModel)")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise UserError(f"{name} of {path} is not complete: it still has to define {missing}")
    if found.task != task and not issubclass(found, task_spec(task).load("model")):
        raise UserError(f"{name} of {path} solves {found.task}, but the task is {task}")
    return found


def _import(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"there is no file {str(path)!r} to take a model from")
    name = f"otx_user_{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path.resolve()):
        return known
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UserError(f"expected a Python file, got {str(path)!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and references look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"importing {path} failed with {type(error).__name__}: {error}") from error
    return module
