"""The ledger of an account in its store: recalled for a plan, and written after an apply from what it did.

    shop/ledger.json                     whose it is, by which spec, and which file: written last, so that it is whole
    shop/ledger.5f0c9d7be1a24c33.parquet the rows, see `state.ledger`
    shop/ledger.of.1f5b09c2a7d3.json     the same of another account that had this name, for when it comes back

It is bound to the account itself and not to its name: by the ids that Sailthru gives, else by its address and key.
An environment that has the account has a ledger of its own (`ledger.staging.json`). Only what was applied *and* looked
at goes in. The definitions of the spec go in when all of it was: else what is left would look like the data's doing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from reconcile.apply import runs
from reconcile.apply.journal import Past
from reconcile.apply.records import Damaged, dump_record, load_record
from reconcile.apply.store import Store
from reconcile.errors import PlanUnusable
from reconcile.plan import actions, archive, integrity
from reconcile.plan.causes import Memory
from reconcile.plan.model import NO_IDS, AccountIds, Face, Plan, Stage
from reconcile.spec.property import ValueType
from reconcile.state import ledger
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.keys import Keys
from reconcile.state.model import Rows, Shape
from reconcile.state.workspace import BATCH, Workspace

FORMAT = 2
"""Since format 2 definitions and the digest of the spec are keyed; ledgers of format 1 are read as they are."""
_FIRST = "nothing was applied from this state yet, or it was lost"
_OTHER = (
    "the account's secret is another than when the last run was remembered, so causes begin anew"
    " (give the earlier one: --previous-secret-env NAME)"
)
_ANOTHER = "the last run was applied to another account, so causes begin anew"
_UNIDENTIFIED = "The account did not say which one it is, and the plan is right without"
_BY_ADDRESS = "What was applied last is found by the account's URL and key."
_BROKEN = "what was remembered of the last run ({}) is damaged, or another version's"


class Bound(BaseModel):
    """Which account a ledger is of: where it answers, a digest of its key, and its ids as far as they are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    fingerprint: str
    id: str = ""
    customer_id: str = ""

    @property
    def ids(self) -> AccountIds:
        """Sailthru's own ids of it."""
        return AccountIds(self.id, self.customer_id)

    def with_ids(self, ids: AccountIds) -> Bound:
        """The same, with those of these ids that it does not have."""
        return self.model_copy(update={"id": self.id or ids.id, "customer_id": self.customer_id or ids.customer_id})

    def is_same(self, other: Bound) -> bool:
        """Whether both are one account: by what ids both have, else by address and key."""
        if integrity.is_other(self.ids, other.ids):
            return False
        if any(one and one == two for one, two in zip(self.ids, other.ids, strict=True)):
            return True
        return (self.url, self.fingerprint) == (other.url, other.fingerprint)

    def mark(self) -> str:
        """Tells it from other accounts in the name of a file."""
        told = f"{self.id}/{self.customer_id}" if any(self.ids) else f"{self.url}/{self.fingerprint}"
        return hashlib.sha256(told.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Key:
    """What a ledger is found and read by.

    Args:
        account, environment: the name in the spec, and the environment that has it.
        keys: from the secret of today.
        bound: the account itself.
        previous: from the secret of before, where it was given.
        confirmed: somebody said that it is the same account as last time.
        unidentified: why the account did not say its ids, where it should have.
    """

    account: str
    environment: str | None
    keys: Keys
    bound: Bound
    previous: Keys | None = None
    confirmed: bool = False
    unidentified: str = ""


def _check_moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("no time zone")
    return text


_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]


class Head(BaseModel):
    """What `ledger.json` says.

    Args:
        salt: tells whose secret the digests were made with.
        wrapped: the salt for later secrets, see `state.ledger.wrap`.
        account: which account it is of; None in ledgers of before, which knew its name only.
        types: of the vars that were last applied in full; empty in ledgers of before.
        file: the key of the rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    salt: _Digest
    wrapped: tuple[str, ...] = ()
    account: Bound | None = None
    spec_digest: str
    definitions: Mapping[str, str]
    types: Mapping[str, ValueType] = {}
    file: Annotated[str, Field(pattern=r"^[^/]+/ledger\.[A-Za-z0-9._-]+\.parquet$")]
    profiles: Annotated[int, Field(ge=0)]
    run: str
    at: Annotated[str, AfterValidator(_check_moment)]


def recall(store: Store, key: Key, shape: Shape, workspace: Workspace, *, among: Rows | None = None) -> Memory:
    """The ledger as a plan uses it, or why there is none.

    Args:
        among: `hash` of the few profiles that matter, no others' rows are taken in; everybody's when None.

    Raises:
        StoreUnavailable: nobody can say whether there is one.
    """
    whose, head, salt = _found(store, key)
    if head is None:
        return whose
    rows = _rows(store, head, shape, workspace, None if among is None else _keys(among, salt, workspace))
    if rows is None:
        return replace(whose, lacking=_BROKEN.format(head.file), rekeyed="", salt="" if whose.rekeyed else whose.salt)
    found = ledger.Ledger(
        rows, head.definitions, head.spec_digest, head.run, head.at, head.profiles, salt, head.format > 1
    )
    return replace(whose, ledger=found)


def recall_whose(store: Store, key: Key) -> Memory:
    """What `recall` says of the account and its secret alone, for a plan that needs no causes.

    Raises:
        StoreUnavailable: nobody can say.
    """
    return replace(_found(store, key)[0], lacking="")


def _found(store: Store, key: Key) -> tuple[Memory, Head | None, str]:
    """What is to be said, the ledger's head where it can be used, and its salt."""
    head, lacking, another = _head(store, key.account, key.environment, key.bound, confirmed=key.confirmed)
    if key.unidentified and lacking != _FIRST:
        another = f"{_UNIDENTIFIED}: {key.unidentified} {another or _BY_ADDRESS}"
    if head is None:
        return Memory(lacking=lacking, another=another, previous=key.previous), None, ""
    known = Memory(another=another, types=head.types, previous=key.previous)
    salt = _salt(head, key.keys)
    if salt is not None:
        return replace(known, salt=salt), head, salt
    salt = None if key.previous is None else _salt(head, key.previous)
    if salt is None:
        return replace(known, lacking=_OTHER), None, ""
    return replace(known, rekeyed=ledger.wrap(salt, key.keys), salt=salt), head, salt


def record(
    store: Store,
    plan: Plan,
    past: Past,
    run: str,
    at: str,
    workspace: DuckDB,
    *,
    ids: AccountIds = NO_IDS,
) -> None:
    """Put what a run has done into the ledger, once it was looked at.

    Args:
        past: what the run's journal says.
        ids: what Sailthru calls the account that was applied to.

    Raises:
        StoreUnavailable, DiskFull, MemoryShort: the ledger is as it was.
    """
    face, keys = plan.face, integrity.verified_keys(plan)
    bound = _bound(face, ids)
    head = _of_plan(store, face, bound)
    if head is not None and head.account is not None and head.account.is_same(bound):
        bound = bound.with_ids(head.account.ids)  # those that it did not say this time
    salt = None if head is None else _salt(head, keys, face.rekeyed)
    if salt is None:
        head, salt = None, ledger.salt(keys)
    wrapped = head.wrapped if head else ()
    if head is not None and _salt(head, keys) is None:
        wrapped = (*wrapped, face.rekeyed)
    types = {var.name: var.type for var in face.shape.vars}
    known = head is not None and (head.account, head.wrapped, head.types) == (bound, wrapped, types)
    if head is not None and known and face.empty and head.spec_digest == face.spec_digest:
        return  # there is nothing to say, and no other plan is overtaken by it
    before = _rows(store, head, face.shape, workspace) if head else None
    whole = _whole(past)
    if not face.counts.total and before is not None and head is not None:
        file, profiles = head.file, head.profiles
    else:
        rows = _written(plan, past, before, workspace, salt)
        file, profiles = _sent(store, face, bound, rows, workspace)
    # What a contract holds back is still to come; and who takes a run back applies no spec.
    full = whole and not face.violations and not face.undoes
    nothing = head is not None and face.empty and head.spec_digest == face.spec_digest
    later = Head(
        format=FORMAT if full or head is None else head.format,
        salt=ledger.fingerprint(salt),
        wrapped=wrapped,
        account=bound,
        spec_digest=face.spec_digest if full else head.spec_digest if head else "",
        definitions=face.definitions if full else head.definitions if head else {},
        types=types if full else head.types if head else {},
        file=file,
        profiles=profiles,
        run=head.run if nothing and head else run,  # what only learns whose it is overtakes no other plan
        at=head.at if nothing and head else at,
    )
    _put_away(store, face, bound)
    store.replace(_key(face.account.name, face.environment), _dump(later))
    if head is not None and head.file != file:
        store.discard(head.file)


def not_overtaken(store: Store, face: Face) -> None:
    """Make sure that no other run was applied since a plan was made: what it writes may be older than what is there.

    One of the same content is none, as applying it again changes nothing.

    Raises:
        PlanUnusable: one was.
        StoreUnavailable: nobody can say.
    """
    last = _of_plan(store, face, _bound(face))
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


def _last(
    store: Store, account: str, environment: str | None, put_away: Bound | None = None
) -> tuple[Head | None, str]:
    """What the ledger says of itself, whosever secret it was made with; or why it says nothing.

    Args:
        put_away: that of this account, which another one of its name came after.
    """
    key = _key(account, environment, put_away)
    kept = store.get(key)
    if kept is None:
        return None, _FIRST
    try:
        head = Head.model_validate(load_record(kept.content, Head.model_fields))
    except (Damaged, ValidationError):
        return None, _BROKEN.format(key)
    ours = 1 <= head.format <= FORMAT and head.file.startswith(runs.key(account, "ledger."))
    return (head, "") if ours else (None, _BROKEN.format(key))


def _head(
    store: Store, account: str, environment: str | None, bound: Bound, *, confirmed: bool
) -> tuple[Head | None, str, str]:
    """The head of this account's ledger; or why there is none, and what is to be said of the account."""
    last, lacking = _last(store, account, environment)
    # A ledger of before knows no account: whoever has its secret has its account.
    if last is None or last.account is None or last.account.is_same(bound) or confirmed:
        return last, lacking, ""
    own, _ = _last(store, account, environment, bound)
    return own, "" if own else _ANOTHER, _told(account, last.account, bound, known=own is not None)


def _of_plan(store: Store, face: Face, bound: Bound) -> Head | None:
    """The head of the ledger of a plan's account: the one that the plan was made with, if it was made with one."""
    last, _ = _last(store, face.account.name, face.environment)
    used = face.ledger is not None and last is not None and face.ledger.run == last.run
    head, _, _ = _head(store, face.account.name, face.environment, bound, confirmed=used)
    return head


def _bound(face: Face, ids: AccountIds = NO_IDS) -> Bound:
    """The account of a plan, with the ids that it gave itself, where the plan does not know them."""
    account = face.account
    return Bound(url=account.url, fingerprint=account.fingerprint).with_ids(account.ids).with_ids(ids)


def _told(account: str, last: Bound, bound: Bound, *, known: bool) -> str:
    """That an account is another one than last time, or that nobody can tell.

    Args:
        known: there is a ledger of this account, from runs before the last one.
    """
    causes = "Causes go by what was applied to this one before" if known else "Causes begin anew"
    if integrity.is_other(last.ids, bound.ids):
        names = [one.id or one.customer_id for one in (bound, last)]
        return (
            f'This is another account than the one that the last run for "{account}" was applied to: its id is '
            f"{names[0]}, that one's was {names[1]}. Nothing that was applied there counts here. {causes}."
        )
    what = (
        f"it answered at {last.url} then, and at {bound.url} now" if last.url != bound.url else "its API key is another"
    )
    return (
        f'Whether this is the account that the last run for "{account}" was applied to is not known: {what}, and the '
        f"account did not say its id. {causes}; if it is the same, say so once: --same-account."
    )


def _put_away(store: Store, face: Face, bound: Bound) -> None:
    """Keep the ledger of another account that has this name until now, for when it comes back."""
    last, _ = _last(store, face.account.name, face.environment)
    used = face.ledger is not None and last is not None and face.ledger.run == last.run
    if last is None or last.account is None or last.account.is_same(bound) or used:
        return
    store.replace(_key(face.account.name, face.environment, last.account), _dump(last))


def _dump(head: Head) -> bytes:
    return dump_record(head.model_dump(mode="json"))


def _salt(head: Head, keys: Keys, *more: str) -> str | None:
    """The salt of a ledger's digests; None where it was made with another secret."""
    for own in (ledger.salt(keys), ledger.salt_of_before(keys)):
        if ledger.fingerprint(own) == head.salt:
            return own
    found = (ledger.unwrap(one, head.salt, keys) for one in (*head.wrapped, *more))
    return next((one for one in found if one is not None), None)


def _keys(among: Rows, salt: str, workspace: Workspace) -> pa.ChunkedArray:
    rows = ledger.salted(among, workspace, salt)
    found = workspace.stream(rows.select(key=ledger.key(rows, rows["hash"])))
    return pa.chunked_array([batch.column(0) for batch in found], pa.string())


def _rows(
    store: Store, head: Head, shape: Shape, workspace: Workspace, only: pa.ChunkedArray | None = None
) -> Rows | None:
    """The rows of a ledger, as far as the shape goes; None when they are gone or damaged."""
    path = workspace.folder / "ledger.parquet"
    if not store.fetch(head.file, path) or _name(head.file) != _digest(path):
        return None  # the digest is of the whole file, so a damaged one is never opened
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


def _written(plan: Plan, past: Past, before: Rows | None, workspace: DuckDB, salt: str) -> Rows:
    """The rows of the ledger after a run."""
    shape = plan.face.shape
    body = archive.body(plan, workspace.folder / "ledger-body.ndjson.zst")
    lines = settled(workspace.json_lines(body, actions.LINE), plan.face, past, workspace)
    gone = lines.filter(lines["op"] == "delete").select("hash")
    done = actions.table(lines, shape)
    rows = ledger.empty(workspace, shape) if before is None else before
    return workspace.keep("ledger after", ledger.written(rows, done, gone, shape, workspace, salt))


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


def _sent(store: Store, face: Face, bound: Bound, rows: Rows, workspace: Workspace) -> tuple[str, int]:
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
    key = runs.key(face.account.name, runs.named("ledger", face.environment, f"{bound.mark()}.{_digest(path)}.parquet"))
    store.send(path, key)
    return key, profiles


def _key(account: str, environment: str | None, put_away: Bound | None = None) -> str:
    ending = "json" if put_away is None else f"of.{put_away.mark()}.json"
    return runs.key(account, runs.named("ledger", environment, ending))


def _name(key: str) -> str:
    """The digest in the key of the rows."""
    return key.removesuffix(".parquet").rpartition(".")[2]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
