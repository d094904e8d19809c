"""`reconcile simulator` and `reconcile seed`, as processes: served, seeded, kept, and stopped without a fuss."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PEOPLE = "email,plan,lists\nada@example.com,pro,Main|News\nbob@example.com,free,Main\n"


def reconcile(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "reconcile.cli", *map(str, words)]


@contextmanager
def served(*words: str | Path) -> Iterator[str]:
    with said(*words) as line:
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None, line
        yield found[0]


@contextmanager
def said(*words: str | Path) -> Iterator[str]:
    """What the simulator says once it serves."""
    process = subprocess.Popen(reconcile("simulator", "--port", "0", *words), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield process.stderr.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=30)
        assert process.returncode == 0, rest
        assert "Traceback" not in rest


def state(url: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{url}/_sim/state", timeout=10) as answer:
        return dict(json.load(answer))


def test_people_are_there_from_the_start_and_kept_to_the_next_time(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    kept = tmp_path / "account.json"
    with served("--people", tmp_path / "people.csv", "--data", kept) as url:
        first = state(url)
    assert "ada@example.com" in json.dumps(first)
    with served("--data", kept) as url:
        assert state(url)["profiles"] == first["profiles"]


def test_seed_loads_into_a_kept_account(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    kept = tmp_path / "account.json"
    words = reconcile("seed", tmp_path / "people.csv", "--data", kept)
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (0, f"{kept} holds 2 profiles now.")
    with served("--data", kept) as url:
        assert "bob@example.com" in json.dumps(state(url))


def test_https_is_served_to_whom_trusts_the_ca_that_is_named_and_flows_are_seeded(tmp_path: Path) -> None:
    (tmp_path / "seed.ndjson").write_text('{"flow": "Welcome", "joined": "Main"}\n{"id": "ada@example.com"}\n')
    with said("--tls", "--people", tmp_path / "seed.ndjson") as line:
        found = re.search(r"(https://127\.0\.0\.1:\d+) .* Trust its CA: SSL_CERT_FILE=(\S+ca\.pem)\. ", line)
        assert found is not None, line
        url, ca = found.groups()
        with urllib.request.urlopen(
            f"{url}/_sim/state", timeout=10, context=ssl.create_default_context(cafile=ca)
        ) as answer:
            told = json.load(answer)
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE"):
            urllib.request.urlopen(f"{url}/_sim/state", timeout=10)
    assert (told["flows"][0]["flow"], told["profiles_total"]) == ("Welcome", 1)
    assert not Path(ca).exists()


def test_what_cannot_be_served_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("calls: [{kind: no-such}]\n")
    for words in (("--faults", "no-such"), ("--faults", tmp_path / "broken.yaml"), ("--people", tmp_path / "no.csv")):
        done = subprocess.run(reconcile("simulator", *words), capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert done.stderr.startswith("Error: The simulator cannot run: ")
        assert "Traceback" not in done.stderr
