"""How a command ends: as an exit status, with what went wrong said on standard error and no person in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.exceptions import TyperException

from reconcile.cli import signals, streams, telling

USAGE = 64
BUG = 1
UNWRITTEN = 74
INTERRUPTED = 130
_WELL = (0, 2)
"""Statuses of commands with which nothing is wrong; 2 is `--detailed-exitcode`."""


def run(command: Callable[..., Any]) -> NoReturn:
    """Run a command and turn its end into an exit status."""
    status = _run(command)
    if (lost := streams.settle()) is not None:
        telling.say(f"Error: Standard output could not be written: {lost.strerror}. What was printed is not whole.")
        status = UNWRITTEN if status in _WELL else status
    sys.exit(status)


def _run(command: Callable[..., Any]) -> int:
    try:
        status = command(standalone_mode=False)
    except TyperException as usage:
        _misused(usage)
        return USAGE  # Typer's own 2 means "differences exist" here
    except typer.Abort:
        telling.say("Nothing was done.")
        return 1
    except KeyboardInterrupt:
        status = INTERRUPTED
    except signals.CutOff as cut:
        telling.say_interrupted()
        return cut.status
    except Exception as error:  # noqa: BLE001 -- the last line of defence: no person's value in a traceback
        return _failed(error)
    if status == INTERRUPTED:  # Typer makes this of a KeyboardInterrupt, without a word
        telling.say_interrupted()
    return status if isinstance(status, int) else 0


def _failed(error: Exception) -> int:
    from reconcile.errors import ReconcileError  # not needed for as long as nothing fails

    if isinstance(error, OSError):
        error = _unwritten(error) or error
    if not isinstance(error, ReconcileError):
        _unexpected(error)
        return BUG
    from reconcile import screen

    screen.error(error, as_json="--json" in sys.argv)
    return error.exit_status


def _unwritten(error: OSError) -> Exception | None:
    """The error for a place that cannot be written, wherever that was seen; None for what else a system says."""
    import tempfile

    from reconcile.state import disk

    if error.errno in disk.UNWRITABLE:
        return disk.refused("a file", Path(os.fsdecode(error.filename or tempfile.gettempdir())), error)
    return None


def _misused(usage: TyperException) -> None:
    show = getattr(usage, "show", None)  # those that know their command show its usage too
    if show is not None:
        show()
    else:
        telling.say(f"Error: {usage.format_message()}")


def _unexpected(error: Exception) -> None:
    """A bug of ours. Its message may hold anybody's data, so only its kind and way are shown."""
    import traceback

    if os.environ.get("RECONCILE_DEBUG"):
        traceback.print_exception(error)
        return
    telling.say(f"Error: something unexpected went wrong ({type(error).__name__}). This is a bug; please report it.")
    for frame in traceback.extract_tb(error.__traceback__)[-6:]:
        telling.say(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}")
    telling.say("  RECONCILE_DEBUG=1 shows everything, people's data included.")
