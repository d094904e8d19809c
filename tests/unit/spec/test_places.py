from __future__ import annotations

import pytest

from reconcile.spec import places


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  api_key: abcdef", "  api_key: ***   "),
        ("  api_key: 'abcdef'  # note", "  api_key: ***       # note"),
        ("  apiSecret: abcdef", "  apiSecret: ***   "),
        ("{api_key: abc, api_secret: def}", "{api_key: ***, api_secret: ***}"),
        ("  api_key: \"{{ env('KEY') }}\"", "  api_key: \"{{ env('KEY') }}\""),
        ("  api_key: {{ env('KEY') }}", "  api_key: {{ env('KEY') }}"),
        ("  connect: postgresql://me:pass@db/x", "  connect: postgresql://me:*** @db/x"),
        ("  connect: postgresql://me:{{ env('P') }}@db/x", "  connect: postgresql://me:{{ env('P') }}@db/x"),
        ("  connect: postgresql://db/x?password=pass&a=b", "  connect: postgresql://db/x?password=*** &a=b"),
        ("seal: [AGE-SECRET-KEY-1QQQSYQ]", "seal: [AGE-SECRET-KEY-1***   ]"),
        ("  key: id", "  key: id"),
        ("  # the api key is in the vault", "  # the api key is in the vault"),
    ],
)
def test_secrets_are_blotted_out_and_keep_their_width(line: str, shown: str) -> None:
    assert places.blot(line) == shown


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ((), "the spec"),
        (("account", "name"), "account.name"),
        (("groups",), "section groups"),
        (("groups", "vip"), 'group "vip"'),
        (("groups", "vip", "rules", "all", 0, "op"), 'rules.all.1.op of group "vip"'),
    ],
)
def test_parts_are_called_in_words(path: places.Path, words: str) -> None:
    assert places.called(path) == words


def test_what_was_meant() -> None:
    assert places.meant("Plan", ["plan", "planet"]) == 'Did you mean "plan"?'
    assert places.meant("xyz", ["b", "a"]) == "There are: a, b."
    assert places.meant("xyz", []) is None
    assert places.meant("xyz", map(str, range(100))) is None
