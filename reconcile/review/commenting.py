"""One comment a pull request and environment, kept up to date: the plan of now, and the earlier ones in a line each."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reconcile.errors import CommentFailed
from reconcile.plan.model import Face, Plan
from reconcile.review import composing, markdown
from reconcile.review.escaping import plain
from reconcile.review.hosts import Comment, Host, Request
from reconcile.review.model import Page
from reconcile.review.network import Unsure

PAGES = 50
"""Pages of comments that are looked through at most."""

KEPT = 10
"""Earlier plans that a comment remembers."""

_MARKER = re.compile(r"reconcile for=(\S+) plan=([0-9a-f]+) past=([\w=-]*)")


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier plan, in a line."""

    plan: str
    told: str


def keep(plan: Plan, host: Host, call: Callable[[Request], Any]) -> str:
    """See that the pull request has one comment about this plan's environment, and that it is about this plan.

    Returns:
        What was done: `created`, `updated`, or `unchanged`.

    Raises:
        CommentFailed: the host cannot be reached, or refuses.
    """
    for _ in range(3):
        found = _ours(plan.face, host, call)
        try:
            return _written(plan, found, host, call)
        except Unsure:  # it may be there: look again
            continue
    raise CommentFailed("The comment could not be made: the code host fails each time.", hint="Try again later.")


def _written(plan: Plan, found: list[Comment], host: Host, call: Callable[[Request], Any]) -> str:
    if not found:
        call(host.create(body(plan, host, ())))
        return "created"
    # Two jobs that look at the same moment each make one. People read the newest, so that one stays.
    *twins, newest = found
    new = body(plan, host, _past(found, plan))
    unchanged = newest.body.strip() == new.strip()
    if not unchanged:
        call(host.update(newest, new))
    # Last: a job that is ended between two calls leaves one comment too many rather than none.
    for twin in twins:
        call(host.update(twin, _superseded(plan.face, host)))
    return "unchanged" if unchanged else "updated"


def body(plan: Plan, host: Host, past: tuple[Past, ...]) -> str:
    """The comment: the plan within what the host takes, earlier plans, and a mark to find it by."""
    page = composing.page(plan)
    tail = "".join(_earlier(past, host)) + "\n" + _marker(plan, page, past, host) + "\n"
    return markdown.text(page, most=host.most - len(tail), folds=host.folds) + tail


def _earlier(past: tuple[Past, ...], host: Host) -> list[str]:
    if not past:
        return []
    lines = [f"* {plain(one.plan)}: {plain(one.told)}\n" for one in past]
    head = "<details><summary>Earlier plans</summary>\n\n" if host.folds else "### Earlier plans\n\n"
    return ["\n", head, *lines, "\n</details>\n" if host.folds else ""]


def _ours(face: Face, host: Host, call: Callable[[Request], Any]) -> list[Comment]:
    """The comments about this account and environment, the oldest first."""
    found: list[Comment] = []
    for page in range(1, PAGES + 1):
        comments, more = host.read(call(host.listing(page)))
        found += [one for one in comments if (mark := _MARKER.search(one.body)) and mark[1] == _key(face)]
        if not more:
            break
    return sorted(found, key=lambda one: [int(number) for number in re.findall(r"\d+", one.id)])


def _past(found: list[Comment], plan: Plan) -> tuple[Past, ...]:
    """The plans that the comments remember, those of the newest comment first, without this one."""
    marks = [mark for comment in reversed(found) if (mark := _MARKER.search(comment.body))]
    before = {one.plan: one for mark in marks for one in _unpacked(mark[3])}
    return tuple(one for one in before.values() if one.plan != plan.id)[:KEPT]


def _unpacked(text: str) -> list[Past]:
    """What a marker remembers; nothing where somebody has changed it."""
    try:
        return [Past(str(plan)[:16], str(told)[:200]) for plan, told in json.loads(base64.urlsafe_b64decode(text))]
    except (ValueError, TypeError):
        return []


def _marker(plan: Plan, page: Page, past: tuple[Past, ...], host: Host) -> str:
    """What nobody sees: which environment and plan, and all plans so far, this one first."""
    now = Past(plan.id, f"{page.headline}. {page.facts[0][1]}"[:200])
    told = json.dumps([(one.plan, one.told) for one in (now, *past)]).encode()
    packed = base64.urlsafe_b64encode(told).decode()
    mark = f"reconcile for={_key(plan.face)} plan={plan.id} past={packed}"
    return f"<!-- {mark} -->" if host.folds else f"[//]: # ({mark})"


def _superseded(face: Face, host: Host) -> str:
    mark = f"reconcile twin of={_key(face)}"
    return "A newer comment below is about this environment.\n\n" + (
        f"<!-- {mark} -->" if host.folds else f"[//]: # ({mark})"
    )


def _key(face: Face) -> str:
    """Account and environment as one word."""
    return quote(f"{face.account.name}/{face.environment or ''}", safe="/").replace("--", "-%2D")
