"""DuckDB and PostgreSQL through Ibis; the embedded DuckDB that files are read with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from reconcile.sources import columns, duckdb_types, queries, streams
from reconcile.sources.columns import Kind
from reconcile.sources.origin import Origin
from reconcile.state.model import MISFIT, Batches, Demand, Loan


def embedded(loan: Loan | None) -> Any:
    """A DuckDB of our own, in memory, to read files with; all times in UTC."""
    import ibis

    return _in_utc(ibis.duckdb.connect(**_within(loan)))


def read_duckdb(origin: Origin, demand: Demand) -> AbstractContextManager[Batches]:
    """The rows of a table or query of a DuckDB file."""
    with streams.told(origin):
        database = _opened(origin, demand.loan)
        try:
            return streamed(origin, demand, database, _duckdb_rows(origin, database))
        except BaseException:
            database.disconnect()
            raise


def streamed(origin: Origin, demand: Demand, database: Any, rows: Any) -> AbstractContextManager[Batches]:
    """The demanded columns of a DuckDB table expression, typed, in batches."""
    names = columns.wanted(origin, demand, [name for name in rows.columns if not name.startswith(MISFIT)])
    kinds, typed, flags = duckdb_types.typed(rows, names)
    streams.note_mixed(origin, kinds)
    wanted = typed.select(*names, *(f"{MISFIT}{name}" for name in flags))
    # Not Ibis's own `to_pyarrow_batches`: it calls DuckDB by a name that DuckDB 1.5 warns of.
    stream = database.raw_sql(database.compile(wanted)).to_arrow_reader(streams.ROWS)
    batches = streams.counted(origin, demand, names, stream)
    return streams.reader(origin, streams.schema_of(kinds, demand), batches, database.disconnect)


def projected(origin: Origin, demand: Demand, rows: Any) -> tuple[Mapping[str, Kind], Any]:
    """The demanded columns' kinds, and the rows with only these columns, cast by the database itself."""
    schema = rows.schema()
    kinds = {name: columns.kind_of(schema[name]) for name in columns.wanted(origin, demand, rows.columns)}
    return kinds, rows.select(**{name: rows[name].cast(columns.ibis_type(kind)) for name, kind in kinds.items()})


def select(origin: Origin, dialect: str, tables: Mapping[str, str]) -> str:
    """The SELECT to read: the query, checked; or all of the table.

    Args:
        origin: the source.
        dialect: sqlglot's name of the database's SQL.
        tables: names of tables as a spec may write them, each as SQL writes it.
    """
    if origin.query is not None:
        return checked(origin, dialect)
    table = origin.table or ""
    if table not in tables:
        guess = columns.meant(table, tuple(tables))
        raise origin.failed(f"there is no table `{table}`" + (f"; {guess}" if guess else ""), hint=queries.TABLE_HINT)
    return f"SELECT * FROM {tables[table]}"  # noqa: S608 -- quoted, and known to exist


def checked(origin: Origin, dialect: str) -> str:
    """The source's query, known to be one SELECT, so that it can stand in parentheses."""
    query = origin.query or ""
    if refused := queries.refused(query, dialect):
        raise origin.failed(refused, hint=queries.HINT)
    return queries.close_comment(query, dialect)


def spellings(found: Iterable[tuple[str, str]], default: str, dialect: str = "postgres") -> dict[str, str]:
    """The tables of a database, `(schema, name)`, by every name a spec may give them."""
    tables: dict[str, str] = {}
    for schema, name in found:
        written = f"{quoted(schema, dialect)}.{quoted(name, dialect)}"
        tables[f"{schema}.{name}"] = written
        if schema == default:
            tables[name] = written
    return tables


def _opened(origin: Origin, loan: Loan | None) -> Any:
    import ibis

    path = origin.database_file
    if not path.is_file():
        raise origin.failed(f"there is no database file {path}", hint="Check the path in `connect`.")
    return _in_utc(ibis.duckdb.connect(path, read_only=True, **_within(loan)))


def _within(loan: Loan | None) -> dict[str, Any]:
    """The settings of a DuckDB that takes no more than it may, and leaves nobody's rows beside the file it reads."""
    if loan is None:
        return {}
    return {"memory_limit": f"{loan.memory}B", "threads": loan.threads, "temp_directory": str(loan.folder)}


def _in_utc(database: Any) -> Any:
    database.raw_sql("SET TimeZone = 'UTC'")
    return database


def _duckdb_rows(origin: Origin, database: Any) -> Any:
    asked = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database()"
    duckdb_types.prepare(database)
    return duckdb_types.known(database, select(origin, "duckdb", spellings(database.raw_sql(asked).fetchall(), "main")))


def quoted(name: str, dialect: str = "postgres") -> str:
    """A name as a database's SQL writes it, standard SQL unless said otherwise."""
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True).sql(dialect)
