"""The way to a host by the environment: which proxy, which hosts without one, and what cannot be used."""

from __future__ import annotations

import pytest

from reconcile.errors import EnvironmentUnfit
from reconcile.sailthru import proxies

API = ("https", "api.sailthru.com", None)


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"https_proxy": "http://p:3128"}, "p:3128 (https_proxy)"),
        ({"HTTPS_PROXY": "p:3128"}, "p:3128 (HTTPS_PROXY)"),
        ({"https_proxy": "", "HTTPS_PROXY": "p:3128"}, None),
        ({"http_proxy": "http://p:3128"}, None),
        ({"ALL_PROXY": "https://u:s3cret@p"}, "p:443 (ALL_PROXY)"),
        ({"all_proxy": " http://[::1]:9 "}, "::1:9 (all_proxy)"),
        ({"https_proxy": "http://p", "no_proxy": "sailthru.com"}, None),
        ({"https_proxy": "nonsense://p", "no_proxy": "*"}, None),
    ],
)
def test_the_proxy_of_a_host(environ: dict[str, str], found: str | None) -> None:
    proxy = proxies.find_proxy(*API, environ)
    assert (proxy and str(proxy)) == found


@pytest.mark.parametrize(
    "value",
    [
        "http://p:99999", "http://p:0", "http://p:x", "http://", "http://[::1", "socks9://p", "ftp://p", "p p:1",
        "http://p:1\nhttp://q:1", "u:s3cret@p:99999", "s3cret://p", "http://\udcff:1", "socks5://p:1",
    ],
)  # fmt: skip
def test_a_proxy_that_cannot_be_used_is_told_by_its_variable(value: str) -> None:
    with pytest.raises(EnvironmentUnfit, match="The variable ALL_PROXY names no proxy") as found:
        proxies.find_proxy(*API, {"ALL_PROXY": value})
    assert found.value.exit_status == 64
    assert "s3cret" not in str(found.value)


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "without"),
    [
        ("api.example", "api.example", 443, True),
        (".example", "api.example", 443, True),
        ("*.example", "api.example", 443, True),
        ("example", "API.Example.", 443, True),
        ("ample", "api.example", 443, False),
        (" a , b\tapi.example ", "api.example", 443, True),
        ("api.example:443", "api.example", 443, True),
        ("api.example:80", "api.example", 443, False),
        ("[::1]", "::1", 8025, True),
        ("::1", "::1", 8025, True),
        ("[::1]:8025", "::1", 8025, True),
        ("[::1]:1", "::1", 8025, False),
        ("0:0:0:0:0:0:0:1", "::1", 8025, True),
        ("fd00::/8", "fd00::7", 80, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.1.2.3/8", "10.9.9.9", 80, True),
        ("10.0.0.0/99,,[,:,/", "10.1.2.3", 80, False),
        ("*", "10.1.2.3", 80, True),
        ("", "api.example", 443, False),
        (".", "api.example", 443, False),
    ],
)
def test_hosts_without_a_proxy(no_proxy: str, host: str, port: int, without: bool) -> None:
    assert proxies.is_bypassed(host, port, no_proxy) is without


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "/nowhere"),
        ("SSL_CERT_FILE", "/dev/null"),
        ("SSL_CERT_FILE", "/"),
        ("SSLKEYLOGFILE", "/nowhere/keys"),
    ],
)
def test_certificates_that_cannot_be_read_are_told_by_their_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    from reconcile.sailthru import network

    monkeypatch.setenv(variable, value)
    network._trusted.cache_clear()
    with pytest.raises(EnvironmentUnfit, match=variable):
        network._trusted()
    network._trusted.cache_clear()
