"""`/job`: work that is queued and done later (SAILTHRU.md §9). What a job does is in `work`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from reconcile.simulator import values
from reconcile.simulator.account import Account
from reconcile.simulator.calls import Call
from reconcile.simulator.exports import Export
from reconcile.simulator.model import Refusal
from reconcile.simulator.times import stamp
from reconcile.simulator.work import Work, work_for

Answer = dict[str, Any]

#: How long the URL of an export lives, in seconds (SAILTHRU.md §9.1).
URL_SECONDS: Final = 2 * 3600
_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job starts and ends (Unix seconds), and how. A stalled job never ends."""

    starts: float
    ends: float
    outcome: Literal["completed", "error", "stalled"] = "completed"


@dataclass(slots=True)
class Job:
    """One job: pending until it starts, running until it ends."""

    job_id: str
    kind: str
    work: Work
    schedule: Schedule
    postback_url: str = ""
    status: str = "pending"
    export: Export | None = None
    token: str = ""


class Jobs:
    """The queue. Nothing happens by itself: `advance` does what is due, in the order of the ends."""

    def __init__(self, account: Account, schedule: Callable[[str, str, int, float], Schedule]) -> None:
        self._account = account
        self._schedule = schedule
        self._open: list[Job] = []
        self._by_token: dict[str, Job] = {}
        self.jobs: dict[str, Job] = {}

    def post(self, call: Call) -> Answer:
        """`POST /job`: a new job each time (SAILTHRU.md §6)."""
        work = work_for(self._account, call)
        job_id = self._account.ids.new(call.second)
        kind = values.text(call.params["job"])
        schedule = self._schedule(kind, job_id, work.rows, call.at)
        job = Job(job_id, kind, work, schedule, values.text(call.params.get("postback_url")))
        self.jobs[job_id] = job
        self._open.append(job)
        self._forget_old()
        return {"job_id": job_id, "name": work.name, **work.shown, "status": "pending"}

    def get(self, call: Call) -> Answer:
        """`GET /job`: how far it is, and where its file lies (SAILTHRU.md §9.1)."""
        job_id = values.required(call.params, "job_id")
        job = self.jobs.get(job_id)
        if job is None:
            raise Refusal(99, f"Invalid Job ID: {job_id}")
        return self.told(job, call.at, call.base_url)

    def told(self, job: Job, at: float, base_url: str) -> Answer:
        """What the API tells of a job."""
        zone = self._account.zone
        shown = {k: v for k, v in job.work.shown.items() if k == "list"}
        answer: Answer = {"job_id": job.job_id, "name": job.work.name, **shown, "status": job.status}
        if job.status != "pending":
            answer["start_time"] = stamp(int(job.schedule.starts), zone)
        if job.status in {"completed", "error"}:
            answer["end_time"] = stamp(int(job.schedule.ends), zone)
        if job.export is not None:
            answer["filename"] = job.work.filename
            if at - job.schedule.ends < URL_SECONDS:
                answer["export_url"] = f"{base_url}/_sim/export/{job.token}"
            else:
                answer["expired"] = True
        return answer

    def advance(self, now: float) -> list[Job]:
        """Start and end what is due by now; the jobs that ended."""
        if not self._open:
            return []
        for job in self._open:
            if job.schedule.starts <= now:
                job.status = "running"
        due = [j for j in self._open if j.schedule.ends <= now and j.schedule.outcome != "stalled"]
        due.sort(key=lambda job: job.schedule.ends)
        for job in due:
            self._open.remove(job)
            self._end(job)
        return due

    def _end(self, job: Job) -> None:
        if job.schedule.outcome == "error":
            job.status = "error"
            return
        job.export = job.work.run(int(job.schedule.ends))
        job.status = "completed"
        if job.export is not None:
            job.token = self._account.ids.token("export", job.job_id)
            self._by_token[job.token] = job

    def download(self, token: str, now: float) -> Job | None:
        """The job whose file lies at this URL, while it lies there."""
        job = self._by_token.get(token)
        if job is not None and now - job.schedule.ends >= URL_SECONDS:
            self._expire(job)
            return None
        return job

    def _expire(self, job: Job) -> None:
        del self._by_token[job.token]

    def _forget_old(self) -> None:
        if len(self.jobs) > _KEPT:
            oldest = next(iter(self.jobs.values()))
            del self.jobs[oldest.job_id]
            self._by_token.pop(oldest.token, None)
            self._open = [job for job in self._open if job is not oldest]
