"""A source's query with its values filled in: every `{{ … }}` is written as a literal of SQL, never as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from reconcile.errors import Where
from reconcile.spec import secrets, templates
from reconcile.spec.source import SourceSpec

MARK = "\ue000secret\ue000"
"""Stands for a secret in a query that is only parsed."""


def fill(source: SourceSpec, environ: Mapping[str, str], dialect: str | None, where: Where | None = None) -> str:
    """The query as the database gets it.

    Raises:
        CredentialsRefused: a variable that it asks `env()` for is not set.
        SpecInvalid: the query is no template, or uses something that there is not.
    """
    values = {
        name: templates.resolve(value, environ, where=where) if isinstance(value, str) else value
        for name, value in source.parameters.items()
    }
    return _filled(source, values, secrets.functions(environ, where), dialect, where)


def outline(source: SourceSpec, dialect: str | None) -> str:
    """The query with empty texts for what the environment holds: good for parsing. Raises SpecInvalid as `fill`."""
    return _filled(source, source.parameters, dict.fromkeys(secrets.FUNCTIONS, lambda _: ""), dialect, None)


def unknown(source: SourceSpec) -> list[str]:
    """The names that the query uses and nobody gives. Raises SpecInvalid where the query is no template."""
    query = source.query or ""
    used = templates.variables(query) if templates.has_marks(query) else frozenset()
    return sorted(used - source.parameters.keys() - {*secrets.FUNCTIONS})


def marked(source: SourceSpec, dialect: str | None) -> str | None:
    """The query with `MARK` for each secret; None where it refers to none. Raises SpecInvalid as `fill`."""
    secret = _secret_parameters(source)
    if not _refers(source, secret):
        return None
    values = dict(source.parameters) | dict.fromkeys(secret, MARK)
    return _filled(source, values, dict.fromkeys(secrets.FUNCTIONS, lambda _: MARK), dialect, None)


def hides_secrets(source: SourceSpec) -> bool:
    """Whether the query does more with a secret than to write it as it is, so that parts of it may come out."""
    from reconcile.spec import jinja

    secret = _secret_parameters(source)
    return _refers(source, secret) and jinja.hidden(source.query or "", secret)


def _secret_parameters(source: SourceSpec) -> set[str]:
    return {name for name, value in source.parameters.items() if isinstance(value, str) and templates.references(value)}


def _refers(source: SourceSpec, secret: set[str]) -> bool:
    query = source.query or ""
    return templates.has_marks(query) and bool(secret & templates.variables(query) or templates.references(query))


def _filled(
    source: SourceSpec,
    values: Mapping[str, Any],
    functions: Mapping[str, Callable[[str], str]],
    dialect: str | None,
    where: Where | None,
) -> str:
    query = source.query or ""
    if not templates.has_marks(query):
        return query
    from reconcile.spec import jinja

    return jinja.fill(query, {**values, **functions}, where, lambda value: literal(value, dialect))


def literal(value: Any, dialect: str | None) -> str:
    """A value as a literal of a database's SQL; a list as `(1, 2)`, for `IN`."""
    from sqlglot import exp

    if isinstance(value, list | tuple):
        return f"({', '.join(literal(one, dialect) for one in value)})"
    if not isinstance(value, str | int | float | bool | date | None):
        raise TypeError(type(value).__name__)
    return exp.convert(value.isoformat() if isinstance(value, date) else value).sql(dialect)
