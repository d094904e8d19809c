"""Side channels with odd settings: what a command exits with stays as it is, and what went wrong is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from reconcile.cli import watching
from reconcile.errors import GuardBreached

HOOK = "http://127.0.0.1:9/s3cret"


@pytest.mark.parametrize(
    "odd",
    [
        {"RECONCILE_WEBHOOK": "s3cret"},
        {"RECONCILE_WEBHOOK": "http://[::1"},
        {"RECONCILE_WEBHOOK": "http://127.0.0.1:99999/s3cret"},
        {"RECONCILE_WEBHOOK": "http://127.0.0.1:9/s3cret\nü"},
        {"RECONCILE_WEBHOOK": "http://\udcff/s3cret"},
        {"RECONCILE_WEBHOOK": HOOK},
        {"RECONCILE_WEBHOOK": HOOK, "http_proxy": "http://127.0.0.1:9"},
        {"RECONCILE_WEBHOOK": HOOK, "all_proxy": "socks9://127.0.0.1:1"},
        {"RECONCILE_WEBHOOK": HOOK, "http_proxy": "http://p:99999"},
        {"RECONCILE_WEBHOOK": HOOK, "no_proxy": "[::1],10.0.0.0/8, ::1"},
        {"RECONCILE_WEBHOOK": HOOK, "SSL_CERT_FILE": "/nowhere"},
        {"RECONCILE_WEBHOOK": HOOK, "SSLKEYLOGFILE": "/nowhere/keys"},
        {"RECONCILE_WEBHOOK": HOOK, "RECONCILE_WEBHOOK_FORMAT": "teams"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_COMPRESSION": "zip"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere"},
        {"METRICS": "/nowhere/shop.prom"},
        {"METRICS": "/proc/shop.prom"},
        {"METRICS": ""},
    ],
    ids=str,
)
def test_an_odd_setting_changes_no_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], odd: dict[str, str]
) -> None:
    for name, value in odd.items():
        monkeypatch.setenv(name, value)
    metrics = Path(odd["METRICS"]) if "METRICS" in odd else None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", odd.get("OTEL_EXPORTER_OTLP_TIMEOUT", "1"))
    with pytest.raises(GuardBreached), watching.watched("apply", None, metrics):
        raise GuardBreached(["A guard."])
    told = capsys.readouterr().err
    assert told.strip()
    assert "s3cret" not in told
    assert "Traceback" not in told


def test_a_library_that_is_not_installed_changes_no_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(typer.Exit) as ended, watching.watched("apply", None, tmp_path / "shop.prom"):
        raise typer.Exit(7)
    assert ended.value.exit_code == 7
    assert "prometheus_client is not installed" in capsys.readouterr().err
