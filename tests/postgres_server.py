"""A real PostgreSQL for the tests: started by the run itself on a free loopback port, gone when the run ends.

Needs the server's binaries on this machine (Debian: the package `postgresql`); without them its tests are skipped.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ports
import pytest

SUPERUSER, PASSWORD = "shop", "s3cret-of-the-tests"
PATIENCE = 30
"""Seconds that the server may take to answer."""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a running server, with user and password; its database is `postgres`."""
    with running() as url:
        yield url


@contextmanager
def running() -> Iterator[str]:
    """A server for as long as the block runs: its URL, with user and password."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server on this machine (neither on PATH nor in /usr/lib/postgresql)")
    account = _account()
    if os.geteuid() == 0 and account is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")
    # Not pytest's tmp_path: no other user may look into that, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as made:
        folder, port = Path(made), ports.find_free_port()
        _initialise(binaries, folder, account)
        command = [binaries / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-h", "127.0.0.1"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen([*command, "-F"], stdout=log, stderr=log, cwd=folder, **_as(account))
        try:
            _wait(server, binaries, port, folder / "log")
            yield f"postgresql://{SUPERUSER}:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            _stop(server)


def _initialise(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    if account is not None:
        for path in (folder, password):
            os.chown(path, account.pw_uid, account.pw_gid)
    options = ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [binaries / "initdb", "-D", folder / "data", "-U", SUPERUSER, *options]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, **_as(account))


def _wait(server: subprocess.Popen[bytes], binaries: Path, port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
        if subprocess.run(ready, check=False).returncode == 0:
            return
        time.sleep(0.1)
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown (SIGINT): sessions are ended, not waited for."""
    server.send_signal(2)
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _version(path.parent.name))
    found = [*debian, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((path for path in reversed(found) if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _version(name: str) -> float:
    return float(name) if name.replace(".", "", 1).isdigit() else 0


def _account() -> pwd.struct_passwd | None:
    """Whom to run the server as where we are root, which PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known.get("nobody")


def _as(account: pwd.struct_passwd | None) -> dict[str, object]:
    environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    if account is None:
        return {"env": environ}
    return {"env": environ, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
