"""Two profiles become one (SAILTHRU.md §7.3, merge semantics)."""

from __future__ import annotations

from reconcile.simulator.model import NOTHING, OPTOUTS, Profile


def merged(kept: Profile, swallowed: Profile) -> Profile:
    """The profile being modified, with what it takes over from the other one.

    Its own vars win; memberships are united with the earlier sign-up; the most restrictive opt-out wins;
    since 2016 the earlier creation does too.
    """
    strictest = max(kept, swallowed, key=lambda p: OPTOUTS.index(p.optout_email))
    joined = {**swallowed.joined, **kept.joined}
    for mail_list in kept.joined.keys() & swallowed.joined.keys():
        joined[mail_list] = min(kept.joined[mail_list], swallowed.joined[mail_list])
    return kept._replace(
        created=min(kept.created, swallowed.created),
        signup=min(kept.signup, swallowed.signup),
        vars=dict(sorted({**swallowed.vars, **kept.vars}.items())) or NOTHING,
        joined=joined or NOTHING,
        others={**swallowed.others, **kept.others} or NOTHING,
        optout_email=strictest.optout_email,
        optout_time=strictest.optout_time,
        bounced=kept.bounced or swallowed.bounced,
    )
