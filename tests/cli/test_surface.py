"""The options of each verb are public: changing them means changing `surface.txt` beside this file, on purpose."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from otx.cli.options import with_json
from otx.cli.parser import help_text
from otx.cli.verbs import VERBS, overview

GOLDEN = Path(__file__).with_name("surface.txt")


def surface() -> str:
    lines = []
    for verb in VERBS:
        for row in with_json(importlib.import_module(f"otx.cli.{verb}").run).values():
            value = "" if row.is_flag else f" {row.metavar}"
            marks = (" (required)" if row.option.required else "") + (" (repeatable)" if row.is_list else "")
            default = f" = {row.default}" if row.default not in (None, False, "", []) else ""
            lines.append(f"otx {verb} --{row.name}{value}{default}{marks}")
    return "\n".join(lines) + "\n"


def test_the_options_are_those_of_the_golden_file() -> None:
    assert surface() == GOLDEN.read_text(), (
        f"if this is meant, write surface() to {GOLDEN.name}, and say so in CHANGELOG"
    )


@pytest.mark.parametrize("verb", VERBS)
def test_help_describes_every_option_and_its_examples_parse(verb: str) -> None:
    from otx.cli.parser import parse

    module = importlib.import_module(f"otx.cli.{verb}")
    table = with_json(module.run)
    text = help_text(verb, table, module.EXAMPLES)
    assert VERBS[verb] in text
    assert all(f"--{name}" in text and row.option.text for name, row in table.items())
    examples = [line.split() for line in module.EXAMPLES.splitlines()]
    assert 2 <= len(examples) <= 3
    for program, named, *words in examples:
        assert (program, named) == ("otx", verb)
        parse(table, [word.strip("'") for word in words])


def test_overview_has_every_verb_on_a_line() -> None:
    text = overview()
    assert all(re.search(rf"^  {verb} +\w.{{10,100}}$", text, flags=re.MULTILINE) for verb in VERBS)
    assert max(map(len, text.splitlines())) <= 110


def test_runs_to_compare_stand_alone_or_behind_their_names() -> None:
    from otx.cli.compare import run
    from otx.cli.parser import parse
    from otx.core.errors import UserError

    expected = {"first": Path("a"), "second": Path("b"), "json": True}
    assert parse(with_json(run), ["a", "--json", "b"]) == expected
    assert parse(with_json(run), ["--second", "b", "--json", "a"]) == expected
    with pytest.raises(UserError, match="expected --second RUN"):
        parse(with_json(run), ["a"])
    with pytest.raises(UserError, match="expected an option, got 'c'"):
        parse(with_json(run), ["a", "b", "c"])
