"""A docstring that lies about its function is caught by one of the linters; one that is brief is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LINTERS = (
    [str(BIN / "ruff"), "check", "--no-cache", "--select", "D", "--config", str(ROOT / "pyproject.toml")],
    [str(BIN / "flake8"), "--config", str(ROOT / ".flake8")],
)
FUNCTION = '''"""A file."""


def area(width: float, height: float) -> float:
    """Area of a rectangle in pixels.
{sections}
    """
    return width * height
'''


def complaints(path: Path, sections: str) -> str:
    path.write_text(FUNCTION.format(sections=sections))
    return "".join(
        subprocess.run([*linter, str(path)], capture_output=True, text=True, check=False).stdout for linter in LINTERS
    ).replace("All checks passed!\n", "")


@pytest.mark.parametrize(
    "sections",
    [
        "\n    A side may be zero.",
        "\n    Raises:\n        ValueError: Never.",
        "\n    Args:\n        width: In pixels.\n        height: In pixels.",
    ],
    ids=["prose-only", "errors-only", "arguments-only"],
)
def test_a_brief_docstring_is_fine(tmp_path: Path, sections: str) -> None:
    assert complaints(tmp_path / "brief.py", sections) == ""


@pytest.mark.parametrize(
    ("sections", "code"),
    [
        ("\n    Args:\n        width: In pixels.\n        tall: In pixels.", "D417"),
        ("\n    Args:\n        width: In pixels.", "D417"),
        ("\n    Args:\n        width: In pixels.\n        height: In pixels.\n        depth: In pixels.", "DOC102"),
        ("\n    Args:\n        height: In pixels.\n        width: In pixels.", "DOC104"),
        ("\n    Args:\n        width (int): In pixels.\n        height: In pixels.", "DOC111"),
    ],
    ids=["renamed", "forgotten", "invented", "swapped", "typed"],
)
def test_a_lie_about_arguments_is_caught(tmp_path: Path, sections: str, code: str) -> None:
    assert code in complaints(tmp_path / "lie.py", sections)
