"""Whom a query means.

Parallel arrays of criteria over the members of one or more lists (SAILTHRU.md §9.5).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconcile.simulator import values
from reconcile.simulator.account import Account
from reconcile.simulator.model import MailList, Profile, Refusal
from reconcile.simulator.times import moment

_NEW: Final = 3  # the level of everybody here: nobody opens or clicks in a simulator
_DEEPEST: Final = 5  # smart lists over smart lists


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of a query: what stands at its place in the parallel arrays, and when it is asked."""

    name: str
    field: str
    value: Any
    timerange: str
    compare: str
    compare_value: Any
    now: int


_COLUMNS: Final = ("field", "value", "timerange", "compare", "compare_value")

Test = Callable[[Account, Profile, Criterion], bool]


def select(account: Account, query: Mapping[str, Any], now: int, depth: int = 0) -> list[Profile]:
    """The profiles that a query means, in the order of joining.

    Raises:
        Refusal: 99 for a criterion that is not known here, 15 for an unknown source list.
    """
    return _passing(account, query, _from_lists(account, _sources(query), now, depth), now)


def select_for_job(account: Account, query: Mapping[str, Any], now: int) -> list[Profile]:
    """The same for a job, where a query without a source means all users (SAILTHRU.md §9.5); a knob.

    Raises:
        Refusal: as `select`, and 2 where the knob asks for a source.
    """
    if values.text(query.get("source_list")) or account.guesses.query_without_source == "nobody":
        return select(account, query, now)
    if account.guesses.query_without_source == "error":
        raise Refusal(2, "Missing required parameter: source_list")
    return _passing(account, query, account.profiles.values(), now)


def _passing(account: Account, query: Mapping[str, Any], profiles: Iterable[Profile], now: int) -> list[Profile]:
    criteria = _criteria(query, now)
    for criterion in criteria:
        if criterion.name not in CRITERIA:
            raise Refusal(99, f"Invalid query criteria: {criterion.name}")
    agree = any if values.text(query.get("query_mode")) == "or" else all
    return [
        profile
        for profile in profiles
        if not criteria or agree(CRITERIA[c.name](account, profile, c) for c in criteria)
    ]


def members(account: Account, mail_list: MailList, now: int, depth: int = 0) -> list[Profile]:
    """The members of a list: those who joined, or, of a smart list, those whom its query means now."""
    if mail_list.kind == "smart":
        return select(account, mail_list.query or {}, now, depth + 1) if depth < _DEEPEST else []
    return [account.profiles[sid] for sid in mail_list.members]


def _from_lists(account: Account, names: Sequence[str], now: int, depth: int) -> Collection[Profile]:
    """Everybody on any of these lists, once."""
    return {p.sid: p for name in names for p in _from_list(account, name, now, depth)}.values()


def _from_list(account: Account, name: str, now: int, depth: int) -> Iterator[Profile]:
    named = account.named(name)
    if not named:
        raise Refusal(15, f"Unknown list: {name}", 404)
    for mail_list in named:
        yield from members(account, mail_list, now, depth)


def _sources(query: Mapping[str, Any]) -> Sequence[str]:
    source = values.text(query.get("source_list"))
    if source != ".multiple":
        return [source] if source else []
    several = query.get("multiple_source_list")
    return [values.text(name) for name in several] if isinstance(several, list) else []


def _criteria(query: Mapping[str, Any], now: int) -> list[Criterion]:
    names = query.get("criteria")
    if not isinstance(names, list):
        return []
    return [
        Criterion(values.text(name), **{column: _at(query, column, i) for column in _COLUMNS}, now=now)
        for i, name in enumerate(names)
    ]


def _at(query: Mapping[str, Any], column: str, index: int) -> Any:
    cells = query.get(column)
    return cells[index] if isinstance(cells, list) and index < len(cells) else ""


# -- the criteria


def _match(_account: Account, profile: Profile, criterion: Criterion) -> bool:
    return values.text(profile.vars.get(criterion.field)) == values.text(criterion.value)


def _not(account: Account, profile: Profile, criterion: Criterion) -> bool:
    return not _match(account, profile, criterion)


def _compared(holds: Callable[[float, float], bool]) -> Test:
    def test(_account: Account, profile: Profile, criterion: Criterion) -> bool:
        try:
            return holds(float(profile.vars.get(criterion.field, "")), float(criterion.value))
        except (TypeError, ValueError):
            return False

    return test


def _signup(holds: Callable[[float, float], bool]) -> Test:
    def test(account: Account, profile: Profile, criterion: Criterion) -> bool:
        limit = moment(values.text(criterion.value), account.zone, criterion.now)
        return limit is not None and holds(profile.signup, limit)

    return test


def _engagement(holds: Callable[[float, float], bool]) -> Test:
    def test(_account: Account, profile: Profile, criterion: Criterion) -> bool:
        try:
            return holds(0 if profile.bounced else _NEW, float(criterion.value))
        except (TypeError, ValueError):
            return False

    return test


_COMPARED: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "min": operator.ge,
    "max": operator.le,
    "gt": operator.gt,
    "lt": operator.lt,
    "match": operator.eq,
    "not": operator.ne,
}


def _daily_open(account: Account, _profile: Profile, criterion: Criterion) -> bool:
    """How often somebody opened a mail in a time range: never, in a simulator."""
    compare = _COMPARED.get(values.text(criterion.compare) or "min")
    if compare is None:
        raise Refusal(99, f"Invalid query compare: {values.text(criterion.compare)}")
    _in_range(account, criterion, None)
    try:
        return compare(0, float(criterion.compare_value or 1))
    except (TypeError, ValueError):
        return False


def _var_date(account: Account, profile: Profile, criterion: Criterion) -> bool:
    """Whether the date in a var, or the sign-up (`signup`), is in a time range."""
    name = values.text(criterion.field)
    if name in profile.vars or name != "signup":
        at = moment(values.text(profile.vars.get(name)), account.zone, criterion.now)
    else:
        at = profile.signup
    return _in_range(account, criterion, at)


def _in_range(account: Account, criterion: Criterion, at: int | None) -> bool:
    """Whether this second is in the criterion's time range; None is never."""
    timerange = values.text(criterion.timerange) or "ever"
    found = at is not None
    if timerange.endswith("since_date"):
        since = moment(values.text(criterion.value), account.zone, criterion.now)
        found = since is not None and at is not None and at >= since
    elif timerange.endswith("since_days"):
        since = moment(f"-{values.text(criterion.value)} days", account.zone, criterion.now)
        found = since is not None and at is not None and at >= since
    elif not timerange.endswith("ever"):
        raise Refusal(99, f"Invalid query timerange: {timerange}")
    return found != timerange.startswith("not_")


def _domain(_account: Account, profile: Profile, criterion: Criterion) -> bool:
    return (profile.email or "").endswith("@" + values.text(criterion.value).lower())


def _not_member(_account: Account, profile: Profile, criterion: Criterion) -> bool:
    return values.text(criterion.value) not in profile.lists


def _optout(*levels: str) -> Test:
    return lambda _account, profile, _criterion: profile.optout_email in levels


#: Every criterion that is known here, with its test.
CRITERIA: Final[Mapping[str, Test]] = {
    "match": _match,
    "not": _not,
    "gt": _compared(lambda a, b: a > b),
    "lt": _compared(lambda a, b: a < b),
    "min": _compared(lambda a, b: a >= b),
    "max": _compared(lambda a, b: a <= b),
    "domain": _domain,
    "valid": lambda _account, profile, _c: not profile.bounced and profile.optout_email == "none",
    "status_hardbounce": lambda _account, profile, _c: profile.bounced,
    "status_softbounce": lambda _account, _profile, _c: False,
    "list_member_not": _not_member,
    "optout_all": _optout("all"),
    "optout_blast": _optout("blast", "basic", "all"),
    "optout_blast_only": _optout("blast"),
    "signup_before": _signup(lambda a, b: a < b),
    "signup_after": _signup(lambda a, b: a > b),
    "daily_open": _daily_open,
    "var_date": _var_date,
    "engagement_min": _engagement(lambda a, b: a >= b),
    "engagement_max": _engagement(lambda a, b: a <= b),
}
