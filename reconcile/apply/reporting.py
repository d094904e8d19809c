"""What is left of a run for machines: `report.json` at its end, `events.ndjson` on its way. People only as masks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import IO, Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from reconcile.apply.model import BAD, Events, Receipt, Report
from reconcile.apply.pace import Pace
from reconcile.apply.records import Damaged, dump_record, load_record
from reconcile.plan.model import Stage


class _KeptReceipt(BaseModel):
    model_config = ConfigDict(strict=True)

    what: str
    who: str
    outcome: str
    why: str


class _KeptPace(BaseModel):
    model_config = ConfigDict(strict=True)

    stage: str
    done: int
    total: int
    seconds: float


class _KeptReport(BaseModel):
    """What `report.json` holds, as far as anybody here reads it; versions before wrote less."""

    model_config = ConfigDict(strict=True)

    run: str = ""
    plan_id: str = ""
    by: str = ""
    ended_at: str = ""
    converged: bool = False
    status: int = 0
    stopped: str = ""
    total: int = 0
    earlier: int = 0
    outcomes: dict[str, int] = {}
    attempted: int = 0
    written: int = 0
    looked_at: int = 0
    in_doubt: int = 0
    unattempted: int = 0
    examples: list[_KeptReceipt] = []
    notes: list[str] = []
    allowed: list[str] = []
    stages: list[_KeptPace] = []
    calls: dict[str, int] = {}
    retries: dict[str, int] = {}
    waited: dict[str, float] = {}
    paused: float = 0.0
    seconds: float = 0.0
    audit: dict[str, str] = {}


def load_report(content: bytes) -> dict[str, Any]:
    """What `report.json` says.

    Raises:
        Damaged: it is not what was written.
    """
    said = load_record(content, _KeptReport.model_fields)
    try:
        _KeptReport.model_validate(said)
    except ValidationError:
        raise Damaged("a value that no report has") from None
    if not all(number.isascii() and number.isdecimal() and len(number) < 16 for number in said.get("audit", {})):
        raise Damaged("an entry without a number")
    return said


def as_json(report: Report) -> dict[str, Any]:
    """A report as plain data."""
    return {
        "run": report.run,
        "plan_id": report.plan_id,
        "by": report.by,
        "ended_at": report.ended_at,
        "converged": report.converged,
        "status": report.exit_status,
        "stopped": report.stopped,
        "total": report.total,
        "earlier": report.earlier,
        "outcomes": outcomes(report),
        "attempted": report.attempted,
        "written": report.written,
        "looked_at": report.looked_at,
        "in_doubt": report.in_doubt,
        "unattempted": report.unattempted,
        "examples": [receipt_json(one) for one in report.examples],
        "notes": list(report.notes),
        "allowed": list(report.allowed),
        "stages": [pace_json(one) for one in report.paces],
        "calls": dict(report.calls),
        "retries": {str(cause): count for cause, count in report.retries.items()},
        "waited": dict(report.waited),
        "paused": round(report.paused, 1),
        "seconds": report.seconds,
        "audit": {str(number): digest for number, digest in report.audit.items()},
    }


def outcomes(report: Report) -> dict[str, int]:
    """Receipts by outcome."""
    return {str(outcome): count for outcome, count in report.outcomes.items()}


def as_bytes(report: Report) -> bytes:
    """A report as `report.json` has it."""
    return dump_record(as_json(report))


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """What came of one action."""
    return {"what": receipt.what, "who": receipt.who, "outcome": str(receipt.outcome), "why": receipt.why}


def pace_json(pace: Pace) -> dict[str, Any]:
    """How far a stage is."""
    return {
        "stage": pace.stage.name.lower(),
        "done": pace.done,
        "total": pace.total,
        "seconds": round(pace.seconds, 1),
        "rate": round(pace.rate, 1),
        "left": None if pace.left is None else round(pace.left),
        "waited": dict(pace.waited),
        "finished": pace.finished,
        "attempted": pace.attempted,
        "written": pace.written,
        "looked_at": pace.looked_at,
    }


class Recorder:
    """Keeps what is told during a run, a JSON object a line, and passes it on. Satisfies `apply.model.Events`.

    Of receipts only those that did not end well: the others are numbers in the journal.

    Args:
        file: opened to append.
        then: who hears of it next.
        now: the time that is noted.
    """

    def __init__(self, file: IO[bytes], then: Events, now: Callable[[], datetime]) -> None:
        self._file = file
        self._then = then
        self._now = now
        self._is_full = False

    def write(self, event: str, **facts: Any) -> None:
        """Keep one event; where there is no room for it, the run goes on without: its journal decides that."""
        if self._is_full:
            return
        at = self._now().isoformat(timespec="milliseconds")
        try:
            self._file.write(orjson.dumps({"at": at, "event": event, **facts}, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()
        except OSError:
            self._is_full = True

    def start(self, step: str, total: int | None = None, unit: str = "rows") -> None:
        """A step begins."""
        self.write("step", step=step, done=0, total=total, unit=unit)
        self._then.start(step, total, unit)

    def advance(self, step: str, by: int = 1, *, size: int = 0) -> None:
        """Not kept: it is told too often."""
        self._then.advance(step, by, size=size)

    def finish(self, step: str) -> None:
        """A step has ended."""
        self.write("step", step=step, finished=True)
        self._then.finish(step)

    def stage(self, stage: Stage, total: int) -> None:
        """A stage begins."""
        self.write("stage", stage=stage.name.lower(), total=total)
        self._then.stage(stage, total)

    def receipt(self, receipt: Receipt) -> None:
        """An action has its receipt."""
        if receipt.outcome in BAD:
            self.write("receipt", **receipt_json(receipt))
        self._then.receipt(receipt)

    def settled(self, count: int) -> None:
        """So many actions went by job."""
        self.write("settled", count=count)
        self._then.settled(count)

    def written(self, count: int) -> None:
        """Not kept: it is told too often."""
        self._then.written(count)

    def pace(self, pace: Pace) -> None:
        """A stage has got so far."""
        self.write("pace", **pace_json(pace))
        self._then.pace(pace)

    def paused(self, why: str, until: str) -> None:
        """The account is down."""
        self.write("paused", why=why, until=until)
        self._then.paused(why, until)

    def resumed(self, seconds: float) -> None:
        """The account is back."""
        self.write("resumed", seconds=round(seconds, 1))
        self._then.resumed(seconds)
