"""One Spark for all tests that need it: local, with its Spark Connect server on loopback, in one process of Java."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import ports
import pytest

from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

Test = TypeVar("Test")
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.log.level": "OFF",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    # Few rows and many queries: what pays at a million costs more than it brings here.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.address": "127.0.0.1",
}
MARKS = (
    # All in one worker, so that Spark starts once.
    pytest.mark.xdist_group("spark"),
    # PySpark leaves it to the collector to close the socket of a result.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
)


def on_spark(test: Test) -> Test:
    """A test that needs Spark."""
    for mark in MARKS:
        test = mark(test)
    return test


def missing() -> str | None:
    """What keeps tests from starting a Spark here."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed"
    java = os.environ.get("JAVA_HOME")
    if not (Path(java) / "bin" / "java").exists() if java else shutil.which("java") is None:
        return "there is no Java"
    return None


@pytest.fixture(scope="session")
def spark_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server; the same Spark answers to `local[2]` in this process."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    from pyspark.sql import SparkSession

    port = ports.find_free_port()
    builder = SparkSession.builder.master("local[2]").config("spark.connect.grpc.binding.port", str(port))
    builder = builder.config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield f"sc://127.0.0.1:{port}"
    session.stop()


@pytest.fixture(scope="session")
def spark(spark_url: str) -> Iterator[Workspace]:
    """A workspace on the local Spark."""
    from reconcile.state.engines.spark import Spark

    with Spark("local[2]") as opened:
        # Expressions as they run outside of tests: compiled.
        opened._session.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")
        yield opened


@pytest.fixture(scope="session")
def duck() -> Iterator[Workspace]:
    """A workspace on DuckDB, to compare with."""
    with DuckDB() as opened:
        yield opened
