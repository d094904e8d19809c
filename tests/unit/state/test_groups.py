"""Groups of groups, members by a list of their own, samples, and whom no list may have: seen on the lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plans import MASKS, NOW
from rows import Rows
from spark_server import on_spark

import reconcile as rc
from reconcile.state import desired, groups
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.workspace import Workspace

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  customers: {file: customers.csv, key: id}
  vips: {file: vips.csv, key: customer}
  scores: {file: scores.csv, key: who}
profiles: {from: customers, email: email}
properties:
  spent: {column: spent, type: integer}
groups:
"""


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


class Shop:
    """People 0 to 9 who spent 0, 10, … 80 and, the last, nobody knows what."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self.path, self.workspace = folder / "spec.yaml", workspace
        spent = [*range(0, 90, 10), None]
        self.customers = Rows("customers", {"id": list(range(10)), "email": self.addresses(10), "spent": spent})
        self.vips = Rows("vips", {"customer": ["3", "4"]})
        self.scores = Rows("scores", {"who": [1], "points": [5]})

    @staticmethod
    def addresses(count: int) -> list[str]:
        return [f"{at}@example.com" for at in range(count)]

    def wanted(self, text: str) -> desired.Desired:
        self.path.write_text(SPEC + text, encoding="utf-8")
        given = {one.name: one for one in (self.customers, self.vips, self.scores)}
        return desired.build(rc.load(self.path), given, self.workspace, as_of=NOW, masks=MASKS)

    def on(self, text: str) -> dict[str, set[int]]:
        """List -> who is on it."""
        found = self.workspace.dicts(self.wanted(text).whole().rows, limit=100_000)
        lists = [name for name in found[0] if name.startswith("list:")]
        return {
            name.removeprefix("list:"): {int(row["email"].partition("@")[0]) for row in found if row[name]}
            for name in lists
        }


@pytest.fixture
def shop(tmp_path: Path, workspace: Workspace) -> Shop:
    return Shop(tmp_path, workspace)


RICH = "  rich: {list: Rich, where: spent >= 50}\n"
ALL = set(range(10))


def test_a_group_asks_for_others_whatever_their_order(shop: Shop) -> None:
    text = """\
  a: {list: A, in: b, not_in: rich}
  b: {list: B, not_in: [poor]}
  poor: {where: spent < 20}
  e: {list: Either, in: [poor, rich]}
"""
    found = shop.on(text + RICH)
    assert found["A"] == {2, 3, 4, 9}  # of the last nobody knows what they spent: they are not poor
    assert found["B"] == ALL - {0, 1}
    assert found["Either"] == {0, 1, 5, 6, 7, 8}
    assert found.keys() == {"A", "B", "Either", "Rich", "reconcile: managed"}


def test_rules_ask_for_groups_among_conditions(shop: Shop) -> None:
    text = """\
  a: {list: A, rules: {any: [{in: rich}, {property: spent, op: eq, value: 10}]}}
  b: {list: B, rules: {none: [{in: [rich]}, {property: spent, op: eq, value: 10}]}}
  c: {list: C, rules: {all: [{not_in: [rich, a]}, {not_in: a}]}}
"""
    found = shop.on(text + RICH)
    assert found["A"] == {1, 5, 6, 7, 8}
    assert found["B"] == {0, 2, 3, 4}  # of null it is not known that it is not 10
    assert found["C"] == {0, 2, 3, 4, 9}


def test_members_are_the_keys_of_a_source(shop: Shop) -> None:
    shop.vips = Rows("vips", {"customer": ["3", " 4 ", "4", None]})
    found = shop.on(
        "  v: {list: V, members: {source: vips}}\n  w: {list: W, members: {source: vips}, not_in: rich}\n" + RICH
    )
    assert found["V"] == {3, 4}
    assert found["W"] == {3, 4}


def test_members_whom_nobody_knows_are_counted_and_masked(shop: Shop) -> None:
    shop.vips = Rows("vips", {"customer": [3, 77, 77, 78]})
    wanted = shop.wanted("  v: {list: V, members: {source: vips}}\n")
    [told] = [one for one in wanted.invalid if one.source == "vips"]
    assert told.reason == "member whom the source of profiles does not have"
    assert told.count == 2
    assert len(told.samples) == 2
    assert "77" not in told.samples


def test_a_member_who_cannot_be_used_is_no_stranger(shop: Shop) -> None:
    shop.customers = Rows("customers", {"id": [1, 2], "email": ["1@example.com", "none"], "spent": [1, 2]})
    shop.vips = Rows("vips", {"customer": [1, 2]})
    wanted = shop.wanted("  v: {list: V, members: {source: vips}}\n")
    assert [(one.source, one.reason) for one in wanted.invalid] == [("customers", "malformed e-mail address")]


def test_a_source_may_give_members_and_a_column(shop: Shop) -> None:
    text = "  v: {list: V, members: {source: scores}, where: points > 1}\n"
    with pytest.raises(rc.SpecInvalid, match="at most one of where, rules, members; found where and members"):
        shop.on(text)
    text = "  v: {list: V, members: {source: scores}, in: w}\n  w: {list: W, where: points > 1}\n"
    text += "properties:\n  points: {source: scores, column: points, type: integer}\n"
    shop.path.write_text((SPEC + text).replace("properties:\n  spent: {column: spent, type: integer}\n", "", 1))
    given = {one.name: one for one in (shop.customers, shop.scores)}
    wanted = desired.build(rc.load(shop.path), given, shop.workspace, as_of=NOW, masks=MASKS)
    found = shop.workspace.dicts(wanted.whole().rows, limit=99)
    assert {row["email"] for row in found if row["list:V"]} == {"1@example.com"}


def test_whoever_is_excluded_is_on_no_list_but_the_registry_and_that_group_own(shop: Shop) -> None:
    text = """\
  staff: {list: Staff, rules: {property: spent, op: in, value: [50, 60]}}
  rest: {list: Rest, not_in: staff}
  inner: {list: Inner, rules: {in: rich}}
exclude_from_all: [staff, poor]
"""
    found = shop.on("  poor: {where: spent < 20}\n" + RICH + text)
    assert found["Rich"] == {7, 8}
    assert found["Inner"] == {7, 8}
    assert found["Staff"] == {5, 6}
    assert found["Rest"] == {2, 3, 4, 7, 8, 9}
    assert found["reconcile: managed"] == ALL


def test_the_example_of_the_docs_is_right(tmp_path: Path) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "groups.md").read_text("utf-8")
    example = docs.split("```yaml\n")[1].split("```")[0]
    base = (
        SPEC.removesuffix("groups:\n") + "  email: {column: email}\n  last_order_at: {column: last, type: datetime}\n"
    )
    (tmp_path / "spec.yaml").write_text(base.replace("vips:", "vip_list:") + example, "utf-8")
    assert rc.load(tmp_path).lists.keys() == {"VIP", "Lapsed", "Win Back"}


# Samples: a law


MANY = 20_000


def drawn(shop: Shop, *samples: str, salted: str = "") -> list[set[int]]:
    """Who falls into each sample, of many people."""
    addresses = [f"{at}{salted}@example.com" for at in range(MANY)]
    ids = {"id": [f"c{at}" for at in range(MANY)], "email": addresses, "spent": [1] * MANY}
    shop.customers = Rows("customers", ids)
    text = "".join(f"  g{at}: {{list: L{at}, {sample}}}\n" for at, sample in enumerate(samples))
    rows = shop.wanted(text).whole().rows
    found = shop.workspace.dicts(rows.select("email", *(f"list:L{at}" for at in range(len(samples)))), limit=MANY)
    number = {address: at for at, address in enumerate(addresses)}
    return [{number[row["email"]] for row in found if row[f"list:L{at}"]} for at in range(len(samples))]


def near(count: int, of: int, percent: float) -> bool:
    """Within five standard deviations of a fair draw."""
    share = percent / 100
    return bool(abs(count - of * share) <= 5 * (of * share * (1 - share)) ** 0.5)


def test_samples_keep_their_law(shop: Shop) -> None:
    ten, same, more, other, rest, all_, few = drawn(
        shop,
        "sample: {percent: 10, salt: q4}",
        "where: spent = 1, sample: {percent: 10, salt: q4}",
        "sample: {percent: 12.5, salt: q4}",
        "sample: {percent: 10, salt: q3}",
        "where: spent = 1, holdout: {percent: 10, salt: q4}",
        "sample: {percent: 100, salt: q4}",
        "sample: {percent: 0.1, salt: q4}",
    )
    everybody = set(range(MANY))
    assert all(near(len(one), MANY, percent) for one, percent in ((ten, 10), (more, 12.5), (other, 10), (few, 0.1)))
    assert few < ten < more  # growing only adds
    assert same == ten
    assert rest == everybody - ten
    assert all_ == everybody
    assert near(len(ten & other), len(ten), 10)  # another salt is independent
    [again] = drawn(shop, "sample: {percent: 10, salt: q4}", salted=".moved")
    assert again == ten  # another address is the same person


@on_spark
def test_every_engine_draws_the_same(tmp_path: Path, shop: Shop, spark: Workspace) -> None:
    samples = [f"sample: {{percent: {percent}, salt: é{percent}}}" for percent in (1, 33.3, 50, 100)]
    assert drawn(Shop(tmp_path, spark), *samples) == drawn(shop, *samples)


def test_a_bound_is_a_share_of_all_hashes() -> None:
    assert groups.bound(50) == "8" + "0" * 15
    assert groups.bound(0.1) == f"{2**64 // 1000:016x}"
    assert groups.bound(100) > "f" * 32
