"""What each kind of job will do, read from the call that asks for it; done later, by `jobs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reconcile.simulator import exports, values
from reconcile.simulator.account import Account
from reconcile.simulator.calls import Call
from reconcile.simulator.exports import Export
from reconcile.simulator.model import Refusal


@dataclass(frozen=True, slots=True)
class Work:
    """A job's work: the name the API gives it, what its answer adds, how many rows it has.

    And how it is done.

    `run` is called once with the second of completion; it changes the account, or gives an export.
    """

    name: str
    rows: int
    run: Callable[[int], Export | None]
    shown: Mapping[str, Any] = field(default_factory=dict)
    filename: str | None = None


def work_for(account: Account, call: Call) -> Work:
    """The work that `POST /job` asks for; error 99 for a kind of job that is not known here."""
    kind = values.required(call.params, "job")
    maker = _MAKERS.get(kind)
    if maker is None:
        raise Refusal(99, f"Invalid job: {kind}")
    return maker(account, call)


def _export_list_data(account: Account, call: Call) -> Work:
    name = values.required(call.params, "list")
    named = account.named(name)
    if not named:
        raise Refusal(15, f"Unknown list: {name}", 404)
    mail_list = named[0]
    fields = values.mapping(call.params.get("fields"))

    def run(_second: int) -> Export:
        rows = [account.profiles[sid] for sid in mail_list.members]
        columns, variables = exports.columns_asked(fields), exports.vars_asked(fields)
        return Export(mail_list, rows, account.zone, account.guesses, columns, variables)

    shown = {"list": name}
    file = exports.filename(name)
    return Work(f"Export All List Data: {name}", len(mail_list.members), run, shown, file)


_MAKERS: Final[Mapping[str, Callable[[Account, Call], Work]]] = {"export_list_data": _export_list_data}
