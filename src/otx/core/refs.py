"""References of the form `package.module:name`, so that tables can name heavy code without importing it."""

from __future__ import annotations

import importlib
from typing import Any

from otx.core.errors import UserError


def resolve(ref: str) -> Any:  # noqa: ANN401 - the caller knows the type that its reference stands for
    """Import what a reference such as `otx.tasks.detection.reader:DetectionReader` names.

    References come from code (specs, catalog rows, entry points), never from data or checkpoint files.

    Raises:
        UserError: The reference is not of the form `module:name`, or the module has no such name.
    """
    module_name, _, attribute = ref.partition(":")
    if not module_name or not attribute:
        raise UserError(f"expected a reference 'package.module:name', got {ref!r}")
    module = importlib.import_module(module_name)
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        raise UserError(f"module {module_name!r} has no {attribute!r}") from error
