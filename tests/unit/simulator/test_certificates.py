"""HTTPS by a test CA: who trusts it gets in, with our own client too; who does not is stopped."""

from __future__ import annotations

import ssl
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from wire.simulated import call

from reconcile.simulator import Simulator, certificates
from reconcile.simulator.server import running


def test_who_trusts_the_ca_is_served_and_nobody_else(tmp_path: Path) -> None:
    tls = certificates.made(tmp_path)
    assert stat.S_IMODE(tls.key.stat().st_mode) == 0o600
    with running(Simulator(), tls=tls) as base_url:
        assert base_url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(tls.ca))
        with httpx.Client(base_url=base_url, verify=trusting) as client:
            assert call(client, "POST", "/user", {"id": "ada@example.com", "lists": {"Main": 1}}).status_code == 200
            job = call(client, "POST", "/job", {"job": "export_list_data", "list": "Main"}).json()
            url = call(client, "GET", "/job", {"job_id": job["job_id"]}).json()["export_url"]
            assert url.startswith(base_url)
            assert client.get(url).text.count("\n") == 2
        with httpx.Client(base_url=base_url, trust_env=False) as client, pytest.raises(httpx.ConnectError, match="SSL"):
            call(client, "GET", "/list", {})


def test_without_its_library_it_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; sys.modules['cryptography'] = None\n"
        "from reconcile.simulator import certificates\n"
        "try: certificates.made(pathlib.Path(sys.argv[1]))\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert "pip install 'sailthru-reconcile[tls]'" in done.stdout
