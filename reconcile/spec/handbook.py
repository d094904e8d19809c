"""The operators for people: `docs/operators.md`, made from their table."""

from __future__ import annotations

from collections.abc import Iterator

from reconcile.spec import kinds
from reconcile.spec.kinds import Kind
from reconcile.spec.operators import ORDERED, TABLE, Operator
from reconcile.spec.property import ValueType

_HEAD = """# Operators of rules

<!-- Made by `make docs`; edit `reconcile/spec/operators.py` and `reconcile/spec/handbook.py` instead. -->

What a condition in `rules` may ask of a property, by the property's type. An operator that does not fit the type, and a
value that is not of it, are told with their place: by `validate` where the property declares its type (or is a template
or a constant), else by `plan`, before a row is worked on. Answers are the same on every [engine](engines.md).
"""

_COMBINED = """## Put together

| rule | holds for |
|---|---|
| `{all: [...]}` | whom every rule in it holds for |
| `{any: [...]}` | whom at least one rule in it holds for |
| `{none: [...]}` | whom no rule in it holds for, all of them being known: see below on null |

They may be nested as deep as it takes.
"""

_TAIL = r"""## Values

| type of the property | what it is compared with |
|---|---|
| string | a text, in quotes where YAML would take it for something else: `"10"`, `"yes"` |
| integer, float | a number, without quotes |
| boolean | `true` or `false` |
| date, datetime | `2026-01-31`, `2026-01-31T09:00:00`, `today`, `now`, `90 days ago`, `2 weeks from now` |

## Text

Text is compared letter by letter, by Unicode code points: with its case, with its accents, and in the order of code
points (`Z` before `a`). Values of sources and of rules are in Unicode's form NFC, so that `é` is one letter however it
is composed. An empty text of a source is null. `length` counts code points.

## Times

* All in UTC unless a value says otherwise (`2026-01-31T09:00:00+02:00`), and all by the run's one clock, which
  `plan --as-of` sets.
* A date, `today`, `… ago` and `… from now` compare whole days, whatever the time of day: `eq: 2026-01-31` is true all
  day, and `after: 90 days ago` is true on the days after that day. `now` and values with a time of day compare moments;
  a property without a time of day counts as midnight.
* `in_past: 7 days` are seven days, today being the last: the same as `after: 7 days ago`, without what lies ahead.
  `in_next: 7 days` are seven days, today being the first.
* Months end when they end: a month before 31 March is 28 (or 29) February.

## Regular expressions

Those that all engines mean the same by: letters, `.` (anything but a newline), sets `[a-z0-9_]` and `[^,]`,
`\d \D \w \W \s \S` (ASCII), `\t \n \r \f`, groups `(…)` and `(?:…)`, `|`, repetition `* + ? {2} {2,} {2,5}` (at most
1,000 times; lazy with `?`), `^` and `$` for the very begin and end. A sign with a meaning is taken as itself with a
backslash before it: `\.`. There is no looking around, no back reference, no `\b`, no flag: for letters of either case
write `[Aa]`, or use `ilike`. `validate` tells what is not known.

## Null

Null is SQL's: nobody knows what the value is. So nothing is true of it but `exists: false`.

| rule, where `plan` is null | holds |
|---|---|
| `{property: plan, op: eq, value: pro}` | no |
| `{property: plan, op: ne, value: pro}` | no |
| `{property: plan, op: not_in, value: [pro, plus]}` | no |
| `{none: [{property: plan, op: eq, value: pro}]}` | no: it is not known that it is not `pro` |
| `{property: plan, op: exists, value: false}` | yes |
| `{any: [{property: plan, op: ne, value: pro}, {property: plan, op: exists, value: false}]}` | yes |

The same holds in `where`: `plan <> 'pro'`, `not (plan = 'pro')` and `plan not in ('pro')` are null for such a person,
and a group's rule that comes out null says no. `plan is distinct from 'pro'` is true of them. A property's `default`
takes the place of its nulls, in groups too.
"""


def text() -> str:
    """The page in Markdown."""
    return "\n".join([_HEAD, *_matrix(), "", *_meanings(), "", _COMBINED, _TAIL])


def _matrix() -> Iterator[str]:
    yield "## Which fits what\n"
    yield f"| | {' | '.join(ValueType)} |"
    yield f"|---|{'---|' * len(ValueType)}"
    for op, operator in TABLE.items():
        marks = ("✓" if kinds.of_type(one) in operator.kinds else "" for one in ValueType)
        yield f"| `{op}` | {' | '.join(marks)} |"


def _meanings() -> Iterator[str]:
    yield "## What each means\n"
    yield "| operator | it holds where the property | value | example |"
    yield "|---|---|---|---|"
    for op, operator in TABLE.items():
        meaning, takes = (words.replace("|", "\\|") for words in (operator.meaning, operator.takes.words))
        example = f"{{property: {_property(operator)}, op: {op}, value: {operator.example}}}"
        yield f"| `{op}` | {meaning} | {takes} | `{example}` |"


def _property(operator: Operator) -> str:
    """A property for an example."""
    if operator.kinds == ORDERED:
        return "spent"
    return {Kind.TIME: "last_order_at", Kind.LIST: "genres"}.get(operator.kinds[0], "city")
