"""A plan says in its first lines where the type of a managed var changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import Customer, World, meddle

from reconcile.plan import explain
from reconcile.review import composing, html, markdown

CHANGED = "This changes the type of a var: city was text and is number."


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.fill([Customer(1, "ada@example.com", "Ada", "10115"), Customer(2, "bob@example.com", "Bob", "20095")])
    world.settle()
    return world


def retype(world: World, type_: str) -> None:
    world.text = world.text.replace("city: {column: city}", f"city: {{column: city, type: {type_}}}")


def test_another_type_of_a_var_is_told_before_all_else(world: World) -> None:
    retype(world, "integer")
    face = world.plan().face
    assert [(one.name, one.before, one.type) for one in face.retyped] == [("city", "string", "integer")]
    assert next(iter(explain.notes(face))).startswith(CHANGED)


def test_it_is_told_in_each_form_of_a_plan(world: World) -> None:
    retype(world, "integer")
    world.change(1, city="10117")
    plan = world.plan()
    page = composing.page(plan)
    assert CHANGED in "\n".join(list(explain.text(explain.view(plan)))[:4])
    assert CHANGED in markdown.text(page)
    assert CHANGED in html.text(page)
    told = explain.as_json(explain.view(plan))
    assert told["notes"][0].startswith(CHANGED)
    assert told["retyped"] == [{"name": "city", "before": "string", "type": "integer", "found": 0}]


def test_once_it_was_applied_there_is_nothing_to_tell(world: World) -> None:
    retype(world, "integer")
    world.settle()
    assert world.plan().face.retyped == ()


def test_a_type_that_is_the_same_in_json_is_no_change(world: World) -> None:
    retype(world, "url")
    assert world.plan().face.retyped == ()


def test_values_of_another_type_that_are_seen_at_the_account_are_told(world: World) -> None:
    meddle(world, {"id": "cyd@example.com", "vars": {"city": 5}})
    world.fill([*world.customers.values(), Customer(3, "cyd@example.com", "Cyd", "5")])
    plan = world.plan()
    told = "1 profile with a city that is no text at Sailthru: it is written as text."
    assert told in list(explain.notes(plan.face))
    world.settle()
    assert world.there()["cyd@example.com"][0]["city"] == "5"
    assert world.plan().face.retyped == ()
