"""The plan file: whole, private, its own, or refused."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import reconcile as rc
from reconcile.plan import archive
from reconcile.plan.model import FORMAT, CreateList, Delete, Stage, Upsert
from reconcile.spec.model import Mode


def copied(plan: rc.Plan, to: Path) -> Path:
    assert plan.path is not None
    to.write_bytes(plan.path.read_bytes())
    return to


def edited(path: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The same zip with other parts in it."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)
    return path


def face(parts: dict[str, bytes], **values: object) -> None:
    parts[archive.FACE] = json.dumps({**json.loads(parts[archive.FACE]), **values}).encode()


def body(parts: dict[str, bytes], old: bytes, new: bytes) -> None:
    plain = pa.CompressedInputStream(pa.BufferReader(parts[archive.BODY]), "zstd").read()
    assert old in plain
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as packed:
        packed.write(plain.replace(old, new))
    parts[archive.BODY] = out.getvalue().to_pybytes()


def test_what_was_written_is_read(plan: rc.Plan) -> None:
    assert plan.path is not None
    read = archive.read(plan.path)
    assert (read.id, read.face) == (plan.id, plan.face)
    walked = list(archive.walk(read))
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
    assert (
        archive.write(again, [b"one\n"], tmp_path / "a").id == archive.write(plan.face, [b"one\n"], tmp_path / "b").id
    )
    assert archive.write(plan.face, [b"on", b"", b"e\n"], tmp_path / "c").id == archive.read(tmp_path / "b").id
    assert archive.write(plan.face, [b"two\n"], tmp_path / "d").id != archive.read(tmp_path / "b").id


@pytest.mark.parametrize("other", [{"mode": Mode.ADDITIVE}, {"registry": "another"}], ids=["mode", "registry"])
def test_the_id_says_under_which_rules(plan: rc.Plan, tmp_path: Path, other: dict[str, object]) -> None:
    mine = archive.write(plan.face, [], tmp_path / "a").id
    assert archive.write(plan.face.model_copy(update=other), [], tmp_path / "b").id != mine


def test_a_plan_that_cannot_be_finished_leaves_the_old_one(plan: rc.Plan, tmp_path: Path) -> None:
    path = copied(plan, tmp_path / "shop.rplan")
    before = path.read_bytes()

    def broken() -> Iterator[bytes]:
        yield b"half a"
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        archive.write(plan.face, broken(), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["shop.rplan"]


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: body(parts, b'"city":"a|b"', b'"city":"x"'),
        lambda parts: body(parts, b"sid-04", b"sid-01"),
        lambda parts: face(parts, plan_id="0123456789abcdef"),
        lambda parts: face(parts, body_digest="0" * 64),
        lambda parts: face(parts, mode="additive"),
        lambda parts: face(parts, at_once=200),
        lambda parts: face(parts, counts={**json.loads(parts[archive.FACE])["counts"], "delete": 0}),
        lambda parts: face(parts, samples=[]),
        lambda parts: face(
            parts, account={**json.loads(parts[archive.FACE])["account"], "api_key": "{{ env('OTHER') }}"}
        ),
    ],
    ids=["a value", "a person", "id", "digest", "mode", "pace", "counts", "samples", "key"],
)
def test_an_edited_plan_is_refused(plan: rc.Plan, tmp_path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    path = edited(copied(plan, tmp_path / "shop.rplan"), change)
    with pytest.raises(rc.PlanUnusable, match="was changed after it was made"):
        archive.read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: face(parts, format=FORMAT + 1),
        lambda parts: face(parts, something_new=1),
        lambda parts: parts.update({archive.FACE: b"{}"}),
    ],
    ids=["format", "unknown key", "empty face"],
)
def test_another_format_is_refused(plan: rc.Plan, tmp_path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    path = edited(copied(plan, tmp_path / "shop.rplan"), change)
    with pytest.raises(rc.PlanUnusable, match="another version of reconcile"):
        archive.read(path)


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
        archive.read(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(rc.PlanUnusable, match="There is no plan file"):
        archive.read(tmp_path / "nowhere.rplan")
    with pytest.raises(rc.PlanUnusable, match="is a folder, not a plan file"):
        archive.read(tmp_path)


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as other:
        other.writestr("readme.txt", "hello")
    with pytest.raises(rc.PlanUnusable, match="not a plan file"):
        archive.read(tmp_path / "a.zip")


def test_actions_that_were_not_kept_cannot_be_walked(plan: rc.Plan) -> None:
    with pytest.raises(rc.PlanUnusable, match="not kept"):
        list(archive.walk(plan.face_only()))


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n", b"[]\n", b"1\n", b'{"stage":9,"op":"delete"}\n'])
def test_a_line_that_is_no_action_is_refused_when_it_is_reached(plan: rc.Plan, tmp_path: Path, line: bytes) -> None:
    made = archive.write(plan.face, [line], tmp_path / "plan")
    with pytest.raises(rc.PlanUnusable, match="no action"):
        list(archive.walk(made))


def test_a_plan_file_that_went_away_is_refused(plan: rc.Plan, tmp_path: Path) -> None:
    made = archive.write(plan.face, [], tmp_path / "plan")
    (tmp_path / "plan").unlink()
    with pytest.raises(rc.PlanUnusable, match="There is no plan file"):
        list(archive.walk(made))
