"""A real MariaDB for the tests: started by the run itself on a free loopback port, gone when the run ends.

Needs the server's binaries on this machine (Debian: the package `mariadb-server`); without them its tests are skipped.
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

USER, PASSWORD = "shop", "s3cret-of-the-tests"
PATIENCE = 60
"""Seconds that the server may take to answer."""


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """The URL of a running server, with user and password; its database is `shop`."""
    install, server = shutil.which("mariadb-install-db"), shutil.which("mariadbd", path=f"{os.defpath}:/usr/sbin")
    if install is None or server is None:
        pytest.skip("no MariaDB server on this machine (mariadbd, mariadb-install-db)")
    with _running(install, server) as url:
        yield url


@contextmanager
def _running(install: str, server: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as made:
        folder, port, user = Path(made), ports.find_free_port(), pwd.getpwuid(os.geteuid()).pw_name
        options = ["--no-defaults", f"--datadir={folder / 'data'}", f"--user={user}"]
        subprocess.run([install, *options, "--skip-test-db"], check=True, capture_output=True)
        first = folder / "first.sql"
        first.write_text(
            f"CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';"
            f"GRANT ALL ON *.* TO {USER}@'%';".replace(";", ";\n")
        )
        command = [server, *options, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}"]
        command += [f"--init-file={first}", "--skip-name-resolve", f"--pid-file={folder / 'pid'}"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            _wait(process, port, folder / "log")
            yield f"mysql://{USER}:{PASSWORD}@127.0.0.1:{port}/shop"
        finally:
            process.kill()  # nothing of it is kept
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    pymysql = pytest.importorskip("pymysql")
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, database="shop").close()
        except pymysql.err.Error:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"MariaDB did not start:\n{log.read_text(errors='replace')}")
