"""URLs: what an account's may hold, which cannot be read, and that no part of a password is shown."""

from __future__ import annotations

import pytest

from reconcile.errors import SpecInvalid
from reconcile.spec import urls

ACCOUNT = {
    "https://api.sailthru.com": None,
    "http://127.0.0.1:8025/api": None,
    "http://[::1]:8025": None,
    "ftp://x": "no web address",
    "https://u:PW@host": "a user or a password",
    "https://TOKEN@host": "a user or a password",
    "https://u:Sup3r/PW@x@host": "a user or a password",
    "https://host?key=PW": "a query",
    "https://host/#PW": "a query",
    "https://host:PW/": "cannot be read",
    "https://": "cannot be read",
    "https://[PW": "cannot be read",
    "https://host\n::error::PW": "cannot be read",
}


@pytest.mark.parametrize("url", ACCOUNT)
def test_the_url_of_an_account_holds_no_secret_and_is_never_quoted(url: str) -> None:
    fault = ACCOUNT[url]
    if fault is None:
        assert urls.raise_if_unfit(url, None) == url
        return
    with pytest.raises(SpecInvalid, match=fault) as refused:
        urls.raise_if_unfit(url, None)
    assert "PW" not in f"{refused.value} {refused.value.hint}"


ODD = {
    "postgresql://u:pw@host/db": False,
    "postgresql://u@host:5432/db?x=a@b": False,
    "postgresql://host:5432/db?user=a@b": False,
    "postgresql://u:p%40w@h1:5432,h2:5433/db": False,
    "postgresql://u:p?w@host/db": False,
    "sqlite:////data/a@b/shop.db": False,
    "shop@home.db": False,
    "u:Sup3r/PW@x@host": False,
    "postgresql://u:Sup3r/PW@x@host/db": True,
    "mysql://u:p@PW@host/db": True,
    "mysql://u:123/PW@host/db": True,
    "mysql://u:PW/x?y@host/db": True,
}


@pytest.mark.parametrize("url", ODD)
def test_a_url_is_odd_where_nobody_can_say_where_its_password_ends(url: str) -> None:
    assert urls.is_odd(url) is ODD[url]
    if ODD[url]:
        assert urls.show(url) == "a URL that cannot be read"
        assert not url.count("PW") or "PW" in urls.find_secrets(url)


@pytest.mark.parametrize("url", ["s3://key:PW@bucket/x", "s3://bucket/x?secret=PW", "postgresql://u:PW@h/x"])
def test_what_is_shown_of_a_url_has_no_password(url: str) -> None:
    assert "PW" not in urls.show(url)
    assert "PW" in urls.find_secrets(url)
