"""Whatever columns, lists and vars are called, the first spec of them is valid and says what was found."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconcile import sources
from reconcile.spec import drafting, naming, takeover
from reconcile.spec.drafting import Draft, People
from reconcile.spec.load import load
from reconcile.spec.model import REGISTRY, Spec
from reconcile.spec.properties import RESERVED

ODD = ["a: b", '"', "it's", "{{ x }}", "{% raw %}", "9 lives", "Größe", "order", "NOT", "null", "yes", "#", "a #b",
       "- x", "e-mail", "x" * 80, "$set", "a\nb", "a\tb", " outer ", "\u2028", "&a", "*a", "[", "ID", "id", "Id",
       "日本", "🙂", "\x7f", "\x85", "%", "~", "0x1", "1e3", "email", "C:\\x", "Newsletter", "newsletter",
       REGISTRY]  # fmt: skip
NAMES = st.one_of(st.sampled_from(ODD), st.text(min_size=1, max_size=40))
WRITABLE = NAMES.filter(naming.writable)
KINDS = st.sampled_from(["integer", "number", "text", "timestamp", "date", "boolean"])
TYPES = st.sampled_from(["string", "integer", "float", "boolean", "date", "datetime", None])
COLUMNS = st.dictionaries(NAMES, KINDS, max_size=12).map(lambda found: {"key ok": "integer", "mail ok": "text"} | found)


def written(draft: Draft) -> Spec:
    """The spec of a draft, as `validate` reads it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in drafting.files(draft).items():
            Path(folder, name).write_text(text, encoding="utf-8")
        spec = load(folder)
        assert sources.check(spec) == ()
        return spec


def people(columns: dict[str, str], table: str) -> People:
    return People(table, None, "key ok", "mail ok", columns)


@settings(max_examples=20, deadline=None)
@given(account=WRITABLE, table=WRITABLE, columns=COLUMNS, data=st.data())
def test_a_first_spec_is_valid(account: str, table: str, columns: dict[str, str], data: st.DataObject) -> None:
    names = [name for name in columns if naming.writable(name)]
    sent = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=4))
    vars_ = [drafting.Sent(var, column) for column, var in drafting.var_names(sent).items()]
    spec = written(Draft(account, elsewhere=True, people=people(columns, table), sent=vars_))
    assert [one.column for one in spec.properties.values()] == names
    assert [spec.properties[one.property].column for one in spec.vars.values()] == sent
    assert next(iter(spec.sources.values())).table == table
    assert spec.account.name == account
    assert spec.policy.mode == "observe"


@settings(max_examples=20, deadline=None)
@example(
    columns={"key": "integer", "mail": "text", "id": "text", "ID": "text"}, vars_={"id": None, "ID": None}, lists=[]
)
@given(
    columns=COLUMNS,
    vars_=st.dictionaries(WRITABLE, TYPES, max_size=8),
    lists=st.lists(st.tuples(WRITABLE, st.sampled_from(["natural", "smart"]), st.integers(0, 9)), max_size=8),
)
def test_a_spec_of_an_account_is_valid_also_when_its_groups_are_filled_in(
    columns: dict[str, str], vars_: dict[str, str | None], lists: list[tuple[str, str, int | None]]
) -> None:
    usable = {name: kind for name, kind in columns.items() if naming.writable(name)}
    sent, unmatched = takeover.vars(vars_, usable)
    listed = takeover.lists(lists)
    assert {one.var for one in sent} | set(unmatched) == set(vars_)
    draft = Draft("shop", elsewhere=False, people=people(columns, "t"), sent=sent, unmatched=unmatched, listed=listed)
    spec = written(draft)
    assert {name: spec.properties[one.property].column for name, one in spec.vars.items()} == {
        one.var: one.column for one in sent
    }
    filled = filled_in(drafting.files(draft)["groups.yaml"])
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (drafting.files(draft) | {"groups.yaml": filled}).items():
            Path(folder, name).write_text(text, encoding="utf-8")
        groups = load(folder).groups
    assert sorted(group.list for group in groups.values()) == sorted(one.name for one in listed if one.unfit is None)


def filled_in(text: str) -> str:
    """The file of groups after somebody wrote the rules and took away the marks."""
    head, mark, rest = text.partition("# groups:\n")
    marked = (mark + rest).replace('where: ""', 'where: "1 = 1"').splitlines()
    lines = [line.removeprefix("#").removeprefix(" ") for line in marked if "not to be taken over" not in line]
    return head + "\n".join(lines if any("list:" in line for line in lines) else []) + "\n"


def test_words_of_templates_and_sql_get_another_id() -> None:
    spec = written(Draft("shop", elsewhere=False, people=people({"order": "text", "Not": "text", "in": "text"}, "t")))
    assert set(spec.properties) == {"order", "Not_2", "in_2"}
    assert not {name.lower() for name in spec.properties} & RESERVED
