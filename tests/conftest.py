"""Fixtures that more than one folder of tests asks for."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# How long a case takes is the machine's doing: on a busy one it is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest_plugins = ("chinook", "postgres_server", "mariadb_server", "spark_server", "s3_server")


@pytest.fixture
def hangups() -> Iterator[None]:
    """SIGHUP reaches what a test starts, also where the tests themselves run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
