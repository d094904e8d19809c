"""The workspace: private, gone afterwards, and true to what it was given."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from account import Export

from reconcile.state import arrows, capacity
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import FormulaRefused, Workspace


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


def letters(workspace: Workspace, name: str = "letters", count: int = 3) -> object:
    return workspace.store(
        name, pa.table({"n": list(range(count)), "letter": [chr(97 + n % 26) for n in range(count)]})
    )


@dataclass
class Stream:
    """Batches of one row, that may break off."""

    rows: int
    breaks: bool = False
    schema: pa.Schema = field(default_factory=lambda: pa.schema([("n", pa.int64())]))

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for at in range(self.rows):
            yield pa.RecordBatch.from_pydict({"n": [at]}, schema=self.schema)
        if self.breaks:
            raise ConnectionError("the cable is out")


def test_its_folder_is_private_and_gone_afterwards() -> None:
    with DuckDB() as workspace:
        folder = workspace.folder
        letters(workspace)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.is_dir()
    assert not folder.exists()


def test_its_folder_is_gone_after_an_error_too() -> None:
    folders: list[Path] = []

    def work() -> None:
        with DuckDB() as workspace:
            folders.append(workspace.folder)
            letters(workspace)
            raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        work()
    assert not folders[0].exists()


def test_two_workspaces_know_nothing_of_each_other() -> None:
    with DuckDB(capacity.of("400MiB")) as one, DuckDB() as other:
        letters(one)
        assert one.folder != other.folder
        assert other.count(letters(other, count=5)) == 5
        assert one.count(letters(one, count=2)) == 2


def test_a_stream_is_taken_in_whole(workspace: Workspace) -> None:
    assert workspace.count(workspace.store("stream", Stream(7))) == 7
    workspace.append("stream", Stream(2))
    assert workspace.count(workspace.store("other", Stream(0))) == 0
    assert workspace.dicts(workspace.store("stream", Stream(1)), limit=9) == [{"n": 0}]


def test_a_stream_that_breaks_off_keeps_nothing_and_raises_its_own_error(workspace: Workspace) -> None:
    with pytest.raises(ConnectionError, match="the cable is out"):
        workspace.store("never", Stream(5, breaks=True))
    with pytest.raises(Exception, match="never"):
        workspace.derive(workspace._engine.table("never"), {})


def test_a_stream_that_breaks_off_leaves_the_table_that_was_there(workspace: Workspace) -> None:
    rows = workspace.store("kept", Stream(3))
    with pytest.raises(ConnectionError):
        workspace.store("kept", Stream(5, breaks=True))
    with pytest.raises(ConnectionError):
        workspace.append("kept", Stream(5, breaks=True))
    assert workspace.count(rows) == 3


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "value", ["plain", "two\nlines", "two\r\nlines", 'say "hi", twice', "back\\", "007", " x ", "東京"]
)
def test_a_value_of_an_export_is_what_it_was(workspace: Workspace, tmp_path: Path, value: str, end: str) -> None:
    quoted = value.replace('"', '""')
    text = "".join(line + end for line in ("id,hash,city", f'1,,"{quoted}"', "2,,", f'3,,"{quoted}"'))
    (tmp_path / "export.csv").write_bytes(text.encode())
    rows = workspace.records(
        Export("News", str(tmp_path / "export.csv"), ("a", "h", "b"), {}, sid_column="a", hash_column="h")
    )
    first, empty, last = (row["b"] for row in workspace.dicts(rows.order_by("a"), limit=9))
    assert (first, last) == (value, value)
    assert not empty


def test_lines_are_read_wherever_they_lie(workspace: DuckDB, tmp_path: Path) -> None:
    (folder := tmp_path / "o'brien").mkdir()
    with pa.CompressedOutputStream(str(folder / "lines.ndjson.zst"), "zstd") as file:
        file.write(b'{"n": 1}\n{"n": 2}\n')
    rows = workspace.json_lines(folder / "lines.ndjson.zst", {"n": "BIGINT"})
    assert workspace.one(rows.aggregate(sum=rows.n.sum())) == {"sum": 3}


def test_formulas_add_columns_one_after_the_other(workspace: Workspace) -> None:
    rows = workspace.derive(letters(workspace), {"twice": "n * 2", "more": "twice + 1", 'odd "name"': "letter || '!'"})
    assert workspace.dicts(rows.order_by("n"), limit=2)[1] == {
        "n": 1,
        "letter": "b",
        "twice": 2,
        "more": 3,
        'odd "name"': "b!",
    }


def test_a_formula_that_makes_no_sense_is_named(workspace: Workspace) -> None:
    with pytest.raises(FormulaRefused, match="nonsense") as refused:
        workspace.derive(letters(workspace), {"fine": "n", "bad": "nonsense(n)"})
    assert refused.value.name == "bad"


def test_a_formula_that_fails_on_the_data_does_not_tell_the_value(workspace: Workspace) -> None:
    rows = workspace.store("people", pa.table({"email": ["ada@example.com"]}))
    rows = workspace.derive(rows, {"n": "cast(email as integer)"})
    with pytest.raises(FormulaRefused) as refused:
        workspace.keep("numbers", rows)
    assert "ada" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_rows_stream_in_batches_while_others_are_written(workspace: Workspace) -> None:
    rows = letters(workspace, count=25)
    sizes = []
    for batch in workspace.stream(rows, size=10):
        sizes.append(len(batch))
        letters(workspace, "meanwhile")
    assert sum(sizes) == 25
    assert max(sizes) <= 10


def test_text_is_the_lines_end_to_end(workspace: Workspace) -> None:
    lines = [f"line {n} – ü\n" for n in range(25_000)]
    rows = workspace.store("lines", arrows.table({"line": lines}, {"line": "string"}))
    assert b"".join(workspace.text(rows)).decode() == "".join(lines)
    nothing = workspace.store("nothing", arrows.table({"line": []}, {"line": "string"}))
    assert b"".join(workspace.text(nothing)) == b""


def test_naive_times_are_utc(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = workspace.derive(letters(workspace), {"at": "strftime(cast('2026-07-01 12:00:00' as timestamptz), '%H')"})
    assert workspace.dicts(rows, limit=1)[0]["at"] == "12"


ELSEWHERE = """
from reconcile.spec.property import ValueType
from reconcile.state import arrows, values
from reconcile.state.engines.duckdb import DuckDB

with DuckDB() as workspace:
    texts = ["2026-07-01 12:00:00", "2026-07-01T14:00:00+02:00"]
    rows = workspace.store("texts", arrows.table({"text": texts}, {"text": "string"}))
    [batch] = workspace.stream(rows.select(text=values.canonical(rows.text, ValueType.DATETIME)))
    print(batch.to_pylist())
"""


def test_naive_times_are_utc_in_a_stream_too_wherever_the_machine_stands() -> None:
    environ = os.environ | {"TZ": "America/New_York"}
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.count("2026-07-01T12:00:00Z") == 2, done.stdout


@pytest.mark.parametrize("ask", [DuckDB.asker, Workspace.asker])
def test_a_question_is_asked_again_of_other_rows(workspace: Workspace, ask: Any) -> None:
    def about(left: Any, right: Any) -> Any:
        return left.anti_join(right, "name").order_by("name")

    def table(*names: str | None) -> pa.Table:
        return arrows.table({"name": names}, {"name": "string"})

    asked = ask(workspace, about)
    assert asked(left=table("a", "b", "c"), right=table("b")) == [{"name": "a"}, {"name": "c"}]
    assert asked(left=table("d"), right=table()) == [{"name": "d"}]
    assert asked(left=table(None), right=table(None, "d")) == [{"name": None}]
    assert asked(left=table(), right=table("d")) == []


def test_only_so_many_dicts_are_made(workspace: Workspace) -> None:
    assert len(workspace.dicts(letters(workspace, count=20), limit=4)) == 4
    assert workspace.one(letters(workspace, count=20).aggregate(most=letters(workspace, count=20).n.max())) == {
        "most": 19
    }


@pytest.mark.parametrize(
    ("formula", "made"),
    [
        ("price * rate", 2469.0),
        ("price * rate * rate >= 49380", True),
        ("price * 2 = 246.9", True),
        ("price = 123.45", True),
        ("large * 2 = 18014398509481986", True),
    ],
)
def test_a_product_of_decimals_does_not_overflow(workspace: Workspace, formula: str, made: object) -> None:
    exact = {"price": pa.decimal128(38, 18), "rate": pa.decimal128(38, 18), "large": pa.decimal128(38, 0)}
    values = {"price": Decimal("123.45"), "rate": Decimal(20), "large": Decimal(9007199254740993)}
    rows = workspace.store("exact", pa.table({name: pa.array([values[name]], kind) for name, kind in exact.items()}))
    derived = workspace.keep("derived", workspace.derive(rows, {"made": formula}))
    assert workspace.one(derived)["made"] == made
