"""`/list`.

Read, create or change, delete (SAILTHRU.md §8). Three words for one thing: natural, normal, smart (§14, 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconcile.simulator import queries, values
from reconcile.simulator.account import MAX_PRIMARY, Account
from reconcile.simulator.calls import Call
from reconcile.simulator.model import MailList, Refusal
from reconcile.simulator.times import stamp

Answer = dict[str, Any]


def get(account: Account, call: Call, lag: float = 0, counts: float = 0) -> Answer:
    """`GET /list`: one list by name or id, else all of them, filtered (§8.1).

    None younger than `lag` seconds; the counts are `counts` seconds behind.
    """
    params = call.params
    if values.text(params.get("list")) or values.text(params.get("list_id")):
        wanted = _wanted(account, params)
        if is_too_young(wanted, call, lag):
            raise _unknown(params)
        return _one(account, wanted, params, _count(account, wanted, call.second, counts))
    lists = [m for m in account.lists.values() if _passes(m, params) and not is_too_young(m, call, lag)]
    return {"lists": [_row(account, mail_list, call.second, counts) for mail_list in lists]}


def post(account: Account, call: Call) -> Answer:
    """`POST /list`: create, or change what is named; what is not sent stays as it is (§8.2)."""
    found = _found(account, call.params)
    if found is not None and found.name not in call.unseen:
        _change(account, found, call.params)
        return {**_written(found), "create_time": stamp(found.created, account.zone)}
    name = values.list_name(values.required(call.params, "list"))
    _admit_primary(account, call.params)
    made = account.add_list(name, call.second)
    _change(account, made, call.params)
    return _written(made)


def delete(account: Account, call: Call) -> Answer:
    """`DELETE /list`: the list and its memberships go, the profiles stay (§8.3)."""
    mail_list = _wanted(account, call.params)
    account.drop_list(mail_list)
    return {"list": mail_list.name, "ok": True}


def missing(account: Account, params: Mapping[str, Any]) -> frozenset[str]:
    """The name that this write would have to create, if nobody else does in the meantime."""
    name = values.text(params.get("list"))
    return frozenset({name}) if name and _found(account, params) is None else frozenset()


def _found(account: Account, params: Mapping[str, Any]) -> MailList | None:
    list_id = values.text(params.get("list_id"))
    if list_id:
        return account.lists.get(list_id)
    named = account.named(values.text(params.get("list")))
    return named[0] if named else None


def _wanted(account: Account, params: Mapping[str, Any]) -> MailList:
    mail_list = _found(account, params)
    if mail_list is None:
        raise _unknown(params)
    return mail_list


def _unknown(params: Mapping[str, Any]) -> Refusal:
    name = values.text(params.get("list_id")) or values.required(params, "list")
    return Refusal(15, f"Unknown list: {name}", 404)


def is_too_young(mail_list: MailList, call: Call, lag: float) -> bool:
    """Whether a read that is `lag` seconds behind does not see this list yet."""
    return lag > 0 and mail_list.created > call.at - lag


def _passes(mail_list: MailList, params: Mapping[str, Any]) -> bool:
    kind = values.text(params.get("type"))
    if kind and ("smart" if kind == "smart" else "normal") != mail_list.kind:
        return False
    primary = params.get("primary")
    return primary is None or values.truthy(primary) == mail_list.primary


def _row(account: Account, mail_list: MailList, second: int, lag: float) -> Answer:
    """A list among all: `name` and `email_count` here, and no `primary` (§8.1)."""
    count = _count(account, mail_list, second, lag)
    valid = account.valid_count(mail_list, lag) if mail_list.kind == "normal" else count
    return {
        "list_id": mail_list.list_id,
        "name": mail_list.name,
        "email_count": count,
        "valid_count": valid,
        "create_time": stamp(mail_list.created, account.zone),
        "type": mail_list.kind,
    }


def _one(account: Account, mail_list: MailList, params: Mapping[str, Any], count: int) -> Answer:
    answer: Answer = {
        "list_id": mail_list.list_id,
        "list": mail_list.name,
        "create_time": stamp(mail_list.created, account.zone),
        "send_time": None,
        "count": count,
        "type": mail_list.kind,
        "primary": mail_list.primary,
    }
    if values.truthy(values.mapping(params.get("fields")).get("vars")):
        answer |= {"vars": dict(mail_list.vars), "public_name": mail_list.public_name}
    return answer


def _count(account: Account, mail_list: MailList, second: int, lag: float) -> int:
    """What the API tells: the kept count, or, of a smart list, how many its query means now."""
    if mail_list.kind == "smart":
        try:
            return len(queries.members(account, mail_list, second))
        except Refusal:  # its source is gone
            return 0
    account.refresh(mail_list, second)
    return account.count(mail_list, lag)


def _written(mail_list: MailList) -> Answer:
    kind = "natural" if mail_list.kind == "normal" else mail_list.kind
    return {"list": mail_list.name, "type": kind, "list_id": mail_list.list_id}


def _admit_primary(account: Account, params: Mapping[str, Any]) -> None:
    if not values.truthy(params.get("primary")):
        return
    if sum(mail_list.primary for mail_list in account.lists.values()) >= MAX_PRIMARY:
        raise Refusal(99, f"You may only track up to {MAX_PRIMARY} primary lists")


def _change(account: Account, mail_list: MailList, params: Mapping[str, Any]) -> None:
    if "primary" in params:
        if not mail_list.primary:
            _admit_primary(account, params)
        mail_list.primary = values.truthy(params["primary"])
    if "type" in params:
        mail_list.kind = "smart" if params["type"] == "smart" else "normal"
    if "query" in params:
        mail_list.query = dict(values.mapping(params["query"]))
    if "vars" in params:
        mail_list.vars = dict(values.mapping(params["vars"]))
    if "public_name" in params:
        mail_list.public_name = values.text(params["public_name"])
