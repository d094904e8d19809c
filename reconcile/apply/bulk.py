"""The bulk route: many upserts as jobs, a file of JSON lines each, and then a look at all of them by export.

A job's end says nothing of its lines: a bad one is skipped silently (SAILTHRU.md §15). So what the exports show to be
otherwise is handed back, to be done one by one, where errors have words. An export cannot tell types either; a sample
is read one by one for that, and what it proves is said.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import ibis

from reconcile.apply import sending
from reconcile.apply.brake import Brake
from reconcile.apply.endings import Ended
from reconcile.apply.journal import Ranges, ranges
from reconcile.apply.model import Executor
from reconcile.apply.sending import Sending
from reconcile.apply.verifier import Verifier
from reconcile.errors import AccountUnavailable, ApiRejected, JobForbidden
from reconcile.plan import actions, archive
from reconcile.plan.costs import LINES, SAMPLE
from reconcile.plan.model import Face, Plan, Stage, Upsert
from reconcile.state import abreast, diff, observed, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Exporter, Progress, Ref, Rows, Shape, Sighting
from reconcile.state.workspace import Workspace

BYTES, STEP = 20_000_000, 5_000
"""A job's file: `LINES` and about so many bytes at most (SAILTHRU.md §9.4), filled in steps of so many lines."""

JOBS_AT_ONCE = 3
"""Nobody was seen to run more (SAILTHRU.md §15)."""

SETTLING = (0.0, 10.0, 30.0)
"""Seconds before each look by export: exports may lag a minute behind jobs (SAILTHRU.md §15)."""

FEW = 0.01
"""A share of the lines so small that it is mended one by one at once, without waiting for exports to catch up."""

_TABLE = "bulk"


class BulkExecutor(Executor, Exporter, Protocol):
    """An account that takes many changes as a job too. Satisfied by `sailthru.target`."""

    def update_lines(self, actions: Rows, shape: Shape) -> Rows:
        """One column `line` of the file that a job takes, in the order of the actions' hashes."""
        ...

    async def start_update(self, path: Path) -> str:
        """Hand in a file; the job's id. Raises `AccountUnavailable` when it may or may not have been taken."""
        ...

    async def finish_update(self, job_id: str) -> None:
        """Wait until a job has ended."""
        ...


class Record(Protocol):
    """Hears of jobs and looks before they are begun, for the journal. Actions are told by their numbers in the plan."""

    def intend_job(self, path: Path, numbers: Ranges) -> None:
        """A file with these actions is about to be handed in."""
        ...

    def note_job(self, path: Path, job: str) -> None:
        """It was, and the job has this id."""
        ...

    def drop_job(self, path: Path) -> None:
        """It was not: nothing was sent."""
        ...

    def end_job(self, path: Path) -> None:
        """The job has ended well."""
        ...

    def intend_look(self, numbers: Ranges) -> None:
        """What jobs did to these is about to be looked at, and what is as wanted will be settled."""
        ...


class Unrecorded:
    """A `Record` that keeps nothing."""

    def intend_job(self, path: Path, numbers: Ranges) -> None:
        """Nothing."""

    def note_job(self, path: Path, job: str) -> None:
        """Nothing."""

    def drop_job(self, path: Path) -> None:
        """Nothing."""

    def end_job(self, path: Path) -> None:
        """Nothing."""

    def intend_look(self, numbers: Ranges) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of the bulk route.

    Args:
        numbers: actions that went this way: those that `eligible` says, and no others.
        left: numbers of those that are not as wanted, to be done one by one.
        jobs: files handed in; `unsure` of them without a clear answer.
        sampled, wrong: profiles read for their types, and how many were not as wanted.
    """

    numbers: Ranges
    left: frozenset[int]
    jobs: int
    unsure: int
    sampled: int
    wrong: int

    @property
    def total(self) -> int:
        """How many actions went this way."""
        return sum(last + 1 - first for first, last in self.numbers)

    @property
    def settled(self) -> Iterator[int]:
        """Numbers of the actions that went by job and were seen to be as wanted, in ascending order."""
        return (number for first, last in self.numbers for number in range(first, last + 1) if number not in self.left)

    def told(self) -> Iterator[str]:
        """What people should know of it."""
        files = f"{self.jobs:,} {'job' if self.jobs == 1 else 'jobs'}"
        left = f"; {len(self.left):,} left undone by them went one by one" if self.left else ""
        yield f"{self.total:,} upserts went by {files}, and were looked at by export{left}."
        if self.unsure:
            yield f"Of these jobs {self.unsure:,} had no clear end; what they did was seen by the exports."
        yield self.proof()

    def proof(self) -> str:
        """What the sample proves, in a sentence."""
        if not self.sampled:
            return "No profile was read for its types."
        told = f"Types: {self.wrong:,} of {self.sampled:,} sampled profiles wrong"
        return told + (
            f": fewer than {100 * bound(self.sampled):.1f} % at 95 %." if not self.wrong else ", and mended."
        )


def bound(sampled: int) -> float:
    """The largest share of wrong ones that leaves none among so many with a chance of 5 %."""
    return float(1 - 0.05 ** (1 / sampled))


@dataclass(slots=True)
class Bulk:
    """Takes the upserts of one plan as jobs.

    Args:
        brake: once it is pulled no further file is handed in, and nothing is waited for.
        record: is told of each file before and after it is handed in, and of looks before they are made.
    """

    account: BulkExecutor
    workspace: DuckDB
    progress: Progress
    at_once: int
    brake: Brake
    record: Record = field(default_factory=Unrecorded)
    _wrong: Rows = None

    async def apply(self, plan: Plan, *, resumed: Sequence[str] | None = None) -> Done:
        """Do all upserts that a job can do, and look at them.

        Args:
            resumed: jobs that an earlier attempt handed in: they are waited for, and only what is not as wanted by then
                is handed in again. None when there was no earlier attempt.

        Raises:
            Ended: the run is to end. Jobs that were handed in go on without us; the next attempt waits for them.
        """
        shape = plan.face.shape
        path = archive.body(plan, self.workspace.folder / "actions.ndjson.zst")
        lines = self.workspace.json_lines(path, actions.LINE)
        rows = self.workspace.keep(_TABLE, eligible(actions.table(lines, shape), plan.face))
        numbers = self._numbers(rows)
        total = sum(last + 1 - first for first, last in numbers)
        jobs = unsure = 0
        if resumed is not None:
            self.record.intend_look(numbers)
        if resumed is None or (rest := await self._rest(rows, shape, total, resumed)) is not None:
            jobs, unsure = await self._run(rows if resumed is None else rest, shape, total)
            if resumed is None:
                self.record.intend_look(numbers)
            left = await self._compare(rows, shape, total)
        else:
            left = frozenset()
        wrong, sampled = await self._sample(rows, shape, left)
        return Done(numbers, left | wrong, jobs, unsure, sampled, len(wrong))

    def _numbers(self, rows: Rows) -> Ranges:
        """The numbers of these actions in the walk of the plan."""
        batches = self.workspace.stream(rows.order_by("number").select("number"))
        return ranges(number for batch in batches for number in batch.column(0).to_pylist())

    async def _rest(self, rows: Rows, shape: Shape, total: int, jobs: Sequence[str]) -> Rows | None:
        """What is not as wanted once the jobs of an earlier attempt have ended; None when all is."""
        await abreast.each(jobs, self._ended, at_once=JOBS_AT_ONCE)
        left = await self._compare(rows, shape, total)
        if not left:
            return None
        return self.workspace.keep("rest", rows.semi_join(self._wrong, "hash"))

    async def _ended(self, job: str) -> None:
        with suppress(AccountUnavailable, ApiRejected):  # whatever became of it, the exports show it
            await self.account.finish_update(job)

    async def _run(self, rows: Rows, shape: Shape, total: int) -> tuple[int, int]:
        """Hand in all files, a few side by side, and wait for their end; how many, and how many unsure."""
        step, jobs, unsure = "running jobs", 0, 0
        self.progress.start(step, total, "actions")
        async for group in self._groups(rows, shape):
            known = await abreast.each(group, self._job, at_once=JOBS_AT_ONCE)
            for ended in known:
                if not isinstance(ended, bool):
                    raise ended
            jobs, unsure = jobs + len(group), unsure + known.count(False)
            self.progress.advance(step, sum(last + 1 - first for _, part in group for first, last in part))
        self.progress.finish(step)
        return jobs, unsure

    async def _groups(self, rows: Rows, shape: Shape) -> AsyncIterator[list[tuple[Path, Ranges]]]:
        """Files by as many as may run side by side: each is made when its turn comes, and gone afterwards."""
        group: list[tuple[Path, Ranges]] = []
        numbers = (number for first, last in self._numbers(rows) for number in range(first, last + 1))
        for path, count in self._files(self.account.update_lines(rows, shape)):
            group.append((path, ranges(islice(numbers, count))))  # lines are in the order of hashes, as numbers are
            if len(group) == JOBS_AT_ONCE:
                yield group
                group = []
        if group:
            yield group

    def _files(self, lines: Rows) -> Iterator[tuple[Path, int]]:
        pieces, size, number = list[memoryview](), 0, 0
        for piece in self.workspace.text(lines, size=STEP):
            if pieces and (size + len(piece) > BYTES or (len(pieces) + 1) * STEP > LINES):
                yield self._file(pieces, number)
                pieces, size, number = [], 0, number + 1
            pieces.append(piece)
            size += len(piece)
        if pieces:
            yield self._file(pieces, number)

    def _file(self, pieces: Sequence[memoryview], number: int) -> tuple[Path, int]:
        path = self.workspace.folder / f"update-{number}.json"
        path.write_bytes(b"".join(pieces))
        return path, sum(bytes(piece).count(b"\n") for piece in pieces)

    async def _job(self, file: tuple[Path, Ranges]) -> bool | Ended | JobForbidden:
        """One job from start to end; False when nobody knows what became of it: the exports will tell.

        That the run is to end, or that the key may run no such job, is returned, not raised: those side by side are to
        hand in what they have begun to.
        """
        path, numbers = file
        if (reason := self.brake.reason) is not None:
            return reason
        self.record.intend_job(path, numbers)
        calls = Sending(lambda: None)
        try:
            with sending.watch(calls):
                job = await self.account.start_update(path)
            self.record.note_job(path, job)
            await self.account.finish_update(job)
        except (AccountUnavailable, ApiRejected):
            return False
        except JobForbidden as forbidden:
            self.record.drop_job(path)
            return forbidden
        except Ended as ended:
            if not calls.sent:
                self.record.drop_job(path)
            return ended
        finally:
            path.unlink(missing_ok=True)
        self.record.end_job(path)
        return True

    async def _compare(self, rows: Rows, shape: Shape, total: int) -> frozenset[int]:
        """Numbers of those that the exports show to be otherwise."""
        left: frozenset[int] = frozenset()
        for wait in SETTLING:
            await self.brake.rest(wait)
            lists = [one.list for one in shape.memberships if one == shape.registry or self._touched(rows, one.list)]
            seen = await observed.members_of(self.account, shape, lists, rows, self.workspace, self.progress)
            wrong = keep_differing(rows, seen, shape, self.workspace)
            numbers = rows.semi_join(wrong, "hash").select("number")
            left = frozenset(row["number"] for row in self.workspace.dicts(numbers, limit=max(total, 1)))
            self._wrong = wrong
            if len(left) <= FEW * total:
                break
        return left

    def _touched(self, rows: Rows, name: str) -> bool:
        return self.workspace.count(rows.filter(rows[f"join:{name}"] | rows[f"leave:{name}"]).limit(1)) > 0

    async def _sample(self, rows: Rows, shape: Shape, left: frozenset[int]) -> tuple[frozenset[int], int]:
        """Read some of those that look right, typed; the numbers of those that are not, and how many were read."""
        some = rows.order_by(values.md5(rows["hash"] + "sample"))
        chosen = [row for row in self.workspace.dicts(some, limit=SAMPLE + len(left)) if row["number"] not in left]
        upserts = [_upsert(row, shape) for row in chosen[:SAMPLE]]
        seen = await abreast.each(upserts, self._look, at_once=self.at_once)
        wrong = Verifier(shape, self.workspace).differences(list(zip(upserts, seen, strict=True)))
        return frozenset(row["number"] for row in chosen[:SAMPLE] if row["hash"] in wrong), len(upserts)

    async def _look(self, action: Upsert) -> Sighting | None:
        """The profile; None also where it could not be looked at: who is not known to be right is done one by one."""
        try:
            return await self.account.look(Ref(email=action.email), list(action.vars))
        except (AccountUnavailable, ApiRejected):
            return None


def eligible(rows: Rows, face: Face) -> Rows:
    """The upserts that a line can say, with their numbers in the walk of the plan: what a job does and may settle.

    By address; whether a line may change one is unknown (SAILTHRU.md §9.4). Where another person's profile had the
    address, somebody looks before anything is written: no job does.
    """
    first, _ = face.span(Stage.UPSERTS)
    upserts = rows.filter(rows.stage == int(Stage.UPSERTS))
    place = ibis.row_number().over(order_by=upserts["hash"])  # a stage's lines are in the order of their hashes
    numbered = upserts.mutate(number=(first + place).cast("int64"))
    by_address = numbered.email.notnull() & ~numbered.moved & numbered.holder.isnull()
    return numbered.filter(by_address)


def keep_differing(rows: Rows, seen: Rows, shape: Shape, workspace: Workspace) -> Rows:
    """`hash` of those that differ, as a table. A few vars a statement: what the engine takes grows with them."""
    parts = [
        workspace.keep(f"wrong {at}", differing(rows, seen, part).select("hash"))
        for at, part in enumerate(shape.split_by_vars())
    ]
    return workspace.keep("wrong", functools.reduce(lambda left, right: left.union(right), parts).distinct())


def differing(rows: Rows, seen: Rows, shape: Shape) -> Rows:
    """What differs in the touched fields only, by the same diff that found the changes."""
    shape = replace(shape, vars=tuple(replace(var, skip_nulls=False) for var in shape.vars), identity=None)
    wanted, there = {"hash": rows["hash"], "email": rows.email}, {}
    pairs = seen.rename("s:{name}").inner_join(rows, [("s:hash", "hash")])
    for name in ("hash", "email", "sid"):
        there[name] = pairs[f"s:{name}"]
    for var in shape.vars:
        new = values.canonical(rows[f"new:{var.name}"], var.type)
        wanted[var.column] = ibis.ifelse(rows[f"set:{var.name}"], new, ibis.null("string"))
        there[var.column] = ibis.ifelse(pairs[f"set:{var.name}"], pairs[f"s:{var.column}"], ibis.null("string"))
    for one in shape.memberships:
        touched = pairs[f"join:{one.list}"] | pairs[f"leave:{one.list}"]
        wanted[one.column] = rows[f"join:{one.list}"]
        there[one.column] = touched & pairs[f"s:{one.column}"]
    return diff.between(rows.select(**wanted), pairs.select(**there), shape)


def _upsert(row: dict[str, object], shape: Shape) -> Upsert:
    lists = {one.list: bool(row[f"join:{one.list}"]) for one in shape.memberships}
    return Upsert(
        hash=str(row["hash"]),
        email=str(row["email"]),
        sid=None,
        vars={var.name: _text(row[f"new:{var.name}"]) for var in shape.vars if row[f"set:{var.name}"]},
        lists={name: join for name, join in lists.items() if join or row[f"leave:{name}"]},
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
