from __future__ import annotations

from typing import Any

import pytest

from reconcile.spec import templates
from reconcile.spec.places import Places
from reconcile.spec.variables import Filling

VALUES = {"brand": "O'Hara", "limit": 5, "share": 0.5, "on": True, "braces": "{{ x }}", "slash": "a\\n'b"}


def filled(text: str, *path: str) -> Any:
    filling = Filling(VALUES, Places())
    found = filling.filled(text, path)
    assert not filling.problems
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ var('limit') }}", 5),
        (' {{var("share")}} ', 0.5),
        ("{{ var('on') }}", True),
        ("{{ var('none', 'x') }}", "x"),
        ("{{ var('none', -2) }}", -2),
        ("{{ var('none', 2.50) }}", 2.5),
        ("{{ var('none', false) }}", False),
        ("{{ var('limit', 7) }}", 5),
        ("at most {{ var('limit') }} of {{ var('brand') }}", "at most 5 of O'Hara"),
        ("is {{ var('on') }}", "is true"),
        ("{{ env('X') }}/{{ var('limit') }}", "{{ env('X') }}/5"),
        ("var('limit')", "var('limit')"),
    ],
)
def test_a_text_that_is_a_reference_becomes_the_value(text: str, value: object) -> None:
    found = filled(text, "policy", "x")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ var('limit') }}", "5"),
        ("city = {{ var('brand') }}", "city = 'O''Hara'"),
        ("news = {{ var('on') }}", "news = true"),
    ],
)
@pytest.mark.parametrize("path", [("groups", "x", "where"), ("properties", "x", "sql")])
def test_in_sql_it_is_a_literal(text: str, value: str, path: tuple[str, ...]) -> None:
    assert filled(text, *path) == value


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("Hi from {{ var('brand') }}", "Hi from O'Hara"),
        ("{{ var('brand') | upper }}", "O'HARA"),
        ("{{ var('slash') | lower }}", "a\\n'b"),
        ("{{ var('braces') }}", "{{ x }}"),
        ("{% if var('on') %}{{ var('limit') + 1 }}{% endif %}", "6"),
        ("{% if not var('on') %}x{% endif %}", ""),
    ],
)
def test_in_a_template_it_is_a_value(text: str, rendered: str) -> None:
    template = templates.compile(filled(text, "properties", "x", "template"))
    assert template.inputs == ()
    assert template.render({"unread": [1]}) == [rendered]


def test_a_plain_template_stays_one_that_needs_no_jinja() -> None:
    assert templates.pieces(filled("{{ a }} of {{ var('brand') }}", "properties", "x", "template"))


def test_in_a_query_it_is_a_value_of_the_query() -> None:
    assert filled("select {{ var('brand') }}", "sources", "x", "query") == "select {{ 'O\\'Hara' }}"


def test_an_environment_is_filled_as_the_spec_is() -> None:
    found = filled("a = {{ var('brand') }}", "environments", "staging", "sources", "x", "query")
    assert found == "a = {{ 'O\\'Hara' }}"


def test_what_looks_like_a_secret_is_not_told() -> None:
    values = {"db_password": "hunter2", "url": "postgresql://me:hunter2@db/x", "brand": "x", "unused": 1}
    filling = Filling(values, Places())
    filling.filled([f"{{{{ var('{name}') }}}}" for name in ("db_password", "url", "brand")])
    assert filling.told() == {"db_password": "***", "url": "***", "brand": "x"}
