"""Fixtures that more than one folder of tests asks for."""

from __future__ import annotations

pytest_plugins = ("chinook", "postgres_server", "mariadb_server", "spark_server", "s3_server")
