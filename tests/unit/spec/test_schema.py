from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from reconcile.spec import case, conduct, environment, group, guards, load, model, operators, schema, source
from reconcile.spec.property import Property

ROOT = Path(__file__).parents[3]


SCHEMA = ROOT / "docs/spec.schema.json"
NOUNS: dict[str, type[BaseModel]] = {
    "account": model.Account,
    "sources": source.SourceSpec,
    "sources: contract": source.Contract,
    "profiles": model.Profiles,
    "profiles: identity": model.Identity,
    "properties": Property,
    "vars": model.VarSpec,
    "groups": group.Group,
    "groups: rules": group.Condition,
    "groups: members": group.Members,
    "groups: sample": group.Sample,
    "environments": environment.Environment,
    "environments: account": environment.EnvironmentAccount,
    "environments: sources": environment.EnvironmentSource,
    "policy": model.Policy,
    "policy: guards": guards.Guards,
    "policy: guards.removals": guards.PerList,
    "policy: give_up": conduct.GiveUp,
    "engine": model.Engine,
    "tests": case.Case,
    "tests: expect": case.Expected,
}
"""The titles of docs/spec.md, and what a spec is read into there."""


def table(title: str) -> dict[str, list[str]]:
    """The first table below a title of docs/spec.md: key -> type, default and meaning."""
    text = (ROOT / "docs/spec.md").read_text("utf-8")
    _, found, below = text.partition(f"# {title}\n")
    assert found, title
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", below.partition("\n## ")[0].partition("\n### ")[0], re.MULTILINE)
    return {key: [cell.strip() for cell in re.split(r"(?<!\\)\|", cells)] for key, cells in rows}


@pytest.mark.parametrize("title", NOUNS)
def test_the_reference_has_every_key_that_is_read_with_its_default(title: str) -> None:
    found, fields = table(title), NOUNS[title].model_fields
    assert found.keys() == {field.alias or name for name, field in fields.items()}
    for name, field in fields.items():
        _, default, meaning = found[field.alias or name]
        assert meaning
        if isinstance(field.default, int | float | str) and not isinstance(field.default, bool):
            assert default == f"`{field.default}`", name


def refused(*files: Path) -> set[str]:
    """Those of some files that an editor would mark as wrong by docs/spec.schema.json."""
    words = ["--output-format", "json", "--schemafile", str(SCHEMA), *map(str, files)]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *words], capture_output=True, text=True, check=False
    )
    told = json.loads(done.stdout)
    assert not told.get("parse_errors")
    return {Path(one["filename"]).stem for one in told["errors"]}


def test_an_editor_finds_nothing_in_specs_that_are_right() -> None:
    right = [*(ROOT / "specs").glob("*.yaml"), *(ROOT / "tests/cases/plan").glob("*/spec.yaml")]
    assert len(right) > 20
    assert refused(*right) == set()


def test_an_editor_finds_every_key_that_nothing_reads() -> None:
    made = json.loads(SCHEMA.read_text("utf-8"))
    nouns = {"the spec": made, **{name: part for name, part in made["$defs"].items() if "properties" in part}}
    assert [name for name, part in nouns.items() if part.get("additionalProperties") is not False] == []


def test_an_editor_finds_what_is_wrong_by_itself(tmp_path: Path) -> None:
    wrong = {"aggregates", "contracts", "engine", "environment_keys", "groups", "guards", "missing_key", "names"}
    wrong |= {"no_version", "other_version", "property_types", "property_ways", "rules", "seal", "sources"}
    wrong |= {"unknown_key", "unknown_key_in_rule", "unknown_section", "wrong_choice", "wrong_types"}
    for name in wrong:
        text = (ROOT / "tests/cases/spec" / f"{name}.txt").read_text("utf-8")
        (tmp_path / f"{name}.yaml").write_text(text.partition("-- spec.yaml --\n")[2].partition("\n-- ")[0], "utf-8")
    assert refused(*tmp_path.iterdir()) == wrong


EXAMPLES = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {people: {file: people.csv, key: id}}
profiles: {from: people, email: email}
properties:
  city: {column: city, type: string}
  spent: {column: spent, type: float}
  last_order_at: {column: last, type: datetime}
  genres: {column: genres, type: list}
groups:
"""


def test_the_examples_of_operators_are_right(tmp_path: Path) -> None:
    page = (ROOT / "docs/operators.md").read_text("utf-8")
    examples = re.findall(r"^\| `\w+` .*`(\{property.*\})` \|$", page, re.MULTILINE)
    groups = [f"  g{at}: {{list: L{at}, rules: {example}}}\n" for at, example in enumerate(examples)]
    (tmp_path / "spec.yaml").write_text(EXAMPLES + "".join(groups), "utf-8")
    rules = [one.rules for one in load.load(tmp_path).groups.values()]
    assert [rule.op for rule in rules if isinstance(rule, group.Condition)] == list(operators.TABLE)


def test_main_writes_them_all(tmp_path: Path) -> None:
    schema.main(str(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == {"spec.md", "spec.schema.json", "operators.md"}


def test_every_key_has_a_meaning() -> None:
    made = schema.json_schema()
    nouns = [made, *(part for part in made["$defs"].values() if "properties" in part)]
    silent = [key for noun in nouns for key, part in noun["properties"].items() if not part.get("description")]
    assert silent == []


def test_every_section_is_in_the_reference() -> None:
    titles = re.findall(r"^## (\w+)$", (ROOT / "docs/spec.md").read_text("utf-8"), re.MULTILINE)
    sections = {field.alias or name for name, field in environment.File.model_fields.items()}
    assert sections - {"version"} <= set(titles)


def test_a_file_needs_nothing_but_its_version() -> None:
    made = schema.json_schema()
    assert made["required"] == ["version"]
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert made["$id"] == schema.ID
    (forms,) = made["properties"]["vars"]["patternProperties"].values()
    assert {"type": "string", "minLength": 1} in forms["anyOf"]


@pytest.mark.parametrize("example", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_names_its_schema(example: Path) -> None:
    line = example.read_text("utf-8").splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert line.startswith(prefix)
    assert (example.parent / line.removeprefix(prefix)).resolve() == ROOT / "docs/spec.schema.json"
