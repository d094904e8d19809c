"""Nobody's address, name or value in anything that a pull request or a board may see, unless asked for by name."""

from __future__ import annotations

import orjson
import pages
import plans
import pytest
from account import FakeAccount
from codehosts import CodeHosts

import reconcile as rc
from reconcile.plan import answers, explain, picking
from reconcile.plan.picking import Wanted
from reconcile.review import commenting, composing, hosts, html, markdown
from reconcile.state.engines.duckdb import DuckDB

PEOPLE = [(f"planted{at}.person@secretmail.example", f"Plantedname{at % 3}", f"Plantedville{at}") for at in range(12)]
WORDS = ("secretmail", "planted", "Planted", "sid-", "555-01")
SPEC = plans.SPEC.replace(
    "properties:\n",
    "properties:\n  name: {column: name, type: string}\n  contact: {column: contact, type: string}\n"
    "  phone: {column: phone, type: string, pii: true}\n",
).replace("vars: {city: city}", "vars: {city: city, name: name, contact: contact, phone: phone}")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> rc.Plan:
    """Newcomers, changes, a move, a twin address, a broken one, somebody who left; and one address that all share."""
    account, registry = FakeAccount(), plans.REGISTRY
    account.natural("Big Spenders")
    account.natural(registry)
    lines = ["id,email,city,spent,name,contact,phone"]
    for at, (email, name, city) in enumerate(PEOPLE):
        lines.append(f"{at},{email},{city},{at * 300},{name},planted.agent@secretmail.example,555-01{at:02}")
        if at < 8:
            address = "planted.old@secretmail.example" if at == 7 else email
            account.person(address, lists=[registry, "Big Spenders"], city=f"Plantedold{at}", customer_id=at)
    account.person("planted.gone@secretmail.example", lists=[registry], customer_id=99)
    lines += ["50,planted@twice@secretmail.example,Plantedville,1,Plantedname,,", f"51,{PEOPLE[0][0]},,1,Plantedname,,"]
    return plans.of(tmp_path_factory.mktemp("planted"), "\n".join(lines) + "\n", account, text=SPEC)


def found(told: str) -> list[str]:
    return [word for word in WORDS if word in told]


def test_no_form_shows_anybody(plan: rc.Plan) -> None:
    page = composing.page(plan)
    forms = [markdown.text(page), html.text(page), "\n".join(explain.text(explain.view(plan)))]
    forms.append(orjson.dumps(explain.as_json(explain.view(plan))).decode())
    assert [found(told) for told in forms] == [[]] * 4
    assert all("u:" in told for told in forms)
    assert "### Left out of the plan" in forms[0]
    contact = next(one for one in plan.face.vars if one.name == "contact")
    assert contact.transitions, "shared by so many that it is told, masked"


@pytest.mark.parametrize("provider", hosts.PROVIDERS)
def test_no_comment_shows_anybody(plan: rc.Plan, provider: str) -> None:
    host = hosts.of(provider, CodeHosts(url="http://127.0.0.1:1").environ(provider))
    body = commenting.body(plan, host, (commenting.Past("0" * 16, "Blocked"),))
    assert found(body) == []


def test_no_part_shows_anybody(plan: rc.Plan) -> None:
    with DuckDB() as workspace:
        picked = picking.pick(plan, Wanted(keys=(PEOPLE[1][0], PEOPLE[9][0])), plans.MASKS, workspace)
    page = composing.asked(plan, answers.asked(plan, picked))
    assert picked.count == 2
    assert found(markdown.text(page) + html.text(page)) == []
    assert pages.intruders(markdown.text(page)) == []
    assert plans.MASKS.person(PEOPLE[1][0]) in html.text(page)


def test_the_owner_sees_them_and_no_pii(plan: rc.Plan) -> None:
    page = composing.page(plan, reveal=True)
    for told in (markdown.text(page).replace(pages.GAP, ""), html.text(page)):
        assert "planted9.person" in told
        assert "Plantedville1" in told
        assert "555-01" not in told
        assert "People, as they are" in told
    assert pages.intruders(markdown.text(page)) == []
