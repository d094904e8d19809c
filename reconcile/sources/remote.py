"""Databases that Ibis reaches, each behind its extra; none of them has a way of its own here.

Ibis builds the query and casts in the database. Rows come in batches as its driver yields them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from reconcile.sources import columns, databases, queries, streams
from reconcile.sources.origin import Origin
from reconcile.spec import urls
from reconcile.state.model import Batches, Demand


def read(origin: Origin, demand: Demand) -> AbstractContextManager[Batches]:
    """The rows of a table or query of a database that Ibis reaches."""
    with streams.told(origin):
        database = _connected(origin)
        try:
            kinds, typed = databases.projected(origin, demand, _rows(origin, database))
            batches = database.to_pyarrow_batches(typed, chunk_size=streams.ROWS)
            return streams.reader(origin, columns.arrow_schema(kinds), batches, database.disconnect)
        except BaseException:
            database.disconnect()
            raise


def _connected(origin: Origin) -> Any:
    import ibis

    scheme = origin.scheme
    try:
        return ibis.connect(origin.connect)
    except ValueError:  # quotes what it takes for a port or a host
        raise origin.failed("the URL that `connect` refers to cannot be read", hint=urls.PASSWORD_HINT) from None
    except ImportError:
        told = f"the driver for {scheme} is not installed"
        raise origin.failed(told, hint=f"Install it with: pip install 'sailthru-reconcile[{scheme}]'") from None


def _rows(origin: Origin, database: Any) -> Any:
    if origin.query is not None:
        return database.sql(databases.checked(origin, origin.dialect or ""))
    *schema, name = (origin.table or "").split(".")
    from ibis.common.exceptions import TableNotFound

    try:
        return database.table(name, database=".".join(schema) or None)
    except TableNotFound:
        raise origin.failed(f"there is no table `{origin.table}`", hint=queries.TABLE_HINT) from None
