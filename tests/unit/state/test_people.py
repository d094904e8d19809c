"""Who is a person: one row each, and every reason why a row cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from plans import MASKS, NOW
from rows import Rows

import reconcile as rc
from reconcile.errors import SourceEmpty
from reconcile.state import desired, people, values
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Silent
from reconcile.state.workspace import Workspace

SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  customers: {file: customers.csv, key: id}
  scores: {file: scores.csv, key: who}
  unused: {file: unused.csv, key: id}
profiles: {from: customers, email: email, identity: {var: customer_id}}
properties:
  city: {column: city}
  score: {source: scores, column: score}
vars: {city: city, score: score}
"""


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with DuckDB() as opened:
        yield opened


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> rc.Spec:
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(SPEC)
    return rc.load(path)


def customers(*rows: tuple[Any, str | None], keys: pa.DataType | None = None) -> Rows:
    return Rows(
        "customers",
        {
            "id": pa.array([key for key, _ in rows], keys),
            "email": pa.array([email for _, email in rows], pa.string()),
            "city": pa.array(["Rome" for _ in rows], pa.string()),
        },
    )


def scores(*rows: tuple[Any, int]) -> Rows:
    return Rows("scores", {"who": [key for key, _ in rows], "score": [score for _, score in rows]})


def gathered(spec: rc.Spec, workspace: Workspace, *sources: Rows) -> people.People:
    return people.gather(spec, {one.name: one for one in sources}, workspace, MASKS, Silent(), NOW)


def addresses(workspace: Workspace, found: people.People) -> list[str]:
    return sorted(row[people.EMAIL] for row in workspace.dicts(found.rows, limit=99))


GOOD = [
    "ada@example.com",
    "  BOB@Example.COM ",
    "\tcyd@example.com\r\n",
    "a@b.co",
    "o'brien+news@mail.example.co.uk",
    "!#$%&'*+/=?^_`{|}~-@example.com",
    "1@2.de",
    "a@xn--bcher-kva.example",
    f"{'a' * 64}@example.com",
    f"a@{'b' * 63}.com",
]
BAD = [
    "ada",
    "ada@",
    "@example.com",
    "ada@localhost",
    "ada@example.com.",
    "ada@.example.com",
    "ada@exam_ple.com",
    "ada@-example.com",
    "ada@example-.com",
    "-ada@example.com",
    ".ada@example.com",
    "ada.@example.com",
    "a..da@example.com",
    "ada@@example.com",
    "ada@example@example.com",
    "a da@example.com",
    "ada@exam ple.com",
    "ada@example.com, bob@example.com",
    '"ada"@example.com',
    "ada@[127.0.0.1]",
    "ünal@example.com",
    "ada@exämple.com",
    "stanisław.wójcik@wp.pl",
    "ada\u00a0@example.com",
    "ada\n@example.com",
    "<ada@example.com>",
    "mailto:ada@example.com",
    f"{'a' * 65}@example.com",
    f"a@{'b' * 64}.com",
    "a@" + ".".join(["b" * 60] * 4) + ".example.com",
]


def test_addresses_that_sailthru_takes(spec: rc.Spec, workspace: Workspace) -> None:
    found = gathered(spec, workspace, customers(*enumerate(GOOD)), scores((1, 1)))
    assert not found.invalid
    assert addresses(workspace, found) == sorted(address.strip().lower() for address in GOOD)


def test_addresses_that_sailthru_refuses(spec: rc.Spec, workspace: Workspace) -> None:
    found = gathered(spec, workspace, customers(*enumerate(BAD)), scores((1, 1)))
    assert addresses(workspace, found) == []
    [invalid] = found.invalid
    assert (invalid.reason, invalid.count) == ("malformed e-mail address", len(BAD))


@pytest.mark.parametrize(
    ("rows", "reason", "count"),
    [
        ([("1", None)], "no e-mail address", 1),
        ([("1", "")], "no e-mail address", 1),
        ([("1", "   ")], "no e-mail address", 1),
        ([(None, "ada@example.com")], "no key", 1),
        ([("", "ada@example.com")], "no key", 1),
        ([("  ", "ada@example.com")], "no key", 1),
        ([("1", "ada@example.com"), ("1", "bob@example.com")], "duplicate key", 2),
        ([("1", "ada@example.com"), (" 1 ", "bob@example.com")], "duplicate key", 2),
        ([("1", "ada@example.com"), ("2", " ADA@example.com")], "address shared by several people", 2),
    ],
)
def test_every_reason(
    spec: rc.Spec,
    workspace: Workspace,
    rows: Sequence[tuple[str | None, str | None]],
    reason: str,
    count: int,
) -> None:
    found = gathered(spec, workspace, customers(*rows, ("99", "eve@example.com"), keys=pa.string()), scores(("99", 1)))
    assert [(one.reason, one.source, one.count) for one in found.invalid] == [(reason, "customers", count)]
    assert addresses(workspace, found) == ["eve@example.com"]


def test_several_rows_in_another_source_make_nobody_twice(spec: rc.Spec, workspace: Workspace) -> None:
    shop = customers((1, "ada@example.com"), (2, "bob@example.com"), (3, "cyd@example.com"))
    found = gathered(spec, workspace, shop, scores((1, 5), (2, 6), (2, 7), (9, 1)))
    assert addresses(workspace, found) == ["ada@example.com", "cyd@example.com"]
    assert [(one.reason, one.count) for one in found.invalid] == [("several rows in source scores", 1)]
    scored = {row[people.KEY]: row[people.column("scores", "score")] for row in workspace.dicts(found.rows, limit=9)}
    assert scored == {"1": 5, "3": None}


def test_samples_are_masked_and_each_person_is_named_once(spec: rc.Spec, workspace: Workspace) -> None:
    shop = customers(*[(7, f"a{n}@example.com") for n in range(5)], (8, "eve@example.com"))
    [invalid] = gathered(spec, workspace, shop, scores((8, 1))).invalid
    assert (invalid.count, invalid.samples) == (5, (MASKS.person("7"),))


def test_only_what_is_used_is_asked_for(spec: rc.Spec, workspace: Workspace) -> None:
    shop, others = customers((1, "ada@example.com")), scores((1, 1))
    found = gathered(spec, workspace, shop, others)
    assert shop.demanded is not None
    assert shop.demanded.columns == ("id", "email", "city")
    assert others.demanded is not None
    assert others.demanded.columns == ("who", "score")
    assert others.demanded.required_by["score"].endswith("spec.yaml:10:27")
    assert [(one.name, one.rows) for one in found.sources] == [("customers", 1), ("scores", 1)]


@pytest.mark.parametrize("empty", ["customers", "scores"])
def test_an_empty_source_is_a_broken_one(spec: rc.Spec, workspace: Workspace, empty: str) -> None:
    shop = customers((1, "ada@example.com"))
    sources = {"customers": shop, "scores": scores((1, 1))}
    columns = sources[empty].columns
    sources[empty].columns = {name: pa.array([], pa.array(values_).type) for name, values_ in columns.items()}
    with pytest.raises(SourceEmpty, match=f'Source "{empty}" has no rows'):
        gathered(spec, workspace, *sources.values())


def test_a_source_that_breaks_off_is_told_as_itself(spec: rc.Spec, workspace: Workspace) -> None:
    shop = customers((1, "ada@example.com"), (2, "bob@example.com"))
    shop.breaks_after = 1
    with pytest.raises(ConnectionError, match="the cable is out"):
        gathered(spec, workspace, shop, scores((1, 1)))


def test_keys_that_a_source_could_not_read_are_counted_by_column(spec: rc.Spec, workspace: Workspace) -> None:
    shop = customers((1, "ada@example.com"))
    shop.misfits = {"id": 3}
    found = gathered(spec, workspace, shop, scores((1, 1)))
    assert [(one.source, one.count) for one in found.invalid] == [("customers.id", 3)]


@pytest.mark.parametrize(
    ("key", "kind", "told"),
    [
        (7, pa.int64(), "7"),
        (7.0, pa.float64(), "7"),
        (Decimal("7.00"), pa.decimal128(10, 2), "7"),
        (" 7a ", pa.string(), "7a"),
        ("Zoe\u0308", pa.string(), "Zoë"),
    ],
)
def test_who_is_held_is_known_by_the_identity_that_the_account_has(
    spec: rc.Spec, workspace: Workspace, key: object, kind: pa.DataType, told: str
) -> None:
    """Somebody without an address is still somebody: what Sailthru has of them must not be taken for a leaver's."""
    shop = customers((key, "ada@example.com"), keys=kind)
    rows = {"customers": shop, "scores": Rows("scores", {"who": shop.columns["id"], "score": [1]})}
    wanted = desired.build(spec, rows, workspace, as_of=NOW, masks=MASKS)
    assert workspace.dicts(wanted.rows, limit=1)[0]["var:customer_id"] == told
    held = customers((key, None), keys=kind)
    found = gathered(spec, workspace, held, rows["scores"])
    assert workspace.dicts(found.held, limit=9) == [{"hash": None, "identity": told}]


def test_sources_are_joined_whatever_type_their_keys_have(spec: rc.Spec, workspace: Workspace) -> None:
    shop = customers((1.0, "ada@example.com"), (2.0, "bob@example.com"), (None, "cyd@example.com"), keys=pa.float64())
    found = gathered(spec, workspace, shop, scores((2, 6), (1, 5)))
    scored = {row[people.KEY]: row[people.column("scores", "score")] for row in workspace.dicts(found.rows, limit=9)}
    assert scored == {"1": 5, "2": 6}


@pytest.mark.parametrize(
    ("keys", "kind", "told"),
    [
        ([Decimal(2**53), Decimal(2**53 + 1)], pa.decimal128(20, 0), [str(2**53), str(2**53 + 1)]),
        ([2**53 + 1, 2**64 - 1], pa.uint64(), [str(2**64 - 1), str(2**53 + 1)]),
        ([Decimal("1.10"), Decimal("1.00")], pa.decimal128(38, 2), ["1", "1.1"]),
        ([7.0, 7.5], pa.float64(), ["7", "7.5"]),
        (["1.10", "1.1", "1.0", "007", " A9 "], pa.string(), ["007", "1", "1.1", "1.10", "A9"]),
        (["\ufdd01", "K2", "12345678901234567890.0"], pa.string(), ["1", "12345678901234567890", "K2"]),
    ],
)
def test_a_key_keeps_every_digit(
    spec: rc.Spec, workspace: Workspace, keys: Sequence[Any], kind: pa.DataType, told: list[str]
) -> None:
    rows = [(key, f"p{at}@example.com") for at, key in enumerate(keys)]
    found = gathered(spec, workspace, customers(*rows, keys=kind), scores((1, 1)))
    assert sorted(row[people.KEY] for row in workspace.dicts(found.rows, limit=9)) == sorted(told)
    assert found.invalid == ()


def test_what_is_no_value_is_looked_for_once(spec: rc.Spec, workspace: Workspace) -> None:
    some = Rows("scores", {"who": [1, 2], "score": [1.5, float("nan")]})
    assert gathered(spec, workspace, customers((1, "a@example.com")), some).odd == {people.column("scores", "score")}
    fine = Rows("scores", {"who": [1, 2], "score": [1.5, None]})
    assert gathered(spec, workspace, customers((1, "a@example.com")), fine).odd == frozenset()


def test_who_is_held_is_known_by_the_address_too(spec: rc.Spec, workspace: Workspace) -> None:
    found = gathered(spec, workspace, customers(("", "Ada@example.com"), keys=pa.string()), scores(("1", 1)))
    assert workspace.dicts(found.held, limit=9) == [{"hash": values.hash_of("ada@example.com"), "identity": None}]


@pytest.mark.parametrize("column", ["{column: id, pii: true}", "{source: scores, column: who, pii: true}"])
def test_the_identity_is_masked_where_its_column_is_pii(tmp_path: Path, workspace: Workspace, column: str) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC.replace("vars:", f"  number: {column}\nvars:"))
    made = rc.load(tmp_path / "spec.yaml")
    rows = {"customers": customers((1, "ada@example.com")), "scores": scores((1, 5))}
    shape = desired.build(made, rows, workspace, as_of=NOW, masks=MASKS).shape
    assert {var.name: var.pii for var in shape.vars} == {"city": False, "customer_id": True, "score": False}
