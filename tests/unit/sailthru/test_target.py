from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway import GARBLED, OF_OTHER_CALLS
from unit.sailthru.scripted import HTML, MASKS, PLANTED, SID, Clock, Script, a_client, everything_told, no, yes

from reconcile.apply.model import Executor, Write
from reconcile.errors import AccountUnavailable, AnswerGarbled, ApiRejected, CredentialsRefused, ReconcileError
from reconcile.sailthru.model import Credentials
from reconcile.sailthru.target import Facts, Target, connect
from reconcile.state.model import Observable, Ref, RemoteList, Sighting

OK = yes({"ok": True})
UNKNOWN = no(400, 99, f"User not found with email: {PLANTED}")
NO_LIST = no(404, 15, "Unknown list: Main")
A_LIST = yes({"list_id": "1", "list": "Main", "type": "normal", "count": 0})
NEW_LIST = yes({"list": "Main", "type": "natural", "list_id": "1"})
ADA = Ref(email=PLANTED)
BY_SID = Ref(sid=SID)

Step = Callable[[Target], Awaitable[Any]]


def with_target(script: httpx.AsyncBaseTransport, *steps: Step, clock: Clock | None = None) -> list[Any]:
    async def go() -> list[Any]:
        async with a_client(script, clock) as client:
            target = Target(client, Path("nowhere"))
            return [await step(target) for step in steps]

    return asyncio.run(go())


def asked(script: Script) -> list[str]:
    return [f"{method} /{endpoint}" for method, endpoint, _ in script.seen]


def test_it_has_the_shapes_that_the_floors_ask_for(tmp_path):
    def observable(_: Observable) -> None: ...
    def executor(_: Executor) -> None: ...

    target = Target(a_client(Script()), tmp_path)
    observable(target)
    executor(target)
    for protocol in (Observable, Executor):
        assert {name for name in vars(protocol) if not name.startswith("_")} <= set(dir(target))


def test_lists_and_the_word_normal():
    lists = [
        {"list_id": "1", "name": "Main", "email_count": 3, "type": "normal"},
        {"list_id": "2", "name": "Main", "email_count": 3, "type": "natural"},
        {"list_id": "3", "name": "Smart", "type": "smart"},
    ]
    (found,) = with_target(Script(yes({"lists": lists})), lambda t: t.lists())
    assert found == [
        RemoteList("1", "Main", "natural"),
        RemoteList("2", "Main", "natural"),
        RemoteList("3", "Smart", "smart"),
    ]


@pytest.mark.parametrize("empty", [[], None])
def test_an_account_without_lists(empty):
    assert with_target(Script(yes({"lists": empty})), lambda t: t.lists()) == [[]]


@pytest.mark.parametrize("body", [{}, {"lists": [{"name": "x"}]}, {"lists": ["x"]}, {"lists": 7}, {"lists": {}}])
def test_lists_that_are_not_understood_are_never_empty(body):
    with pytest.raises(AnswerGarbled, match="GET /list"):
        with_target(Script(otherwise=lambda *_: yes(body)), lambda t: t.lists())


def test_a_look_is_typed_and_holds_only_what_was_asked_for():
    body = {
        "keys": {"sid": SID, "cookie": "c", "email": PLANTED},
        "vars": {"age": 3, "name": None, "other": "x"},
        "lists": {"Main": "Sat, 02 Oct 2021 16:46:59 -0700", "Old": "…"},
        "optout_email": "blast",
    }
    script = Script(yes(body))
    (seen,) = with_target(script, lambda t: t.look(ADA, ["age", "name", "missing"]))
    assert seen == Sighting(PLANTED, SID, {"age": 3, "name": None}, frozenset({"Main", "Old"}), "blast")
    fields = {"keys": 1, "vars": 1, "lists": 1, "optout_email": 1}
    assert script.seen == [("GET", "user", {"id": PLANTED, "key": "email", "fields": fields})]


@pytest.mark.parametrize("vars_", [None, [], {}])
@pytest.mark.parametrize("lists", [None, [], {}])
def test_nothing_has_many_forms(vars_, lists):
    body = {"keys": {"sid": SID}, "vars": vars_, "lists": lists}
    (seen,) = with_target(Script(yes(body)), lambda t: t.look(BY_SID, ["age"]))
    assert seen == Sighting(None, SID, {}, frozenset(), None)


def test_vars_and_optout_may_be_missing():
    (seen,) = with_target(Script(yes({"keys": {"sid": SID}, "lists": None})), lambda t: t.look(BY_SID, ["age"]))
    assert seen == Sighting(None, SID, {}, frozenset(), None)


def test_nobody_is_there_only_when_sailthru_says_so():
    assert with_target(Script(UNKNOWN), lambda t: t.look(ADA, ())) == [None]
    with pytest.raises(AccountUnavailable):
        with_target(Script(otherwise=lambda *_: httpx.Response(404, html="gone")), lambda t: t.look(ADA, ()))
    with pytest.raises(ApiRejected):
        with_target(Script(no(404, 99, "User not found")), lambda t: t.look(ADA, ()))


def test_check_tells_lists_and_time_zone():
    script = Script(yes({"lists": []}), yes({"timezone": "America/New_York"}))
    assert with_target(script, lambda t: t.check()) == [Facts(0, "America/New_York")]


@pytest.mark.parametrize("denied", [no(403, 99, "Not for this key"), no(401, 5, "x"), yes({"timezone": None})])
def test_a_key_may_be_restricted_to_what_we_need(denied):
    assert with_target(Script(yes({"lists": []}), denied), lambda t: t.check()) == [Facts(0, None)]


def test_settings_that_are_not_understood_do_not_stop_a_check():
    def answer(_method: str, endpoint: str, _params: dict) -> httpx.Response:
        return yes({"lists": []} if endpoint == "list" else {})

    assert with_target(Script(otherwise=answer), lambda t: t.check()) == [Facts(0, None)]


def test_check_with_a_wrong_key():
    with pytest.raises(CredentialsRefused):
        with_target(Script(no(401, 3, "Invalid API key")), lambda t: t.check())


# -- lists


def create(script: Script, clock: Clock | None = None) -> None:
    with_target(script, lambda t: t.create_list("Main"), clock=clock)


def test_a_list_that_is_there_is_not_made():
    script = Script(A_LIST)
    create(script)
    assert asked(script) == ["GET /list"]


def test_a_list_is_looked_up_then_made():
    script = Script(NO_LIST, NEW_LIST)
    create(script)
    assert script.seen == [("GET", "list", {"list": "Main"}), ("POST", "list", {"list": "Main"})]


@pytest.mark.parametrize("unsure", [httpx.ReadTimeout("x"), httpx.ReadError("x"), HTML, no(500, 9, "Internal Error")])
def test_an_unsure_list_that_was_made_is_not_made_twice(unsure):
    script = Script(NO_LIST, unsure, NO_LIST, A_LIST)  # it shows late
    create(script)
    assert asked(script) == ["GET /list", "POST /list", "GET /list", "GET /list"]


def test_an_unsure_list_that_does_not_show_is_made_again():
    clock = Clock()
    script = Script(NO_LIST, httpx.ReadTimeout("x"), NO_LIST, NO_LIST, NO_LIST, NO_LIST, NEW_LIST)
    create(script, clock)
    assert asked(script).count("POST /list") == 2
    assert sum(clock.slept) > 5  # a write may take so long to show


def test_a_list_that_may_have_been_made_just_now_is_waited_for():
    clock = Clock()
    script = Script(NO_LIST, NO_LIST, A_LIST)  # a run was killed after its POST: it shows late
    with_target(script, lambda t: t.create_list("Main", doubtful=True), clock=clock)
    assert asked(script) == ["GET /list"] * 3


def test_a_list_is_not_tried_for_ever():
    script = Script(otherwise=lambda method, *_: NO_LIST if method == "GET" else HTML)
    with pytest.raises(AccountUnavailable):
        create(script)
    assert asked(script).count("POST /list") == 8


def test_lists_made_side_by_side_are_made_one_after_the_other():
    there: set[str] = set()

    async def handle(request: httpx.Request) -> httpx.Response:
        known = bool(there)
        for _ in range(5):
            await asyncio.sleep(0)
        if request.method == "POST":
            assert not there
            there.add("Main")
            return NEW_LIST
        return A_LIST if known else NO_LIST

    async def both(target: Target) -> None:
        await asyncio.gather(target.create_list("Main"), target.create_list("Main"))

    with_target(httpx.MockTransport(handle), both)
    assert there


def test_a_list_name_with_a_dollar_is_refused_before_anything_is_sent():
    script = Script()
    with pytest.raises(ApiRejected, match=r"\$"):
        with_target(script, lambda t: t.create_list("US$"))
    assert not script.seen


def test_a_cap_is_told_in_sailthrus_words():
    with pytest.raises(ApiRejected, match="Maximum list count reached: 2000"):
        create(Script(NO_LIST, no(400, 99, "Maximum list count reached: 2000")))


# -- writes


def written(write: Write, *answers: object) -> list[tuple[str, str, dict]]:
    script = Script(*answers)
    with_target(script, lambda t: t.upsert(write))
    return script.seen


def test_a_write():
    write = Write(ADA, {"age": 3, "name": None}, {"Main": True, "Old": False})
    assert written(write, OK) == [
        (
            "POST",
            "user",
            {
                "id": PLANTED,
                "key": "email",
                "keysconflict": "error",
                "fields": {"keys": 1},
                "vars": {"age": 3, "name": None},
                "lists": {"Main": 1, "Old": 0},
            },
        )
    ]


def test_a_write_that_names_nothing_but_the_profile():
    ((_, _, params),) = written(Write(BY_SID), OK)
    assert params == {"id": SID, "key": "sid", "keysconflict": "error", "fields": {"keys": 1}}


def test_a_new_address_by_sid():
    ((_, _, params),) = written(Write(Ref(PLANTED, SID), {"a": 1}, {}, "new@example.com"), OK)
    assert (params["id"], params["key"]) == (SID, "sid")
    assert params["keys"] == {"email": "new@example.com"}
    assert params["keysconflict"] == "error"


def test_a_new_address_without_a_sid_looks_for_it_so_that_a_repeat_makes_nobody():
    seen = yes({"keys": {"sid": SID, "email": PLANTED}, "lists": None})
    (look, (_, _, params)) = written(Write(ADA, email="new@example.com"), seen, OK)
    assert look[:2] == ("GET", "user")
    assert (params["id"], params["keys"]) == (SID, {"email": "new@example.com"})


def test_a_new_address_for_nobody_is_a_write_to_the_new_address():
    (_, (_, _, params)) = written(Write(ADA, {"a": 1}, email="new@example.com"), UNKNOWN, OK)
    assert (params["id"], params["key"]) == ("new@example.com", "email")
    assert "keys" not in params


def test_a_conflict_is_final_and_names_nobody():
    conflict = no(409, 99, f"Keys conflict: {PLANTED} belongs to another profile")
    with pytest.raises(ApiRejected) as caught:
        written(Write(BY_SID, {"a": "private value"}, email=PLANTED.title()), conflict)
    told = everything_told(caught.value).lower()
    assert "keys conflict" in told
    assert PLANTED not in told
    assert SID not in told


def test_delete_by_address_where_it_is_known():
    script = Script(OK, OK)
    with_target(script, lambda t: t.delete(Ref(PLANTED, SID)), lambda t: t.delete(BY_SID))
    assert [params for _, _, params in script.seen] == [{"id": PLANTED, "key": "email"}, {"id": SID, "key": "sid"}]


def test_to_delete_nobody_is_no_error():
    with_target(Script(no(404, 99, f"User not found with email: {PLANTED}")), lambda t: t.delete(ADA))


def test_a_delete_that_is_repeated_after_it_was_done():
    script = Script(httpx.ReadTimeout("x"), no(404, 99, f"User not found with email: {PLANTED}"))
    with_target(script, lambda t: t.delete(ADA))
    assert asked(script) == ["DELETE /user"] * 2


@pytest.mark.parametrize(
    "step",
    [
        lambda t: t.look(ADA, ()),
        lambda t: t.upsert(Write(ADA, {"x": PLANTED})),
        lambda t: t.upsert(Write(BY_SID, email=PLANTED)),
        lambda t: t.delete(ADA),
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        no(400, 99, f"Something about {PLANTED} is wrong"),
        no(200, 11, f"Invalid Email: <{PLANTED}>"),
        no(401, 5, f"Authentication failed for {PLANTED}"),
        no(503, 9, f"Internal Error with {PLANTED}"),
        httpx.Response(502, html=f"<p>{PLANTED}</p>"),
        httpx.ReadTimeout(f"GET https://x/?json={PLANTED}"),
        httpx.ConnectError(PLANTED),
    ],
    ids=repr,
)
def test_no_error_ever_holds_an_address(step, answer):
    with pytest.raises(ReconcileError) as caught:
        with_target(Script(otherwise=lambda *_: answer), step)
    assert PLANTED not in everything_told(caught.value)


def test_calls_and_retries_are_told_by_name():
    script = Script(httpx.ConnectError("[Errno -2] Name or service not known"), OK, yes({"lists": []}))

    async def both(target: Target) -> tuple[Any, Any]:
        await target.upsert(Write(ADA))
        await target.lists()
        return target.calls, target.retries

    ((calls, retries),) = with_target(script, both)
    assert calls == {"GET /list": 1, "POST /user": 2}
    assert retries == {"name not resolved": 1}


def test_sleep_is_the_clocks():
    clock = Clock()
    with_target(Script(), lambda t: t.sleep(2.5), clock=clock)
    assert clock.slept == [2.5]


def test_at_most_three_exports_side_by_side(tmp_path):
    under_way = most = 0

    async def handle(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        if request.method == "POST":
            under_way += 1
            most = max(most, under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        if request.url.path == "/file":
            under_way -= 1
            return httpx.Response(200, stream=httpx.ByteStream(b'"Profile Id","Email Hash"\n'))
        body = {"job_id": "1", "status": "completed", "export_url": "https://files.example/file"}
        return httpx.Response(200, json=body)

    async def go() -> None:
        async with a_client(httpx.MockTransport(handle)) as client:
            target = Target(client, tmp_path)
            await asyncio.gather(*[target.export(f"list {n}", ()) for n in range(9)])

    asyncio.run(go())
    assert most == 3


def test_connect_closes_what_it_opened(tmp_path):
    class Closing(Script):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    transport = Closing(yes({"lists": []}))

    async def go() -> int:
        opened = connect(
            Credentials("k", "s"), masks=MASKS, folder=tmp_path, url="http://sim.example/", transport=transport
        )
        async with opened as target:
            return len(await target.lists())

    assert asyncio.run(go()) == 0
    assert transport.closed
    assert str(transport.raw[0].url).startswith("http://sim.example/list?api_key=k&format=json&json=%7B%7D&sig=")


# -- answers that are none of Sailthru's

NOTHING = {name: answer for name, answer in GARBLED.items() if name not in OF_OTHER_CALLS}
"""Answers that are none to any call."""

DEEDS = {
    "look by address": lambda t: t.look(ADA, ("age",)),
    "look by sid": lambda t: t.look(BY_SID, ()),
    "write": lambda t: t.upsert(Write(ADA, {"a": 1}, {"Main": True})),
    "take off": lambda t: t.upsert(Write(BY_SID, {}, {"Main": False})),
    "new address": lambda t: t.upsert(Write(BY_SID, email="new@example.com")),
    "delete by address": lambda t: t.delete(ADA),
    "delete by sid": lambda t: t.delete(BY_SID),
    "lists": lambda t: t.lists(),
    "make a list": lambda t: t.create_list("Main"),
    "check": lambda t: t.check(),
    "end of a job": lambda t: t.finish_update("555a468b975910683a63b666"),
    "export": lambda t: t.export("Main", ()),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
@pytest.mark.parametrize("answer", NOTHING.values(), ids=NOTHING)
def test_an_answer_that_is_none_of_sailthrus_is_asked_for_again_and_never_a_yes_or_an_absence(deed, answer):
    script = Script(otherwise=lambda *_: answer)
    with pytest.raises(AccountUnavailable, match="not understood"):
        with_target(script, deed)
    assert len(script.seen) == 8 or deed is DEEDS["make a list"]


@pytest.mark.parametrize("answer", NOTHING.values(), ids=NOTHING)
def test_a_list_is_made_once_although_the_answers_to_it_say_nothing(answer):
    lists = {"list_id": SID, "list": "Main"}
    posts: list[dict] = []

    def answers(method: str, _endpoint: str, params: dict) -> httpx.Response:
        if method == "POST":
            posts.append(params)
            return answer
        return yes(lists) if posts else no(404, 15, "Unknown list: Main")

    create(Script(otherwise=answers))
    assert len(posts) == 1
