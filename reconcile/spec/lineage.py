"""Which columns of which tables a query's columns have their values from, as far as its SQL tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from reconcile.errors import SpecInvalid
from reconcile.spec import parameters
from reconcile.spec.source import DIALECTS, SourceSpec

_GUESSES = ("", "mysql", "tsql")
"""In whose SQL a query is read where its connection does not tell: they differ in how they quote names."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A column of a table that a query reads.

    Args:
        table: its name as the query has it, with the schema where it says one; casefolded, as the column's.
        plain: the query hands the value on as it is, or only in another type or case.
    """

    table: str
    column: str
    plain: bool


def find_origins(source: SourceSpec, column: str) -> frozenset[Origin]:
    """Where the values of a query's column come from; nothing where its SQL cannot be read.

    A filter, a join and a grouping only say which rows there are: what they look at is no origin.
    """
    scheme, colon, _ = (source.connect or "").partition("://")
    known = (DIALECTS.get(scheme, scheme),) if colon and scheme.isalpha() else _GUESSES
    for dialect in known:
        with suppress(SpecInvalid, ValueError, RecursionError):
            scope = _read(parameters.outline(source, dialect or None), dialect)
            if scope is not None:
                return frozenset(_Tracer().trace(scope, column.casefold(), plain=True))
    return frozenset()


@lru_cache(maxsize=256)
def _read(query: str, dialect: str) -> Any:
    """The outermost scope of a query; None where it cannot be read: that is told when the source is opened."""
    import sqlglot
    from sqlglot.optimizer.scope import build_scope

    with suppress(sqlglot.errors.SqlglotError, RecursionError):
        return build_scope(sqlglot.parse_one(query, read=dialect))
    return None


@dataclass(slots=True)
class _Tracer:
    """Follows columns through subqueries, unions and WITH; each only once, as WITH RECURSIVE comes back to itself."""

    seen: set[tuple[int, str | int, bool]] = field(default_factory=set)

    def trace(self, scope: Any, column: str | int, *, plain: bool) -> Iterator[Origin]:
        """The origins of a column, by its name or its place in the SELECT."""
        from sqlglot import exp

        if (id(scope), column, plain) in self.seen:
            return
        self.seen.add((id(scope), column, plain))
        renamed = [name.casefold() for name in scope.outer_columns]
        if column in renamed:
            column = renamed.index(str(column))
        parts = _parts(scope)
        if parts:
            names = [name.casefold() for name in scope.expression.named_selects]
            place = names.index(str(column)) if column in names else column
            for part in parts:
                yield from self.trace(part, place, plain=plain)
        elif isinstance(scope.expression, exp.Select):
            yield from self._trace_select(scope, column, plain=plain)
        else:  # a function that makes rows, such as UNNEST
            yield from self._trace_value(scope.parent or scope, scope.expression, plain=False)

    def _trace_select(self, scope: Any, column: str | int, *, plain: bool) -> Iterator[Origin]:
        chosen = scope.expression.selects
        if isinstance(column, int) and any(one.is_star for one in chosen):
            column = "" if column >= len(chosen) else chosen[column].alias_or_name.casefold()
        for place, one in enumerate(chosen):
            if one.is_star:
                yield from self._trace_name(scope, getattr(one, "table", ""), str(column), plain=plain)
            elif column in (place, one.alias_or_name.casefold()):
                yield from self._trace_value(scope, one.unalias(), plain=plain)

    def _trace_value(self, scope: Any, value: Any, *, plain: bool) -> Iterator[Origin]:
        from sqlglot import exp

        while isinstance(value, exp.Paren | exp.Cast | exp.TryCast | exp.Lower | exp.Upper | exp.Trim):
            value = value.this
        if isinstance(value, exp.Column):
            yield from self._trace_name(scope, value.table, value.name.casefold(), plain=plain)
        elif isinstance(value, exp.Query):
            inner: Any = value.unnest()
            known = next((one for one in scope.subquery_scopes if one.expression is inner), None)
            if known is not None:
                yield from self.trace(known, 0, plain=plain)
            else:  # LATERAL
                for part in inner.selects:
                    yield from self._trace_value(scope, part.unalias(), plain=False)
        elif not isinstance(value, exp.Exists):  # whether there are rows, as a filter
            for part in value.iter_expressions():
                yield from self._trace_value(scope, part, plain=False)

    def _trace_name(self, scope: Any, table: str, column: str, *, plain: bool) -> Iterator[Origin]:
        """A column of the tables in FROM: of the one that is named, else of any, as only one of them can have it."""
        from sqlglot import exp

        found = {name.casefold(): source for name, (_, source) in scope.selected_sources.items()}
        if scope.parent is not None and (table.casefold() not in found if table else not found):
            yield from self._trace_name(scope.parent, table, column, plain=plain)
            return
        for name, source in found.items():
            if table and name != table.casefold():
                continue
            if not isinstance(source, exp.Table):
                yield from self.trace(source, column, plain=plain)
            elif source.name:
                yield Origin(".".join(part.name for part in source.parts).casefold(), column, plain)


def _parts(scope: Any) -> list[Any]:
    """The SELECTs of a union; sqlglot has changed the name of where they are."""
    return getattr(scope, "set_operation_scopes", None) or getattr(scope, "union_scopes", None) or []
