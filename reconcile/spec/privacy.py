"""What leaves the house, on all ways that there are, and what of it is `private` or `pii`.

A secret is a column, not a property: the same column read by another property, by another name of its source, by a
query of the same database, or as the key that sources are joined on, is the same secret.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from reconcile.errors import Problem
from reconcile.spec import aggregates, lineage, links
from reconcile.spec.model import Path, Spec
from reconcile.spec.places import Places
from reconcile.spec.property import BARE, Aggregate, Property
from reconcile.spec.source import SourceSpec

_COUNTS = BARE | {Aggregate.COUNT_DISTINCT}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source, whichever name of it the spec uses."""

    source: str
    name: str

    def __str__(self) -> str:
        return f"column {self.name} of {self.source}"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table of a database, whichever source reads it."""

    connect: str | None
    table: str
    name: str

    def is_same(self, other: TableColumn) -> bool:
        """Whether both may be one: a name without its schema may be that of any schema."""
        mine, its = (tuple(reversed(one.table.split("."))) for one in (self, other))
        return (self.connect, self.name) == (other.connect, other.name) and all(
            one == another for one, another in zip(mine, its, strict=False)
        )


@dataclass(frozen=True, slots=True)
class Exit:
    """A way out of the house.

    Args:
        path: where the spec says it.
        told: it in words.
        sent: what goes out, a property by its id or a column as it is.
        hint: what to do where that is private.
    """

    path: Path
    told: str
    sent: str | Column
    hint: str


def find_exits(spec: Spec) -> Iterator[Exit]:
    """Everything that Sailthru is told of a person, but which lists they are on, which may follow from anything."""
    profiles, columns = spec.profiles, _Columns(spec)
    for name, var in spec.vars.items():
        hint = "A private property may be used in groups only."
        yield Exit(("vars", name), f'var "{name}"', var.property, hint)
    hint = "The address is the key at Sailthru and always sent: say pii: true, or read another column."
    yield Exit(("profiles", "email"), "profiles.email", columns.find(profiles.email, profiles.from_), hint)
    if profiles.identity is not None:
        told = f'profiles.identity.var "{profiles.identity.var}"'
        hint = "The identity is sent: take another column as the id, or leave identity out."
        yield Exit(("profiles", "identity", "var"), told, columns.key, hint)


def find_leaks(spec: Spec, places: Places) -> Iterator[Problem]:
    """Every way on which something private would leave the house."""
    private = {name for name, prop in spec.properties.items() if prop.private}
    graph, columns = _find_flows(spec, private), _Columns(spec)
    hidden = _find_hidden(spec, private, columns)
    for way in find_exits(spec):
        if isinstance(way.sent, Column):
            owner = next((hidden[one] for one in columns.find_same(way.sent, hidden)), None)
            steps = [str(way.sent), f"property {owner}"] if owner else None
        else:
            found = links.find_way(graph, way.sent, private)
            steps = [f"property {found[0]}", *found[1:]] if found else None
        if steps is not None:
            yield Problem(f"{' <- '.join((way.told, *steps))} (private)", places.value(*way.path), way.hint)


def find_pii_vars(spec: Spec) -> frozenset[str]:
    """The vars whose values are to be masked: those that a `pii` property reaches, through others or by its column."""
    marked = {name for name, prop in spec.properties.items() if prop.pii}
    reached, hidden = _find_reached(spec, marked), _find_hidden(spec, marked, _Columns(spec))
    found = {name for name, var in spec.vars.items() if var.property in reached}
    identity = spec.profiles.identity
    columns = _Columns(spec)
    if identity is not None and columns.find_same(columns.key, hidden):
        found.add(identity.var)
    return frozenset(found)


def find_pii(spec: Spec) -> frozenset[str]:
    """The properties whose values are to be masked: the marked ones, and those that these reach."""
    return _find_reached(spec, {name for name, prop in spec.properties.items() if prop.pii})


def find_private(spec: Spec) -> frozenset[str]:
    """The properties whose values must not leave the house: the marked ones, and those that these reach."""
    return _find_reached(spec, {name for name, prop in spec.properties.items() if prop.private})


def _find_reached(spec: Spec, marked: Collection[str]) -> frozenset[str]:
    graph = _find_flows(spec, marked)
    return frozenset(name for name in spec.properties if links.find_way(graph, name, marked) is not None)


def _find_flows(spec: Spec, marked: Collection[str]) -> links.Links:
    """What each property is made of, and the marked ones whose column it reads: a value by another name."""
    columns = _Columns(spec)
    hidden = _find_hidden(spec, marked, columns)
    found = {}
    for name, made_of in links.links(spec).items():
        read = () if name in marked else columns.read_by(spec.properties[name])
        same = (hidden[one] for column in read for one in columns.find_same(column, hidden))
        found[name] = (*made_of, *sorted(set(same)))
    return found


def _find_hidden(spec: Spec, marked: Collection[str], columns: _Columns) -> dict[Column | TableColumn, str]:
    """The columns that marked properties have their values from, those of a query as the tables have them too."""
    owned = ((columns.of_property(spec.properties[name]), name) for name in sorted(marked))
    return {one: name for column, name in owned if column is not None for one in columns.find_plain(column)}


class _Columns:
    """Tells which columns are one and the same."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        first: dict[object, str] = {}
        self._first = {name: first.setdefault(_identify(name, one), name) for name, one in spec.sources.items()}
        self._connects = list(dict.fromkeys(one.connect for one in spec.sources.values()))
        home = spec.sources.get(spec.profiles.from_)
        self.key = self._plain(spec.profiles.id or (home.key if home else ""), spec.profiles.from_)
        """The id of a person, which all sources are joined on."""

    def find(self, name: str, source: str | None) -> Column:
        """A column by its name in a source, that of profiles when None."""
        source = source or self.spec.profiles.from_
        # The key of another source holds what the id of the person it belongs to is: rows are joined where they match.
        if source != self.spec.profiles.from_ and self._is_key(name, source):
            return self.key
        return self._plain(name, source)

    def _is_key(self, name: str | None, source: str | None) -> bool:
        known = self.spec.sources.get(source or self.spec.profiles.from_)
        return known is not None and name is not None and name.casefold() == known.key.casefold()

    def of_property(self, prop: Property) -> Column | None:
        """The column whose values a property has; None where it has none of its own."""
        if prop.column is None and prop.aggregate is None:
            return None
        # The key is there once in every row: how many of it there are says nothing of it.
        counts = prop.aggregate in _COUNTS and self._is_key(prop.column, prop.source)
        return self.find(aggregates.ROWS if counts or prop.column is None else prop.column, prop.source)

    def read_by(self, prop: Property) -> list[Column]:
        """The columns that a property tells of. A filter only tells whether rows fit, as a group's rule does."""
        own = self.of_property(prop)
        return [*([own] if own else []), *([self.find(prop.by, prop.source)] if prop.by else [])]

    def find_plain(self, column: Column) -> list[Column | TableColumn]:
        """A column, and that of a table which it is, under whichever name."""
        return [column, *(one for one, plain in self._find_tables(column) if plain)]

    def find_same(self, column: Column, hidden: Mapping[Column | TableColumn, str]) -> list[Column | TableColumn]:
        """Those of these columns that a column is, or has its values from."""
        if not hidden:
            return []
        tables = [one for one, _ in self._find_tables(column)]
        return [
            one
            for one in hidden
            if (any(one.is_same(other) for other in tables) if isinstance(one, TableColumn) else one == column)
        ]

    def _find_tables(self, column: Column) -> list[tuple[TableColumn, bool]]:
        """The columns of tables that a column has its values from, and whether it is just that."""
        source = self.spec.sources.get(column.source)
        if source is None:
            return []
        database = _name_database(source)
        match source.ways:
            case ["table"]:
                return [(TableColumn(database, str(source.table).casefold(), column.name), True)]
            case ["query"] if column.name != aggregates.ROWS:
                origins = lineage.find_origins(source, column.name)
                return [(TableColumn(database, one.table, one.column), one.plain) for one in origins]
        return []

    def _plain(self, name: str, source: str) -> Column:
        # Databases differ on whether case tells columns apart; a secret does not.
        return Column(self._first.get(source, source), name.casefold())


def _identify(name: str, source: SourceSpec) -> object:
    """What a source reads: two that read the same have the same columns."""
    match source.ways:
        case ["table"]:
            return "table", _name_database(source), str(source.table).casefold()
        case ["file"]:
            file = str(source.file)
            return "file", file if "://" in file else posixpath.normpath(file)
        case ["dbt"]:
            return "dbt", _name_database(source), source.manifest, source.model or source.dbt
        case ["query"]:
            return "query", _name_database(source), source.query, json.dumps(dict(source.parameters), sort_keys=True)
    return name


def _name_database(source: SourceSpec) -> str | None:
    """The connection, written in one way where it is a file: with or without a scheme, `./shop.db` or `shop.db`."""
    connect = source.connect
    if connect is None or "{{" in connect:
        return connect
    path = connect.removeprefix("sqlite:///").removeprefix("duckdb:///")
    return connect if "://" in path else posixpath.normpath(path)
