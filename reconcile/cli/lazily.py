"""A group of commands, each imported when it is asked for: to show their names takes none of them.

What a command then imports is a good part of its time, and a third of that the collector's, which looks for garbage
among modules that stay to the end.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, NamedTuple, cast

import typer
from typer.core import TyperGroup

from reconcile import __version__


class Command(NamedTuple):
    """A command that is not imported yet."""

    home: str
    """Its function, `module:function`, below this package. The docstring is its own help, plain and whole."""
    short: str
    """What it does, in as few words as fit a line of the overview."""


class Commands(TyperGroup):
    """These commands, by the title of their section and their name, in this order."""

    def __init__(self, help: str, sections: Mapping[str, Mapping[str, Command]]) -> None:  # noqa: A002 -- Typer's name
        self._sections = sections
        made: Any = _Made({name: one for section in sections.values() for name, one in section.items()})
        more = "reconcile COMMAND --help tells all about one of them."
        super().__init__(
            name="reconcile",
            help=help,
            commands=made,
            epilog=more,
            params=_make_options(),
            no_args_is_help=True,
            rich_markup_mode=None,
        )

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- Typer's signature
        """A line each, made of nothing but the table."""
        width = max(len(name) for name in self.commands)
        for title, section in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), one.short) for name, one in section.items()])


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"reconcile {__version__}")
        raise typer.Exit


def _make_options() -> list[Any]:
    """The options of `reconcile` itself: `--version`, and Typer's own for shell completion."""
    holder = typer.Typer(rich_markup_mode=None)
    holder.callback()(_take_options)
    return list(cast("Any", typer.main.get_command(holder)).params)


def _take_options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Only its signature is read."""


class _Made(Mapping[str, Any]):
    """Name -> command, imported and made now."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands

    def __getitem__(self, name: str) -> Any:
        command = self._commands[name]
        module, _, function = command.home.partition(":")
        # Plain help: Typer's rich one takes longer to import than all else that --help needs.
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        alone.command(name, short_help=command.short)(getattr(import_module(f"reconcile.cli.{module}"), function))
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


@contextmanager
def settling() -> Iterator[None]:
    """A block of imports that bring much: the collector lets them be, and has no need to look at them later."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
