"""Where a source's rows come from: the connection, the folder relative paths start at, and how its errors read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import unquote

from reconcile.errors import SourceUnavailable, Where
from reconcile.spec import templates, urls
from reconcile.spec.source import DIALECTS, SourceSpec

Engine: TypeAlias = Literal["sqlite", "duckdb", "postgres", "mysql", "remote", "csv", "parquet", "json"]

REMOTE = ("athena", "bigquery", "clickhouse", "databricks", "exasol", "impala", "materialize", "mssql", "oracle",
          "risingwave", "singlestoredb", "snowflake", "trino")  # fmt: skip
"""Databases that are read through Ibis: the schemes of their URLs, each also the name of the extra."""

_FILES: dict[str, Engine] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "json",
    ".ndjson": "json",
}
_DATABASES: dict[str, Engine] = {".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite", ".duckdb": "duckdb"}
_SCHEMES: dict[str, Engine] = {
    "sqlite": "sqlite",
    "duckdb": "duckdb",
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    **dict.fromkeys(REMOTE, "remote"),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """One source of a spec, its references resolved.

    Args:
        name: the id in the spec.
        spec: the source as written.
        file, table, query: what to read, references and parameters filled in; never more than one of them.
        connect: its URL or path with `env()` resolved; may hold a password, so it is never shown.
        folder: what relative paths start at: the spec's folder.
        place: where in the spec a dotted path such as `properties.city.column` stands.
        misfits: column -> values that did not fit its type and were read as null.
        mixed: columns of texts among which are JSON values, led by `values.FOREIGN`.
    """

    name: str
    spec: SourceSpec = field(repr=False)
    connect: str | None = field(repr=False)
    folder: Path
    place: Callable[[str], Where | None] = field(repr=False)
    file: str | None = field(default=None, repr=False)
    table: str | None = None
    query: str | None = field(default=None, repr=False)
    misfits: Counter[str] = field(default_factory=Counter)
    mixed: set[str] = field(default_factory=set)

    @property
    def engine(self) -> Engine | None:
        """What reads this source, None where neither the URL nor the file's ending tells."""
        if self.file is not None:
            return _by_ending(self.shown_file.removesuffix(".gz").removesuffix(".zst"), _FILES)
        if self.scheme:
            return _SCHEMES.get(self.scheme)
        return _by_ending(self.connect or "", _DATABASES)

    @property
    def shown_file(self) -> str:
        """The file without what follows a question mark in a URL: it may be a signature."""
        return (self.file or "").partition("?")[0] if "://" in (self.file or "") else self.file or ""

    @property
    def told_file(self) -> str:
        """The file for people: as the spec writes it, where that refers to a secret."""
        return self.spec.file if self.spec.file and templates.has_marks(self.spec.file) else self.shown_file

    @property
    def scheme(self) -> str:
        """What stands before `://` in the connection, or the empty string."""
        scheme, colon, _ = (self.connect or "").partition("://")
        return scheme if colon else ""

    @property
    def dialect(self) -> str | None:
        """The SQL that a query is in, as sqlglot names it; None where it cannot be told."""
        match self.engine:
            case "remote":
                return DIALECTS.get(self.scheme, self.scheme)
            case "sqlite" | "duckdb" | "postgres" | "mysql" as engine:
                return engine
            case _:
                return None

    @property
    def database_file(self) -> Path:
        """The file of an embedded database, absolute.

        A relative one is looked for from the spec's folder, and then from the working directory, which is what
        somebody means who writes `export SHOP_DATABASE_URL=sqlite:///shop.db` in a shell.
        """
        connect = self.connect or ""
        scheme, colon, rest = connect.partition(":///")
        path = unquote(rest) if colon and scheme in _SCHEMES else connect
        beside_spec = self.path(path)
        return beside_spec if beside_spec.exists() else Path(path).expanduser().resolve()

    def path(self, text: str) -> Path:
        """A path of the spec, from the spec's folder."""
        return (self.folder / Path(text).expanduser()).resolve()

    def failed(self, reason: str, *, hint: str | None = None) -> SourceUnavailable:
        """The error that says why this source cannot be read: the source, its place in the spec, the reason."""
        where = self.place(f"sources.{self.name}")
        place = f" ({where})" if where else ""
        return SourceUnavailable(f"Source `{self.name}`{place}: {self.without_secrets(reason)}", hint=hint)

    def raise_if_odd(self) -> None:
        """Make sure that a driver is given no URL that it may read otherwise, and quote a part of the password of.

        Raises:
            SourceUnavailable: it cannot be told where the password ends; nothing of it is shown.
        """
        if urls.is_odd(self.connect or ""):
            raise self.failed("the URL that `connect` refers to cannot be read", hint=urls.PASSWORD_HINT)

    def without_secrets(self, text: str) -> str:
        """The text with the connection's URL and password taken out."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> set[str]:
        signature = (self.file or "")[len(self.shown_file) :]
        found = {signature, self.connect or ""} if self.scheme else {signature}
        for url in (self.connect or "", self.file or ""):
            if "://" in url:
                found |= urls.find_secrets(url)
        if self.file and self.spec.file and templates.has_marks(self.spec.file):
            found |= {self.file, str(self.path(self.file))}
        return {secret for raw in found for secret in (raw, unquote(raw)) if secret}


def _by_ending(path: str, endings: dict[str, Engine]) -> Engine | None:
    return endings.get(Path(path).suffix.lower())
