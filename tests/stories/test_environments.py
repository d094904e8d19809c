"""One spec, two accounts: staging and production side by side, told by their plans and never taken for each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from stories.test_commands import Desk
from world import REGISTRY, SPEC, shop

from reconcile.simulator import Faults, Simulator
from reconcile.simulator.server import running

ENVIRONMENTS = """\
environments:
  production: {account: {name: shop, url: URL, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}}
  staging:
    account: {name: shop-staging, url: STAGED, api_key: "{{ env('STAGED_KEY') }}", api_secret: "{{ env('SECRET') }}"}
    list_prefix: "staging: "
    variables: {big: 300}
    policy: {mode: additive}
"""


class Two(Desk):
    """The desk, with a second account."""

    def __init__(self, folder: Path, url: str, simulator: Simulator, staged: str, staging: Simulator) -> None:
        self.staging = staging
        super().__init__(folder, url, simulator)
        self.environ |= {"STAGED_KEY": "staged-key"}
        lines = SPEC.replace("spent >= 1000", "spent >= {{ var('big') }}").splitlines()
        account = next(at for at, line in enumerate(lines) if line.startswith("account:"))
        whole = [*lines[:account], *lines[account + 5 :]]  # each environment has its own
        said = ENVIRONMENTS.replace("URL", url).replace("STAGED", staged, 1)
        self.spec("\n".join(whole) + "\n" + said)
        (folder / "specs" / "vars.yaml").write_text("big: 1000\n")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    accounts = [Simulator(seed=1, faults=Faults.named("none"), keys={key: "demo-secret"}) for key in KEYS]
    with running(accounts[0]) as url, running(accounts[1]) as staged:
        yield Two(tmp_path, url, accounts[0], staged, accounts[1])


KEYS = ("demo-key", "staged-key")


def spenders(least: float) -> int:
    return sum((one.spent or 0) >= least for one in shop(30))


def test_one_spec_is_applied_to_two_accounts(two: Two) -> None:
    assert "is valid in staging" in two.run("validate", "--env", "staging").stdout
    planned = two.run("plan", "--env", "staging", "--out", "staged.rplan").stdout
    assert "for shop-staging at http" in planned
    assert "(mode additive, environment staging)" in planned
    assert "  big  300" in planned.replace("    big", "  big")
    assert two.run("show", "staged.rplan").stdout in planned
    face = json.loads(two.run("show", "staged.rplan", "--format", "json").stdout)
    assert (face["environment"], face["variables"]) == ("staging", {"big": 300})
    assert two.run("apply", "staged.rplan").returncode == 0
    assert two.simulator.account.list_names() == []
    assert sorted(two.staging.account.list_names()) == sorted(
        f"staging: {name}" for name in ("Big Spenders", "News", REGISTRY)
    )
    assert two.run("apply", "--env", "production", "--yes").returncode == 0
    assert sorted(two.simulator.account.list_names()) == ["Big Spenders", "News", REGISTRY]
    sizes = [
        sum(
            one.name.endswith("Big Spenders") for profile in account.account.profiles.values() for one in profile.joined
        )
        for account in (two.simulator, two.staging)
    ]
    assert sizes == [spenders(1000), spenders(300)]
    for env in ("production", "staging"):
        two.environ["RECONCILE_ENV"] = env
        assert two.run("plan", "--detailed-exitcode").returncode == 0
        assert "Test passed. Found 3 Sailthru lists." in two.run("check").stdout
    assert two.run("observe", "--out", "seen").returncode == 0
    del two.environ["RECONCILE_ENV"]
    foreign = two.run("plan", "--env", "production", "--observed", "seen")
    assert (foreign.returncode, "shop-staging" in foreign.stderr) == (5, True)


def test_a_plan_for_one_environment_is_not_applied_to_another(two: Two) -> None:
    two.run("plan", "--env", "staging", "--out", "staged.rplan")
    refused = two.run("apply", "staged.rplan", "--env", "production")
    assert refused.returncode == 5
    assert 'This plan was made for the environment "staging", not for "production".' in refused.stderr
    two.environ["RECONCILE_ENV"] = "production"
    assert two.run("apply", "staged.rplan").returncode == 5
    del two.environ["RECONCILE_ENV"]
    two.environ["STAGED_KEY"] = "demo-key"
    assert two.run("apply", "staged.rplan").returncode == 5
    assert two.writes() == sum(two.staging.calls_total.get((way, "user"), 0) for way in ("POST", "DELETE")) == 0


def test_the_environment_is_chosen_by_a_name_that_there_is(two: Two) -> None:
    nothing = two.run("plan")
    assert nothing.returncode == 65
    assert "the spec has no account of its own, so an environment must be chosen" in nothing.stderr
    assert "One of: --env production, --env staging." in nothing.stderr
    misspelt = two.run("plan", "--env", "stagin")
    assert (misspelt.returncode, 'Did you mean "staging"?' in misspelt.stderr) == (65, True)


def test_a_variable_on_the_command_line_comes_first(two: Two) -> None:
    planned = two.run("plan", "--env", "staging", "--var", "big=1500", "--format", "json")
    face = json.loads(planned.stdout)
    assert face["variables"] == {"big": 1500}
    assert next(one["join"] for one in face["lists"] if one["name"] == "staging: Big Spenders") == spenders(1500)
    for words, status, said in (
        (("--var", "bigg=1"), 65, 'Did you mean "big"?'),
        (("--var", "big"), 64, "'big' is no variable: --var NAME=VALUE."),
    ):
        done = two.run("plan", "--env", "staging", *words)
        assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    two.run("plan", "--env", "staging", "--out", "staged.rplan")
    told = two.run("apply", "staged.rplan", "--var", "big=1")
    assert (told.returncode, "a plan has its variables in it" in told.stderr) == (64, True)


def test_equal_plans_for_two_environments_are_two_plans(two: Two) -> None:
    text = (two.folder / "specs" / "shop.yaml").read_text()
    two.spec(text + text.partition("environments:\n")[2].splitlines()[0].replace("production", "twin") + "\n")
    ids = {
        json.loads(two.run("plan", "--env", env, "--format", "json").stdout)["plan_id"]
        for env in ("production", "twin", "production")
    }
    assert len(ids) == 2
