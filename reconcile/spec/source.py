"""The nouns of a source: where its rows come from, and what must be true of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pydantic import Field, StrictBool, StrictInt

from reconcile.spec.part import Part, Scalar
from reconcile.spec.property import ValueType

WAYS = ("table", "query", "file", "dbt")
"""What a source reads: exactly one of these."""

DIALECTS = {
    "postgresql": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
    "impala": "hive",
    "singlestoredb": "singlestore",
}
"""How sqlglot calls the SQL of a connection's scheme, where its name is another one."""

_REF = re.compile(
    r"""^\s*ref\(\s*
    (?:(['"])(?P<package>[^'"]+)\1\s*,\s*)?
    (['"])(?P<name>[^'"]+)\3\s*
    (?:,\s*(?:v|version)\s*=\s*(['"]?)(?P<version>[^'",()\s]+)\5\s*)?
    \)\s*$""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class ModelReference:
    """What a `ref()` of dbt names; package and version are None where it does not say them."""

    package: str | None
    name: str
    version: str | None


class OnViolation(StrEnum):
    """What a plan does when a contract is violated."""

    STOP = "stop"
    HOLD_DELETES = "hold_deletes"


class ColumnType(StrEnum):
    """The type of a column of a file, which says none itself."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    STRING = "string"

    @property
    def value_type(self) -> ValueType:
        """The same as the type of a property."""
        return ValueType.FLOAT if self is ColumnType.NUMBER else ValueType(self.value)


class Contract(Part):
    """What must be true of a source's rows, so that a plan may take something away because of them."""

    min_rows: StrictInt | None = Field(default=None, ge=1)
    """The least number of rows."""
    max_age: Mapping[str, str] = Field(default_factory=dict)
    """Column to how long ago its newest time may be: `36 hours` (minutes, hours, days, weeks)."""
    unique: list[str] = Field(default_factory=list)
    """Columns of which no value is there twice; nulls do not count."""
    not_null: list[str] = Field(default_factory=list)
    """Columns that have a value in every row."""
    accepted_values: Mapping[str, list[Scalar]] = Field(default_factory=dict)
    """Column to all values that it may have; nulls do not count."""
    on_violation: OnViolation = OnViolation.HOLD_DELETES
    """`stop`: nothing is planned | `hold_deletes`: nobody leaves a list and nothing is deleted."""

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Every column that the contract is about, and where in it (the first time)."""
        found: dict[str, tuple[str, ...]] = {}
        for key in ("max_age", "unique", "not_null", "accepted_values"):
            for name in getattr(self, key):
                found.setdefault(name, (key, name))
        return found


_AGE = re.compile(r"(\d{1,5}) (minute|hour|day|week)s?")


def age(text: str) -> timedelta | None:
    """`36 hours` as a duration; None where the text is none."""
    found = _AGE.fullmatch(text.strip())
    return timedelta(**{f"{found[2]}s": int(found[1])}) if found else None


class SourceSpec(Part):
    """A table, query or file that yields rows with a key, see [sources.md](sources.md)."""

    connect: str | None = None
    """A database URL or path (`postgresql://…`, `mysql://…`, `sqlite:///shop.db`); may use `env()` and `file()`."""
    table: str | None = None
    """The table or view to read, `schema.table` where needed."""
    query: str | None = None
    """One SELECT to read instead of a table; values in `{{ … }}` are `parameters` and `env()`, written as literals."""
    parameters: Mapping[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    """Values for the query, by name; texts may use `env()` and `file()`."""
    file: str | None = None
    """CSV, Parquet or newline JSON files to read instead: a path from the spec's folder or a URL, with
    wildcards; may use `env()` and `file()`."""
    encoding: str | None = None
    """How the text of CSV files is written, where that is not UTF-8: `windows-1252`, `latin-1`, `utf-16`, ..."""
    columns: Mapping[str, ColumnType] = Field(default_factory=dict)
    """Column of files to its type, as a CSV has none: `integer`, `number`, `boolean`, `date`, `datetime`, `string`."""
    dbt: str | None = None
    """A model of dbt to read instead, `ref('name')` or `ref('name', v=2)`: the table that it is built as."""
    manifest: str = "target/manifest.json"
    """dbt's manifest, from the spec's folder."""
    key: str
    """The column that identifies a row's person."""
    many: StrictBool = False
    """A person may have many rows here: properties say with `aggregate` what they come to."""
    contract: Contract | None = None
    """What must be true of the rows."""

    @property
    def model(self) -> ModelReference | None:
        """The model of dbt that is named; None where `dbt` is no `ref('model')`."""
        found = _REF.match(self.dbt or "")
        return ModelReference(found["package"], found["name"], found["version"]) if found else None

    @property
    def is_untyped(self) -> bool:
        """Whether it is a CSV or TSV, which says no types, as far as its name tells."""
        return self._name.endswith((".csv", ".tsv"))

    @property
    def is_typed_by_row(self) -> bool:
        """Whether it is newline JSON, of which each row says what its values are, as far as its name tells."""
        return self._name.endswith((".jsonl", ".ndjson"))

    @property
    def _name(self) -> str:
        return (self.file or "").partition("?")[0].lower().removesuffix(".gz").removesuffix(".zst")

    @property
    def ways(self) -> list[str]:
        """Those of `WAYS` that are given."""
        return [way for way in WAYS if getattr(self, way) is not None]
