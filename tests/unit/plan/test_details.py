"""What a reviewer asks beyond counts; and that no value is shown that tells of somebody."""

from __future__ import annotations

import plans
import pytest
from account import FakeAccount

import reconcile as rc
from reconcile.plan.model import ListFace, VarFace

SPEC = plans.SPEC.replace(
    "properties:\n",
    "properties:\n  tier: {column: tier, type: string}\n  name: {column: name, type: string}\n"
    "  agent: {column: agent, type: string}\n  phone: {column: phone, type: string, pii: true}\n",
).replace("vars: {city: city}", "vars: {city: city, tier: tier, name: name, agent: agent, phone: phone}")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> rc.Plan:
    """60 members of one list: 30 rise from silver to gold, 12 fall to nothing, 3 become something rare."""
    account, registry = FakeAccount(), plans.REGISTRY
    lines = ["id,email,city,spent,tier,name,agent,phone"]
    account.natural("Big Spenders")
    account.natural(registry)
    for at in range(60):
        tier = "gold" if at < 30 else "" if at < 42 else f"rare{at}" if at < 45 else "silver"
        city = "Rome" if at < 6 else "Oslo"
        lines.append(f"{at},p{at}@example.com,{city},{2000 if at else 1},{tier},Name{at},sam@shop.example,+1555{at:04}")
        account.person(
            f"p{at}@example.com", lists=["Big Spenders", registry], city="Oslo", tier="silver", customer_id=at
        )
    text = SPEC.replace("on_leave: unlist", "on_leave: unlist, guards: {updates: 100%}")
    return plans.of(tmp_path_factory.mktemp("details"), "\n".join(lines) + "\n", account, text=text)


def var(plan: rc.Plan, name: str) -> VarFace:
    return next(one for one in plan.face.vars if one.name == name)


def test_values_of_many_are_told_and_those_of_few_are_counted(plan: rc.Plan) -> None:
    told = [(one.old, one.new, one.count, one.small) for one in var(plan, "tier").transitions]
    assert told == [("silver", "gold", 30, 0), ("silver", None, 12, 0), (None, None, 3, 3)]


@pytest.mark.parametrize("name", ["city", "name", "phone", "customer_id"])
def test_what_could_tell_of_somebody_is_not_told(plan: rc.Plan, name: str) -> None:
    """Six people only, a value for each, `pii`, and the id of the source."""
    assert var(plan, name).transitions == ()
    assert not [word for word in ("rare", "Name1", "+1555", "Rome") if word in plan.face.model_dump_json()]


def test_an_address_that_many_share_is_masked(plan: rc.Plan) -> None:
    [one] = var(plan, "agent").transitions
    assert (one.old, one.new, one.count) == (None, plans.MASKS.person("sam@shop.example"), 60)


def test_lists_say_whose_vars_change(plan: rc.Plan) -> None:
    big: ListFace = next(one for one in plan.face.lists if one.name == "Big Spenders")
    assert (big.leave, big.change) == (1, 59)  # one leaves, and is not among those who stay
    assert big.fields == {"city": 5, "tier": 44, "name": 59, "agent": 59, "phone": 59}
