"""Whatever goes wrong ends as one sentence on standard error and an exit code; a trace is a bug.

0 done · 2 an error that the user can mend · 3 rows were rejected or in conflict · 70 a bug · 130 interrupted
· 141 the reader of the output went away
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import click

from attribution.errors import AttributionEngineError

USAGE: Final = 2
REJECTED: Final = 3
BUG: Final = 70
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141  # what a shell shows for a program that SIGPIPE ended


@dataclass
class State:
    """What the group hands to its verbs."""

    store: str


class Interrupted(click.ClickException):
    """The user stopped a verb after it had done a part that stays."""


def guarded(call: Callable[[], Any]) -> NoReturn:
    """Run a command and exit: with its own code where it returns one, else with that of its error."""
    debug = bool(os.environ.get("ATTRIBUTION_DEBUG"))
    if not debug and not sys.warnoptions:
        warnings.simplefilter("ignore")  # a library's deprecation is no news to a marketer
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows `?`, and no error
    sys.exit(_code(call, debug))


def _code(call: Callable[[], Any], debug: bool) -> int:
    try:
        code = call()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except AttributionEngineError as error:
        return _say(str(error), USAGE)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "attribution"
        return _say(f"{error.format_message().rstrip('.')}; see `{path} --help`", USAGE)
    except Interrupted as error:
        return _say(error.message, INTERRUPTED)
    except click.ClickException as error:
        return _say(error.format_message(), USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted; nothing was changed", INTERRUPTED)
    except BrokenPipeError:
        return _quiet_pipe()
    except SystemExit as error:  # click ends so when the pipe breaks while it writes
        return _quiet_pipe() if error.code == 1 else int(error.code or 0)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return _say(f"cannot read or write{where}: {error.strerror or error}", USAGE)
    except Exception as error:
        if debug:
            traceback.print_exc()
        words = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return _say(
            f"unexpected error ({words}); please report it with the command that you typed and what "
            "ATTRIBUTION_DEBUG=1 prints", BUG,
        )  # fmt: skip


def _say(sentence: str, code: int) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"attribution: {sentence}", err=True)
    return code


def _quiet_pipe() -> int:
    """Let the interpreter's own last flush go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
