"""`/settings` and `/stats`: the account and its lists, told (SAILTHRU.md §10)."""

from __future__ import annotations

from typing import Any

from reconcile.simulator import values
from reconcile.simulator.account import Account
from reconcile.simulator.calls import Call
from reconcile.simulator.model import Refusal

Answer = dict[str, Any]


def get(account: Account, _call: Call) -> Answer:
    """`GET /settings`: which account it is, the time zone, and which lists are primary."""
    return {
        "id": account.client_id,
        "customer_id": account.customer_id,
        "domains": {"": "example.com"},
        "from_emails": ["shop@example.com"],
        "lists_primary": [m.name for m in account.lists.values() if m.primary],
        "timezone": account.zone.key,
        "beacon_image": None,
        "apple-app-site-association": None,
        "https-certificate-association": [],
    }


def stats(account: Account, call: Call) -> Answer:
    """`GET /stats` of a list; error 99 for any other."""
    if values.text(call.params.get("stat")) != "list":
        raise Refusal(99, "Unable to find stats")
    name = values.text(call.params.get("list"))
    named = account.named(name)
    if not named:
        raise Refusal(99, f"Unable to find stats for {name}")
    mail_list = named[0]
    account.refresh(mail_list, call.second)
    barred = [account.profiles[sid] for sid in list(account.restricted) if sid in mail_list.members]
    bounced = sum(profile.bounced for profile in barred)
    return {
        "email_count": mail_list.count,
        "valid_count": account.valid_count(mail_list),
        "optout_count": len(barred) - bounced,
        "hardbounce_count": bounced,
        "engaged_count": 0,
        "active_count": 0,
        "passive_count": 0,
        "disengaged_count": 0,
        "dormant_count": 0,
        "lists_signup_count": mail_list.count,
        "lists_remove_count": 0,
    }
