from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from reconcile.errors import CredentialsRefused, EnvironmentUnfit, SpecInvalid, TemplateFailed, Where
from reconcile.spec import grammar, templates


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("{{ env('KEY') }}", True),
        ('{{env("KEY")}}', True),
        (" {{ env('A') }}{{ env('B') }} ", True),
        ("key", False),
        ("", False),
        ("{{ env('KEY') }}x", False),
        ("{{ env('KEY', 'x') }}", False),
        ("{{ env('KEY') | default('x') }}", False),
        ("{{ 'literal' }}", False),
    ],
)
def test_a_reference_is_nothing_but_env(text: str, reference: bool) -> None:
    assert templates.is_reference(text) is reference


def test_references_are_found_in_plain_and_in_other_texts() -> None:
    both = {("env", "A"), ("file", "/b")}
    assert templates.references("a{{ env('A') }}b{{ file(\"/b\") }}") == both
    assert templates.references("{{ env('A') ~ file('/b') | lower }}") == both
    assert templates.references("plain") == frozenset()


@pytest.mark.parametrize("text", ["{{ env('A' ~ 'B') }}", "{% set e = env %}{{ e('A') }}", "{{ [file][0]('/x') }}"])
def test_a_name_that_nobody_can_read_is_refused(text: str) -> None:
    with pytest.raises(SpecInvalid, match="not written in it"):
        templates.references(text)


def test_a_file_is_read_as_secrets_are_handed_over(tmp_path: Path) -> None:
    secret, large, link = tmp_path / "secret", tmp_path / "large", tmp_path / "link"
    secret.write_text("s3cret\n")
    link.symlink_to(secret)  # as Kubernetes does
    large.write_bytes(bytes(64 * 1024 + 1))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert templates.is_reference(f"{{{{ file('{secret}') }}}}")
    for path in (secret, link):
        assert templates.resolve(f"a{{{{ file('{path}') }}}}b", {}) == "as3cretb"
    told = {
        "secret": "no absolute path", str(large): "more than 64 KiB", str(tmp_path): "no regular file",
        str(tmp_path / "pipe"): "no regular file", str(tmp_path / "none"): "No such file",
        str(tmp_path / "empty"): "it is empty", str(tmp_path / "bytes"): "it is no text",
    }  # fmt: skip
    for path, why in told.items():
        with pytest.raises(CredentialsRefused, match=why):
            templates.resolve(f"{{{{ file('{path}') }}}}", {})


def test_a_reference_is_filled_in() -> None:
    assert templates.resolve("postgresql://{{ env('U') }}@db", {"U": "me"}) == "postgresql://me@db"
    assert templates.resolve("plain %s {x}", {}) == "plain %s {x}"


@pytest.mark.parametrize("value", ["5eCr3t\n", " 5eCr3t", "5eC\tr3t", "5eCr3tü", "5eCr3t\udcfc", "5eCr3t\u202e"])
def test_a_key_that_is_none_is_told_by_its_variable(value: str) -> None:
    with pytest.raises(EnvironmentUnfit, match="The variable KEY ") as caught:
        templates.resolve_credential("{{ env('KEY') }}", {"KEY": value})
    assert "5eC" not in str(caught.value)
    assert caught.value.exit_status == 64
    assert templates.resolve_credential("{{ env('KEY') }}", {"KEY": "5eCr3t"}) == "5eCr3t"


@pytest.mark.parametrize(("environ", "state"), [({}, "is not set"), ({"KEY": ""}, "is empty")])
def test_an_unset_variable_is_named_with_its_place(environ: dict[str, str], state: str) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        templates.resolve("{{ env('KEY') }}", environ | {"OTHER": "5eCr3t"}, where=Where("a.yaml", 3, 9))
    assert caught.value.message == f"environment variable KEY {state} (a.yaml:3:9)"
    assert caught.value.hint == "Set it: export KEY=…"


@pytest.mark.parametrize(
    "text", ["{{ other }}", "{{ env('K'", "{{ env() }}", "{{ env.__globals__ }}", "{% include 'x' %}"]
)
def test_nothing_but_env_is_in_scope(text: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        templates.resolve(text, {"K": "5eCr3t"})
    assert "5eCr3t" not in str(caught.value.problems)


def test_variables_are_what_a_template_reads() -> None:
    text = "{% set x = a %}{% for y in b %}{{ y }}{{ loop.index }}{% endfor %}{{ c | default(d) }}{{ x }}"
    assert templates.variables(text) == {"a", "b", "c", "d"}


def render(text: str, **columns: list[object]) -> list[str | None]:
    return templates.compile(text).render(columns)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi {{ name | default('there') | title }}", "Hi There"),
        ("Hi {{ name or 'there' }}", "Hi there"),
        ("Hi{% if name %} {{ name }}{% endif %}", "Hi"),
        ("{{ name is none }} {{ name is defined }}", "True False"),
        ("{{ name == 'x' }} {{ name != 'x' }} {{ name == none }} {{ name == name }}", "False True True True"),
        ("{{ 'x' if name is none else name }}", "x"),
        ("Hi {{ name }}", None),
        ("{{ name | title }}", None),
        ("{{ name | length }}", None),
        ("{{ name + 1 }}", None),
        ("{{ 1 + name }}", None),
        ("{{ name > 1 }}", None),
        ("{{ name.upper() }}", None),
        ("{{ name[0] }}", None),
        ("{{ 'a' in name }}", None),
        ("{% for x in name %}x{% endfor %}", None),
        ("{{ 'a' ~ name }}", None),
        ("{{ name | default }}", ""),
    ],
)
def test_a_null_is_filled_asked_for_or_makes_the_result_null(text: str, expected: str | None) -> None:
    assert render(text, name=[None]) == [expected]


def test_rows_keep_their_order_around_nulls() -> None:
    assert render("<{{ a }}{{ b }}>", a=["1", None, "3", "4"], b=["x", "y", None, "z"]) == ["<1x>", None, None, "<4z>"]


def test_values_are_text_as_python_writes_them() -> None:
    assert render("{{ a }} {{ b }} {{ c }}", a=[1.5], b=[date(2026, 1, 31)], c=["Zoë <&> 'x'"]) == [
        "1.5 2026-01-31 Zoë <&> 'x'"
    ]


def test_a_template_without_variables_has_one_text_a_row() -> None:
    assert templates.compile("Hi").render({"": [None, None]}) == ["Hi", "Hi"]
    assert templates.compile("Hi").render({}) == []


def test_columns_that_are_not_read_do_no_harm() -> None:
    assert render("{{ a }}", a=["x"], b=["y"]) == ["x"]


@pytest.mark.parametrize(
    "text", ["{% endfor %}", "{{ a }}{% endfor %}{% for a in b %}", "{% extends 'x' %}", "{{ loop }}"]
)
def test_a_template_cannot_step_out_of_its_row(text: str) -> None:
    with pytest.raises(SpecInvalid):
        templates.compile(text)


def test_loops_inside_have_their_own_loop() -> None:
    assert render("{% for x in a %}{{ loop.index }}{{ x }}{% endfor %}", a=["xy", "z"]) == ["1x2y", "1z"]


def test_what_is_set_in_one_row_is_gone_in_the_next() -> None:
    text = "{{ x | default('-') }}{% set x = a %}{{ x }}"
    assert render(text, a=["1", "2"], x=["p", None]) == ["p1", "-2"]


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("{{ 1 / a }}", [0, 1, 0, None], "division by zero, for 2 rows"),
        ("{{ a + 1 }}", ["5eCr3t"], "a value is not of the type that is needed there, for 1 row"),
        ("{{ a.b.c }}", ["5eCr3t"], "it uses something that does not exist, for 1 row"),
        ("{{ a.__class__.__mro__ }}", ["5eCr3t"], "it does what the sandbox does not allow, for 1 row"),
        ("{{ 1 / (a | int) + a }}", ["0", "5eCr3t1", "1"], "division by zero (and other reasons), for 3 rows"),
        ("{{ '%d' | format(a) }}", ["5eCr3t"], "a value is not of the type that is needed there, for 1 row"),
    ],
)
def test_a_failure_tells_its_kind_and_count_and_no_value(text: str, values: list[object], message: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        render(text, a=values)
    assert caught.value.message == message
    assert caught.value.exit_status == 65
    assert "5eCr3t" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_there_are_no_dice() -> None:
    with pytest.raises(SpecInvalid):
        templates.compile("{{ a | random }}")
    assert templates.variables("{{ lipsum() }}{{ range(3) }}") == {"lipsum", "range"}


def test_references_need_no_jinja() -> None:
    code = (
        "import sys; from reconcile.spec import load, templates; "
        "assert templates.references(\"{{ env('A') }}\") == {('env', 'A')} and templates.resolve('x', {}) == 'x'; "
        "sys.exit('jinja2' in sys.modules or 'sqlglot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# What is no value


@pytest.mark.parametrize(
    "text",
    [
        "Hi {{ name.upper }}",
        "{{ name.strip.lower }}",
        "{% if x %}{{ name.title }}{% endif %}",
        "{{ name | map('upper') }}",
        "{{ name | map(attribute='x') | list }}",
        "{{ name | batch(2) }}",
        "{{ [name, x] }}",
        "{{ (name, x) }}",
        "{{ {'a': name} }}",
        "{{ day.isoformat }}",
    ],
)
def test_a_template_that_is_seen_to_give_no_value_is_refused(text: str) -> None:
    with pytest.raises(SpecInvalid, match="template cannot be read"):
        templates.check_output(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.upper() }} {{ name | upper }} {{ day.year }} {{ name.split(' ')[0] }}",
        "{{ name | map('upper') | join('-') }}",
        "{% for one in name %}{{ loop.index }}{{ one }}{% endfor %}",
        "{{ [name, x] | join(' ') }} {{ name ~ x }} {{ name | length }} {{ x is none }}",
    ],
)
def test_a_template_that_gives_text_is_let_through(text: str) -> None:
    templates.check_output(text)
    given = {"name": ["Ada L"], "x": [1.5], "day": [date(2026, 1, 31)]}
    (made,) = templates.compile(text).render(given)
    assert made is not None
    assert made != grammar.MISFIT


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.upper }}",
        "{{ name['upper'] }}",
        "{{ 'Hi ' ~ name.upper }}",
        "{{ name.upper | upper }}",
        "{% set said = name.upper %}{{ said }}",
        "{{ name | map('upper') }}",
        "{{ (name | map('upper')) ~ '!' }}",
        "{{ name | map('upper') | string }}",
        "{{ [name.upper] | join(' ') }}",
        "{{ '%s' | format(name | map('upper')) }}",
        "{{ tags }}",
        "{{ tags | upper }}",
        "{% macro shout() %}x{% endmacro %}{{ shout }}",
        "{{ name.upper | default('x') }}",
    ],
)
def test_what_is_no_value_never_becomes_text(text: str) -> None:
    rows = {"name": ["Ada", None], "tags": [["a", "b"], None]}
    assert templates.compile(text).render(rows)[0] == grammar.MISFIT
