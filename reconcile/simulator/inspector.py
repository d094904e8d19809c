"""The page for people at `GET /`: lists and members, one profile, flows, recent calls, faults. Plain HTML; no script.

Members and those who entered a flow are masked, unless the page is asked for their addresses.
"""

from __future__ import annotations

import json
from functools import cache
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reconcile.simulator import queries
from reconcile.simulator.calls import Logged
from reconcile.simulator.faults import CallFault, Faults
from reconcile.simulator.mischief import DELAYS, about
from reconcile.simulator.model import MailList, Profile
from reconcile.simulator.times import stamp

if TYPE_CHECKING:
    from jinja2 import Template

    from reconcile.simulator.engine import Engine

_FOLDER: Final = Path(__file__).parent / "templates"
_LISTS: Final = 30
_CALLS: Final = 50
_MEMBERS: Final = 100
_ENTRIES: Final = 50


class Opened(NamedTuple):
    """What of the page is opened, by the words of its links.

    A list by its id (`list`), its members with a sid after this one (`after`), addresses instead of masks
    (`show=addresses`), and all lists (`lists=all`).
    """

    list: str = ""
    after: str = ""
    show: str = ""
    lists: str = ""


@cache
def _template() -> tuple[Template, str]:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    house = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
    return house.get_template("inspector.html"), (_FOLDER / "inspector.css").read_text(encoding="utf-8")


def page(sim: Engine, email: str = "", opened: Opened = Opened()) -> str:  # noqa: B008 - a constant
    """The whole page; with the profile of this address, if one is asked for, and with what is opened."""
    from markupsafe import Markup

    template, style = _template()
    account = sim.account
    profile = account.profile(email) if email else None
    lists = sorted(account.lists.values(), key=lambda m: (m.name, m.list_id))
    lists = lists if opened.lists == "all" else lists[:_LISTS]
    recent = [call for call, _ in zip(reversed(list(sim.calls)), range(_CALLS), strict=False)]
    return template.render(
        style=Markup(style),  # noqa: S704 - a file of ours, not what a caller has sent
        seed=sim.seed,
        timezone=account.zone.key,
        now=stamp(int(sim.clock()), account.zone),
        tiles=_tiles(sim),
        asked=email.strip(),
        profile=None if profile is None else _profile(sim, profile),
        lists=[_list(sim, mail_list) for mail_list in lists],
        lists_more=len(account.lists) - len(lists),
        opened=_opened(sim, opened),
        show=opened.show,
        flows=_flows(sim, opened),
        faults=_faults(sim),
        faults_description=sim.faults.description,
        calls=[_call(sim, call) for call in recent],
    )


def _tiles(sim: Engine) -> list[tuple[str, str, str]]:
    account = sim.account
    names = {mail_list.name for mail_list in account.lists.values()}
    twins = len(account.lists) - len(names)
    struck = sum(sim.mischief.done.values())
    running = sum(job.status in {"pending", "running"} for job in sim.jobs.jobs.values())
    delayed = sum(sim.mischief.delays.values())
    return [
        ("Profiles", f"{len(account.profiles):,}", f"{len(account.restricted):,} opted out or bounced"),
        ("Lists", f"{len(account.lists):,}", f"{twins:,} twins" if twins else "no twins"),
        ("Calls", f"{sim.calls_total.total():,}", _busiest(sim)),
        ("Jobs", f"{len(sim.jobs.jobs):,}", f"{running:,} not done"),
        ("Faults struck", f"{struck:,}", f"and {delayed:,} delays" if delayed else "no delays"),
    ]


def _busiest(sim: Engine) -> str:
    most = sim.calls_total.most_common(1)
    return f"mostly {most[0][0][0]} /{most[0][0][1]}" if most else "none so far"


def _profile(sim: Engine, profile: Profile) -> dict[str, Any]:
    zone = sim.account.zone
    keys = {name: value for name, value in profile.keys.items() if name != "email"}
    facts = {
        **keys,
        "cookie": sim.account.ids.cookie(profile.sid, profile.email),
        "opt-out": profile.optout_email + (", hard bounce" if profile.bounced else ""),
        "created": stamp(profile.created, zone),
    }
    return {
        "email": profile.email,
        "facts": list(facts.items()),
        "lists": [(mail_list.name, stamp(second, zone)) for mail_list, second in profile.joined.items()],
        "vars": [(name, json.dumps(value, ensure_ascii=False)) for name, value in profile.vars.items()],
    }


def _list(sim: Engine, mail_list: MailList) -> dict[str, Any]:
    smart = mail_list.kind == "smart"
    members = len(queries.members(sim.account, mail_list, int(sim.clock()))) if smart else len(mail_list.members)
    return {
        "id": mail_list.list_id,
        "name": mail_list.name,
        "kind": mail_list.kind,
        "primary": mail_list.primary,
        "twin": len(sim.account.named(mail_list.name)) > 1,
        "count": f"{members if smart else mail_list.count:,}",
        "off": not smart and mail_list.count != members,
        "members": f"{members:,}",
        "created": stamp(mail_list.created, sim.account.zone),
    }


def _opened(sim: Engine, opened: Opened) -> dict[str, Any] | None:
    """The list that is opened, with a page of its members in the order of their sids."""
    mail_list = sim.account.lists.get(opened.list)
    if mail_list is None:
        return None
    if mail_list.kind == "smart":
        sids = [profile.sid for profile in queries.members(sim.account, mail_list, int(sim.clock()))]
    else:
        sids = list(mail_list.members)
    page = nsmallest(_MEMBERS + 1, (sid for sid in sids if sid > opened.after))
    shown = [profile for sid in page[:_MEMBERS] if (profile := sim.account.profiles.get(sid)) is not None]
    return {
        "id": mail_list.list_id,
        "name": mail_list.name,
        "total": f"{len(sids):,}",
        "members": [_member(sim, mail_list, profile, opened) for profile in shown],
        "next": page[_MEMBERS - 1] if len(page) > _MEMBERS else "",
    }


def _member(sim: Engine, mail_list: MailList, profile: Profile, opened: Opened) -> tuple[str, str]:
    joined = profile.joined.get(mail_list)
    return _who(profile.email, profile.sid, opened), "" if joined is None else stamp(joined, sim.account.zone)


def _who(email: str | None, sid: str, opened: Opened) -> str:
    if email is None:
        return sid
    return email if opened.show == "addresses" else masked(email)


def masked(email: str) -> str:
    """An address that cannot be read, and can be told from most others: `a***@e***.com`."""
    name, _, host = email.rpartition("@")
    return f"{name[:1]}***@{host[:1]}***{host[host.rfind('.') :] if '.' in host else ''}"


def _flows(sim: Engine, opened: Opened) -> dict[str, Any]:
    flows, zone = sim.account.flows, sim.account.zone
    latest = list(flows.entries)[-_ENTRIES:][::-1]
    return {
        "rows": [
            (f.name, f"{_STARTS[f.trigger]} {f.of}", flows.counts[f.name, "user"], flows.counts[f.name, "job"])
            for f in list(flows.all.values())
        ],
        "latest": [(stamp(e.at, zone)[5:25], _who(e.email, e.sid, opened), e.flow, e.by) for e in latest],
    }


_STARTS: Final = {"joined": "joined the list", "removed": "left the list", "changed": "another value of"}


def _call(sim: Engine, call: Logged) -> dict[str, Any]:
    good = call.status == 200 and call.fault is None
    return {
        "at": stamp(int(call.at), sim.account.zone)[17:25],
        "method": call.method,
        "endpoint": call.endpoint,
        "about": about(call.params),
        "status": call.status or "none",
        "fault": call.fault,
        "tone": "good" if good else "bad",
    }


def _faults(sim: Engine) -> list[tuple[str, str, int]]:
    """Each fault in force in a few words, whether it strikes or delays, and how often it has done so."""
    counts = sim.mischief.done | sim.mischief.delays
    words = [(name, what, "delayed" if name in DELAYS else "struck") for name, what in told(sim.faults)]
    return [(what, does, counts.get(name, 0)) for name, what, does in words]


def told(faults: Faults) -> list[tuple[str, str]]:
    """Name and description of each fault that is set, in plain words."""
    calls = [(rule.fault, f"{rule.fault}: {rule.rate:.2%} of {_which(rule)}") for rule in faults.calls]
    jobs = faults.jobs
    rest = [
        ("lying-delete", faults.deletes.lie, f"deletes that do nothing: {faults.deletes.lie:.2%} of profiles"),
        ("lying-delete", faults.deletes.ids, f"deletes that do nothing: {len(faults.deletes.ids)} chosen profiles"),
        ("list-race", faults.lists.twins, "writes that miss a list, and give others time to make it too"),
        ("twin-list", faults.lists.twins, "lists made twice when two writes miss them at once"),
        ("stale-read", faults.reads.most, f"reads up to {faults.reads.most:g} s behind the writes"),
        ("stale-count", faults.reads.counts, f"counts of lists {faults.reads.counts:g} s behind the writes"),
        ("maintenance", faults.maintenance.weekly or faults.maintenance.between, "planned downtime"),
        ("stalled-job", jobs.stall, f"jobs that never end: {jobs.stall:.2%}"),
        ("slow-job", max(jobs.start) or jobs.rows_per_second or jobs.parallel, "jobs that take their time"),
        ("failed-job", jobs.fail, f"jobs that end in error: {jobs.fail:.2%}"),
        ("skipped-line", jobs.skip_lines, f"lines that jobs leave out: {jobs.skip_lines:.2%}"),
        ("lagging-export", jobs.export_lag, f"exports {jobs.export_lag:g} s behind the writes"),
        ("truncated-download", jobs.truncate, f"downloads that break off: {jobs.truncate:.2%}"),
        ("skewed-reset", faults.reset_skew, f"429s that tell the end of the minute {faults.reset_skew:g} s off"),
        ("latency", faults.latency.most, f"answers that take up to {faults.latency.most * 1000:g} ms"),
    ]
    return calls + [(name, words) for name, on, words in rest if on]


def _which(rule: CallFault) -> str:
    methods = ", ".join(rule.methods) or "all"
    endpoints = " and ".join(f"/{name}" for name in rule.endpoints)
    return f"{methods} calls{f' to {endpoints}' if endpoints else ''}"
