"""`/job`: work that is queued and done later (SAILTHRU.md §9). What a job does is in `work`."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from reconcile.simulator import values
from reconcile.simulator.account import Account
from reconcile.simulator.bulk import Skips
from reconcile.simulator.calls import Call
from reconcile.simulator.files import File
from reconcile.simulator.model import Refusal
from reconcile.simulator.schedules import Schedule, Timetable
from reconcile.simulator.times import stamp
from reconcile.simulator.work import Steps, Work, work_for

Answer = dict[str, Any]

#: How long the URL of an export lives, in seconds (SAILTHRU.md §9.1).
URL_SECONDS: Final = 2 * 3600
_KEPT: Final = 10_000
_STEPS: Final = 8


@dataclass(slots=True)
class Job:
    """One job: pending until it starts, running until it has ended and all its work is done."""

    job_id: str
    kind: str
    work: Work
    schedule: Schedule
    api_key: str
    base_url: str
    postback_url: str = ""
    status: str = "pending"
    steps: Generator[None, None, File | None] | None = None
    file: File | None = None
    token: str = ""

    def end(self, status: Literal["completed", "error"]) -> None:
        """Say how it ended, and let go of what it worked from: uploads are large."""
        self.status = status
        self.steps = None
        self.work = replace(self.work, run=_nothing)


def _nothing(_second: int, _skips: Skips) -> Steps:
    yield
    return None


def _steps(job: Job) -> Generator[None, None, File | None]:
    """The job's work, and the writing of what it exports."""
    export = yield from job.work.run(int(job.schedule.ends), job.schedule.skips)
    if export is None:
        return None
    file = File()
    for chunk in export.chunks():
        file.append(chunk)
        yield
    return file


class Jobs:
    """The queue. Nothing happens by itself: `advance` does what is due, in the order of the ends."""

    def __init__(self, account: Account, timetable: Timetable, export_lag: float = 0) -> None:
        self._account = account
        self._timetable = timetable
        self._export_lag = export_lag
        self._open: list[Job] = []
        self._by_token: dict[str, Job] = {}
        self.jobs: dict[str, Job] = {}

    # -- the calls

    def post(self, call: Call) -> Answer:
        """`POST /job`: a new job each time (SAILTHRU.md §6)."""
        kind = values.required(call.params, "job")
        work = work_for(self._account, call, self._export_lag)
        job_id = self._account.ids.new(call.second)
        schedule = self._timetable.plan(kind, work.rows, call.at)
        job = Job(job_id, kind, work, schedule, call.api_key, call.base_url)
        job.postback_url = values.text(call.params.get("postback_url"))
        self.jobs[job_id] = job
        self._open.append(job)
        self._forget_old()
        return {"job_id": job_id, "name": work.name, **work.shown, "status": "pending"}

    def get(self, call: Call) -> Answer:
        """`GET /job`: how far it is, and where its file lies (SAILTHRU.md §9.1)."""
        job_id = values.required(call.params, "job_id")
        job = self.jobs.get(job_id)
        if job is None:
            raise Refusal(99, f"Invalid Job ID: {job_id}", self._account.guesses.unknown_job)
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
        if job.status == "completed" and job.work.filename:
            answer["filename"] = job.work.filename
            if at - job.schedule.ends < URL_SECONDS:
                answer["export_url"] = f"{base_url}/_sim/export/{job.token}"
            else:
                answer["expired"] = True
        return answer

    # -- the work

    def advance(self, now: float, going: int = _STEPS) -> list[Job]:
        """Start and end what is due by now; gives the jobs that ended.

        A job that is new here gets a stretch of steps, which is enough for thousands of rows; one that is under way
        gets `going` steps, so that a large one can be done bit by bit, between other calls.
        """
        if not self._open:
            return []
        for job in self._open:
            if job.status == "pending" and job.schedule.starts <= now:
                job.status = "running"
        due = [j for j in self._open if j.schedule.ends <= now and j.schedule.outcome != "stalled"]
        due.sort(key=lambda job: job.schedule.ends)
        ended = [job for job in due if self._ended(job, _STEPS if job.steps is None else going)]
        for job in ended:
            self._open.remove(job)
        return ended

    def busy(self, now: float) -> bool:
        """Whether work is due that the last `advance` has not finished, or somebody waits for a postback."""
        return self.due(now) or any(job.postback_url and job.schedule.outcome != "stalled" for job in self._open)

    def due(self, now: float) -> bool:
        """Whether work is due that the last `advance` has not finished."""
        return any(j.schedule.ends <= now and j.schedule.outcome != "stalled" for j in self._open)

    def _ended(self, job: Job, steps: int) -> bool:
        """Work on a job for so many steps; whether it has ended."""
        if job.schedule.outcome == "error":
            job.end("error")
            return True
        if job.steps is None:
            job.steps = _steps(job)
        try:
            for _ in range(steps):
                next(job.steps)
        except StopIteration as stop:
            self._complete(job, stop.value)
            return True
        except Refusal:
            job.end("error")
            return True
        return False

    def _complete(self, job: Job, file: File | None) -> None:
        job.end("completed")
        if file is not None:
            job.file = file
            job.token = self._account.ids.token("export", job.job_id)
            self._by_token[job.token] = job

    # -- the files

    def download(self, token: str, now: float) -> Job | None:
        """The job whose file lies at this URL, while it lies there."""
        self._expire(now)
        return self._by_token.get(token)

    def _expire(self, now: float) -> None:
        """Let go of files whose time is up."""
        for token, job in list(self._by_token.items()):
            if now - job.schedule.ends >= URL_SECONDS:
                del self._by_token[token]
                job.file = None

    def _forget_old(self) -> None:
        if len(self.jobs) > _KEPT:
            oldest = next(iter(self.jobs.values()))
            del self.jobs[oldest.job_id]
            self._by_token.pop(oldest.token, None)
            self._open = [job for job in self._open if job is not oldest]
