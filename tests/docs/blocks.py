"""The fenced blocks of a page: those whose first line names a file are files, blocks of bash are commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# ([\w./-]+\.(?:py|ya?ml|toml))\n")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        language: `python`, `bash`, ...
        name: The file that it is, or "".
        text: What is in it.
    """

    language: str
    name: str
    text: str


def blocks(page: Path) -> list[Block]:
    found = []
    for language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        name = _NAME.match(text)
        found.append(Block(language, name.group(1) if name else "", text))
    return found


def write_files(page: Path, folder: Path) -> dict[str, Block]:
    """Write the blocks that are files below a folder."""
    files = {block.name: block for block in blocks(page) if block.name}
    for name, block in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    return files


def commands(page: Path) -> list[list[str]]:
    """The commands of the bash blocks, one per line, in words."""
    return [line.split() for block in blocks(page) if block.language == "bash" for line in block.text.splitlines()]
