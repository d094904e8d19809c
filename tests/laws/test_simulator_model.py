"""A small model of a Sailthru account, and random calls: every answer of the simulator agrees with the model."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from unit.simulator.driver import Driver

EMAILS = st.sampled_from([f"{name}@example.com" for name in "abcd"])
NAMES = st.sampled_from(["Main", "Side", "Old"])
VARS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "Z"]),
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.lists(st.integers(0, 3), max_size=2),
    max_size=3,
)
LISTS = st.dictionaries(NAMES, st.sampled_from([0, 1]), max_size=3)
OPTOUTS = st.sampled_from(["none", "all", "blast", "basic"])
STRICT = ["none", "blast", "basic", "all"]


FLOWS = [
    {"flow": "joined", "joined": "Main"},
    {"flow": "removed", "removed": "Main"},
    {"flow": "changed", "changed": "a"},
]
NOWHERE = object()


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


class Person:
    """What the model knows of one profile."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.vars: dict[str, Any] = {}
        self.lists: dict[str, str] = {}
        self.optout = "none"


class AccountModel(RuleBasedStateMachine):
    sids = Bundle("sids")

    @initialize(by_jobs=st.sets(st.sampled_from(["removed", "changed"])), counts=st.sampled_from([0, 2]))
    def start(self, by_jobs: set[str], counts: int) -> None:
        self.api = Driver({"guesses": {"flows_by_jobs": sorted(by_jobs)}, "reads": {"counts": counts}})
        for flow in FLOWS:
            self.api.account.flows.add(flow)
        self.by_jobs, self.count_lag = by_jobs, counts
        self.log: dict[str, list[tuple[float, int]]] = {}
        self.entered: Counter[tuple[str, str]] = Counter()
        self.people: dict[str, Person] = {}
        self.lists: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self.second = 0

    # -- writes

    @rule(target=sids, email=EMAILS, vars_=VARS, lists=LISTS)
    def upsert(self, email: str, vars_: dict[str, Any], lists: dict[str, int]) -> str:
        body = self.api.ok(
            "POST",
            "/user",
            {"id": email.upper(), "key": "email", "vars": vars_, "lists": lists, "fields": {"keys": 1}},
        )
        person = self.people.setdefault(email, Person(body["keys"]["sid"]))
        assert body["keys"]["email"] == email
        assert body["keys"]["sid"] == person.sid
        self.change_vars(person, vars_, "user")
        self.change_lists(person, lists, "user")
        return person.sid

    def change_vars(self, person: Person, vars_: dict[str, Any], by: str) -> None:
        if "a" in vars_ and not same(person.vars.get("a", NOWHERE), vars_["a"]):
            self.enter("changed", by)
        person.vars |= vars_

    def enter(self, trigger: str, by: str) -> None:
        """Somebody does what starts the flow of this trigger."""
        if by == "user" or trigger in self.by_jobs:
            self.entered[trigger, by] += 1

    def change_lists(self, person: Person, lists: dict[str, int], by: str) -> None:
        for name, on in lists.items():
            if name == "Main" and bool(on) != (name in person.lists):
                self.enter("joined" if on else "removed", by)
            if on and name not in person.lists:
                self.lists.setdefault(name, "made by a write")
                self.counts[name] = self.counts.get(name, 0) + 1
                person.lists[name] = self.stamp()
            elif not on and name in person.lists:
                self.counts[name] -= 1
                del person.lists[name]

    def stamp(self) -> str:
        return f"{self.second:02d}"

    @rule(email=EMAILS, level=OPTOUTS)
    def opt_out(self, email: str, level: str) -> None:
        if email in self.people:
            self.api.ok("POST", "/user", {"id": email, "key": "email", "optout_email": level})
            self.people[email].optout = level

    @rule(sid=sids, email=EMAILS, how=st.sampled_from(["merge", "error"]))
    def move(self, sid: str, email: str, how: str) -> None:
        """Give the profile of this sid another address."""
        mine = next((e for e, person in self.people.items() if person.sid == sid), None)
        answer = self.api.call(
            "POST", "/user", {"id": sid, "key": "sid", "keys": {"email": email}, "keysconflict": how}
        )
        if mine is None:
            assert (answer.status_code, answer.json()["error"]) == (400, 99)
            return
        other = self.people.get(email) if email != mine else None
        if other is not None and how == "error":
            assert (answer.status_code, answer.json()["error"]) == (409, 99)
            return
        assert answer.json() == {"ok": True}
        person = self.people.pop(mine)
        self.people[email] = person
        if other is not None:
            self.swallow(person, other)

    def swallow(self, person: Person, other: Person) -> None:
        person.vars = other.vars | person.vars
        person.optout = max(person.optout, other.optout, key=STRICT.index)
        for name, at in other.lists.items():
            if name in person.lists:
                self.counts[name] -= 1
            person.lists[name] = min(at, person.lists.get(name, at))

    @rule(sid=sids)
    def delete_by_sid(self, sid: str) -> None:
        assert self.api.call("DELETE", "/user", {"id": sid, "key": "sid"}).text == '{"ok":true}'
        self.people = {e: person for e, person in self.people.items() if person.sid != sid}

    @rule(email=EMAILS)
    def delete_by_email(self, email: str) -> None:
        answer = self.api.call("DELETE", "/user", {"id": email, "key": "email"})
        assert answer.status_code == (200 if email in self.people else 404)
        self.people.pop(email, None)

    @rule(name=NAMES)
    def make_list(self, name: str) -> None:
        body = self.api.ok("POST", "/list", {"list": name})
        assert (body["list"], body["type"]) == (name, "natural")
        assert ("create_time" in body) is (name in self.lists)
        self.lists.setdefault(name, "made by itself")
        self.counts.setdefault(name, 0)

    @rule(name=NAMES)
    def drop_list(self, name: str) -> None:
        answer = self.api.call("DELETE", "/list", {"list": name})
        assert answer.status_code == (200 if name in self.lists else 404)
        self.lists.pop(name, None)
        self.counts.pop(name, None)
        self.log.pop(name, None)
        for person in self.people.values():
            person.lists.pop(name, None)

    @rule(emails=st.lists(EMAILS, min_size=1, max_size=3, unique=True), name=NAMES)
    def import_job(self, emails: list[str], name: str) -> None:
        self.api.job({"job": "import", "list": name, "emails": ",".join(emails)})
        self.lists.setdefault(name, "made by an import")
        self.counts.setdefault(name, 0)
        for email in emails:
            self.known(email)
            self.change_lists(self.people[email], {name: 1}, "job")

    @rule(emails=st.lists(EMAILS, min_size=1, max_size=3, unique=True), vars_=VARS, lists=LISTS, gone=VARS)
    def update_job(self, emails: list[str], vars_: dict[str, Any], lists: dict[str, int], gone: dict[str, Any]) -> None:
        update = {"lists": lists, "delete_vars": list(gone)}
        lines = self.api.lines(*({"id": email, "vars": vars_} for email in emails))
        self.api.job({"job": "update", "update": update}, file=lines)
        for email in emails:
            self.known(email)
            person = self.people[email]
            self.change_vars(person, vars_, "job")
            if "a" in gone and "a" in person.vars:
                self.enter("changed", "job")
            person.vars = {k: v for k, v in person.vars.items() if k not in gone}
            self.change_lists(person, lists, "job")

    def known(self, email: str) -> None:
        if email not in self.people:
            profile = self.api.account.profile(email)
            assert profile is not None
            self.people[email] = Person(profile.sid)

    @rule(seconds=st.integers(1, 3))
    def time_passes(self, seconds: int) -> None:
        self.api.clock.sleep(seconds)
        self.second += seconds

    @rule()
    def recount(self) -> None:
        """A day later the counts are right again."""
        self.api.clock.sleep(25 * 3600)
        self.second += 1
        self.counts = {name: len(self.on(name)) for name in self.lists}
        self.api.ok("GET", "/list", {})

    def on(self, name: str) -> set[str]:
        return {email for email, person in self.people.items() if name in person.lists}

    # -- what must hold after every call

    @invariant()
    def who_entered_is_told_as_known(self) -> None:
        told = {(one["flow"], by): n for one in self.api.sim.state()["flows"] for by, n in one["entered"].items() if n}
        assert told == self.entered

    @invariant()
    def everybody_is_told_as_known(self) -> None:
        for email in (f"{name}@example.com" for name in "abcd"):
            answer = self.api.call("GET", "/user", {"id": email, "key": "email"})
            person = self.people.get(email)
            if person is None:
                assert (answer.status_code, answer.json()["error"]) == (400, 99)
                continue
            body = answer.json()
            assert body["keys"]["sid"] == person.sid
            assert list(body["vars"].items()) == sorted(person.vars.items())
            assert body["optout_email"] == person.optout
            assert set(body["lists"] or ()) == set(person.lists)
            assert body["lists"] != {}
            self.in_the_same_order(body["lists"] or {}, person.lists)

    def in_the_same_order(self, told: dict[str, str], known: dict[str, str]) -> None:
        """Sign-up times differ exactly where the model's do."""
        for (one, at), (other, then) in product(known.items(), repeat=2):
            assert (told[one] == told[other]) is (at == then)

    @invariant()
    def lists_are_told_as_known(self) -> None:
        rows = {row["name"]: row["email_count"] for row in self.api.ok("GET", "/list", {})["lists"]}
        assert rows == {name: self.told_count(name) for name in self.lists}
        for name in self.lists:
            assert self.api.account.members(name) == self.on(name)

    def told_count(self, name: str) -> int:
        """The count as it was some seconds ago, by the knob."""
        now, log = self.api.clock.now, self.log.setdefault(name, [])
        log.append((now, self.counts[name]))
        seen = [count for at, count in log if at <= now - self.count_lag]
        return seen[-1] if seen else 0

    @rule(name=NAMES)
    def export(self, name: str) -> None:
        if name not in self.lists:
            assert self.api.no("POST", "/job", {"job": "export_list_data", "list": name})[1] == 15
            return
        text = self.api.export(name, fields={"profile_id": 1})
        assert set(text.split("\n")[1:-1]) == {self.people[email].sid for email in self.on(name)}


TestAccount = AccountModel.TestCase
TestAccount.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
