"""What a database or a file holds: its tables, and of one table the columns and what a few of its rows tell of them.

All is read through the readers of sources, by queries as a spec may hold them: no engine has code of its own here.
Values stay here. What is told of them is how many look like an address, and whether any is missing or there twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from reconcile.errors import SourceUnavailable
from reconcile.sources import columns, delimited
from reconcile.sources.columns import Decimal, Kind, looks_like_data
from reconcile.sources.opening import OpenSource
from reconcile.sources.origin import Origin
from reconcile.spec import naming
from reconcile.spec.source import SourceSpec
from reconcile.state.model import Demand

ROWS: Final = 200
"""How many rows of a table are looked at."""

_ADDRESS: Final = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_MOST: Final = 0.5
"""Of a column's values, how many must look like an address for the column to be taken for one of addresses."""

_SQLITE: Final = (
    "SELECT NULL AS s, name AS n FROM sqlite_master WHERE type IN ('table', 'view')"
    " AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
)
_CATALOG: Final = (
    "SELECT CASE WHEN table_schema = {here} THEN NULL ELSE table_schema END AS s, table_name AS n"
    " FROM information_schema.tables"
    " WHERE lower(table_schema) NOT IN ('information_schema', 'pg_catalog', 'mysql', 'performance_schema', 'sys')"
    " ORDER BY table_schema, table_name"
)
_HERE: Final = {"duckdb": "current_schema()", "postgres": "current_schema()", "mysql": "database()"}
"""How a database calls the schema whose tables need no schema before their name; elsewhere it is always written."""


_PEOPLE: Final = ("customer", "user", "member", "subscriber", "contact", "client", "person", "people", "profile")
"""What tables of people are called, in the singular or the plural; the likeliest first."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what the sample says of it.

    Args:
        addresses: which share (0 to 1) of its values look like e-mail addresses.
        identifies: whether each row has a value, and none is there twice.
    """

    name: str
    kind: Kind
    addresses: float
    identifies: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view or file. `name` is as a spec writes it, None for a file; `rows` is how many were looked at.

    Args:
        untyped: whether it says no types itself: the kinds of its columns are then what all of their values look like.
    """

    name: str | None
    columns: tuple[Column, ...]
    rows: int
    untyped: bool = False

    @property
    def kinds(self) -> dict[str, str]:
        """Column -> its kind in a word; what is a number in any way is `number`."""
        numbers = ("number", "single")
        return {
            one.name: "number" if isinstance(one.kind, Decimal) or one.kind in numbers else one.kind
            for one in self.columns
        }

    @property
    def emails(self) -> tuple[str, ...]:
        """Columns that may hold the e-mail addresses, the likeliest first; by name alone where there are no rows."""
        found = [one for one in self.columns if one.addresses >= _MOST]
        if not found and not self.rows:
            found = [one for one in self.columns if _called_mail(one) and one.kind == "text"]
        return tuple(one.name for one in sorted(found, key=lambda one: not _called_mail(one)))

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that may say whose row it is: `id` or `<table>_id`, else what is called so, else all that could."""
        able = [one for one in self.columns if one.identifies and _may_be_key(one.kind)]
        able = [one for one in able if one.addresses < _MOST]
        table = naming.alike((self.name or "").rpartition(".")[2])
        own = {"id", f"{table}id", f"{table.removesuffix('s')}id"}
        tiers = (
            [one.name for one in able if naming.alike(one.name) in own],
            [one.name for one in able if naming.alike(one.name).endswith(("id", "key", "uuid"))],
            [one.name for one in able],
        )
        return tuple(next((tier for tier in tiers if tier), ()))


@dataclass(frozen=True, slots=True)
class Place:
    """A database or a file to look into.

    Args:
        connect: a URL or path of a database, or of a file; may hold a password, so it is never shown.
        folder: what relative paths start at.
    """

    connect: str = field(repr=False)
    folder: Path

    @property
    def is_file(self) -> bool:
        """Whether it is a CSV, Parquet or newline JSON file: its own and only table."""
        return self._origin("file").file is not None

    def tables(self) -> tuple[str, ...]:
        """The tables and views of a database, as a spec writes them, by schema and name.

        Raises:
            SourceUnavailable: it cannot be reached, or does not say.
        """
        origin = self._origin("database")
        query = _SQLITE if origin.engine == "sqlite" else _CATALOG.format(here=_HERE.get(origin.dialect or "", "NULL"))
        try:
            found = _read(replace(origin, query=query), most=None)
        except SourceUnavailable as error:
            hint = "A database that does not list its tables can be told one: --table schema.table."
            raise SourceUnavailable(error.message, hint=error.hint or hint) from None
        pairs = zip(found["s"].to_pylist(), found["n"].to_pylist(), strict=True)
        return tuple(f"{schema}.{name}" if schema else name for schema, name in pairs)

    def look(self, table: str | None) -> Table:
        """A table's columns, and what its first rows say of them.

        Args:
            table: as `tables` calls it; None for a file.

        Raises:
            SourceUnavailable: there is no such table, or it cannot be read.
        """
        origin = self._origin(table or "file")
        if table is not None:
            origin = replace(origin, query=_few(origin, table)) if origin.engine == "remote" else _of(origin, table)
        rows = _read(origin, most=ROWS)
        found = tuple(_columns(rows))
        if origin.engine == "csv" and looks_like_data([one.name for one in found]):
            raise delimited.headless(origin, origin.shown_file)
        if origin.engine == "csv":
            kinds = _said(origin)
            found = tuple(replace(one, kind=kinds[one.name]) for one in found)
        return Table(table, found, rows.num_rows, untyped=origin.engine == "csv")

    def _origin(self, name: str) -> Origin:
        origin = Origin(name, SourceSpec(key="-"), self.connect, self.folder, lambda _: None)
        as_file = replace(origin, connect=None, file=self.connect)
        return as_file if origin.engine is None and as_file.engine is not None else origin


def _of(origin: Origin, table: str) -> Origin:
    """The table itself: these engines stream, and a read that is left after a few rows has cost a few rows."""
    return replace(origin, table=table)


def _few(origin: Origin, table: str) -> str:
    """A few rows, where how much a driver takes at once is its own affair."""
    from sqlglot import exp

    return exp.select("*").from_(exp.to_table(table, dialect=origin.dialect)).limit(ROWS).sql(origin.dialect)


def _read(origin: Origin, *, most: int | None) -> Any:
    """An Arrow table of the rows, or of the first so many of them."""
    import pyarrow as pa

    with OpenSource(origin).read(Demand(())) as batches:
        taken: list[Any] = []
        for batch in batches:
            taken.append(batch)
            if most is not None and sum(one.num_rows for one in taken) >= most:
                break
        whole = pa.Table.from_batches(taken, batches.schema)
    return whole if most is None else whole.slice(0, most)


def _columns(rows: Any) -> Iterator[Column]:
    import pyarrow.compute as pc

    for name in rows.column_names:
        values = rows[name]
        kind = columns.kind_of_arrow(values.type)
        some = len(values) - values.null_count
        like = pc.sum(pc.match_substring_regex(values, _ADDRESS)).as_py() if kind == "text" and some else 0
        alone = values.null_count == 0 and pc.count_distinct(values).as_py() == len(values)
        yield Column(name, kind, (like or 0) / max(some, 1), alone)


_DATE: Final = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_KINDS: Final[Mapping[Kind, str]] = {
    "integer": r"^-?(0|[1-9][0-9]{0,17})$",
    "number": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?$",
    "boolean": "^(true|false|TRUE|FALSE|True|False)$",
    "date": f"^{_DATE}$",
    "timestamp": rf"^{_DATE}[T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,9}})?)?(Z|[+-][0-9]{{2}}:[0-9]{{2}})?$",
}
"""What all values of a CSV's column look like that may be read as more than text: nothing of them is lost by it."""


def _said(origin: Origin) -> dict[str, Kind]:
    """What the columns of a CSV hold, by all of their values."""
    import pyarrow.compute as pc

    with OpenSource(origin).read(Demand(())) as batches:
        able = {name: list(_KINDS) for name in batches.schema.names}
        filled: set[str] = set()
        for batch in batches:
            for name, kinds in able.items():
                values = batch.column(name).drop_null()
                if len(values):
                    filled.add(name)
                    able[name] = [
                        kind for kind in kinds if pc.all(pc.match_substring_regex(values, _KINDS[kind])).as_py()
                    ]
    return {name: kinds[0] if kinds and name in filled else "text" for name, kinds in able.items()}


def _may_be_key(kind: Kind) -> bool:
    return kind.places == 0 if isinstance(kind, Decimal) else kind in {"integer", "text"}


def _called_mail(column: Column) -> bool:
    return "mail" in naming.alike(column.name)


def of_people(tables: Sequence[str]) -> tuple[str, ...]:
    """Those of the tables that are called as tables of people are, the likeliest first."""
    names = {table: naming.alike(table.rpartition(".")[2]).removesuffix("s") for table in tables}
    return tuple(sorted((one for one in tables if names[one] in _PEOPLE), key=lambda one: _PEOPLE.index(names[one])))
