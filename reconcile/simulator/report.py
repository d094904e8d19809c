"""What the simulator tells of itself: the JSON of `/_sim/state`, page by page."""

from __future__ import annotations

from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from reconcile.simulator.flows import Flows
from reconcile.simulator.model import Profile

if TYPE_CHECKING:
    from reconcile.simulator.account import Account
    from reconcile.simulator.engine import Engine

PAGE: Final = 1000


def state(sim: Engine, *, after: str = "", entered_after: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """Counts, lists, profiles, flows and who entered them, jobs, calls by endpoint, faults in force and done.

    Args:
        after: profiles with a higher sid than this; `profiles_next` of the page before.
        entered_after: entries of flows after this number; `entries_next` of the page before.
        limit: how many profiles, and how many entries.
    """
    account = sim.account
    return {
        "profiles_total": len(account.profiles),
        **_profiles(account, after, limit),
        "lists": [
            {
                "list_id": mail_list.list_id,
                "name": mail_list.name,
                "type": mail_list.kind,
                "primary": mail_list.primary,
                "count": mail_list.count,
                "members": len(mail_list.members),
            }
            for mail_list in list(account.lists.values())
        ],
        **_entered(account.flows, entered_after, limit),
        "jobs": [
            {"job_id": job.job_id, "name": job.work.name, "status": job.status} for job in list(sim.jobs.jobs.values())
        ],
        "calls": {f"{method} /{endpoint}": n for (method, endpoint), n in sorted(sim.calls_total.items())},
        "quota_used": sim.windows.used(),
        "faults": sim.faults.model_dump(mode="json", exclude_defaults=True),
        "faults_done": dict(sim.mischief.done),
        "delays_done": dict(sim.mischief.delays),
        "seed": sim.seed,
    }


def _profiles(account: Account, after: str, limit: int) -> dict[str, Any]:
    """A page in the order of sids: whoever comes or goes meanwhile, nobody else is missed or told twice."""
    sids = nsmallest(limit + 1, (sid for sid in list(account.profiles) if sid > after))
    profiles = [profile for sid in sids[:limit] if (profile := account.profiles.get(sid)) is not None]
    following = sids[limit - 1] if len(sids) > limit else None
    return {"profiles": [shown(profile) for profile in profiles], "profiles_next": following}


def _entered(flows: Flows, after: int, limit: int) -> dict[str, Any]:
    remembered = list(flows.entries)
    first = remembered[0].number if remembered else 1
    page = list(islice(remembered, max(0, after + 1 - first), None))[:limit]
    following = page[-1].number if page and page[-1].number < flows.total else None
    return {
        "flows": told_flows(flows),
        "entries_total": flows.total,
        "entries_forgotten": first - 1,
        "entries": [entry._asdict() for entry in page],
        "entries_next": following,
    }


def told_flows(flows: Flows) -> list[dict[str, Any]]:
    """Each flow, what starts it, and how many entries came by `/user` and by jobs."""
    return [
        {**flow.told(), "entered": {by: flows.counts[flow.name, by] for by in ("user", "job")}}
        for flow in list(flows.all.values())
    ]


def shown(profile: Profile) -> dict[str, Any]:
    """One profile."""
    return {
        "keys": profile.keys,
        "vars": profile.vars,
        "lists": profile.lists,
        "optout_email": profile.optout_email,
        "created": profile.created,
    }
