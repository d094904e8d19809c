"""What runs there were, and what came of each: from what they left in the store. People are in it as masks only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from reconcile.apply import audit, journal, lease, reporting, runs
from reconcile.apply.journal import Past
from reconcile.apply.records import Damaged, dump_record, load_record
from reconcile.apply.store import Store
from reconcile.errors import PlanUnusable, RunUnknown
from reconcile.plan.model import Face, SpecChange

_FACTS = ("plan_id", "created_at", "environment", "kind", "spec_digest", "mode", "counts", "causes", "spec_changes")


class _KeptFacts(BaseModel):
    """What `plan.json` holds; versions before wrote less."""

    plan_id: str = ""
    created_at: str = ""
    environment: str | None = None
    kind: str = ""
    spec_digest: str = ""
    mode: str = ""
    counts: dict[str, int] = {}
    causes: dict[str, int] = {}
    spec_changes: list[SpecChange] = []


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Args:
        name: of its folder: when its plan was made, and its id.
        plan: what its plan said: id, kind, counts, causes; empty where it was not kept.
        report: what came of its last attempt; None while none has ended by itself.
        kept: the plan itself is in the state, sealed: the run can be taken back by its name.
        damaged: its files that are not what was written, by their keys in the store; nothing of them is believed.
    """

    name: str
    plan: Mapping[str, Any]
    report: Mapping[str, Any] | None
    kept: bool = False
    damaged: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """In a word or two."""
        if self.report is None:
            return "not known" if any(key.endswith(runs.REPORT) for key in self.damaged) else "not ended"
        if self.report.get("converged"):
            return "converged"
        return "stopped" if self.report.get("stopped") else "in part"

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        facts = {"run": self.name, "outcome": self.outcome, "plan": dict(self.plan), "plan_kept": self.kept}
        return facts | {"report": self.report, "damaged": list(self.damaged)}


@dataclass(frozen=True, slots=True)
class Status:
    """A run with how far its actions are: settled ones, those of which nobody knows, and attempts at it."""

    run: Run
    total: int
    settled: int
    doubtful: int
    attempts: int

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        facts = {"total": self.total, "settled": self.settled, "doubtful": self.doubtful, "attempts": self.attempts}
        return self.run.as_json() | facts


def facts(face: Mapping[str, Any]) -> bytes:
    """What is kept of a plan's face beside its run."""
    return dump_record({name: face[name] for name in _FACTS})


def listed(store: Store, account: str, *, limit: int) -> Sequence[Run]:
    """The last runs, the latest first."""
    there = _there(store, account)
    return [_run(store, account, name, there[name]) for name in [*there][: -limit - 1 : -1]]


def status(store: Store, account: str, asked: str) -> Status:
    """One run.

    Args:
        asked: its name, the id of its plan, the beginning of either, or `last`.

    Raises:
        RunUnknown: there is none, or several.
    """
    run = _asked(store, account, asked)
    past = _past(store, account, run.name)
    settled = past.settled(0, past.total)
    # After an end in order the journal knows what may have been done; else it may lack its last words.
    doubtful = past.count_in_doubt() if past.orderly else past.total - settled
    return Status(run, past.total, settled, doubtful, past.attempts)


def plan(store: Store, account: str, asked: str, folder: Path) -> Path:
    """The plan of a run as a file in a folder, sealed as it is kept.

    Args:
        asked: as for `status`.

    Raises:
        RunUnknown: there is none, or several.
        PlanUnusable: the run is known, and its plan is not kept, or what is kept is not its plan.
    """
    from reconcile.plan import archive  # brings the engine, which nobody needs to list runs

    run = _asked(store, account, asked)
    to = folder / f"{run.name}.rplan"
    if not store.fetch(runs.key(account, "runs", run.name, runs.SEALED), to):
        made, _, plan_id = run.name.partition("-")
        raise PlanUnusable(
            f"The plan {plan_id} (made at {run.plan.get('created_at', made)}) was not sealed, so {store.told} has not"
            " kept it.",
            hint="Give its file: reconcile rollback FILE. Plans that are made with --seal are kept when applied.",
        )
    if runs.of(Path(), archive.read(to).face).name != run.name:
        raise PlanUnusable(f"What {store.told} keeps as the plan of the run {run.name} is another one's.")
    return to


def past(store: Store, face: Face) -> tuple[str, Past]:
    """The run of a plan, by its name, and what its journal says.

    Raises:
        PlanUnusable: the plan was not applied from here, or nothing of it is known to have been done.
    """
    name = runs.of(Path(), face).name
    found = _past(store, face.account.name, name)
    if not found.attempts:
        raise PlanUnusable(
            f"This plan was not applied, as far as {store.told} tells.",
            hint="Give the file of the plan that was applied, and the --state that it was applied with.",
        )
    if not found.settled(0, found.total):
        raise PlanUnusable(f"Nothing of this plan is known to have been done, as far as the run {name} tells.")
    return name, found


def end_cut_off(store: Store, account: str, run: str, at: str) -> audit.Last:
    """The end of the audit; where its last entry is the beginning of another run, that run gets its end first.

    Nobody else is at work (the lease is held), so that run was killed, or could not reach the state at its end.

    Args:
        run: that is about to begin: one that is gone on with tells its end itself.
        at: the time that is noted.

    Raises:
        StoreUnavailable: the state cannot be reached, or written.
    """
    last = audit.last(store, account)
    begun = last.entry
    if begun is None or begun.step is not audit.Step.BEGUN or begun.run == run:
        return last
    past = _past(store, account, begun.run)
    facts = {"step": audit.Step.ENDED, "at": at, "by": lease.myself(), "actor": "", "job": "", "digest": ""}
    ended = begun.model_copy(update={**facts, "status": past.status, "outcomes": past.count_outcomes()})
    return audit.Last.of(audit.append(store, account, ended, after=last))


def _past(store: Store, account: str, name: str) -> Past:
    kept = store.get(runs.key(account, "runs", name, "journal.ndjson"))
    return journal.parsed(kept.content.splitlines(keepends=True))[0] if kept else Past()


def _is(name: str, asked: str) -> bool:
    return name.startswith(asked) or name.partition("-")[2].startswith(asked)


def _asked(store: Store, account: str, asked: str) -> Run:
    there = _there(store, account)
    names = [*there]
    found = names[-1:] if asked == "last" else [name for name in names if _is(name, asked)]
    if len(found) != 1:
        told = ", ".join(found[-5:]) if found else "none"
        raise RunUnknown(
            f"{'No run is' if not found else f'{len(found)} runs are'} called {asked!r} in {store.told}.",
            hint=f"There are: {', '.join(names[-5:]) or 'none'}." if not found else f"Say which: {told}.",
        )
    return _run(store, account, found[0], there[found[0]])


def _there(store: Store, account: str) -> Mapping[str, Collection[str]]:
    """The files of each run, the earliest first."""
    base = f"{runs.key(account, 'runs')}/"
    there: dict[str, set[str]] = {}
    for key in store.list(base):
        name, _, file = key.removeprefix(base).partition("/")
        there.setdefault(name, set()).add(file)
    return dict(sorted(there.items()))


def _run(store: Store, account: str, name: str, files: Collection[str]) -> Run:
    plan, lost = _load(store, runs.key(account, "runs", name, runs.FACTS), _load_facts)
    report, lost_too = _load(store, runs.key(account, "runs", name, runs.REPORT), reporting.load_report)
    return Run(name, plan or {}, report, kept=runs.SEALED in files, damaged=(*lost, *lost_too))


def _load(
    store: Store, key: str, load: Callable[[bytes], Mapping[str, Any]]
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """What a file says, if it is there; and its key, where it is not what was written."""
    kept = store.get(key)
    try:
        return (load(kept.content) if kept else None), ()
    except Damaged:
        return None, (key,)


def _load_facts(content: bytes) -> Mapping[str, Any]:
    said = load_record(content, _FACTS)
    try:
        _KeptFacts.model_validate(said)
    except ValidationError:
        raise Damaged("a value that no plan has") from None
    return said
