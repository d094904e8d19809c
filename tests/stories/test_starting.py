"""A first spec, as a person gets one: from a database, a file, an account; then validated and planned, unedited."""

from __future__ import annotations

import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import warm
from world import writes

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running
from reconcile.sources.discovery import Place

SECRETS = {"SAILTHRU_API_KEY": "demo-key", "SAILTHRU_API_SECRET": "demo-secret"}
FILES = ["account.yaml", "groups.yaml", "policy.yaml", "profiles.yaml", "sources.yaml"]


class Desk:
    """A folder, an account over HTTP, and a terminal or none."""

    def __init__(self, folder: Path, simulator: Simulator, url: str) -> None:
        self.folder, self.simulator = folder, simulator
        self.environ = {**SECRETS, "SAILTHRU_URL": url}

    def command(self, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        environ = {**{name: value for name, value in os.environ.items() if name != "DATABASE_URL"}, **self.environ}
        if stdin == subprocess.DEVNULL:
            done = warm.run(words, self.folder, environ)
        else:
            command = [sys.executable, "-m", "reconcile.cli", *words]
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=environ,
                stdin=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        assert "Traceback" not in done.stderr, done.stderr
        assert "unexpected" not in done.stderr, done.stderr
        return done

    def run(self, *words: str) -> str:
        """The command does what it should; what it said."""
        done = self.command(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def answer(self, answers: str, *words: str) -> subprocess.CompletedProcess[str]:
        """The command at a terminal where somebody types."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answers.encode())
            return self.command(*words, stdin=theirs)
        finally:
            os.close(ours)
            os.close(theirs)

    def shop(self) -> str:
        with sqlite3.connect(self.folder / "shop.db") as database:
            database.execute(
                "create table customers (id integer primary key, company_id integer, e_mail text, backup_email text,"
                " first_name text, spent real, news boolean, seen_at datetime, plan text)"
            )
            rows = [
                (
                    n,
                    n % 3,
                    f"p{n}@example.com",
                    f"b{n}@example.com",
                    "Ada",
                    n * 10.5,
                    n % 2,
                    "2026-01-01 10:00:00",
                    "pro",
                )
                for n in range(1, 9)
            ]
            database.executemany("insert into customers values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        database.close()
        return "sqlite:///shop.db"

    def text(self, folder: str = "specs") -> str:
        return "\n".join(path.read_text(encoding="utf-8") for path in sorted((self.folder / folder).iterdir()))

    def written_to_the_account(self) -> int:
        return writes(self.simulator)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    simulator = Simulator(seed=1, faults=Faults.named("none"))
    with running(simulator) as url:
        yield Desk(tmp_path, simulator, url)


def test_a_database_without_a_terminal(desk: Desk) -> None:
    url = desk.shop()
    ambiguous = desk.command("init", "--connect", url)
    assert ambiguous.returncode == 64
    assert "may be one of e_mail, backup_email" in ambiguous.stderr
    assert "--email" in ambiguous.stderr
    assert not (desk.folder / "specs").exists()

    told = desk.run("init", "--connect", url, "--email", "e_mail", "--vars", "first_name,plan")
    assert [path.name for path in sorted((desk.folder / "specs").iterdir())] == FILES
    assert "reconcile plan specs" in told
    desk.environ["DATABASE_URL"] = url
    assert "9 properties, 2 vars, 0 groups" in desk.run("validate")
    desk.run("fmt", "--check")
    desk.run("fmt", "specs/groups.yaml", "--check")
    planned = desk.run("plan")
    assert "(mode observe)" in planned
    assert "+ create" in planned
    assert "8" in planned
    text = desk.text()
    assert "key: id " in text
    assert url not in text
    assert "p1@example.com" not in text + told
    assert "Ada" not in text + told


def test_a_store_that_we_did_not_make(desk: Desk, chinook_sqlite: Path) -> None:
    desk.environ["DATABASE_URL"] = f"sqlite:///{chinook_sqlite}"
    told = desk.run("init", "--account", "store")
    assert 'People: the table "Customer", their addresses in "Email", their ids in "CustomerId".' in told
    assert "(mode observe)" in desk.run("plan")


def test_nothing_leaves_the_house_unless_it_is_named(desk: Desk) -> None:
    desk.environ["DATABASE_URL"] = desk.shop()
    desk.run("init", "--email", "e_mail")
    assert "0 vars" in desk.run("validate")
    wrong = desk.command("init", "other", "--email", "e_mail", "--vars", "surname")
    assert (wrong.returncode, "There is: id, company_id" in wrong.stderr) == (64, True)


def test_the_example_of_a_group_is_one(desk: Desk) -> None:
    desk.environ["DATABASE_URL"] = desk.shop()
    desk.run("init", "--email", "e_mail")
    groups = desk.folder / "specs" / "groups.yaml"
    head, mark, example = groups.read_text().partition("# groups:")
    groups.write_text(head + (mark + example).replace("\n# ", "\n").removeprefix("# "))
    assert "1 group" in desk.run("validate")
    assert "property: seen_at, op: after" in example
    desk.run("plan")


def test_what_is_there_is_never_overwritten(desk: Desk) -> None:
    desk.environ["DATABASE_URL"] = desk.shop()
    (desk.folder / "specs").mkdir()
    (desk.folder / "specs" / "ours.yaml").write_text("version: 1\n")
    refused = desk.command("init", "--email", "e_mail")
    assert (refused.returncode, "not overwritten" in refused.stderr) == (74, True)
    assert [path.name for path in (desk.folder / "specs").iterdir()] == ["ours.yaml"]


def test_somebody_answers_at_a_terminal(desk: Desk) -> None:
    url = desk.shop()
    done = desk.answer(f"{url}\n\nsurname\nbackup_email\n\nplan\nacme\n", "init")
    assert done.returncode == 0, done.stderr
    assert "(e_mail, backup_email) [e_mail]" in done.stderr
    assert "There is no 'surname'" in done.stderr
    text = desk.text()
    for line in ("email: backup_email\n", "key: id ", "name: acme ", "  plan: plan\n"):
        assert line in text
    assert url not in text
    desk.environ["DATABASE_URL"] = url
    desk.run("validate")


def test_a_file_with_odd_columns(desk: Desk) -> None:
    (desk.folder / "data").mkdir()
    header = 'customer_id,"E-Mail","9 lives","a: ""{{b}}"" # c","naïve",Größe,ORDER,Order,null,#'
    rows = [f"{n},p{n}@example.com,x,y,z,{n}.5,1,2,3,4" for n in range(3)]
    (desk.folder / "data" / "people.csv").write_text("\n".join([header, *rows]) + "\n")
    desk.run("init", "my/specs", "--connect", "data/people.csv", "--vars", "9 lives,Größe")
    text = desk.text("my/specs")
    assert "file: ../../data/people.csv" in text
    assert "  _9_lives: {column: 9 lives}" in text
    assert '  _9_lives: _9_lives  # the column "9 lives"' in text
    desk.run("fmt", "my/specs", "--check")
    assert '  Gro_e: Gro_e  # the column "Größe"' in text or "  Große: " not in text
    assert "{column: Größe, type: float}" in text
    assert "customer_id: {column: customer_id, type: integer}" in text
    assert "9 properties, 2 vars" in desk.run("validate", "my/specs"), "Order is ORDER to an engine"
    assert "(mode observe)" in desk.run("plan", "my/specs")


def test_a_postgresql(desk: Desk, postgres_url: str) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("create schema starting")
        cursor.execute('create table starting."User list" (user_list_id uuid, email text, born date, note jsonb)')
        cursor.execute(
            "insert into starting.\"User list\" values ('7b1e2b3c-0000-4000-8000-000000000001', 'p@example.com',"
            " '1990-01-01', '{}')"
        )
        connection.commit()
    try:
        desk.environ["DATABASE_URL"] = postgres_url
        assert "starting.User list" in Place(postgres_url, desk.folder).tables()
        told = desk.command("init", "--table", "starting.users")
        assert (told.returncode, "there is no table `starting.users`" in told.stderr) == (69, True)
        desk.run("init", "--table", "starting.User list")
        text = desk.text()
        assert "table: starting.User list" in text
        assert "key: user_list_id " in text
        assert postgres_url not in text
        assert "s3cret" not in text
        desk.run("validate")
        assert "+ create" in desk.run("plan")
    finally:
        with dbapi.connect(postgres_url) as connection, connection.cursor() as cursor:
            cursor.execute("drop schema starting cascade")
            connection.commit()


def member(desk: Desk, email: str, lists: tuple[str, ...], **vars_: Any) -> None:
    import asyncio

    from reconcile.apply.model import Write
    from reconcile.sailthru.model import Credentials
    from reconcile.sailthru.target import connect
    from reconcile.state.masks import Masks
    from reconcile.state.model import Ref

    async def go() -> None:
        whole = connect(
            Credentials("demo-key", "demo-secret"),
            masks=Masks.keyed_by("demo-secret"),
            folder=desk.folder,
            url=desk.environ["SAILTHRU_URL"],
        )
        async with whole as account:
            await account.upsert(Write(Ref(email=email), vars_, dict.fromkeys(lists, True)))

    asyncio.run(go())


def in_use(desk: Desk) -> None:
    """An account that people have used for years."""
    for n in range(1, 6):
        lists = ("Newsletter", "VIP: gold") if n < 3 else ("Newsletter",)
        member(desk, f"p{n}@example.com", lists, firstName="Ada", spent=n if n % 2 else n + 0.5, News=n > 2,
               seen_at="2026-01-01T10:00:00Z", loyalty=n, Domain="mine", mixed=n if n % 2 else "x")  # fmt: skip
    account = desk.simulator.account
    now = desk.simulator.account.named("Newsletter")[0].created
    for name, traits in (("Twin", {}), ("Twin", {}), ("Engaged", {"kind": "smart"}), ("Empty", {})):
        account.add_list(name, now, **traits)


def test_an_account_in_use(desk: Desk) -> None:
    in_use(desk)
    url, before = desk.shop(), desk.written_to_the_account()
    told = desk.run("import", "--connect", url, "--email", "e_mail")
    assert "5 lists and 1 smart list" in told
    assert "7 vars" in told
    assert 'the export of "VIP: gold"' in told
    assert 'called "Twin"' in told
    assert desk.written_to_the_account() == before
    assert [path.name for path in sorted((desk.folder / "specs").iterdir())] == FILES
    text = desk.text()
    for line in (
        "  firstName: first_name  # the column first_name\n",
        "  News: news  # the column news\n",
        "  spent: spent\n",
        "#   loyalty: integer\n",
        "#   Domain: string\n",
        "#   mixed: of several types, or none that is known\n",
        "#     list: Newsletter  # 5 members at most\n",
        '#     list: "VIP: gold"  # 2 members at most\n',
        "which Sailthru fills by itself: Engaged",
        "2 lists have this name; rename or delete all but one: Twin",
    ):
        assert line in text, line
    assert "p1@example.com" not in text + told
    assert "Ada" not in text + told
    desk.environ["DATABASE_URL"] = url
    assert "4 vars, 0 groups" in desk.run("validate")
    planned = desk.run("plan")
    assert "(mode observe)" in planned
    assert desk.written_to_the_account() == before


def test_an_account_without_a_word_of_the_people(desk: Desk) -> None:
    in_use(desk)
    desk.run("import", "elsewhere")
    assert "0 vars, 0 groups" in desk.run("validate", "elsewhere")
    assert "#   firstName: string\n" in desk.text("elsewhere")


def test_an_empty_account_and_a_wrong_key(desk: Desk) -> None:
    assert "0 lists and 0 smart lists, and 0 vars; no list with members could tell any" in desk.run("import", "empty")
    desk.run("validate", "empty")
    desk.environ["SAILTHRU_API_SECRET"] = "wrong"
    refused = desk.command("import", "refused")
    assert (refused.returncode, (desk.folder / "refused").exists()) == (77, False)
    del desk.environ["SAILTHRU_API_SECRET"]
    assert desk.command("import", "refused").returncode == 77
