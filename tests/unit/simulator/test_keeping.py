"""Seeds and kept accounts."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.simulator.driver import Driver

from reconcile.simulator import Simulator, seeds, store


def filled() -> Driver:
    api = Driver()
    api.person(keys={"extid": "C-1"}, vars={"tags": ["a"], "none": None}, lists={"Main": 1}, optout_email="blast")
    api.person("b@example.com", lists={"Main": 1, "Side": 1})
    api.person("gone@example.com", lists={"Main": 1})
    api.ok("DELETE", "/user", {"id": "gone@example.com"})
    api.ok("POST", "/list", {"list": "Smart", "type": "smart", "query": {"source_list": "Main"}})
    api.ok("POST", "/list", {"list": "Main", "primary": 1, "vars": {"x": 1}})
    api.account.add_list("Side", 0)  # a twin
    return api


def test_a_kept_account_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "account.ndjson"
    before = filled()
    store.save(before.account, path)
    after = Driver()
    store.restore(after.account, path)

    for ask in (
        ("/list", {}),
        ("/list", {"list": "Main", "fields": {"vars": 1}}),
        ("/user", {"id": "ada@example.com"}),
    ):
        assert after.ok("GET", *ask) == before.ok("GET", *ask)
    assert after.account.list_names() == before.account.list_names()
    assert after.account.members("Side") == {"b@example.com"}
    assert after.ok("GET", "/user", {"id": "C-1", "key": "extid"})["optout_email"] == "blast"
    assert after.person("new@example.com") == before.person("new@example.com")  # no id is given twice


def test_an_account_is_kept_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "account.ndjson"
    for number in range(2):
        api = Driver()
        with store.kept(api.sim, path):
            api.person(f"p{number}@example.com")
    assert len(api.account.profiles) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["account.ndjson"]


@pytest.mark.parametrize(
    "text", ['{"simulator":9,"counter":1,"var_names":[]}\n', "no json\n", "{}\n", '{"simulator":1,"counter":1,"var_na']
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "account.ndjson"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"account\.ndjson:1"), store.kept(Simulator(), path):
        pass
    assert path.read_text(encoding="utf-8") == text


def test_people_are_loaded_from_ndjson(tmp_path: Path) -> None:
    path = tmp_path / "people.ndjson"
    path.write_text(
        '{"id":"A@example.com","vars":{"n":1},"lists":{"Main":1}}\n\n{"email":"b@example.com"}\n', encoding="utf-8"
    )
    api = Driver()

    assert seeds.load(api.sim, path) == 2
    assert api.look("a@example.com")["vars"] == {"n": 1}
    assert api.account.members("Main") == {"a@example.com"}


def test_people_are_loaded_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('email,first name,lists\na@example.com,"Zoë",Main|Side\nb@example.com,,\n', encoding="utf-8")
    api = Driver()

    assert seeds.load(api.sim, path) == 2
    assert api.look("a@example.com")["vars"] == {"first_name": "Zoë"}
    assert api.account.list_names() == ["Main", "Side"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.ndjson", '{"id":"a@example.com"}\n{', "p.ndjson:2"),
        ("p.ndjson", "[1]\n", "p.ndjson:1"),
        ("p.ndjson", '{"id":"nobody"}\n', "person 1: Invalid email: nobody"),
        ("p.csv", "name\nAda\n", "no column named email"),
    ],
)
def test_a_seed_that_is_no_good_is_told_where(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=said):
        seeds.load(Simulator(), path)
