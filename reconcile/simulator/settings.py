"""`/settings` and `/stats`: the account and its lists, told (SAILTHRU.md §10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from reconcile.simulator import values
from reconcile.simulator.account import Account
from reconcile.simulator.calls import Call
from reconcile.simulator.model import MailList, Refusal
from reconcile.simulator.times import FAR, moment, stamp

Answer = dict[str, Any]


def get(account: Account, _call: Call) -> Answer:
    """`GET /settings`: which account it is, the time zone, and which lists are primary."""
    return {
        "id": account.client_id,
        "customer_id": account.customer_id,
        "domains": {"": "example.com"},
        "from_emails": ["shop@example.com"],
        "features": ["horizon", "lifecycle_optimizer"],
        "lists_primary": [m.name for m in account.lists.values() if m.primary],
        "timezone": account.zone.key,
        "beacon_image": None,
        "apple-app-site-association": None,
        "https-certificate-association": [],
    }


def stats(account: Account, call: Call) -> Answer:
    """`GET /stats`: of one list or of all; what is no stat, or has none, is error 99."""
    match stat := values.required(call.params, "stat"):
        case "list":
            return _list_stats(account, call)
        case "blast":
            blast = values.text(call.params.get("blast_id"))
            raise Refusal(13, f"Unknown blast_id: {blast}", 404) if blast else _no_stats("blast")
        case "send":
            raise _no_stats(values.text(call.params.get("template")) or "send")
        case _:
            raise Refusal(99, f"Unknown stat: {stat}")


def _list_stats(account: Account, call: Call) -> Answer:
    """The figures of one list, or, where none is named, of all members of any, told once each."""
    name = values.text(call.params.get("list"))
    lists = account.named(name)[:1] if name else list(account.lists.values())
    day = _day(account, call)
    if (name and not lists) or not _has_day(account, lists, call, day):
        raise _no_stats(name or "all lists")
    for mail_list in lists:
        account.refresh(mail_list, call.second)
    barred = [account.profiles[sid] for sid in list(account.restricted) if any(sid in m.members for m in lists)]
    members = {sid for m in lists for sid in m.members} if len(lists) > 1 else ()
    count = len(members) if len(lists) > 1 else sum(m.count for m in lists)
    bounced = sum(profile.bounced for profile in barred)
    signups = sum(_local_day(account, at) == day for m in lists for at in _joinings(account, m))
    figures = {
        "lists_signup_count": signups,
        "active_count": 0,
        "list": name,
        "email_count": count,
        "passive_count": 0,
        "optout_count": len(barred) - bounced,
        "optout_loss_count": 0,
        "hardbounce_count": bounced,
        "day": int(day.strftime("%Y%m%d")),
        "disengaged_count": 0,
        "count_time": stamp(call.second, account.zone),
        "lists_count": len(lists),
        "lists_remove_count": 0,
        "engaged_count": 0,
        "dormant_count": 0,
    }
    mailable = max(0, count - len(barred))
    newer = {"valid_count": mailable, "emailable_count": mailable, "new_count": mailable}
    return {**figures, **newer, "spam_count": 0, "spam_loss_count": 0}


def _joinings(account: Account, mail_list: MailList) -> Iterator[int]:
    return (account.profiles[sid].joined[mail_list] for sid in list(mail_list.members))


def _day(account: Account, call: Call) -> date:
    """The day asked for, today where none is; error 18 for what is no date."""
    asked = values.text(call.params.get("date"))
    at = moment(asked, account.zone, call.second) if asked else call.second
    if at is None or abs(at) >= FAR:
        raise Refusal(18, f"Invalid time: {asked}")
    return _local_day(account, at)


def _local_day(account: Account, second: int) -> date:
    return datetime.fromtimestamp(second, account.zone).date()


def _has_day(account: Account, lists: Sequence[MailList], call: Call, day: date) -> bool:
    """Whether figures of that day can be there: not before the list was, and not tomorrow."""
    begins = min((_local_day(account, m.created) for m in lists), default=day)
    return begins <= day <= _local_day(account, call.second)


def _no_stats(name: str) -> Refusal:
    return Refusal(99, f"Unable to find stats for {name}")
