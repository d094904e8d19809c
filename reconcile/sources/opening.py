"""From the sources of a spec to what can be read, and what can be said against them before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from reconcile.errors import Problem, ReconcileError, SpecInvalid, Where
from reconcile.sources import failures, queries
from reconcile.sources.origin import Origin
from reconcile.spec import parameters, templates
from reconcile.spec.model import Spec
from reconcile.spec.source import WAYS

if TYPE_CHECKING:
    from reconcile.state.model import Batches, Demand, Rows

KINDS = (
    "sqlite:///shop.db, duckdb:///shop.duckdb, postgresql://user@host/shop, mysql://user@host/shop, the URL of another"
    " database that docs/sources.md names, or a path to a .sqlite, .db or .duckdb file"
)

_HIDDEN = "a secret may only be written into the query as it is: {{ env('NAME') }}, without a filter or a condition"


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source that can be read; nothing is connected before `read`. Satisfies `state.model.Source`."""

    origin: Origin

    @property
    def name(self) -> str:
        """The id in the spec."""
        return self.origin.name

    @property
    def misfits(self) -> Mapping[str, int]:
        """Column -> how many values of the last reads did not fit its type and came as null."""
        return self.origin.misfits

    @property
    def mixed(self) -> Collection[str]:
        """After a read: columns of texts among which are JSON values, led by `values.FOREIGN`."""
        return self.origin.mixed

    def read(self, demand: Demand) -> AbstractContextManager[Batches]:
        """Open the rows as a stream of Arrow batches; errors as `state.model.Source.read` says."""
        origin = self.origin
        origin.raise_if_odd()
        if origin.spec.dbt is not None:
            from reconcile.sources import dbt

            origin = dbt.located(origin)
        return _reader_of(origin)(origin, demand)

    def scan(self, demand: Demand, parquet: Callable[[Sequence[str]], Rows | None]) -> Rows | None:
        """Parquet files as another engine reads them; see `state.model.Scannable`."""
        if self.origin.spec.dbt is not None or self.origin.engine != "parquet":
            return None
        from reconcile.sources import files

        return files.scan(self.origin, demand, parquet)

    def failure(self, error: Exception) -> ReconcileError:
        """What an engine raised while it read our files; see `state.model.Scannable`."""
        return failures.of(self.origin, error)


def open_all(spec: Spec, environ: Mapping[str, str]) -> dict[str, OpenSource]:
    """All sources of a spec by id, `env()` references resolved. Connects to nothing.

    Raises:
        CredentialsRefused: a variable that a `connect` refers to is not set.
        SpecInvalid: a query selects a secret.
    """
    return {name: OpenSource(_origin(spec, name, environ)) for name in spec.sources}


def check(spec: Spec) -> tuple[Problem, ...]:
    """What is wrong with the sources as written, without connecting and without the environment."""
    return tuple(
        Problem(f"Source `{name}`: {said}", spec.where("sources", name, key), hint)
        for name in spec.sources
        for key, said, hint in _complaints(_unresolved(spec, name))
    )


def _reader_of(origin: Origin) -> Callable[[Origin, Demand], AbstractContextManager[Batches]]:
    # Each engine is imported by the branch that needs it: a spec over SQLite never pays for PostgreSQL.
    match origin.engine:
        case "sqlite":
            from reconcile.sources import sqlite

            return sqlite.read
        case "duckdb":
            from reconcile.sources import databases

            return databases.read_duckdb
        case "postgres":
            from reconcile.sources import postgres

            return postgres.read
        case "mysql":
            from reconcile.sources import mysql

            return mysql.read
        case "remote":
            from reconcile.sources import remote

            return remote.read
        case "csv" | "parquet" | "json":
            from reconcile.sources import files

            return files.read
        case None:
            hint = f"Write {KINDS}." if origin.file is None else None
            raise origin.failed(_unknown(origin), hint=hint)
        case other:
            assert_never(other)


def _complaints(origin: Origin) -> Iterator[tuple[str, str, str | None]]:
    source = origin.spec
    ways = source.ways
    if len(ways) != 1:
        found = " and ".join(ways) or "none"
        yield ways[-1] if ways else "", f"needs exactly one of {', '.join(WAYS)}; found {found}", None
    if source.file is None and source.connect is None:
        yield "", "needs `connect`, the database to read from", f"Write {KINDS}."
    if source.query is not None and (refused := _refused(origin)):
        yield "query", refused, queries.HINT


def _refused(origin: Origin) -> str | None:
    if parameters.unknown(origin.spec):  # said by the spec's own check
        return None
    if parameters.hides_secrets(origin.spec):
        return _HIDDEN
    return queries.refused(parameters.outline(origin.spec, origin.dialect), origin.dialect) or _selected(origin)


def _selected(origin: Origin) -> str | None:
    """Why a query is refused that lets a secret come out of it, from where it would reach the account and the plan."""
    if parameters.hides_secrets(origin.spec):
        return _HIDDEN
    query = parameters.marked(origin.spec, origin.dialect)
    if query is None or not queries.selects(query, parameters.MARK, origin.dialect):
        return None
    return "the query selects a secret; what env() and file() give may only be compared with something"


def _unresolved(spec: Spec, name: str) -> Origin:
    """The source as written: what the environment holds is not known."""

    def place(path: str) -> Where | None:
        return spec.where(*path.split("."))

    source = spec.sources[name]
    return Origin(name, source, source.connect, Path(spec._folder), place, source.file, source.table)


def _origin(spec: Spec, name: str, environ: Mapping[str, str]) -> Origin:
    source, made = spec.sources[name], _unresolved(spec, name)
    if source.connect is not None:
        made = replace(made, connect=templates.resolve(source.connect, environ))
    if source.file is not None:
        made = replace(made, file=templates.resolve(source.file, environ))
    if source.query is not None:
        where = spec.where("sources", name, "query")
        if said := _selected(made):
            raise SpecInvalid([Problem(f"Source `{name}`: {said}", where, queries.SELECTED_HINT)])
        query = parameters.fill(source, environ, made.dialect, where)
        made = replace(made, query=query)
    return made


def _unknown(origin: Origin) -> str:
    if origin.file is not None:
        endings = ".csv, .tsv, .parquet, .jsonl or .ndjson"
        return f"cannot tell what {Path(origin.told_file).name} is: its name must end in {endings}"
    return "cannot tell which database `connect` means"
