"""The simulator's own check of addresses, held to the same table as ours and made apart from it."""

from __future__ import annotations

import pytest
from addresses import DASHED, FIT, ONLY_PHP, UNFIT
from unit.simulator.driver import Driver

from reconcile.simulator import values

IDS = [ascii(text)[:40] for text in UNFIT]


@pytest.mark.parametrize(("text", "address"), FIT)
def test_an_address_is_stored_in_its_regular_form(text, address):
    api = Driver()
    found = api.ok("POST", "/user", {"id": text.replace("\f", ""), "key": "email", "fields": {"keys": 1}})
    assert found["keys"]["email"] == address


@pytest.mark.parametrize("text", ONLY_PHP)
def test_what_phps_filter_takes_besides_is_taken(text):
    assert values.is_email(text)


@pytest.mark.parametrize("text", [*UNFIT, *DASHED], ids=[*IDS, *DASHED])
def test_a_write_to_what_is_no_address_is_refused(text):
    text = text.replace("\0", "\1")  # PHP trims it
    api = Driver()
    assert api.no("POST", "/user", {"id": text, "key": "email"}) == (400, 11, f"Invalid email: {values.email(text)}")
    assert not api.account.profiles


@pytest.mark.parametrize("text", ["ada@10.0.0.1", "x@shop.123", "a b@example.com", "\u212aate@example.com"])
def test_a_look_by_what_is_no_address_is_an_error_with_http_200(text):
    api = Driver()
    api.person("kate@example.com")
    assert api.no("GET", "/user", {"id": text, "key": "email"}) == (200, 99, f"Invalid email: {text}")
