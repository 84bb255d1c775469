"""Words of the command line -> values of a verb's options; whatever is wrong is one clear line."""

from __future__ import annotations

from argparse import ArgumentError, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from jsonargparse import ArgumentParser, DefaultHelpFormatter

from otx.cli.options import JSON, Argument, Verb, arguments
from otx.cli.verbs import VERBS
from otx.core.errors import UserError, nearest


def with_json(function: Verb) -> dict[str, Argument]:
    """All options of a verb: those of its function and `--json`."""
    return arguments(function) | {"json": Argument(name="json", kind=bool, default=False, option=JSON)}


def build_parser(verb: str, function: Verb, examples: str) -> ArgumentParser:
    """The parser of one verb.

    Args:
        verb: Its name.
        function: Takes the options; its signature says which.
        examples: Commands to copy, for the end of `--help`.
    """
    table = with_json(function)
    required = "".join(f" --{row.name} {row.metavar}" for row in table.values() if row.option.required)
    parser = ArgumentParser(
        prog=f"otx {verb}",
        usage=f"otx {verb}{required} [options]",
        description=VERBS[verb],
        epilog=f"examples:\n{examples}",
        # argparse's own: types and defaults, which jsonargparse's would append, are in the texts, in words.
        formatter_class=cast("type[DefaultHelpFormatter]", partial(RawDescriptionHelpFormatter, max_help_position=26)),
        exit_on_error=False,
        default_env=False,
    )
    groups: dict[str, Any] = {}
    for row in table.values():
        heading = row.option.group
        if heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
        _add(groups[heading], row)
    return parser


def _add(group: Any, row: Argument) -> None:  # noqa: ANN401 - jsonargparse does not export the type of a group
    text = row.option.text
    if row.is_flag:
        group.add_argument(f"--{row.name}", action="store_true", help=text)
    elif row.is_list:
        group.add_argument(f"--{row.name}", action="append", default=[], metavar=row.metavar, help=text)
    else:
        group.add_argument(f"--{row.name}", type=row.kind, default=row.default, metavar=row.metavar, help=text)


def parse(parser: ArgumentParser, table: Mapping[str, Argument], words: Sequence[str]) -> dict[str, Any]:
    """Values of the options.

    Raises:
        UserError: An option is unknown, given twice, lacks its value or has one of the wrong type, or is missing.
    """
    pairs = _pairs(words, table)
    try:
        values = parser.parse_args(list(words))
    except ArgumentError as error:
        for row, value in pairs:
            _check(parser, row, value)
        raise UserError(str(error)) from error
    given = {row.name for row, _ in pairs}
    for row in table.values():
        if row.option.required and row.name not in given:
            msg = f"expected --{row.name} {row.metavar}: {row.option.text}"
            raise UserError(msg)
    return values.as_dict()


def _pairs(words: Sequence[str], table: Mapping[str, Argument]) -> list[tuple[Argument, str]]:
    """Options with their values, in the order given; a flag has the value `""`."""
    pairs: list[tuple[Argument, str]] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            hint = f" Did you mean --data_root {word}?" if "data_root" in table else ""
            msg = f"expected an option, got {word!r}.{hint}"
            raise UserError(msg)
        row = table.get(name[2:])
        if row is None:
            msg = f"unknown option {name}.{nearest(name, [f'--{known}' for known in table])}"
            raise UserError(msg)
        if row in (other for other, _ in pairs) and not row.is_list:
            msg = f"{name} is given twice"
            raise UserError(msg)
        if not equals and not row.is_flag:
            value = next(rest, "--")
            if value.startswith("--"):
                msg = f"{name}: expected {row.expected if not row.is_list else row.metavar}, got nothing"
                raise UserError(msg)
        pairs.append((row, value))
    return pairs


def _check(parser: ArgumentParser, row: Argument, value: str) -> None:
    """Parse one option alone, so that the message can name the one that is wrong."""
    try:
        parser.parse_args([f"--{row.name}={value}"] if value or not row.is_flag else [f"--{row.name}"])
    except ArgumentError as error:
        expected = "no value" if row.is_flag else row.expected
        msg = f"--{row.name}: expected {expected}, got {value!r}"
        raise UserError(msg) from error
