"""On a real socket: the faults of the network, the files, the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from wire.simulated import call, parameters

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

ADA = {"id": "ada@example.com", "key": "email"}


def faulty(**faults: object) -> Simulator:
    return Simulator(faults=Faults.model_validate({"hang_seconds": 0.1, **faults}))


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("unresolved", httpx.RemoteProtocolError),
        ("reset", httpx.ReadError),
        ("connect-timeout", httpx.RemoteProtocolError),
        ("timeout-after-commit", httpx.RemoteProtocolError),
    ],
)
def test_a_network_that_fails_is_played_on_the_connection(fault: str, raised: type[Exception]) -> None:
    sim = faulty(calls=[{"fault": fault, "times": 1}])
    with running(sim) as base_url, httpx.Client(base_url=base_url) as client:
        with pytest.raises(raised):
            call(client, "POST", "/user", ADA)
        assert len(sim.account.profiles) == (fault == "timeout-after-commit")
        assert call(client, "POST", "/user", ADA).status_code == 200


def test_a_timeout_keeps_the_caller_waiting() -> None:
    sim = faulty(calls=[{"fault": "read-timeout"}], hang_seconds=30)
    with (
        running(sim) as base_url,
        httpx.Client(base_url=base_url, timeout=httpx.Timeout(30, read=0.1)) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        call(client, "GET", "/list", {})


def test_an_export_is_fetched_from_the_host_that_was_called() -> None:
    sim = Simulator()
    with running(sim) as base_url, httpx.Client(base_url=base_url) as client:
        call(client, "POST", "/user", {**ADA, "lists": {"Main": 1}})
        job = call(client, "POST", "/job", {"job": "export_list_data", "list": "Main"}).json()
        url = call(client, "GET", "/job", {"job_id": job["job_id"]}).json()["export_url"]
        answer = client.get(url)

    assert url.startswith(f"{base_url}/_sim/export/")
    assert answer.text.count("\n") == 2
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_download_breaks_off_before_all_that_was_announced() -> None:
    sim = faulty(jobs={"truncate": 1})
    with running(sim) as base_url, httpx.Client(base_url=base_url) as client:
        call(client, "POST", "/user", {**ADA, "lists": {"Main": 1}})
        job = call(client, "POST", "/job", {"job": "export_list_data", "list": "Main"}).json()
        url = call(client, "GET", "/job", {"job_id": job["job_id"]}).json()["export_url"]
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(url)


def test_what_is_no_call_has_its_own_place() -> None:
    with running(Simulator()) as base_url, httpx.Client(base_url=base_url) as client:
        assert client.get("/").status_code == 302
        assert client.get("/_sim/state").json()["profiles_total"] == 0
        assert client.get("/_sim/export/none").status_code == 404
        assert client.get("/_sim/nothing").status_code == 404


def test_a_body_beyond_all_measure_is_refused() -> None:
    with running(Simulator()) as base_url, httpx.Client(base_url=base_url) as client:
        answer = client.post("/job", content=(b"x" * 1_000_000 for _ in range(116)))
        assert answer.status_code == 413


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_without_a_word(sent: signal.Signals) -> None:
    script = (
        "from reconcile.simulator import Simulator\n"
        "from reconcile.simulator.server import serve\n"
        "serve(Simulator(), port=0, ready=lambda url: print(url, flush=True))\n"
        "print('stopped')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with httpx.Client(base_url=url) as client:  # a connection that is still open must not keep it
        assert client.get("/list", params=parameters({})).status_code == 200
        started = time.monotonic()
        os.kill(process.pid, sent)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, "stopped\n", "")
    assert time.monotonic() - started < 30  # a connection is kept for minutes


def test_a_caller_that_is_kept_waiting_does_not_keep_it_from_stopping() -> None:
    sim = faulty(calls=[{"fault": "read-timeout"}], hang_seconds=60)
    started = time.monotonic()
    with socket.socket() as waiting:
        with running(sim) as base_url:
            waiting.connect(("127.0.0.1", int(base_url.rpartition(":")[2])))
            waiting.sendall(b"GET /list HTTP/1.1\r\nHost: x\r\n\r\n")
            while not sim.calls_total:
                time.sleep(0.01)
        waiting.settimeout(30)
        assert waiting.recv(100) == b""
    assert time.monotonic() - started < 50  # and not the 60 that it hangs


def test_a_port_that_is_taken_is_an_error() -> None:
    with running(Simulator()) as base_url:
        port = int(base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), running(Simulator(), port=port):
            pass


def test_importing_the_simulator_is_light() -> None:
    script = (
        "import sys, reconcile.simulator\n"
        "heavy = {'httpx', 'starlette', 'uvicorn', 'ruamel.yaml', 'jinja2', 'python_multipart'}\n"
        "print(sorted(heavy & set(sys.modules)), [m for m in sys.modules if m.startswith('reconcile.')"
        " and not m.startswith('reconcile.simulator')])\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out == "[] []\n"
