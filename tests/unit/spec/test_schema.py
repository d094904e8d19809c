from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconcile.spec import handbook, load, operators, schema
from reconcile.spec.group import Condition

ROOT = Path(__file__).parents[3]


def test_the_reference_is_that_of_the_code() -> None:
    assert (ROOT / "docs/spec.md").read_text("utf-8") == schema.reference(), "run `make docs`"


def test_the_schema_is_that_of_the_code() -> None:
    assert (ROOT / "docs/spec.schema.json").read_text("utf-8") == schema.text(), "run `make docs`"


def test_the_operators_are_those_of_the_code() -> None:
    assert (ROOT / "docs/operators.md").read_text("utf-8") == handbook.text(), "run `make docs`"


EXAMPLES = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {people: {file: people.csv, key: id}}
profiles: {from: people, email: email}
properties:
  city: {column: city, type: string}
  spent: {column: spent, type: float}
  last_order_at: {column: last, type: datetime}
  genres: {column: genres}
groups:
"""


def test_the_examples_of_operators_are_right(tmp_path: Path) -> None:
    examples = re.findall(r"^\| `\w+` .*`(\{property.*\})` \|$", handbook.text(), re.MULTILINE)
    groups = [f"  g{at}: {{list: L{at}, rules: {example}}}\n" for at, example in enumerate(examples)]
    (tmp_path / "spec.yaml").write_text(EXAMPLES + "".join(groups), "utf-8")
    rules = [group.rules for group in load.load(tmp_path).groups.values()]
    assert [rule.op for rule in rules if isinstance(rule, Condition)] == list(operators.TABLE)


def test_main_writes_them_all(tmp_path: Path) -> None:
    schema.main(str(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == {"spec.md", "spec.schema.json", "operators.md"}


def test_every_key_has_a_meaning() -> None:
    made = schema.json_schema()
    nouns = [made, *(part for part in made["$defs"].values() if "properties" in part)]
    silent = [key for noun in nouns for key, part in noun["properties"].items() if not part.get("description")]
    assert silent == []


def test_every_key_is_in_the_reference() -> None:
    reference = schema.reference()
    made = schema.json_schema()
    for section in made["properties"]:
        assert section == "version" or f"## {section}" in reference
    for name in (
        "Account",
        "SourceSpec",
        "Profiles",
        "Identity",
        "Property",
        "VarSpec",
        "Group",
        "Condition",
        "Policy",
    ):
        for key in made["$defs"][name]["properties"]:
            assert f"| `{key}` |" in reference


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
