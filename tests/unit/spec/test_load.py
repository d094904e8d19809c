from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.errors import CredentialsRefused, SpecInvalid, Where
from reconcile.spec import load, merges, problems
from reconcile.spec.model import Nulls, Spec

SPECS = Path(__file__).parents[3] / "specs"
BASE = """version: 1
account: {name: shop, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {customers: {file: customers.csv, key: id}}
profiles: {from: customers, email: email}
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder


def messages(path: Path) -> list[str]:
    with pytest.raises(SpecInvalid) as caught:
        load.load(path)
    return [problem.message for problem in caught.value.problems]


def test_the_examples_are_right() -> None:
    spec = load.load(SPECS)
    assert set(spec.groups) == {"high_value", "newsletter", "lapsed", "win_back"}
    assert spec.properties["lifetime_value"].private
    assert spec.vars["city"].nulls is Nulls.SKIP
    assert spec.profiles.identity is not None


def test_a_spec_is_a_file_or_a_folder_of_files(tmp_path: Path) -> None:
    write(tmp_path, base=BASE, more="version: 1\nproperties: {city: {column: city}}\n")
    assert set(load.load(tmp_path).properties) == {"city"}
    assert load.load(str(tmp_path / "base.yaml")).properties == {}


def test_linked_folders_and_endings_in_capitals_are_read_and_loops_end(tmp_path: Path) -> None:
    write(tmp_path, base=BASE)
    (tmp_path / "CAPS.YAML").write_text("version: 1\nproperties: {caps: {column: a}}\n")
    elsewhere = tmp_path.with_name(f"{tmp_path.name} elsewhere")
    elsewhere.mkdir()
    (elsewhere / "more.Yml").write_text("version: 1\nproperties: {more: {column: b}}\n")
    (tmp_path / "linked").symlink_to(elsewhere)
    (tmp_path / "twice").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tmp_path)
    assert set(load.load(tmp_path).properties) == {"caps", "more"}


def test_sections_are_merged_over_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, base=BASE, a="version: 1\nproperties: {a: {column: a}}\n")
    (tmp_path / "sub" / "b.yml").write_text("version: 1\nproperties: {b: {column: b}}\nvars: {b: b}\n")
    spec = load.load(tmp_path)
    assert list(spec.properties) == ["a", "b"]
    assert spec.vars["b"].property == "b"


@pytest.mark.parametrize("name", ["_draft", ".hidden"])
def test_names_that_start_with_a_dot_or_underscore_are_left_out(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    write(tmp_path, base=BASE, **{name: "nonsense: ["})
    write(tmp_path / name, more="nonsense: [")
    (tmp_path / "notes.txt").write_text("nonsense: [")
    assert load.load(tmp_path).account.name == "shop"


def test_places_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, base=BASE, more="version: 1\nproperties:\n  city: {column: city}\n")
    monkeypatch.chdir(tmp_path)
    spec = load.load(tmp_path)
    assert spec.where("properties", "city", "column") == Where("more.yaml", 3, 10, "  city: {column: city}")
    assert spec.where("properties", "city", "type") == Where("more.yaml", 3, 3, "  city: {column: city}")
    assert spec.where("policy", "mode") is None


def test_files_are_named_as_a_user_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "specs", base=BASE)
    monkeypatch.chdir(tmp_path)
    for given, shown in [
        ("specs", "specs/base.yaml"),
        ("specs/base.yaml", "specs/base.yaml"),
        (str(tmp_path / "specs"), "specs/base.yaml"),
    ]:
        where = load.load(given).where("account")
        assert where is not None
        assert where.file == shown
    monkeypatch.chdir(tmp_path / "elsewhere")
    where = load.load("../specs").where("account")
    assert where is not None
    assert where.file == "../specs/base.yaml"


def test_the_folder_is_kept_for_files_beside_the_spec(tmp_path: Path) -> None:
    write(tmp_path, base=BASE)
    assert load.load(tmp_path)._folder == str(tmp_path)
    assert load.load(tmp_path / "base.yaml")._folder == str(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    assert messages(tmp_path / "nowhere") == [f"there is no file or folder {tmp_path / 'nowhere'}"]
    assert messages(tmp_path) == [f"there is no spec in {tmp_path}: no *.yaml or *.yml below it"]


def test_text_that_is_not_utf8_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_bytes(BASE.encode() + "vars:\n  a: größe\n".encode("latin-1"))
    with pytest.raises(SpecInvalid) as caught:
        load.load(tmp_path)
    (problem,) = caught.value.problems
    assert problem.message == "the file is not UTF-8"
    assert problem.where is not None
    assert problem.where.line == 6


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    where = load.load(tmp_path).where("profiles")
    assert where is not None
    assert (where.line, where.text) == (4, "profiles: {from: customers, email: email}")


def test_anchors_aliases_and_merge_keys_work(tmp_path: Path) -> None:
    more = """version: 1
properties:
  a: &text {column: a, type: string}
  b: {<<: *text, column: b}
  c: *text
"""
    spec = load.load(write(tmp_path, base=BASE, more=more))
    assert [(p.column, p.type) for p in spec.properties.values()] == [("a", "string"), ("b", "string"), ("a", "string")]


def test_what_comes_through_a_second_anchor_is_merged(tmp_path: Path) -> None:
    more = """version: 1
properties:
  inner: &inner {private: true, column: spent}
  text: &text {<<: *inner, column: city}
  remark: {<<: *text, column: first_name}
  either: {<<: [*text, {type: string}], column: last_name}
"""
    spec = load.load(write(tmp_path, base=BASE, more=more))
    assert [one.private for one in spec.properties.values()] == [True, True, True, True]
    assert [one.column for one in spec.properties.values()] == ["spent", "city", "first_name", "last_name"]
    where = spec.where("properties", "remark", "private")
    assert where is not None
    assert (where.line, where.column) == (3, 18), "where it is written, not where it is merged"


def test_an_environment_merges_others_with_all_that_these_merge(tmp_path: Path) -> None:
    more = """version: 1
environments:
  base: &base
    account: &account {name: staging, api_key: "{{ env('K2') }}", api_secret: "{{ env('S2') }}"}
    policy: &policy {mode: observe}
  middle: &middle
    <<: *base
    list_prefix: "m "
  prod:
    <<: *middle
    account: {<<: *account, name: prod}
"""
    spec = load.load(write(tmp_path, base=BASE, more=more), env="prod")
    assert (spec.account.name, spec.account.api_key, str(spec.policy.mode)) == ("prod", "{{ env('K2') }}", "observe")
    assert spec.account.registry == "m reconcile: managed"


def test_merges_of_merges_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each merges the one before it nine times: kept as they come, the last had nine to the power of sixty keys."""
    lines = ["  p0: &a0 {column: c, type: string}"]
    lines += [f"  p{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 60)]
    write(tmp_path, base=BASE, more="version: 1\nproperties:\n" + "\n".join(lines) + "\n")
    assert load.load(tmp_path).properties["p59"].column == "c"
    monkeypatch.setattr(merges, "MOST_MERGED", 1_000)
    with pytest.raises(SpecInvalid) as caught:
        load.load(tmp_path)
    (problem,) = caught.value.problems
    assert problem.message == "the spec merges too much"
    assert problem.where is not None
    assert problem.where.text.startswith("  p56:")


def test_a_long_chain_of_anchors_is_read(tmp_path: Path) -> None:
    chain = [f"  p{n}: &a{n} {{<<: *a{n - 1}, description: d{n}}}" for n in range(1, 1_200)]
    more = "version: 1\nproperties:\n  p0: &a0 {column: c, private: true}\n" + "\n".join(chain) + "\n"
    spec = load.load(write(tmp_path, base=BASE, more=more))
    assert spec.properties["p1199"].private
    assert spec.properties["p1199"].description == "d1199"


def test_secrets_that_are_merged_are_not_shown(tmp_path: Path) -> None:
    more = """version: 1
environments:
  staging: {account: &account {name: s, apikey: &key 5eCr3t}}
  prod: {account: {<<: {login: 5eCr3t, name: 5}}}
"""
    with pytest.raises(SpecInvalid) as caught:
        load.load(write(tmp_path, base=BASE, more=more), env="prod")
    assert "5eCr3t" not in "".join(map(problems.render, caught.value.problems))


def test_an_alias_of_itself_ends(tmp_path: Path) -> None:
    assert "the spec is nested too deeply, or too large" in messages(
        write(tmp_path, base=BASE, more="version: 1\nvars: &v {a: *v}\n")
    )


def test_dates_stay_text_and_numbers_are_numbers(tmp_path: Path) -> None:
    values = ("2026-01-31", "0x1F", "1e3", "0o17", "yes")
    more = "version: 1\nproperties:\n" + "".join(f"  p{i}: {{value: {v}}}\n" for i, v in enumerate(values))
    spec = load.load(write(tmp_path, base=BASE, more=more))
    assert [prop.value for prop in spec.properties.values()] == ["2026-01-31", 31, 1000.0, 15, "yes"]


def test_characters_written_as_json_writes_them_are_joined(tmp_path: Path) -> None:
    spec = load.load(write(tmp_path, base=BASE, more='version: 1\nproperties: {a: {value: "\\ud83d\\ude00"}}\n'))
    assert spec.properties["a"].value == "\U0001f600"


def test_all_problems_are_told_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    write(tmp_path, a="version: 1\nvars:\n  b: none\n  a: none\n", b=BASE, c="version: 1\nfoo: 1\n")
    with pytest.raises(SpecInvalid) as caught:
        load.load(tmp_path)
    places = [(Path(p.where.file).name, p.where.line) for p in caught.value.problems if p.where]
    assert places == [("a.yaml", 3), ("a.yaml", 4), ("c.yaml", 2)]
    assert str(caught.value) == "The spec has 3 problems."


def test_a_broken_file_does_not_make_others_look_wrong(tmp_path: Path) -> None:
    write(tmp_path, a="version: 1\nvars: {a: city}\n", b=BASE, c="version: 1\nproperties: {city: {column: city}\n")
    assert messages(tmp_path) == ["a brace or comma is missing"]


def test_the_spec_never_holds_a_secret_and_the_environment_may_be_asked_for(tmp_path: Path) -> None:
    write(tmp_path, base=BASE)
    spec = load.load(tmp_path, environ={"KEY": "5eCr3t", "SECRET": "5eCr3t"})
    assert "5eCr3t" not in repr(spec) + load.dump(spec)
    with pytest.raises(CredentialsRefused, match=r"environment variable SECRET is not set \(.*base.yaml:2:52\)"):
        load.load(tmp_path, environ={"KEY": "5eCr3t"})


def test_the_digest_is_of_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    write(tmp_path / "one", base=BASE + "properties: {a: {column: a}, b: {column: b}}\nvars: {a: a}\n")
    split = {"base": BASE, "more": "version: 1\nproperties:\n  b:\n    column: b\n"}
    split["last"] = (
        "version: 1\nvars: {a: {property: a, nulls: clear}}\nproperties: {a: {column: a}}\npolicy: {mode: sync}\n"
    )
    one, two = load.load(tmp_path / "one"), load.load(write(tmp_path / "two", **split))
    assert one.digest == two.digest
    assert one == two
    assert hash(one) == hash(two)
    elsewhere = write(
        tmp_path / "two", **split, engine="version: 1\nengine: {spark: sc://spark}\nstate: kept\nseal: []\n"
    )
    assert load.load(elsewhere).digest == one.digest, "who moves to another engine wants what they wanted"
    changed = write(tmp_path, base=BASE + "properties: {a: {column: a}, b: {column: c}}\nvars: {a: a}\n")
    assert load.load(changed / "base.yaml").digest != one.digest
    assert one != load.load(changed / "base.yaml")


def test_a_dump_loads_into_an_equal_spec(tmp_path: Path) -> None:
    spec = load.load(SPECS)
    (tmp_path / "all.yaml").write_text(load.dump(spec), "utf-8")
    again = load.load(tmp_path)
    assert isinstance(again, Spec)
    assert again == spec
    assert load.dump(again) == load.dump(spec)
