"""The plan file: whole, private, its own, or refused."""

from __future__ import annotations

import json
import os
import random
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import forger
import pyrage
import pytest
from plans import KEYS

import reconcile as rc
from reconcile.plan import actions, archive, sealing
from reconcile.plan.mac import FORMAT
from reconcile.plan.model import CreateList, Delete, Face, Stage, Upsert
from reconcile.spec.model import Mode


def copied(plan: rc.Plan, to: Path) -> Path:
    assert plan.path is not None
    to.write_bytes(plan.path.read_bytes())
    return to


def read(path: Path) -> rc.Plan:
    return archive.read(path, KEYS)


def write(face: Face, lines: Iterable[bytes], path: Path) -> rc.Plan:
    return archive.write(face, lines, path, KEYS)


def test_what_was_written_is_read(plan: rc.Plan) -> None:
    assert plan.path is not None
    again = read(plan.path)
    assert (again.id, again.face) == (plan.id, plan.face)
    walked = list(archive.walk(again))
    assert [stage for stage, _ in walked] == sorted(stage for stage, _ in walked)
    assert walked == list(archive.walk(plan))
    kinds = [(stage, type(action)) for stage, action in walked]
    assert kinds == [
        (Stage.LISTS, CreateList),
        *[(Stage.UPSERTS, Upsert)] * 3,
        (Stage.REMOVALS, Upsert),
        (Stage.DELETIONS, Delete),
    ]


def test_only_its_owner_can_read_it(plan: rc.Plan) -> None:
    assert plan.path is not None
    assert stat.S_IMODE(plan.path.stat().st_mode) == 0o600


def test_the_face_holds_nobody(plan: rc.Plan) -> None:
    assert plan.path is not None
    with zipfile.ZipFile(plan.path) as parts:
        told = b"".join(parts.read(name) for name in parts.namelist() if name != archive.BODY)
    for word in (b"example.com", b"Bern", b"sid-"):
        assert word not in told


def test_the_id_says_what_is_done_and_not_when(plan: rc.Plan, tmp_path: Path) -> None:
    again = plan.face.model_copy(update={"created_at": "2030-01-01T00:00:00+00:00", "tool": "reconcile 9"})
    assert write(again, [b"one\n"], tmp_path / "a").id == write(plan.face, [b"one\n"], tmp_path / "b").id
    assert write(plan.face, [b"on", b"", b"e\n"], tmp_path / "c").id == read(tmp_path / "b").id
    assert write(plan.face, [b"two\n"], tmp_path / "d").id != read(tmp_path / "b").id


@pytest.mark.parametrize("other", [{"mode": Mode.ADDITIVE}, {"registry": "another"}], ids=["mode", "registry"])
def test_the_id_says_under_which_rules(plan: rc.Plan, tmp_path: Path, other: dict[str, object]) -> None:
    mine = write(plan.face, [], tmp_path / "a").id
    assert write(plan.face.model_copy(update=other), [], tmp_path / "b").id != mine


def test_a_plan_that_cannot_be_finished_leaves_the_old_one(plan: rc.Plan, tmp_path: Path) -> None:
    path = copied(plan, tmp_path / "shop.rplan")
    before = path.read_bytes()

    def broken() -> Iterator[bytes]:
        yield b"half a"
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        write(plan.face, broken(), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["shop.rplan"]


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: forger.edit_body(parts, b'"city":"a|b"', b'"city":"x"'),
        lambda parts: forger.edit_body(parts, b"sid-04", b"sid-01"),
        lambda parts: forger.edit_face(parts, plan_id="0123456789abcdef"),
        lambda parts: forger.edit_face(parts, body_digest="0" * 64),
        lambda parts: forger.edit_face(parts, mode="additive"),
        lambda parts: forger.edit_face(parts, at_once=200),
        lambda parts: forger.edit_face(parts, counts={**json.loads(parts[archive.FACE])["counts"], "delete": 0}),
        lambda parts: forger.edit_face(parts, samples=[]),
        lambda parts: forger.edit_face(
            parts, account={**json.loads(parts[archive.FACE])["account"], "api_key": "{{ env('OTHER') }}"}
        ),
    ],
    ids=["a value", "a person", "id", "digest", "mode", "pace", "counts", "samples", "key"],
)
def test_an_edited_plan_is_refused(plan: rc.Plan, tmp_path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    path = forger.edit(copied(plan, tmp_path / "shop.rplan"), change)
    with pytest.raises(rc.PlanUnusable, match="was changed after it was made"):
        read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: forger.edit_face(parts, format=FORMAT + 1),
        lambda parts: forger.edit_face(parts, something_new=1),
        lambda parts: parts.update({archive.FACE: b"{}"}),
    ],
    ids=["format", "unknown key", "empty face"],
)
def test_another_format_is_refused(plan: rc.Plan, tmp_path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    path = forger.edit(copied(plan, tmp_path / "shop.rplan"), change, KEYS)
    with pytest.raises(rc.PlanUnusable, match="another version of reconcile"):
        read(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda old: b"",
        lambda old: b"no plan",
        lambda old: old[: len(old) // 2],
        lambda old: old[:-1],
        lambda old: old[: len(old) // 2] + bytes([old[len(old) // 2] ^ 0xFF]) + old[len(old) // 2 + 1 :],
    ],
    ids=["empty", "text", "half", "a byte short", "a bit flipped"],
)
def test_a_damaged_plan_is_refused(plan: rc.Plan, tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = copied(plan, tmp_path / "shop.rplan")
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(rc.PlanUnusable):
        read(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(rc.PlanUnusable, match="There is no plan file"):
        read(tmp_path / "nowhere.rplan")
    with pytest.raises(rc.PlanUnusable, match="is a folder, not a plan file"):
        read(tmp_path)


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as other:
        other.writestr("readme.txt", "hello")
    with pytest.raises(rc.PlanUnusable, match="not a plan file"):
        read(tmp_path / "a.zip")


def test_actions_that_were_not_kept_cannot_be_walked(plan: rc.Plan) -> None:
    with pytest.raises(rc.PlanUnusable, match="not kept"):
        list(archive.walk(plan.face_only()))


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n", b"[]\n", b"1\n", b'{"stage":9,"op":"delete"}\n'])
def test_a_line_that_is_no_action_is_refused_when_it_is_reached(plan: rc.Plan, tmp_path: Path, line: bytes) -> None:
    made = write(plan.face, [line], tmp_path / "plan")
    with pytest.raises(rc.PlanUnusable, match="no action"):
        list(archive.walk(made))


def test_a_plan_by_its_name_alone_is_checked_when_it_is_read(plan: rc.Plan, tmp_path: Path) -> None:
    made, other = write(plan.face, [], tmp_path / "plan"), write(plan.face, [b"{}"], tmp_path / "other")
    by_name = rc.Plan(made.face, made.path)
    assert list(archive.walk(by_name)) == []
    (tmp_path / "other").replace(tmp_path / "plan")
    with pytest.raises(rc.PlanUnusable, match="was changed after it was checked"):
        list(archive.walk(by_name))
    assert list(archive.walk(made)) == []
    assert other.path is not None
    (tmp_path / "plan").unlink()
    with pytest.raises(rc.PlanUnusable, match="There is no plan file"):
        list(archive.walk(by_name))


# between check and use


def stages(plan: rc.Plan) -> list[tuple[Stage, object]]:
    return list(archive.walk(plan))


def used(plan: rc.Plan, tmp_path: Path) -> tuple[object, bytes, bytes]:
    """The plan by every way that it is read."""
    body = archive.body(plan, tmp_path / "body").read_bytes()
    return stages(plan), body, archive.copy(plan, tmp_path / "copy").read_bytes()


NAME = {
    "replaced": lambda path, other: other.replace(path),
    "replaced by nothing": lambda path, other: path.unlink(),
    "its folder is another": lambda path, other: (
        path.parent.rename(path.parent.with_name("away")),
        path.parent.mkdir(),
    ),
    "a link to another": lambda path, other: (path.unlink(), path.symlink_to(other)),
}
CONTENT = {
    "written over": lambda path, other: path.write_bytes(other.read_bytes()),
    "emptied": lambda path, other: path.write_bytes(b""),
    "truncated": lambda path, other: os.truncate(path, path.stat().st_size // 2),
    "truncated in its body": lambda path, other: os.truncate(path, 60),
    "edited in place": lambda path, other: forger.edit(
        path, lambda parts: forger.edit_body(parts, b"sid-04", b"sid-01")
    ),
    "of another body": lambda path, other: forger.edit(
        path,
        lambda parts: parts.update({archive.BODY: forger.packed(b'{"stage":4,"op":"delete","hash":"x","sid":"y"}\n')}),
    ),
    "grown by an action": lambda path, other: forger.edit(
        path,
        lambda parts: parts.update({archive.BODY: parts[archive.BODY] + forger.packed(b'{"stage":4,"op":"delete"}\n')}),
    ),
}


@pytest.fixture
def other(plan: rc.Plan, tmp_path: Path) -> Path:
    """Another plan, whole and its own."""
    path = tmp_path / "other.rplan"
    write(plan.face, [b'{"stage":4,"op":"delete","hash":"x","email":"x@example.com"}\n'], path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plans"
    made.mkdir()
    return made


@pytest.mark.parametrize("made", ["written", "read", "read by a link"])
@pytest.mark.parametrize("change", NAME)
def test_whatever_has_its_name_by_now_what_was_checked_is_read(
    plan: rc.Plan, folder: Path, other: Path, tmp_path: Path, made: str, change: str
) -> None:
    lines = archive._lines(archive._pieces(plan))
    path = folder / "shop.rplan"
    checked = write(plan.face, lines, path)
    if made == "read by a link":
        (folder / "link").symlink_to(path)
        path = folder / "link"
    if made != "written":
        checked = read(path)
    NAME[change](path, other)
    archive.raise_if_changed(checked)
    assert used(checked, tmp_path) == used(plan, tmp_path)


@pytest.mark.parametrize("made", ["written", "read", "by another hard link"])
@pytest.mark.parametrize("change", CONTENT)
def test_a_file_that_is_written_to_after_it_was_checked_is_not_read_on(
    plan: rc.Plan, folder: Path, other: Path, tmp_path: Path, made: str, change: str
) -> None:
    path = copied(plan, folder / "shop.rplan")
    checked = write(plan.face, archive._lines(archive._pieces(plan)), path) if made == "written" else read(path)
    if made == "by another hard link":
        (folder / "twin.rplan").hardlink_to(path)
        path = folder / "twin.rplan"
    before = path.stat()
    CONTENT[change](path, other)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for way in (
        archive.raise_if_changed,
        stages,
        lambda one: archive.body(one, tmp_path / "body"),
        lambda one: archive.copy(one, tmp_path / "copy"),
        lambda one: sealing.seal(one, tmp_path / "sealed", [str(pyrage.x25519.Identity.generate().to_public())]),
    ):
        with pytest.raises(rc.PlanUnusable, match="was changed after it was checked"):
            way(checked)
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "sealed").exists()


def test_a_plan_of_many_pieces_is_read_as_far_as_it_is_what_was_checked(plan: rc.Plan, tmp_path: Path) -> None:
    """Of a body of several pieces the first may have been carried out when a later one is written to."""
    noise = random.Random(5)
    line = b'{"stage":4,"op":"delete","hash":"%s","email":null,"sid":"%s","lists":{},"cause":null}\n'
    path = tmp_path / "plan"
    lines = [line % (noise.randbytes(16).hex().encode(), noise.randbytes(200).hex().encode()) for _ in range(20_000)]
    made = write(plan.face, lines, path)
    assert made.file is not None
    assert len(made.file.content.digests) > 3
    assert read(path).file.content.digests == made.file.content.digests  # type: ignore[union-attr]
    walked = archive.walk(made)
    done = [action for _, action in islice(walked, 100)]
    with path.open("r+b") as file:
        file.seek(-1_000_000, os.SEEK_END)
        file.write(bytes(1_000))
    with pytest.raises(rc.PlanUnusable, match="was changed after it was checked"):
        done.extend(action for _, action in walked)
    assert 100 < len(done) < 20_000
    assert done == [actions.of(json.loads(line)) for line in lines[: len(done)]]


def test_two_who_read_side_by_side_do_not_disturb_each_other(plan: rc.Plan) -> None:
    alone = stages(plan)
    assert [*zip(archive.walk(plan), archive.walk(plan), strict=True)] == [*zip(alone, alone, strict=True)]
