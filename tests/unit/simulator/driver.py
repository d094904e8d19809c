"""What the simulator's tests share: a virtual clock, and a client that speaks to it in process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from wire.simulated import parameters

from reconcile.simulator import Faults, Simulator

START = 1_600_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Driver:
    """Signed calls, one at a time or side by side, to a simulator with a virtual clock."""

    def __init__(self, faults: dict[str, Any] | Faults | None = None, **options: Any) -> None:
        if isinstance(faults, dict):
            faults = Faults.model_validate(faults)
        self.clock = Clock()
        self.sim = Simulator(faults=faults, clock=self.clock, **options)
        self.account = self.sim.account

    def call(
        self, method: str, endpoint: str, payload: Any = None, *, file: bytes | None = None, **signing: str
    ) -> httpx.Response:
        return asyncio.run(self.acall(method, endpoint, payload, file=file, **signing))

    async def acall(
        self, method: str, endpoint: str, payload: Any = None, *, file: bytes | None = None, **signing: str
    ) -> httpx.Response:
        sent = parameters({} if payload is None else payload, **signing)
        async with self.client() as client:
            if method == "POST":
                return await client.post(endpoint, data=sent, files=None if file is None else {"file": file})
            return await client.request(method, endpoint, params=sent)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self.sim.transport(), base_url="https://api.sailthru.test")

    def raw(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, url, **options)

        return asyncio.run(send())

    def together(self, *calls: tuple[str, str, Any]) -> list[httpx.Response]:
        async def all_of_them() -> list[httpx.Response]:
            return await asyncio.gather(*(self.acall(*call) for call in calls))

        return asyncio.run(all_of_them())

    def ok(self, method: str, endpoint: str, payload: Any = None, **options: Any) -> Any:
        answer = self.call(method, endpoint, payload, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def no(self, method: str, endpoint: str, payload: Any = None, **options: Any) -> tuple[int, int, str]:
        """Status, error code and words of a call that is refused."""
        answer = self.call(method, endpoint, payload, **options)
        body = answer.json()
        assert set(body) == {"error", "errormsg"}, answer.text
        return answer.status_code, body["error"], body["errormsg"]

    def person(self, email: str = "ada@example.com", **more: Any) -> str:
        """Make or change somebody; the sid."""
        body = self.ok("POST", "/user", {"id": email, "key": "email", **more, "fields": {"keys": 1}})
        return str(body["keys"]["sid"])

    def look(self, email: str = "ada@example.com", **fields: Any) -> Any:
        return self.ok("GET", "/user", {"id": email, "key": "email", **({"fields": fields} if fields else {})})

    def job(self, params: Any, *, file: str | bytes | None = None) -> Any:
        """Start a job and look at it once more."""
        content = file.encode() if isinstance(file, str) else file
        started = self.ok("POST", "/job", params, file=content)
        assert started["status"] == "pending"
        return self.ok("GET", "/job", {"job_id": started["job_id"]})

    def export(self, name: str, **more: Any) -> str:
        told = self.job({"job": "export_list_data", "list": name, **more})
        answer = self.raw("GET", told["export_url"])
        assert answer.status_code == 200
        return answer.text

    @staticmethod
    def lines(*objects: Any) -> str:
        return "".join(json.dumps(line) + "\n" for line in objects)
