"""`init` and `import`: a first spec, from a database and from an account. Both only look, and write new files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconcile.cli import asking, telling
from reconcile.cli.options import SPECS

if TYPE_CHECKING:
    from reconcile.sailthru.inventory import Inventory
    from reconcile.spec.drafting import Draft, People
    from reconcile.spec.model import Account

Out = Annotated[
    Path, typer.Argument(help="The folder to write the spec in; there may be none in it yet.", metavar="OUT")
]
Connect = Annotated[
    str | None,
    typer.Option(
        "--connect",
        envvar="DATABASE_URL",
        help="URL or path of the database, or a CSV, Parquet or NDJSON file. A URL is never written down.",
        metavar="URL",
    ),
]
TableName = Annotated[str | None, typer.Option("--table", help="The table with one row a person.")]
Email = Annotated[str | None, typer.Option("--email", help="Its column with the e-mail address.", metavar="COLUMN")]
Key = Annotated[str | None, typer.Option("--key", help="Its column with your own id of a person.", metavar="COLUMN")]
AccountName = Annotated[str | None, typer.Option("--account", help="A short name for the account.", metavar="NAME")]
Vars = Annotated[
    str | None,
    typer.Option("--vars", help="Columns that may leave the house, as vars; none if nobody says.", metavar="A,B,..."),
]


def init(
    out: Out = SPECS,
    connect: Connect = None,
    table: TableName = None,
    email: Email = None,
    key: Key = None,
    vars: Vars = None,
    account: AccountName = None,
) -> None:
    """Write a first spec from what a database or a file holds. Asks for what is not given; only reads."""
    from reconcile.spec import drafting

    _vacant(out)
    people = _people(
        out, connect or asking.needed("the URL or path of the database or file", "--connect"), table, email, key
    )
    chosen = asking.some("columns that may leave the house, as vars", "--vars", vars, _usable(people.columns))
    sent = [drafting.Sent(var, column) for column, var in drafting.var_names(chosen).items()]
    _write(out, drafting.Draft(_named(account), _elsewhere(), people, sent))
    _say_next(out, people)


def import_(
    out: Out = SPECS,
    connect: Connect = None,
    table: TableName = None,
    email: Email = None,
    key: Key = None,
    account: AccountName = None,
) -> None:
    """Write a first spec from an account's lists and vars; its vars are matched to columns. Only reads.

    The account is that of SAILTHRU_API_KEY, SAILTHRU_API_SECRET and SAILTHRU_URL. Without --connect there are no
    columns: the vars are named in a comment.
    """
    import asyncio

    from reconcile import Reconciler
    from reconcile.spec import drafting, takeover

    _vacant(out)
    people = _people(out, connect, table, email, key) if connect else drafting.EXAMPLE
    name = _named(account)
    found = asyncio.run(Reconciler().inventory(make_account(name)))
    sent, unmatched = takeover.vars(found.vars, {one: people.columns[one] for one in _usable(people.columns)})
    lists = takeover.lists([(one.list.name, one.list.type, one.members) for one in found.lists])
    _write(out, drafting.Draft(name, _elsewhere(), people, sent, unmatched, lists))
    _say_found(found, len(sent))
    _say_next(out, people)


def _vacant(out: Path) -> None:
    """Nothing is ever overwritten, and no spec is merged into another by accident.

    Raises:
        Unwritten: there is a spec, or a file.
    """
    from reconcile.errors import Unwritten
    from reconcile.spec import files

    if out.exists() and (not out.is_dir() or any(files.is_yaml(one) for one in out.rglob("*"))):
        raise Unwritten(f"There is something at {out} already, and it is not overwritten.", hint="Name another folder.")


def _people(out: Path, connect: str, table: str | None, email: str | None, key: str | None) -> People:
    """Where the people are: what the options say, or the person, or what is the only way."""
    from reconcile.sources.discovery import Place, of_people
    from reconcile.spec.drafting import People

    place = Place(connect, Path.cwd())
    if table is None and not place.is_file:
        tables = place.tables()
        table = asking.one("the table with one row a person", "--table", None, of_people(tables), tables)
    found = place.look(None if place.is_file else table)
    names = _usable([one.name for one in found.columns])
    return People(
        table=found.name,
        file=_file(out, connect) if place.is_file else None,
        email=asking.one("the column with the e-mail address", "--email", email, found.emails, names),
        key=asking.one("the column with your own id of a person", "--key", key, found.keys, names),
        columns=found.kinds,
        untyped=found.untyped,
    )


def _usable(columns: Iterable[str]) -> list[str]:
    from reconcile.spec import naming

    return [name for name in columns if naming.writable(name)]


def _file(out: Path, path: str) -> str:
    """A file as the spec says it: from the spec's folder; by reference where it is a URL, that may hold a signature."""
    from reconcile.spec import drafting

    if "://" in path or "{" in path:
        return f"{{{{ env('{drafting.FILE}') }}}}"
    return os.path.relpath(Path(path).expanduser(), out)


def make_account(name: str) -> Account:
    """The account that the usual variables lead to."""
    from reconcile.spec.model import Account

    key, secret = "{{ env('SAILTHRU_API_KEY') }}", "{{ env('SAILTHRU_API_SECRET') }}"
    account = Account(name=name, api_key=key, api_secret=secret)
    return account.model_copy(update={"url": "{{ env('SAILTHRU_URL') }}"}) if _elsewhere() else account


def _named(account: str | None) -> str:
    return asking.text("A short name for the account", account, Path.cwd().name or "account")


def _elsewhere() -> bool:
    """Whether another address than Sailthru's own is meant, such as a simulator's."""
    return bool(os.environ.get("SAILTHRU_URL"))


def _write(out: Path, draft: Draft) -> None:
    """All files of a spec, or none.

    Raises:
        Unwritten: they cannot be written.
    """
    from reconcile.errors import Unwritten
    from reconcile.spec import drafting

    written: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in drafting.files(draft).items():
            with (out / name).open("x", encoding="utf-8") as file:
                written.append(out / name)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise Unwritten(f"The spec cannot be written to {out}: {error.strerror}.") from None
    telling.say("Wrote " + ", ".join(str(path) for path in written) + ".")


def _say_found(found: Inventory, matched: int) -> None:
    natural = sum(one.list.type == "natural" for one in found.lists)
    lists = f"{telling.counted(natural, 'list')} and {telling.counted(len(found.lists) - natural, 'smart list')}"
    where = f', seen in the export of "{found.seen}"' if found.seen else "; no list with members could tell any"
    telling.say(f"The account has {lists}, and {telling.counted(len(found.vars), 'var')}{where}.")
    if found.vars:
        looked = f"Types are from {found.looked_up:,} people that were looked up"
        telling.say(f"{looked}; {matched:,} of the vars have a column of that name.")
    for name in sorted(found.twins):
        telling.say(f'Two lists or more are called "{name}": rename or delete all but one.')


def _say_next(out: Path, people: People) -> None:
    from reconcile.spec import drafting

    if people is not drafting.EXAMPLE:
        told = f'the table "{people.table}"' if people.file is None else "the file"
        telling.say(f'People: {told}, their addresses in "{people.email}", their ids in "{people.key}".')
    telling.say("Its mode is observe: it can be planned, and not applied. Next:")
    if people.file is None:
        telling.say(f"  export {drafting.CONNECT}=...  # the URL; it is not written down")
    elif drafting.FILE in people.file:
        telling.say(f"  export {drafting.FILE}=...  # the URL of the file; it is not written down")
    telling.say(f"  reconcile validate {out}")
    telling.say(f"  reconcile preview PROPERTY {out}  # what a column holds; asks no account")
    telling.say("  export SAILTHRU_API_KEY=... SAILTHRU_API_SECRET=...")
    telling.say(f"  reconcile plan {out}")
