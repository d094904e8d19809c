"""What each kind of job will do, read from the call that asks for it; done later, by `jobs`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconcile.simulator import bulk, exports, lists, queries, values
from reconcile.simulator.account import Account
from reconcile.simulator.bulk import Change, Line, Skips
from reconcile.simulator.calls import Call
from reconcile.simulator.exports import Export
from reconcile.simulator.model import NOTHING, MailList, Profile, Refusal

#: Work in progress: pauses now and then, and ends with an export or nothing.
Steps = Generator[None, None, Export | None]


@dataclass(frozen=True, slots=True)
class Work:
    """A job's work: its name for the API, what its answer adds, how many rows it has, and how it is done.

    `run` is called once, with the second of completion and what to skip. A Refusal on the way ends the job in
    error.
    """

    name: str
    rows: int
    run: Callable[[int, Skips], Steps]
    shown: Mapping[str, Any] = field(default_factory=dict)
    filename: str | None = None


def work_for(account: Account, call: Call, lag: float = 0) -> Work:
    """The work that `POST /job` asks for; `lag` is how many seconds exports are behind.

    Raises:
        Refusal: 99 for a kind of job that is not known here; 2 and others for what is missing or wrong.
    """
    kind = values.required(call.params, "job")
    barred = account.guesses.not_permitted
    if any(kind in barred.get(key, ()) for key in ("*", call.api_key)):
        raise Refusal(99, f"You are not permitted to perform a {kind}.", account.guesses.not_permitted_status)
    match kind:
        case "import":
            return _import(account, call)
        case "update":
            return _update(account, call)
        case "export_list_data":
            return _export_list_data(account, call, lag)
        case "snapshot":
            return _snapshot(account, call)
        case "list_erase":
            return _list_erase(account, call)
        case _:
            raise Refusal(99, f"Invalid job: {kind}")


# -- changing


def _import(account: Account, call: Call) -> Work:
    name = values.list_name(values.required(call.params, "list"))
    if any(found.kind == "smart" for found in account.named(name)):
        raise Refusal(99, f"Smart list may not be modified: {name}")
    emails = values.text(call.params.get("emails"))
    _one_source(call, "emails", "url")
    dated = values.truthy(call.params.get("signup_dates"))
    keep_empty = account.guesses.import_empty == "store"

    def run(second: int, skips: Skips) -> Steps:
        file = call.file or b""
        lines = bulk.of_emails(emails) if emails else bulk.of_csv(file, dated=dated, keep_empty=keep_empty)
        if not account.named(name):
            account.add_list(name, second)
        joining = ({**line, "lists": {name: 1}} if line else None for line in lines)
        yield from bulk.apply(account, joining, Change.read({}), second, skips)
        return None

    return Work(f"List Import: {name}", _rows(emails, call.file), run, {"list": name})


def _update(account: Account, call: Call) -> Work:
    query = values.mapping(call.params.get("query"))
    emails = values.text(call.params.get("emails"))
    _one_source(call, "emails", "url", "query")
    change = Change.read(values.mapping(call.params.get("update")))

    def lines(second: int) -> Iterable[Line | None]:
        if query:
            return bulk.of_profiles(queries.select_for_job(account, query, second))
        return bulk.of_emails(emails) if emails else bulk.of_json_lines(call.file or b"")

    def run(second: int, skips: Skips) -> Steps:
        yield from bulk.apply(account, lines(second), change, second, skips)
        return None

    rows = len(queries.select_for_job(account, query, call.second)) if query else _rows(emails, call.file)
    return Work("Bulk Update", rows, run, {"update": []})


def _list_erase(account: Account, call: Call) -> Work:
    wanted = call.params.get("lists")
    names = [values.text(name) for name in wanted] if isinstance(wanted, list) else []
    if not names:
        raise Refusal(2, "Missing required parameter: lists")

    def run(second: int, _skips: Skips) -> Steps:
        for name in names:
            for mail_list in list(account.named(name)):
                lists.delete(account, Call("DELETE", "list", {"list_id": mail_list.list_id}, second))
            yield
        return None

    return Work(f"Bulk List Erase: {len(names)} requested", len(names), run)


def _one_source(call: Call, *names: str) -> None:
    """Exactly one of these, or a file, says whom a job is about (SAILTHRU.md §9.4)."""
    given = [name for name in names if call.params.get(name)]
    if call.file is not None and "url" not in given:
        given.append("file")
    if len(given) != 1:
        raise Refusal(99 if given else 2, f"Exactly one is required: {', '.join([*names, 'file'])}")


def _rows(emails: str, file: bytes | None) -> int:
    return emails.count(",") + 1 if emails else (file or b"").count(b"\n") + 1


# -- exporting


def _export_list_data(account: Account, call: Call, lag: float) -> Work:
    name = values.required(call.params, "list")
    named = account.named(name)
    if not named:
        raise Refusal(15, f"Unknown list: {name}", 404)
    mail_list = named[0]

    def profiles(second: int) -> list[Profile]:
        now = queries.members(account, mail_list, second)
        return account.history.listed(now, mail_list.list_id, lag) if account.history and lag else now

    run = _exported(account, call, mail_list, profiles)
    rows = len(mail_list.members)
    return Work(f"Export All List Data: {name}", rows, run, {"list": name}, exports.filename(name))


def _snapshot(account: Account, call: Call) -> Work:
    query = values.mapping(call.params.get("query"))
    if not query:
        raise Refusal(2, "Missing required parameter: query")
    rows = len(queries.select_for_job(account, query, call.second))
    run = _exported(account, call, None, lambda second: queries.select_for_job(account, query, second))
    return Work("Snapshot", rows, run, filename="snapshot.csv")


def _exported(
    account: Account,
    call: Call,
    mail_list: MailList | None,
    profiles: Callable[[int], list[Profile]],
) -> Callable[[int, Skips], Steps]:
    fields = values.mapping(call.params.get("fields"))
    if fields and account.guesses.export_fields == "refused":
        raise Refusal(99, "Invalid parameter: fields")
    if account.guesses.export_fields == "ignored":
        fields = NOTHING

    def run(second: int, _skips: Skips) -> Steps:
        yield
        columns, variables = exports.columns_asked(fields), exports.vars_asked(fields)
        return Export(mail_list, profiles(second), account.zone, account.guesses, columns, variables)

    return run
