"""Masks: nobody is shown, and the same person always has the same mark."""

from __future__ import annotations

import re

import pytest

from reconcile.state.masks import Masks

MASKS = Masks.keyed_by("s3cret")
MARK = re.compile(r"^u:[0-9a-f]{8}$")


def test_a_mark_says_nothing_and_stays() -> None:
    mark = MASKS.person("ada@example.com")
    assert MARK.match(mark)
    assert mark == Masks.keyed_by("s3cret").person("ada@example.com")
    assert mark == MASKS.person("  ADA@Example.com ")
    assert mark != MASKS.person("bob@example.com")


def test_another_secret_gives_other_marks() -> None:
    assert Masks.keyed_by("another").person("ada@example.com") != MASKS.person("ada@example.com")


def test_the_secret_is_not_kept() -> None:
    assert "s3cret" not in repr(MASKS)
    assert b"s3cret" not in MASKS.key


def test_reveal_shows_people_as_they_are() -> None:
    revealing = Masks.keyed_by("s3cret", reveal=True)
    assert revealing.person("Ada@example.com") == "Ada@example.com"
    assert revealing.text("Invalid email: Ada@example.com") == "Invalid email: Ada@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "Invalid email: {}",
        "Invalid email: {}.",
        'User "{}" not found',
        "User '{}' not found",
        "<{}>",
        "id={}&key=email",
        "({}), twice",
        '{{"email":"{}"}}',
        "a, {}; b",
        "{}\nnext line",
        "from {} to somewhere",
    ],
)
@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com",
        "Ada.Lovelace+list@post.example.co.uk",
        "o'brien@example.com",
        "a=b@example.com",
        "{x}@example.com",
        "ünal@exämple.de",
        "two@signs@example.com",
        "x@localhost",
        "ada%40example.com",
    ],
)
def test_no_part_of_an_address_is_left_in_a_text(text: str, address: str) -> None:
    masked = MASKS.text(text.format(address))
    assert "@" not in masked
    for part in re.split(r"[@.+='{}-]", address):
        if len(part) > 2:
            assert part not in masked
    assert re.search(r"u:[0-9a-f]{8}", masked)


@pytest.mark.parametrize(
    "text", ["{}", "Invalid email: {}", 'User "{}" not found', "User '{}' not found", "({})", "<{}>", "{}.", "{}, bob"]
)
@pytest.mark.parametrize("address", ["ada@example.com", "o'brien@example.com"])
def test_a_text_names_people_by_their_marks(text: str, address: str) -> None:
    assert MASKS.text(text.format(address)) == text.format(MASKS.person(address))


@pytest.mark.parametrize("text", ["", "no address here", "12:30 @ noon", "a @ b", "@", "user@", "@example"])
def test_what_is_no_address_is_left(text: str) -> None:
    assert MASKS.text(text) == text


def test_every_address_of_a_text_is_masked() -> None:
    masked = MASKS.text("ada@example.com, bob@example.com and ada@example.com")
    ada, bob = MASKS.person("ada@example.com"), MASKS.person("bob@example.com")
    assert masked == f"{ada}, {bob} and {ada}"
