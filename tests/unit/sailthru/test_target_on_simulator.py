"""The target against the simulator: every line of the client under test, faults and all."""

from __future__ import annotations

import asyncio
import csv
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from unit.sailthru.scripted import MASKS, Clock

from reconcile.apply.model import Write
from reconcile.errors import CredentialsRefused
from reconcile.sailthru.model import Credentials
from reconcile.sailthru.target import Target, connect
from reconcile.simulator import Faults, Simulator
from reconcile.state.model import Ref

PEOPLE = [f"p{n}@example.com" for n in range(120)]


def run(
    sim: Simulator, folder: Path, clock: Clock, story: Callable[[Target], Awaitable[Any]], secret="demo-secret"
) -> Any:
    async def go() -> Any:
        opened = connect(
            Credentials("demo-key", secret),
            masks=MASKS,
            folder=folder,
            transport=sim.transport(),
            sleep=clock.sleep,
            clock=clock,
        )
        async with opened as target:
            return await story(target)

    return asyncio.run(go())


def rows(path: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        records = csv.reader(file)
        next(records)
        return [dict(zip(columns, record, strict=True)) for record in records]


async def a_story(target: Target) -> None:
    await target.create_list("Main")
    await asyncio.gather(*[target.create_list("Main") for _ in range(5)])
    assert [one.name for one in await target.lists()] == ["Main"]
    vars_ = {"plan": 'pro, "Zürich"\nand more', "age": 7, "gone": None}
    await asyncio.gather(*[target.upsert(Write(Ref(email=one), vars_, {"Main": True})) for one in PEOPLE])
    await target.upsert(Write(Ref(email=PEOPLE[1]), email="new@example.com"))
    await target.upsert(Write(Ref(email=PEOPLE[2]), {}, {"Main": False}))

    seen = await target.look(Ref(email=PEOPLE[0]), ["plan", "age", "gone", "never"])
    assert seen is not None
    assert seen.vars == vars_
    assert seen.lists == {"Main"}
    assert await target.look(Ref(sid=seen.sid), ()) is not None
    assert await target.look(Ref(email=PEOPLE[1]), ()) is None

    export = await target.export("Main", ["plan", "age", "never"])
    found = rows(export.path, export.columns)
    wanted = {hashlib.md5(one.encode()).hexdigest() for one in [PEOPLE[0], "new@example.com", *PEOPLE[3:]]}
    assert {row[export.hash_column] for row in found} == wanted
    assert seen.sid in {row[export.sid_column] for row in found}
    assert {row[export.var_columns["plan"]] for row in found} == {vars_["plan"]}
    assert {row[export.var_columns["age"]] for row in found} == {"7"}

    await target.delete(Ref(email=PEOPLE[3]))
    await target.delete(Ref(email="nobody@example.com"))
    await target.delete(Ref(sid="0" * 24))


def test_a_calm_day(tmp_path):
    clock = Clock()
    sim = Simulator(seed=1, clock=clock)
    run(sim, tmp_path, clock, a_story)
    assert sim.calls_total["POST", "list"] == 1
    assert clock.now - 600_000_000 < 1


@pytest.mark.parametrize("seed", range(5))
def test_the_field_report(tmp_path, seed):
    clock = Clock()
    run(Simulator(seed=seed, faults=Faults.named("field-report"), clock=clock), tmp_path, clock, a_story)


@pytest.mark.parametrize(
    "kind",
    [
        "unresolved",
        "connect-timeout",
        "read-timeout",
        "reset",
        "timeout-after-commit",
        "html",
        "error-9",
        "error-9-saved",
        "ok-with-error",
        "rate-limited",
    ],
)
def test_a_fifth_of_all_calls_fails(tmp_path, kind):
    clock = Clock()
    faults = Faults.model_validate({"calls": [{"fault": kind, "rate": 0.2}], "lists": {"twins": True}})
    sim = Simulator(seed=3, faults=faults, clock=clock)
    run(sim, tmp_path, clock, a_story)
    assert sum(sim.mischief.done.values()) > 10


def test_a_wrong_secret(tmp_path):
    clock = Clock()
    with pytest.raises(CredentialsRefused):
        run(Simulator(clock=clock), tmp_path, clock, lambda target: target.check(), secret="wrong")


def test_the_accounts_time_zone(tmp_path):
    clock = Clock()
    facts = run(Simulator(clock=clock, timezone="Europe/Zurich"), tmp_path, clock, lambda target: target.check())
    assert (facts.lists, facts.timezone) == (0, "Europe/Zurich")
