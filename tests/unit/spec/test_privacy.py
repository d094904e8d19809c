from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import SpecInvalid
from reconcile.spec import load, privacy
from reconcile.spec.model import Spec

HEAD = """version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  customers: {connect: "sqlite:///shop.db", table: customers, key: ssn}
  orders: {connect: "sqlite:///shop.db", table: orders, key: customer, many: true}
  archive: {connect: "sqlite:///shop.db", table: Customers, key: ssn, many: true}
"""


def read(folder: Path, text: str) -> Spec:
    (folder / "spec.yaml").write_text(HEAD + text, "utf-8")
    return load.load(folder / "spec.yaml")


def test_every_way_out_is_known(tmp_path: Path) -> None:
    spec = read(
        tmp_path,
        "profiles: {from: customers, email: Mail, identity: {var: person}}\n"
        "properties: {city: {column: city}}\nvars: {town: city}\n",
    )
    assert [(one.told, str(one.sent)) for one in privacy.find_exits(spec)] == [
        ('var "town"', "city"),
        ("profiles.email", "column mail of customers"),
        ('profiles.identity.var "person"', "column ssn of customers"),
    ]


def test_the_identity_is_masked_where_its_column_is_pii(tmp_path: Path) -> None:
    text = "profiles: {from: customers, email: mail, identity: {var: person}}\nproperties:\n"
    assert privacy.find_pii_vars(read(tmp_path, text + "  ssn: {column: SSN, pii: true}\n")) == {"person"}
    orders = "  last: {source: orders, aggregate: max, column: customer, pii: true}\n"
    assert privacy.find_pii_vars(read(tmp_path, text + orders)) == {"person"}
    assert privacy.find_pii_vars(read(tmp_path, text + "  city: {column: city, pii: true}\n")) == frozenset()


def test_how_many_rows_there_are_tells_nothing_of_the_key(tmp_path: Path) -> None:
    text = "profiles: {from: customers, email: mail, identity: {var: person}}\nproperties:\n"
    read(tmp_path, text + "  often: {source: orders, aggregate: count, column: customer, private: true}\n")
    text += "  often: {source: orders, aggregate: count, column: customer, private: true}\n"
    text += "  seldom: {source: orders, aggregate: count}\nvars: {seldom: seldom}\n"
    with pytest.raises(SpecInvalid) as caught:
        read(tmp_path, text)
    assert [one.message for one in caught.value.problems] == ['var "seldom" <- property seldom <- often (private)']


def test_the_first_and_last_by_a_private_column_tell_of_it(tmp_path: Path) -> None:
    text = "profiles: {from: customers, email: mail}\nproperties:\n"
    text += "  best: {source: orders, aggregate: max, column: total, private: true}\n"
    text += "  item: {source: orders, aggregate: last, column: item, by: Total}\nvars: {item: item}\n"
    with pytest.raises(SpecInvalid) as caught:
        read(tmp_path, text)
    assert [one.message for one in caught.value.problems] == ['var "item" <- property item <- best (private)']
    read(tmp_path, text.replace("by: Total", "by: placed_at"))


WAYS_IN = {
    "by itself": "{{{source}column: {column}}}",
    "hashed": "{{{source}column: {column}, hash: sha256, salt: \"{{{{ env('SALT') }}}}\"}}",
    "another name of the source": "{{source: archive, aggregate: {aggregate}, column: {column}}}",
}
WAYS_OUT = {
    "a var": ("{read}", "vars: {{out: seen}}"),
    "a template": ("{read}", '  text: {{template: "Hi {{{{ seen }}}}"}}\nvars: {{out: text}}'),
    "an expression": ("{read}", "  text: {{sql: \"coalesce(seen, 'x')\"}}\nvars: {{out: text}}"),
    "a hash of a template": (
        "{read}",
        '  text: {{template: "{{{{ seen }}}}", hash: sha256, salt: "{{{{ env(\'S\') }}}}"}}\nvars: {{out: text}}',
    ),
    "the identity": (None, "vars: {{}}"),
    "the address": (None, "vars: {{}}"),
}


COLUMNS = st.tuples(
    st.sampled_from(sorted(WAYS_IN)),
    st.sampled_from(["spent", "SPENT", "Spent"]),
    st.sampled_from(["", "source: customers, "]),
)


@given(st.sampled_from(sorted(WAYS_OUT)), COLUMNS, COLUMNS, st.sampled_from(["min", "max", "list", "count_distinct"]))
@settings(max_examples=60, deadline=None)
def test_a_private_column_leaves_on_no_way(
    way_out: str, private: tuple[str, str, str], public: tuple[str, str, str], aggregate: str
) -> None:
    (kept, column, source), (seen, other, other_source) = private, public
    secret = WAYS_IN[kept].format(column=column, source=source, aggregate=aggregate)
    read_, rest = WAYS_OUT[way_out]
    email = other if way_out == "the address" else "mail"
    key = f", id: {other}, identity: {{var: person}}" if way_out == "the identity" else ""
    lines = [f"profiles: {{from: customers, email: {email}{key}}}", "properties:"]
    lines.append(f"  secret: {secret[:-1]}, private: true}}")
    if read_ is not None:
        lines.append(f"  seen: {WAYS_IN[seen].format(column=other, source=other_source, aggregate=aggregate)}")
    text = "\n".join([*lines, rest.format()]) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        with pytest.raises(SpecInvalid) as caught:
            read(Path(folder), text)
        assert [one.message for one in caught.value.problems if one.message.endswith("secret (private)")], text
        read(Path(folder), text.replace(", private: true", ""))  # what is refused is refused for this alone


QUERY = '  paid: {connect: "sqlite:///shop.db", query: "select id, card as c from main.Customers", key: id}\n'
CARD = "properties: {card: {source: archive, aggregate: max, column: card, private: true}}\n"


@pytest.mark.parametrize(
    ("profiles", "told"),
    [
        ("{from: paid, email: C}", "profiles.email"),
        ("{from: paid, email: mail, id: c, identity: {var: person}}", 'profiles.identity.var "person"'),
    ],
)
def test_a_query_reads_the_same_columns_as_its_tables(tmp_path: Path, profiles: str, told: str) -> None:
    text = QUERY + f"profiles: {profiles}\n{CARD}"
    with pytest.raises(SpecInvalid) as caught:
        read(tmp_path, text)
    problems = [one.message for one in caught.value.problems]
    assert f"{told} <- column c of paid <- property card (private)" in problems
    read(tmp_path, text.replace(", private: true", ""))
    read(tmp_path, text.replace("select id, card as c", "select id, city as c"))


@pytest.mark.parametrize("connect", ["shop.db", "./shop.db", "sqlite:///./shop.db"])
def test_one_database_is_one_in_whichever_way_its_file_is_written(tmp_path: Path, connect: str) -> None:
    text = f"  twin: {{connect: {connect}, table: customers, key: ssn}}\nprofiles: {{from: customers, email: mail}}\n"
    text += "properties: {card: {column: card, private: true}, seen: {source: twin, column: card}}\nvars: {out: seen}\n"
    with pytest.raises(SpecInvalid) as caught:
        read(tmp_path, text)
    assert [one.message for one in caught.value.problems] == ['var "out" <- property seen <- card (private)']


def test_what_a_query_reads_of_a_pii_column_is_masked(tmp_path: Path) -> None:
    text = QUERY + "profiles: {from: customers, email: mail}\nproperties:\n  card: {column: card, pii: true}\n"
    text += "  seen: {source: paid, column: c}\nvars: {out: seen}\n"
    assert privacy.find_pii_vars(read(tmp_path, text)) == {"out"}
