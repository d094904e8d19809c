"""The vendor's own clients against the simulator, unmodified but for the base URL."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from sailthru import SailthruClient
from wire.simulated import HERE, KEY, SECRET

from reconcile.simulator import Simulator
from reconcile.simulator.server import running

ADA = "ada@example.com"
NODE = HERE / "node"


@pytest.fixture
def sim() -> Simulator:
    return Simulator()


@pytest.fixture
def base_url(sim: Simulator) -> Iterator[str]:
    with running(sim) as url:
        yield url


# -- Python


@pytest.fixture
def client(base_url: str) -> SailthruClient:
    return SailthruClient(KEY, SECRET, base_url)


def ended(client: SailthruClient, job_id: str) -> Any:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = client.api_get("job", {"job_id": job_id}).get_body()
        if told["status"] not in {"pending", "running"}:
            return told
        time.sleep(0.02)
    raise AssertionError("the job does not end")


def test_python_users(client: SailthruClient) -> None:
    sent = {"name": 'Zoë / "Ada"', "n": 1.5, "none": None}
    made = client.save_user(ADA, {"vars": sent, "lists": {"Main": 1}, "fields": {"keys": 1}})
    assert made.is_ok()
    sid = made.get_body()["keys"]["sid"]

    read = client.get_user(sid, {"key": "sid", "fields": {"vars": 1, "lists": 1}})
    assert read.get_body()["vars"] == sent
    assert list(read.get_body()["lists"]) == ["Main"]
    assert client.api_delete("user", {"id": ADA, "key": "email"}).get_body() == {"ok": True}


def test_python_sees_errors_as_errors(client: SailthruClient, base_url: str) -> None:
    unknown = client.get_user("nobody@example.com", {"key": "email"})
    assert not unknown.is_ok()
    assert unknown.get_status_code() == 400
    assert unknown.get_error().get_error_code() == 99
    assert client.api_delete("user", {"id": "nobody@example.com"}).get_status_code() == 404
    assert client.get_list("No").get_error().get_error_code() == 15

    stranger = SailthruClient(KEY, "wrong", base_url).get_lists()
    assert (stranger.get_status_code(), stranger.get_error().get_error_code()) == (401, 5)


def test_python_lists(client: SailthruClient) -> None:
    assert client.api_post("list", {"list": "Main", "primary": 1}).is_ok()
    assert [row["name"] for row in client.get_lists().get_body()["lists"]] == ["Main"]
    assert client.get_list("Main").get_body()["primary"] is True
    assert client.delete_list("Main").get_body() == {"list": "Main", "ok": True}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the client does not close the file it opens
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_python_jobs_with_an_upload(client: SailthruClient, tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"id": ADA, "vars": {"n": 1}, "lists": {"Main": 1}}) + "\n", encoding="utf-8")
    started = client.api_post("job", {"job": "update", "file": str(path)}, ["file"])
    assert ended(client, started.get_body()["job_id"])["status"] == "completed"

    started = client.api_post("job", {"job": "export_list_data", "list": "Main"})
    told = ended(client, started.get_body()["job_id"])
    assert httpx.get(told["export_url"]).text.count("\n") == 2


def test_python_reads_the_rate_limits(client: SailthruClient) -> None:
    client.get_user(ADA)

    assert client.get_last_rate_limit_info("user", "GET")["limit"] == 18_000


# -- Node


@pytest.fixture(scope="session")
def node_client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client from npm, installed once for each state of the lock."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("the Node client needs node and npm, which are not here")
    lock = sha256((NODE / "package-lock.json").read_bytes()).hexdigest()[:12]
    cache = getattr(request.config, "cache", None)
    name = f"node-client-{lock}"
    home = cache.mkdir(name) if cache else tmp_path_factory.mktemp(name)
    installed = home / "node_modules" / "sailthru-client"
    if not installed.exists():
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(NODE / name, home)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts"], cwd=home, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            pytest.skip(f"the Node client cannot be installed here: {done.stderr.strip()[-200:]}")
    return installed


def test_node(node_client: Path, base_url: str, sim: Simulator, tmp_path: Path) -> None:
    upload = tmp_path / "people.json"
    upload.write_text('{"id":"b@example.com","lists":{"Main List":1}}\n', encoding="utf-8")
    done = subprocess.run(
        ["node", str(NODE / "drive.cjs"), str(node_client), base_url, str(upload)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)

    assert list(out["create"]["body"]) == ["keys", "ok"]
    assert out["read"]["body"]["vars"] == {"n": 1.5, "name": 'Zoë / "Ada"', "none": None}
    assert list(out["read"]["body"]["lists"]) == ["Main List"]
    assert out["sid"]["body"]["keys"]["email"] == ADA
    assert out["unknown"]["error"] == {
        "statusCode": 400,
        "error": 99,
        "errormsg": "User not found with email: nobody@example.com",
    }
    assert [row["name"] for row in out["lists"]["body"]["lists"]] == ["Main List"]
    assert out["upload"]["body"]["status"] == "pending"
    assert out["export"]["told"]["filename"] == "main_list.csv"
    assert out["export"]["csv"].count("\n") == 3
    assert out["dropped"]["body"] == {"list": "Main List", "ok": True}
    assert out["refused"]["error"]["statusCode"] == 401
    assert out["deleted"]["body"] == {"ok": True}
    assert out["limits"]["limit"] == 18_000
    assert sim.account.profile(ADA) is None
