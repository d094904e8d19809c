"""Laws of the spec: what is dumped loads equal, and no text whatever makes the loader stumble."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import kinds, load, operators, problems
from reconcile.spec.model import Spec
from reconcile.spec.property import ValueType

WORDS = st.from_regex(r"[a-z_][A-Za-z0-9_]{0,8}", fullmatch=True).map(lambda word: f"p{word}")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0{}%#"), min_size=1, max_size=20)
LISTS = st.text("abcdefghij KLM-é:#'\"", min_size=1, max_size=12).map(lambda text: f"L{text}x")
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = TEXTS | NUMBERS | st.booleans()
TYPES = st.sampled_from(["string", "integer", "float", "boolean", "date", "datetime"])
DESCRIBED = {"description": TEXTS, "private": st.booleans()}
PROPERTIES = (
    st.fixed_dictionaries({"column": TEXTS}, optional={"type": TYPES, **DESCRIBED})
    | st.fixed_dictionaries({"value": VALUES}, optional=DESCRIBED)
    | st.fixed_dictionaries({"template": TEXTS}, optional={"default": TEXTS, **DESCRIBED})
)


TIMES = st.sampled_from(["2026-01-31", "2026-01-31T09:00:00+02:00", "3 weeks ago", "1 day from now", "today", "now"])
SPANS = st.sampled_from(["90 days", "1 week", "12 months", "3 years"])
PATTERNS = st.sampled_from(["^a.b$", "[a-z]{2,}", "(?:a|b)+?", "\\d\\."])
LENGTHS = st.integers(0, 99) | st.sampled_from([">= 3", "!= 0", "<5"])
SCALARS = {
    "string": TEXTS, "integer": NUMBERS, "float": NUMBERS, "boolean": st.booleans(), "date": TIMES, "datetime": TIMES,
}  # fmt: skip


def fitting(name: str, kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions on a property of this type."""
    one = SCALARS[kind]
    values = {
        "exists": st.booleans(), "eq": one, "ne": one, "gt": one, "gte": one, "lt": one, "lte": one,
        "between": st.lists(one, min_size=2, max_size=2), "in": st.lists(one, min_size=1, max_size=4),
        "not_in": st.lists(one, min_size=1, max_size=4), "contains": TEXTS, "starts_with": TEXTS, "ends_with": TEXTS,
        "like": TEXTS, "ilike": TEXTS, "matches": PATTERNS, "before": TIMES, "after": TIMES, "in_past": SPANS,
        "in_next": SPANS, "length": LENGTHS,
    }  # fmt: skip
    ops = [op for op, found in operators.TABLE.items() if kinds.of_type(ValueType(kind)) in found.kinds]
    return st.one_of(
        st.fixed_dictionaries({"property": st.just(name), "op": st.just(str(op)), "value": values[op]}) for op in ops
    )


def conditions(properties: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        fitting(name, prop["type"])
        if "type" in prop
        else st.fixed_dictionaries(
            {"property": st.just(name), "op": st.just("exists")}, optional={"value": st.booleans()}
        )
        for name, prop in properties.items()
    )


NAMES = st.sampled_from(["other", "others"])
OF_GROUPS = st.fixed_dictionaries({}, optional={"in": NAMES, "not_in": st.lists(NAMES, min_size=1, max_size=2)})
SAMPLES = st.fixed_dictionaries({"percent": st.floats(0.01, 100) | st.integers(1, 100), "salt": TEXTS})


def asking(rule: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A group with this rule, and whatever else it may ask for."""
    more = st.fixed_dictionaries({}, optional={"sample": SAMPLES, "holdout": SAMPLES})
    return st.builds(lambda one, other: {"rules": rule} | one | other, OF_GROUPS, more)


def rules(properties: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(
        conditions(properties) | st.builds(lambda name: {"in": name}, NAMES),
        lambda inner: st.dictionaries(
            st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=1
        ),
        max_leaves=5,
    )


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    properties = draw(st.dictionaries(WORDS, PROPERTIES, min_size=1, max_size=4))
    properties = dict({name.lower(): (name, prop) for name, prop in properties.items()}.values())
    secret = {prop["column"].casefold() for prop in properties.values() if prop.get("private") and "column" in prop}
    public = [
        name
        for name, prop in properties.items()
        if not prop.get("private") and prop.get("column", "").casefold() not in secret
    ]
    sent = draw(st.lists(st.sampled_from(public), max_size=3)) if public else []
    lists = draw(st.lists(LISTS, max_size=3, unique_by=str.casefold))
    long = draw(st.booleans())
    return {
        "version": 1,
        "account": {"name": draw(TEXTS), "api_key": "{{ env('K') }}", "api_secret": "{{ env('S') }}"},
        "sources": {"people": {"file": draw(TEXTS), "key": draw(TEXTS)}, "others": {"file": "o.csv", "key": "id"}},
        # What is private is never the address, which is sent.
        "profiles": {"from": "people", "email": draw(TEXTS.filter(lambda text: text.casefold() not in secret))},
        "properties": properties,
        "vars": {f"v{i}": {"property": name, "nulls": "skip"} if long else name for i, name in enumerate(sent)},
        "groups": {
            "other": {"members": {"source": "others"}},
            "others": draw(OF_GROUPS.map(lambda one: {**one, "in": "other", "not_in": ["other"]})),
            **{f"g{i}": {"list": name, **draw(rules(properties).flatmap(asking))} for i, name in enumerate(lists)},
        },
        "exclude_from_all": draw(NAMES),
        "policy": draw(st.fixed_dictionaries({}, optional={"mode": st.sampled_from(["enrich", "observe"])})),
    }


def loaded(text: str) -> Spec:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "spec.yaml")
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        return load.load(file)


@given(specs())
@settings(deadline=None)
def test_what_is_dumped_loads_equal(data: dict[str, Any]) -> None:
    spec = loaded(json.dumps(data))
    again = loaded(load.dump(spec))
    assert again == spec
    assert again.digest == spec.digest


def never_stumbles(text: str) -> None:
    told = refusal(text)
    assert told is None or (told and all(map(problems.render, told)))


def refusal(text: str) -> tuple[Problem, ...] | None:
    try:
        loaded(text)
    except SpecInvalid as refused:
        return refused.problems
    return None


@given(st.text(max_size=80) | st.text("{}[]:,-&*!|>'\"%@`#?~ \n\tab1<=.", max_size=60))
@settings(max_examples=120, deadline=None)
def test_no_text_makes_the_loader_stumble(text: str) -> None:
    never_stumbles(text)
    never_stumbles(f"version: 1\n{text}")


ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(specs(), st.data())
@settings(max_examples=80, deadline=None)
def test_no_value_in_the_wrong_place_makes_the_loader_stumble(data: dict[str, Any], draw: st.DataObject) -> None:
    spoil(data, draw)
    never_stumbles(json.dumps(data))


def spoil(data: Any, draw: st.DataObject) -> None:
    """Put anything somewhere into nested data."""
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    if not keys:
        return
    key = draw.draw(st.sampled_from(keys))
    if isinstance(data[key], dict | list) and draw.draw(st.booleans()):
        spoil(data[key], draw)
    else:
        data[key] = draw.draw(ANYTHING)


@given(st.text("ab1.,()'\"=<>+-*/;:?$ {}[]|&@#%\\\nselctfromwh", max_size=40))
@settings(max_examples=120, deadline=None)
def test_no_expression_or_template_makes_the_loader_stumble(text: str) -> None:
    base = {
        "version": 1,
        "account": {"name": "a", "api_key": "{{ env('K') }}", "api_secret": "{{ env('S') }}"},
        "sources": {"people": {"file": "x", "key": "id", "connect": text}},
        "profiles": {"from": "people", "email": "email"},
        "properties": {"p": {"sql": text}, "q": {"template": text}},
        "groups": {"g": {"list": text, "where": text}},
    }
    never_stumbles(json.dumps(base))
