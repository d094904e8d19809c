"""The JSON Schema of one spec file, and the reference for people, both made from the nouns.

Run as a program it writes them: `python -m reconcile.spec.schema docs`.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from reconcile.spec import grammar, handbook, operators, source
from reconcile.spec.check import SECRET
from reconcile.spec.environment import File
from reconcile.spec.group import BASES, WAYS

ID = "urn:sailthru-reconcile:spec:1"
Schema: TypeAlias = dict[str, Any]

_ONE_OF = {
    "SourceSpec": source.WAYS,
}
"""Parts that need exactly one of these keys."""
_VARIABLE = r"^\s*\{\{\s*var\("
_REFERENCE = r"^\s*\{\{-?\s*env\("


def json_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a file of a spec, as editors use it.

    Sections are merged over files, so a file needs none of them but `version`.
    """
    made: Schema = _fillable(_made())
    for account in ("Account", "EnvironmentAccount"):
        for secret in SECRET:
            part = made["$defs"][account]["properties"][secret]
            next(form for form in part.get("anyOf", [part]) if form["type"] == "string")["pattern"] = _REFERENCE
    return made


def _made() -> Schema:
    """The schema as the nouns have it, without variables."""
    made = File.model_json_schema(mode="validation")
    made |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": ID, "required": ["version"]}
    made |= {"title": "reconcile spec", "description": "One file of a spec of reconcile."}
    for name in _HOLDS:
        made["properties"][name]["additionalProperties"] = False
    for name, keys in _ONE_OF.items():
        made["$defs"][name]["oneOf"] = [{"required": [key]} for key in keys]
    made["$defs"]["Group"]["anyOf"] = [{"required": [key]} for key in BASES]
    made["$defs"]["Group"]["not"] = {"anyOf": [{"required": list(two)} for two in itertools.combinations(WAYS, 2)]}
    ways = [{"required": [key]} for key in ("column", "template", "value", "sql")]
    rows = {"required": ["aggregate"], "not": {"anyOf": ways}}
    made["$defs"]["Property"]["oneOf"] = [*ways, rows]
    # Editors show them beside the choices; to the schema they mean nothing.
    made["$defs"]["Op"]["enumDescriptions"] = [f"It {one.meaning}." for one in operators.TABLE.values()]
    return made


def _fillable(schema: Any) -> Any:
    """A schema in which a variable may stand for what is no text: `"{{ var('limit') }}"` becomes a number."""
    if isinstance(schema, list):
        return [_fillable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: part if key in ("default", "enum") else _fillable(part) for key, part in schema.items()}
    if inner.get("type") in ("integer", "number", "boolean") or "enum" in inner:
        kept = {key: inner.pop(key) for key in ("description", "title", "default") if key in inner}
        return {"anyOf": [inner, {"type": "string", "pattern": _VARIABLE}], **kept}
    return inner


def text() -> str:
    """The JSON Schema as it stands in a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def reference() -> str:
    """The reference of the spec in Markdown: every section and key, made from the schema."""
    schema = _made()
    parts = [_HEAD, *(_section(name, schema) for name in schema["properties"] if name != "version"), _TAIL]
    return "\n".join(parts)


_HEAD = """# The spec, key by key

<!-- Made by `make docs`; edit `reconcile/spec/model.py` instead. -->

A spec is a folder of YAML files (all `*.yaml` and `*.yml` below it; names that start with `.` or `_` are left out)
or one file. Every file says `version: 1`. `sources`, `properties`, `vars`, `groups`, `environments` and `tests` may be
spread over files and are merged by their ids; everything else stands in one file. What is defined twice is an error
that names both places, and a key that is not listed here is an error too. Editors read
[spec.schema.json](spec.schema.json); put this on top of a file:

```yaml
# yaml-language-server: $schema=../docs/spec.schema.json
```

Secrets are never written down: `api_key`, `api_secret` and `salt` are references, `"{{ env('NAME') }}"`, and `url`,
`connect`, `spark` and `state` may use them in part. The account's `url` holds no user, password or query, also where a
variable brings it, as plans show it; in the password of a database's URL `@` is `%40` and `/` is `%2F`. A text with
braces stands in quotes, or YAML takes the braces for its own. What is not the same for all who use a spec, and accounts
beside the first: [environments.md](environments.md).

Files are read as YAML 1.2: plain `yes`, `no`, `on` and `off` are texts, and so are dates. Anchors, aliases and merges
(`<<: *name`, `<<: [*one, *two]`) mean what YAML says: a merge brings all keys of a mapping, those that it merges itself
among them, and a key's own value wins. A `<<` that is no mapping is an error, and so are tags and numbers with a zero
in front (`0755`), which versions of YAML read differently: put those in quotes.
"""

_TAIL = """## Null

* In SQL (`where`, `sql`) null is SQL's: a comparison with it is not true. A group's rule that comes out null says no.
* In `rules`, a property that is null fits no condition but `exists: false`; `ne`, `not_in` and `none` do not match it
  either. Examples stand in [operators.md](operators.md#null).
* In a template, `default` takes its place (`{{ first_name | default('there') }}`) and conditions may ask for it.
  Anything else that needs its value makes the whole result null, as in SQL: nobody is greeted with "Hi ,". The
  property's `default`, or the var's `nulls`, then decides.

## The clock

`now()`, `today()`, `current_date` and `current_timestamp` in SQL, and `today`, `now`, `90 days ago`, `in_past` and
`in_next` in `rules`, all mean the one moment of the run, in UTC: when the plan is made, or what `plan --as-of` says. It
stands in the plan. Whole days and moments: [operators.md](operators.md#times).

## SQL

An expression is one scalar expression in DuckDB's dialect over properties, by their ids; the `where` of an aggregate is
one over columns of its source, see [values.md](values.md). Statements, queries inside, aggregates, windows, `*`,
parameters and lambdas are refused, as are functions that are not on the list in `reconcile/spec/functions.py`: those on
it give the same for the same input. Numbers, texts, dates and true or false are compared with their own
kind only; what does not fit is told with its place inside the expression.

## Templates

Jinja, in its sandbox, over properties by their ids. There is no `random`, no other template to include, and no global
function.
"""

_HOLDS = {
    "sources": "SourceSpec",
    "properties": "Property",
    "vars": "VarSpec",
    "groups": "Group",
    "environments": "Environment",
    "tests": "Case",
}
_MORE = {
    "sources": {"contract": "Contract"},
    "profiles": {"identity": "Identity"},
    "groups": {"rules": "Condition", "members": "Members", "sample": "Sample"},
    "environments": {"account": "EnvironmentAccount", "sources": "EnvironmentSource"},
    "policy": {"guards": "Guards", "guards.removals": "PerList", "give_up": "GiveUp"},
    "tests": {"expect": "Expected"},
}


def _section(name: str, schema: Schema) -> str:
    part = schema["properties"][name]
    held = _HOLDS.get(name)
    if held is None and not _refers(part):
        return "\n".join([f"## {name}", "", _said(part), "", f"`{name}: {_type(part, schema)}`", ""])
    noun = held or _noun(part)
    needed = "Must be there." if name in ("account", "sources", "profiles") else ""
    said = (needed, _said(part) if held else "", _said(schema["$defs"][noun]))
    lines = [f"## {name}", "", " ".join(filter(None, said)), ""]
    if held:
        lines += [f"`{name}: {{<id>: {{...}}}}`", ""]
    lines += _table(schema["$defs"][noun], schema)
    for key, inner in _MORE.get(name, {}).items():
        definition = schema["$defs"][inner]
        lines += ["", f"### {name}: {key}", "", _said(definition), "", *_table(definition, schema)]
    return "\n".join([*lines, ""])


def _refers(part: Schema) -> bool:
    return "$ref" in part or "$ref" in part.get("anyOf", [{}])[-1]


def _noun(part: Schema) -> str:
    """The name of a section's definition: its own, or that of the last of its forms."""
    reference: str = part["$ref"] if "$ref" in part else part["anyOf"][-1]["$ref"]
    return reference.rpartition("/")[2]


def _table(definition: Schema, schema: Schema) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    required = definition.get("required", ())
    for key, part in definition["properties"].items():
        default = "needed" if key in required else _default(part)
        yield f"| `{key}` | {_type(part, schema)} | {default} | {_said(part)} |"


def _said(part: Schema) -> str:
    return str(part.get("description", "")).replace("\n", " ").replace("|", "\\|")


def _default(part: Schema) -> str:
    value = part.get("default")
    if value is None or isinstance(value, dict):  # the keys of a mapping have their own defaults
        return ""
    return f"`{json.dumps(value, ensure_ascii=False).strip(chr(34))}`"


_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_OTHERS = {"share": "share", "object": "mapping"}


def _type(part: Schema, schema: Schema) -> str:
    """A type in words."""
    if "$ref" in part:
        return _referred(part["$ref"].rpartition("/")[2], schema)
    if "anyOf" in part:
        return _any_of(part["anyOf"], schema)
    if "oneOf" in part:
        return "rules"
    if part.get("type") == "array":
        return f"list of {_type(part['items'], schema)}"
    limits = [f"{word} {part[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in part]
    kind = str(part.get("format", part.get("type")))
    return " ".join([(_TYPES | _OTHERS).get(kind, "anything"), *limits])


def _referred(name: str, schema: Schema) -> str:
    definition = schema["$defs"][name]
    if "enum" in definition:
        return " \\| ".join(f"`{choice}`" for choice in definition["enum"])
    return "mapping, see below" if "properties" in definition else "rules"


def _any_of(choices: Sequence[Schema], schema: Schema) -> str:
    said = dict.fromkeys(_type(choice, schema) for choice in choices if choice.get("type") != "null")
    if set(_TYPES.values()) <= said.keys():
        said = dict.fromkeys(["one value", *(word for word in said if word not in _TYPES.values())])
    return " or ".join(said)


def main(folder: str) -> None:
    """Write `spec.md`, `spec.schema.json` and `operators.md` into a folder, and the grammar into its `values.md`."""
    Path(folder, "spec.md").write_text(reference(), encoding="utf-8")
    Path(folder, "operators.md").write_text(handbook.text(), encoding="utf-8")
    Path(folder, "spec.schema.json").write_text(text(), encoding="utf-8")
    if (values := Path(folder, "values.md")).exists():
        values.write_text(grammar.within(values.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
