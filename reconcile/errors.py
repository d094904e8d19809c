"""Everything that can go wrong, grouped by what the caller can do about it.

    ReconcileError                    1   something of ours; the message says what, where, how many, what now
    ├── SpecInvalid                  65   mend the spec; holds every problem found, not the first
    ├── TemplateFailed               65   mend a template (or the data): it fails on some rows; says how, never on what
    ├── SourceUnavailable            69   mend the database, the file, or the way to it
    │   ├── SourceEmpty              69   a source without rows is a broken source until somebody says otherwise
    │   ├── SourceBroken             69   a source's rows are not what its contract says, and the spec says stop
    │   └── ValuesUnfit              69   values of a property do not fit its type, and the spec says `strict`
    ├── CommentFailed                69   a plan's comment: the code host cannot be reached, or refuses, or is not known
    ├── EngineUnavailable            69   the engine of the spec is not installed, or cannot be reached
    ├── AccountUnavailable           69   Sailthru cannot be reached, or is down: come back later
    │   └── AnswerGarbled            69   what answers is not as Sailthru answers: it says nothing and proves nothing
    ├── CredentialsRefused           77   a key, secret or address is missing or refused
    ├── AccountUnfit                  1   the account is in a state no plan can be right for (twin lists, smart list)
    │   ├── TwinLists                 1   two lists under one name
    │   └── ExportBroken              1   the file of an export is no whole list: have it made again
    ├── ApiRejected                   1   Sailthru said no, in its own words, and asking again will not help
    ├── GuardBreached                 3   the plan does more than the spec's guards let through
    ├── ApprovalExceeded              3   the plan does more than the approval that it was to stay within
    ├── ApprovalUnreadable           65   mend the approval: its file is not there, or is none
    ├── EnvironmentUnfit             64   mend a variable of the environment: a proxy, certificates, a key; says which
    ├── AllowanceUnfit               64   an `--allow` that no guard knows
    ├── NameUnknown                  64   a name that the spec does not have
    ├── LimitUnfit                   64   a memory limit that cannot be read, or that nothing can work within
    ├── MemoryShort                  71   the engine needs more memory than its limit
    ├── Unwritten                    74   something of ours cannot be written: a folder that is not there, or not ours
    │   └── DiskFull                 74   a disk has no room left: says which, and how much is free
    ├── StoreUnavailable             69   the state store cannot be reached, or refuses; nothing of the account is lost
    │   └── StoreUnwritable          74   the folder of the state cannot be written: it is full, read-only, or not ours
    ├── AuditBroken                   5   the audit was edited or cut: says at which entry
    ├── RunUnknown                   64   a run that nobody has heard of, or a name that several have
    ├── AccountBusy                   6   another apply is at work on the account: wait for it
    ├── ObservationUnusable           5   a kept observation that is damaged, of another account, or lacks something
    └── PlanUnusable                  5   a plan file that is damaged, edited, foreign, expired, or already applied

No message here ever holds a person's address or value: whoever raises masks first (`state.masks`).
The number is the exit status of the command line; 0, 2, 4, 7 and all but one 64 come from outcomes, 8 and 9 from runs
that end before their plan does (`apply.endings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ReconcileError(Exception):
    """The root of all errors that we raise on purpose.

    Args:
        message: what went wrong and where, in one sentence, without personal data.
        hint: what to do now, in one sentence; shown on a line of its own.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """A place in a spec file: 1-based line and column, and the text of that line (without its end)."""

    file: str
    line: int
    column: int
    text: str = ""

    def __str__(self) -> str:
        """`file:line:column`, the form that editors and terminals make a link of."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a spec: the sentence, the place (None when there is no place), and what was meant."""

    message: str
    where: Where | None = None
    hint: str | None = None


class SpecInvalid(ReconcileError):
    """The spec cannot be used; `problems` holds all that was found, in the order of files and lines."""

    exit_status = 65

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(
            self.problems[0].message if count == 1 else f"The spec has {count} problems.",
            hint=self.problems[0].hint if count == 1 else None,
        )


class TemplateFailed(ReconcileError):
    """A template fails on the data.

    Args:
        message: how it fails and for how many rows, without any value.
        rows: for how many of the rows that it was given.
    """

    exit_status = 65

    def __init__(self, message: str, *, rows: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rows = rows


class SourceUnavailable(ReconcileError):
    """A source cannot be read: unreachable, no such table, no such file, a query the database refuses."""

    exit_status = 69


class SourceEmpty(SourceUnavailable):
    """A source answered without a single row."""


class SourceBroken(SourceUnavailable):
    """Contracts of sources are violated, and say `on_violation: stop`; nothing was planned.

    Args:
        violations: a sentence for each, with source, figure, limit and place.
    """

    def __init__(self, violations: Sequence[str]) -> None:
        self.violations = tuple(violations)
        told = "; ".join(self.violations)
        hint = "Mend the source, or the contract; with on_violation: hold_deletes all is planned but removals."
        super().__init__(f"{told[:1].upper()}{told[1:]}.", hint=hint)


class ValuesUnfit(SourceUnavailable):
    """Values do not fit the types of properties that are `strict`; nothing was planned.

    Args:
        misfits: a sentence for each property, with its place, how many, and what such values look like.
    """

    def __init__(self, misfits: Sequence[str]) -> None:
        self.misfits = tuple(misfits)
        hint = "Mend them where they come from; without strict they are counted, and left as they are at Sailthru."
        super().__init__(" ".join(self.misfits), hint=hint)


class CommentFailed(ReconcileError):
    """A plan's comment could not be made or kept: the code host cannot be reached, refuses, or is not known."""

    exit_status = 69


class EngineUnavailable(ReconcileError):
    """The engine that a spec asks for is not installed, does not start, or does not answer."""

    exit_status = 69


class AccountUnavailable(ReconcileError):
    """Sailthru did not answer within all tries: names, connections, 5xx, maintenance, 429 without end."""

    exit_status = 69


class AnswerGarbled(AccountUnavailable):
    """No answer in all tries had a shape that Sailthru's answers have: what was asked about is not known."""


class CredentialsRefused(ReconcileError):
    """A credential is missing (an unset variable) or refused (Sailthru errors 3, 4, 5; SAILTHRU.md §4.4)."""

    exit_status = 77


class JobForbidden(CredentialsRefused):
    """The key may not run one kind of job: nothing was done by it (SAILTHRU.md §4.4)."""


class AccountUnfit(ReconcileError):
    """The account is in a state that no plan can be right for."""


class TwinLists(AccountUnfit):
    """Two or more lists share one name: the name is the key of every membership call (SAILTHRU.md §8.4)."""


class ExportBroken(AccountUnfit):
    """The file of a list's export has a record that cannot be right, or is no export at all; never a smaller list.

    Args:
        lists: the lists it may be.
        what: what is wrong, as the end of a sentence, without any value.
        record: which record, the header being the first; None where nobody knows.
    """

    def __init__(self, lists: Sequence[str], what: str, *, record: int | None = None) -> None:
        told, place = ", ".join(f'"{name}"' for name in lists), f" at record {record:,}" if record else ""
        super().__init__(
            f"The export of the list {told} is broken{place}: {what}.",
            hint="A list is taken whole or not at all. Try again, a new export is made then; "
            "if it comes broken again, ask Sailthru's support.",
        )


class ApiRejected(ReconcileError):
    """A final answer of Sailthru: asking again will not help.

    Args:
        message: the sentence for a person, masked.
        code: Sailthru's error number, None where the answer had none.
        status: the HTTP status.
    """

    def __init__(self, message: str, *, code: int | None, status: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status


class GuardBreached(ReconcileError):
    """A plan exceeds limits of its spec; nothing has been written.

    Args:
        breaches: a sentence for each, with figure, limit, place and the way out.
    """

    exit_status = 3

    def __init__(self, breaches: Sequence[str]) -> None:
        self.breaches = tuple(breaches)
        count = len(self.breaches)
        super().__init__(
            f"{'A guard blocks' if count == 1 else f'{count} guards block'} this plan, and nothing was written.",
            hint="Mend what is wrong, change the limit in the spec, or allow it this once.",
        )


class ApprovalExceeded(ReconcileError):
    """A plan does not stay within an approval; nothing has been written.

    Args:
        misfits: a sentence for each, with figure and limit.
    """

    exit_status = 3

    def __init__(self, misfits: Sequence[str]) -> None:
        self.misfits = tuple(misfits)
        super().__init__(
            "This plan goes beyond what was approved, and nothing was written.",
            hint="Look at it (reconcile plan --out FILE), and approve it if it is right (reconcile approve FILE).",
        )


class ApprovalUnreadable(ReconcileError):
    """The file of an approval is not there, or is none."""

    exit_status = 65


class EnvironmentUnfit(ReconcileError):
    """A variable of the environment whose value cannot be used; the message names it, and never shows a secret."""

    exit_status = 64


class AllowanceUnfit(ReconcileError):
    """An `--allow` that cannot be read, or names a rule or scope that is not there."""

    exit_status = 64


class NameUnknown(ReconcileError):
    """A name on the command line that the spec does not have."""

    exit_status = 64


class LimitUnfit(ReconcileError):
    """A memory limit that cannot be read, is too small to work with, or is more than there is."""

    exit_status = 64


class MemoryShort(ReconcileError):
    """The engine could not do with the memory it was given, spilling included."""

    exit_status = 71


class Unwritten(ReconcileError):
    """A file or folder of ours cannot be written; nothing half-written is left."""

    exit_status = 74


class DiskFull(Unwritten):
    """A disk (or a quota on it) has no room left."""


class StoreUnavailable(ReconcileError):
    """The state store cannot be reached, is not installed, or refuses."""

    exit_status = 69


class StoreUnwritable(StoreUnavailable):
    """The folder that is the state store cannot be written."""

    exit_status = 74


class AuditBroken(ReconcileError):
    """The audit is not what was written.

    Args:
        findings: a sentence for each, with the number of the entry.
    """

    exit_status = 5

    def __init__(self, findings: Sequence[str]) -> None:
        self.findings = tuple(findings)
        super().__init__(
            f"The audit is not what was written: {'; '.join(self.findings)}.",
            hint="Ask who may write to the state store; earlier versions, where it keeps them, tell what was.",
        )


class RunUnknown(ReconcileError):
    """No run has this name, or several have."""

    exit_status = 64


class AccountBusy(ReconcileError):
    """Another apply holds the account's lease; nothing has been written."""

    exit_status = 6


class PlanUnusable(ReconcileError):
    """A plan file that may not be applied or cannot be read; nothing has been written."""

    exit_status = 5


class ObservationUnusable(ReconcileError):
    """A kept observation that no plan can be made from: damaged, of another account, or without what is managed."""

    exit_status = 5
