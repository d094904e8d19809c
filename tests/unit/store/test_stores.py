"""Both forms of the store keep the same promises: whole or not at all, and only where nobody else was first."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from s3_server import S3

from reconcile import store as stores
from reconcile.apply.store import Store
from reconcile.errors import StoreUnavailable


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return stores.of(str(tmp_path / "state"))
    s3: S3 = request.getfixturevalue("s3")
    return stores.of(s3.url)


def test_what_is_put_is_there_until_it_is_deleted(store: Store) -> None:
    assert store.get("shop/a.json") is None
    mark = store.put("shop/a.json", b"one", over=None)
    kept = store.get("shop/a.json")
    assert kept is not None
    assert (kept.content, kept.mark) == (b"one", mark)
    assert store.delete("shop/a.json", over=kept.mark)
    assert store.get("shop/a.json") is None
    assert not store.delete("shop/a.json", over=kept.mark)
    assert store.put("shop/a.json", b"again", over=None), "what is gone is in nobody's way"


def test_who_comes_second_writes_nothing(store: Store) -> None:
    first = store.put("shop/a.json", b"one", over=None)
    assert store.put("shop/a.json", b"two", over=None) is None
    second = store.put("shop/a.json", b"two", over=first)
    assert store.put("shop/a.json", b"three", over=first) is None
    assert not store.delete("shop/a.json", over=str(first))
    kept = store.get("shop/a.json")
    assert kept is not None
    assert (kept.content, kept.mark) == (b"two", second)
    assert store.put("shop/none.json", b"three", over=second) is None


@pytest.mark.parametrize("over", [False, True], ids=["nothing", "something"])
def test_of_many_at_once_one_wins(store: Store, over: bool) -> None:
    mark = store.put("shop/a.json", b"before", over=None) if over else None
    with ThreadPoolExecutor(8) as pool:
        marks = list(pool.map(lambda one: store.put("shop/a.json", b"%d" % one, over=mark), range(8)))
    won = [one for one, made in enumerate(marks) if made]
    assert len(won) == 1
    kept = store.get("shop/a.json")
    assert kept is not None
    assert kept.content == b"%d" % won[0]


def test_keys_are_listed_in_order_without_what_is_gone(store: Store) -> None:
    for key in ("shop/runs/b/x.json", "shop/runs/a/x.json", "shop/lease.json", "shopping/runs/c"):
        store.replace(key, b"x")
    gone = store.put("shop/runs/c/x.json", b"x", over=None)
    store.delete("shop/runs/c/x.json", over=str(gone))
    assert list(store.list("shop/runs/")) == ["shop/runs/a/x.json", "shop/runs/b/x.json"]
    assert list(store.list("nobody/")) == []


def test_large_things_go_by_file(store: Store, tmp_path: Path) -> None:
    large, back = tmp_path / "large", tmp_path / "back"
    large.write_bytes(bytes(range(256)) * 40_000)  # two parts of an upload
    assert not store.fetch("shop/ledger", back)
    store.send(large, "shop/ledger")
    store.send(large, "shop/ledger")
    assert store.fetch("shop/ledger", back)
    assert back.read_bytes() == large.read_bytes()
    assert back.stat().st_mode & 0o777 == 0o600


def test_a_folder_is_its_owners_alone_and_kept_out_of_git(tmp_path: Path) -> None:
    stores.of(str(tmp_path / "state")).put("shop/deep/a.json", b"one", over=None)
    for folder in (tmp_path / "state", tmp_path / "state/shop", tmp_path / "state/shop/deep"):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state/shop/deep/a.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state/.gitignore").read_text() == "*\n"


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreUnavailable, match=r"the folder .*state, cannot be used: .+--state|directory|exists"):
        stores.of(str(tmp_path / "state")).put("shop/a.json", b"one", over=None)


def test_a_store_without_its_library_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(StoreUnavailable, match="not installed") as refused:
        stores.of("s3://bucket/prefix")
    assert "sailthru-reconcile[state]" in str(refused.value.hint)


def test_a_bucket_that_is_not_there_is_said_in_one_line(s3: S3) -> None:
    with pytest.raises(StoreUnavailable, match=r"^The state store s3://nowhere cannot be used: [^\n]+$"):
        stores.of("s3://nowhere").put("a", b"x", over=None)


def test_the_folder_needs_no_library() -> None:
    assert importlib.util.find_spec("obstore"), "else the test below it could not fail"
    code = "import sys; from reconcile import store; store.of('x').get('a'); sys.exit('obstore' in sys.modules)"
    assert not __import__("subprocess").run([__import__("sys").executable, "-c", code], check=False).returncode
