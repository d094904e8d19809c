"""The nouns of a source: where its rows come from, and what must be true of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field, StrictBool

from reconcile.spec.part import Part, Scalar

WAYS = ("table", "query", "file", "dbt")
"""What a source reads: exactly one of these."""

_REF = re.compile(r"""^\s*ref\(\s*(?:(['"])(?P<package>[^'"]+)\1\s*,\s*)?(['"])(?P<name>[^'"]+)\3\s*\)\s*$""")


class SourceSpec(Part):
    """A table, query or file that yields rows with a key, see [sources.md](sources.md)."""

    connect: str | None = None
    """A database URL or path (`postgresql://…`, `mysql://…`, `sqlite:///shop.db`); may use `env()`."""
    table: str | None = None
    """The table or view to read, `schema.table` where needed."""
    query: str | None = None
    """One SELECT to read instead of a table; values in `{{ … }}` are `parameters` and `env()`, written as literals."""
    parameters: Mapping[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    """Values for the query, by name; texts may use `env()`."""
    file: str | None = None
    """CSV, Parquet or newline JSON files to read instead: a path from the spec's folder or a URL, with
    wildcards; may use `env()`."""
    dbt: str | None = None
    """A model of dbt to read instead, `ref('name')`: the table that it is built as."""
    manifest: str = "target/manifest.json"
    """dbt's manifest, from the spec's folder."""
    key: str
    """The column that identifies a row's person."""
    many: StrictBool = False
    """A person may have many rows here; only aggregates can use them."""

    @property
    def model(self) -> tuple[str | None, str] | None:
        """Package (None where not said) and name of the model of dbt; None where `dbt` is no `ref('model')`."""
        found = _REF.match(self.dbt or "")
        return (found["package"], found["name"]) if found else None

    @property
    def ways(self) -> list[str]:
        """Those of `WAYS` that are given."""
        return [way for way in WAYS if getattr(self, way) is not None]
