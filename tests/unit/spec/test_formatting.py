"""The canonical form: what is said and every comment stay, and doing it twice is doing it once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reconcile as rc
from reconcile.spec.formatting import canonical

UNTIDY = """\
# on top
version:   1   # of the language
account:
    name: 'shop'
    url: "{{ env('U') }}"
    api_secret: "{{ env('S') }}"
    api_key: '{{ env("K") }}'



sources:
    c: {key: id, file: 'c.csv'}
profiles:
    email: "email"
    from: c
# what is known
properties:
    # first
    a: {type: "string", column: a}


    b:
        type: integer
        column: b
        description: |
            two


            lines: |
            - x
    c: {value: 'no', type: string}
groups:
    g:
        rules:
            all:
            - {value: 3, op: gt, property: b}
            # kept
            - op: eq
              property: a
              value: 'say "hi"'
        list: "G: x"
"""
TIDY = """\
# on top
version: 1     # of the language

account:
  name: shop
  api_key: '{{ env("K") }}'
  api_secret: "{{ env('S') }}"
  url: "{{ env('U') }}"

sources:
  c: {file: c.csv, key: id}

profiles:
  from: c
  email: email

# what is known
properties:
  # first
  a: {column: a, type: string}

  b:
    column: b
    type: integer
    description: |
      two


      lines: |
      - x
  c: {value: "no", type: string}

groups:
  g:
    list: "G: x"
    rules:
      all:
        - {property: b, op: gt, value: 3}
        # kept
        - property: a
          op: eq
          value: say "hi"
"""


def test_the_canonical_form() -> None:
    assert canonical(UNTIDY) == TIDY
    assert canonical(TIDY) == TIDY


@pytest.mark.parametrize(
    "file", sorted((Path(rc.__file__).parents[1] / "specs").glob("*.yaml")), ids=lambda file: file.name
)
def test_our_own_specs_are_in_canonical_form(file: Path) -> None:
    assert canonical(text := file.read_text(encoding="utf-8")) == text


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), min_size=1, max_size=12)
COMMENT = st.sampled_from(["", "  # why", "\n# a line", "\n\n\n", "\n    # odd"])


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), NAMES, min_size=1, max_size=4), st.lists(COMMENT))
def test_what_is_said_and_every_comment_stay(descriptions: dict[str, str], comments: list[str]) -> None:
    left = iter(comments)
    parts = "".join(
        f"    {name}:{next(left, '')}\n      type: string\n      description: {quoted(text)}{next(left, '')}\n"
        f"      column: {name}\n"
        for name, text in descriptions.items()
    )
    text = f"version: 1\nproperties:\n{parts}"
    made = canonical(text)  # raises where it says something else
    assert canonical(made) == made
    assert re.findall(r"#.*", strip(made)) == re.findall(r"#.*", strip(text))


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def strip(text: str) -> str:
    """Without the lines that hold somebody's words, which may hold a `#`; comments after them are kept."""
    return re.sub(r"description: .*?(  # why)?$", r"\1", text, flags=re.MULTILINE)


def test_a_formatted_spec_has_the_same_digest(tmp_path: Path) -> None:
    before, after = tmp_path / "a.yaml", tmp_path / "b.yaml"
    before.write_text(UNTIDY, encoding="utf-8")
    after.write_text(canonical(UNTIDY), encoding="utf-8")
    assert rc.load(before).digest == rc.load(after).digest


def test_null_is_a_word() -> None:
    assert canonical("version: 1\nvars: {a: null, b: ~}\n").endswith("vars: {a: null, b: null}\n")


def test_merges_stay_merges() -> None:
    text = """\
version: 1

properties:
  inner: &inner {column: spent, private: true}
  text: &text {<<: *inner, column: city}
  remark:
    <<: [*text, *inner]
    column: first_name
"""
    assert canonical(text) == text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a: 1\r\nb: 2\r\n", "a: 1\r\n\r\nb: 2\r\n"),
        ("a: 1\r\nb: 2", "a: 1\r\n\r\nb: 2\r\n"),
        ("a: 1\r\nb: |\r\n  x\r\n  y\n", "a: 1\r\n\r\nb: |\r\n  x\r\n  y\r\n"),
        ("a: 1\nb: 2\nc: 3\r\n", "a: 1\n\nb: 2\n\nc: 3\n"),
    ],
)
def test_ends_of_line_are_those_of_most_lines(text: str, made: str) -> None:
    assert canonical(text) == made
    assert canonical(made) == made
