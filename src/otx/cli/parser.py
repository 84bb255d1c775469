"""Words of the command line -> values of a verb's options; whatever is wrong is one clear line.

`--help` is argparse's, and the values of typed options are read by jsonargparse, which is imported when there is one:
it takes half of the time that a command may need to answer.
"""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from operator import or_
from typing import Any

from otx.cli.options import Argument, parts
from otx.cli.verbs import VERBS
from otx.core.errors import UserError, nearest


def help_text(verb: str, table: Mapping[str, Argument], examples: str) -> str:
    """What `otx VERB --help` prints.

    Args:
        verb: Its name.
        table: Its options.
        examples: Commands to copy.
    """
    required = "".join(
        f" {row.metavar}" if row.option.bare else f" --{row.name} {row.metavar}"
        for row in table.values()
        if row.option.required
    )
    parser = ArgumentParser(
        usage=f"otx {verb}{required} [options]",
        description=VERBS[verb],
        epilog=f"examples:\n{examples}",
        formatter_class=partial(RawDescriptionHelpFormatter, max_help_position=26),
        add_help=False,
    )
    groups: dict[str, Any] = {}
    for row in table.values():
        heading = row.option.group
        if heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
        looks: dict[str, Any] = {"action": "store_true"} if row.is_flag else {"metavar": row.metavar}
        groups[heading].add_argument(f"--{row.name}", help=row.option.text.replace("%", "%%"), **looks)
    return parser.format_help()


def parse(table: Mapping[str, Argument], words: Sequence[str]) -> dict[str, Any]:
    """Values of the options.

    Args:
        table: The options.
        words: What stands behind the verb.

    Raises:
        UserError: An option is unknown, given twice, lacks its value or has one of the wrong type, or is missing.
    """
    values = {row.name: [] if row.is_list else row.default for row in table.values()}
    given: set[str] = set()
    rest = iter(words)
    for word in rest:
        bare = next((row for row in table.values() if row.option.bare and row.name not in given), None)
        row, value = (bare, word) if bare and not word.startswith("--") else _option(table, word, rest)
        if row.is_list:
            values[row.name].append(value)
            continue
        if row.name in given:
            raise UserError(f"--{row.name} is given twice")
        given.add(row.name)
        values[row.name] = True if row.is_flag else _convert(row, value)
    for row in table.values():
        if row.option.required and row.name not in given:
            msg = f"expected --{row.name} {row.metavar} ({row.option.text[0].lower()}{row.option.text[1:].rstrip('.')})"
            raise UserError(msg)
    return values


def _option(table: Mapping[str, Argument], word: str, rest: Any) -> tuple[Argument, str]:  # noqa: ANN401 - an iterator
    """The option that a word names, and its value: behind `=` or the next word."""
    name, equals, value = word.partition("=")
    if not name.startswith("--"):
        hint = f" Did you mean --data_root {word}?" if "data_root" in table else ""
        raise UserError(f"expected an option, got {word!r}.{hint}")
    row = table.get(name[2:])
    if row is None:
        raise UserError(f"unknown option {name}.{nearest(name, [f'--{known}' for known in table])}")
    if row.is_flag and equals:
        raise UserError(f"{name}: expected no value, got {value!r}")
    if not row.is_flag and not equals:
        value = next(rest, "--")
        if value.startswith("--"):
            raise UserError(f"{name}: expected {row.expected}, got nothing")
    return row, value


def _convert(row: Argument, text: str) -> Any:  # noqa: ANN401 - the type is that of the parameter
    if row.is_text:
        return text
    import jsonargparse

    parser = jsonargparse.ArgumentParser(exit_on_error=False, default_env=False)
    kind = reduce(or_, (part for part in parts(row.kind) if part is not type(None)))  # or `null` would be one
    parser.add_argument("--value", type=kind)
    try:
        return parser.parse_args([f"--value={text}"]).value
    except jsonargparse.ArgumentError as error:
        raise UserError(f"--{row.name}: expected {row.expected}, got {text!r}") from error
