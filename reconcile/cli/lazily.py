"""A group of commands, each of them made when it is asked for: to show their names takes none of them.

What a command then imports is a good part of its time, and a third of that the collector's, which looks for garbage
among modules that stay to the end.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup


class Commands(TyperGroup):
    """The commands of these functions, in this order; a docstring is the help, plain and whole."""

    def __init__(self, help: str, functions: Sequence[Callable[..., None]]) -> None:  # noqa: A002 -- Typer's name
        self._functions = {one.__name__.strip("_").replace("_", "-"): one for one in functions}
        made: Any = _Made(self._functions)
        super().__init__(name="reconcile", help=help, commands=made, no_args_is_help=True, rich_markup_mode=None)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- Typer's signature
        """In the order of the help."""
        return [*self._functions]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- Typer's signature
        """A line or two each, made of nothing but the functions."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first(function)) for name, function in self._functions.items()])


class _Made(Mapping[str, Any]):
    """Name -> command, made now."""

    def __init__(self, functions: Mapping[str, Callable[..., None]]) -> None:
        self._functions = functions

    def __getitem__(self, name: str) -> Any:
        # Plain help: Typer's rich one takes longer to import than all else that --help needs.
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        alone.command(name)(self._functions[name])
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)


@contextmanager
def settling() -> Iterator[None]:
    """A block of imports that bring much: the collector lets them be, and has no need to look at them later."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


def _first(function: Callable[..., None]) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0].split())
