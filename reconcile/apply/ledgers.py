"""The ledger of an account in its store: recalled for a plan, and written after an apply from what it did.

    shop/ledger.json                     whose it is, by which spec, and which file: written last, so that it is whole
    shop/ledger.5f0c9d7be1a24c33.parquet the rows, see `state.ledger`

An environment that has the account has a ledger of its own (`ledger.staging.json`). Only what was applied *and* looked
at goes in. The definitions of the spec go in when all of it was: else what is left would look like the data's doing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from reconcile.apply import runs
from reconcile.apply.journal import Past
from reconcile.apply.store import Store
from reconcile.errors import PlanUnusable
from reconcile.plan import actions, archive
from reconcile.plan.causes import Memory
from reconcile.plan.model import Face, Plan, Stage
from reconcile.state import ledger
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.masks import Masks
from reconcile.state.model import Rows, Shape
from reconcile.state.workspace import BATCH, Workspace

FORMAT = 1
_FIRST = "nothing was applied from this state yet, or it was lost"
_OTHER = "the account's secret is another than when the last run was remembered"
_BROKEN = "what was remembered of the last run is damaged, or another version's"


class Head(BaseModel):
    """What `ledger.json` says: `salt` tells whose secret the digests were made with, `file` is the key of the rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    salt: str
    spec_digest: str
    definitions: Mapping[str, str]
    file: str
    profiles: int
    run: str
    at: str


def recall(
    store: Store,
    account: str,
    environment: str | None,
    shape: Shape,
    masks: Masks,
    workspace: Workspace,
    *,
    among: Rows | None = None,
) -> Memory:
    """The ledger as a plan uses it, or why there is none.

    Args:
        among: `hash` of the few profiles that matter, no others' rows are taken in; everybody's when None.

    Raises:
        StoreUnavailable: nobody can say whether there is one.
    """
    head, lacking = _head(store, account, environment, masks)
    if head is None:
        return Memory(lacking=lacking)
    rows = _rows(store, head, shape, workspace, None if among is None else _keys(among, masks, workspace))
    if rows is None:
        return Memory(lacking=_BROKEN)
    return Memory(ledger.Ledger(rows, head.definitions, head.spec_digest, head.run, head.at, head.profiles))


def record(store: Store, plan: Plan, past: Past, run: str, at: str, masks: Masks, workspace: DuckDB) -> None:
    """Put what a run has done into the ledger, once it was looked at.

    Args:
        past: what the run's journal says.

    Raises:
        StoreUnavailable, DiskFull, MemoryShort: the ledger is as it was.
    """
    face = plan.face
    head, _ = _head(store, face.account.name, face.environment, masks)
    if head is not None and face.empty and head.spec_digest == face.spec_digest:
        return  # there is nothing to say, and no other plan is overtaken by it
    before = _rows(store, head, face.shape, workspace) if head else None
    whole = _whole(past)
    if not face.counts.total and before is not None and head is not None:
        file, profiles = head.file, head.profiles
    else:
        rows = _written(plan, past, before, workspace, masks)
        file, profiles = _sent(store, face, rows, workspace)
    # What a contract holds back is still to come; and who takes a run back applies no spec.
    full = whole and not face.violations and not face.undoes
    later = Head(
        salt=ledger.fingerprint(masks),
        spec_digest=face.spec_digest if full else head.spec_digest if head else "",
        definitions=face.definitions if full else head.definitions if head else {},
        file=file,
        profiles=profiles,
        run=run,
        at=at,
    )
    store.replace(_key(face.account.name, face.environment), later.model_dump_json(indent=2).encode())
    if head is not None and head.file != file:
        store.discard(head.file)


def not_overtaken(store: Store, face: Face) -> None:
    """Make sure that no other run was applied since a plan was made: what it writes may be older than what is there.

    One of the same content is none, as applying it again changes nothing.

    Raises:
        PlanUnusable: one was.
        StoreUnavailable: nobody can say.
    """
    last, _ = _last(store, face.account.name, face.environment)
    if last is None or last.run.endswith(face.plan_id):
        return
    made, ended = datetime.fromisoformat(face.created_at), datetime.fromisoformat(last.at)
    if last.run == face.ledger.run if face.ledger else made >= ended:
        return
    raise PlanUnusable(
        f"This plan was overtaken: the run {last.run} was applied at {last.at}, and the plan knows nothing of it.",
        hint="Plan again, and apply that. Where other runs come between review and apply, approve what may be done: "
        "`apply --within` plans anew (docs/approvals.md).",
    )


def _last(store: Store, account: str, environment: str | None) -> tuple[Head | None, str]:
    """What the ledger says of itself, whosever secret it was made with; or why it says nothing."""
    kept = store.get(_key(account, environment))
    if kept is None:
        return None, _FIRST
    try:
        head = Head.model_validate_json(kept.content)
    except ValidationError:
        return None, _BROKEN
    return (head, "") if head.format == FORMAT else (None, _BROKEN)


def _head(store: Store, account: str, environment: str | None, masks: Masks) -> tuple[Head | None, str]:
    """The same, where it was made with our secret."""
    head, lacking = _last(store, account, environment)
    if head is None or head.salt == ledger.fingerprint(masks):
        return head, lacking
    return None, _OTHER


def _keys(among: Rows, masks: Masks, workspace: Workspace) -> pa.ChunkedArray:
    rows = ledger.salted(among, workspace, masks)
    found = workspace.stream(rows.select(key=ledger.key(rows, rows["hash"])))
    return pa.chunked_array([batch.column(0) for batch in found], pa.string())


def _rows(
    store: Store, head: Head, shape: Shape, workspace: Workspace, only: pa.ChunkedArray | None = None
) -> Rows | None:
    """The rows of a ledger, as far as the shape goes; None when they are gone or damaged."""
    path = workspace.folder / "ledger.parquet"
    if not store.fetch(head.file, path) or _name(head.file) != _digest(path):
        return None
    file = pq.ParquetFile(path, pre_buffer=False)  # else it keeps what it has read, to its end: 200 MiB of 4 million
    wanted = ["key", *(name for name in ledger.columns(shape) if name in file.schema_arrow.names)]
    schema = pa.schema([file.schema_arrow.field(name) for name in wanted])
    batches = file.iter_batches(BATCH, columns=wanted) if only is None else _some(file, wanted, only)
    selected = (batch.select(wanted) for batch in batches)
    stored = workspace.store("ledger", pa.RecordBatchReader.from_batches(schema, selected))
    return ledger.fitted(stored, shape)


def _some(file: pq.ParquetFile, columns: list[str], keys: pa.ChunkedArray) -> Iterator[pa.RecordBatch]:
    """The rows of these keys: all other columns are only read where one of them is."""
    for group in range(file.num_row_groups):
        found = pc.is_in(file.read_row_group(group, columns=["key"])["key"], value_set=keys)
        if pc.any(found).as_py():
            yield from file.read_row_group(group, columns=columns).filter(found).to_batches()


def _written(plan: Plan, past: Past, before: Rows | None, workspace: DuckDB, masks: Masks) -> Rows:
    """The rows of the ledger after a run."""
    shape = plan.face.shape
    body = archive.body(plan, workspace.folder / "ledger-body.ndjson.zst")
    lines = settled(workspace.json_lines(body, actions.LINE), plan.face, past, workspace)
    gone = lines.filter(lines["op"] == "delete").select("hash")
    done = actions.table(lines, shape)
    rows = ledger.empty(workspace, shape) if before is None else before
    return workspace.keep("ledger after", ledger.written(rows, done, gone, shape, workspace, masks))


def _whole(past: Past) -> bool:
    return past.settled(0, past.total) == past.total


def settled(lines: Rows, face: Face, past: Past, workspace: Workspace) -> Rows:
    """The lines on profiles that were done and looked at, without those that only make room."""
    return lines if _whole(past) else _settled(lines, face, past, workspace)


def _settled(lines: Rows, face: Face, past: Past, workspace: Workspace) -> Rows:
    """A line's number is its place in the order of stage and hash."""
    flags = pa.Array.from_buffers(pa.uint8(), past.total, [None, pa.py_buffer(past.settled_map)])
    numbers = pc.subtract(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), past.total)), 1)
    found = workspace.store("settled", pa.table({"number": numbers, "settled": flags}))
    found = found.filter(found.settled == 1)
    stages = (Stage.UPSERTS, Stage.REMOVALS, Stage.DELETIONS)
    first = ibis.cases(*((lines.stage == int(stage), face.span(stage)[0]) for stage in stages), else_=-1)
    place = ibis.row_number().over(group_by=lines.stage, order_by=lines["hash"])
    numbered = workspace.keep("numbered", lines.mutate(number=(first + place).cast("int64"), counted=first >= 0))
    return numbered.filter(numbered.counted).semi_join(found, "number")


def _sent(store: Store, face: Face, rows: Rows, workspace: Workspace) -> tuple[str, int]:
    """Keep the rows under a key of their own content; the key, and how many there are."""
    path, profiles = workspace.folder / "ledger-after.parquet", 0
    types = [("key", pa.string())] + [
        (name, pa.bool_() if name.startswith("l:") else pa.string()) for name in ledger.columns(face.shape)
    ]
    schema = pa.schema(types)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in workspace.stream(rows.select(*schema.names), size=20_000):
            writer.write_batch(batch.cast(schema))
            profiles += batch.num_rows
    key = runs.key(face.account.name, runs.named("ledger", face.environment, f"{_digest(path)}.parquet"))
    store.send(path, key)
    return key, profiles


def _key(account: str, environment: str | None) -> str:
    return runs.key(account, runs.named("ledger", environment, "json"))


def _name(key: str) -> str:
    """The digest in the key of the rows."""
    return key.removesuffix(".parquet").rpartition(".")[2]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
