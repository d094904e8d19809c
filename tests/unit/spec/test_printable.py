"""The one escape: what is printed shows what is in it, and neither a terminal nor a CI obeys it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.spec.printable import escape_json, escape_line, escape_lines

CASES = {
    "plain text, Ünïcode, 東京 and 🙂 stay": "plain text, Ünïcode, 東京 and 🙂 stay",
    "\x1b[2Jgone": r"\x1b[2Jgone",
    "a\0b": r"a\x00b",
    "\x9b31m": r"\x9b31m",
    "abc\u202efdp.exe": r"abc\u202efdp.exe",
    "pay\u200bpal": r"pay\u200bpal",
    "two\nlines\r": r"two\nlines\r",
    "\u2028": r"\u2028",
    "::error::boo": r"\x3a:error::boo",
    "   ::set-output name=x::y": r"   \x3a:set-output name=x::y",
    "a::b": "a::b",
    "x ##vso[task.complete] y": r"x \x23#vso[task.complete] y",
    "##[error]x": r"\x23#[error]x",
    "## heading": "## heading",
    "\ud800": r"\ud800",
}


@pytest.mark.parametrize("text", CASES)
def test_what_deceives_is_written_out(text: str) -> None:
    assert escape_line(text) == CASES[text]


def test_line_ends_of_ours_stay() -> None:
    assert escape_lines("one\n::error\n  \x1b") == "one\n\\x3a:error\n  \\x1b"


@given(st.text(alphabet=st.characters() | st.sampled_from(":#[\x1b\n\u202e")))
def test_nothing_that_is_printed_does_anything(text: str) -> None:
    line = escape_line(text)
    assert all(one.isprintable() or one in "\t\u00a0\u3000" for one in line)
    assert not line.lstrip().startswith("::")
    assert "##[" not in line
    told = escape_json(json.dumps({"x": text}, ensure_ascii=False))
    assert told.isprintable()
    assert json.loads(told) == {"x": text}
