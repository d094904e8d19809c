"""Faces of plans for tests: made here whole, so that a page can be tried on more than a small account would give."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconcile.plan.model import (
    AccountFace,
    Breach,
    Consent,
    Cost,
    Counts,
    Face,
    LedgerFace,
    ListFace,
    RunKind,
    Sample,
    SpecChange,
    Transition,
    VarFace,
)
from reconcile.spec.guards import Guard
from reconcile.spec.model import Mode, OnLeave
from reconcile.spec.property import ValueType
from reconcile.state.model import Invalid, SourceFacts, Violation

REGISTRY = "reconcile: managed"


def bare(**more: Any) -> Face:
    """A face with next to nothing in it; `more` is laid over it."""
    given: dict[str, Any] = {
        "plan_id": "cafef517d6b2cafb",
        "tool": "reconcile 0.1.0",
        "created_at": "2026-03-01T12:00:00+00:00",
        "expires_at": "2026-03-02T12:00:00+00:00",
        "as_of": "2026-03-01T12:00:00+00:00",
        "account": AccountFace(
            name="shop", url="https://api.sailthru.com", api_key="{{ env('K') }}", api_secret="{{ env('S') }}"
        ),
        "spec_digest": "0" * 16,
        "mode": Mode.SYNC,
        "on_leave": OnLeave.UNLIST,
        "at_once": 4,
        "registry": REGISTRY,
        "identity": "customer_id",
        "counts": Counts(),
        "causes": {},
        "lists": (),
        "vars": (),
        "held_by_mode": {},
        "unlooked": 0,
        "unconfirmed": 0,
        "invalid": (),
        "sources": (),
        "desired": 0,
        "observed": 0,
        "cost": Cost(calls={}, minutes=0),
        "samples": (),
    }
    return Face(**given | more)


def full(**more: Any) -> Face:
    """A large change of a shop: blocked, with deletions, new lists, causes, transitions and all that stands beside."""
    lists = (
        ListFace(
            name="Newsletter",
            new=False,
            before=412_900,
            join=1_204,
            leave=38_412,
            change=12_000,
            fields={"tier": 9_310, "city": 2_700, "agent": 4},
            causes={"spec": 49_100, "data": 2_516},
        ),
        ListFace(
            name="High Value Customers", new=False, before=8_120, join=640, leave=12, change=310, fields={"tier": 310}
        ),
        ListFace(name="Lapsed", new=False, before=51_300, join=21_870, leave=1_950, change=0),
        ListFace(name="Winter Sale 2026", new=True, before=0, join=15_400, leave=0),
        ListFace(
            name=REGISTRY,
            new=False,
            before=498_000,
            join=3_116,
            leave=71,
            change=22_400,
            fields={"tier": 9_902, "city": 12_480},
        ),
    )
    vars_ = (
        VarFace(
            name="tier",
            type=ValueType.STRING,
            set=9_800,
            cleared=102,
            transitions=(
                Transition(old="silver", new="gold", count=6_120),
                Transition(old=None, new="silver", count=2_400),
                Transition(old="gold", new="silver", count=1_280),
                Transition(old="silver", new=None, count=95),
                Transition(count=7, small=3),
            ),
        ),
        VarFace(
            name="news",
            type=ValueType.BOOLEAN,
            set=38_500,
            cleared=0,
            transitions=(
                Transition(old="true", new="false", count=38_100),
                Transition(old="false", new="true", count=400),
            ),
        ),
        VarFace(name="city", type=ValueType.STRING, set=12_480, cleared=0),
        VarFace(name="agent", type=ValueType.STRING, set=4, cleared=0, pii=True),
    )
    breaches = (
        Breach(
            guard=Guard.REMOVALS,
            scope="Newsletter",
            figure=38_412,
            limit=4_529,
            where="specs/policy.yaml:9:3",
            told='38,412 of 412,900 members would leave the list "Newsletter"; at most 4,529 may',
            way_out="--allow removals:Newsletter=38412",
        ),
        Breach(
            guard=Guard.DELETIONS,
            figure=71,
            limit=0,
            told="71 profiles would be deleted for good; none may",
            way_out="--allow deletions=71",
        ),
    )
    samples = tuple(
        Sample(
            glyph=glyph,
            who=f"u:{at:08x}",
            sets=("tier",) if glyph != "-" else (),
            joins=("Lapsed",) if at % 2 and glyph != "-" else (),
            leaves=(),
        )
        for at, glyph in enumerate("-----+++++~~~~~", 0x64E0EF70)
    )
    given: dict[str, Any] = {
        "environment": "staging",
        "variables": {"big_spender": 500},
        "counts": Counts(create=3_116, update=61_400, unlist=31, moved=42, delete=71, unchanged=433_413),
        "causes": {"spec": 59_800, "data": 4_601, "drift": 186},
        "spec_changes": (
            SpecChange(
                place="specs/groups.yaml:14", what="groups.newsletter.where", changes=59_800, lists=("Newsletter",)
            ),
        ),
        "kind": RunKind.CONFIG,
        "ledger": LedgerFace(run="4f1c", at="2026-02-28T09:00:00+00:00", profiles=498_000),
        "lists": lists,
        "vars": vars_,
        "breaches": breaches,
        "samples": samples,
        "invalid": (
            Invalid("no e-mail address", "customers", 118, ("u:11111111",)),
            Invalid("two rows with one address", "customers", 6),
        ),
        "sources": (SourceFacts("customers", 501_240), SourceFacts("orders", 4_118_092)),
        "violations": (
            Violation(
                "orders", "max_age", 190, 120, "its newest row is 190 minutes old; at most 120", "specs/shop.yaml:12:5"
            ),
        ),
        "consent": Consent(touched=212, joining=9, joins={"Lapsed": 9}, deleted=3),
        "cost": Cost(
            calls={
                "POST /list": 1,
                "GET /list": 2,
                "POST /job": 6,
                "GET /job": 6,
                "GET /user": 1_213,
                "DELETE /user": 71,
            },
            minutes=14.2,
        ),
        "joining": 38_020,
        "held_by_contract": {"removals": 1_930, "deletions": 14},
        "observed": 498_000,
        "desired": 501_045,
    }
    return bare(**given | more)


NASTY = (
    "<script>alert(1)</script>", "</details><h1>ours</h1>", "[x](https://evil.example)", "![x](//evil.example/x.png)",
    "@everyone", "org/repo#12 GH-12 !12 ~label %1 $3 &9 :smile:", "https://evil.example www.evil.example a@b.example",
    "a|b||c \\| \\", "`` ` ```", "```\n# no", "    indented", "- [ ] item", "1. one", "# title", "> quote", "---",
    "***", "<!-- -->", "&lt;b&gt; &#60;", "[^1] [ref]: x", "\u202eevil\u202c \u200b\x00\x07", "{{ page }} {% raw %}",
    "*b* _i_ ~~s~~", "x" * 100, "|" * 100, "", "   ", "<a href='javascript:x'>", "https://[::1]/ ftp://x mailto:x@y.z",
)  # fmt: skip
NAMES = st.one_of(st.sampled_from(NASTY), st.text(max_size=100))


def named(names: list[str]) -> Face:
    """A face in which every name, value and word from outside is one of these."""
    one, two, three = names
    return full(
        environment=two,
        variables={one: two, two: three},
        spec_changes=(SpecChange(place=one, what=two, changes=3, vars=(three,), lists=(one,)),),
        lists=(
            ListFace(name=one, new=True, before=0, join=30, leave=0),
            ListFace(name=two, new=False, before=90, join=0, leave=20, change=40, fields={three: 30, one: 2}),
        ),
        vars=(
            VarFace(
                name=three,
                type=ValueType.STRING,
                set=40,
                cleared=0,
                transitions=(Transition(old=one, new=two, count=40),),
            ),
        ),
        samples=(Sample(glyph="~", who="u:1", sets=(one,), joins=(two,), leaves=(three,)),),
        breaches=(
            Breach(
                guard=Guard.REMOVALS,
                scope=one,
                figure=2,
                limit=1,
                where=two,
                told=f'2 of "{one}"',
                way_out=f"--allow {one}",
            ),
        ),
        invalid=(Invalid(one, two, 3, (three,)),),
        sources=(SourceFacts(one, 3), SourceFacts(two, 4)),
        violations=(Violation(one, two, 1, 2, three, one),),
    )
