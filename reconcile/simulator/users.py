"""`/user`.

Read, upsert, delete (SAILTHRU.md §7). Each function takes the account and a call, and gives the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from reconcile.simulator import merging, values
from reconcile.simulator.account import Account
from reconcile.simulator.calls import Call
from reconcile.simulator.ids import COOKIE, SID
from reconcile.simulator.model import NOTHING, OPTOUTS, OTHER_KEYS, MailList, Profile, Refusal
from reconcile.simulator.times import stamp

Answer = dict[str, Any]

_KINDS: Final = frozenset({"sid", "email", "cookie", *OTHER_KEYS})
_DEFAULT_FIELDS: Final = {"keys": 1, "vars": 1, "lists": 1, "engagement": 1, "optout_email": 1}


class Key(NamedTuple):
    """What a call names its profile by; `value` in the form it is stored in."""

    kind: str
    value: str


# -- the three calls


def get(account: Account, call: Call) -> Answer:
    """`GET /user`: the fields asked for, or the default ones; an unknown profile is 400, not 404 (§7.2)."""
    key = _key(account, call.params)
    return read(account, account.find(*key), key, call)


def read(account: Account, profile: Profile | None, key: Key, call: Call) -> Answer:
    """The answer to a look-up that found this profile."""
    _refuse_unfit(key, call.params.get("id"))
    if profile is None:
        raise _not_found(key, 400)
    return _echo(account, profile, values.mapping(call.params.get("fields")) or _DEFAULT_FIELDS)


def post(account: Account, call: Call) -> Answer:
    """`POST /user`: create or change; all of it, or on any error nothing (§7.3)."""
    params = call.params
    key = _key(account, params)
    found = account.find(*key)
    profile = found or _fresh(account, key, call)
    before, other = _with_keys(account, profile, params)
    profile = _with_optout(before, params, call.second)
    wanted = _lists_wanted(account, params)
    profile = _with_vars(account, profile, params)
    profile = _with_lists(account, profile, wanted, call)
    if other is not None:
        account.put(other._replace(joined=NOTHING))
        account.remove(other._replace(joined=NOTHING), call.second)
    account.put(profile)
    account.flows.note(before, profile, call.second, call.route)
    fields = values.mapping(params.get("fields"))
    return {**_echo(account, profile, fields), "ok": True} if fields else {"ok": True}


def delete(account: Account, call: Call) -> Answer:
    """`DELETE /user`: a dead sid is 200, any other unknown key 404 (§7.4)."""
    key = _key(account, call.params)
    profile = account.find(*key)
    if profile is not None:
        account.remove(profile, call.second)
    elif key.kind != "sid":
        raise _not_found(key, 404)
    return {"ok": True}


def subject(account: Account, params: Mapping[str, Any]) -> tuple[Key, Profile | None]:
    """Whom a call is about, before it is done; for faults that choose their victims."""
    key = _key(account, params)
    return key, account.find(*key)


def missing_lists(account: Account, params: Mapping[str, Any]) -> frozenset[str]:
    """The lists that this write would have to create, if nobody else does in the meantime."""
    wanted = values.mapping(params.get("lists"))
    return frozenset(n for n, on in wanted.items() if n and values.truthy(on) and not account.named(n))


# -- keys


def _key(account: Account, params: Mapping[str, Any]) -> Key:
    value = values.required(params, "id")
    kind = values.text(params.get("key")) or _guess(value)
    if kind not in _KINDS or (kind == "extid" and not account.guesses.extid_lookup):
        raise Refusal(99, f"Invalid key type: {kind}")
    return Key(kind, values.email(value) if kind == "email" else value)


def _guess(value: str) -> str:
    """The kind of key this looks like, where the call does not say (§7.1)."""
    if SID.fullmatch(value):
        return "sid"
    if COOKIE.fullmatch(value):
        return "cookie"
    if value.startswith("+") and value[1:].isdigit():
        return "sms"
    return "email"


def _not_found(key: Key, status: int) -> Refusal:
    return Refusal(99, f"User not found with {key.kind}: {key.value}", status)


def _refuse_unfit(key: Key, asked: Any) -> None:
    """Say no to a look-up by what is no address: error 99, and HTTP 200 with it, as recorded (§4.4)."""
    if key.kind == "email" and not values.is_email(key.value):
        raise Refusal(99, f"Invalid email: {values.text(asked)}", 200)


def _fresh(account: Account, key: Key, call: Call) -> Profile:
    """The profile a write makes because there is none; by sid or cookie none can be made (§7.3)."""
    if key.kind in {"sid", "cookie"}:
        raise _not_found(key, 400)
    if key.kind == "email":
        return account.new_profile(call.second, values.valid_email(key.value))
    return account.new_profile(call.second)._replace(others={key.kind: key.value})


def _with_keys(account: Account, profile: Profile, params: Mapping[str, Any]) -> tuple[Profile, Profile | None]:
    """The profile with its new keys, and the other profile that a merge swallows, if any."""
    swallowed: Profile | None = None
    for kind, raw in values.mapping(params.get("keys")).items():
        value = values.text(raw)
        if not value or kind not in _KINDS or kind in {"sid", "cookie"}:
            continue
        value = values.valid_email(value) if kind == "email" else value
        owner = account.find(kind, value)
        if owner is not None and owner.sid != profile.sid:
            if swallowed is not None and swallowed.sid != owner.sid:
                raise Refusal(99, f"Keys conflict: {kind}", 409)
            swallowed = _conflicting(account, params, kind, owner)
        if kind == "email":
            profile = profile._replace(email=value)
        else:
            profile = profile._replace(others=_ordered_keys({**profile.others, kind: value}))
    return (profile, None) if swallowed is None else (merging.merged(profile, swallowed), swallowed)


def _conflicting(account: Account, params: Mapping[str, Any], kind: str, owner: Profile) -> Profile:
    if (values.text(params.get("keysconflict")) or account.guesses.keysconflict) != "merge":
        raise Refusal(99, f"Keys conflict: {kind}", 409)
    return owner


def _ordered_keys(others: dict[str, str]) -> dict[str, str]:
    return {kind: others[kind] for kind in OTHER_KEYS if kind in others}


# -- vars and opt-out


def _with_vars(account: Account, profile: Profile, params: Mapping[str, Any]) -> Profile:
    sent = values.mapping(params.get("vars"))
    if not sent:
        return profile
    given = {name: value for name, value in ((values.var_name(n), v) for n, v in sent.items()) if name}
    account.admit_vars(given.keys())
    return profile._replace(vars=dict(sorted({**profile.vars, **given}.items())))


def _with_optout(profile: Profile, params: Mapping[str, Any], second: int) -> Profile:
    wanted = values.text(params.get("optout_email"))
    if not wanted:
        return profile
    level = "none" if wanted == "valid" else wanted
    if level not in OPTOUTS:
        raise Refusal(99, f"Invalid optout_email value: {wanted}")
    return optout(profile, level, second)


def optout(profile: Profile, level: str, second: int) -> Profile:
    """The profile at this opt-out level; a hard bounce stays one (SAILTHRU.md §7.3, §14, 19)."""
    return profile._replace(optout_email=level, optout_time=None if level == "none" else second)


# -- lists


def _lists_wanted(account: Account, params: Mapping[str, Any]) -> Mapping[str, bool]:
    """List name to joining (True) or leaving.

    Names that cannot be written are refused, before anything is.
    """
    wanted = {n: values.truthy(on) for n, on in values.mapping(params.get("lists")).items() if n}
    fresh = 0
    for name, on in wanted.items():
        known = account.named(name)
        if any(found.kind == "smart" for found in known):
            raise Refusal(99, f"Smart list may not be modified: {name}")
        if on and not known:
            values.list_name(name)
            fresh += 1
    account.admit_lists(fresh)
    return wanted


def _with_lists(account: Account, profile: Profile, wanted: Mapping[str, bool], call: Call) -> Profile:
    if not wanted:
        return profile
    joined = dict(profile.joined)
    for name, on in wanted.items():
        if on:
            if all(mail_list.name != name for mail_list in joined):
                joined[_list_to_join(account, name, call)] = call.second
        else:
            for mail_list in account.named(name):
                joined.pop(mail_list, None)
    return profile._replace(joined=joined or NOTHING)


def _list_to_join(account: Account, name: str, call: Call) -> MailList:
    """The list of this name: the first of twins.

    A new one where this call saw none, whoever has made one since.
    """
    known = account.named(name)
    if known and name not in call.unseen:
        return known[0]
    return account.add_list(name, call.second)


# -- the echo


def _echo(account: Account, profile: Profile, fields: Mapping[str, Any]) -> Answer:
    answer: Answer = {}
    for name, show in _FIELDS.items():
        if name in fields and values.truthy(fields[name]):
            show(account, profile, answer)
    return answer


def _show_keys(account: Account, profile: Profile, answer: Answer) -> None:
    keys = {"sid": profile.sid, "cookie": account.ids.cookie(profile.sid, profile.email)}
    if profile.email is not None:
        keys["email"] = profile.email
    answer["keys"] = {**keys, **profile.others} if profile.others else keys


def _show_vars(account: Account, profile: Profile, answer: Answer) -> None:
    if profile.vars:
        answer["vars"] = profile.vars
        return
    match account.guesses.empty_vars:
        case "null":
            answer["vars"] = None
        case "[]":
            answer["vars"] = []
        case "{}":
            answer["vars"] = {}
        case "missing":
            pass


def _show_lists(account: Account, profile: Profile, answer: Answer) -> None:
    zone = account.zone
    answer["lists"] = {m.name: stamp(second, zone) for m, second in profile.joined.items()} or None


def _show_smart_lists(_account: Account, _profile: Profile, answer: Answer) -> None:
    answer["smart_lists"] = []


def _show_engagement(_account: Account, profile: Profile, answer: Answer) -> None:
    answer["engagement"] = "hardbounce" if profile.bounced else "new"


def _show_optout(_account: Account, profile: Profile, answer: Answer) -> None:
    answer["optout_email"] = profile.optout_email


def _show_activity(account: Account, profile: Profile, answer: Answer) -> None:
    zone = account.zone
    activity = {"signup_time": stamp(profile.signup, zone), "create_time": stamp(profile.created, zone)}
    if profile.optout_time is not None:
        activity["optout_time"] = stamp(profile.optout_time, zone)
    answer["activity"] = activity


def _show_device(_account: Account, _profile: Profile, answer: Answer) -> None:
    answer["device"] = {"top_device_email": None}


def _show_lifetime(_account: Account, _profile: Profile, answer: Answer) -> None:
    answer["lifetime"] = dict.fromkeys(
        ("lifetime_message", "lifetime_open", "lifetime_click", "lifetime_pv", "lifetime_purchase"), 0
    ) | {"lifetime_purchase_price": 0}


def _show_purchases(_account: Account, _profile: Profile, answer: Answer) -> None:
    answer["purchases"] = []


def _show_cart(_account: Account, _profile: Profile, answer: Answer) -> None:
    answer["purchase_incomplete"] = None


def _show_consent(_account: Account, _profile: Profile, answer: Answer) -> None:
    answer["pixel_tracking_consent"] = None


#: In the order of the answer; keys, vars and lists as recorded (§13, row 3), the rest as documented (§7.2).
_FIELDS: Final[Mapping[str, Callable[[Account, Profile, Answer], None]]] = {
    "keys": _show_keys,
    "vars": _show_vars,
    "lists": _show_lists,
    "smart_lists": _show_smart_lists,
    "engagement": _show_engagement,
    "optout_email": _show_optout,
    "activity": _show_activity,
    "device": _show_device,
    "lifetime": _show_lifetime,
    "purchases": _show_purchases,
    "purchase_incomplete": _show_cart,
    "pixel_tracking_consent": _show_consent,
}
