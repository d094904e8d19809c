"""YAML's merge keys (`<<: *anchor`): done by the library itself, bounded, and where they are wrong a problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MERGE = "tag:yaml.org,2002:merge"
MOST_MERGED = 100_000
"""Entries that all merges of a file may look at: each may be small, and merge all of those before it several times."""

Pair: TypeAlias = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class BadMerge:
    """A merge that cannot be done: the 0-based place in its file, what is wrong, and what to do."""

    line: int
    column: int
    message: str
    hint: str


def resolve_merges(root: Node) -> Mapping[int, BadMerge]:
    """Put what they merge into all mappings below a node; a mapping's own keys win.

    Returns:
        The mappings, by their identity, that lack something because a merge cannot be done.
    """
    return _Resolver().resolve(root)


@dataclass(slots=True)
class _Resolver:
    constructor: Any = field(default_factory=SafeConstructor)
    bad: dict[int, BadMerge] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    open: set[int] = field(default_factory=set)
    """Mappings and lists around the one that is looked at."""
    merged: int = 0
    flood: BadMerge | None = None
    """The first merge that was too much."""

    def resolve(self, root: Node) -> Mapping[int, BadMerge]:
        # Inside out, in the order of the file: whatever an alias refers to is resolved before the alias is met. A
        # loop, not recursion: a chain of anchors may be longer than Python's stack is deep.
        waiting: list[tuple[Node, bool]] = [(root, False)]
        while waiting:
            node, visited = waiting.pop()
            if visited:
                self.open.discard(id(node))
                self.done.add(id(node))
                if isinstance(node, MappingNode):
                    self._merge(node)
            elif id(node) not in self.done | self.open and not isinstance(node, ScalarNode):
                self.open.add(id(node))
                waiting.append((node, True))
                waiting += [(child, False) for child in reversed(list(_children(node)))]
        return self.bad

    def _merge(self, node: MappingNode) -> None:
        keys = [pair for pair in node.value if pair[0].tag == MERGE]
        if not keys:
            return
        own = [pair for pair in node.value if pair[0].tag != MERGE]
        bad = self._find_fault(node, keys)
        if bad is not None:
            self.bad[id(node)] = bad
            node.value = own
            return
        self.constructor.flatten_mapping(node)
        # Of equal keys the last one wins. Only that one stays, else merges of merges would grow without end.
        merged: list[Pair] = getattr(node, "merge", None) or []
        winners = {_identify(key): (key, value) for key, value in merged}
        for key, _ in own:
            winners.pop(_identify(key), None)
        node.merge = [*winners.values()]  # type: ignore[assignment]  # the library's own types say None
        node.value = [*winners.values(), *own]

    def _find_fault(self, node: MappingNode, keys: list[Pair]) -> BadMerge | None:
        (key, value), *more = keys
        if more:
            return _fault('"<<" is defined twice', "Merge several at once: <<: [*one, *two].", more[0][0])
        found: BadMerge | None = None
        around = (key, value) if isinstance(value, SequenceNode) else (key,)
        for source in value.value if isinstance(value, SequenceNode) else [value]:
            if not isinstance(source, MappingNode):
                hint = "Name an anchor with a star, as in <<: *name; several as <<: [*one, *two]."
                return _fault('"<<" merges something that is no mapping', hint, *around, source)
            if source is node or id(source) in self.open:
                return _fault('"<<" merges a mapping into itself', "Take it out.", *around, source)
            self.merged += len(source.value)
            if self.merged > MOST_MERGED:
                hint = "Merge fewer mappings into each other."
                self.flood = self.flood or _fault("the spec merges too much", hint, key)
                return self.flood
            # Mappings that are parts of the spec are searched for twins there.
            twin = _find_twin(source) if source.start_mark.index > key.start_mark.index else None
            if twin is not None:
                return _fault(f'"{twin.value}" is defined twice', "Take one of them out.", *around, source, twin)
            found = found or self.bad.get(id(source))
        return found


def _children(node: Node) -> Iterator[Node]:
    for child in node.value:
        yield from child if isinstance(child, tuple) else (child,)


def _identify(key: Node) -> object:
    return (key.tag, key.value) if isinstance(key, ScalarNode) else id(key)


def _find_twin(node: MappingNode) -> Node | None:
    """A key that a mapping has a second time."""
    seen: set[object] = set()
    key: Node
    for key, _ in node.value[len(node.merge or ()) :]:
        if _identify(key) in seen:
            return key
        seen.add(_identify(key))
    return None


def _fault(message: str, hint: str, *nodes: Node) -> BadMerge:
    """What is wrong, at the innermost of these nodes that stands where the merge does; others come by an alias."""
    first = nodes[0].start_mark
    here = [one.start_mark for one in nodes if first.index <= one.start_mark.index < one.end_mark.index]
    place = here[-1] if here else first
    return BadMerge(place.line, place.column, message, hint)
