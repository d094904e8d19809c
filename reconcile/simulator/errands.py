"""What is to be done besides answering: the work of large jobs, postbacks, and files that a job is to fetch.

Only loopback is ever called: a simulator reaches nobody else (SAILTHRU.md §9.1, §9.2, §11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from reconcile.simulator import signing
from reconcile.simulator.calls import Call
from reconcile.simulator.jobs import Job, Jobs
from reconcile.simulator.model import Refusal
from reconcile.simulator.values import text

_PAUSE: Final = 0.02


class Errands:
    """Runs in the background of whatever event loop the calls come in on, while there is something to do."""

    def __init__(self, jobs: Jobs, keys: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._jobs = jobs
        self._keys = keys
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None

    def run(self, now: float) -> None:
        """Do what is due, and see to it that the rest gets done."""
        self._tell(self._jobs.advance(now, going=1) if self._working else self._jobs.advance(now))
        self.watch(now)

    def watch(self, now: float) -> None:
        """See to it that what is due gets done, or is told of, without a further call."""
        if self._jobs.busy(now) and not self._working:
            self._worker = self._start(self._work())

    async def give_way(self) -> None:
        """Let the background have its turn: calls in process need not pause by themselves."""
        if self._working:
            await asyncio.sleep(0)

    @property
    def _working(self) -> bool:
        """Whether somebody works in the background; who did so in a loop that is closed does no more."""
        worker = self._worker
        return worker is not None and not worker.done() and not worker.get_loop().is_closed()

    async def _work(self) -> None:
        while self._jobs.busy(now := self._clock()):
            self._tell(self._jobs.advance(now, going=1))
            await asyncio.sleep(0 if self._jobs.due(now) else _PAUSE)

    def _tell(self, ended: list[Job]) -> None:
        for job in ended:
            if job.postback_url and on_loopback(job.postback_url):
                self._start(self._postback(job))

    async def _postback(self, job: Job) -> None:
        """The body of `GET /job` as a signed form (SAILTHRU.md §11)."""
        from reconcile.simulator.transport import post_form

        told = self._jobs.told(job, self._clock(), job.base_url)
        form = {**{name: text(value) for name, value in told.items()}, "api_key": job.api_key}
        form["sig"] = signing.signature(self._keys.get(job.api_key, ""), form.values())
        await post_form(job.postback_url, form)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def on_loopback(url: str) -> bool:
    """Whether this URL is on this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def fetch_for(call: Call) -> None:
    """The file that a job names by `url`, as if it had been uploaded.

    A file that cannot be had is an error.
    """
    url = text(call.params.get("url"))
    if not url:
        return
    if not on_loopback(url):
        raise Refusal(99, "The simulator fetches only from loopback addresses")
    from reconcile.simulator.transport import fetch

    call.file = await fetch(url)
    if call.file is None:
        raise Refusal(99, f"Unable to fetch {url}")
