"""What a spec is in an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.errors import SpecInvalid
from reconcile.spec import load
from reconcile.spec.model import Mode, Spec

RECIPIENT = "age1rl679tdv2548my4eqq6y7wxuav3lawqxke5mg9fmp554nlssvqhqgtwlxy"
SPEC = """\
version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources:
  customers:
    {connect: "{{ env('SHOP') }}", query: "select {{ n }}", parameters: {n: 1}, key: id, contract: {min_rows: 9}}
profiles: {from: customers, email: email}
properties: {spent: {column: spent, type: float}}
groups:
  big: {list: Big, where: "spent >= {{ var('big', 1000) }}"}
  none: {list: "None", where: 'false'}
policy:
  mode: additive
  guards: {removals: {default: 3%, lists: {Big: 1, none: 2}}, opted_out_joins: 4, deletions: "{{ var('most', 0) }}"}
seal: RECIPIENT
environments:
  staging:
    account: {name: shop-staging}
    sources: {customers: {file: customers.csv, contract: {not_null: [email]}}}
    list_prefix: "staging: "
    policy: {guards: {removals: 50%, opted_out_joins: {lists: {big: 9}}}}
    variables: {big: 10, most: 500}
    seal: []
  tighter: {sources: {customers: {parameters: {m: 2}}}, account: {registry: theirs}}
""".replace("RECIPIENT", RECIPIENT)


def loaded(folder: Path, env: str | None = None, **var: str | int) -> Spec:
    (folder / "spec.yaml").write_text(SPEC)
    return load.load(folder, env=env, var=var)


def test_without_one_the_spec_is_what_it_says(tmp_path: Path) -> None:
    spec = loaded(tmp_path)
    assert (spec.environment, spec.variables) == (None, {"big": 1000, "most": 0})
    assert spec.account.name == "shop"
    assert spec.groups["big"].where == "spent >= 1000"
    assert spec.policy.guards.deletions == 0
    assert spec.seal == [RECIPIENT]


def test_an_environment_is_laid_over_it_key_by_key(tmp_path: Path) -> None:
    spec = loaded(tmp_path, "staging")
    assert (spec.environment, spec.variables) == ("staging", {"big": 10, "most": 500})
    assert (spec.account.name, spec.account.api_key) == ("shop-staging", "{{ env('KEY') }}")
    assert (spec.policy.mode, spec.policy.guards.deletions, spec.seal) == (Mode.ADDITIVE, 500, [])
    assert spec.groups["big"].where == "spent >= 10"


def test_a_source_is_read_in_the_way_of_the_environment_alone(tmp_path: Path) -> None:
    source = loaded(tmp_path, "staging").sources["customers"]
    assert (source.ways, source.file, source.connect, source.parameters) == (["file"], "customers.csv", None, {})
    assert source.contract is not None
    assert (source.contract.min_rows, source.contract.not_null) == (9, ["email"])
    other = loaded(tmp_path, "tighter").sources["customers"]
    assert (other.ways, other.parameters) == (["query"], {"n": 1, "m": 2})


def test_the_prefix_goes_before_all_lists_and_guards_go_with_them(tmp_path: Path) -> None:
    spec = loaded(tmp_path, "staging")
    assert spec.account.registry == "staging: reconcile: managed"
    assert [group.list for group in spec.groups.values()] == ["staging: Big", "staging: None"]
    removals, joins = spec.policy.guards.removals, spec.policy.guards.opted_out_joins
    assert (removals.default, removals.lists) == ("50%", {"staging: Big": 1, "none": 2})
    assert (joins.default, joins.lists) == (4, {"big": 9})
    assert loaded(tmp_path, "tighter").account.registry == "theirs"


def test_places_point_to_where_it_is_said(tmp_path: Path) -> None:
    spec = loaded(tmp_path, "staging")
    name, key = spec.where("account", "name"), spec.where("account", "api_key")
    assert name is not None
    assert key is not None
    assert (name.line, key.line) == (17, 2)
    assert "staging" in name.text


def test_variables_of_the_command_come_before_those_of_the_environment_and_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "vars.yaml").write_text("big: 1\nmost: 2\n")
    assert loaded(tmp_path).variables == {"big": 1, "most": 2}
    assert loaded(tmp_path, "staging").variables == {"big": 10, "most": 500}
    assert loaded(tmp_path, "staging", big=7).variables == {"big": 7, "most": 500}
    assert load.load(tmp_path / "spec.yaml", var={"most": 3}).variables == {"big": 1, "most": 3}


def test_a_vars_file_with_a_version_is_a_part_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "vars.yaml").write_text("version: 1\nvars: {spent: spent}\n")
    assert set(loaded(tmp_path).vars) == {"spent"}
    assert load.load(tmp_path / "spec.yaml").vars == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("0.5", 0.5),
        ("true", True),
        ("'05'", "05"),
        ("", ""),
        ("a: b", "a: b"),
        ("[a", "[a"),
        ("null", "null"),
    ],
)
def test_a_text_of_the_command_line_has_the_type_that_yaml_gives_it(text: str, value: object) -> None:
    assert (load.typed(text), type(load.typed(text))) == (value, type(value))


def test_other_environments_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(
        SPEC + "  broken: {policy: {mode: wrong}, account: {api_key: '{{ var(1) }}'}}\n"
    )
    with pytest.raises(SpecInvalid, match=r"policy\.mode of environment"):
        load.load(tmp_path, env="staging")


def test_another_environment_need_not_have_its_variables(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC + "  later: {policy: {guards: {deletions: \"{{ var('later') }}\"}}}\n")
    assert load.load(tmp_path, env="staging").environment == "staging"
    with pytest.raises(SpecInvalid, match='there is no variable "later"'):
        load.load(tmp_path, env="later")
    assert load.load(tmp_path, env="later", var={"later": 8}).policy.guards.deletions == 8
