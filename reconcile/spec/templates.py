"""Templates: references to secrets (`{{ env('X') }}`, `{{ file('/x') }}`), and property templates over batches of rows.

What a null does in a property template, and why:

* `default` takes its place: `{{ first_name | default('there') | title }}` says "There".
* `{% if first_name %}` is false, `first_name is none` is true, `first_name == 'x'` is false.
* Anything else that needs its value (printing it, a filter, arithmetic) makes the whole result null, as SQL does with
  `'Hi ' || first_name`. Nobody is ever greeted with "Hi ,": the property's `default` or the var's `nulls` decides.

Jinja itself is behind `spec.jinja`, and loaded only when a template is really there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from reconcile.errors import EnvironmentUnfit, Where
from reconcile.spec import secrets

if TYPE_CHECKING:
    from reconcile.spec.jinja import Batch, Piece

_CALL = re.compile(
    r"""\{\{-?\s*(?P<function>env|file)\(\s*(?:'(?P<single>[^'{}\\]+)'|"(?P<double>[^"{}\\]+)")\s*\)\s*-?\}\}"""
)
_MARKS = ("{{", "{%", "{#")


class Reference(NamedTuple):
    """What is referred to: a variable by `env`, a file by `file`."""

    function: str
    name: str

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.function}('{self.name}')"

    @property
    def told(self) -> str:
        """For people and for options of a command line, which have quotes of their own."""
        return f"{self.function}({self.name})"


def is_reference(text: str) -> bool:
    """Whether the text is nothing but references: no literal part, no default, no filter."""
    return _CALL.search(text) is not None and not literal(text).strip()


def is_one_reference(text: str) -> bool:
    """Whether the text is a single reference and nothing else."""
    return _CALL.fullmatch(text.strip()) is not None


def literal(text: str) -> str:
    """What is left of a text without its references."""
    return _CALL.sub("", text)


def references(text: str) -> frozenset[Reference]:
    """What a text refers to.

    Raises:
        SpecInvalid: the text is no template, or what it refers to is not written in it.
    """
    if has_marks(literal(text)):
        from reconcile.spec import jinja

        return frozenset(Reference(*one) for one in jinja.references(text))
    found = (one.groupdict() for one in _CALL.finditer(text))
    return frozenset(Reference(one["function"], one["single"] or one["double"]) for one in found)


def resolve(text: str, environ: Mapping[str, str], *, where: Where | None = None) -> str:
    """The text with its references filled in; a text without references is given back as it is.

    Raises:
        CredentialsRefused: a variable is not set, or empty, or a file cannot be read; says which, and where.
        SpecInvalid: the text is no template, or uses something else than `env()` and `file()`.
    """
    if not has_marks(text):
        return text
    from reconcile.spec import jinja

    return jinja.fill(text, secrets.functions(environ, where), where)


def resolve_credential(text: str, environ: Mapping[str, str]) -> str:
    """The same of an API key or secret.

    Raises:
        EnvironmentUnfit: it holds what no key holds, such as the end of the line of a file; says which variable.
    """
    found = resolve(text, environ)
    if not found.isprintable() or found != found.strip() or not found.isascii():
        names = " and ".join(sorted(one.name for one in references(text)))
        what = "a letter beyond ASCII" if found.isprintable() and found == found.strip() else "a space or a line end"
        raise EnvironmentUnfit(
            f"The variable {names} holds {what}, which is in no API key and no secret of Sailthru.",
            hint="Set it again to the key alone.",
        )
    return found


def variables(template: str) -> frozenset[str]:
    """The properties that a template reads.

    Raises:
        SpecInvalid: the text is no template; says why, and in which of its lines.
    """
    from reconcile.spec import jinja

    return jinja.variables(template)


def check_output(template: str) -> None:
    """Refuse a property's template that gives something that is no value, as far as that can be seen.

    Raises:
        SpecInvalid: it does, or the text is no template; says why.
    """
    from reconcile.spec import jinja

    jinja.check_output(template)


def pieces(template: str) -> tuple[Piece, ...] | None:
    """A template as texts and properties in a row, which needs no Jinja any more; None where it is more than that.

    Raises:
        SpecInvalid: the text is no template; says why, and in which of its lines.
    """
    from reconcile.spec import jinja

    return jinja.pieces(template)


@lru_cache(maxsize=256)
def compile(template: str) -> Batch:  # noqa: A001 -- read as `templates.compile`
    """A template made ready to `render` batches of rows.

    Raises:
        SpecInvalid: the text is no template; says why, and in which of its lines.
    """
    from reconcile.spec import jinja

    return jinja.Batch(template)


def has_marks(text: str) -> bool:
    """Whether a text is more than itself: Jinja has something to do in it."""
    return any(mark in text for mark in _MARKS)
