"""What the simulator tells of itself: the JSON of `/_sim/state`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reconcile.simulator.model import Profile

if TYPE_CHECKING:
    from reconcile.simulator.engine import Engine

_SHOWN: Final = 1000


def state(sim: Engine) -> dict[str, Any]:
    """Counts, lists, the first thousand profiles, jobs, calls by endpoint, faults in force and done."""
    account = sim.account
    profiles = list(account.profiles.values())
    return {
        "profiles_total": len(profiles),
        "profiles": [shown(profile) for profile in profiles[:_SHOWN]],
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
        "jobs": [
            {"job_id": job.job_id, "name": job.work.name, "status": job.status} for job in list(sim.jobs.jobs.values())
        ],
        "calls": {f"{method} /{endpoint}": n for (method, endpoint), n in sorted(sim.calls_total.items())},
        "quota_used": sim.windows.used(),
        "faults": sim.faults.model_dump(mode="json", exclude_defaults=True),
        "faults_done": dict(sim.mischief.done),
        "seed": sim.seed,
    }


def shown(profile: Profile) -> dict[str, Any]:
    """One profile."""
    return {
        "keys": profile.keys,
        "vars": profile.vars,
        "lists": profile.lists,
        "optout_email": profile.optout_email,
        "created": profile.created,
    }
