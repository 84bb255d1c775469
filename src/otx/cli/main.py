"""The command `otx`: finds the verb, parses its options, runs it, prints what came out."""

from __future__ import annotations

import importlib
import io
import json
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from otx.cli.streams import console, show_log, stdout_to_stderr
from otx.cli.verbs import VERBS, overview
from otx.core.atomic import FOREIGN
from otx.core.errors import OTXError, UserError, nearest

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status: 0 done, 1 the work failed a check, 2 the command or its input is wrong.

    Args:
        argv: Words after `otx`; those of the process if None.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=FOREIGN)
    try:
        status = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _complain(_how_to_go_on(words))
        status = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = BROKEN_PIPE
    except OTXError as error:
        if _is_debugging():
            raise
        word = "interrupted" if error.exit_status == INTERRUPTED else "error"
        _complain(str(error), word)
        status = error.exit_status
    except OSError as error:  # a folder that is a file, a place that cannot be written to
        if _is_debugging():
            raise
        what = f"{error.filename}: {error.strerror}" if error.filename else f"{type(error).__name__}: {error}"
        _complain(f"{what} (OTX_DEBUG=1 shows the traceback)", "error")
        status = 2
    except Exception as error:  # the outermost place: a screenful of traceback helps no user
        if _is_debugging():
            raise
        _complain(f"{type(error).__name__}: {error}", "error")
        _complain("This is a defect of OTX rather than of your command. For the traceback, run it with OTX_DEBUG=1.")
        status = 1
    sys.exit(status)


def _run(words: list[str]) -> int:
    if not words or words[0] in {"-h", "--help", "help"}:
        print(overview(), end="")
        return 0
    if words[0] == "--version":
        from otx import __version__

        print(f"otx {__version__}")
        return 0
    verb, options = words[0], words[1:]
    if verb not in VERBS:
        raise UserError(f"unknown verb {verb!r}.{nearest(verb, VERBS)}")
    return _run_verb(verb, options)


def _run_verb(verb: str, options: list[str]) -> int:
    from otx.cli.options import with_json
    from otx.cli.parser import help_text, parse

    module: Any = importlib.import_module(f"otx.cli.{verb}")
    table = with_json(module.run)
    if {"-h", "--help"} & set(options):
        print(help_text(verb, table, module.EXAMPLES), end="")
        return 0
    values = parse(table, options)
    show_log()
    as_json = values.pop("json")
    with stdout_to_stderr() if as_json else nullcontext():
        outcome = module.run(**values)
    if as_json and outcome.document is not None:
        print(json.dumps(outcome.document, indent=2, ensure_ascii=False))
    elif not as_json:
        outcome.show(console())
    return int(outcome.exit_status)


def _how_to_go_on(words: list[str]) -> str:
    if words[:1] != ["train"] or not {"--work_dir", "--resume"} & {word.partition("=")[0] for word in words}:
        return "interrupted"  # the latest run may be another one
    command = shlex.join(["otx", *words, *(["--resume"] if "--resume" not in words else [])])
    return f"interrupted. Go on with: {command}"


def _is_debugging() -> bool:
    return os.environ.get("OTX_DEBUG", "0") != "0"


def _complain(text: str, word: str = "") -> None:
    to_people = console(stderr=True)
    if word:
        to_people.print(f"{word}:", style="bold red", end=" ")
    to_people.print(text)
