"""The law of reading YAML: what is read is what the library itself reads, or a problem that says where."""

from __future__ import annotations

import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MantissaNoDotYAML1_1Warning

from reconcile.spec import load
from reconcile.spec.files import shown

GOOD = """x n yes No on OFF true False null ~ '0755' "yes" '' "\\x41" 'it''s' '<<' 1 -2 0 0o17 0x1F 0b11 1_000 +49 1:30
    1.5 1e3 .5 007.5 1:30.5 12e03 2026-01-31 2026-99-99 !!str !!str_0 !!int_'7' !!bool_y !!float_5"""
BAD = """"\\ud800" = << 00 0755 -017 0_7 08 0899 99999999999999999999 .inf .nan 1e999 !!int_1.5 !!int_017 !!bool_maybe
    !!timestamp_2026-01-31 !!binary_eA== !!python/none_x !x_y !_z"""


def words(text: str) -> list[str]:
    """The words of a text, in which `_` after a tag stands for a space."""
    return [re.sub(r"^(!\S*?)_", r"\1 ", word) for word in text.split()]


class Writer:
    """Writes a random file of YAML in flow style, with anchors, aliases and merges; something is wrong with a part."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.wrong = draw(st.booleans())
        self.anchors: list[str] = []

    def one_of(self, *words: str) -> str:
        return self.draw(st.sampled_from(words))

    def errs(self) -> bool:
        """Whether to write something that is wrong, or at least odd."""
        return self.wrong and self.draw(st.integers(1, 6)) == 6

    def scalar(self) -> str:
        return self.one_of(*words(BAD if self.errs() else GOOD))

    def node(self, depth: int) -> str:
        kind = self.one_of("scalar", "alias", "map", "map", "seq") if depth else "scalar"
        if kind == "scalar" or (kind == "alias" and not self.anchors):
            return self.scalar()
        if kind == "alias":
            return f"*{self.one_of(*self.anchors)} "
        if kind == "map":
            return self.mapping(depth)
        items = [self.node(depth - 1) for _ in range(self.draw(st.integers(0, 2)))]
        return ("!!omap " if self.errs() else "") + "[" + ", ".join(items) + "]"

    def mapping(self, depth: int) -> str:
        name = self.one_of("", "p", "q", f"a{len(self.anchors)}")
        if name and self.errs():
            self.anchors.append(name)  # an alias may stand within
        keys = self.draw(
            st.lists(st.sampled_from([*"abcde", '"f"', "'g'", "!!str h", '"<<"', "="]), max_size=4, unique=True)
        )
        if self.errs():
            keys.append(self.one_of(*"abcde", '"a"', "1", "yes", "null", "[a]", "0755", '"\\x61"'))
        entries = [f"{key}: {self.node(depth - 1)}" for key in keys]
        for _ in range(self.draw(st.integers(0, 1)) + self.errs()):
            entries.insert(self.draw(st.integers(0, len(entries))), f"<<: {self.merged(depth)}")
        if name:
            self.anchors.append(name)
        return (f"&{name} " if name else "") + ("!!set " if self.errs() else "") + "{" + ", ".join(entries) + "}"

    def merged(self, depth: int) -> str:
        if self.errs():
            return self.node(depth - 1) if depth else self.scalar()
        sources = [f"*{self.one_of(*self.anchors)} " for _ in range(self.draw(st.integers(0, 3))) if self.anchors]
        if depth and self.draw(st.integers(1, 4)) == 4:
            sources.append(self.mapping(depth - 1))
        return sources[0] if len(sources) == 1 else f"[{', '.join(sources)}]"


@st.composite
def files(draw: st.DrawFn) -> str:
    writer = Writer(draw)
    head = draw(st.sampled_from(["", "", "", "%YAML 1.1\n---\n", "%YAML 1.2\n---\n"]))
    known = ["properties", "groups", "policy", "environments", "<<"]
    sections = draw(st.lists(st.sampled_from(known), max_size=4, unique=not writer.wrong))
    return f"{head}version: 1\n" + "".join(f"{section}:\n  {writer.mapping(3)}\n" for section in sections)


class Plainly(SafeConstructor):
    """As the library reads, but for dates: to a spec they are text."""


Plainly.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read_by_library(text: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Plainly
    yaml.composer.warn_double_anchors = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MantissaNoDotYAML1_1Warning)
        return yaml.load(text)


def without_empty_sections(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "version" and value not in (None, {})}


@given(files())
@settings(max_examples=150, deadline=None)
@example("version: 1\nproperties:\n  {a: &p {x: 1}, b: &q {<<: *p, y: 2}, c: {<<: *q, y: 3}}\n")
@example("version: 1\nproperties:\n  {a: &p {x: 1}, b: &q {<<: *p, y: 2}, c: {<<: [*q, *p], y: 3}}\n")
@example("version: 1\nproperties:\n  {a: &p {x: 1}, b: {<<: p}}\n")
@example("version: 1\nproperties:\n  {a: 0755}\n")
@example("version: 1\n<<: &p {groups: {a: 1}}\ngroups:\n  {b: 1}\n")
def test_a_file_is_read_as_the_library_reads_it_or_is_told_where_it_is_wrong(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "MOST_NODES", 2_000)  # aliases of aliases grow fast, and each example is to be quick
        file = Path(folder, "spec.yaml")
        file.write_text(text, "utf-8")
        book = load._Book()
        book.read(file)
        if book.problems:
            lines = text.split("\n")
            for problem in book.problems:
                assert problem.where is not None, problem
                assert problem.where.file == shown(file)
                assert 1 <= problem.where.line <= len(lines)
                assert 1 <= problem.where.column <= len(lines[problem.where.line - 1]) + 1
            return
    assert without_empty_sections(book.data) == without_empty_sections(read_by_library(text))
    if not text.startswith("%YAML 1.1"):
        stand_where_they_are_said(book)


def stand_where_they_are_said(book: load._Book) -> None:
    """Every key and every single value stands at its place in the file, also where it came by a merge or an alias."""
    for path, where in book.places.keys.items():
        if len(path) > 1 and isinstance(path[-1], str):
            (key,) = read_by_library("{" + re.split(r":(?!:)", where.text[where.column - 1 :])[0] + ": 1}")
            assert key == path[-1]
    for path, where in book.places.values.items():
        value: Any = book.data
        for step in path:
            value = value[step] if path != ("version",) else 1
        if not isinstance(value, dict | list):
            assert read_by_library(re.split(r"[,}\]]", where.text[where.column - 1 :])[0]) == value
