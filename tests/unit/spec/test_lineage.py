from __future__ import annotations

import pytest

from reconcile.spec.lineage import find_origins
from reconcile.spec.source import SourceSpec

ENV = "{{ env('SHOP') }}"
CASES = {
    "a column": ("select id, ssn as x from customers", {"customers.ssn"}),
    "a column of a table with its schema": ("select id, c.SSN as X from main.Customers c", {"main.customers.ssn"}),
    "all columns": ("select * from customers", {"customers.x"}),
    "all columns of one of two tables": ("select c.*, o.y from customers c join orders o using (id)", {"customers.x"}),
    "another type and case": ("select id, upper(trim(cast(ssn as text))) as x from customers", {"customers.ssn"}),
    "through WITH": (
        "with a(id, s) as (select id, ssn from customers), b as (select * from a) select id, s as x from b",
        {"customers.ssn"},
    ),
    "through itself": (
        "with recursive r as (select id, ssn as x from customers union all select id, x from r) select id, x from r",
        {"customers.ssn"},
    ),
    "a union": ("select id, x from one union all select id, ssn from two", {"one.x", "two.ssn"}),
    "a subquery": ("select id, (select c.ssn from customers c where c.id = o.id) x from orders o", {"customers.ssn"}),
    "rows of a function": (
        "select id, x from customers cross join unnest(string_to_array(ssn, ',')) as t(x)",
        {"customers.x", "customers.ssn?"},
    ),
    "a lateral subquery": ("select id, l.x from customers cross join lateral (select ssn as x) l", {"customers.ssn?"}),
    "a name in backticks": ("select `id`, `ssn` as `x` from `customers`", {"customers.ssn"}),
    "a name in brackets": ("select [id], [ssn] as [x] from [customers]", {"customers.ssn"}),
    "an expression": ("select id, case when ssn > 1 then city end as x from c", {"c.ssn?", "c.city?"}),
    "an aggregate": ("select id, max(total) as x from orders where ssn > 1 group by id, city", {"orders.total?"}),
    "an order": ("select id, row_number() over (order by ssn) as x from customers", {"customers.ssn?"}),
    "a count of rows": ("select id, count(*) as x from orders where ssn > 1 group by id", set()),
    "whether there are rows": ("select id, exists (select ssn from orders) as x from customers", set()),
    "parameters": ("select id, ssn as x from customers where city in {{ cities }}", {"customers.ssn"}),
    "what is no SQL": ("select ((", set()),
    "what is nested too deeply": (f"select id, {'(' * 2000}ssn{')' * 2000} as x from customers", set()),
    "no such column": ("select id from customers", set()),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_origins_of_a_column_are_found(case: str) -> None:
    query, expected = CASES[case]
    source = SourceSpec(connect=ENV, query=query, parameters={"cities": ["Rome"]}, key="id")
    found = find_origins(source, "X")
    assert {f"{one.table}.{one.column}{'' if one.plain else '?'}" for one in found} == expected


def test_the_scheme_says_in_whose_sql_a_query_is() -> None:
    query = "select id, ssn::text as x from customers"
    known = ("postgresql://host/shop", "duckdb:///shop.duckdb", "singlestoredb://host/shop")
    for connect in (*known, "a scheme that nobody knows://host"):
        source = SourceSpec(connect=connect, query=query, key="id")
        assert [one.column for one in find_origins(source, "x")] == ["ssn"]
    assert not find_origins(SourceSpec(connect="nobody://host", query=query, key="id"), "x")
