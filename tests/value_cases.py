"""Cases of values as data: what a source holds, and what the account must hold after an apply, or how it is refused.

The form is that of the files in `tests/cases/values`, each `{"about": ..., "cases": [...]}`. There are two kinds.

* Cells: `source` (csv, ndjson, parquet, sqlite, duckdb, pg, my), `declared type of the column`, `properties`,
  `groups`, `vars`, and either `cells of a, b, c, d (ids 1 to 4)` or `rows of a and b in a second source`
  (`{"a": [...]}`). The people are `a@example.com` and so on, in a source of their own; the cells are in the source
  `t`, or `m` with many rows a person. A cell is the text of a CSV, the JSON of an NDJSON, a literal of SQL, or a value
  for the others. `source options` are further keys of the source.
* Files: `files` (name -> text, or how it is made, see `_write`), `sql` (`pg`, `my` -> statements) and `spec`: the
  parts of one. `spec` may be left out where the only file is the source of people.

`right` lists what must hold: `[var, address, name, value]` (a value or `{"any of": [...]}`), `[on, list, addresses]`,
`[told, name]` (the plan counts values of it that were not taken), `[there, address]` and `[gone, address]`.
`refused, naming` lists patterns that the error must have, `or refused, naming` allows one instead.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
from world import WIDE, Time

import reconcile as rc
from reconcile.errors import ReconcileError, SpecInvalid
from reconcile.simulator import Simulator

CELLS = "cells of a, b, c, d (ids 1 to 4)"
MANY = "rows of a and b in a second source"
DECLARED = "declared type of the column"
REFUSED, MAY_REFUSE = "refused, naming", "or refused, naming"

Case: TypeAlias = Mapping[str, Any]
Server: TypeAlias = Callable[[str], str]
"""The URL of the running server, `pg` or `my`."""


def load(path: Path) -> list[Case]:
    """The cases of a file."""
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"])


@dataclass
class Run:
    """What a case came to."""

    people: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    lists: dict[str, set[str]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    refused: str | None = None


def check(case: Case, folder: Path, server: Server) -> None:
    """Make the sources, plan, apply, plan again (which must find nothing), and compare with what is right."""
    run = _run(case, folder, server)
    if run.refused is not None:
        patterns = case.get(REFUSED) or case.get(MAY_REFUSE)
        assert patterns, f"refused: {run.refused}"
        missing = [one for one in patterns if not re.search(one, run.refused)]
        assert not missing, f"the error does not say {missing}: {run.refused}"
        return
    assert REFUSED not in case, f"was not refused; the account holds {run.people}"
    wrong = [said for one in case["right"] if (said := _wrong(run, *one))]
    assert not wrong, "; ".join(wrong)


def _wrong(run: Run, what: str, *rest: Any) -> str | None:
    match what, rest:
        case "var", (address, name, right):
            if address not in run.people:
                return f"{address} is not there"
            found = run.people[address].get(name)
            allowed = right["any of"] if isinstance(right, dict) and "any of" in right else [right]
            same = any(_alike(found, one) for one in allowed)
            return None if same else f"{name} of {address} is {found!r}, not {right!r}"
        case "on", (name, right):
            found = sorted(run.lists.get(name, set()))
            return None if found == sorted(right) else f"on {name} are {found}, not {sorted(right)}"
        case "told", (name,):
            return None if any(name in one for one in run.told) else f"nothing is told of {name}: {run.told}"
        case "there", (address,):
            return None if address in run.people else f"{address} is not there"
        case "gone", (address,):
            return None if address not in run.people else f"{address} is there"
    raise ValueError(what)


def _alike(found: Any, right: Any) -> bool:
    if isinstance(found, bool) or isinstance(right, bool):
        return found is right
    return bool(found == right) and isinstance(found, str) is isinstance(right, str)


def _run(case: Case, folder: Path, server: Server) -> Run:
    environ = {"KEY": "demo-key", "SECRET": "demo-secret"}
    spec = _made_of_files(case, folder, environ, server) if "files" in case or "sql" in case else None
    spec = spec or _made_of_cells(case, folder, environ, server)
    (folder / "spec.yaml").write_text(json.dumps(_whole(spec)), encoding="utf-8")  # JSON is YAML
    time = Time()
    simulator = Simulator(keys={"demo-key": "demo-secret"}, clock=time.clock)
    ours = rc.Reconciler(
        environ=environ,
        state=folder / ".reconcile",
        transport=simulator.transport(),
        sleep=time.sleep,
        clock=time.clock,
        now=lambda: datetime.fromtimestamp(time.now, UTC),
    )

    def plan() -> rc.Plan:
        return asyncio.run(ours.plan(rc.load(folder / "spec.yaml"), out=folder / "plan.rplan"))

    try:
        first = plan()
    except ReconcileError as error:
        return Run(refused=_said(error))
    report = asyncio.run(ours.apply(first))
    assert report.converged, report
    again = plan()
    assert again.face.empty, f"the second plan is not empty: {again.face.samples}"
    return _seen(simulator, first)


def _said(error: ReconcileError) -> str:
    problems = error.problems if isinstance(error, SpecInvalid) else ()
    return " ".join([str(error), error.hint or "", *(f"{one.message} {one.hint or ''}" for one in problems)])


def _seen(simulator: Simulator, plan: rc.Plan) -> Run:
    run = Run(told=[f"{one.source}: {one.reason}" for one in plan.face.invalid])
    for profile in simulator.account.profiles.values():
        address = str(profile.keys["email"])
        run.people[address] = {name: one for name, one in (profile.vars or {}).items() if one is not None}
        for name in profile.lists or {}:
            run.lists.setdefault(name, set()).add(address)
    return run


def _whole(parts: Mapping[str, Any]) -> Mapping[str, Any]:
    account = {
        "name": "shop",
        "api_key": "{{ env('KEY') }}",
        "api_secret": "{{ env('SECRET') }}",
        "url": "http://sailthru.test",
    }
    guards = {name: limit.strip() for name, limit in (one.split(":") for one in WIDE.strip("{}").split(","))}
    guards = {name.strip(): int(limit) if limit.isdigit() else limit for name, limit in guards.items()}
    policy = {"mode": "sync", "on_leave": "unlist", "guards": guards}
    return {"version": 1, "account": account, "policy": policy} | {name: one for name, one in parts.items() if one}


# cells


def _made_of_cells(case: Case, folder: Path, environ: dict[str, str], server: Server) -> Mapping[str, Any]:
    if CELLS not in case and MANY not in case:
        pytest.skip("the case does not say what its sources hold")
    ids = {name: at for at, name in enumerate("abcd", 1)}
    people = "".join(f"{at},{name}@example.com\n" for name, at in ids.items())
    (folder / "people.csv").write_text("id,email\n" + people)
    many = MANY in case
    source = "m" if many else "t"
    column = next(one["column"] for one in case["properties"].values() if "column" in one)
    if many:
        cells = [(ids[who], cell) for who, some in case[MANY].items() for cell in some]
    else:
        cells = list(enumerate(case[CELLS], 1))
    rows = [(id_, at, cell) for at, (id_, cell) in enumerate(cells, 1)]
    made = _WRITERS[case["source"]](folder, source, column, case.get(DECLARED), rows, server, environ)
    if not rows:
        raise ValueError("a case without cells")
    return {
        "sources": {
            "c": {"key": "id", "file": "people.csv"},
            source: {"key": "id", **made, **({"many": True} if many else {}), **case.get("source options", {})},
        },
        "profiles": {"from": "c", "email": "email"},
        "properties": case["properties"],
        "groups": case.get("groups", {}),
        "vars": {name: name for name in case["vars"]},
    }


Rows: TypeAlias = Sequence[tuple[int, int, Any]]
"""Id, a number that goes up, and the cell."""


def _csv(folder: Path, name: str, column: str, declared: Any, rows: Rows, *_: Any) -> Mapping[str, Any]:
    def cell(text: str | None) -> str:
        text = "" if text is None else text
        return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text

    lines = [f"id,seq,{column}", *(f"{id_},{at},{cell(one)}" for id_, at, one in rows)]
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return {"file": f"{name}.csv"}


def _ndjson(folder: Path, name: str, column: str, declared: Any, rows: Rows, *_: Any) -> Mapping[str, Any]:
    lines = [f'{{"id":{id_},"seq":{at},{json.dumps(column)}:{cell}}}' for id_, at, cell in rows]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"file": f"{name}.jsonl"}


def _parquet(folder: Path, name: str, column: str, declared: Any, rows: Rows, *_: Any) -> Mapping[str, Any]:
    values = {"type": declared or "string", "values": [cell for _, _, cell in rows]}
    ids = {"type": "int64", "values": [id_ for id_, _, _ in rows]}
    seqs = {"type": "int64", "values": [at for _, at, _ in rows]}
    _write_parquet(folder / f"{name}.parquet", {"id": ids, "seq": seqs, column: values})
    return {"file": f"{name}.parquet"}


def _sqlite(folder: Path, name: str, column: str, declared: Any, rows: Rows, *_: Any) -> Mapping[str, Any]:
    with sqlite3.connect(folder / f"{name}.db") as database:
        database.execute(f'create table {name} (id integer, seq integer, "{column}" {declared or ""})')
        database.executemany(f"insert into {name} values (?, ?, ?)", rows)
    database.close()
    return {"connect": f"{name}.db", "table": name}


def _statements(name: str, column: str, declared: Any, rows: Rows) -> Iterator[str]:
    yield f"drop table if exists {name}"
    yield f"create table {name} (id int, seq int, {column} {declared})"
    for id_, at, cell in rows:
        yield f"insert into {name} values ({id_}, {at}, {'null' if cell is None else cell})"


def _duckdb(folder: Path, name: str, column: str, declared: Any, rows: Rows, *_: Any) -> Mapping[str, Any]:
    _run_duckdb(folder / f"{name}.duckdb", _statements(name, column, declared, rows))
    return {"connect": f"{name}.duckdb", "table": name}


def _on_server(kind: str, run: Callable[[str, Any], None]) -> Callable[..., Mapping[str, Any]]:
    """Writes the cells to a table of a running server."""

    def write(
        folder: Path, name: str, column: str, declared: Any, rows: Rows, server: Server, environ: dict[str, str]
    ) -> Mapping[str, Any]:
        url = environ[kind.upper()] = server(kind)
        run(url, _statements(name, column, declared, rows))
        return {"connect": f"{{{{ env('{kind.upper()}') }}}}", "table": name}

    return write


# files


def _made_of_files(case: Case, folder: Path, environ: dict[str, str], server: Server) -> Mapping[str, Any]:
    for name, how in case.get("files", {}).items():
        _write(folder / name, how)
    for kind, statements in case.get("sql", {}).items():
        environ[kind.upper()] = server(kind)
        run = _run_postgres if kind == "pg" else _run_mysql
        tables = [found[1] for one in statements if (found := re.match(r"create table (\w+)", one))]
        run(environ[kind.upper()], [*(f"drop table if exists {one}" for one in tables), *statements])
    if "spec" in case:
        return dict(case["spec"])
    (name,) = case["files"]
    return {
        "sources": {"c": {"key": "id", "file": name}},
        "profiles": {"from": "c", "email": "email", "identity": {"var": "cid"}},
    }


def _write(path: Path, how: Any) -> None:
    """Write a file by how its case says it is made.

    That is its text, `{"hex"}`, `{"lines": [...]}` (where `["row {n}", from, to]` stands for many), `{"columns"}` of a
    Parquet file, or `{"statements"}` of a SQLite or DuckDB file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    match how:
        case str() if "the same kind of rows)" in how or "made by a writer" in how:
            pytest.skip("the case shows only a part of its file")
        case str():
            path.write_text(how, encoding="utf-8", newline="")
        case {"hex": digits}:
            path.write_bytes(bytes.fromhex(digits))
        case {"lines": lines}:
            path.write_text("".join(f"{one}\n" for one in _lines(lines)), encoding="utf-8", newline="")
        case {"columns": columns}:
            _write_parquet(path, columns)
        case {"statements": statements} if path.suffix == ".duckdb":
            _run_duckdb(path, statements)
        case {"statements": statements}:
            with sqlite3.connect(path) as database:
                for one in statements:
                    database.execute(one)
            database.close()
        case _:
            pytest.skip("the case does not say what its file holds")


def _lines(lines: Sequence[Any]) -> Iterator[str]:
    for one in lines:
        if isinstance(one, str):
            yield one
        else:
            template, first, last = one
            yield from (template.replace("{n}", str(number)) for number in range(first, last + 1))


def _write_parquet(path: Path, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    def array(type_: str, values: Sequence[Any]) -> Any:
        if found := re.fullmatch(r"decimal\((\d+), ?(\d+)\)", type_):
            kind: Any = pa.decimal128(int(found[1]), int(found[2]))
            return pa.array([None if one is None else Decimal(str(one)) for one in values], kind)
        if type_ == "binary":
            return pa.array([None if one is None else _bytes(one) for one in values], pa.binary())
        if found := re.fullmatch(r"list<(\w+)>", type_):
            return pa.array(values, pa.list_(pa.type_for_alias(found[1])))
        if type_ == "struct":
            return pa.array(values)
        if type_.startswith(("timestamp", "date", "time")):
            kind = pa.timestamp("us", "UTC") if type_ == "timestamp utc" else pa.type_for_alias(type_)
            return pa.array(values, pa.string()).cast(kind)
        return pa.array(values, pa.type_for_alias(type_))

    made = {name: array(one["type"], one["values"]) for name, one in columns.items()}
    parquet.write_table(pa.table(made), path, use_deprecated_int96_timestamps=path.name.startswith("int96"))


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else str(value).encode()


def _run_duckdb(path: Path, statements: Any) -> None:
    import duckdb

    with duckdb.connect(str(path)) as database:
        for one in statements:
            database.execute(one)


def _run_postgres(url: str, statements: Any) -> None:
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url, autocommit=True) as connection:
        for one in statements:
            connection.execute(one)


def _run_mysql(url: str, statements: Any) -> None:
    pymysql = pytest.importorskip("pymysql")
    to = urlsplit(url)
    login = {"user": to.username, "password": to.password, "database": "shop", "autocommit": True}
    with pymysql.connect(host=to.hostname, port=to.port, **login) as connection, connection.cursor() as cursor:
        for one in statements:
            cursor.execute(one)


_WRITERS: Mapping[str, Callable[..., Mapping[str, Any]]] = {
    "csv": _csv,
    "ndjson": _ndjson,
    "parquet": _parquet,
    "sqlite": _sqlite,
    "duckdb": _duckdb,
    "pg": _on_server("pg", _run_postgres),
    "my": _on_server("my", _run_mysql),
}
