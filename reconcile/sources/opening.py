"""From the sources of a spec to what can be read, and what can be said against them before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from reconcile.errors import Problem, Where
from reconcile.sources import queries
from reconcile.sources.origin import Origin
from reconcile.spec import templates
from reconcile.spec.model import SourceSpec, Spec
from reconcile.state.model import Batches, Demand

KINDS = (
    "sqlite:///shop.db, duckdb:///shop.duckdb, postgresql://user@host/shop, or a path to a .sqlite, .db or .duckdb file"
)


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

    def read(self, demand: Demand) -> AbstractContextManager[Batches]:
        """Open the rows as a stream of Arrow batches; errors as `state.model.Source.read` says."""
        return _reader_of(self.origin)(self.origin, demand)


def open_all(spec: Spec, environ: Mapping[str, str]) -> dict[str, OpenSource]:
    """All sources of a spec by id, `env()` references resolved. Connects to nothing.

    Raises:
        CredentialsRefused: a variable that a `connect` refers to is not set.
    """
    return {name: OpenSource(_origin(spec, name, environ)) for name in spec.sources}


def check(spec: Spec) -> tuple[Problem, ...]:
    """What is wrong with the sources as written, without connecting and without the environment."""
    return tuple(
        Problem(f"Source `{name}`: {said}", spec.where("sources", name, key), hint)
        for name, source in spec.sources.items()
        for key, said, hint in _complaints(source)
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
        case "csv" | "parquet":
            from reconcile.sources import files

            return files.read
        case None:
            hint = f"Write {KINDS}." if origin.spec.file is None else None
            raise origin.failed(_unknown(origin.spec), hint=hint)
        case other:
            assert_never(other)


def _complaints(source: SourceSpec) -> Iterator[tuple[str, str, str | None]]:
    ways = [way for way in ("table", "query", "file") if getattr(source, way) is not None]
    if len(ways) != 1:
        found = " and ".join(ways) or "none"
        yield ways[-1] if ways else "", f"needs exactly one of table, query, file; found {found}", None
    if source.file is None and source.connect is None:
        yield "", "needs `connect`, the database to read from", f"Write {KINDS}."
    if source.query is not None and (refused := queries.refused(source.query, None)):
        yield "query", refused, queries.HINT


def _origin(spec: Spec, name: str, environ: Mapping[str, str]) -> Origin:
    def place(path: str) -> Where | None:
        return spec.where(*path.split("."))

    source = spec.sources[name]
    connect = None if source.connect is None else templates.resolve(source.connect, environ)
    return Origin(name, source, connect, Path(spec._folder), place)


def _unknown(source: SourceSpec) -> str:
    if source.file is not None:
        return f"cannot tell what {Path(source.file).name} is: its name must end in .csv, .tsv or .parquet"
    return "cannot tell which database `connect` means"
