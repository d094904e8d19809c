"""Templates: references to the environment (`{{ env('X') }}`), and property templates over batches of rows.

What a null does in a property template, and why:

* `default` takes its place: `{{ first_name | default('there') | title }}` says "There".
* `{% if first_name %}` is false, `first_name is none` is true, `first_name == 'x'` is false.
* Anything else that needs its value (printing it, a filter, arithmetic) makes the whole result null, as SQL does with
  `'Hi ' || first_name`. Nobody is ever greeted with "Hi ,": the property's `default` or the var's `nulls` decides.

Jinja itself is behind `spec.jinja`, and loaded only when a template is really there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from reconcile.errors import CredentialsRefused, EnvironmentUnfit, Where

if TYPE_CHECKING:
    from reconcile.spec.jinja import Batch, Piece

_ENV_CALL = re.compile(r"""\{\{-?\s*env\(\s*(?:'([^'{}]+)'|"([^"{}]+)")\s*\)\s*-?\}\}""")
_UNDECODED = re.compile("[\ud800-\udfff]")
"""How Python keeps bytes of the environment that are no UTF-8."""
_MARKS = ("{{", "{%", "{#")


def is_reference(text: str) -> bool:
    """Whether the text is nothing but `{{ env('X') }}`: no literal part, no default, no filter."""
    return _ENV_CALL.search(text) is not None and not literal(text).strip()


def literal(text: str) -> str:
    """What is left of a text without its references."""
    return _ENV_CALL.sub("", text)


def env_names(text: str) -> frozenset[str]:
    """The environment variables that a text with references names.

    Raises:
        SpecInvalid: the text is no template.
    """
    if has_marks(literal(text)):
        from reconcile.spec import jinja

        return jinja.env_names(text)
    return frozenset(single or double for single, double in _ENV_CALL.findall(text))


def resolve(text: str, environ: Mapping[str, str], *, where: Where | None = None) -> str:
    """The text with its `env()` references filled in; a text without references is given back as it is.

    Raises:
        CredentialsRefused: a variable is not set, or empty; says which, and where it is asked for.
        SpecInvalid: the text is no template, or uses something else than `env()`.
    """
    if not has_marks(text):
        return text
    from reconcile.spec import jinja

    return jinja.fill(text, {"env": env(environ, where)}, where)


def resolve_credential(text: str, environ: Mapping[str, str]) -> str:
    """The same of an API key or secret.

    Raises:
        EnvironmentUnfit: it holds what no key holds, such as the end of the line of a file; says which variable.
    """
    found = resolve(text, environ)
    if not found.isprintable() or found != found.strip() or not found.isascii():
        names = " and ".join(sorted(env_names(text)))
        what = "a letter beyond ASCII" if found.isprintable() and found == found.strip() else "a space or a line end"
        raise EnvironmentUnfit(
            f"The variable {names} holds {what}, which is in no API key and no secret of Sailthru.",
            hint="Set it again to the key alone.",
        )
    return found


def env(environ: Mapping[str, str], where: Where | None = None) -> Callable[[str], str]:
    """The function `env()` of templates; raises CredentialsRefused for a variable that is not set."""

    def asked(name: str) -> str:
        if not environ.get(name):
            raise _unset(name, where, empty=name in environ)
        if _UNDECODED.search(environ[name]):
            at = f" ({where})" if where else ""
            raise EnvironmentUnfit(f"The variable {name} is not in UTF-8{at}.", hint="Set it again, in UTF-8.")
        return environ[name]

    return asked


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


def _unset(name: str, where: Where | None, *, empty: bool) -> CredentialsRefused:
    at = f" ({where})" if where else ""
    state = "is empty" if empty else "is not set"
    return CredentialsRefused(f"environment variable {name} {state}{at}", hint=f"Set it: export {name}=…")


def has_marks(text: str) -> bool:
    """Whether a text is more than itself: Jinja has something to do in it."""
    return any(mark in text for mark in _MARKS)
