"""A plan is believed when its code was made with the account's secret, and else nothing of it is."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import forger
import pytest
from desk import Desk
from forger import Parts
from world import KEYS, World, shop

import reconcile as rc
from reconcile.plan import archive
from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

STOLEN = "the-secret-of-another-service"
THEIRS = rc.Keys.of_secret("of-the-forger")
FORMAT1 = Path(__file__).parent / "format1"


def face(**values: object) -> Callable[[Path, Path], Any]:
    return lambda path, other: forger.edit(path, lambda parts: forger.edit_face(parts, **values))


def account(**values: object) -> Callable[[Path, Path], Any]:
    def change(parts: Parts) -> None:
        forger.edit_face(parts, account={**json.loads(parts[archive.FACE])["account"], **values})

    return lambda path, other: forger.edit(path, change)


def parts(change: Callable[[Parts, Parts], Any]) -> Callable[[Path, Path], Any]:
    """Other members; the second argument has those of another authentic plan."""
    return lambda path, other: forger.edit(path, lambda ours: change(ours, forger.parts_of(other)[0]))


def members(arrange: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> Callable[[Path, Path], Any]:
    def change(path: Path, other: Path) -> None:
        found, ending = forger.parts_of(path)
        forger.write(path, arrange([*found.items()]), ending)

    return change


def content(change: Callable[[bytes], bytes]) -> Callable[[Path, Path], Any]:
    return lambda path, other: path.write_bytes(change(path.read_bytes()))


def signed_by_another(path: Path, other: Path) -> None:
    found, ending = forger.parts_of(path)
    forger.write(path, found.items(), ending.replace(KEYS.id.encode(), THEIRS.id.encode()), THEIRS)


def signed_under_our_name(path: Path, other: Path) -> None:
    found, ending = forger.parts_of(path)
    forger.write(path, found.items(), ending, THEIRS)


def with_the_code_of_another(path: Path, other: Path) -> None:
    code = other.read_bytes()[-64:]
    path.write_bytes(path.read_bytes()[:-64] + code)


def deflated(path: Path, other: Path) -> None:
    """A face of a hundred megabytes in a file of some kilobytes."""
    found, ending = forger.parts_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        new.comment = ending
        new.writestr(archive.BODY, found[archive.BODY], zipfile.ZIP_STORED)
        new.writestr(archive.FACE, found[archive.FACE].replace(b"{", b"{" + b" " * (100 << 20), 1))


def said_to_be_huge(path: Path, other: Path) -> None:
    """A face that says it has 3 GB."""
    whole = path.read_bytes()
    place = whole.rindex(b"PK\x01\x02")
    path.write_bytes(whole[: place + 20] + struct.pack("<II", 3 << 30, 3 << 30) + whole[place + 28 :])


FORGERIES: dict[str, Callable[[Path, Path], Any]] = {
    "url": account(url="http://127.0.0.1:1"),
    "url with a secret": account(url="http://127.0.0.1:1/{{ env('AWS_SECRET_ACCESS_KEY') }}"),
    "api key": account(api_key="{{ env('AWS_SECRET_ACCESS_KEY') }}"),
    "api secret": account(api_secret="{{ env('AWS_SECRET_ACCESS_KEY') }}"),
    "another account": account(id="1", customer_id="2"),
    "state": face(state="s3://forgers/state"),
    "state with a secret": face(state="/tmp/{{ env('AWS_SECRET_ACCESS_KEY') }}"),
    "id": face(plan_id="0123456789abcdef"),
    "expiry": face(expires_at="2099-01-01T00:00:00+00:00"),
    "guards": face(breaches=[]),
    "counts": face(counts={"create": 1}),
    "pace": face(at_once=200),
    "mode": face(mode="additive"),
    "nothing in the face": parts(lambda ours, theirs: ours.update({archive.FACE: b"{}"})),
    "no JSON in the face": parts(lambda ours, theirs: ours.update({archive.FACE: b"\xff"})),
    "a value": parts(lambda ours, theirs: forger.edit_body(ours, b"City 1", b"City 2")),
    "a person": parts(lambda ours, theirs: forger.edit_body(ours, b"person1@", b"person2@")),
    "an action more": parts(
        lambda ours, theirs: ours.update(
            {archive.BODY: ours[archive.BODY] + forger.packed(b'{"stage":4,"op":"delete"}\n')}
        )
    ),
    "the body of another plan": parts(lambda ours, theirs: ours.update({archive.BODY: theirs[archive.BODY]})),
    "the face of another plan": parts(lambda ours, theirs: ours.update({archive.FACE: theirs[archive.FACE]})),
    "a member more": members(lambda found: [*found, ("more.txt", b"more")]),
    "a member less": members(lambda found: found[1:]),
    "members in another order": members(lambda found: found[::-1]),
    "a face twice": members(lambda found: [*found, found[1]]),
    "a body twice": members(lambda found: [found[0], *found]),
    "a sealed body beside the open one": members(lambda found: [*found, (archive.SEALED, b"age")]),
    "a member renamed": members(lambda found: [(archive.SEALED, found[0][1]), found[1]]),
    "a face that unpacks to much": deflated,
    "a face that says it is huge": said_to_be_huge,
    "a byte after it": content(lambda whole: whole + b"\n"),
    "a byte before it": content(lambda whole: b"\n" + whole),
    "a zip after it": lambda path, other: path.write_bytes(path.read_bytes() + other.read_bytes()),
    "half of it": content(lambda whole: whole[: len(whole) // 2]),
    "without its end": content(lambda whole: whole[:-200]),
    "a code of nothing": content(lambda whole: whole[:-64] + b"0" * 64),
    "the code of another plan": with_the_code_of_another,
    "a code in capitals": content(lambda whole: whole[:-64] + whole[-64:].upper()),
    "an earlier format": content(lambda whole: whole.replace(b"reconcile-plan 2 ", b"reconcile-plan 1 ")),
    "a code by another secret": signed_by_another,
    "a code by another secret under our name": signed_under_our_name,
    "a plan of an earlier version": lambda path, other: shutil.copy(FORMAT1 / "plan.rplan", path),
    "a sealed plan of an earlier version": lambda path, other: shutil.copy(FORMAT1 / "sealed.rplan", path),
}
BY_HAND = (
    "url with a secret",
    "state with a secret",
    "the body of another plan",
    "a face that unpacks to much",
    "a code by another secret",
    "a plan of an earlier version",
)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path, Path]:
    """A world, and two authentic plans for it."""
    world = World(tmp_path_factory.mktemp("world"))
    world.fill(shop(12))
    world.plan("ours.rplan")
    world.fill(shop(11))
    world.plan("theirs.rplan")
    return world, world.folder / "ours.rplan", world.folder / "theirs.rplan"


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_plan_is_refused(plans: tuple[World, Path, Path], tmp_path: Path, forgery: str) -> None:
    world, ours, theirs = plans
    path, calls = Path(shutil.copy(ours, tmp_path / "shop.rplan")), world.simulator.calls_total.total()
    FORGERIES[forgery](path, theirs)
    assert path.read_bytes() != ours.read_bytes()
    with pytest.raises(rc.PlanUnusable) as refused:
        rc.read(path, KEYS)
    assert refused.value.exit_status == 5
    try:
        looked_at = rc.read(path)  # without a secret it can be looked at, if it is whole; it is never applied
    except rc.PlanUnusable:
        pass
    else:
        assert not looked_at.verified
        with pytest.raises(rc.PlanUnusable, match="not verified"):
            asyncio.run(world.ours.apply(looked_at))
    assert world.simulator.calls_total.total() == calls


def test_a_byte_changed_anywhere_is_told(plans: tuple[World, Path, Path], tmp_path: Path) -> None:
    _, ours, _ = plans
    whole, path = ours.read_bytes(), tmp_path / "shop.rplan"
    places = {*range(0, len(whole), 97), *range(60), *range(len(whole) - 400, len(whole))}
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(rc.PlanUnusable):
            rc.read(path, KEYS)
    for size in (*range(0, len(whole), 997), len(whole) - 1):
        path.write_bytes(whole[:size])
        for keys in ((KEYS,), ()):
            with pytest.raises(rc.PlanUnusable):
                rc.read(path, *keys)


def test_what_is_no_regular_file_is_refused(plans: tuple[World, Path, Path], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(rc.PlanUnusable, match="a pipe or a device"):
        rc.read(tmp_path / "pipe", KEYS)
    (tmp_path / "link").symlink_to(plans[1])
    assert rc.read(tmp_path / "link", KEYS).verified, "what a link leads to is what is read"


def test_equal_plans_of_two_secrets_share_no_digest(tmp_path: Path) -> None:
    """Whoever has no secret can try no candidates against what a face shows."""
    faces = []
    for secret in ("first", "second"):
        (tmp_path / secret).mkdir()
        world = World(tmp_path / secret)
        world.simulator = Simulator(keys={"demo-key": secret}, clock=world.time.clock)
        environ = {**world.ours.environ, "SECRET": secret}
        world.ours = replace(world.ours, environ=environ, transport=world.simulator.transport())
        world.fill(shop(3))
        faces.append(world.plan().face)
    first, second = ({*_digests(one.model_dump(mode="json"))} for one in faces)
    fingerprint = {faces[0].account.fingerprint}  # of the random API key, which is the same here
    assert len(first) > 10
    assert first & second == fingerprint


def _digests(found: object) -> Iterator[str]:
    """All texts in a face that may be digests."""
    match found:
        case str() if re.fullmatch(r"(u:)?[0-9a-f]{8,64}", found):
            yield found
        case dict():
            for one in found.values():
                yield from _digests(one)
        case list():
            for one in found:
                yield from _digests(one)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        made = Desk(tmp_path, url, simulator)
        made.environ["AWS_SECRET_ACCESS_KEY"] = STOLEN
        yield made


def test_by_hand(desk: Desk) -> None:
    ours, theirs = desk.folder / "ours.rplan", desk.folder / "theirs.rplan"
    assert desk.run("plan", "--out", "ours.rplan").returncode == 0
    desk.sql("delete from customers where id > 20")
    assert desk.run("plan", "--out", "theirs.rplan").returncode == 0
    calls = desk.simulator.calls_total.total()
    forged = desk.folder / "forged.rplan"
    for name in BY_HAND:
        shutil.copy(ours, forged)
        FORGERIES[name](forged, theirs)
        for command in (("apply",), ("show",), ("apply", "--spec", "specs")):
            done = desk.run(command[0], "forged.rplan", *command[1:])
            assert done.returncode == 5, (name, command, done.stderr)
    assert desk.simulator.calls_total.total() == calls, "nothing was sent anywhere"
    assert STOLEN not in desk.said

    # Without the secret it can be looked at, and says so; it is not applied.
    secret = desk.environ.pop("SAILTHRU_API_SECRET")
    for form, told in (("text", "NOT VERIFIED"), ("markdown", "NOT VERIFIED"), ("html", "NOT VERIFIED")):
        shown = desk.run("show", "ours.rplan", "--format", form).stdout
        assert told in shown[: 9000 if form == "html" else 40], form
    assert json.loads(desk.run("show", "ours.rplan", "--format", "json").stdout)["verified"] is False
    assert "NOT VERIFIED" in desk.run("diff", "ours.rplan", "theirs.rplan").stdout
    assert desk.run("show", "ours.rplan", "--verified").returncode == 5
    assert desk.run("apply", "ours.rplan").returncode == 77
    assert desk.simulator.calls_total.total() == calls

    # The secret comes from the spec, or from a variable that is named; another one is told apart from an edit.
    assert json.loads(desk.run("show", "ours.rplan", "--format", "json", "--spec", "specs").stdout)["verified"] is True
    assert desk.run("show", "ours.rplan", "--verified", "--secret-env", "SECRET").returncode == 0
    desk.environ |= {"SAILTHRU_API_SECRET": secret, "NEW": "rotated"}
    rotated = desk.run("apply", "ours.rplan", "--secret-env", "NEW")
    assert (rotated.returncode, "another API secret" in rotated.stderr) == (5, True)
    assert desk.simulator.calls_total.total() == calls
    assert desk.run("apply", "theirs.rplan", "--spec", "specs").returncode == 0

    # When the secret was changed, what was applied before is taken back with both.
    desk.simulator._gate.keys["demo-key"] = "rotated"
    desk.environ |= {"SECRET": "rotated", "SAILTHRU_API_SECRET": "rotated", "OLD": secret}
    refused = desk.run("rollback", "theirs.rplan")
    assert (refused.returncode, "another API secret" in refused.stderr) == (5, True)
    assert desk.run("rollback", "theirs.rplan", "--previous-secret-env", "OLD", "--out", "back.rplan").returncode == 0
    assert desk.run("apply", "back.rplan").returncode == 0
