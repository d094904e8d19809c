"""A group and a property previewed: how many, why no more, and what may be seen of whom; no account is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from desk import PLANTED, Desk
from world import shop

import reconcile as rc
from reconcile.screen import preview
from reconcile.simulator import Simulator
from reconcile.state.previews import Preview

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  people: {file: people.csv, key: id, columns: {id: integer}}
  vips: {file: vips.csv, key: id}
profiles: {from: people, email: email}
properties:
  city: {column: city}
  born: {column: born, type: date}
  spent: {column: spent, type: float, private: true}
  rich: {sql: "spent > 50"}
  phone: {column: phone, pii: true}
  hello: {template: "Hi {{ city | default('you') }}"}
  order: {column: id}
  times: {value: 2}
  member: {sql: "spent >= 20"}
vars: {city: city, hello: hello}
groups:
  staff: {rules: {property: city, op: eq, value: Office}}
  spenders: {list: Spenders, where: "spent >= 10 and city is not null"}
  vip: {list: VIP, members: {source: vips}, in: spenders, holdout: {percent: 50.0, salt: a}}
  loud: {list: Loud, rules: {all: [{in: spenders}, {none: [{property: city, op: in, value: [Rome, Oslo]}]}]}}
  nobody: {list: Nobody, where: spent > 1000}
  odd: {where: 'member and "order" < 25 and times = 2'}
exclude_from_all: staff
"""
CITIES = ["Rome"] * 6 + ["Oslo"] * 5 + ["Office"] * 5 + ["Bern"] * 4 + [""] * 10
ROWS = [
    (at, f"p{at}@example.com", city, "1990-01-01" if at % 3 else "soon", at, f"+4420794600{at:02}")
    for at, city in enumerate(CITIES)
]

Look = Callable[..., Preview]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    folder = tmp_path_factory.mktemp("preview")
    (folder / "spec.yaml").write_text(SPEC)
    lines = ["id,email,city,born,spent,phone", *(",".join(map(str, row)) for row in ROWS), "99,nobody,,,,"]
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    (folder / "vips.csv").write_text("id\n" + "".join(f"{at}\n" for at in range(5, 25)))
    spec = rc.load(folder / "spec.yaml")

    def run(name: str, **options: object) -> Preview:
        return rc.Reconciler(environ={}).preview(spec, name, **options)  # type: ignore[arg-type]

    return run


def asked(found: Preview) -> dict[str, tuple[int, int, int, int | None]]:
    assert found.group is not None
    return {"  " * one.depth + one.told: (one.true, one.false, one.null, one.alone) for one in found.group.asks}


def test_every_clause_is_counted_and_what_it_keeps_out_alone(look: Look) -> None:
    found = look("spenders")
    spent, named = [row[4] >= 10 for row in ROWS], [row[2] != "" for row in ROWS]
    staff = [row[2] == "Office" for row in ROWS]
    assert asked(found) == {
        "all of": (10, 20, 0, None),
        "  spent >= 10": (20, 10, 0, sum(n and not s for s, n in zip(spent, named, strict=True))),
        "  not": (20, 10, 0, sum(s and not n for s, n in zip(spent, named, strict=True))),
        "    city IS NULL": (10, 20, 0, None),
        "not in staff (exclude_from_all)": (25, 5, 0, sum(staff)),
    }
    assert found.group is not None
    assert (found.group.people, found.group.members, found.group.list) == (30, 5, "Spenders")
    assert [(one.reason, one.count) for one in found.invalid] == [("malformed e-mail address", 1)]


def test_a_clause_that_goes_by_an_infinity_is_neither_true_nor_false(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,email,n\n1,a@example.com,2\n2,b@example.com,0\n")
    (tmp_path / "spec.yaml").write_text(
        "version: 1\n"
        "account: {name: shop, api_key: \"{{ env('KEY') }}\", api_secret: \"{{ env('SECRET') }}\"}\n"
        "sources: {people: {file: people.csv, key: id, columns: {n: integer}}}\n"
        "profiles: {from: people, email: email}\n"
        "properties: {n: {column: n}}\n"
        "groups: {some: {list: Some, where: 1.0 / n > 0}}\n"
    )
    found = rc.Reconciler(environ={}).preview(rc.load(tmp_path / "spec.yaml"), "some")
    assert asked(found) == {"1.0 / n > 0": (1, 0, 1, None)}


def test_members_other_groups_and_shares_are_counted_too(look: Look) -> None:
    """Other groups ask who is in a group before anybody is excluded: ten spend, and five of them are staff.

    One of the ten is in Oslo, and that alone keeps them from being loud.
    """
    vip = asked(look("vip"))
    assert {name: counts[:3] for name, counts in vip.items() if "holdout" not in name} == {
        "a member in source vips": (20, 10, 0),
        "in spenders": (10, 20, 0),
        "not in staff (exclude_from_all)": (25, 5, 0),
    }
    held = vip["outside the holdout of 50 percent"]
    assert held[0] + held[1] == 30
    members = look("vip").group
    assert members is not None
    assert members.members + (held[3] or 0) == 5  # whom all but the holdout lets in
    assert asked(look("loud")) == {
        "all of": (9, 21, 0, None),
        "  in spenders": (10, 20, 0, 0),
        "  none of": (9, 11, 10, 1),
        "    city in Rome, Oslo": (11, 9, 10, None),
        "not in staff (exclude_from_all)": (25, 5, 0, 5),
    }


def test_a_property_is_counted_with_the_values_that_may_be_seen(look: Look) -> None:
    city = look("city").property
    assert city is not None
    assert (city.people, city.filled, city.null, city.distinct, city.invalid) == (30, 20, 10, 4, 0)
    assert city.frequent == (("Rome", 6), ("Office", 5), ("Oslo", 5))  # Bern is of fewer people than five
    assert (city.vars, city.groups) == (("city",), ("staff", "spenders", "loud"))
    born = look("born").property
    assert born is not None
    assert (born.filled, born.null, born.invalid) == (20, 10, 10)
    hello = look("hello", limit=2).property
    assert hello is not None
    assert ([one.name for one in hello.samples.fields], len(hello.samples.rows)) == (["city", "hello"], 2)


def test_groups_by_samples_and_salted_hashes_are_counted(tmp_path: Path) -> None:
    """The salt is all that is asked of the environment, and the counts are as anybody works them out."""
    halves = """\
sources: {people: {file: people.csv, key: id}}
profiles: {from: people, email: email}
properties: {token: {column: email, hash: sha256, salt: "{{ env('SALT') }}"}}
groups:
  half: {list: Half, sample: {percent: 50.0, salt: q4}}
  rest: {list: Rest, where: "true", holdout: {percent: 50.0, salt: q4}}
  low: {list: Low, where: "token < '8'"}
"""
    (tmp_path / "spec.yaml").write_text("".join(SPEC.splitlines(keepends=True)[:2]) + halves)
    (tmp_path / "people.csv").write_text("id,email\n" + "".join(f"{row[0]},{row[1]}\n" for row in ROWS))
    spec = rc.load(tmp_path / "spec.yaml")
    half = {row[0] for row in ROWS if hashlib.md5(f"q4:{row[0]}".encode()).hexdigest() < "8"}
    low = {row[0] for row in ROWS if hashlib.sha256(f"pepper{row[1]}".encode()).hexdigest() < "8"}
    found = rc.Reconciler(environ={"SALT": "pepper"}).groups(spec)
    assert found.sizes == {"half": len(half), "rest": 30 - len(half), "low": len(low)}
    assert found.overlaps == {("half", "low"): len(half & low), ("rest", "low"): len(low - half)}
    assert found.nowhere == 0
    with pytest.raises(rc.CredentialsRefused, match="SALT"):
        rc.Reconciler(environ={}).groups(spec)


def test_properties_may_be_called_as_our_own_columns(look: Look) -> None:
    """A group asks about them, and each may be looked at."""
    odd = look("odd", reveal=True).group
    assert odd is not None
    assert (odd.members, [one.name for one in odd.samples.fields]) == (5, ["order", "times", "member"])
    assert {(int(order), *rest) for _, (order, *rest) in odd.samples.rows} == {(at, 2, True) for at in range(20, 25)}
    times, order = look("times").property, look("order", limit=1).property
    assert times is not None
    assert order is not None
    assert (times.frequent, order.distinct, len(order.samples.rows)) == (((2, 30),), 30, 1)


def test_nobody_is_told_only_where_there_is_nobody(look: Look) -> None:
    told = {name: list(preview.preview(look(name, limit=0), reveal=False)) for name in ("spenders", "nobody", "phone")}
    assert {name: ("Nobody is in it." in lines, lines[-1]) for name, lines in told.items()} == {
        "spenders": (False, "  ! 1 in people: malformed e-mail address"),
        "nobody": (True, "  ! 1 in people: malformed e-mail address"),
        "phone": (False, "  ! 1 in people: malformed e-mail address"),
    }
    assert "For example" not in "".join(told["spenders"] + told["phone"])


def test_private_values_take_reveal_and_pii_is_never_shown(look: Look) -> None:
    untold = {}
    for name in ("spent", "rich", "phone"):
        hidden, shown = look(name).property, look(name, reveal=True).property
        assert hidden is not None
        assert shown is not None
        assert hidden.frequent == ()
        untold[name] = (hidden.untold, shown.untold, len(shown.frequent))
    assert untold == {"spent": ("private", None, 10), "rich": ("private", None, 1), "phone": ("pii", "pii", 0)}


def test_at_a_terminal_nobody_is_seen_unless_revealed(tmp_path: Path) -> None:
    simulator = Simulator(seed=1)
    desk = Desk(tmp_path, "http://127.0.0.1:9", simulator)
    del desk.environ["SECRET"]
    everybody = shop(30)
    big = sum((one.spent or 0) >= 1000 for one in everybody)
    both = desk.run("preview", "big", "--limit", "3")
    assert both.stdout.startswith(f"Group big: {big} of 31 people ({big / 31:.1%}); list Big Spenders\n")
    assert "\nProperty big: boolean, sql: spent >= 1000\n" in both.stdout
    assert "used by no var and no rule" in both.stdout
    assert not any(f"{one.email}" in desk.said for one in everybody)
    event = json.loads(desk.run("preview", "city", "--json", "--limit", "31").stdout.splitlines()[-1])
    assert (event["event"], event["group"], event["property"]["filled"]) == (
        "preview",
        None,
        1 + sum(one.city is not None for one in everybody),
    )
    assert not any(word.lower() in desk.said.lower() for word in PLANTED)
    revealed = desk.run("preview", "city", "--reveal", "--limit", "31").stdout
    assert f"  {PLANTED[0]}" in revealed
    unknown = desk.run("preview", "bgi")
    assert (unknown.returncode, 'Did you mean "big"?' in unknown.stderr) == (64, True)
