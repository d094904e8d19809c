from __future__ import annotations

from reconcile.spec import links

GRAPH = {"a": ("b", "c"), "b": ("d",), "c": (), "d": ("b",), "e": ("e",), "f": ("a",)}


def test_every_circle_is_found_once_from_its_first_member() -> None:
    assert links.cycles(GRAPH) == [("b", "d", "b"), ("e", "e")]
    assert links.cycles({"a": ("b",), "b": ()}) == []


def test_the_shortest_way_to_something_private() -> None:
    assert links.find_way(GRAPH, "f", {"d"}) == ("f", "a", "b", "d")
    assert links.find_way(GRAPH, "f", {"c", "d"}) == ("f", "a", "c")
    assert links.find_way(GRAPH, "f", {"f"}) == ("f",)
    assert links.find_way(GRAPH, "b", {"f"}) is None
